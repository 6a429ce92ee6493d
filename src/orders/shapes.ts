/**
 * The shapes of actions, one zod schema each. Actions are strict: an unknown key rejects the order, because a key that
 * is overlooked is work that is claimed and not done. What stands outside of actions may be anything.
 */
import { z } from "zod";
import { LIMITS } from "./limits.ts";

/** Octal text. A number is refused: YAML 1.2 reads `0755` as 755, YAML 1.1 as 493. */
export const MODE_TEXT = /^0?[0-7]{3}$/;

const path = z.string().min(1);
const text = z.string();
const flag = z.boolean();
const mode = z.union([z.string().regex(MODE_TEXT), z.number()]);

/** `90s`, `500ms`, `5m`, `1h`, or a number of milliseconds. */
const duration = z.union([z.number().positive(), z.string().regex(/^\d+(?:\.\d+)?(?:ms|s|m|h)$/)]);

export const fileItem = z.strictObject({
  path,
  mode: mode.optional(),
  content: text.optional(),
  delete: z.literal(true).optional(),
  move: path.optional(),
});

export const fileMapValue = z.union([text, z.strictObject({ content: text, mode: mode.optional() })]);

export const editItem = z.strictObject({
  path: path.optional(),
  file: path.optional(),
  mode: z.literal("patch").optional(),
  find: z.string().min(1),
  after: text.optional(),
  before: text.optional(),
  replace: text.optional(),
});

export const operationItem = z.strictObject({
  op: text.optional(),
  type: text.optional(),
  operation: text.optional(),
  path: path.optional(),
  file: path.optional(),
  file_path: path.optional(),
  content: text.optional(),
  mode: z.union([mode, z.enum(["replace", "create", "overwrite"])]).optional(),
  from: path.optional(),
  source_path: path.optional(),
  to: path.optional(),
  destination: path.optional(),
  target_path: path.optional(),
});

const expected = z.union([text, z.number(), z.boolean()]);

export const stepItem = z.strictObject({
  name: text.optional(),
  description: text.optional(),
  run: text.optional(),
  cmd: text.optional(),
  command: text.optional(),
  skill: text.optional(),
  args: z.array(z.union([text, z.number()])).optional(),
  timeout: duration.optional(),
  timeout_ms: z.number().positive().optional(),
  timeout_sec: z.number().positive().optional(),
  optional: flag.optional(),
  expected: expected.optional(),
});

export type StepItem = z.infer<typeof stepItem>;

/** A command as one text, or with a name and more. */
export const stepOrText = z.union([z.string().min(1), stepItem]);

const UNITS_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;

/** A duration in milliseconds; undefined when the text is none, or longer than an order may ask for. */
export function durationMs(value: number | string): number | undefined {
  const match = typeof value === "number" ? [String(value), String(value), "ms"] : /^([\d.]+)(ms|s|m|h)$/.exec(value);
  const unit = match?.[2];
  if (unit !== "ms" && unit !== "s" && unit !== "m" && unit !== "h") return undefined;
  const result = Math.round(Number(match?.[1]) * UNITS_MS[unit]);
  return result > 0 && result <= LIMITS.timeoutMs ? result : undefined;
}
