/**
 * Who may sign orders: the lines of the base's allowed_signers that a person accepted and that are still there. A line
 * that goes counts at once; a new one, or an old one in other words, once it is accepted.
 */
import { join } from "node:path";
import type { Problem } from "../orders/problems.ts";
import type { Files } from "../platform/files.ts";
import type { Facts } from "../records/facts.ts";
import type { Vault } from "../records/vault.ts";

const SIGNERS_BYTES_MAX = 1024 * 1024;
const SHOWN = 5;

export interface SignersInEffect {
  /** For ssh-keygen. */
  readonly text: string;
  readonly pending: readonly string[];
  readonly problems: readonly Problem[];
}

/** Where a base keeps its allowed signers. */
export function signersPath(base: string): string {
  return join(base, "allowed_signers");
}

/** The tree's file; `bytes` undefined: there is none, or (then `problems`) none that can be read. */
export function readSigners(
  files: Files,
  path: string,
): { readonly bytes: Buffer | undefined; readonly problems: readonly Problem[] } {
  const reading = files.peek(path, SIGNERS_BYTES_MAX);
  if (reading.kind === "file") return { bytes: reading.bytes, problems: [] };
  if (reading.kind === "absent") return { bytes: undefined, problems: [] };
  const message = `${path} is no file that can be read: ${reading.kind}`;
  return { bytes: undefined, problems: [{ code: "no_file", message }] };
}

/** What is in effect now. Where a configuration was accepted and no signers with it, nobody may sign. */
export function signersInEffect(files: Files, vault: Vault, facts: Facts, path: string): SignersInEffect {
  const { bytes, problems } = readSigners(files, path);
  const wanted = bytes?.toString("utf8");
  if (facts.config === undefined) return { text: wanted ?? "", pending: [], problems };
  const accepted = facts.signers === undefined ? "" : vault.load(facts.signers.content).toString("utf8");
  if (wanted === undefined) return { text: accepted, pending: [], problems };
  return { ...holdSigners(accepted, wanted), problems };
}

/** The tree's lines, held to the accepted ones. */
export function holdSigners(accepted: string, wanted: string): Pick<SignersInEffect, "text" | "pending"> {
  const [known, asked] = [linesOf(accepted), linesOf(wanted)];
  const kept = known.filter((line) => asked.includes(line));
  const added = asked.filter((line) => !known.includes(line));
  return { text: kept.map((line) => `${line}\n`).join(""), pending: added.length === 0 ? [] : [pendingText(added)] };
}

function linesOf(text: string): readonly string[] {
  const lines = text.split("\n").map((line) => line.trim());
  return [...new Set(lines)].filter((line) => line !== "" && !line.startsWith("#"));
}

function pendingText(added: readonly string[]): string {
  const who = added.slice(0, SHOWN).map((line) => line.replace(/\s.*$/s, "").replaceAll(/\p{C}/gu, "?").slice(0, 100));
  const more = added.length > SHOWN ? ` and ${added.length - SHOWN} more` : "";
  return `allowed_signers: + ${who.join(", ")}${more}`;
}
