/**
 * What happens to one order, on its way to the ledger. Events that nobody has to know before the next step may wait for
 * it: accepting an order, starting it and planning its files become one append, one barrier.
 */
import { assert } from "../platform/errors.ts";
import type { Books } from "../records/books.ts";
import type { Event } from "../records/events.ts";
import type { OrderRecord } from "../records/order-record.ts";

export class Journal {
  readonly #books: Books;
  readonly #orderId: string;
  readonly #onFirst: () => void;
  #waiting: readonly Event[];
  #isFirst = true;

  /** `first` are events of the order that are not durable yet, its acceptance for one; `onFirst` is told when they are. */
  constructor(books: Books, orderId: string, first: readonly Event[], onFirst: () => void) {
    this.#books = books;
    this.#orderId = orderId;
    this.#waiting = first;
    this.#onFirst = onFirst;
  }

  /** Told with the next commit. */
  add(event: Event): void {
    this.#waiting = [...this.#waiting, event];
  }

  /** Makes these events, and those that wait, durable. Throws DISK_FULL: the order then goes on from the ledger. */
  async commit(...events: readonly Event[]): Promise<OrderRecord> {
    const all = [...this.#waiting, ...events];
    this.#waiting = [];
    await this.#books.append(all);
    if (this.#isFirst) this.#onFirst();
    this.#isFirst = false;
    const record = this.#books.index.get(this.#orderId);
    assert(record !== undefined, "an order whose events are in the ledger is in the index");
    return record;
  }
}
