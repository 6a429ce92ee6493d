/**
 * Keeps every view in the tree as the ledger has it: state files, telemetry, the dashboard's list, the outbox. Views are
 * written after the fact, never waited for, and written again when they vanish: the tree is disposable.
 */
import { join } from "node:path";
import type { Outbox } from "../bridge/outbox.ts";
import { isResting } from "../orders/status.ts";
import { sweepView } from "../platform/atomic-write.ts";
import { type Clock, slices } from "../platform/clock.ts";
import { Drain } from "../platform/drain.ts";
import type { Files } from "../platform/files.ts";
import type { Log } from "../platform/log.ts";
import type { Publisher } from "../platform/publisher.ts";
import { isRecord, parseJson } from "../platform/result.ts";
import type { System } from "../platform/system.ts";
import type { Books } from "../records/books.ts";
import { followupText } from "../records/followup.ts";
import type { OrderSummary } from "../records/order-index.ts";
import type { OrderRecord } from "../records/order-record.ts";
import { stateText } from "../records/state-file.ts";
import type { Telemetry } from "../records/telemetry.ts";
import { Answers } from "./answers.ts";
import { tryAndLog } from "./failures.ts";

/** How long the state file of an order on its way may lag behind; so many are written then while others come to rest. */
const OPEN_STATE_MS = 500;
const OPEN_STATES_AT_ONCE = 64;
const FOLLOWUP_MS = 1000;
/** Comparing names takes time with many orders: never more than this share of it. */
const COMPARE_SHARE = 1 / 50;
/** Until a state file that could not be read is looked at again. */
const REFUSED_MS = 1000;
/** State files on their way at the same time: several of the batches that the publisher makes of them. */
const AT_ONCE = 256;
/** So long a wipe may stay unnoticed while state files are written: a look at each costs an order in a burst one percent. */
const LOOK_MS = 20;

/** The stamp of a folder that is not there; no folder is the same as this. */
const ABSENT = "absent:";

export interface ViewsOptions {
  readonly files: Files;
  readonly publisher: Publisher;
  readonly writeView: System["writeView"];
  readonly clock: Clock;
  readonly log: Log;
  readonly books: Books;
  readonly outbox: Outbox;
  readonly telemetry: Telemetry;
  /** Real path. */
  readonly base: string;
  /** Paths of the dashboard's list, relative to the base. */
  readonly followupPaths: () => readonly string[];
  readonly staleAfterMs: () => number;
  readonly signal: AbortSignal;
  readonly onFatal: (error: unknown) => void;
}

export class Views {
  readonly stateFolder: string;
  readonly #options: ViewsOptions;
  /** Ids of orders whose state file is to be written. */
  readonly #dirty = new Set<string>();
  /** Ids of orders on their way whose state file is older than the ledger, for a moment; the longest first. */
  readonly #lagging = new Set<string>();
  readonly #answers: Answers;
  #tickPlanned = false;
  /** Whether an order came to rest since the last tick. */
  #isFlowing = false;
  readonly #writing = new Drain(() => this.#guarded(() => this.#writeDirty()));
  readonly #listing = new Drain(() => this.#guarded(() => this.#writeFollowup()));
  #followupPlanned = false;
  /** Lists that this life has written. */
  readonly #listed = new Set<string>();
  #compared: { readonly stamp: string; readonly nextMs: number } = { stamp: "", nextMs: 0 };
  /** The folder that was last seen to be another one than that which was compared. */
  #newFolder = "";
  #nextLookMs = 0;
  #comparing: Promise<void> | undefined;
  /** The folder of all answers, as it was last seen. */
  #outboxFolder = "";
  /** When a view was last written, in wall milliseconds; for `wo status`. */
  lastWriteMs = 0;

  constructor(options: ViewsOptions) {
    this.#options = options;
    this.stateFolder = join(options.base, "g", "followup", "state");
    this.#answers = new Answers({ ...options, onEach: (items, work) => this.#inSlices(items, work) });
    options.books.listen((entry, record) => {
      options.telemetry.push([entry]);
      if (record !== undefined && entry.event !== "wo_settled") this.#touch(record);
    });
  }

  /** State files that are behind, and entries that telemetry is behind. */
  get behind(): number {
    return this.#dirty.size + this.#lagging.size + this.#options.telemetry.behind;
  }

  /** Begins: catches up what is missing, in the background. */
  start(): void {
    // What was wiped while nobody looked is known by the folder that went with it; what is wiped from now on, by another.
    this.#compared = { stamp: `${folderOf(this.#stateStamp())}:`, nextMs: 0 };
    this.#options.files.makeFolders(this.stateFolder, 0o755);
    this.#options.files.sweep(this.stateFolder);
    for (const path of this.#options.followupPaths()) sweepView(this.#options.files, join(this.#options.base, path));
    this.#options.telemetry.start(this.#options.books.headSeq);
    this.#answers.start();
    this.#lookAtOutbox();
    this.rescan();
    this.#planFollowup();
  }

  /** The result of an order at rest, for whoever waits for it; then its state. */
  async publish(record: OrderRecord): Promise<void> {
    const rests = isResting(record.status);
    this.#isFlowing ||= rests;
    await this.#guarded(async () => {
      const reported = rests ? this.#answers.report(record) : undefined;
      await Promise.all([reported, this.#writeState(record)]);
    });
  }

  /** The acknowledgement of an accepted order. */
  async acknowledge(record: OrderRecord): Promise<void> {
    await this.#guarded(() => this.#answers.acknowledge(record));
  }

  /** Looks whether views have vanished, and writes them again. Open orders first. */
  rescan(): void {
    this.#options.telemetry.flush();
    // Where there is no order yet nobody else would make it again.
    if (this.#stateStamp() === ABSENT) this.#options.files.makeFolders(this.stateFolder, 0o755);
    // Names that come and go are looked at now and then; a folder that was made anew has lost all of them.
    const stamp = this.#stateStamp();
    const isSameFolder = this.#lookAtFolder(stamp);
    const gone = this.#options.books.index.open.filter(
      (record) => !(isSameFolder && this.#lagging.has(record.id)) && !this.#isThere(this.#statePath(record)),
    );
    for (const { id } of gone) this.#makeDirty(id);
    this.#write();
    const lists = this.#options.followupPaths().map((path) => join(this.#options.base, path));
    if (!lists.every((path) => this.#isThere(path))) this.#planFollowup();
    this.#lookAtOutbox();
    const isCompared = stamp === this.#compared.stamp || this.#options.clock.elapsed() < this.#compared.nextMs;
    if (this.#comparing !== undefined) return;
    // State files first: what is looked at by people and programs all the time.
    if (isSameFolder && isCompared) return this.#answers.look();
    this.#comparing = this.#compareNames(stamp).finally(() => {
      this.#comparing = undefined;
      this.#answers.look();
    });
  }

  /** Writes every view again, whatever is there. */
  async rebuild(): Promise<{ readonly states: number; readonly results: number }> {
    const summaries = [...this.#options.books.index.summaries()];
    await this.#inSlices(summaries, async (summary) => {
      const record = this.#options.books.index.get(summary.id);
      if (record === undefined) return;
      await this.#writeState(record);
      await this.#options.outbox.acknowledge(record);
      if (isResting(record.status)) await this.#options.outbox.report(record);
    });
    await this.#writeFollowup();
    await this.#options.telemetry.settled();
    return { states: summaries.length, results: summaries.filter(({ status }) => isResting(status)).length };
  }

  /** Compares the content of every state file with the ledger, slowly; one that the disk refuses comes once more, last. */
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
      this.#write();
      await clock.sleep(isRead ? pauseMs : REFUSED_MS, signal);
    }
  }

  /** Whether an order's state file tells of its last entry. */
  #isAsKnown(id: string): boolean {
    const { books, files } = this.#options;
    const reading = files.peek(this.#statePath({ id }), 1024 * 1024);
    return reading.kind === "file" && seqIn(reading.bytes) === books.index.summary(id)?.lastSeq;
  }

  /** Writes what is behind; resolves when it is written, or the disk has refused it. */
  async flush(): Promise<void> {
    for (const record of this.#options.books.index.open) this.#makeDirty(record.id);
    this.#write();
    // Asked for once more also while one is written: that one may not know the last entries.
    this.#listing.request();
    await Promise.all([this.#writing.settled(), this.#listing.settled()]);
    await this.#options.telemetry.settled();
    this.#options.telemetry.close();
  }

  #touch(record: OrderRecord): void {
    this.#planFollowup();
    // An order at rest is written by `publish`, at once; one on its way when it has been there for a moment.
    this.#lagging.add(record.id);
    this.#planTick();
  }

  /** Of thousands on their way in a burst most are at rest before their turn comes, and their file is written once. */
  #planTick(): void {
    if (this.#tickPlanned) return;
    this.#tickPlanned = true;
    const { clock, signal } = this.#options;
    void clock.sleep(OPEN_STATE_MS, signal).then(() => {
      this.#tickPlanned = false;
      const most = this.#isFlowing ? OPEN_STATES_AT_ONCE : this.#lagging.size;
      this.#isFlowing = false;
      this.#lookAtFolder(this.#stateStamp());
      for (const id of [...this.#lagging].slice(0, most)) this.#makeDirty(id);
      this.#write();
      if (this.#lagging.size > 0 && !signal.aborted) this.#planTick();
    });
  }

  #makeDirty(id: string): void {
    this.#lagging.delete(id);
    this.#dirty.add(id);
  }

  #write(): void {
    if (this.#dirty.size === 0) return;
    this.#writing.request();
  }

  async #writeDirty(): Promise<void> {
    while (this.#dirty.size > 0 && !this.#options.signal.aborted) {
      await this.#inSlices([...this.#dirty], async (id) => {
        // Written meanwhile, by whoever published the order's result.
        const record = this.#dirty.delete(id) ? this.#options.books.index.get(id) : undefined;
        if (record !== undefined) await this.#writeState(record);
      });
    }
  }

  async #writeState(record: OrderRecord): Promise<void> {
    // Deleted first: what happens to the order while its file is written makes it lag again.
    this.#lagging.delete(record.id);
    this.#dirty.delete(record.id);
    try {
      await this.#options.publisher.publish(this.#statePath(record), stateText(record));
    } catch (thrown) {
      this.#dirty.add(record.id);
      throw thrown;
    }
    this.lastWriteMs = this.#options.clock.now();
    if (this.#options.clock.elapsed() >= this.#nextLookMs) this.#lookAtFolder(this.#stateStamp());
  }

  #statePath({ id }: { readonly id: string }): string {
    return `${this.stateFolder}/${id}.json`;
  }

  /** Changes when the folder is replaced, or a name in it comes or goes. */
  #stateStamp(): string {
    return this.#stampOf(this.stateFolder);
  }

  #stampOf(folder: string): string {
    const info = this.#options.files.info(folder);
    // Inode numbers are used again at once: what was made anew is known by when it was made.
    return info === undefined ? ABSENT : `${info.device}:${info.inode}:${info.bornMs}:${info.modifiedMs}`;
  }

  /** An outbox that is gone, or another one than before, has lost what was in it, also where it went by itself. */
  #lookAtOutbox(): void {
    const folder = join(this.#options.base, "bridge", "outbox");
    const stamp = folderOf(this.#stampOf(folder));
    const isLost = this.#outboxFolder !== "" && stamp !== this.#outboxFolder;
    this.#outboxFolder = stamp === folderOf(ABSENT) ? "" : stamp;
    if (!isLost) return;
    if (this.#outboxFolder === "") {
      this.#options.files.makeFolders(folder, 0o755);
      this.#outboxFolder = folderOf(this.#stampOf(folder));
    }
    this.#answers.wiped();
    this.#tellHealed("bridge/outbox", "made again; its answers are given again");
  }

  async #compareNames(stamp: string): Promise<void> {
    const { clock, files, books } = this.#options;
    const startMs = clock.elapsed();
    const there = new Set<string>();
    for await (const names of files.namesIn(this.stateFolder)) for (const name of names) there.add(name);
    const missing = [...books.index.summaries()].filter(({ id }) => !there.has(`${id}.json`) && !this.#lagging.has(id));
    this.#options.log.info("state_files_compared", { there: there.size, missing: missing.length });
    let seen = this.#compared.stamp;
    await this.#guarded(async () => {
      await this.#restore(missing);
      const after = this.#stateStamp();
      // Of a folder that was replaced meanwhile some names were seen that are gone: it is compared once more.
      seen = missing.length === 0 || folderOf(after) !== folderOf(stamp) ? stamp : after;
    });
    // What the disk has refused is still missing: that is no folder that was compared.
    this.#compared = { stamp: seen, nextMs: clock.elapsed() + (clock.elapsed() - startMs) / COMPARE_SHARE };
  }

  /** Writes missing state files; where they went with their folder, also what is missing in the outbox. */
  async #restore(missing: readonly OrderSummary[]): Promise<void> {
    if (missing.length === 0) return;
    const { books, clock } = this.#options;
    const startMs = clock.elapsed();
    const openFirst = missing.toSorted((a, b) => Number(isResting(a.status)) - Number(isResting(b.status)));
    await this.#inSlices(openFirst, async ({ id }) => {
      const record = books.index.get(id);
      if (record !== undefined) await this.#writeState(record);
    });
    const what = `${missing.length} state files in ${Math.round(clock.elapsed() - startMs)} ms`;
    this.#tellHealed("g/followup/state", what);
  }

  #tellHealed(path: string, what: string): void {
    this.#options.telemetry.notice({ event: "wo_pipeline_drift", missing: path, reason: "missing" });
    this.#options.telemetry.notice({ event: "wo_pipeline_healed", path, what });
  }

  /**
   * Looks whether the folder of state files is the one that was compared last, or found at the start. False for another
   * one: the tree was wiped, and what orders were told may have gone with it.
   */
  #lookAtFolder(stamp: string): boolean {
    const folder = folderOf(stamp);
    this.#nextLookMs = this.#options.clock.elapsed() + LOOK_MS;
    if (stamp === ABSENT) return false;
    if (this.#compared.stamp === "" || folder === folderOf(this.#compared.stamp)) return true;
    if (folder !== this.#newFolder) this.#answers.wiped();
    this.#newFolder = folder;
    return false;
  }

  #isThere(path: string): boolean {
    return this.#options.files.info(path) !== undefined;
  }

  /** Many at once: the publisher writes them in batches, and one that is waited for alone waits for company. */
  async #inSlices<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
    const { clock, signal } = this.#options;
    const slice = slices(clock);
    const left = items.values();
    const worker = async () => {
      for (const item of left) {
        if (signal.aborted) return;
        await work(item);
        await slice();
      }
    };
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, items.length) }, worker));
  }

  #planFollowup(): void {
    if (this.#followupPlanned) return;
    this.#followupPlanned = true;
    const { clock, signal } = this.#options;
    void clock.sleep(FOLLOWUP_MS, signal).then(() => {
      this.#followupPlanned = false;
      if (!signal.aborted) this.#listing.request();
    });
  }

  async #writeFollowup(): Promise<void> {
    const { files, clock, books, base } = this.#options;
    const text = followupText(books.index, clock.now(), this.#options.staleAfterMs());
    for (const path of this.#options.followupPaths()) {
      const target = join(base, path);
      const isGone = this.#listed.has(path) && !this.#isThere(target);
      files.makeFolders(join(target, ".."), 0o755);
      await this.#options.writeView(files, target, text);
      this.#listed.add(path);
      if (isGone) this.#tellHealed(path, "the list of orders written again");
    }
  }

  /** A disk that refuses a view loses nothing: it is written again at the next chance. */
  #guarded(work: () => Promise<void>): Promise<void> {
    return tryAndLog(this.#options.log, "view_refused", work);
  }
}

/** Of a stamp. */
function folderOf(stamp: string): string {
  return stamp.slice(0, stamp.lastIndexOf(":"));
}

function seqIn(bytes: Buffer): number | undefined {
  const state = parseJson(bytes.toString("utf8"));
  const meta = isRecord(state) ? state["meta"] : undefined;
  return isRecord(meta) && typeof meta["ledger_seq"] === "number" ? meta["ledger_seq"] : undefined;
}
