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

const sha256 = z.string().regex(/^[0-9a-fA-F]{64}$/, "a sha256 is 64 hexadecimal digits");

/** An item of `files`; without anything to do, it is a file to verify. */
export const fileItem = z.strictObject({
  path,
  mode: mode.optional(),
  content: text.optional(),
  patch: text.optional(),
  delete: z.literal(true).optional(),
  move: path.optional(),
  sha256: sha256.optional(),
  title: text.optional(),
  description: text.optional(),
});

export type FileItem = z.infer<typeof fileItem>;

export const fileMapValue = z.union([
  text,
  z.strictObject({ content: text, mode: mode.optional(), description: text.optional() }),
]);

export const editItem = z.strictObject({
  path: path.optional(),
  file: path.optional(),
  mode: z.literal("patch").optional(),
  find: z.string().min(1),
  after: text.optional(),
  before: text.optional(),
  replace: text.optional(),
  description: text.optional(),
});

export const operationItem = z.strictObject({
  id: z.union([text, z.number()]).optional(),
  op: text.optional(),
  type: text.optional(),
  operation: text.optional(),
  description: text.optional(),
  path: path.optional(),
  file: path.optional(),
  file_path: path.optional(),
  content: text.optional(),
  patch: text.optional(),
  diff: text.optional(),
  patch_content: text.optional(),
  mode: z.union([mode, z.enum(["replace", "create", "overwrite"])]).optional(),
  from: path.optional(),
  source_path: path.optional(),
  to: path.optional(),
  destination: path.optional(),
  target_path: path.optional(),
});

export type OperationItem = z.infer<typeof operationItem>;

const scalar = z.union([text, z.number(), z.boolean()]);

/** `payload`: one file, and what is done with it. */
export const payloadItem = z.strictObject({
  file_path: path,
  action: z.enum(["append", "set_key_value", "write", "create"]).optional(),
  content: text.optional(),
  key: z.union([text.min(1), z.array(text.min(1)).min(1)]).optional(),
  value: scalar.optional(),
  patch_format: z.enum(["diff", "unified", "unified_diff"]).optional(),
  patch_content: text.optional(),
  mode: mode.optional(),
  description: text.optional(),
});

/** `action` as a map. */
export const actionItem = z.strictObject({
  type: z.enum(["patch_file", "create_file", "write_file", "delete_file", "run_shell"]),
  target_file: path.optional(),
  file: path.optional(),
  path: path.optional(),
  content: text.optional(),
  patch_content: text.optional(),
  patch: text.optional(),
  mode: mode.optional(),
  command: text.optional(),
  cmd: text.optional(),
  timeout: duration.optional(),
  description: text.optional(),
  risky_commands_present: flag.optional(),
});

/** One of `clc_patch.patches`. */
export const clcPatchItem = z.strictObject({
  id: z.union([text, z.number()]).optional(),
  description: text.optional(),
  file: path,
  patch_type: z.enum(["insert_after", "insert_before", "replace"]),
  anchor: text.min(1),
  anchor_context: text.optional(),
  payload: text,
  validation: z
    .array(
      z.union([
        z.strictObject({
          type: z.literal("grep"),
          pattern: text.min(1),
          expected: z.enum(["found", "not_found"]).optional(),
        }),
        z.strictObject({
          type: text.optional(),
          name: text.optional(),
          command: text.min(1),
          expected: text.optional(),
        }),
      ]),
    )
    .optional(),
});

/** One of `lpe_patch_ops`. */
export const lpeItem = z.strictObject({
  path,
  mode: z.enum(["append", "replace_block", "insert_before", "insert_after", "delete_file"]).optional(),
  match: text.min(1).optional(),
  content: text.optional(),
  description: text.optional(),
});

const expected = scalar;

export const stepItem = z.strictObject({
  id: z.union([text, z.number()]).optional(),
  name: text.optional(),
  description: text.optional(),
  run: text.optional(),
  cmd: text.optional(),
  command: text.optional(),
  code: text.optional(),
  skill: text.optional(),
  args: z.array(z.union([text, z.number()])).optional(),
  timeout: duration.optional(),
  timeout_ms: z.number().positive().optional(),
  timeout_sec: z.number().positive().optional(),
  optional: flag.optional(),
  always_run: flag.optional(),
  retry_on_failure: flag.optional(),
  max_retries: z.number().int().min(0).max(LIMITS.retries).optional(),
  retry_delay: duration.optional(),
  expected: expected.optional(),
  /** For people and caches of their own: nothing is done with them. */
  cache_key: text.optional(),
  artifacts: z.union([text, z.array(z.unknown())]).optional(),
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
