/**
 * Where the orders of a lane belong. A lane of mode `route` passes each on to the lane that it asks for; that is decided
 * once, when it is accepted or when somebody lets it go, and the file stays where it was claimed. A lane that passes
 * orders on is nobody's target: no order goes in circles.
 */
import type { LaneMode } from "../orders/lane-rules.ts";
import type { Order } from "../orders/order.ts";
import { findLane, laneNamed } from "../orders/routing.ts";
import type { BridgeFolders } from "./lanes.ts";

export interface RouterOptions {
  readonly folders: BridgeFolders;
  /** Lanes that the configuration names. */
  readonly configured: () => readonly string[];
  readonly modeOf: (lane: string) => LaneMode;
}

export interface Way {
  /** The lane whose order it is. */
  readonly lane: string;
  /** Why it stays in the lane that it came into, although that one passes orders on. */
  readonly noRoute?: string;
}

export class Router {
  readonly #options: RouterOptions;

  constructor(options: RouterOptions) {
    this.#options = options;
  }

  /** Lanes that orders can be passed on to: those that the inbox or the configuration has, as the inbox spells them. */
  get lanes(): readonly string[] {
    const { folders, configured, modeOf } = this.#options;
    const there = folders.list().lanes.map(({ name }) => name);
    const named = configured().filter((name) => laneNamed(name, there) === undefined);
    return [...there, ...named].filter((lane) => modeOf(lane) !== "route");
  }

  /** True for a lane that passes its orders on. */
  passesOn(lane: string): boolean {
    return this.#options.modeOf(lane) === "route";
  }

  /** Where an order belongs that came into this lane. */
  wayOf(order: Order, entry: string): Way {
    if (!this.passesOn(entry)) return { lane: entry };
    const found = findLane(order.route, this.lanes);
    return found.ok ? { lane: found.value } : { lane: entry, noRoute: found.error };
  }
}
