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
  for (const name of segments) {
    const lines = linesOf(remains.read(join(folder, name)), name);
    const sound = lines.map(decode);
    const torn = sound.indexOf(undefined);
    const good = sound.slice(0, torn === -1 ? sound.length : torn).flatMap((entry) => entry ?? []);
    const [first] = good;
    const tornGroup = good.at(-1)?.group ?? 0;
    const later = torn === -1 ? [] : sound.slice(torn).flatMap((entry) => entry ?? []);
    if (later.some(({ group }) => group > tornGroup && group > (good.at(-1)?.seq ?? 0) + 1))
      faults.push(`${name}: line ${torn + 1} is bad, and sound ones of later groups follow`);
    if (first !== undefined) {
      const from = first["event"] === "ledger_repaired" ? Number(first["lost_from"]) : first.seq;
      entries = [...entries.filter(({ seq }) => seq < from), ...good];
    }
  }
  return { entries, faults: [...faults, ...linkFaults(entries)] };
}

function linkFaults(entries: readonly Entry[]): string[] {
  const faults: string[] = [];
  let [seq, hash] = [0, NO_HASH];
  for (const entry of entries) {
    const expected = entry.event === "ledger_repaired" ? Number(entry["lost_to"]) + 1 : seq + 1;
    if (entry.seq !== expected) faults.push(`entry ${entry.seq} stands behind entry ${seq}`);
    if (entry.prev !== hash) faults.push(`entry ${entry.seq} does not hold the hash of the one before it`);
    [seq, hash] = [entry.seq, entry.hash];
  }
  return faults;
}

/** Whole lines only: what has no newline was never written to its end. */
function linesOf(bytes: Buffer | undefined, name: string): string[] {
  if (bytes === undefined) return [];
  const text = (name.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("utf8");
  return text.split("\n").slice(0, -1);
}

/** The entry of a line whose own hash is right. */
function decode(line: string): Entry | undefined {
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
