/**
 * The ledger's files and how they add up to one chain. Each opening for writing starts a new segment that begins by
 * repeating the last group of the one before: bytes that were read after a crash may never have reached the medium, so
 * they are written again before anything rests on them. Nothing is ever cut out of a file: **a segment takes over from
 * the seq of its first line**, and what earlier segments hold from there on counts no more.
 */
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import type { Files } from "../platform/files.ts";
import { ReadFile } from "../platform/read-file.ts";
import { decode, type Entry } from "./chain.ts";

const NAME = /^(\d{6,})\.jsonl(?:\.gz)?$/;
const READ_BYTES = 1024 * 1024;
const FIRST_READ_BYTES = 8 * 1024;

/** Where a line begins. */
export interface Position {
  readonly segment: number;
  readonly offset: number;
}

export interface Segment {
  readonly number: number;
  readonly name: string;
  readonly compressed: boolean;
}

/** `000042.jsonl` */
export function segmentName(number: number): string {
  return `${String(number).padStart(6, "0")}.jsonl`;
}

/** The segments of a ledger folder in order; a compressed one counts once, also while its plain file is still there. */
export function listSegments(files: Files, folder: string): Segment[] {
  const found = new Map<number, Segment>();
  for (const { name, kind } of files.list(folder) ?? []) {
    const number = Number(NAME.exec(name)?.[1] ?? Number.NaN);
    if (kind !== "file" || Number.isNaN(number)) continue;
    const compressed = name.endsWith(".gz");
    if (!compressed || !found.has(number)) found.set(number, { number, name, compressed });
  }
  return [...found.values()].toSorted((a, b) => a.number - b.number);
}

export interface Line {
  readonly text: string;
  readonly offset: number;
  /** Offset behind the line and its newline. */
  readonly end: number;
  /** Its newline is there. */
  readonly whole: boolean;
}

/**
 * The lines of a segment from `offset` on, read in pieces. Nothing when the segment is gone; one line that is not whole
 * when it is compressed and cannot be unpacked.
 */
export function* readLines(
  files: Files,
  folder: string,
  segment: Segment,
  { offset = 0, chunkBytes = READ_BYTES } = {},
): Generator<Line> {
  const path = join(folder, segment.name);
  if (segment.compressed) {
    const bytes = files.read(path);
    if (bytes === undefined) return;
    const plain = unzip(bytes);
    if (plain === undefined) yield { text: "", offset, end: offset + bytes.length, whole: false };
    else yield* splitLines([plain.subarray(offset)], offset);
    return;
  }
  if (files.info(path) === undefined) return;
  const file = new ReadFile(files.disk, path);
  try {
    yield* splitLines(readChunks(file, offset, chunkBytes), offset);
  } finally {
    file.close();
  }
}

/** Undefined when it is damaged: what would come out is not what went in. */
function unzip(bytes: Buffer): Buffer | undefined {
  try {
    return gunzipSync(bytes);
  } catch {
    // Whatever zlib has to say of it: no line of it is sound, and whoever reads the chain tells where it is broken.
    return undefined;
  }
}

function* readChunks(file: ReadFile, offset: number, chunkBytes: number): Generator<Buffer> {
  for (let at = offset; ; ) {
    const chunk = file.range(at, chunkBytes);
    if (chunk.length === 0) return;
    at += chunk.length;
    yield chunk;
  }
}

/** Bytes that are no UTF-8 become other text, silently: such a line is not whole. */
function textOf(bytes: Buffer): { readonly text: string; readonly whole: boolean } {
  const text = bytes.toString("utf8");
  return { text, whole: !text.includes("\uFFFD") || Buffer.from(text).equals(bytes) };
}

function* splitLines(chunks: Iterable<Buffer>, offset: number): Generator<Line> {
  let pending: Buffer[] = [];
  let start = offset;
  for (const chunk of chunks) {
    let from = 0;
    for (let newline = chunk.indexOf(10); newline !== -1; newline = chunk.indexOf(10, from)) {
      const piece = chunk.subarray(from, newline);
      const bytes = pending.length === 0 ? piece : Buffer.concat([...pending, piece]);
      pending = [];
      const end = start + bytes.length + 1;
      yield { ...textOf(bytes), offset: start, end };
      start = end;
      from = newline + 1;
    }
    if (from < chunk.length) pending.push(chunk.subarray(from));
  }
  const rest = Buffer.concat(pending);
  if (rest.length > 0) yield { text: rest.toString("utf8"), offset: start, end: start + rest.length, whole: false };
}

/** The entry at a position; undefined when no sound and whole line begins there. */
export function readEntryAt(files: Files, folder: string, position: Position): Entry | undefined {
  for (const line of firstLines(files, folder, position)) return line.whole ? decode(line.text) : undefined;
  return undefined;
}

/** The sound entries from a position to the end of its segment. */
export function* readEntriesAt(files: Files, folder: string, position: Position): Generator<Entry> {
  for (const line of firstLines(files, folder, position)) {
    const entry = line.whole ? decode(line.text) : undefined;
    if (entry !== undefined) yield entry;
  }
}

/** Where a segment begins to count instead of those before it. */
export interface Takeover {
  /** The seq from which on it counts. */
  readonly from: number;
  /** It names a gap: what stands in it is lost on purpose. */
  readonly isRepair: boolean;
  /** Of the segment. */
  readonly number: number;
  readonly name: string;
}

/** From where a segment takes over; undefined while it holds no sound first line. */
export function takeoverOf(files: Files, folder: string, { number, name }: Segment): Takeover | undefined {
  const first = readEntryAt(files, folder, { segment: number, offset: 0 });
  if (first === undefined) return undefined;
  const isRepair = first.event === "ledger_repaired";
  return { from: isRepair ? first.lost_from : first.seq, isRepair, number, name };
}

function firstLines(files: Files, folder: string, position: Position): Generator<Line> {
  const name = segmentName(position.segment);
  const compressed = files.info(join(folder, name)) === undefined;
  const segment = { number: position.segment, name: compressed ? `${name}.gz` : name, compressed };
  return readLines(files, folder, segment, { offset: position.offset, chunkBytes: FIRST_READ_BYTES });
}
