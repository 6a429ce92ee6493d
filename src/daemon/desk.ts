/**
 * What a person may do with orders: let one go, stop one, try one again, accept a configuration. The same code whether a
 * daemon runs or a command holds the base's locks for a moment.
 */
import { isResting } from "../orders/status.ts";
import { EXIT } from "../platform/errors.ts";
import type { Books } from "../records/books.ts";
import type { OrderRecord } from "../records/order-record.ts";
import { approvalOf, troubleOf } from "../records/state-file.ts";
import type { Dispatch, Passed } from "./dispatch.ts";
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
  readonly dispatch: Dispatch;
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

  /** Lets waiting orders go; those that wait for their lane go to `lane`, or where they ask to go. */
  approve(ids: readonly string[], by: string, lane?: string): Promise<readonly DeskResult[]> {
    const { dispatch } = this.#options;
    return this.#each(ids, async (record) => {
      if (record.status !== "waiting") return refused(record, `it does not wait: it is ${record.status}`);
      if (dispatch.holds(record)) return passedResult(record, await dispatch.passOn(record.id, { by, lane }));
      if (lane !== undefined) return refused(record, `it has its lane already: ${record.lane}`, approvalOf(record));
      if (record.fileActions + record.commands === 0) {
        return refused(
          record,
          "nothing in it can be carried out by a machine: approving it would change nothing",
          `wo cancel ${record.id}`,
        );
      }
      const missing = this.#mayLack(record) ? await this.#missing(record) : undefined;
      if (missing !== undefined) return missing;
      const now = await this.#go(record, { event: "wo_approved", wo_id: record.id, lane: record.lane, by });
      return done(now, "approved", `wo wait ${record.id}`);
    });
  }

  /** Another attempt at orders that failed or were canceled. */
  retry(ids: readonly string[], by: string): Promise<readonly DeskResult[]> {
    const { dispatch } = this.#options;
    return this.#each(ids, async (record) => {
      if (record.status !== "failed" && record.status !== "canceled") {
        return refused(record, `only what failed or was canceled is tried again: it is ${record.status}`);
      }
      const { status } = record;
      return this.#withContents(record, async () => {
        if (dispatch.holds(record)) return passedResult(record, await dispatch.retry(record, status, by));
        const missing = this.#mayLack(record) ? await this.#missing(record) : undefined;
        if (missing !== undefined) return missing;
        const now = await this.#go(record, { event: "wo_retried", wo_id: record.id, lane: record.lane, by });
        return now.status === "waiting"
          ? done(now, now.waiting?.message ?? "waits", `wo show ${record.id}`)
          : done(now, "will be tried again", `wo wait ${record.id}`);
      });
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

  /** Does something with an order at rest that needs what it was read from; while it does, none of that is pruned. */
  async #withContents(record: OrderRecord, work: () => Promise<DeskResult>): Promise<DeskResult> {
    const { books } = this.#options;
    const { source, plan } = books.blobsOf(record);
    if (source.some((hash) => !books.vault.has(hash)))
      return refused(
        record,
        "what it was read from is no longer in the vault: it cannot be tried again",
        `wo show ${record.id}`,
      );
    return books.vault.hold([...source, ...plan], work);
  }

  /** Asked first, and in the same turn: what needs no look is decided at once. */
  #mayLack({ commands, dryRun, lane }: OrderRecord): boolean {
    return commands > 0 && !dryRun && this.#options.sandbox.missing(lane) !== undefined;
  }

  /** A refusal where the lane requires a sandbox and there is still none: nobody's word runs a command without. */
  async #missing(record: OrderRecord): Promise<DeskResult | undefined> {
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
    return books.index.get(record.id) ?? now;
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

function passedResult(record: OrderRecord, passed: Passed): DeskResult {
  const { id } = record;
  const next = `wo approve ${id} --lane LANE`;
  switch (passed.kind) {
    case "passed": {
      const { lane, status } = passed.record;
      if (status === "pending") return done(record, `passed on to ${lane}`, `wo wait ${id}`);
      const there = `passed on to ${lane}, where it ${troubleOf(passed.record)}`;
      return done(record, there, approvalOf(passed.record) ?? `wo show ${id}`);
    }
    case "no lane":
      return { id, ok: false, message: `it waits for its lane: ${passed.message}`, exit: EXIT.refused, next };
    case "refused":
      return refused(record, passed.message, record.status === "waiting" ? next : undefined);
    case "gone":
      return refused(record, "somebody else decided about it in the same moment");
  }
}

function done(record: OrderRecord, message: string, next: string): DeskResult {
  return { id: record.id, ok: true, message, exit: EXIT.yes, next };
}

function refused(record: OrderRecord, message: string, next?: string): DeskResult {
  const trouble = troubleOf(record);
  const shown = trouble === "" ? message : `${message} (${trouble})`;
  return { id: record.id, ok: false, message: shown, exit: EXIT.refused, next: next ?? `wo show ${record.id}` };
}
