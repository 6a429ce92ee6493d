/** What work costs the processor, however busy others keep it. */

/** Below this the kernel's own accounting is too coarse to compare two pieces of work. */
const COARSE_MS = 10;

/** CPU milliseconds of this process, the least of some runs: compilers and collectors come between. */
export function leastCpuMs(work: () => unknown, runs = 3): number {
  const times = Array.from({ length: runs }, () => {
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  });
  return Math.min(...times);
}

/**
 * What `costOf` a whole text may be at most when it grows with its length: three times what an eighth of it costs, eight
 * times. With the square of the length it would be 64 times as much.
 */
export function mostWhenLinear(costOfEighthMs: number): number {
  return 3 * 8 * Math.max(COARSE_MS, costOfEighthMs);
}
