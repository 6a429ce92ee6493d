/** What a rig has tried and what came of it, in the words of docs/reliability.md. */
import type { Violation } from "../model/check.ts";

/** One run of one method. Counts are of faults: one that broke several rules counts once in each column. */
export interface Tally {
  /** What was done to it. */
  readonly method: string;
  /** Faults tried; each ended in a restart and the model. */
  readonly tried: number;
  readonly lost: number;
  readonly twice: number;
  /** Everything else that is not as it should be, so that somebody has to look. */
  readonly hand: number;
  readonly seconds: number;
  /** What else was measured, in words. */
  readonly note?: string;
}

const LOST = new Set(["nothing is lost", "what was told is true", "the chain is sound", "blobs are there"]);
const TWICE = new Set([
  "effects happen exactly once",
  "the ledger vouches once",
  "telemetry tells each entry once",
  "every file lies in one place",
]);

/** Counts up faults and their violations, and tells each violation at once. */
export class Counter {
  #tried = 0;
  #lost = 0;
  #twice = 0;
  #hand = 0;
  readonly #start = performance.now();
  readonly #method: string;

  constructor(method: string) {
    this.#method = method;
  }

  /** `what` is enough to do it again. */
  add(what: string, found: readonly Violation[]): void {
    this.#tried += 1;
    if (found.some(({ rule }) => LOST.has(rule))) this.#lost += 1;
    if (found.some(({ rule }) => TWICE.has(rule))) this.#twice += 1;
    if (found.some(({ rule }) => !LOST.has(rule) && !TWICE.has(rule))) this.#hand += 1;
    for (const { rule, message } of found) process.stdout.write(`  ✗ ${what}: ${rule}: ${message}\n`);
  }

  tally(note?: string): Tally {
    const seconds = Math.round((performance.now() - this.#start) / 1000);
    const counts = { tried: this.#tried, lost: this.#lost, twice: this.#twice, hand: this.#hand };
    return { method: this.#method, ...counts, seconds, ...(note === undefined ? {} : { note }) };
  }
}

/** True when nothing was lost, done twice, or left for somebody to mend. */
export function isClean({ lost, twice, hand }: Tally): boolean {
  return lost + twice + hand === 0;
}
