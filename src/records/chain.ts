/**
 * The ledger's lines. A line is an entry as canonical JSON (RFC 8785), its `hash` put in at the end: the SHA-256 of the
 * same text without it. Each entry holds the hash of the one before it, so that no line can be changed, lost, doubled
 * or moved without the next one telling. Pure.
 */
import canonicalize from "canonicalize";
import { assert } from "../platform/errors.ts";
import { sha256 } from "../platform/ids.ts";
import { isRecord, parseJson } from "../platform/result.ts";
import type { Event } from "./events.ts";

/** Before the first entry. */
export const NO_HASH = "0".repeat(64);

/** What every entry carries beside its event. */
export interface Envelope {
  readonly v: 1;
  /** From 1, without gaps but those that `ledger_repaired` names. */
  readonly seq: number;
  /** The first seq of the write that this entry was part of. */
  readonly group: number;
  readonly ts: string;
  readonly prev: string;
  readonly hash: string;
}

export type Entry = Event & Envelope;

/** The end of the chain so far. */
export interface Head {
  readonly seq: number;
  readonly hash: string;
}

export const EMPTY_HEAD: Head = { seq: 0, hash: NO_HASH };

export interface Placed {
  readonly seq: number;
  readonly group: number;
  readonly ts: string;
  readonly prev: string;
}

const SUFFIX_LENGTH = ',"hash":""}'.length + 64;
const SUFFIX = /^,"hash":"([0-9a-f]{64})"\}$/;

/** The event as a line (without newline) and as the entry that reading the line gives back. */
export function encode(event: Event, placed: Placed): { readonly line: string; readonly entry: Entry } {
  const unsealed = { ...event, v: 1 as const, ...placed };
  const body = canonicalText(unsealed);
  const hash = sha256(body);
  return { line: `${body.slice(0, -1)},"hash":"${hash}"}`, entry: { ...unsealed, hash } };
}

/**
 * The same text as the package's, for values that hold nothing but JSON: sorted keys, and JSON.stringify does the rest
 * natively (measured: a quarter of the time; a property test holds it to the package). Lone surrogates throw there too.
 */
export function canonicalText(value: Readonly<Record<string, unknown>>): string {
  const text = JSON.stringify(value, sortKeys);
  assert(!text.includes("\\ud") || isWellFormed(value), "an event holds no lone surrogates");
  return text;
}

function sortKeys(_key: string, value: unknown): unknown {
  if (!isRecord(value)) return value;
  const sorted: Record<string, unknown> = {};
  for (const key of Object.keys(value).toSorted()) sorted[key] = value[key];
  return sorted;
}

/** JSON.stringify writes a lone surrogate as an escape, and a text may hold such an escape as its own words. */
function isWellFormed(value: unknown): boolean {
  if (typeof value === "string") return value.isWellFormed();
  if (typeof value !== "object" || value === null) return true;
  return Object.entries(value).every(([key, inner]) => key.isWellFormed() && isWellFormed(inner));
}

/** The entry in a line whose own hash is right; undefined for any other line. Does not look at its neighbours. */
export function decode(line: string): Entry | undefined {
  const value = parseJson(line);
  if (!isEntry(value)) return undefined;
  return hashOf(line, value) === value.hash ? value : undefined;
}

/** True when the entry may stand behind the head. */
export function follows(entry: Entry, head: Head): boolean {
  if (entry.prev !== head.hash) return false;
  if (entry.event === "ledger_repaired") return entry.seq === entry.lost_to + 1 && entry.lost_from === head.seq + 1;
  return entry.seq === head.seq + 1;
}

function hashOf(line: string, entry: Entry): string | undefined {
  const suffix = SUFFIX.exec(line.slice(-SUFFIX_LENGTH));
  if (suffix !== null) return sha256(`${line.slice(0, -SUFFIX_LENGTH)}}`);
  // Not as we write it: some tool went over the file. What is hashed is the canonical text, however it is spelled.
  const { hash: _hash, ...unsealed } = entry;
  const body = canonicalize(unsealed);
  return body === undefined ? undefined : sha256(body);
}

/** Shape of the envelope only: what is in a sealed entry was checked when it was written. */
function isEntry(value: unknown): value is Entry {
  return (
    isRecord(value) &&
    value["v"] === 1 &&
    typeof value["event"] === "string" &&
    typeof value["seq"] === "number" &&
    typeof value["group"] === "number" &&
    typeof value["ts"] === "string" &&
    typeof value["prev"] === "string" &&
    typeof value["hash"] === "string"
  );
}
