/**
 * Time that passes only when nothing else can happen. Whatever waits (a timer, a sync, a hint, a command's end) is an
 * event here; the next one is the earliest, and among those of one moment the seed decides.
 */
import type { Random } from "../rig/random.ts";

interface Event {
  readonly atMs: number;
  /** Decides among events of one moment. */
  readonly lot: number;
  readonly happen: () => void;
}

export class Scheduler {
  readonly #random: Random;
  /** A binary heap, the next event first. */
  readonly #events: Event[] = [];
  #nowMs = 0;
  #count = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Milliseconds since the beginning of the history. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Events that have happened: two runs of one seed have as many. */
  get count(): number {
    return this.#count;
  }

  /** Lets something happen `delayMs` from now. */
  after(delayMs: number, happen: () => void): void {
    this.#push({ atMs: this.#nowMs + Math.max(0, delayMs), lot: this.#random.next(), happen });
  }

  /** Lets time pass until `holds`, or `limitMs` of it have; true when it holds. */
  async run(limitMs: number, holds: () => boolean): Promise<boolean> {
    const endMs = this.#nowMs + limitMs;
    for (;;) {
      await settled();
      if (holds()) return true;
      const next = this.#events[0];
      if (next === undefined || next.atMs > endMs) break;
      this.#pop();
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      this.#count += 1;
      next.happen();
    }
    this.#nowMs = endMs;
    return holds();
  }

  #push(event: Event): void {
    const heap = this.#events;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (!isBefore(event, heap[above])) break;
      heap[at] = heap[above] ?? event;
      at = above;
    }
    heap[at] = event;
  }

  #pop(): void {
    const heap = this.#events;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      const [left, right] = [2 * at + 1, 2 * at + 2];
      const child = isBefore(heap[right], heap[left]) ? right : left;
      if (!isBefore(heap[child], last)) break;
      heap[at] = heap[child] ?? last;
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(one: Event | undefined, other: Event | undefined): boolean {
  if (one === undefined) return false;
  if (other === undefined) return true;
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.lot < other.lot);
}

/** Resolves when everything that waits for nothing but other promises has gone on. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
