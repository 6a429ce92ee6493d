/**
 * Passes orders on that wait in a lane which passes orders on: by a person's word, or by themselves once the lane that
 * they ask for is there. What is passed on is judged by the rules of the lane that gets it, before anything is recorded;
 * one that those refuse stays where it is. An order never runs in the lane that it waits to leave.
 */
import type { Router } from "../bridge/router.ts";
import type { Order } from "../orders/order.ts";
import { refusalsText } from "../orders/refusals.ts";
import { findLane, laneNamed, lanesText } from "../orders/routing.ts";
import type { WaitReason } from "../orders/status.ts";
import type { Files } from "../platform/files.ts";
import { err, ok, type Result } from "../platform/result.ts";
import type { PlaceRules } from "../processors/places.ts";
import type { Books } from "../records/books.ts";
import type { Event, OrderRouted } from "../records/events.ts";
import type { OrderRecord } from "../records/order-record.ts";
import { type Config, laneRules } from "./config.ts";
import { judgeOrder } from "./judging.ts";
import type { Line } from "./line.ts";
import type { Views } from "./views.ts";

export interface DispatchOptions {
  readonly files: Files;
  readonly books: Books;
  readonly line: Line;
  readonly router: Router;
  readonly views: Views;
  readonly config: () => Config;
  readonly placeRules: (lane: string) => PlaceRules;
  /** Told when a person may have to look. */
  readonly onNews: (event: Event) => void;
}

/** Who passes an order on, and where to; without a person it goes by itself, without a lane where it asks to go. */
export interface PassWish {
  readonly by?: string;
  readonly lane?: string | undefined;
}

/** `no lane`: there is none that it asks for, or none of the name that was given. */
export type Passed =
  | { readonly kind: "passed"; readonly record: OrderRecord }
  | { readonly kind: "no lane"; readonly message: string }
  | { readonly kind: "refused"; readonly message: string }
  /** It does not wait any more. */
  | { readonly kind: "gone" };

/** A lane of its own and what becomes of it there. */
interface Target {
  readonly lane: string;
  readonly wait: { readonly reason: WaitReason; readonly message: string } | undefined;
}

/** Of what was let by when it was accepted, only the lane was missing. */
const NOTHING_ELSE = { backlog: false, fromGit: false };

export class Dispatch {
  readonly #options: DispatchOptions;
  /** One at a time: nobody passes on an order that somebody else is just passing on. */
  #turn: Promise<unknown> = Promise.resolve();
  /** What there was when it last looked who may go. */
  #looked: { readonly lanes: string; readonly config: Config | undefined; readonly seq: number } = {
    lanes: "",
    config: undefined,
    seq: 0,
  };

  constructor(options: DispatchOptions) {
    this.#options = options;
  }

  /** True for an order that has no lane yet in which it could run. */
  holds({ lane, routedFrom, waiting }: OrderRecord): boolean {
    return this.#options.router.passesOn(lane) || (waiting?.reason === "no_route" && routedFrom === undefined);
  }

  /** Passes on an order that waits. */
  passOn(id: string, wish: PassWish): Promise<Passed> {
    return this.#inTurn(() => this.#pass(id, wish, "waiting", []));
  }

  /** Another chance for one that was canceled or failed: it is passed on, or waits for its lane again. */
  async retry({ id, lane }: OrderRecord, status: OrderRecord["status"], by: string): Promise<Passed> {
    const retried: Event = { event: "wo_retried", wo_id: id, lane, by };
    return this.#inTurn(async () => {
      const passed = await this.#pass(id, { by }, status, [retried]);
      const { books, views } = this.#options;
      if (passed.kind !== "no lane" || books.index.get(id)?.status !== status) return passed;
      const { message } = passed;
      await books.append([retried, { event: "wo_waiting", wo_id: id, lane, reason: "no_route", message }]);
      const record = books.index.get(id);
      if (record !== undefined) await views.acknowledge(record);
      return passed;
    });
  }

  /** Passes on what waits for a lane that is there by now. Cheap while no lane comes and no such order does. */
  async lookAgain(isOver: () => boolean): Promise<void> {
    const { books, files, router } = this.#options;
    const held = books.index.open.filter(
      ({ status, waiting }) => status === "waiting" && waiting?.reason === "no_route",
    );
    if (held.length === 0) return;
    const now = { lanes: router.lanes.join("/"), config: this.#options.config(), seq: books.index.head.seq };
    const { lanes, config, seq } = this.#looked;
    const isSame = now.lanes === lanes && now.config === config;
    const slice = files.slices();
    for (const { id } of held.filter(({ lastSeq }) => !isSame || lastSeq > seq)) {
      if (isOver()) return;
      await this.passOn(id, {});
      await slice();
    }
    this.#looked = now;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    // Whoever asked is told what went wrong; the next one has nothing to do with it.
    this.#turn = done.catch(() => undefined);
    return done;
  }

  async #pass(id: string, wish: PassWish, status: OrderRecord["status"], first: readonly Event[]): Promise<Passed> {
    const { books, line, views, onNews } = this.#options;
    const record = books.index.get(id);
    if (record?.status !== status || !this.holds(record)) return { kind: "gone" };
    const order = await line.orderOf(record);
    if (!order.ok) return { kind: "refused", message: order.error[0]?.message ?? "its source cannot be read" };
    const found = this.#laneFor(order.value, wish.lane);
    if (!found.ok) return { kind: "no lane", message: found.error };
    const target = await this.#judge(order.value, found.value, record.signed !== undefined);
    if (!target.ok) return { kind: "refused", message: `lane ${found.value} refuses it: ${target.error}` };
    if (books.index.get(id)?.lastSeq !== record.lastSeq) return { kind: "gone" };
    const event = routedEvent(record, target.value, wish.by);
    await books.append([...first, event]);
    const now = books.index.get(id);
    // Canceled in the same moment.
    if (now?.lane !== target.value.lane || (now.status !== "pending" && now.status !== "waiting"))
      return { kind: "gone" };
    await views.acknowledge(now);
    if (now.status === "pending") await line.resume(now);
    else if (wish.by === undefined) onNews(event);
    return { kind: "passed", record: now };
  }

  #laneFor({ route }: Order, wished: string | undefined): Result<string, string> {
    const { lanes } = this.#options.router;
    if (wished === undefined) return findLane(route, lanes);
    const lane = laneNamed(wished, lanes);
    return lane === undefined ? err(`"${wished}" is no lane for it: ${lanesText(lanes)}`) : ok(lane);
  }

  /** What the rules of the lane make of it; the reason when they refuse it. */
  async #judge(order: Order, lane: string, signed: boolean): Promise<Result<Target, string>> {
    const { files, config, placeRules } = this.#options;
    const [places, rules] = [placeRules(lane), laneRules(config(), lane)];
    const { verdict } = await judgeOrder(files, order, { places, rules, origin: { ...NOTHING_ELSE, signed } });
    if (verdict.kind === "refuse") return err(refusalsText(verdict.refusals));
    const wait = verdict.kind === "wait" ? { reason: verdict.reason, message: verdict.message } : undefined;
    return ok({ lane, wait });
  }
}

function routedEvent({ id, lane: from }: OrderRecord, { lane, wait }: Target, by: string | undefined): OrderRouted {
  return { event: "wo_routed", wo_id: id, lane, from, ...(by === undefined ? {} : { by }), ...wait };
}
