/**
 * The shapes of actions, one zod schema each. Actions are strict: an unknown key rejects the order, because a key that
 * is overlooked is work that is claimed and not done. What stands outside of actions may be anything. What is said of a
 * key here is what an editor shows of it.
 */
import { z } from "zod";
import { LIMITS } from "./limits.ts";

/** Octal text. A number is refused: YAML 1.2 reads `0755` as 755, YAML 1.1 as 493. */
export const MODE_TEXT = /^0?[0-7]{3}$/;

const path = z.string().min(1);
/** A path of one file. */
export const treePath = path;
const text = z.string();
const flag = z.boolean();
const mode = z.union([z.string().regex(MODE_TEXT), z.number()]);
const description = text.optional().describe("What it is for; nothing is done with it.");
const anyId = z.union([text, z.number()]).optional().describe("A name of your own for it; nothing is done with it.");
const target = path.optional().describe("The file, below the base.");
const content = text.optional().describe("The whole text of the file; it is never expanded.");
const diff = text.optional().describe("A unified diff: bare, with git's headers, or in a fence.");
const octal = mode.optional().describe('The permissions as octal text in quotes: "0755".');

/** `90s`, `500ms`, `5m`, `1h`, or a number of milliseconds. */
const noDuration = { errorMessage: "a time is 90s, 500ms, 5m, 1h, or a number of milliseconds" };
const duration = z.union([
  z.number().positive().meta(noDuration),
  z
    .string()
    .regex(/^\d+(?:\.\d+)?(?:ms|s|m|h)$/)
    .meta(noDuration),
]);

/** Of a file's bytes. */
export const sha256Text = z.string().regex(/^[0-9a-fA-F]{64}$/, "a sha256 is 64 hexadecimal digits");

/** An item of `files`; without anything to do, it is a file to verify. */
export const fileItem = z.strictObject({
  path: path.describe("The file, below the base; without anything to do it is only verified, and may be anywhere."),
  mode: octal,
  content,
  patch: diff,
  delete: z.literal(true).optional().describe("The file is deleted."),
  move: path.optional().describe("The new path of the file; what lies there already is never replaced."),
  sha256: sha256Text.optional().describe("What the file has to hold in the end; alone, what it has to hold already."),
  title: text.optional().describe("What the file is called among people; nothing is done with it."),
  description,
});

export type FileItem = z.infer<typeof fileItem>;

export const fileMapValue = z.union([
  text,
  z.strictObject({ content: text.describe("The whole text of the file."), mode: octal, description }),
]);

export const editItem = z.strictObject({
  path: target,
  file: target,
  mode: z.literal("patch").optional().describe("Said by some agents; nothing is done with it."),
  find: z.string().min(1).describe("A text that stands in the file exactly once."),
  after: text.optional().describe("Whole lines that go behind the line in which the text was found."),
  before: text.optional().describe("Whole lines that go in front of the line in which the text was found."),
  replace: text.optional().describe("What takes the place of the text that was found."),
  description,
});

export const operationItem = z.strictObject({
  id: anyId,
  op: text.optional().describe("What is done: write_file, append, apply_patch, delete, move or one of their kin."),
  type: text.optional().describe("As `op`, where neither `op` nor `operation` is given."),
  operation: text.optional().describe("As `op`, where that is not given."),
  description,
  path: target,
  file: target,
  file_path: target,
  content: text.optional().describe("The whole text of the file, or what is appended to it; it is never expanded."),
  patch: diff,
  diff,
  patch_content: diff,
  mode: z
    .union([mode, z.enum(["replace", "create", "overwrite"])])
    .optional()
    .describe('The permissions as octal text in quotes, "0755", or a word for writing the whole file.'),
  from: path.optional().describe("The file that is moved."),
  source_path: path.optional().describe("The file that is moved."),
  to: path.optional().describe("Where it is moved to; what lies there already is never replaced."),
  destination: path.optional().describe("Where it is moved to; what lies there already is never replaced."),
  target_path: path.optional().describe("Where it is moved to; what lies there already is never replaced."),
});

export type OperationItem = z.infer<typeof operationItem>;

const scalar = z.union([text, z.number(), z.boolean()]);

/** `payload`: one file, and what is done with it. */
export const payloadItem = z.strictObject({
  file_path: path.describe("The file, below the base."),
  action: z
    .enum(["append", "set_key_value", "write", "create"])
    .optional()
    .describe("What is done with the file; a `patch_content` needs no word for it."),
  content: text.optional().describe("The whole text of the file, or what is appended to it; it is never expanded."),
  key: z
    .union([text.min(1), z.array(text.min(1)).min(1)])
    .optional()
    .describe("The key that is set, `a.b` or `[a, b]`; the rest of the file stays to the letter."),
  value: scalar.optional().describe("What the key is set to."),
  patch_format: z.enum(["diff", "unified", "unified_diff"]).optional().describe("The diff is a unified one."),
  patch_content: diff,
  mode: octal,
  description,
});

/** `action` as a map. */
export const actionItem = z.strictObject({
  type: z
    .enum(["patch_file", "create_file", "write_file", "delete_file", "run_shell"])
    .describe("What is done: one thing with one file, or a command."),
  target_file: target,
  file: target,
  path: target,
  content,
  patch_content: diff,
  patch: diff,
  mode: octal,
  command: text.optional().describe("What the shell is given, for `run_shell`."),
  cmd: text.optional().describe("What the shell is given, for `run_shell`."),
  timeout: duration.optional().describe("How long the command may take: 90s, 5m, or a number of milliseconds."),
  description,
  risky_commands_present: flag.optional().describe("Said by some agents; nothing is done with it."),
});

/** One of `clc_patch.patches`. */
export const clcPatchItem = z.strictObject({
  id: anyId,
  description,
  file: path.describe("The file, below the base."),
  patch_type: z.enum(["insert_after", "insert_before", "replace"]).describe("What is done at the anchor."),
  anchor: text.min(1).describe("A text that stands in the file exactly once, or once in its `anchor_context`."),
  anchor_context: text.optional().describe("A longer text around the anchor: it says which of several is meant."),
  payload: text.describe("What goes there."),
  validation: z
    .array(
      z.union([
        z.strictObject({
          type: z.literal("grep").describe("A pattern is looked for in the file."),
          pattern: text.min(1).describe("What `grep` looks for."),
          expected: z.enum(["found", "not_found"]).optional().describe("What has to come of it; `found` if unsaid."),
        }),
        z.strictObject({
          type: text.optional().describe("What kind of check it is; nothing is done with it."),
          name: text.optional().describe("What it is called in records."),
          command: text.min(1).describe("A command that has to succeed; `{file}` stands for the file."),
          expected: text.optional().describe("What it has to print, blanks around it aside."),
        }),
      ]),
    )
    .optional()
    .describe("Checks that run when all files are written; a failure has class `check_failed`."),
});

/** One of `lpe_patch_ops`. */
export const lpeItem = z.strictObject({
  path: path.describe("The file, below the base, and within `path_acl` where the order has one."),
  mode: z
    .enum(["append", "replace_block", "insert_before", "insert_after", "delete_file"])
    .optional()
    .describe("What is done, once, however often it is asked; `append` if unsaid."),
  match: text.min(1).optional().describe("A text that stands in the file exactly once: what is done is done there."),
  content: text.optional().describe("What is put there; it is never expanded."),
  description,
});

/** A file with such operations; what an order says of all of them is said in the order. */
export const lpeFile = z.strictObject({ ops: z.array(z.unknown()), description });

export const stepItem = z.strictObject({
  id: anyId,
  name: text.optional().describe("What it is called in records."),
  description: text.optional().describe("What it is for; its name where it has none."),
  run: text.optional().describe("The command, as a shell gets it, in the base."),
  cmd: text.optional().describe("The command, as a shell gets it, in the base."),
  command: text.optional().describe("The command, as a shell gets it, in the base."),
  code: text.optional().describe("A program's text, for the interpreter that `skill` names."),
  skill: text.optional().describe("What runs it: bash if unsaid, or sh, zsh, python, node."),
  args: z
    .array(z.union([text, z.number()]))
    .optional()
    .describe("The words behind the program that `skill` names; no shell reads them."),
  timeout: duration
    .optional()
    .describe("How long it may take: 90s, 5m, 1h, or a number of milliseconds; 24 h at most."),
  timeout_ms: z.number().positive().optional().describe("How long it may take, in milliseconds."),
  timeout_sec: z.number().positive().optional().describe("How long it may take, in seconds."),
  optional: flag.optional().describe("The order goes on when it fails."),
  always_run: flag.optional().describe("It runs also when something before it has failed."),
  retry_on_failure: flag.optional().describe("It is tried again when it fails: once, unless `max_retries` says more."),
  max_retries: z
    .number()
    .int()
    .min(0)
    .max(LIMITS.retries)
    .optional()
    .describe("How often it is tried again; each try is recorded."),
  retry_delay: duration.optional().describe("How long to wait before each further try."),
  expected: scalar.optional().describe("What it has to print, blanks around it aside."),
  cache_key: text.optional().describe("For caches of your own; nothing is done with it."),
  artifacts: z
    .union([text, z.array(z.unknown())])
    .optional()
    .describe("Files that it leaves; they are not collected, and stay where they are."),
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
