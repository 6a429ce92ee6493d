/** What an inquiry notes down of one source: clues, who they point to, and how long it may still look. */
import type { Clock } from "../../platform/clock.ts";
import type { Suspect } from "./sightings.ts";

/** Something that happened, or that somebody wrote down. */
export interface Clue {
  /** ISO time; "" where nothing tells when it was. */
  readonly ts: string;
  readonly text: string;
  readonly suspect?: Suspect;
  /** What git took away between two commits and nobody has put back, called from the base. */
  readonly took?: {
    readonly from: string;
    readonly to: string;
    readonly gone: readonly string[];
    /** Nothing of it is there again. */
    readonly isAll: boolean;
  };
  /** What tells more of it. */
  readonly next?: string;
}

/** How long an inquiry may take, by the process's own clock. */
export class Budget {
  readonly #clock: Clock;
  readonly #endMs: number;

  constructor(clock: Clock, durationMs: number) {
    this.#clock = clock;
    this.#endMs = clock.elapsed() + durationMs;
  }

  /** 0 when it is used up. */
  leftMs(): number {
    return Math.max(0, this.#endMs - this.#clock.elapsed());
  }

  /** Passes things on until it is used up; `onCut` is told when not all of them came. */
  *within<T>(things: Iterable<T>, onCut: () => void): Generator<T> {
    for (const thing of things) {
      if (this.leftMs() === 0) {
        onCut();
        return;
      }
      yield thing;
    }
  }
}

/** "1 file", "1,709 files". */
export function counted(count: number, noun: string): string {
  return `${count.toLocaleString("en-US")} ${count === 1 ? noun : `${noun}s`}`;
}

const UNITS = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
  ["s", 1000],
] as const;

/** A stretch of time in its two largest units: "3 h 12 min". */
export function spanText(durationMs: number): string {
  const first = UNITS.findIndex(([, unitMs]) => durationMs >= unitMs);
  if (first === -1) return `${Math.round(durationMs)} ms`;
  let leftMs = durationMs;
  const parts = UNITS.slice(first, first + 2).map(([name, unitMs]) => {
    const count = Math.floor(leftMs / unitMs);
    leftMs -= count * unitMs;
    return count === 0 ? "" : `${count} ${name}`;
  });
  return parts.filter((part) => part !== "").join(" ");
}
