/**
 * Keeps the state file of every order as the ledger has it: at once for an order that comes to rest, a moment later for one
 * on its way, and again when it vanishes, alone or with its folder.
 */
import { isResting } from "../orders/status.ts";
import type { Clock } from "../platform/clock.ts";
import { Delay, Drain } from "../platform/drain.ts";
import type { Files } from "../platform/files.ts";
import type { Log } from "../platform/log.ts";
import type { Publisher } from "../platform/publisher.ts";
import { isRecord, parseJson } from "../platform/result.ts";
import type { Books } from "../records/books.ts";
import type { OrderRecord } from "../records/order-record.ts";
import { stateText } from "../records/state-file.ts";
import { tryAndLog } from "./failures.ts";
import { ABSENT, folderOf, stampOf } from "./folder-stamp.ts";

/** How long the state file of an order on its way may lag behind. */
const OPEN_STATE_MS = 500;
/**
 * The same while others come to rest: most will do so themselves before, and have their file written once. What is
 * replaced at such a rate makes every new file slow on ext4, which does not reuse an inode for a minute and looks at all
 * that it must not use (measured: 8 % of a burst).
 */
const BUSY_STATE_MS = 2000;
/** So many are written then each time. */
const OPEN_STATES_AT_ONCE = 64;
/** Comparing names takes time with many orders: never more than this share of it. */
const COMPARE_SHARE = 1 / 50;
/** Until a state file that could not be read is looked at again. */
const REFUSED_MS = 1000;
/** So long a wipe may stay unnoticed while state files are written: a look at each costs an order in a burst one percent. */
const LOOK_MS = 20;

export interface StateFilesOptions {
  readonly files: Files;
  readonly publisher: Publisher;
  readonly clock: Clock;
  readonly log: Log;
  readonly books: Books;
  /** Where they lie: an absolute path. */
  readonly folder: string;
  /** Works on many items at once, and gives way to others in between; ends early while the daemon stops. */
  readonly onEach: <T>(items: readonly T[], work: (item: T) => Promise<void>) => Promise<void>;
  /** Told once of a folder that is another one than before: the tree was wiped, and what orders were told may have gone with it. */
  readonly onWiped: () => void;
  readonly onHealed: (what: string) => void;
  readonly signal: AbortSignal;
}

export class StateFiles {
  readonly #options: StateFilesOptions;
  /** Ids of orders whose state file is to be written. */
  readonly #dirty = new Set<string>();
  /** Ids of orders on their way whose state file is older than the ledger, and since when; the longest first. */
  readonly #lagging = new Map<string, number>();
  /** Ids of orders whose state file is being written. */
  readonly #inHand = new Set<string>();
  /** Ids of orders whose state file had vanished, until it is back and was told of. */
  readonly #lost = new Set<string>();
  readonly #ticking: Delay;
  /** Whether an order came to rest since the last tick. */
  #isFlowing = false;
  readonly #writing = new Drain(() => this.#guarded(() => this.#writeDirty()));
  #compared: { readonly stamp: string; readonly nextMs: number } = { stamp: "", nextMs: 0 };
  /** The folder that was last seen to be another one than that which was compared. */
  #newFolder = "";
  #nextLookMs = 0;
  #comparing: Promise<void> | undefined;
  /** When one was last written, in wall milliseconds. */
  lastWriteMs = 0;

  constructor(options: StateFilesOptions) {
    this.#options = options;
    this.#ticking = new Delay(options, OPEN_STATE_MS, () => this.#tick());
  }

  /** How many are behind. */
  get behind(): number {
    return this.#dirty.size + this.#lagging.size;
  }

  start(): void {
    const { files, folder } = this.#options;
    // What was wiped while nobody looked is known by the folder that went with it; what is wiped from now on, by another.
    this.#compared = { stamp: `${folderOf(this.#stamp())}:`, nextMs: 0 };
    files.makeFolders(folder, 0o755);
    files.sweep(folder);
  }

  /** The ledger has more of an order than its state file. */
  touch({ id, status }: OrderRecord): void {
    this.#isFlowing ||= isResting(status);
    // An order at rest is written by `write`, at once; one on its way when it has been there for a moment.
    if (!this.#lagging.has(id)) this.#lagging.set(id, this.#options.clock.elapsed());
    this.#ticking.request();
  }

  /** Writes one. Rejects with what the disk says; it is written again then. */
  async write(record: OrderRecord): Promise<void> {
    const { publisher, clock } = this.#options;
    // Deleted first: what happens to the order while its file is written makes it lag again.
    this.#lagging.delete(record.id);
    this.#dirty.delete(record.id);
    this.#inHand.add(record.id);
    try {
      await publisher.publish(this.#pathOf(record), stateText(record));
    } catch (thrown) {
      this.#dirty.add(record.id);
      throw thrown;
    } finally {
      this.#inHand.delete(record.id);
    }
    this.lastWriteMs = clock.now();
    if (clock.elapsed() >= this.#nextLookMs) this.#lookAtFolder(this.#stamp());
  }

  /** Looks whether some have vanished, and writes them again, open orders first; resolves when that is done, as far as the disk lets it be. */
  async rescan(): Promise<void> {
    const { files, books, clock, folder } = this.#options;
    // Where there is no order yet nobody else would make it again.
    if (this.#stamp() === ABSENT) files.makeFolders(folder, 0o755);
    // Names that come and go are looked at now and then; a folder that was made anew has lost all of them.
    const stamp = this.#stamp();
    const isSameFolder = this.#lookAtFolder(stamp);
    for (const record of books.index.open) {
      const isPending = this.#isPending(record.id);
      if ((isSameFolder && isPending) || files.info(this.#pathOf(record)) !== undefined) continue;
      if (!isPending) this.#lost.add(record.id);
      this.#makeDirty(record.id);
    }
    this.#writeSoon();
    const isCompared = stamp === this.#compared.stamp || clock.elapsed() < this.#compared.nextMs;
    if (this.#comparing !== undefined || !isSameFolder || !isCompared) {
      this.#comparing ??= this.#guarded(() => this.#compareNames(stamp)).finally(() => {
        this.#comparing = undefined;
      });
      await this.#comparing;
    }
    await this.#writing.settled();
    this.#tellBack();
  }

  /** Compares the content of each with the ledger, slowly; one that the disk refuses comes once more, last. */
  async checkContents(pauseMs: number): Promise<void> {
    const { books, clock, signal } = this.#options;
    const ids = [...books.index.summaries()].map(({ id }) => id);
    for (const id of ids) {
      if (signal.aborted) return;
      let isRead = false;
      await this.#guarded(async () => {
        if (!this.#isAsKnown(id)) this.#dirty.add(id);
        isRead = true;
      });
      if (!isRead) ids.push(id);
      this.#writeSoon();
      await clock.sleep(isRead ? pauseMs : REFUSED_MS, signal);
    }
  }

  /** Writes what is behind; resolves when it is written, or the disk has refused it. */
  async flush(): Promise<void> {
    for (const record of this.#options.books.index.open) this.#makeDirty(record.id);
    this.#writeSoon();
    await this.#writing.settled();
  }

  /** Whether an order's state file tells of its last entry. */
  #isAsKnown(id: string): boolean {
    const { books, files } = this.#options;
    const reading = files.peek(this.#pathOf({ id }), 1024 * 1024);
    return reading.kind === "file" && seqIn(reading.bytes) === books.index.summary(id)?.lastSeq;
  }

  #tick(): void {
    const due = this.#dueNow();
    this.#isFlowing = false;
    void this.#guarded(async () => void this.#lookAtFolder(this.#stamp()));
    for (const id of due) this.#makeDirty(id);
    this.#writeSoon();
    if (this.#lagging.size > 0) this.#ticking.request();
  }

  #dueNow(): readonly string[] {
    if (!this.#isFlowing) return [...this.#lagging.keys()];
    const sinceMs = this.#options.clock.elapsed() - BUSY_STATE_MS;
    const due: string[] = [];
    for (const [id, since] of this.#lagging) {
      if (since > sinceMs || due.length === OPEN_STATES_AT_ONCE) break;
      due.push(id);
    }
    return due;
  }

  #makeDirty(id: string): void {
    this.#lagging.delete(id);
    this.#dirty.add(id);
  }

  #writeSoon(): void {
    if (this.#dirty.size === 0) return;
    this.#writing.request();
  }

  async #writeDirty(): Promise<void> {
    while (this.#dirty.size > 0 && !this.#options.signal.aborted) {
      await this.#options.onEach([...this.#dirty], async (id) => {
        // Written meanwhile, by whoever published the order's result.
        const record = this.#dirty.delete(id) ? this.#options.books.index.get(id) : undefined;
        if (record !== undefined) await this.write(record);
      });
    }
  }

  #pathOf({ id }: { readonly id: string }): string {
    return `${this.#options.folder}/${id}.json`;
  }

  #stamp(): string {
    return stampOf(this.#options.files, this.#options.folder);
  }

  async #compareNames(stamp: string): Promise<void> {
    const { clock, files, books, folder, log } = this.#options;
    const startMs = clock.elapsed();
    const known = [...books.index.summaries()];
    // What is on its way, or comes while the names are read, may be there or not.
    const expected = known.filter(({ id }) => !this.#isPending(id));
    const there = new Set<string>();
    for await (const names of files.namesIn(folder)) for (const name of names) there.add(name);
    const missing = expected.filter(({ id }) => !there.has(`${id}.json`) && !this.#isPending(id));
    log.info("state_files_compared", { there: there.size, missing: missing.length });
    for (const { id } of missing.toSorted((a, b) => Number(isResting(a.status)) - Number(isResting(b.status)))) {
      this.#lost.add(id);
      this.#makeDirty(id);
    }
    this.#writeSoon();
    await this.#writing.settled();
    const after = this.#stamp();
    // What the disk has refused is still missing: that is no folder that was compared, nor is one without what was on its way.
    const isWhole = expected.length === known.length && !missing.some(({ id }) => this.#dirty.has(id));
    // Of a folder that was replaced meanwhile some names were seen that are gone: it is compared once more.
    const seen = missing.length === 0 || folderOf(after) !== folderOf(stamp) ? stamp : after;
    this.#compared = {
      stamp: isWhole ? seen : this.#compared.stamp,
      nextMs: clock.elapsed() + (clock.elapsed() - startMs) / COMPARE_SHARE,
    };
  }

  /** The state file of the order is on its way: it may be missing. */
  #isPending(id: string): boolean {
    return this.#lagging.has(id) || this.#dirty.has(id) || this.#inHand.has(id);
  }

  #tellBack(): void {
    const back = [...this.#lost].filter((id) => !this.#isPending(id));
    for (const id of back) this.#lost.delete(id);
    if (back.length > 0) this.#options.onHealed(`${back.length} state files`);
  }

  /** Whether the folder is the one that was compared last, or found at the start; tells of one that is another. */
  #lookAtFolder(stamp: string): boolean {
    const folder = folderOf(stamp);
    this.#nextLookMs = this.#options.clock.elapsed() + LOOK_MS;
    if (stamp === ABSENT) return false;
    if (this.#compared.stamp === "" || folder === folderOf(this.#compared.stamp)) return true;
    if (folder !== this.#newFolder) this.#options.onWiped();
    this.#newFolder = folder;
    return false;
  }

  /** A disk that refuses one loses nothing: it is written again at the next chance. */
  #guarded(work: () => Promise<void>): Promise<void> {
    return tryAndLog(this.#options.log, "view_refused", work);
  }
}

function seqIn(bytes: Buffer): number | undefined {
  const state = parseJson(bytes.toString("utf8"));
  const meta = isRecord(state) ? state["meta"] : undefined;
  return isRecord(meta) && typeof meta["ledger_seq"] === "number" ? meta["ledger_seq"] : undefined;
}
