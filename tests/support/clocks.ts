/** A clock that never waits: a sleep is over as soon as other work had its turn. */
import type { Clock } from "../../src/platform/clock.ts";

export interface QuickClock extends Clock {
  /** The sleeps that were asked for, in milliseconds. */
  readonly slept: readonly number[];
  /** How often work stepped aside for others. */
  readonly breaths: () => number;
}

/** `onSleep` is called before each sleep begins. */
export function quickClock(onSleep: (count: number) => void = () => undefined): QuickClock {
  const slept: number[] = [];
  let [nowMs, breaths] = [1_700_000_000_000, 0];
  return {
    slept,
    breaths: () => breaths,
    now: () => nowMs,
    elapsed: () => nowMs,
    sleep: async (durationMs, signal) => {
      if (signal?.aborted === true) return;
      slept.push(durationMs);
      onSleep(slept.length);
      nowMs += durationMs;
      await new Promise((resolve) => setImmediate(resolve));
    },
    breathe: async () => {
      breaths += 1;
    },
  };
}
