/** How long a dropped file has stood still, by its own time where that can be trusted. */
import type { Clock } from "../platform/clock.ts";
import type { FileInfo } from "../platform/disk.ts";

/** How far the wall clock may go away from the time that passes, between two looks. */
const CLOCK_SLACK_MS = 1000;

/** What is known of a file that is looked at again and again. */
export interface Known {
  /** What it was, and since when it is so. */
  since: { readonly modifiedMs: number; readonly sizeBytes: number; readonly elapsedMs: number } | undefined;
}

export class Standstill {
  readonly #clock: Clock;
  /** How far the wall clock is ahead of the time that passes. */
  #aheadMs: number | undefined;
  /** When that last changed: what was written before was written by another clock. */
  #setMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Milliseconds since its last change by its own time, or since we have known it unchanged, whatever is more: clocks are
   * set back. Where the clock was set, or the machine slept, while it was being written, only what we have known counts.
   */
  ageOf(file: Known, { kind, modifiedMs, sizeBytes }: FileInfo): number {
    const [wallMs, elapsedMs] = [this.#clock.now(), this.#clock.elapsed()];
    this.#notice(wallMs, wallMs - elapsedMs);
    const { since } = file;
    const isSame = since?.modifiedMs === modifiedMs && since.sizeBytes === sizeBytes;
    if (!isSame) file.since = { modifiedMs, sizeBytes, elapsedMs };
    const knownMs = isSame ? elapsedMs - since.elapsedMs : 0;
    // Whoever copies a folder may give its files old times while others are still to come.
    const isTimeless = kind === "folder" || modifiedMs < this.#setMs;
    return isTimeless ? knownMs : Math.max(wallMs - modifiedMs, knownMs);
  }

  #notice(wallMs: number, aheadMs: number): void {
    if (Math.abs(aheadMs - (this.#aheadMs ?? aheadMs)) > CLOCK_SLACK_MS) this.#setMs = wallMs;
    this.#aheadMs = aheadMs;
  }
}
