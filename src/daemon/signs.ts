/** The last sign of life of each worker. */
import { isoTime } from "../platform/clock.ts";
import { type Agent, reportOf } from "../records/agents.ts";
import type { Books } from "../records/books.ts";

export class Signs {
  readonly #last = new Map<Agent, string>();

  /** Listens to everything that is recorded. */
  constructor(books: Books) {
    books.listen((entry) => this.#last.set(reportOf(entry).agent, entry.ts));
  }

  /** A worker did something that is no event. */
  show(agent: Agent, nowMs: number): void {
    this.#last.set(agent, isoTime(nowMs));
  }

  /** ISO time; "" before the first sign. */
  lastOf(agent: Agent): string {
    return this.#last.get(agent) ?? "";
  }
}
