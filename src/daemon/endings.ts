/** What comes behind the second commit point: an order's result, its state, its file. It may be done any number of times. */
import type { Settler } from "../bridge/settle.ts";
import { unpackOperations } from "../orders/operations-file.ts";
import { isResting, type WaitReason } from "../orders/status.ts";
import { assert } from "../platform/errors.ts";
import type { Files } from "../platform/files.ts";
import type { Books } from "../records/books.ts";
import type { Event } from "../records/events.ts";
import { type OrderRecord, orderKey } from "../records/order-record.ts";
import { readEntryAt } from "../records/segments.ts";
import type { Views } from "./views.ts";

export interface EndingsOptions {
  readonly files: Files;
  readonly books: Books;
  readonly settler: Settler;
  readonly views: Views;
  /** Does it when there is room for it; undefined where it is left for the next start. */
  readonly withRoom: <T>(work: () => Promise<T>) => Promise<T | undefined>;
}

export class Endings {
  readonly #options: EndingsOptions;
  /** Orders that are being finished once more. */
  readonly #finishing = new Map<string, Promise<void>>();

  constructor(options: EndingsOptions) {
    this.#options = options;
  }

  /** Of an order that has just come to rest. */
  async finishNow(id: string): Promise<void> {
    const { books } = this.#options;
    const record = books.index.get(id);
    assert(record !== undefined && isResting(record.status), "an order that is finished is at rest");
    const settled = await this.#settle(record);
    if (settled !== undefined) books.note(settled);
  }

  /** Of one that came to rest before: whoever asks while that is done comes behind it, and finds where the file is. */
  async finish({ id }: OrderRecord): Promise<void> {
    const key = orderKey(id);
    const before = this.#finishing.get(key) ?? Promise.resolve();
    const finishing = before.then(() => this.#finishAgain(id));
    this.#finishing.set(key, finishing);
    await finishing.finally(() => {
      if (this.#finishing.get(key) === finishing) this.#finishing.delete(key);
    });
  }

  /** An order that was let go by a person waits once more, its file where files of waiting orders lie. */
  async waitAgain(id: string, wait: { readonly reason: WaitReason; readonly message: string }): Promise<Event> {
    const { books, settler, withRoom } = this.#options;
    const record = books.index.get(id);
    assert(record !== undefined, "an order that waits again is known");
    const event: Event = { event: "wo_waiting", wo_id: id, lane: record.lane, ...wait };
    await withRoom(async () => {
      await settler.takeBack(record);
      await books.append([event]);
    });
    return event;
  }

  async #finishAgain(id: string): Promise<void> {
    const { books, withRoom } = this.#options;
    const record = books.index.get(id);
    if (record === undefined || !isResting(record.status)) return;
    const settled = await this.#settle(record);
    // Not noted: the next one has to know.
    if (settled !== undefined) await withRoom(() => books.append([settled]));
  }

  async #settle(record: OrderRecord): Promise<Event | undefined> {
    const { files, books, settler, views, withRoom } = this.#options;
    const published = views.publish(record);
    const to = await withRoom(() => settler.settle(record, () => dropOf(files, books, record)));
    await published;
    return to === undefined ? undefined : { event: "wo_settled", wo_id: record.id, lane: record.lane, to };
  }
}

/** The order's file as it was dropped, out of the ledger. */
export function dropOf(files: Files, books: Books, record: OrderRecord): Buffer {
  const source = sourceOf(files, books, record);
  return record.dropSha256 === undefined ? source : (unpackOperations(source)?.order ?? source);
}

/** All that the order was read from, out of the ledger. */
export function sourceOf(files: Files, books: Books, record: OrderRecord): Buffer {
  const entry = readEntryAt(files, books.vault.ledger, record.acceptedAt);
  assert(entry?.event === "wo_accepted" && entry.wo_id === record.id, "a record knows where its acceptance is");
  return books.vault.load(entry.source);
}
