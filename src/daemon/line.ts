/**
 * THE LINE: how an order travels from the inbox to rest. Read this first.
 *
 *   claim ─► order or problems ─► wo_accepted ─► attempt (files, commands, checks) ─► wo_completed|wo_failed ─► settle
 *                                COMMIT POINT 1                                       COMMIT POINT 2
 *
 * Before the first commit point the file is somebody's drop: after a crash it is taken in again. Between the two the
 * order is ours: after a crash it goes on where the ledger says it is. Behind the second it is finished: what is left is
 * to move its file and to tell people, which may be done any number of times.
 */
import { dropInfo, isRemnant, writeDrop } from "../bridge/folder-drop.ts";
import type { Claim, ReadOrder } from "../bridge/intake.ts";
import { signatureOf, stemOf } from "../bridge/names.ts";
import type { Outbox } from "../bridge/outbox.ts";
import type { Settler } from "../bridge/settle.ts";
import { PROSE, runsCommands } from "../orders/lane-rules.ts";
import { isProse, type Order } from "../orders/order.ts";
import type { Problem } from "../orders/problems.ts";
import { type Failure, isResting } from "../orders/status.ts";
import type { Clock } from "../platform/clock.ts";
import { assert, BridgeError, InvariantError, messageOf } from "../platform/errors.ts";
import type { Files } from "../platform/files.ts";
import type { Log } from "../platform/log.ts";
import { ok, type Result } from "../platform/result.ts";
import { endStep } from "../processors/executor.ts";
import type { Place } from "../processors/places.ts";
import type { Books } from "../records/books.ts";
import type { Event } from "../records/events.ts";
import { type OrderRecord, orderKey } from "../records/order-record.ts";
import { type AttemptEnd, type AttemptTools, attemptOrder, type Wishes } from "./attempt.ts";
import { dropOf, Endings, sourceOf } from "./endings.ts";
import { failureOf, interruptedEnd, isVanished, stackOf } from "./failures.ts";
import { Journal } from "./journal.ts";
import { findPlaces } from "./judging.ts";
import { type Job, Lanes } from "./lanes.ts";
import { isPressure, type Pressure } from "./pressure.ts";
import type { Reception } from "./reception.ts";
import { acknowledgeAgain, rejectClaim } from "./refusals.ts";
import type { Views } from "./views.ts";

/** How often an order that says `on_interrupt: retry` is begun again after its command's end was lost. */
const INTERRUPT_TRIES = 3;
const VANISHED_TRIES = 3;

export interface LineOptions extends AttemptTools {
  readonly files: Files;
  readonly clock: Clock;
  readonly log: Log;
  readonly books: Books;
  readonly reception: Reception;
  readonly readOrder: ReadOrder;
  readonly settler: Settler;
  readonly outbox: Outbox;
  readonly views: Views;
  readonly pressure: Pressure;
  /** Why the lane's commands must not run now, if so. */
  readonly noSandbox: (lane: string) => string | undefined;
  readonly concurrency: () => number;
  readonly laneConcurrency: (lane: string) => number;
  /** Told when a person may have to look. */
  readonly onNews: (event: Event) => void;
  /** A bug, or a disk that lies: the process has to end. */
  readonly onFatal: (error: unknown) => void;
}

export class Line {
  readonly #options: LineOptions;
  readonly #lanes: Lanes;
  readonly #wishes = new Map<string, Wishes>();
  /** Orders whose end is on its way into the ledger, and behind it. */
  readonly #completing = new Map<string, Promise<void>>();
  readonly #endings: Endings;
  /** Orders whose cancel is on its way into the ledger. */
  readonly #canceling = new Set<string>();
  #leaving = false;

  constructor(options: LineOptions) {
    this.#options = options;
    this.#endings = new Endings({ ...options, withRoom: (work) => this.withRoom(work) });
    this.#lanes = new Lanes({ ...options, run: (job) => this.#carryOut(job).catch(options.onFatal) });
  }

  get lanes(): Pick<Lanes, "waiting" | "running"> {
    return this.#lanes;
  }

  /** A claimed file becomes an order, or goes where it belongs. */
  async takeIn(claim: Claim): Promise<void> {
    const admission = await this.withRoom(() => this.#options.reception.admit(claim));
    if (admission === undefined) return;
    switch (admission.kind) {
      case "rejected": {
        const { problems, id, tellable = claim } = admission;
        return this.withRoom(() => rejectClaim(this.#options, tellable, problems, id));
      }
      case "duplicate":
        return this.withRoom(() => acknowledgeAgain(this.#options, admission.tellable ?? claim, admission.of));
      case "own":
        return this.withRoom(() => this.#takeBack(claim, admission.record));
      case "new":
        break;
    }
    const { order, accepted, wait, places } = admission;
    assert(order.operationsFile?.isRead !== false, "an order that is taken has all of its operations");
    const { sizeBytes, modifiedMs } = claim.info;
    const source = { path: claim.path, sizeBytes, modifiedMs };
    const job: Job = {
      id: order.id,
      lane: accepted.lane,
      order,
      arrival: claim.claim,
      source,
      places,
      acceptance: [accepted],
    };
    // An order that may run at once carries its acceptance along to its first barrier.
    if (wait === undefined && this.#lanes.startNow(job)) return;
    const events: Event[] = wait === undefined ? [accepted] : [accepted, waiting(accepted, wait)];
    await this.withRoom(async () => {
      await this.#options.books.append(events); // COMMIT POINT 1
    });
    if (this.#options.books.index.summary(job.id) === undefined) return this.#options.reception.release(job.id);
    await this.#accepted(job);
    if (wait === undefined) this.#enqueue({ ...job, acceptance: [] });
  }

  /** The order as it was dropped, read again out of the ledger. */
  async orderOf(record: OrderRecord): Promise<Result<Order, readonly Problem[]>> {
    const { files, books } = this.#options;
    const reading = await this.#options.readOrder(sourceOf(files, books, record), stemOf(record.name));
    return reading.ok ? ok({ ...reading.value, id: record.id }) : reading;
  }

  /** Puts an order that the ledger has as pending or running back on the line, unless it is there; later where it cannot be read now. */
  async resume(record: OrderRecord): Promise<void> {
    try {
      await this.#resume(record);
    } catch (thrown) {
      if (!isPressure(thrown)) throw thrown;
      void this.withRoom(() => this.#resume(record)).catch(this.#options.onFatal);
    }
  }

  async #resume(record: OrderRecord): Promise<void> {
    const job = await this.#jobOf(record);
    const isThere = [...this.#lanes.waiting, ...this.#lanes.running].some(
      ({ id }) => orderKey(id) === orderKey(record.id),
    );
    if (job === undefined || isThere) return;
    // Let go by a person, it still cannot be carried out by a machine: it would be a success of nothing.
    if (isProse(job.order)) await this.#endings.waitAgain(job.id, { reason: "assignee", message: PROSE });
    else this.#enqueue(job);
  }

  /** Not what somebody canceled while the job was made: what is at rest must not be begun. */
  #enqueue(job: Job): void {
    const status = this.#options.books.index.summary(job.id)?.status;
    const mayRun = status === "pending" || status === "running";
    if (mayRun && !this.#canceling.has(orderKey(job.id))) this.#lanes.add(job);
  }

  /** Finishes what is left of an order at rest: its result, its state, its file. */
  finish(record: OrderRecord): Promise<void> {
    return this.#endings.finish(record);
  }

  /** Cancels an order; false when it is at rest already. A running one ends between two steps, its command is ended. */
  async cancel({ id }: OrderRecord, by: string, reason: string): Promise<boolean> {
    const key = orderKey(id);
    // Its end may be on its way to the ledger: then that is what it came to.
    await this.#completing.get(key);
    const record = this.#options.books.index.get(id);
    if (record === undefined || isResting(record.status)) return false;
    const wishes = this.#wishes.get(key);
    if (wishes !== undefined) {
      wishes.cancel = { by, reason };
      if (wishes.step !== undefined) await endStep(this.#options.executor, wishes.step);
      return true;
    }
    this.#lanes.remove(id);
    const { lane, attempt } = record;
    this.#canceling.add(key);
    await this.#options.books
      .append([{ event: "wo_canceled", wo_id: id, lane, attempt, by, reason }])
      .finally(() => this.#canceling.delete(key));
    await this.#endings.finishNow(id);
    return true;
  }

  /** Nothing new is begun; resolves when all that runs has ended or is left between two steps. */
  async leave(): Promise<void> {
    this.#leaving = true;
    this.#lanes.stop();
    for (const wishes of this.#wishes.values()) wishes.leaving = true;
    while (this.#wishes.size > 0) await this.#options.clock.sleep(10);
    await Promise.all(this.#completing.values());
  }

  /** Resolves when the lane is free for the next order. */
  async #carryOut(job: Job): Promise<void> {
    const { books, onFatal } = this.#options;
    const key = orderKey(job.id);
    const wishes: Wishes = { attempt: 1, vanished: 0, cancel: undefined, leaving: this.#leaving, step: undefined };
    this.#wishes.set(key, wishes);
    try {
      if (await this.#holdsBack(job)) return;
      for (let interrupted = 0; ; ) {
        const known = books.index.get(job.id);
        const tell = () => void this.#acceptedSoon(job).catch(onFatal);
        const isNew = known === undefined;
        const journal = new Journal(books, job.id, isNew ? job.acceptance : [], isNew ? tell : () => undefined);
        const end = await this.#attempt(job, journal, known, { wishes, anew: interrupted > 0 });
        if (end === "left") return;
        if (end === "again") continue;
        interrupted += end === "interrupted" ? 1 : 0;
        if (end === "interrupted" && job.order.onInterrupt === "retry" && interrupted < INTERRUPT_TRIES) continue;
        return this.#complete(job, journal, end === "interrupted" ? interruptedEnd(job, wishes.attempt) : end);
      }
    } finally {
      this.#wishes.delete(key);
    }
  }

  /** An order that was let go, and whose lane has come to require what is not there, waits again; true then. */
  async #holdsBack({ id, lane, order }: Job): Promise<boolean> {
    const { books, noSandbox, onNews } = this.#options;
    const message = runsCommands(order) ? noSandbox(lane) : undefined;
    if (message === undefined || books.index.get(id)?.status !== "pending") return false;
    onNews(await this.#endings.waitAgain(id, { reason: "no_sandbox", message }));
    return true;
  }

  /**
   * Hands the end of an order to the ledger and lets the lane go on: what the next order writes there comes behind it, so
   * no crash can keep the next one and lose this. The rest holds nobody up.
   */
  #complete(job: Job, journal: Journal, end: Event): void {
    const completing = this.#record(journal, end)
      // Without room to write it down the order is looked at again: what was done to its files is found done.
      .then((recorded) => (recorded ? this.#endings.finishNow(job.id) : this.#lanes.add(job)))
      .catch(this.#options.onFatal)
      .finally(() => this.#completing.delete(orderKey(job.id)));
    this.#completing.set(orderKey(job.id), completing);
  }

  /** One attempt. What the world does to it becomes a failure of the order; a full disk a pause, after it "again". */
  async #attempt(
    job: Job,
    journal: Journal,
    known: OrderRecord | undefined,
    { wishes, anew }: { readonly wishes: Wishes; readonly anew: boolean },
  ): Promise<AttemptEnd | "again"> {
    try {
      const end = await attemptOrder(this.#options, { job, journal, known, wishes, anew });
      if (end !== "left") await this.#cleanUp(job, wishes);
      return end;
    } catch (thrown) {
      const pressure = this.#pressureOf(thrown);
      if (pressure !== undefined) {
        await this.#options.pressure.relieved(pressure);
        return wishes.leaving ? "left" : "again";
      }
      // Somebody cleaned the tree meanwhile: the same plan makes its folders again.
      if (isVanished(thrown) && wishes.vanished < VANISHED_TRIES) {
        wishes.vanished += 1;
        return "again";
      }
      if (thrown instanceof InvariantError || (thrown instanceof BridgeError && thrown.code === "SYNC_FAILED"))
        throw thrown;
      await this.#cleanUp(job, wishes);
      this.#options.log.error("attempt_failed", { wo_id: job.id, message: messageOf(thrown), stack: stackOf(thrown) });
      return { event: "wo_failed", wo_id: job.id, lane: job.lane, attempt: wishes.attempt, ...failureOf(thrown) };
    }
  }

  /** Nothing of an attempt's temporary files is left when its end is told. */
  async #cleanUp({ id, order }: Job, { attempt }: Wishes): Promise<void> {
    if (runsCommands(order)) await this.#options.executor.temporary.remove(id, attempt);
  }

  /** Trouble that is waited out. A base that is not there is one: its volume may come back. */
  #pressureOf(thrown: unknown): BridgeError | undefined {
    if (isPressure(thrown)) return thrown;
    const { base } = this.#options.executor;
    if (!isVanished(thrown) || this.#options.files.info(base) !== undefined) return undefined;
    return new BridgeError("BASE_MISSING", `the base ${base} is gone`, { cause: thrown });
  }

  /** Writes down how the order ended; false when there was no room and it has to be looked at again. */
  async #record(journal: Journal, end: Event): Promise<boolean> {
    try {
      await journal.commit(end); // COMMIT POINT 2
    } catch (thrown) {
      if (!isPressure(thrown)) throw thrown;
      await this.#options.pressure.relieved(thrown);
      return false;
    }
    if (end.event !== "wo_completed") this.#options.onNews(end);
    return true;
  }

  /** The order is in the ledger: whoever dropped it is told, and what it supersedes is canceled. */
  async #accepted(job: Job): Promise<void> {
    const { books, reception, views, onNews } = this.#options;
    reception.release(job.id);
    const record = books.index.get(job.id);
    assert(record !== undefined, "an accepted order is in the index");
    await views.acknowledge(record);
    if (record.status === "waiting") onNews(waiting({ wo_id: record.id, lane: record.lane }, record.waiting));
    await this.supersede(record);
  }

  /** Cancels the order whose place this one takes, if there is one and it is not at rest. */
  async supersede({ id, supersedes }: OrderRecord): Promise<void> {
    const older = supersedes === undefined ? undefined : this.#options.books.index.get(supersedes);
    if (older === undefined) return;
    await this.withRoom(async () => {
      await this.cancel(older, id, `superseded by ${id}`);
    });
  }

  /** The same beside the order's attempt: it has its turn while that waits for the disk. */
  async #acceptedSoon(job: Job): Promise<void> {
    await this.#options.clock.breathe();
    await this.#accepted(job);
  }

  /** The file of an order that is known gets the name that the ledger has for it. */
  async #takeBack(claim: Claim, record: OrderRecord): Promise<void> {
    const { files, settler, books } = this.#options;
    if (claim.claim !== record.claim) {
      files.rename(signatureOf(claim.path), signatureOf(settler.claimPath(record)));
      files.rename(claim.path, settler.claimPath(record));
    }
    const now = books.index.get(record.id);
    if (now !== undefined && isResting(now.status)) await this.finish(now);
  }

  async #jobOf(record: OrderRecord): Promise<Job | undefined> {
    const { books, files, placeRules } = this.#options;
    const { id, lane, claim } = record;
    const reading = await this.orderOf(record);
    if (!reading.ok) {
      const failure: Failure = {
        class: "invalid",
        code: "unreadable",
        message: reading.error[0]?.message ?? "its source cannot be read",
      };
      await books.append([{ event: "wo_failed", wo_id: id, lane, attempt: Math.max(1, record.attempt), ...failure }]);
      await this.#endings.finishNow(id);
      return undefined;
    }
    const order = reading.value;
    const found = await findPlaces(files, order, placeRules(lane));
    // What may not be touched any more is found out by the attempt, and fails it.
    const places = found.ok ? found.value : new Map<string, Place>();
    const source = await this.#mendedSource(record);
    return { id, lane, order, arrival: claim, source, places, acceptance: [] };
  }

  /** The claimed file, and how it has to look: as it was accepted. What a power cut took of it is put back first. */
  async #mendedSource(record: OrderRecord): Promise<Job["source"]> {
    const { files, settler, books } = this.#options;
    const path = settler.claimPath(record);
    const accepted = { path, sizeBytes: record.sizeBytes, modifiedMs: record.modifiedMs };
    const info = dropInfo(files, path);
    const isAsAccepted = info?.sizeBytes === record.sizeBytes && info.modifiedMs === record.modifiedMs;
    if (info === undefined || isAsAccepted) return accepted;
    const bytes = dropOf(files, books, record);
    if (!isRemnant(files, path, bytes)) return accepted;
    await writeDrop(files, path, bytes);
    return { ...accepted, modifiedMs: dropInfo(files, path)?.modifiedMs ?? 0 };
  }

  /**
   * Does work that a crash would have done again anyway: where there is no room for it, again when there is. What the
   * disk refuses for another reason stays where it is until the next start, and is told of; then undefined.
   */
  async withRoom<T>(work: () => Promise<T>): Promise<T | undefined> {
    const { log, pressure } = this.#options;
    for (;;) {
      try {
        return await work();
      } catch (thrown) {
        if (!(thrown instanceof BridgeError) || thrown.code === "SYNC_FAILED") throw thrown;
        if (!isPressure(thrown) || this.#leaving) {
          log.error("left_for_later", { code: thrown.code, message: thrown.message });
          return undefined;
        }
        await pressure.relieved(thrown);
      }
    }
  }
}

function waiting(order: { readonly wo_id: string; readonly lane: string }, wait: OrderRecord["waiting"]): Event {
  assert(wait !== undefined, "an order that waits says for what");
  return { event: "wo_waiting", wo_id: order.wo_id, lane: order.lane, reason: wait.reason, message: wait.message };
}
