/** Time, passed in as a value so that tests and simulations own it. Nothing else may ask the machine for the time. */
import { setMaxListeners } from "node:events";

export interface Clock {
  /** Wall time in milliseconds since the epoch. For records, never for durations. */
  now(): number;
  /** Milliseconds since an arbitrary start, never going back. For durations, never for records. */
  elapsed(): number;
  /** Resolves after `durationMs`, or at once when `signal` aborts; never rejects. */
  sleep(durationMs: number, signal?: AbortSignal): Promise<void>;
  /** Resolves once waiting I/O and timers had their turn: what keeps long loops from blocking the process. */
  breathe(): Promise<void>;
}

/** ISO-8601 in UTC with milliseconds: how every time is written down. */
export function isoTime(wallMs: number): string {
  return new Date(wallMs).toISOString();
}

/** A sleep that neither aborts late nor leaves a listener behind. */
function sleep(durationMs: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted === true) return Promise.resolve();
  // Any number of waits may end with one signal; none of them leaves its listener behind.
  if (signal !== undefined) setMaxListeners(0, signal);
  return new Promise((resolve) => {
    const finish = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", finish);
      resolve();
    };
    const timer = setTimeout(finish, durationMs);
    signal?.addEventListener("abort", finish);
  });
}

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  sleep,
  breathe: () => new Promise((resolve) => setImmediate(resolve)),
};

const SLICE_MS = 5;

/** For long loops: steps aside for other work whenever a few milliseconds are used up. */
export function slices(clock: Clock): () => Promise<void> {
  let startMs = clock.elapsed();
  return async () => {
    if (clock.elapsed() - startMs < SLICE_MS) return;
    await clock.breathe();
    startMs = clock.elapsed();
  };
}

/**
 * Runs `task`, then waits `periodMs`, again and again until `signal` aborts: a slow task is never overlapped by
 * itself. Resolves when the last run has ended. What the task throws ends the loop.
 */
export async function repeat(
  clock: Clock,
  periodMs: number,
  signal: AbortSignal,
  task: () => Promise<void>,
): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(periodMs, signal);
    if (!signal.aborted) await task();
  }
}
