/**
 * Keeps every view in the tree as the ledger has it: state files, telemetry, the dashboard's list, the outbox. Views are
 * written after the fact, never waited for, and written again when they vanish: the tree is disposable.
 */
import { join } from "node:path";
import type { Outbox } from "../bridge/outbox.ts";
import { isResting } from "../orders/status.ts";
import { sweepView } from "../platform/atomic-write.ts";
import { type Clock, slices } from "../platform/clock.ts";
import { Delay, Drain } from "../platform/drain.ts";
import type { Files } from "../platform/files.ts";
import type { Log } from "../platform/log.ts";
import type { Publisher } from "../platform/publisher.ts";
import type { System } from "../platform/system.ts";
import type { Books } from "../records/books.ts";
import { followupText } from "../records/followup.ts";
import type { OrderRecord } from "../records/order-record.ts";
import type { Telemetry } from "../records/telemetry.ts";
import { Answers } from "./answers.ts";
import { tryAndLog } from "./failures.ts";
import { ABSENT, folderOf, stampOf } from "./folder-stamp.ts";
import { StateFiles, type StateFilesOptions } from "./state-files.ts";

const STATES = "g/followup/state";
const OUTBOX = "bridge/outbox";
const FOLLOWUP_MS = 1000;
/** Files on their way at the same time: several of the batches that the publisher makes of them. */
const AT_ONCE = 256;

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
  readonly #options: ViewsOptions;
  readonly #states: StateFiles;
  readonly #answers: Answers;
  readonly #listing = new Drain(() => this.#guarded(() => this.#writeFollowup()));
  readonly #listingSoon: Delay;
  /** Lists that this life has written. */
  readonly #listed = new Set<string>();
  /** The folder of all answers, as it was last seen. */
  #outboxFolder = "";

  constructor(options: ViewsOptions) {
    this.#options = options;
    this.#listingSoon = new Delay(options, FOLLOWUP_MS, () => this.#listing.request());
    const onEach: StateFilesOptions["onEach"] = (items, work) => this.#inSlices(items, work);
    this.#answers = new Answers({ ...options, onEach });
    this.#states = new StateFiles({
      ...options,
      folder: join(options.base, STATES),
      onEach,
      onWiped: () => this.#answers.wiped(),
      onHealed: (what) => this.#tellHealed(STATES, what),
    });
    options.books.listen((entry, record) => {
      options.telemetry.push([entry]);
      if (record === undefined || entry.event === "wo_settled") return;
      this.#listingSoon.request();
      this.#states.touch(record);
    });
  }

  /** State files that are behind, and entries that telemetry is behind. */
  get behind(): number {
    return this.#states.behind + this.#options.telemetry.behind;
  }

  /** When a state file was last written, in wall milliseconds; for `wo status`. */
  get lastWriteMs(): number {
    return this.#states.lastWriteMs;
  }

  /** Begins: catches up what is missing, in the background. */
  start(): void {
    this.#states.start();
    for (const path of this.#options.followupPaths()) sweepView(this.#options.files, join(this.#options.base, path));
    this.#options.telemetry.start(this.#options.books.headSeq);
    this.#answers.start();
    this.#lookAtOutbox();
    this.rescan();
    this.#listingSoon.request();
  }

  /** The result of an order at rest, for whoever waits for it; then its state. */
  async publish(record: OrderRecord): Promise<void> {
    await this.#guarded(async () => {
      const reported = isResting(record.status) ? this.#answers.report(record) : undefined;
      await Promise.all([reported, this.#states.write(record)]);
    });
  }

  /** The acknowledgement of an accepted order. */
  async acknowledge(record: OrderRecord): Promise<void> {
    await this.#guarded(() => this.#answers.acknowledge(record));
  }

  /** Looks whether views have vanished, and writes them again. */
  rescan(): void {
    this.#options.telemetry.flush();
    const lists = this.#options.followupPaths().map((path) => join(this.#options.base, path));
    if (!lists.every((path) => this.#isThere(path))) this.#listingSoon.request();
    // State files first: what is looked at by people and programs all the time.
    const restored = this.#guarded(() => this.#states.rescan());
    this.#lookAtOutbox();
    void restored.then(() => this.#answers.look()).catch(this.#options.onFatal);
  }

  /** Writes every view again, whatever is there. */
  async rebuild(): Promise<{ readonly states: number; readonly results: number }> {
    const summaries = [...this.#options.books.index.summaries()];
    await this.#inSlices(summaries, async (summary) => {
      const record = this.#options.books.index.get(summary.id);
      if (record === undefined) return;
      await this.#states.write(record);
      await this.#options.outbox.acknowledge(record);
      if (isResting(record.status)) await this.#options.outbox.report(record);
    });
    await this.#writeFollowup();
    await this.#options.telemetry.settled();
    return { states: summaries.length, results: summaries.filter(({ status }) => isResting(status)).length };
  }

  /** Compares the content of every state file with the ledger, slowly. */
  checkContents(pauseMs: number): Promise<void> {
    return this.#states.checkContents(pauseMs);
  }

  /** Writes what is behind; resolves when it is written, or the disk has refused it. */
  async flush(): Promise<void> {
    const written = this.#states.flush();
    // Asked for once more also while one is written: that one may not know the last entries.
    this.#listing.request();
    await Promise.all([written, this.#listing.settled()]);
    await this.#options.telemetry.settled();
    this.#options.telemetry.close();
  }

  /** An outbox that is gone, or another one than before, has lost what was in it, also where it went by itself. */
  #lookAtOutbox(): void {
    const { files, base } = this.#options;
    const folder = join(base, OUTBOX);
    const seen = () => folderOf(stampOf(files, folder));
    const now = seen();
    const isLost = this.#outboxFolder !== "" && now !== this.#outboxFolder;
    this.#outboxFolder = now === folderOf(ABSENT) ? "" : now;
    if (!isLost) return;
    if (this.#outboxFolder === "") {
      files.makeFolders(folder, 0o755);
      this.#outboxFolder = seen();
    }
    this.#answers.wiped();
    this.#tellHealed(OUTBOX, "made again; its answers are given again");
  }

  #tellHealed(path: string, what: string): void {
    this.#options.telemetry.notice({ event: "wo_pipeline_drift", missing: path, reason: "missing" });
    this.#options.telemetry.notice({ event: "wo_pipeline_healed", path, what });
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
