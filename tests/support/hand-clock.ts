/** Time that stands still until a test lets it pass: no test waits for a timer, none depends on how fast a machine is. */
import { setMaxListeners } from "node:events";
import type { Clock } from "../../src/platform/clock.ts";

interface Sleeper {
  readonly dueMs: number;
  readonly wake: () => void;
}

export class HandClock implements Clock {
  #nowMs: number;
  #elapsedMs = 0;
  readonly #sleepers = new Set<Sleeper>();
  /** Called whenever a long piece of work lets others have their turn. */
  onBreathe: () => void | Promise<void> = () => undefined;

  constructor(nowMs = Date.UTC(2026, 0, 5, 12)) {
    this.#nowMs = nowMs;
  }

  now(): number {
    return this.#nowMs;
  }

  elapsed(): number {
    return this.#elapsedMs;
  }

  sleep(durationMs: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return Promise.resolve();
    // As the machine's own clock has it: any number of waits may end with one signal.
    if (signal !== undefined) setMaxListeners(0, signal);
    return new Promise((resolve) => {
      const wake = () => {
        this.#sleepers.delete(sleeper);
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      const sleeper = { dueMs: this.#elapsedMs + durationMs, wake };
      this.#sleepers.add(sleeper);
      signal?.addEventListener("abort", wake, { once: true });
    });
  }

  async breathe(): Promise<void> {
    await this.onBreathe();
    await turn();
  }

  /** How many sleep now. */
  get sleeping(): number {
    return this.#sleepers.size;
  }

  /** Sets the wall clock, as people and time servers do; durations go on as they were. */
  setWall(nowMs: number): void {
    this.#nowMs = nowMs;
  }

  /** Lets time pass, waking everybody at their moment, and each of them do what they can without the disk. */
  async pass(durationMs: number): Promise<void> {
    const endMs = this.#elapsedMs + durationMs;
    for (let next = this.#next(endMs); next !== undefined; next = this.#next(endMs)) {
      this.#setElapsed(Math.max(next.dueMs, this.#elapsedMs));
      next.wake();
      await turn();
    }
    this.#setElapsed(endMs);
    await turn();
  }

  #next(endMs: number): Sleeper | undefined {
    const due = [...this.#sleepers].filter(({ dueMs }) => dueMs <= endMs);
    return due.toSorted((a, b) => a.dueMs - b.dueMs)[0];
  }

  #setElapsed(elapsedMs: number): void {
    this.#nowMs += elapsedMs - this.#elapsedMs;
    this.#elapsedMs = elapsedMs;
  }
}

/** Resolves when everything that can go on without the disk or a timer has gone on. */
export async function turn(): Promise<void> {
  for (let round = 0; round < 5; round += 1) await new Promise((resolve) => setImmediate(resolve));
}
