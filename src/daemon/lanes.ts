/**
 * Who may run when. Within a lane one order at a time, by priority, then by arrival, because agents drop "write files"
 * and then "run the tests"; lanes run in parallel. A lane with more `concurrency` runs orders side by side that only
 * write files, and none of them the same.
 */
import type { Order } from "../orders/order.ts";
import { type Place, placeKey } from "../processors/places.ts";
import type { Event } from "../records/events.ts";

export interface Job {
  readonly id: string;
  readonly lane: string;
  readonly order: Order;
  /** Sorts by arrival: the claim's name begins with a ULID. */
  readonly arrival: string;
  /** The claimed file, and how it looked when it was accepted. */
  readonly source: { readonly path: string; readonly sizeBytes: number; readonly modifiedMs: number };
  /** Where the paths of its file actions lead, as they are written. */
  readonly places: ReadonlyMap<string, Place>;
  /** Events of an order that is not in the ledger yet: they go there with its first step. */
  readonly acceptance: readonly Event[];
}

export interface LanesOptions {
  /** Orders that run at the same time, over all lanes. */
  readonly concurrency: () => number;
  readonly laneConcurrency: (lane: string) => number;
  /** Carries the job out; never rejects. */
  readonly run: (job: Job) => Promise<void>;
}

interface LaneQueue {
  readonly waiting: Job[];
  readonly running: Set<Job>;
}

export class Lanes {
  readonly #options: LanesOptions;
  readonly #lanes = new Map<string, LaneQueue>();
  #running = 0;
  #stopped = false;

  constructor(options: LanesOptions) {
    this.#options = options;
  }

  get waiting(): readonly Job[] {
    return [...this.#lanes.values()].flatMap(({ waiting }) => waiting);
  }

  get running(): readonly Job[] {
    return [...this.#lanes.values()].flatMap(({ running }) => [...running]);
  }

  /** Starts the job in this same turn when nothing is before it; false when it has to wait. */
  startNow(job: Job): boolean {
    const lane = this.#laneOf(job);
    if (lane.waiting.length > 0 || !this.#mayStart(job, lane)) return false;
    this.#start(job, lane);
    return true;
  }

  /** Puts the job in its place and starts what may start. */
  add(job: Job): void {
    const { waiting } = this.#laneOf(job);
    // From behind: most orders come after all that wait already.
    const index = waiting.findLastIndex((other) => !comesBefore(job, other));
    waiting.splice(index + 1, 0, job);
    this.#advance();
  }

  /** Takes a job out of its queue; false when it is not waiting in one. */
  remove(id: string): boolean {
    for (const { waiting } of this.#lanes.values()) {
      const index = waiting.findIndex((job) => job.id.toLowerCase() === id.toLowerCase());
      if (index !== -1) return waiting.splice(index, 1).length > 0;
    }
    return false;
  }

  /** Nothing is started any more. */
  stop(): void {
    this.#stopped = true;
  }

  #laneOf(job: Job): LaneQueue {
    const key = job.lane.toLowerCase();
    const lane = this.#lanes.get(key) ?? { waiting: [], running: new Set<Job>() };
    this.#lanes.set(key, lane);
    return lane;
  }

  #mayStart(job: Job, lane: LaneQueue): boolean {
    if (this.#stopped || this.#running >= this.#options.concurrency()) return false;
    if (lane.running.size === 0) return true;
    if (lane.running.size >= this.#options.laneConcurrency(job.lane)) return false;
    return [...lane.running].every((other) => mayRunBeside(job, other));
  }

  #start(job: Job, lane: LaneQueue): void {
    lane.running.add(job);
    this.#running += 1;
    void this.#options.run(job).finally(() => {
      lane.running.delete(job);
      this.#running -= 1;
      this.#advance();
    });
  }

  /** Only the first of a lane may start: what is behind it may depend on it. */
  #advance(): void {
    const lanes = [...this.#lanes];
    for (const [key, lane] of lanes) {
      const next = lane.waiting[0];
      if (next === undefined || !this.#mayStart(next, lane)) continue;
      lane.waiting.shift();
      this.#start(next, lane);
      // The lane goes to the end of the row: none waits while others are served again and again.
      this.#lanes.delete(key);
      this.#lanes.set(key, lane);
      this.#advance();
      return;
    }
  }
}

function comesBefore(a: Job, b: Job): boolean {
  const [first, second] = [a.order.header.priority, b.order.header.priority];
  return first === second ? a.arrival < b.arrival : first < second;
}

function mayRunBeside(a: Job, b: Job): boolean {
  if (a.order.steps.length > 0 || b.order.steps.length > 0) return false;
  const [mine, theirs] = [a, b].map(({ places }) => [...places.values()].map(placeKey));
  return !mine?.some((path) => theirs?.some((other) => isNested(path, other)));
}

/** One path is the other, or lies below it. */
function isNested(a: string, b: string): boolean {
  return a === b || a.startsWith(`${b}/`) || b.startsWith(`${a}/`);
}
