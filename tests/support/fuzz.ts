/**
 * The same properties for a minute of CI and for a night: `npm run fuzz -- --cases N --seed S` asks for more. What fails
 * is told with its seed, so that the very case can be run again.
 */
import { type Arbitrary, assert, asyncProperty, property } from "fast-check";

/** Cases of a CI run, over all properties together. */
const CI_CASES = 10_000;

const cases = Number(process.env["WO_FUZZ_CASES"] ?? CI_CASES);
const seed = Number(process.env["WO_FUZZ_SEED"] ?? Date.now() % 2 ** 31);

const path = process.env["WO_FUZZ_PATH"];

/** How often each kind of end came; a property that meets only one kind says nothing. */
export class Tally {
  readonly #counts = new Map<string, number>();

  add(what: string): void {
    this.#counts.set(what, this.of(what) + 1);
  }

  of(what: string): number {
    return this.#counts.get(what) ?? 0;
  }

  /** Of all that were counted. */
  share(what: string): number {
    return this.of(what) / [...this.#counts.values()].reduce((sum, count) => sum + count, 0);
  }

  get text(): string {
    return [...this.#counts].map(([what, count]) => `${what} ${count}`).join(", ");
  }
}

/** Holds `check` against its share of all cases; throws with seed, path and the smallest case that fails. */
export function fuzz<T>(
  name: string,
  share: number,
  input: Arbitrary<T>,
  check: (value: T, tally: Tally) => void,
): Tally {
  const tally = new Tally();
  const parameters = parametersOf(share);
  const start = performance.now();
  assert(
    property(input, (value) => check(value, tally)),
    parameters,
  );
  return told(name, tally, parameters, start);
}

/** The same for a check that waits. */
export async function fuzzLater<T>(
  name: string,
  share: number,
  input: Arbitrary<T>,
  check: (value: T, tally: Tally) => Promise<void>,
): Promise<Tally> {
  const tally = new Tally();
  const parameters = parametersOf(share);
  const start = performance.now();
  await assert(
    asyncProperty(input, (value) => check(value, tally)),
    parameters,
  );
  return told(name, tally, parameters, start);
}

/** With a path only the case that a failure has named. */
function parametersOf(share: number): { readonly numRuns: number; readonly seed: number; readonly path?: string } {
  return { numRuns: Math.max(1, Math.round(cases * share)), seed, ...(path === undefined ? {} : { path }) };
}

function told(name: string, tally: Tally, { numRuns }: { readonly numRuns: number }, start: number): Tally {
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  process.stdout.write(`fuzz ${name}: ${numRuns} cases, seed ${seed}, ${seconds} s: ${tally.text}\n`);
  return tally;
}
