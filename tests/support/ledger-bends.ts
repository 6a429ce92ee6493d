/**
 * What can happen to a ledger's files: damage that hits bytes, lines or whole files, and histories that somebody wrote
 * anew with right hashes.
 */
import { type Arbitrary, constantFrom, integer, nat, oneof, record } from "fast-check";
import { EMPTY_HEAD, type Entry, type Head } from "../../src/records/chain.ts";
import { segmentName } from "../../src/records/segments.ts";
import { note } from "./ledger-kit.ts";
import { linesOf, type MadeLedger } from "./made-ledger.ts";

export type LedgerFiles = MadeLedger["files"];

/** One thing done to the files of a ledger; files in the order of their numbers. */
export interface Bend {
  readonly what: string;
  /** It holds new entries whose hashes are right. */
  readonly isForged: boolean;
  apply(ledger: MadeLedger): LedgerFiles;
}

const place = nat(1_000_000);

function onFile(what: string, at: number, change: (bytes: Buffer) => Buffer): Bend {
  const apply = ({ files }: MadeLedger) =>
    files.map((file, index) => (index === at % files.length ? { ...file, bytes: change(file.bytes) } : file));
  return { what, isForged: false, apply };
}

function onLines(
  what: string,
  at: number,
  change: (lines: readonly string[], index: number) => readonly string[],
): Bend {
  const apply = ({ files }: MadeLedger): LedgerFiles => {
    const counts = files.map(({ name, bytes }) => (name.endsWith(".gz") ? 0 : linesIn(bytes).length));
    let index =
      at %
      Math.max(
        1,
        counts.reduce((sum, count) => sum + count, 0),
      );
    return files.map((file, number) => {
      const count = counts[number] ?? 0;
      const isHere = index >= 0 && index < count;
      const bytes = isHere ? Buffer.from(change(linesIn(file.bytes), index).join("")) : file.bytes;
      index = isHere ? -1 : index - count;
      return { ...file, bytes };
    });
  };
  return { what, isForged: false, apply };
}

/** With their newlines; the last may have none. */
function linesIn(bytes: Buffer): readonly string[] {
  return bytes.toString("utf8").match(/.*\n|.+$/g) ?? [];
}

function cutAt(bytes: Buffer, at: number, removed: number, put: Uint8Array = Buffer.alloc(0)): Buffer {
  const from = bytes.length === 0 ? 0 : at % bytes.length;
  return Buffer.concat([bytes.subarray(0, from), put, bytes.subarray(from + removed)]);
}

const changedByte = record({ file: place, at: place, change: integer({ min: 1, max: 255 }) }).map(
  ({ file, at, change }) =>
    onFile("changed byte", file, (bytes) => {
      const copy = Buffer.from(bytes);
      if (copy.length > 0) copy[at % copy.length] = (copy[at % copy.length] ?? 0) ^ change;
      return copy;
    }),
);
const bytes = record({ file: place, at: place, removed: nat(300), filler: nat(300) }).map(
  ({ file, at, removed, filler }) =>
    onFile("bytes gone or put in", file, (all) => cutAt(all, at, removed, Buffer.alloc(filler % 3 === 0 ? filler : 0))),
);
const zeros = record({ file: place, at: place, length: integer({ min: 1, max: 600 }) }).map(({ file, at, length }) =>
  onFile("a block of zeros", file, (all) => cutAt(all, at, length, Buffer.alloc(Math.min(length, all.length)))),
);
const truncated = record({ file: place, at: place }).map(({ file, at }) =>
  onFile("truncation", file, (all) => all.subarray(0, at % (all.length + 1))),
);
const deletion = place.map((at) => onLines("deletion", at, (lines, index) => lines.toSpliced(index, 1)));
const duplicate = record({ at: place, to: place }).map(({ at, to }) =>
  onLines("duplicate", at, (lines, index) => lines.toSpliced(to % (lines.length + 1), 0, lines[index] ?? "")),
);
const swap = record({ at: place, other: place }).map(({ at, other }) =>
  onLines("swap", at, (lines, index) => {
    const to = other % lines.length;
    return lines.with(index, lines[to] ?? "").with(to, lines[index] ?? "");
  }),
);
const otherText = record({ at: place, pair: constantFrom(["a", "b"], ['"v":1', '"v":2'], ['"seq":', '"seq":1']) }).map(
  ({ at, pair: [from = "", to = ""] }) =>
    onLines("edited line", at, (lines, index) => lines.with(index, (lines[index] ?? "").replace(from, to))),
);

function onFiles(
  what: string,
  change: (files: LedgerFiles, ledger: MadeLedger) => LedgerFiles,
  isForged = false,
): Bend {
  const byNumber = (one: { readonly name: string }, other: { readonly name: string }) =>
    one.name < other.name ? -1 : 1;
  return { what, isForged, apply: (ledger) => change(ledger.files, ledger).toSorted(byNumber) };
}

const lostSegment = place.map((at) => onFiles("lost segment", (files) => files.toSpliced(at % files.length, 1)));
const copiedSegment = record({ at: place, to: integer({ min: 0, max: 3 }) }).map(({ at, to }) =>
  onFiles("copied segment", (files) => {
    const one = files[at % files.length];
    const name = segmentName(files.length + 1 + to);
    return one === undefined || one.name.endsWith(".gz") ? files : [...files, { name, bytes: one.bytes }];
  }),
);
const exchanged = record({ at: place, other: place }).map(({ at, other }) =>
  onFiles("exchanged segments", (files) => {
    const [one, two] = [files[at % files.length], files[other % files.length]];
    return files.map((file) => {
      if (one === undefined || two === undefined || (file !== one && file !== two)) return file;
      return { name: file.name, bytes: file === one ? two.bytes : one.bytes };
    });
  }),
);

/** Entries that nobody ever appended, behind one that is there, as many writes as are asked for. */
function forgedBehind(head: Head, writes: number): string {
  let text = "";
  let last = head;
  for (let index = 0; index < writes; index += 1) {
    const { lines, entries } = linesOf([[note(`forged ${index}`)]], last);
    text += lines.join("");
    last = entries.at(-1) ?? last;
  }
  return text;
}

function headBefore(entries: readonly Entry[], index: number): Head {
  return entries[index - 1] ?? EMPTY_HEAD;
}

const forkedSegment = record({ at: place, writes: integer({ min: 1, max: 4 }) }).map(({ at, writes }) =>
  onFiles(
    "fork in a new segment",
    (files, { entries }) => {
      const text = forgedBehind(headBefore(entries, at % entries.length), writes);
      return [...files, { name: segmentName(files.length + 1), bytes: Buffer.from(text) }];
    },
    true,
  ),
);
const forkedLine = record({ at: place, writes: integer({ min: 1, max: 2 }), replaces: constantFrom(0, 1) }).map(
  ({ at, writes, replaces }) => ({
    ...onLines("fork in place", at, (lines, index) => {
      const before = index === 0 ? undefined : headOf(lines[index - 1] ?? "");
      return lines.toSpliced(index, replaces, forgedBehind(before ?? EMPTY_HEAD, writes));
    }),
    isForged: true,
  }),
);

function headOf(line: string): Head | undefined {
  const [hash, seq] = [/"hash":"([0-9a-f]{64})"\}\n$/.exec(line)?.[1], /"seq":(\d+),/.exec(line)?.[1]];
  return hash === undefined || seq === undefined ? undefined : { hash, seq: Number(seq) };
}

/** All of it in one segment, with other entries from some place on; the first entries stay as they are. */
const rewritten = record({ keep: place, writes: integer({ min: 1, max: 9 }) }).map(({ keep, writes }) =>
  onFiles("rewrite", (_files, { entries }) => rewriteOf(entries, keep % (entries.length + 1), writes), true),
);

function rewriteOf(entries: readonly Entry[], keep: number, writes: number): LedgerFiles {
  let head: Head = EMPTY_HEAD;
  let text = "";
  for (const entry of entries.slice(0, keep)) {
    const { lines, entries: made } = linesOf([[note(`kept ${entry.seq}`)]], head);
    text += lines.join("");
    head = made[0] ?? head;
  }
  return [{ name: segmentName(1), bytes: Buffer.from(text + forgedBehind(head, writes)) }];
}

/** Any one of them. */
export const bends: Arbitrary<Bend> = oneof(
  changedByte,
  bytes,
  zeros,
  truncated,
  deletion,
  duplicate,
  swap,
  otherText,
  lostSegment,
  copiedSegment,
  exchanged,
  forkedSegment,
  forkedLine,
  rewritten,
);
