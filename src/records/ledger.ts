/**
 * The one truth about what happened: an append-only chain of entries. What waits while the disk is busy is one write and
 * one sync (group commit), so that durability costs one barrier per moment, not one per event.
 */
import { AppendFile } from "../platform/append-file.ts";
import { type Clock, isoTime } from "../platform/clock.ts";
import { Drain } from "../platform/drain.ts";
import { assert, BridgeError } from "../platform/errors.ts";
import type { Files } from "../platform/files.ts";
import { LineBuffer } from "../platform/line-buffer.ts";
import { decode, type Entry, encode, type Head } from "./chain.ts";
import type { Event } from "./events.ts";
import { type ChainEnd, type ChainStart, type Recorded, segmentPath } from "./ledger-reading.ts";

const SEGMENT_BYTES = 64 * 1024 * 1024;
const GROUP_BYTES_MAX = 8 * 1024 * 1024;
/** How long an event that nobody waits for may stay in memory. */
const NOTE_DELAY_MS = 100;

export interface LedgerOptions {
  readonly files: Files;
  readonly clock: Clock;
  /** The vault's ledger folder; it exists. */
  readonly folder: string;
  /** Told of every committed group, in order, before whoever appended it. */
  readonly onCommit: (recorded: readonly Recorded[]) => void;
  /** After this nobody knows what is on the medium: the process has to end without another word to the disk. */
  readonly onFatal: (error: BridgeError) => void;
  /** Frees reserved space; false when there is none. */
  readonly onFull: () => boolean;
  readonly segmentBytes?: number;
}

interface Waiting {
  readonly events: readonly Event[];
  readonly resolve: (entries: readonly Entry[]) => void;
  readonly reject: (error: unknown) => void;
}

interface Group {
  readonly recorded: Recorded[];
  readonly bytes: Buffer;
  readonly head: Head;
}

export class Ledger {
  readonly #options: LedgerOptions;
  #file: AppendFile;
  #segment: number;
  #head: Head;
  #tailStart: ChainStart;
  #waiting: Waiting[] = [];
  #notes: Event[] = [];
  /** Of the group that is being written; there is never more than one. */
  readonly #lines = new LineBuffer();
  readonly #drain = new Drain(() => this.#writeGroups());
  #noteTimed = false;
  #dead: BridgeError | undefined;
  #closed = false;

  private constructor(options: LedgerOptions, file: AppendFile, segment: number, end: ChainEnd) {
    this.#options = options;
    this.#file = file;
    this.#segment = segment;
    this.#head = end.head;
    this.#tailStart = end.tail.start;
  }

  /**
   * Goes on behind what was read. The last group is written again, into a new segment, and synced: what a crash left
   * may be readable without ever having reached the medium.
   */
  static async continue(options: LedgerOptions, end: ChainEnd): Promise<Ledger> {
    const number = end.lastSegment + 1;
    const path = segmentPath(options.folder, number);
    const lines = end.tail.lines.map((line) => `${line}\n`).join("");
    // Under its name at once and whole: a half-written repetition would take over from entries that it lacks.
    await options.files.replace(path, lines, 0o600);
    const ledger = new Ledger(options, AppendFile.open(options.files, path, 0o600), number, end);
    if (end.tail.lines.length > 0) {
      ledger.#tailStart = { head: end.tail.start.head, position: { segment: number, offset: 0 } };
    }
    return ledger;
  }

  /** The last group as an opening has written it again: where it stood before may be gone with the next power cut. */
  static *repeated({ tail, lastSegment }: ChainEnd): Generator<Recorded> {
    let offset = 0;
    for (const line of tail.lines) {
      const entry = decode(line);
      assert(entry !== undefined, "what was read is repeated");
      yield { entry, position: { segment: lastSegment + 1, offset } };
      offset += Buffer.byteLength(line) + 1;
    }
  }

  get head(): Head {
    return this.#head;
  }

  /** Where reading may begin to see the last group again: what an index snapshot refers to. */
  get tailStart(): ChainStart {
    return this.#tailStart;
  }

  /**
   * Durable when it resolves, all or none of them; the entries come back as they stand in the ledger. Rejects with
   * DISK_FULL (nothing was kept, ask again later) or SYNC_FAILED (the process is about to end). Once closed nothing is
   * written and nobody is answered: what still runs then is the next process's to go on with.
   */
  append(events: readonly Event[]): Promise<readonly Entry[]> {
    if (this.#closed) return new Promise(() => undefined);
    if (this.#dead !== undefined) return Promise.reject(this.#dead);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ events, resolve, reject });
      this.#drain.request();
    });
  }

  /** For events that nothing depends on: they ride with the next group, or go by themselves a moment later. */
  note(event: Event): void {
    this.#notes.push(event);
    if (this.#noteTimed) return;
    this.#noteTimed = true;
    void this.#options.clock.sleep(NOTE_DELAY_MS).then(() => {
      this.#noteTimed = false;
      this.#flushNotes();
    });
  }

  /** Writes what waits and closes the file. */
  async close(): Promise<void> {
    this.#flushNotes();
    await this.#drain.settled();
    this.#closed = true;
    this.#file.close();
  }

  #flushNotes(): void {
    if (this.#notes.length === 0 || this.#dead !== undefined || this.#closed) return;
    // A full disk loses them: they only tell what other entries imply.
    this.#waiting.push({ events: [], resolve: () => undefined, reject: () => undefined });
    this.#drain.request();
  }

  async #writeGroups(): Promise<void> {
    // Whatever is appended in this same turn belongs into the same group.
    await Promise.resolve();
    while (this.#waiting.length > 0 && this.#dead === undefined) {
      const { batch, group } = this.#takeBatch();
      try {
        await this.#write(group);
      } catch (thrown) {
        this.#fail(batch, thrown);
        continue;
      }
      this.#options.onCommit(group.recorded);
      let from = 0;
      for (const { events, resolve } of batch) {
        resolve(group.recorded.slice(from, from + events.length).map(({ entry }) => entry));
        from += events.length;
      }
      await this.#rollWhenLarge();
    }
  }

  /** Takes what waits, up to a limit, and encodes it as one group. */
  #takeBatch(): { readonly batch: readonly Waiting[]; readonly group: Group } {
    const batch: Waiting[] = [{ events: this.#notes.splice(0), resolve: () => undefined, reject: () => undefined }];
    const groupSeq = this.#head.seq + 1;
    const ts = isoTime(this.#options.clock.now());
    const recorded: Recorded[] = [];
    this.#lines.clear();
    let head: Head = this.#head;
    let offset = this.#file.sizeBytes;
    const limit = offset + GROUP_BYTES_MAX;
    for (let taken = batch[0]; taken !== undefined; taken = offset < limit ? this.#waiting.shift() : undefined) {
      if (taken !== batch[0]) batch.push(taken);
      for (const [index, event] of taken.events.entries()) {
        // Notes stand for themselves: nothing waits for them, and nothing is undone where one is lost.
        const more = taken === batch[0] ? 0 : taken.events.length - 1 - index;
        const placed = { seq: seqOf(event, head), group: groupSeq, ts, prev: head.hash };
        const { line, entry } = encode(event, more === 0 ? placed : { ...placed, more });
        recorded.push({ entry, position: { segment: this.#segment, offset } });
        offset += this.#lines.add(line);
        head = entry;
      }
    }
    return { batch, group: { recorded, bytes: this.#lines.bytes, head } };
  }

  async #write(group: Group): Promise<void> {
    const offset = this.#file.sizeBytes;
    try {
      await this.#file.append(group.bytes);
    } catch (thrown) {
      if (!(thrown instanceof BridgeError) || thrown.code !== "DISK_FULL" || !this.#options.onFull()) throw thrown;
      await this.#file.append(group.bytes);
    }
    await this.#file.sync();
    this.#tailStart = { head: this.#head, position: { segment: this.#segment, offset } };
    this.#head = { seq: group.head.seq, hash: group.head.hash };
    // COMMIT POINT: the group is on the medium.
  }

  /** What keeps a new segment from being made keeps nothing from being written: the old one grows until it can be. */
  async #rollWhenLarge(): Promise<void> {
    if (this.#file.sizeBytes < (this.#options.segmentBytes ?? SEGMENT_BYTES)) return;
    try {
      await this.#roll();
    } catch (thrown) {
      if (!(thrown instanceof BridgeError)) throw thrown;
      if (thrown.code === "SYNC_FAILED") this.#fail([], thrown);
    }
  }

  /** A new segment, durable with its name before anything is appended to it. */
  async #roll(): Promise<void> {
    const number = this.#segment + 1;
    const path = segmentPath(this.#options.folder, number);
    const next = AppendFile.open(this.#options.files, path, 0o600);
    try {
      await next.sync();
      await this.#options.files.syncFolder(this.#options.folder);
    } catch (thrown) {
      next.close();
      throw thrown;
    }
    this.#file.close();
    this.#file = next;
    this.#segment = number;
  }

  #fail(batch: readonly Waiting[], thrown: unknown): void {
    if (thrown instanceof BridgeError && thrown.code === "SYNC_FAILED") {
      this.#dead = thrown;
      for (const { reject } of this.#waiting.splice(0)) reject(thrown);
      this.#options.onFatal(thrown);
    }
    for (const { reject } of batch) reject(thrown);
  }
}

function seqOf(event: Event, head: Head): number {
  if (event.event !== "ledger_repaired") return head.seq + 1;
  assert(
    event.lost_from === head.seq + 1 && event.lost_to >= event.lost_from,
    "a repair names the gap behind the head",
  );
  return event.lost_to + 1;
}
