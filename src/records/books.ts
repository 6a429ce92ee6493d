/**
 * The ledger and the index over it, opened together: for the one process that writes them, and for readers beside it.
 * Whatever happened goes through `append`; whoever shows it listens to `onEntry`.
 */
import { type Clock, isoTime } from "../platform/clock.ts";
import { BridgeError } from "../platform/errors.ts";
import type { Files } from "../platform/files.ts";
import { randomName } from "../platform/ids.ts";
import { err, ok, type Result } from "../platform/result.ts";
import { blobsIn, blobsOf } from "./blob-references.ts";
import { type Entry, follows } from "./chain.ts";
import { type Checkpoints, CheckpointWatch, doubtOf } from "./checkpoint.ts";
import type { Event } from "./events.ts";
import { Ledger } from "./ledger.ts";
import { type ChainEnd, type Damage, type Recorded, readChain } from "./ledger-reading.ts";
import { OrderIndex } from "./order-index.ts";
import type { OrderRecord } from "./order-record.ts";
import { readEntriesAt, readEntryAt } from "./segments.ts";
import type { Vault } from "./vault.ts";

/** So many entries after the last index snapshot the next one is written. */
const SNAPSHOT_ENTRIES = { idle: 5000, busy: 20_000, closing: 1 } as const;
/** How old a checkpoint may be while entries come. */
const CHECKPOINT_MS = 30_000;

/** Told of each committed entry: what it was, and the order that it changed. */
export type OnEntry = (entry: Entry, record: OrderRecord | undefined) => void;

export interface BooksOptions {
  readonly files: Files;
  readonly clock: Clock;
  readonly vault: Vault;
  readonly baseId: string;
  readonly checkpoints: Checkpoints;
  readonly onFatal: (error: BridgeError) => void;
  /** Told when the disk is full and the reserve was given up. */
  readonly onFull: () => void;
  /** Of the ledger; smaller in tests. */
  readonly segmentBytes?: number;
  /** Looks at what was read before anything is written; a reason not to. */
  readonly check: (index: OrderIndex) => Refusal | undefined;
}

/** Why the books cannot be written: somebody has to look first. They can still be read. */
export interface Refusal {
  readonly error: BridgeError;
  readonly index: OrderIndex;
  readonly damage: Damage;
}

export class Books {
  readonly vault: Vault;
  readonly index: OrderIndex;
  readonly #options: Pick<BooksOptions, "checkpoints" | "clock" | "files">;
  readonly #ledger: Ledger;
  /** The entry that the checkpoint on disk has seen, and when it was written in this life. */
  #checkpoint: { readonly seq: number; readonly ms: number };
  readonly #listeners = new Set<OnEntry>();
  #snapshotSeq: number;
  #snapshotting: Promise<void> | undefined;
  #snapshotSegment: number;

  private constructor(options: BooksOptions, index: OrderIndex, ledger: Ledger) {
    this.vault = options.vault;
    this.#options = options;
    this.#checkpoint = { seq: 0, ms: Number.NEGATIVE_INFINITY };
    this.index = index;
    this.#snapshotSeq = index.head.seq;
    this.#ledger = ledger;
    this.#snapshotSegment = index.start.position.segment;
  }

  /**
   * Opens them for writing; the caller holds the locks. What a crash left of the last group is written again before
   * this resolves; a torn tail is told of. A new ledger gets its first entry.
   */
  static async open(options: BooksOptions): Promise<Result<Books, Refusal>> {
    const { files, vault, checkpoints } = options;
    const doubt = doubtOf(checkpoints.read());
    const read = readBooks(files, vault, checkpoints);
    if (!read.ok) return read;
    const { index, end } = read.value;
    const reason = options.check(index);
    if (reason !== undefined) return err(reason);
    const onFull = () => {
      options.onFull();
      return vault.releaseReserve();
    };
    let take: (recorded: readonly Recorded[]) => void = () => undefined;
    const onCommit = (recorded: readonly Recorded[]) => take(recorded);
    const ledger = await Ledger.continue({ ...options, folder: vault.ledger, onCommit, onFull }, end);
    for (const recorded of Ledger.repeated(end)) index.move(recorded);
    const books = new Books(options, index, ledger);
    take = (recorded) => books.#take(recorded);
    if (end.torn !== undefined) {
      const { segment, atByte, lostBytes } = end.torn;
      await books.append([{ event: "ledger_tail_truncated", segment, at_byte: atByte, lost_bytes: lostBytes }]);
    }
    if (index.facts.ledger === "") {
      await books.append([{ event: "ledger_created", ledger: randomName(), base: options.baseId }]);
    }
    if (doubt !== undefined) await books.append([{ event: "checkpoint_missing", message: doubt }]);
    return ok(books);
  }

  /** The last entry's seq. */
  get headSeq(): number {
    return this.#ledger.head.seq;
  }

  /** Segments before this one are behind the snapshot that is on disk. */
  get snapshotSegment(): number {
    return this.#snapshotSegment;
  }

  /** Durable when it resolves. Rejects with DISK_FULL: nothing was kept. */
  append(events: readonly Event[]): Promise<readonly Entry[]> {
    return this.#ledger.append(events);
  }

  /** For events that nothing depends on. */
  note(event: Event): void {
    this.#ledger.note(event);
  }

  /** The blobs of an order: of all that it was read from, and of its latest plan. */
  blobsOf(record: OrderRecord): ReturnType<typeof blobsOf> {
    return blobsOf(this.#options.files, this.vault.ledger, record);
  }

  /** Calls `listener` for every entry from now on, in order, before its append resolves; the answer ends that. */
  listen(listener: OnEntry): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Writes an index snapshot when enough has happened since the last one, and a checkpoint when the last one is old. A
   * snapshot only shortens the next start: while orders come in, it waits for a while.
   */
  async keepSnapshot(when: keyof typeof SNAPSHOT_ENTRIES): Promise<void> {
    if (this.#snapshotting !== undefined) return this.#snapshotting;
    const isDue = this.index.head.seq - this.#snapshotSeq >= SNAPSHOT_ENTRIES[when];
    if (!isDue && !this.#needsCheckpoint(when === "closing")) return;
    if (isDue) this.#snapshotSeq = this.index.head.seq;
    // Taken in this same turn: head, tail and index are of one moment.
    this.#snapshotting = (isDue ? this.#snapshot() : this.#keepCheckpoint()).finally(() => {
      this.#snapshotting = undefined;
    });
    return this.#snapshotting;
  }

  /** A snapshot never has seen more than the checkpoint: so a start that begins at the snapshot meets the checkpoint. */
  async #snapshot(): Promise<void> {
    const start = this.#ledger.tailStart;
    const { head } = this.index;
    await this.index.snapshot(start, () => this.#keepCheckpoint(head));
    this.#snapshotSegment = start.position.segment;
  }

  #needsCheckpoint(isClosing: boolean): boolean {
    const isNew = this.index.head.seq > this.#checkpoint.seq;
    return isNew && (isClosing || this.#options.clock.now() - this.#checkpoint.ms >= CHECKPOINT_MS);
  }

  async #keepCheckpoint(head = this.index.head): Promise<void> {
    const ms = this.#options.clock.now();
    await this.#options.checkpoints.write(this.index.facts.ledger, head, isoTime(ms));
    this.#checkpoint = { seq: head.seq, ms };
  }

  /** Writes what is left and closes the files. Without room for a snapshot the next start reads more of the ledger. */
  async close(): Promise<void> {
    await this.#ledger.close();
    try {
      await this.keepSnapshot("closing");
    } catch (thrown) {
      if (!(thrown instanceof BridgeError) || thrown.code === "SYNC_FAILED") throw thrown;
    }
  }

  #take(recorded: readonly Recorded[]): void {
    for (const one of recorded) {
      const record = this.index.apply(one);
      for (const listener of this.#listeners) listener(one.entry, record);
      // What a plan did to components is in the plan already, and was kept for that once.
      if (this.vault.isAwaiting && one.entry.event !== "patch_applied") this.vault.referred(blobsIn(one.entry));
    }
  }
}

/** The books as they are on disk now, changing nothing; with checkpoints, refused where they do not pass through theirs. */
export function readBooks(
  files: Files,
  vault: Vault,
  checkpoints?: Checkpoints,
): Result<{ readonly index: OrderIndex; readonly end: ChainEnd }, Refusal> {
  const loaded = OrderIndex.load(files, vault.ledger);
  const watch = new CheckpointWatch(checkpoints?.read() ?? { kind: "none", isGone: false });
  const meets = loaded.start.head.seq < (watch.seq ?? Number.POSITIVE_INFINITY);
  const index = meets && fits(files, vault, loaded) ? loaded : OrderIndex.empty(files, vault.ledger);
  const known = index.head.seq;
  const end = readChain(files, vault.ledger, index.start, (recorded) => {
    watch.see(recorded.entry);
    index.apply(recorded);
  });
  if (!end.ok) return err(refusal(index, end.error));
  const { seq } = end.value.head;
  const fault = watch.fault(seq);
  if (fault !== undefined) return err(rewritten(index, fault, Math.max(seq + 1, watch.seq ?? 0)));
  if (seq >= known) return ok({ index, end: end.value });
  const reason = `the ledger ends at entry ${seq}, and its index has seen entry ${known}`;
  return err(refusal(index, { segment: "", atByte: 0, seq: seq + 1, readableTo: known, reason }));
}

function refusal(index: OrderIndex, damage: Damage): Refusal {
  const where = damage.segment === "" ? "" : ` at byte ${damage.atByte} of ${damage.segment}`;
  const message = `the ledger cannot be continued: entry ${damage.seq}${where}: ${damage.reason}`;
  return { error: new BridgeError("LEDGER_DAMAGED", message), index, damage };
}

function rewritten(index: OrderIndex, reason: string, readableTo: number): Refusal {
  const damage = { segment: "", atByte: 0, seq: index.head.seq + 1, readableTo, reason };
  return { error: new BridgeError("LEDGER_REWRITTEN", `the ledger cannot be trusted: ${reason}`), index, damage };
}

/** True when the index is one of this ledger: the place where reading begins is there, and leads to what it has seen. */
function fits(files: Files, vault: Vault, { head, start }: OrderIndex): boolean {
  if (head.seq === 0) return true;
  const first = readEntryAt(files, vault.ledger, start.position);
  if (first === undefined || !follows(first, start.head)) return false;
  // Its last entry is in the group that begins there.
  for (const entry of readEntriesAt(files, vault.ledger, start.position))
    if (entry.seq >= head.seq) return entry.hash === head.hash;
  return true;
}
