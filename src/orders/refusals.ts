/**
 * Why an order that can be read may not be taken: every reason, each with the part of the order that it is about, and
 * as problems where they stand in its file. Pure.
 */
import type { Fault } from "./document.ts";
import { LIMITS } from "./limits.ts";
import { type KeyPath, keyText, type Problem } from "./problems.ts";
import { openOrder } from "./read-order.ts";

/** `at` undefined: the order as a whole. */
export interface Refusal extends Fault {
  readonly at?: KeyPath | undefined;
}

/** The refusals with their lines: the file is opened once more, only now that somebody will read about it. */
export function placed(refusals: readonly Refusal[], bytes: Uint8Array, stem: string): readonly Problem[] {
  const document = refusals.some(({ at }) => at !== undefined) ? openOrder(bytes, stem) : undefined;
  if (document?.ok !== true) return unplaced(refusals);
  // Each costs a walk through the file, and nobody is told of more.
  return refusals.map(({ at, ...fault }, index) =>
    at === undefined || index >= LIMITS.problems ? unplacedOne({ at, ...fault }) : document.value.problem(fault, at),
  );
}

/** The same where the file cannot be opened. */
export function unplaced(refusals: readonly Refusal[]): readonly Problem[] {
  return refusals.map(unplacedOne);
}

function unplacedOne({ at, ...fault }: Refusal): Problem {
  return { ...fault, ...(at === undefined ? {} : { key: keyText(at) }) };
}

const NAMED = 3;

/** On one line, where there is no room for all of them. */
export function refusalsText(refusals: readonly Refusal[]): string {
  const more = refusals.length - NAMED;
  const words = refusals.slice(0, NAMED).map(({ message }) => message);
  return [...words, ...(more > 0 ? [`and ${more} more`] : [])].join("; ");
}
