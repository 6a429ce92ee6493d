/**
 * The ledger, read by a reader of its own: what the product's reader believes is held against this one. A segment takes
 * over from the seq of its first line; only the end of the last group may be torn.
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import type { Remains } from "./remains.ts";

export interface Entry {
  readonly seq: number;
  readonly group: number;
  readonly event: string;
  readonly wo_id?: string;
  readonly prev: string;
  readonly hash: string;
  readonly [field: string]: unknown;
}

export interface Chain {
  readonly entries: readonly Entry[];
  /** What is wrong with it, as sentences. */
  readonly faults: readonly string[];
}

const NO_HASH = "0".repeat(64);
const SEAL = /,"hash":"([0-9a-f]{64})"\}$/;

/** All of the chain, from the first segment on. */
export function readChain(remains: Remains): Chain {
  const folder = join(remains.vault, "ledger");
  const names = remains
    .list(folder)
    .map(({ name }) => name)
    .filter((name) => /^\d+\.jsonl(?:\.gz)?$/.test(name));
  const segments = names.filter((name) => !name.endsWith(".gz") || !names.includes(name.slice(0, -3)));
  const faults: string[] = [];
  let entries: Entry[] = [];
  let newest = 0;
  // Bad lines with sound ones behind them, by the seq that should stand there, until another segment takes over.
  let gaps: { readonly seq: number; readonly text: string }[] = [];
  for (const name of segments) {
    const { lines, rest } = linesOf(plainBytes(remains.read(join(folder, name)), name));
    const sound = lines.map(decode);
    for (const entry of sound) newest = Math.max(newest, entry?.group ?? 0);
    const [first] = sound;
    if (first !== undefined) {
      const from = first.event === "ledger_repaired" ? Number(first["lost_from"]) : first.seq;
      gaps = gaps.filter(({ seq }) => seq < from);
      if (first.event !== "ledger_repaired")
        faults.push(...takenOver(entries.slice(entries.findLastIndex(({ seq }) => seq < from) + 1), sound, name));
      entries = entries.filter(({ seq }) => seq < from);
    }
    let torn = 0;
    for (let entry = sound[0]; links(entries.at(-1), entry); entry = sound[torn]) {
      entries.push(entry);
      torn += 1;
    }
    const later = [...lines.slice(torn), rest].flatMap(soundIn);
    const next = (entries.at(-1)?.seq ?? 0) + 1;
    if (sound[torn] !== undefined || !isOneWrite(entries, later))
      gaps.push({ seq: next, text: `${name}: line ${torn + 1} is bad, and sound ones of other writes follow` });
  }
  const whole = entries.findLastIndex((entry) => entry["more"] === undefined);
  const end = entries[whole]?.seq ?? 0;
  if (newest > end + 1) faults.push(`the chain ends at entry ${end}, and there are entries of write ${newest}`);
  return {
    entries: entries.slice(0, whole + 1),
    faults: [...faults, ...gaps.map(({ text }) => text)],
  };
}

/** A crash tears one write. It is the one whose end is missing, or the last one, or the one behind it. */
function isOneWrite(entries: readonly Entry[], later: readonly Entry[]): boolean {
  const [whole, last] = [entries.findLast((entry) => entry["more"] === undefined), entries.at(-1)];
  const groups = new Set([...(last === undefined || last === whole ? [] : [last]), ...later].map(({ group }) => group));
  const [one] = groups;
  return groups.size < 2 && (one === undefined || one === whole?.group || one === (whole?.seq ?? 0) + 1);
}

/** An opening repeats the last write, all of it that was whole: nothing that stood there may be missing in it. */
function takenOver(set: readonly Entry[], held: readonly (Entry | undefined)[], name: string): string[] {
  const last = set.findLast((entry) => entry["more"] === undefined);
  if (last === undefined || held.some((entry) => entry?.hash === last.hash)) return [];
  return [`${name} takes over, and lacks entry ${last.seq}`];
}

/** True for an entry that holds the hash of the one before it, and its seq or the gap behind it. */
function links(before: Entry | undefined, entry: Entry | undefined): entry is Entry {
  if (entry === undefined || entry.prev !== (before?.hash ?? NO_HASH)) return false;
  const next = (before?.seq ?? 0) + 1;
  if (entry.event !== "ledger_repaired") return entry.seq === next;
  return entry["lost_from"] === next && entry.seq === Number(entry["lost_to"]) + 1;
}

/** Undefined when it is damaged. */
function plainBytes(bytes: Buffer | undefined, name: string): Buffer | undefined {
  if (bytes === undefined || !name.endsWith(".gz")) return bytes;
  try {
    return gunzipSync(bytes);
  } catch {
    // What it held is missing then, and the next segment does not link.
    return undefined;
  }
}

/** The whole lines, a character for each byte, and the rest: what has no newline was never written to its end. */
function linesOf(bytes: Buffer | undefined): { readonly lines: readonly string[]; readonly rest: string } {
  const lines = (bytes ?? Buffer.alloc(0)).toString("latin1").split("\n");
  return { rest: lines.pop() ?? "", lines };
}

/** Nothing for bytes that are no UTF-8: as text they would be what they are not. */
function textOf(latin1: string): string {
  const bytes = Buffer.from(latin1, "latin1");
  const text = bytes.toString("utf8");
  return Buffer.from(text).equals(bytes) ? text : "";
}

/** What is sound but for the newlines around it does not count, and tells of which write it is. */
function soundIn(line: string): Entry[] {
  const pieces = line.split(/(?<="hash":"[0-9a-f]{64}"\})/);
  return pieces.flatMap((piece) => decode(piece.slice(piece.indexOf("{"))) ?? []);
}

/** The entry of a line whose own hash is right. */
function decode(latin1: string): Entry | undefined {
  const line = textOf(latin1);
  const hash = SEAL.exec(line)?.[1];
  if (hash === undefined) return undefined;
  const body = `${line.slice(0, -(hash.length + ',"hash":""}'.length))}}`;
  if (createHash("sha256").update(body).digest("hex") !== hash) return undefined;
  const value: unknown = JSON.parse(line);
  return isEntry(value) ? value : undefined;
}

function isEntry(value: unknown): value is Entry {
  return typeof value === "object" && value !== null && "seq" in value && "event" in value && "group" in value;
}
