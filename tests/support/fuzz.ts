/**
 * The same properties for a minute of CI and for a night: `npm run fuzz -- --cases N --seed S` asks for more. What fails
 * is told with its seed, so that the very case can be run again.
 */
import { setImmediate } from "node:timers/promises";
import { type Arbitrary, assert, asyncProperty } from "fast-check";

/** Cases of a CI run, over all properties together. */
const CI_CASES = 10_000;
const BREATH_MS = 1000;
const FAILURE_SHOWN = 4000;

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
export async function fuzz<T>(
  name: string,
  share: number,
  input: Arbitrary<T>,
  check: (value: T, tally: Tally) => Promise<void> | void,
): Promise<Tally> {
  const tally = new Tally();
  const parameters = parametersOf(share);
  const start = performance.now();
  let breathedMs = start;
  const property = asyncProperty(input, async (value) => {
    await check(value, tally);
    if (performance.now() - breathedMs < BREATH_MS) return;
    // Whoever runs the tests gives up one that says nothing for minutes.
    await setImmediate();
    breathedMs = performance.now();
  });
  try {
    await assert(property, parameters);
  } catch (thrown) {
    // At once: a night's run may end before it comes to its summary.
    process.stdout.write(`fuzz ${name}: ${String(thrown).slice(0, FAILURE_SHOWN)}\n`);
    throw thrown;
  }
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
