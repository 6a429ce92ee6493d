/**
 * Sees to it that whoever dropped an order has its acknowledgement and its result. What the disk has refused is given in
 * one of the next rounds; what may have gone with a wiped tree is looked for, order by order, and given again. What
 * somebody has fetched and removed does not come back.
 */
import type { Outbox } from "../bridge/outbox.ts";
import { isResting } from "../orders/status.ts";
import { Drain } from "../platform/drain.ts";
import type { Files } from "../platform/files.ts";
import type { Log } from "../platform/log.ts";
import type { Books } from "../records/books.ts";
import type { OrderRecord } from "../records/order-record.ts";
import { tryAndLog } from "./failures.ts";

export interface AnswersOptions {
  readonly files: Files;
  readonly log: Log;
  readonly books: Books;
  readonly outbox: Outbox;
  /** Works on many items at once, and gives way to others in between; ends early while the daemon stops. */
  readonly onEach: <T>(items: readonly T[], work: (item: T) => Promise<void>) => Promise<void>;
  readonly onFatal: (error: unknown) => void;
}

export class Answers {
  readonly #options: AnswersOptions;
  /** Ids of orders whose acknowledgement or result may be missing. */
  readonly #doubtful = new Set<string>();
  /** Ids of orders whose acknowledgement is on its way. */
  readonly #acknowledging = new Set<string>();
  readonly #giving = new Drain(() => this.#giveAll());
  #isMarked = false;
  #marking: Promise<void> = Promise.resolve();

  constructor(options: AnswersOptions) {
    this.#options = options;
  }

  /** Goes on where an earlier life was looking through all orders. */
  start(): void {
    this.#isMarked = this.#options.files.info(this.#mark) !== undefined;
    if (this.#isMarked) this.#doubtAll();
  }

  /** The tree was wiped: all answers that were given by now are looked for, by the next life if this one ends before. */
  wiped(): void {
    const { files, log, books, onFatal } = this.#options;
    this.#doubtAll();
    if (!this.#isMarked) {
      this.#isMarked = true;
      // COMMIT POINT: from here on no end of the daemon leaves one out.
      this.#marking = tryAndLog(log, "view_refused", () => files.replace(this.#mark, "", 0o600)).catch(onFatal);
    }
    // Of the others the state comes first.
    void this.#giveEach(books.index.open.map(({ id }) => id));
  }

  /** Gives what is missing of the doubtful ones, in the background. */
  look(): void {
    if (this.#doubtful.size > 0 || this.#isMarked) this.#giving.request();
  }

  /** Rejects with what the disk says; it is given again then. */
  async acknowledge(record: OrderRecord): Promise<void> {
    this.#acknowledging.add(record.id);
    try {
      await this.#orAgain(record.id, () => this.#options.outbox.acknowledge(record));
    } finally {
      this.#acknowledging.delete(record.id);
    }
  }

  /** The result of an order at rest. Rejects with what the disk says; it is given again then. */
  report(record: OrderRecord): Promise<void> {
    return this.#orAgain(record.id, () => this.#options.outbox.report(record));
  }

  get #mark(): string {
    return this.#options.books.vault.answersMark;
  }

  #doubtAll(): void {
    for (const { id } of this.#options.books.index.summaries()) this.#doubtful.add(id);
  }

  async #giveAll(): Promise<void> {
    const { files, log } = this.#options;
    await this.#giveEach([...this.#doubtful]);
    await this.#marking;
    if (this.#doubtful.size > 0 || !this.#isMarked) return;
    await tryAndLog(log, "view_refused", async () => {
      files.remove(this.#mark);
      this.#isMarked = false;
    });
  }

  #giveEach(ids: readonly string[]): Promise<void> {
    const { log, onEach } = this.#options;
    return onEach(ids, (id) => tryAndLog(log, "view_refused", () => this.#give(id)));
  }

  async #give(id: string): Promise<void> {
    const { books, files, outbox } = this.#options;
    // What is on its way may have gone into the folder that was wiped: the next round knows.
    if (this.#acknowledging.has(id)) return;
    this.#doubtful.delete(id);
    await this.#orAgain(id, async () => {
      const record = books.index.get(id);
      if (record === undefined) return;
      if (!outbox.isAcknowledged(files, record)) await this.acknowledge(record);
      if (isResting(record.status) && !outbox.isReported(files, record)) await this.report(record);
    });
  }

  /** What the disk refuses is done again in one of the next rounds. */
  async #orAgain(id: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (thrown) {
      this.#doubtful.add(id);
      throw thrown;
    }
  }
}
