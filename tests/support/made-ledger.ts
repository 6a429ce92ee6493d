/**
 * Whole ledgers as a life of appends, rolls, crashes, openings and repairs leaves them, made in memory: what the fuzz
 * bends. Made by the product's encoder and by the rules of docs/states.md, not by its writer: that has tests of its own.
 */

import { gzipSync } from "node:zlib";
import { type Arbitrary, array, constantFrom, integer, nat, oneof, record, string, toStringMethod } from "fast-check";
import { EMPTY_HEAD, type Entry, encode, type Head } from "../../src/records/chain.ts";
import type { Event } from "../../src/records/events.ts";
import { segmentName } from "../../src/records/segments.ts";
import { note } from "./ledger-kit.ts";

const TS = "2026-01-05T00:00:00.000Z";

/** One thing that happened to the ledger. */
export type Deed =
  | { readonly kind: "write"; readonly appends: readonly (readonly string[])[] }
  | { readonly kind: "roll" }
  /** An opening; what the crash before it left of a write that nobody was told of. */
  | { readonly kind: "opening"; readonly torn: readonly (readonly string[])[]; readonly cut: number }
  | { readonly kind: "repair"; readonly lost: number };

/** A ledger's files and what they say. */
export interface MadeLedger {
  /** In the order of their numbers. */
  readonly files: readonly { readonly name: string; readonly bytes: Buffer }[];
  /** What reading it has to give. */
  readonly entries: readonly Entry[];
  /** Entries before the last write: what is behind them may be torn. */
  readonly settled: number;
  /** For people who look at a case that failed. */
  readonly [toStringMethod]: () => string;
}

const name = oneof(
  { weight: 9, arbitrary: constantFrom("a", "b", "ä\uFFFD", 'x","hash":"', "line\nbreak") },
  { weight: 1, arbitrary: string({ maxLength: 6 }) },
);
const appends = array(array(name, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 3 });
const write: Arbitrary<Deed> = appends.map((words) => ({ kind: "write", appends: words }));
const deed: Arbitrary<Deed> = oneof(
  { weight: 5, arbitrary: write },
  { weight: 1, arbitrary: constantFrom<Deed>({ kind: "roll" }) },
  {
    weight: 2,
    arbitrary: record({ torn: oneof(constantFrom([]), appends), cut: nat(2000) }).map(
      (crash): Deed => ({ kind: "opening", ...crash }),
    ),
  },
  { weight: 1, arbitrary: integer({ min: 1, max: 3 }).map((lost): Deed => ({ kind: "repair", lost })) },
);

/** Ledgers of a few segments. */
export const madeLedgers: Arbitrary<MadeLedger> = record({
  deeds: array(deed, { minLength: 1, maxLength: 6 }),
  last: write,
  compressed: nat(2),
}).map(({ deeds, last, compressed }) => {
  const maker = new Maker();
  for (const one of [...deeds, last]) maker.does(one);
  return maker.made(compressed);
});

class Maker {
  readonly #segments: string[] = [""];
  #entries: Entry[] = [];
  #head: Head = EMPTY_HEAD;
  /** The last write, as lines with their newlines. */
  #tail = "";
  #settled = 0;

  does(deed: Deed): void {
    switch (deed.kind) {
      case "write":
        return this.#write(deed.appends.map((words) => words.map(note)));
      case "roll":
        this.#segments.push("");
        return;
      case "opening":
        return this.#open(deed.torn, deed.cut);
      case "repair":
        return this.#repair(deed.lost);
    }
  }

  made(compressed: number): MadeLedger {
    const files = this.#segments.map((text, index) => {
      const plain = Buffer.from(text);
      const zips = index < Math.min(compressed, this.#segments.length - 1);
      return {
        name: `${segmentName(index + 1)}${zips ? ".gz" : ""}`,
        bytes: zips ? gzipSync(plain, { level: 1 }) : plain,
      };
    });
    const picture = { segments: this.#segments, compressed, settled: this.#settled };
    const told = () => JSON.stringify(picture, undefined, 1).replaceAll(/\\"|[0-9a-f]{57}(?=[0-9a-f]{7})/g, "");
    return { files, entries: this.#entries, settled: this.#settled, [toStringMethod]: told };
  }

  #write(appended: readonly (readonly Event[])[]): void {
    const { lines, entries } = linesOf(appended, this.#head);
    this.#add(lines.join(""));
    this.#settled = this.#entries.length;
    this.#count(lines, entries);
  }

  #add(text: string): void {
    this.#segments.push(`${this.#segments.pop() ?? ""}${text}`);
  }

  #count(lines: readonly string[], entries: readonly Entry[]): void {
    this.#tail = lines.join("");
    this.#entries.push(...entries);
    this.#head = entries.at(-1) ?? this.#head;
  }

  /** What is torn of a write may be everything but its last byte; whole appends of it count from now on. */
  #open(torn: readonly (readonly string[])[], cut: number): void {
    const { lines, entries } = linesOf(
      torn.map((words) => words.map(note)),
      this.#head,
    );
    const bytes = Buffer.from(lines.join(""));
    const left = bytes.subarray(0, bytes.length === 0 ? 0 : cut % bytes.length);
    // Text again: half a character is as torn as half a line.
    this.#add(left.toString("utf8"));
    const whole = left.toString("utf8").split("\n").length - 1;
    const end = entries.findLastIndex((entry, index) => index < whole && entry.more === undefined);
    if (end >= 0) {
      this.#settled = this.#entries.length;
      this.#count(lines.slice(0, end + 1), entries.slice(0, end + 1));
    }
    this.#segments.push(this.#tail);
    if (left.length > 0) this.#write([[{ event: "ledger_tail_truncated", segment: "x", at_byte: 1, lost_bytes: 1 }]]);
  }

  /** A bad line with sound writes behind it that are lost by a repair. */
  #repair(lost: number): void {
    const writes = Array.from({ length: lost + 1 }, (_, index) => [note(`lost ${index}`)]);
    let head = this.#head;
    for (const [index, one] of writes.entries()) {
      const { lines, entries } = linesOf([one], head);
      this.#add(index === 0 ? lines.join("").replace("lost", "LOST") : lines.join(""));
      head = entries[0] ?? head;
    }
    const repaired: Event = {
      event: "ledger_repaired",
      segment: "x",
      sha256: "",
      lost_from: this.#head.seq + 1,
      lost_to: head.seq,
      by: "me",
    };
    this.#segments.push("");
    const { line, entry } = encode(repaired, { seq: head.seq + 1, group: head.seq + 1, ts: TS, prev: this.#head.hash });
    this.#add(`${line}\n`);
    this.#settled = this.#entries.length;
    this.#count([`${line}\n`], [entry]);
  }
}

/** Appends as one write behind a head. */
export function linesOf(
  appends: readonly (readonly Event[])[],
  before: Head,
): { readonly lines: readonly string[]; readonly entries: readonly Entry[] } {
  const group = before.seq + 1;
  const [lines, entries]: [string[], Entry[]] = [[], []];
  let head = before;
  for (const events of appends) {
    for (const [index, event] of events.entries()) {
      const more = events.length - 1 - index;
      const placed = { seq: head.seq + 1, group, ts: TS, prev: head.hash, ...(more === 0 ? {} : { more }) };
      const { line, entry } = encode(event, placed);
      lines.push(`${line}\n`);
      entries.push(entry);
      head = entry;
    }
  }
  return { lines, entries };
}
