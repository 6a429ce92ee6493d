/** Reading the ledger's chain: from a place that is trusted to its end, checking every line on the way. */
import { join } from "node:path";
import type { Files } from "../platform/files.ts";
import { err, ok, type Result } from "../platform/result.ts";
import { decode, EMPTY_HEAD, type Entry, follows, type Head } from "./chain.ts";
import {
  type Line,
  listSegments,
  type Position,
  readLines,
  type Segment,
  segmentName,
  takesOverFrom,
} from "./segments.ts";

/** An entry and where its line begins. */
export interface Recorded {
  readonly entry: Entry;
  readonly position: Position;
}

/** Where reading begins: behind `head`, at the first line of a group. */
export interface ChainStart {
  readonly head: Head;
  readonly position: Position;
}

export const CHAIN_BEGIN: ChainStart = { head: EMPTY_HEAD, position: { segment: 1, offset: 0 } };

/** Bytes at the end that are no whole lines: a crash came before they were synced, so nobody was told of them. */
export interface TornTail {
  readonly segment: string;
  readonly atByte: number;
  readonly lostBytes: number;
}

export interface ChainEnd {
  readonly head: Head;
  /** The last group again, as text, and where reading may begin next time. */
  readonly tail: { readonly lines: readonly string[]; readonly start: ChainStart };
  readonly torn: TornTail | undefined;
  /** The highest segment number that is taken. */
  readonly lastSegment: number;
}

/** A line that cannot be read, with sound ones behind it: no crash does that. */
export interface Damage {
  readonly segment: string;
  readonly atByte: number;
  /** The seq that should have stood there. */
  readonly seq: number;
  /** The highest seq that is still readable behind it. */
  readonly readableTo: number;
  readonly reason: string;
}

/** Reads on from `start`, telling `onEntry` every entry that counts, in order. */
export function readChain(
  files: Files,
  folder: string,
  start: ChainStart,
  onEntry: (recorded: Recorded) => void,
): Result<ChainEnd, Damage> {
  const segments = listSegments(files, folder).filter(({ number }) => number >= start.position.segment);
  const reader = new ChainReader(files, folder, start, onEntry);
  const takeovers = segments.map((segment, index) => (index === 0 ? undefined : takesOverFrom(files, folder, segment)));
  for (const [index, segment] of segments.entries()) {
    const later = takeovers.slice(index + 1).filter((seq) => seq !== undefined);
    const offset = segment.number === start.position.segment ? start.position.offset : 0;
    const damage = reader.readSegment(segment, offset, Math.min(Number.POSITIVE_INFINITY, ...later));
    if (damage !== undefined) return err(damage);
  }
  return ok(reader.end(segments.at(-1)?.number ?? start.position.segment - 1));
}

class ChainReader {
  readonly #files: Files;
  readonly #folder: string;
  readonly #onEntry: (recorded: Recorded) => void;
  #head: Head;
  #tailStart: ChainStart;
  #tailGroup = 0;
  #tailLines: string[] = [];
  #torn: TornTail | undefined;

  constructor(files: Files, folder: string, start: ChainStart, onEntry: (recorded: Recorded) => void) {
    this.#files = files;
    this.#folder = folder;
    this.#onEntry = onEntry;
    this.#head = start.head;
    this.#tailStart = start;
  }

  /** Reads one segment up to the seq from which a later one takes over. */
  readSegment(segment: Segment, offset: number, until: number): Damage | undefined {
    for (const line of readLines(this.#files, this.#folder, segment, { offset })) {
      // What a later segment repeats counts there: here it may be torn or damaged.
      if (this.#head.seq + 1 >= until) return undefined;
      const entry = line.whole ? decode(line.text) : undefined;
      if (entry === undefined || !follows(entry, this.#head)) return this.#judge(segment, line, entry);
      this.#take(entry, line, segment);
    }
    return undefined;
  }

  end(lastSegment: number): ChainEnd {
    return {
      head: this.#head,
      tail: { lines: this.#tailLines, start: this.#tailStart },
      torn: this.#torn,
      lastSegment,
    };
  }

  #take(entry: Entry, line: Line, segment: Segment): void {
    const position = { segment: segment.number, offset: line.offset };
    if (entry.group !== this.#tailGroup) {
      this.#tailGroup = entry.group;
      this.#tailLines = [];
      this.#tailStart = { head: this.#head, position };
    }
    this.#tailLines.push(line.text);
    this.#head = entry;
    this.#onEntry({ entry, position });
  }

  /** A bad line ends the chain when nothing of a later group stands behind it; otherwise it is damage. */
  #judge(segment: Segment, bad: Line, entry: Entry | undefined): Damage | undefined {
    const seq = this.#head.seq + 1;
    const name = segmentName(segment.number);
    let readableTo = 0;
    let endByte = bad.end;
    for (const line of readLines(this.#files, this.#folder, segment, { offset: bad.offset })) {
      endByte = line.end;
      for (const entry of entriesIn(line)) if (entry.group > seq) readableTo = Math.max(readableTo, entry.seq);
    }
    if (readableTo > 0 || this.#isFollowed(segment, seq)) {
      const reason =
        entry === undefined
          ? "the line's own hash does not fit"
          : `entry ${entry.seq} does not follow entry ${this.#head.seq}`;
      return { segment: name, atByte: bad.offset, seq, readableTo: Math.max(readableTo, seq), reason };
    }
    this.#torn = { segment: name, atByte: bad.offset, lostBytes: endByte - bad.offset };
    return undefined;
  }

  /** True when a later segment holds sound lines that would come behind the bad one. */
  #isFollowed(segment: Segment, seq: number): boolean {
    const later = listSegments(this.#files, this.#folder).filter(({ number }) => number > segment.number);
    return later.some((next) => (takesOverFrom(this.#files, this.#folder, next) ?? 0) > seq);
  }
}

/** All that is sound in a line, also where the newline between two of them was damaged. */
function entriesIn({ text, whole }: Line): readonly Entry[] {
  const entry = whole ? decode(text) : undefined;
  if (entry !== undefined) return [entry];
  const pieces = text.split(/(?<="hash":"[0-9a-f]{64}"\})/);
  return pieces.flatMap((piece) => decode(piece.slice(piece.indexOf("{"))) ?? []);
}

/** The entries behind `seq`, in order, each once. For views that catch up; damage ends it early. */
export function* readEntriesAfter(files: Files, folder: string, seq: number): Generator<Entry> {
  const segments = listSegments(files, folder);
  const holdsNext = (segment: Segment) =>
    (takesOverFrom(files, folder, segment) ?? Number.POSITIVE_INFINITY) <= seq + 1;
  const from = Math.max(0, segments.findLastIndex(holdsNext));
  let head: Head | undefined;
  for (const segment of segments.slice(from)) {
    for (const line of readLines(files, folder, segment)) {
      const entry = line.whole ? decode(line.text) : undefined;
      // What does not follow was torn by a crash, or is repeated by a later segment.
      if (entry === undefined || (head !== undefined && !follows(entry, head))) continue;
      head = entry;
      if (entry.seq > seq) yield entry;
    }
  }
}

/** The entries of one order, found by a text search and then checked; in order. Reads segments from `from` on. */
export function* readEntriesOf(
  files: Files,
  folder: string,
  orderId: string,
  span: { readonly from: Position; readonly toSeq: number },
): Generator<Entry> {
  const needle = `"wo_id":${JSON.stringify(orderId)}`;
  let lastSeq = 0;
  for (const segment of listSegments(files, folder)) {
    if (segment.number < span.from.segment) continue;
    const offset = segment.number === span.from.segment ? span.from.offset : 0;
    for (const line of readLines(files, folder, segment, { offset })) {
      if (!line.text.includes(needle)) continue;
      const entry = decode(line.text);
      // A segment repeats the last group of the one before it.
      if (entry === undefined || entry.seq <= lastSeq) continue;
      lastSeq = entry.seq;
      yield entry;
      if (entry.seq >= span.toSeq) return;
    }
  }
}

/** The path of a segment's file. */
export function segmentPath(folder: string, number: number): string {
  return join(folder, segmentName(number));
}
