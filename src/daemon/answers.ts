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
import { parseJson } from "../platform/result.ts";
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

/** Whose answers may be missing; "all" of those that were known when it was written. */
type Mark = "none" | "all" | readonly string[];

/** More than these are all. */
const NAMED_MAX = 1000;
const MARK_BYTES_MAX = 1024 * 1024;

export class Answers {
  readonly #options: AnswersOptions;
  /** Ids of orders whose acknowledgement or result may be missing. */
  readonly #doubtful = new Set<string>();
  /** Of those, the ones that are looked at just now. */
  readonly #inHand = new Set<string>();
  /** Ids of orders whose acknowledgement is on its way. */
  readonly #acknowledging = new Set<string>();
  readonly #giving = new Drain(() => this.#giveAll());
  readonly #marking = new Drain(() => this.#writeMark());
  /** What the vault is to say for the next life, and what it says. */
  #wanted: Mark = "none";
  #marked: Mark = "none";

  constructor(options: AnswersOptions) {
    this.#options = options;
  }

  /** Goes on where an earlier life was looking. */
  start(): void {
    const { files, books } = this.#options;
    const reading = files.peek(books.vault.answersMark, MARK_BYTES_MAX);
    if (reading.kind === "absent") return;
    const ids = reading.kind === "file" ? idsIn(reading.bytes) : undefined;
    this.#marked = ids ?? "all";
    this.#wanted = this.#marked;
    if (ids === undefined) this.#doubtAll();
    else for (const id of ids) this.#doubtful.add(id);
  }

  /** The tree was wiped: all answers that were given by now are looked for, by the next life if this one ends before. */
  wiped(): void {
    const { books, onFatal } = this.#options;
    this.#doubtAll();
    this.#wanted = "all";
    this.#marking.request();
    // Of the others the state comes first.
    this.#giveEach(books.index.open.map(({ id }) => id)).catch(onFatal);
  }

  /** Gives what is missing of the doubtful ones, in the background. */
  look(): void {
    if (this.#marked !== this.#wanted) this.#marking.request();
    if (this.#doubtful.size > 0 || this.#wanted !== "none") this.#giving.request();
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

  #doubtAll(): void {
    for (const { id } of this.#options.books.index.summaries()) this.#doubtful.add(id);
  }

  async #giveAll(): Promise<void> {
    const ids = [...this.#doubtful];
    const tried = await this.#giveEach(ids);
    // Cut short by the daemon's end: the mark is right as it is.
    if (this.#wanted === "none" || tried < ids.length) return;
    const left = [...new Set([...this.#doubtful, ...this.#inHand])];
    // What the disk refuses for ever must not have all others looked through at every start.
    if (left.length === 0) this.#wanted = "none";
    else if (left.length <= NAMED_MAX && left.join() !== String(this.#wanted)) this.#wanted = left;
    if (this.#marked !== this.#wanted) this.#marking.request();
  }

  /** How many were tried. */
  async #giveEach(ids: readonly string[]): Promise<number> {
    const { log, onEach } = this.#options;
    let tried = 0;
    await onEach(ids, async (id) => {
      await tryAndLog(log, "view_refused", () => this.#give(id));
      tried += 1;
    });
    return tried;
  }

  async #give(id: string): Promise<void> {
    const { books, files, outbox } = this.#options;
    // What is on its way may have gone into the folder that was wiped: the next round knows.
    if (this.#acknowledging.has(id) || this.#inHand.has(id)) return;
    this.#doubtful.delete(id);
    this.#inHand.add(id);
    try {
      await this.#orAgain(id, async () => {
        const record = books.index.get(id);
        if (record === undefined) return;
        if (!outbox.isAcknowledged(files, record)) await this.acknowledge(record);
        if (isResting(record.status) && !outbox.isReported(files, record)) await this.report(record);
      });
    } finally {
      this.#inHand.delete(id);
    }
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

  async #writeMark(): Promise<void> {
    const { files, log, books, onFatal } = this.#options;
    const path = books.vault.answersMark;
    const wanted = this.#wanted;
    const writing = tryAndLog(log, "view_refused", async () => {
      // COMMIT POINT: from here on no end of the daemon leaves one out.
      if (wanted === "none") files.remove(path);
      else await files.replace(path, JSON.stringify(wanted), 0o600);
      this.#marked = wanted;
    });
    await writing.catch(onFatal);
  }
}

/** Undefined for all, also where it cannot be told. */
function idsIn(bytes: Buffer): readonly string[] | undefined {
  const value = parseJson(bytes.toString("utf8"));
  return Array.isArray(value) && value.every((one) => typeof one === "string") ? value : undefined;
}
