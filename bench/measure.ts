/** Medians, ratios, and a table that says which were reached. */

/** The value below which the share `part` of all samples lies. */
export function percentile(samples: readonly number[], part: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}

/** Runs `work` `count` times, one after the other; milliseconds each. */
export async function timeEach(count: number, work: (index: number) => void | Promise<void>): Promise<number[]> {
  const samples: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const start = performance.now();
    await work(index);
    samples.push(performance.now() - start);
  }
  return samples;
}

export interface Row {
  readonly what: string;
  readonly ours: string;
  readonly floor: string;
  readonly ratio: string;
  readonly wanted: string;
  readonly reached: boolean;
}

/** Prints the rows; true when all were reached. */
export function report(title: string, rows: readonly Row[]): boolean {
  process.stdout.write(`\n${title}\n`);
  for (const { what, ours, floor, ratio, wanted, reached } of rows) {
    process.stdout.write(
      `  ${reached ? "✓" : "✗"} ${what.padEnd(46)} ${ours.padStart(14)}  floor ${floor.padStart(12)}  ${ratio.padStart(9)}  wanted ${wanted}\n`,
    );
  }
  return rows.every(({ reached }) => reached);
}

/** The row of a time in milliseconds that has to be at most `most` times its floor. */
export function atMost(what: string, ours: number, floor: number, most: number): Row {
  const ratio = ours / floor;
  return {
    what,
    ours: `${ours.toFixed(2)} ms`,
    floor: `${floor.toFixed(2)} ms`,
    ratio: `${ratio.toFixed(2)}×`,
    wanted: `≤ ${most}×`,
    reached: ratio <= most,
  };
}

/** The row of a rate that has to be at least `least` of its floor. */
export function atLeast(what: string, ours: number, floor: number, least: number): Row {
  const share = ours / floor;
  return {
    what,
    ours: `${ours.toFixed(0)}/s`,
    floor: `${floor.toFixed(0)}/s`,
    ratio: `${(100 * share).toFixed(0)} %`,
    wanted: `≥ ${100 * least} %`,
    reached: share >= least,
  };
}

/** The row of a number that has a bound of its own. */
export function bounded(what: string, ours: number, most: number, unit: string): Row {
  return {
    what,
    ours: `${ours.toFixed(2)} ${unit}`,
    floor: "–",
    ratio: "–",
    wanted: `≤ ${most} ${unit}`,
    reached: ours <= most,
  };
}
