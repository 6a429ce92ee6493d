/**
 * What a person may do with orders: let one go, stop one, try one again, accept a configuration. The same code whether a
 * daemon runs or a command holds the base's locks for a moment.
 */
import { isResting } from "../orders/status.ts";
import { EXIT } from "../platform/errors.ts";
import type { Books } from "../records/books.ts";
import type { OrderRecord } from "../records/order-record.ts";
import { troubleOf } from "../records/state-file.ts";
import type { Line } from "./line.ts";
import type { Sandbox } from "./sandbox.ts";
import type { Settings } from "./settings.ts";

/** How one order fared. `exit` is what a command that was about this order alone ends with. */
export interface DeskResult {
  readonly id: string;
  readonly ok: boolean;
  readonly message: string;
  readonly exit: number;
  /** What to type next. */
  readonly next?: string;
}

export interface DeskOptions {
  readonly books: Books;
  readonly line: Line;
  readonly settings: Settings;
  readonly sandbox: Sandbox;
  /** False while a command holds the locks: then nothing runs, and what runs cannot be reached. */
  readonly isDaemon: boolean;
}

export class Desk {
  readonly #options: DeskOptions;

  constructor(options: DeskOptions) {
    this.#options = options;
  }

  /** Lets waiting orders go. */
  approve(ids: readonly string[], by: string): Promise<readonly DeskResult[]> {
    return this.#each(ids, async (record) => {
      if (record.status !== "waiting") return refused(record, `it does not wait: it is ${record.status}`);
      if (record.fileActions + record.commands === 0) {
        return refused(
          record,
          "nothing in it can be carried out by a machine: approving it would change nothing",
          `wo cancel ${record.id}`,
        );
      }
      const missing = await this.#missing(record);
      if (missing !== undefined) return missing;
      const now = await this.#go(record, { event: "wo_approved", wo_id: record.id, lane: record.lane, by });
      return done(now, "approved", `wo wait ${record.id}`);
    });
  }

  /** Another attempt at orders that failed or were canceled. */
  retry(ids: readonly string[], by: string): Promise<readonly DeskResult[]> {
    return this.#each(ids, async (record) => {
      if (record.status !== "failed" && record.status !== "canceled") {
        return refused(record, `only what failed or was canceled is tried again: it is ${record.status}`);
      }
      const missing = await this.#missing(record);
      if (missing !== undefined) return missing;
      const now = await this.#go(record, { event: "wo_retried", wo_id: record.id, lane: record.lane, by });
      return done(now, "will be tried again", `wo wait ${record.id}`);
    });
  }

  /** Stops orders that are not at rest: between two steps, its running command is ended. */
  cancel(ids: readonly string[], by: string, reason: string): Promise<readonly DeskResult[]> {
    return this.#each(ids, async (record) => {
      if (isResting(record.status))
        return refused(record, `it is at rest already: ${record.status}`, `wo show ${record.id}`);
      if (record.status === "running" && !this.#options.isDaemon) {
        const message = "it was running when the daemon ended: only a daemon can tell how far it got";
        return { id: record.id, ok: false, message, exit: EXIT.daemonNeeded, next: "wo daemon start" };
      }
      await this.#options.line.cancel(record, by, reason);
      return done(record, "canceled", `wo retry ${record.id}`);
    });
  }

  /** A refusal where the lane requires a sandbox and there is still none: nobody's word runs a command without. */
  async #missing(record: OrderRecord): Promise<DeskResult | undefined> {
    if (record.commands === 0 || record.dryRun) return undefined;
    const reason = await this.#options.sandbox.missingNow(record.lane);
    return reason === undefined
      ? undefined
      : { id: record.id, ok: false, message: reason, exit: EXIT.refused, next: `wo show ${record.id}` };
  }

  /** Records that a person let the order go on, and puts it on the line. */
  async #go(record: OrderRecord, event: Parameters<Books["append"]>[0][number]): Promise<OrderRecord> {
    const { books, line } = this.#options;
    await books.append([event]);
    const now = books.index.get(record.id) ?? record;
    await line.resume(now);
    return now;
  }

  async #each(
    ids: readonly string[],
    work: (record: OrderRecord) => Promise<DeskResult>,
  ): Promise<readonly DeskResult[]> {
    const results: DeskResult[] = [];
    for (const id of new Set(ids)) {
      const record = this.#options.books.index.get(id);
      results.push(record === undefined ? unknownOrder(id) : await work(record));
    }
    return results;
  }
}

export function unknownOrder(id: string): DeskResult {
  return { id, ok: false, message: "no order has this id", exit: EXIT.usage, next: "wo status" };
}

function done(record: OrderRecord, message: string, next: string): DeskResult {
  return { id: record.id, ok: true, message, exit: EXIT.yes, next };
}

function refused(record: OrderRecord, message: string, next?: string): DeskResult {
  const trouble = troubleOf(record);
  const shown = trouble === "" ? message : `${message} (${trouble})`;
  return { id: record.id, ok: false, message: shown, exit: EXIT.refused, next: next ?? `wo show ${record.id}` };
}
