/** Reading the ledger's chain: from a place that is trusted to its end, checking every line on the way. */
import { join } from "node:path";
import type { Files } from "../platform/files.ts";
import { err, ok, type Result } from "../platform/result.ts";
import { decode, EMPTY_HEAD, type Entry, follows, type Head } from "./chain.ts";
import {
  type Line,
  listSegments,
  type Position,
  readEntriesAt,
  readLines,
  type Segment,
  segmentName,
  type Takeover,
  takeoverOf,
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
  const steps = chainSteps(files, folder, start, onEntry);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** The whole chain up to the entry `toSeq`, which is durable, letting other work go on: for whoever may be writing it. */
export async function readChainInSlices(
  files: Files,
  folder: string,
  toSeq: number,
  onEntry: (entry: Entry) => void,
): Promise<Result<undefined, Damage>> {
  const slice = files.slices();
  let read = 0;
  const take = ({ entry }: Recorded) => {
    read = entry.seq;
    onEntry(entry);
  };
  const steps = chainSteps(files, folder, CHAIN_BEGIN, take);
  try {
    for (;;) {
      if (read >= toSeq) return ok(undefined);
      const step = steps.next();
      if (step.done === true && !step.value.ok) return step.value;
      if (step.done === true && read < toSeq) return err(endsEarly(read, toSeq));
      await slice();
    }
  } finally {
    // Closes the segment that it is reading.
    steps.return(err(endsEarly(read, toSeq)));
  }
}

function endsEarly(read: number, toSeq: number): Damage {
  const reason = `the chain ends at entry ${read}, and entry ${toSeq} was written`;
  return { segment: "", atByte: 0, seq: read + 1, readableTo: toSeq, reason };
}

/** Rests after each line. */
function* chainSteps(
  files: Files,
  folder: string,
  start: ChainStart,
  onEntry: (recorded: Recorded) => void,
): Generator<undefined, Result<ChainEnd, Damage>> {
  const segments = listSegments(files, folder).filter(({ number }) => number >= start.position.segment);
  const reader = new ChainReader(files, folder, start, onEntry);
  for (const { segment, next } of withTakeovers(files, folder, segments)) {
    const offset = segment.number === start.position.segment ? start.position.offset : 0;
    const damage = yield* reader.readSegment(segment, offset, next);
    if (damage !== undefined) return err(damage);
  }
  return reader.end(segments.at(-1)?.number ?? start.position.segment - 1);
}

/** Each segment with the one that takes over from it: of the later ones that with the lowest seq, the last where several have it. */
function withTakeovers(
  files: Files,
  folder: string,
  segments: readonly Segment[],
): readonly { readonly segment: Segment; readonly next: Takeover | undefined }[] {
  const found: { readonly segment: Segment; readonly next: Takeover | undefined }[] = [];
  let next: Takeover | undefined;
  for (const [index, segment] of segments.toReversed().entries()) {
    found.push({ segment, next });
    // The first segment takes over from none: it may be long gone from the cache.
    if (index === segments.length - 1) break;
    const takeover = takeoverOf(files, folder, segment);
    if (takeover !== undefined && takeover.from < (next?.from ?? Number.POSITIVE_INFINITY)) next = takeover;
  }
  return found.toReversed();
}

interface Pending {
  readonly entry: Entry;
  readonly line: Line;
  readonly segment: Segment;
}

class ChainReader {
  readonly #files: Files;
  readonly #folder: string;
  readonly #onEntry: (recorded: Recorded) => void;
  /** The last sound entry. */
  #read: Head;
  /** Entries of an append whose end was not read yet: they count together with it, or not at all. */
  #pending: Pending[] = [];
  /** The last entry that counts. */
  #head: Head;
  #tailStart: ChainStart;
  #tailGroup = 0;
  #tailLines: string[] = [];
  #torn: TornTail | undefined;
  /** The newest sound entry that another segment has set aside. */
  #aside = { segment: "", atByte: 0, lostBytes: 0, seq: 0, group: 0 };

  constructor(files: Files, folder: string, start: ChainStart, onEntry: (recorded: Recorded) => void) {
    this.#files = files;
    this.#folder = folder;
    this.#onEntry = onEntry;
    this.#read = start.head;
    this.#head = start.head;
    this.#tailStart = start;
  }

  /** Reads one segment up to the seq from which a later one takes over. */
  *readSegment(segment: Segment, offset: number, next: Takeover | undefined): Generator<undefined, Damage | undefined> {
    for (const line of readLines(this.#files, this.#folder, segment, { offset })) {
      yield;
      // What a later segment repeats counts there: here it may be torn or damaged.
      if (next !== undefined && this.#read.seq + 1 >= next.from) return this.#lookBehind(segment, line, next);
      const entry = line.whole ? decode(line.text) : undefined;
      if (entry === undefined || !follows(entry, this.#read)) return this.#judge(segment, line, entry);
      this.#read = entry;
      this.#pending.push({ entry, line, segment });
      if ((entry.more ?? 0) > 0) continue;
      for (const one of this.#pending.splice(0)) this.#take(one);
    }
    return undefined;
  }

  /** The end of the chain; damage when there are entries of a later write than could have been lost in a crash. */
  end(lastSegment: number): Result<ChainEnd, Damage> {
    const { segment, atByte, lostBytes, seq, group } = this.#aside;
    if (group > this.#head.seq + 1) {
      const reason = `entry ${seq} stands there, and the chain ends at entry ${this.#head.seq}`;
      return err({ segment, atByte, seq: this.#head.seq + 1, readableTo: seq, reason });
    }
    // An opening that was cut short before it could tell of what the crash before it tore.
    const untold = group > this.#head.seq ? { segment, atByte, lostBytes } : undefined;
    return ok({
      head: this.#head,
      tail: { lines: this.#tailLines, start: this.#tailStart },
      torn: this.#torn ?? this.#tornBy(0) ?? untold,
      lastSegment,
    });
  }

  #take({ entry, line, segment }: Pending): void {
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

  /** The append that has no end; undefined when there is none. */
  #tornBy(endByte: number): TornTail | undefined {
    const [first] = this.#pending;
    const last = this.#pending.at(-1);
    if (first === undefined || last === undefined) return undefined;
    const end = Math.max(endByte, last.line.end);
    return {
      segment: segmentName(first.segment.number),
      atByte: first.line.offset,
      lostBytes: end - first.line.offset,
    };
  }

  /** A bad line ends the chain when nothing stands behind it but the rest of the same write; otherwise it is damage. */
  #judge(segment: Segment, bad: Line, entry: Entry | undefined): Damage | undefined {
    const seq = this.#read.seq + 1;
    const lost = this.#head.seq + 1;
    // A crash tears one write: the one that the last entry is of, or the one behind it.
    const writes = new Set(this.#pending.map(({ entry }) => entry.group));
    const name = segmentName(segment.number);
    let readableTo = 0;
    let endByte = bad.end;
    for (const line of readLines(this.#files, this.#folder, segment, { offset: bad.offset })) {
      endByte = line.end;
      for (const sound of entriesIn(line)) {
        writes.add(sound.group);
        readableTo = Math.max(readableTo, sound.seq);
      }
    }
    const isTorn = writes.size < 2 && [...writes].every((group) => group === this.#tailGroup || group === lost);
    // A crash leaves lines that are broken; it never leaves out a whole one.
    if (entry !== undefined || !isTorn || this.#isFollowed(segment, lost)) {
      const reason =
        entry === undefined
          ? "the line's own hash does not fit"
          : `entry ${entry.seq} does not follow entry ${this.#read.seq}`;
      return { segment: name, atByte: bad.offset, seq, readableTo: Math.max(readableTo, seq), reason };
    }
    this.#torn = this.#tornBy(endByte) ?? { segment: name, atByte: bad.offset, lostBytes: endByte - bad.offset };
    return undefined;
  }

  /** True when a later segment holds sound lines that would come behind the bad one. */
  #isFollowed(segment: Segment, seq: number): boolean {
    const later = listSegments(this.#files, this.#folder).filter(({ number }) => number > segment.number);
    return later.some((next) => (takeoverOf(this.#files, this.#folder, next)?.from ?? 0) > seq);
  }

  /**
   * Looks at what another segment takes over: an opening repeats all that was whole by then. A segment that lacks some of
   * it is a copy of an old one, another history, or damaged since.
   */
  #lookBehind(segment: Segment, from: Line, next: Takeover): Damage | undefined {
    const name = segmentName(segment.number);
    let links = true;
    let read = this.#read;
    let last: Entry | undefined;
    for (const line of readLines(this.#files, this.#folder, segment, { offset: from.offset })) {
      const entry = line.whole ? decode(line.text) : undefined;
      if (entry !== undefined && entry.group > this.#aside.group)
        this.#aside = { ...placeOf(name, line), seq: entry.seq, group: entry.group };
      links = links && entry !== undefined && follows(entry, read);
      if (!links || entry === undefined) continue;
      read = entry;
      if (entry.more === undefined) last = entry;
    }
    if (next.isRepair || last === undefined || this.#holds(next, last)) return undefined;
    const reason = `${next.name} takes over from entry ${next.from}, and lacks entry ${last.seq} that stands in ${name}`;
    return { segment: name, atByte: from.offset, seq: next.from, readableTo: last.seq, reason };
  }

  #holds({ number }: Takeover, { seq, hash }: Entry): boolean {
    for (const entry of readEntriesAt(this.#files, this.#folder, { segment: number, offset: 0 }))
      if (entry.seq >= seq) return entry.hash === hash;
    return false;
  }
}

function placeOf(segment: string, { offset, end }: Line): TornTail {
  return { segment, atByte: offset, lostBytes: end - offset };
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
    (takeoverOf(files, folder, segment)?.from ?? Number.POSITIVE_INFINITY) <= seq + 1;
  const from = Math.max(0, segments.findLastIndex(holdsNext));
  let head: Head | undefined;
  for (const entry of soundEntries(files, folder, segments.slice(from))) {
    // What does not follow was torn by a crash.
    if (head !== undefined && !follows(entry, head)) continue;
    head = entry;
    if (entry.seq > seq) yield entry;
  }
}

/** Every entry whose own line is sound, also in front of and behind damage, each once. Says nothing of the chain. */
export function readSoundEntries(files: Files, folder: string): Generator<Entry> {
  return soundEntries(files, folder, listSegments(files, folder));
}

function* soundEntries(files: Files, folder: string, segments: readonly Segment[]): Generator<Entry> {
  for (const { segment, next } of withTakeovers(files, folder, segments)) {
    for (const line of readLines(files, folder, segment)) {
      const entry = line.whole ? decode(line.text) : undefined;
      if (entry !== undefined && !isSetAside(entry, next)) yield entry;
    }
  }
}

/** True for what a later segment takes over: it counts there, if at all. */
function isSetAside(entry: Entry, next: Takeover | undefined): boolean {
  return next !== undefined && entry.seq >= next.from;
}

/** The entries of one order, found by a text search and then checked; in order. Reads segments from `from` on. */
export function* readEntriesOf(
  files: Files,
  folder: string,
  orderId: string,
  span: { readonly from: Position; readonly toSeq: number },
): Generator<Entry> {
  yield* readEntriesHaving(files, folder, `"wo_id":${JSON.stringify(orderId)}`, span);
}

/** The same of entries whose line holds a text. */
export function* readEntriesHaving(
  files: Files,
  folder: string,
  needle: string,
  span: { readonly from: Position; readonly toSeq: number } = {
    from: CHAIN_BEGIN.position,
    toSeq: Number.POSITIVE_INFINITY,
  },
): Generator<Entry> {
  const segments = listSegments(files, folder).filter(({ number }) => number >= span.from.segment);
  for (const { segment, next } of withTakeovers(files, folder, segments)) {
    const offset = segment.number === span.from.segment ? span.from.offset : 0;
    for (const line of readLines(files, folder, segment, { offset })) {
      if (!line.text.includes(needle)) continue;
      const entry = decode(line.text);
      if (entry === undefined || isSetAside(entry, next)) continue;
      yield entry;
      if (entry.seq >= span.toSeq) return;
    }
  }
}

/** The path of a segment's file. */
export function segmentPath(folder: string, number: number): string {
  return join(folder, segmentName(number));
}
