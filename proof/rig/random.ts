/** Chance that can be had again: the same seed makes the same choices. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** From 0 to below 1 (mulberry32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from 0 to below `end`. */
  below(end: number): number {
    return Math.floor(this.next() * end);
  }

  /** A whole number, both ends among them. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  pick<T>(items: readonly [T, ...T[]]): T {
    return items[this.below(items.length)] ?? items[0];
  }

  /** True with this probability. */
  chance(part: number): boolean {
    return this.next() < part;
  }
}

/** `count` of them at even distances, in their order; all of them where there are no more. Chance says where it begins. */
export function evenly<T>(all: readonly T[], count: number, random: Random): T[] {
  if (all.length <= count) return [...all];
  const first = random.next();
  return Array.from({ length: count }, (_, index) => all[Math.floor(((index + first) * all.length) / count)]).flatMap(
    (one) => (one === undefined ? [] : [one]),
  );
}
