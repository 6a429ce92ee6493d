/**
 * The dialects in which agents ask for one thing at a time: `payload`, `action`, `clc_patch.patches`, `lpe_patch_ops` and
 * its sisters, and a unified diff at the top. Each becomes the same file actions and commands as any other order's.
 */
import { isRecord } from "../platform/result.ts";
import { quoted } from "../platform/shell.ts";
import type { Collector } from "./collector.ts";
import { readTimeout, shell } from "./commands.ts";
import { readDiffOf } from "./diff-actions.ts";
import { openDocument } from "./document.ts";
import { OPERATION_WORDS, placed, readMode, readOperation, refuseMode, refuseWord, writing } from "./file-actions.ts";
import { valueAt } from "./header.ts";
import { INLINE_PLACES, type OrderDocument } from "./operations-file.ts";
import type { FileAction, FileWork, Step, TextEdit } from "./order.ts";
import { type KeyPath, nearest } from "./problems.ts";
import { actionItem, clcPatchItem, lpeFile, lpeItem, payloadItem } from "./shapes.ts";

/** What such a part of an order asks for. */
export interface Asked {
  readonly files: readonly FileAction[];
  readonly steps: readonly Step[];
}

const NOTHING: Asked = { files: [], steps: [] };

/** `payload: {file_path, action | patch_content, …}`; a payload that has none of these is data for somebody else. */
export function readPayload(value: unknown, path: KeyPath, problems: Collector): Asked {
  if (!isRecord(value) || !["file_path", "action", "patch_content"].some((key) => key in value)) return NOTHING;
  const item = problems.read(payloadItem, value, path);
  if (item === undefined) return NOTHING;
  const { file_path: file, action, content, patch_content: patch, key, value: wanted } = item;
  const files = (works: readonly FileWork[]): Asked => ({ files: placed(works, path), steps: [] });
  const missing = (what: string): Asked => {
    problems.add({ code: "missing_value", message: `the payload has no ${what}` }, path);
    return NOTHING;
  };
  if (patch !== undefined && action === undefined && content === undefined)
    return files(readDiffOf(patch, file, [...path, "patch_content"], problems));
  if (action === "set_key_value") {
    if (key === undefined || wanted === undefined) return missing(key === undefined ? "`key`" : "`value`");
    if (!/\.(?:json|ya?ml)$/i.test(file)) {
      const message = `${file} is neither JSON nor YAML: a value is set in no other file`;
      problems.add({ code: "wrong_value", message, hint: "use `edits` with `find` and `replace`" }, [
        ...path,
        "file_path",
      ]);
      return NOTHING;
    }
    refuseMode(item.mode, path, problems);
    return files([{ kind: "set", path: file, keys: typeof key === "string" ? key.split(".") : key, value: wanted }]);
  }
  if (action === undefined) return missing("`action` and no `patch_content`");
  if (action === "append") refuseMode(item.mode, path, problems);
  if (content === undefined) return missing("`content`");
  return files(
    action === "append"
      ? [{ kind: "append", path: file, text: content, create: false }]
      : [writing(file, content, readMode(item.mode, path, problems))],
  );
}

/** `action: {type: patch_file | create_file | run_shell …}`; an action that is a text is a word about the order. */
export function readAction(value: unknown, path: KeyPath, problems: Collector): Asked {
  if (!isRecord(value)) return NOTHING;
  const item = problems.read(actionItem, value, path);
  if (item === undefined) return NOTHING;
  const file = item.target_file ?? item.file ?? item.path;
  const command = item.command ?? item.cmd;
  const patch = item.patch_content ?? item.patch;
  const missing = (what: string): Asked => {
    problems.add({ code: "missing_value", message: `the action has no ${what}` }, path);
    return NOTHING;
  };
  if (item.type === "run_shell") {
    if (command === undefined) return missing("`command`");
    const timeoutMs = readTimeout({ timeout: item.timeout }, path, problems);
    const limit = timeoutMs === undefined ? {} : { timeoutMs };
    const argv = shell("bash", command);
    return { files: [], steps: [stepOf(item.description ?? command, argv, path, { kind: "command", ...limit })] };
  }
  const files = (works: readonly FileWork[]): Asked => ({ files: placed(works, path), steps: [] });
  if (item.type === "patch_file") {
    return patch === undefined
      ? missing("`patch_content`")
      : files(readDiffOf(patch, file, [...path, "patch_content"], problems));
  }
  if (file === undefined) return missing("`target_file`");
  if (item.type === "delete_file") return files([{ kind: "delete", path: file }]);
  if (item.content === undefined) return missing("`content`");
  return files([writing(file, item.content, readMode(item.mode, path, problems))]);
}

/** `clc_patch.patches`: an anchor in a file, what goes there, and how to see that it is there. */
export function readClcPatches(value: unknown, path: KeyPath, problems: Collector): Asked {
  if (!Array.isArray(value)) {
    problems.add({ code: "wrong_type", message: "clc_patch has a list of `patches`" }, path);
    return NOTHING;
  }
  const asked = value.map((entry: unknown, index) => readClcPatch(entry, [...path, index], problems));
  return { files: asked.flatMap(({ files }) => files), steps: asked.flatMap(({ steps }) => steps) };
}

function readClcPatch(value: unknown, path: KeyPath, problems: Collector): Asked {
  const item = problems.read(clcPatchItem, value, path);
  if (item === undefined) return NOTHING;
  const { file, anchor, anchor_context: context, payload, patch_type: type } = item;
  const how = { insert_after: "after", insert_before: "before", replace: "replace" } as const;
  const given = context?.includes(anchor) === true ? { context } : {};
  const edit: TextEdit = { find: anchor, how: how[type], text: payload, ...given };
  const steps = (item.validation ?? []).map((check, index) => {
    const at = [...path, "validation", index];
    if ("pattern" in check) {
      const isAbsent = check.expected === "not_found";
      const name = `${file} ${isAbsent ? "does not hold" : "holds"} ${check.pattern}`;
      return stepOf(name, grep(check.pattern, file, isAbsent), at, { kind: "check" });
    }
    const command = check.command.replaceAll("{file}", quoted(file));
    const expected = check.expected === undefined ? {} : { expected: check.expected.trim() };
    return stepOf(check.name ?? command, shell("bash", command), at, { kind: "check", ...expected });
  });
  return { files: placed([{ kind: "edit", path: file, ...edit }], path), steps };
}

function grep(pattern: string, file: string, isAbsent: boolean): readonly string[] {
  const found = ["grep", "-q", "-e", pattern, "--", file];
  return isAbsent ? ["bash", "-c", '! "$@"', "bash", ...found] : found;
}

/**
 * `lpe_patch_ops`, `lpe_patch_inline`, `lpe_patch`, `patch.ops`: a list, a text that holds one, or a map with either in
 * it; or the file that the order names. Each operation does nothing where it is done already.
 */
export function readLpePatches({ data, operations }: OrderDocument, problems: Collector): Asked {
  const wishes = lpeWishes(data);
  const odd = wishes.within?.find((name) => /[*?[{]/.test(name.replace(/\/\*{1,2}$/, "")));
  if (odd !== undefined) {
    const message = `path_acl holds the pattern ${JSON.stringify(odd)}, and only files and folders are understood there`;
    problems.add({ code: "wrong_value", message, hint: "name the folder: what lies below it is meant, too" }, []);
    return NOTHING;
  }
  const files = INLINE_PLACES.flatMap((place) => {
    const value = valueAt(data, place);
    if (value === undefined || value === null) return [];
    return readLpeList(typeof value === "string" ? opsIn(value) : value, place, wishes, problems);
  });
  const inFile = operations && problems.read(lpeFile, operations.value, operations.at);
  const more = operations && inFile ? readLpeList(inFile, operations.at, wishes, problems) : [];
  return { files: [...files, ...more], steps: [] };
}

function opsIn(text: string): unknown {
  const inner = openDocument(text);
  return inner.ok ? inner.value.data["ops"] : undefined;
}

interface LpeWishes {
  readonly create: boolean;
  readonly delete: boolean;
  /** Undefined: everywhere that orders may write. */
  readonly within: readonly string[] | undefined;
}

function lpeWishes(data: Readonly<Record<string, unknown>>): LpeWishes {
  const inner = isRecord(data["lpe_patch"]) ? data["lpe_patch"] : {};
  const rules = [data, inner, data["path_acl"], inner["path_acl"]].filter(isRecord);
  const lists = [data["path_acl"], inner["path_acl"], ...rules.map((rule) => rule["allowed_roots"])];
  const named = lists.flatMap((list) =>
    typeof list === "string" ? [list] : Array.isArray(list) ? list.map(String) : [],
  );
  return {
    create: rules.some((rule) => rule["allow_create"] === true),
    delete: rules.some((rule) => rule["allow_delete"] === true),
    within: named.length === 0 ? undefined : named,
  };
}

function readLpeList(value: unknown, path: KeyPath, wishes: LpeWishes, problems: Collector): FileAction[] {
  const [list, at] = isRecord(value) ? [value["ops"], [...path, "ops"]] : [value, path];
  if (!Array.isArray(list)) {
    problems.add({ code: "wrong_type", message: "a patch for the Local Patch Engine is a list of operations" }, path);
    return [];
  }
  return list.flatMap((entry: unknown, index) =>
    placed(readLpeOp(entry, [...at, index], wishes, problems), [...at, index]),
  );
}

function readLpeOp(value: unknown, path: KeyPath, wishes: LpeWishes, problems: Collector): FileWork[] {
  const item = problems.read(lpeItem, value, path);
  if (item === undefined) return [];
  const { path: file, mode = "append", match, content } = item;
  const refuse = (message: string, hint?: string) => {
    problems.add({ code: "missing_value", message, ...(hint === undefined ? {} : { hint }) }, path);
    return [];
  };
  if (wishes.within !== undefined && !isBelow(file, wishes.within)) {
    problems.add({ code: "path_refused", message: `${file} lies outside of the order's own path_acl` }, [
      ...path,
      "path",
    ]);
    return [];
  }
  if (mode === "delete_file")
    return wishes.delete
      ? [{ kind: "delete", path: file }]
      : refuse(`${file} is to be deleted`, "say `allow_delete: true`");
  if (content === undefined) return refuse("the operation has no `content`");
  if (mode === "append") return [{ kind: "append", path: file, text: content, create: wishes.create, unless: content }];
  if (match === undefined) return refuse("the operation has no `match`");
  // Right at the match, in its line: that is where these orders expect it.
  const text = { replace_block: content, insert_before: content + match, insert_after: match + content }[mode];
  return [{ kind: "edit", path: file, find: match, how: "replace", text, unless: content }];
}

/** True for one of the names itself, and for what lies below it. */
function isBelow(file: string, names: readonly string[]): boolean {
  return names.some((name) => {
    const folder = name.replace(/\/+(?:\*{1,2})?$/, "");
    return file === folder || file.startsWith(`${folder}/`);
  });
}

/** What a machine is asked for with it, among the inputs of an operation. */
const WORK_KEYS = ["content", "patch", "diff", "patch_content", "run", "cmd", "command", "code", "script", "args"];

/** The word at the top for work that a model or a person does: `op: summarize` with `inputs`; undefined for any other. */
export function taskOf(data: Readonly<Record<string, unknown>>): string | undefined {
  const { op, inputs } = data;
  if (typeof op !== "string" || !isRecord(inputs) || nearest(op, [...OPERATION_WORDS.keys()]) !== undefined) return;
  return WORK_KEYS.some((key) => key in inputs) ? undefined : op;
}

/** `op` with `inputs` at the top: one operation on a file, or a task that nothing here does. */
export function readTopOperation(data: Readonly<Record<string, unknown>>, problems: Collector): Asked {
  const { op, inputs } = data;
  if (op === undefined || op === null || taskOf(data) !== undefined) return NOTHING;
  const refuse = (code: "wrong_type" | "missing_value", message: string): Asked => {
    problems.add({ code, message, hint: "use `operations: [{op: …, path: …}]`, or `steps` for a command" }, ["op"]);
    return NOTHING;
  };
  if (typeof op !== "string") return refuse("wrong_type", "the operation is a word");
  if (!OPERATION_WORDS.has(op)) {
    refuseWord(op, ["op"], problems);
    return NOTHING;
  }
  if (!isRecord(inputs)) return refuse("missing_value", `the operation "${op}" has no \`inputs\``);
  const odd = ["op", "operation", "type"].find((key) => key in inputs);
  if (odd !== undefined) return refuse("wrong_type", `the inputs of "${op}" name an operation once more: \`${odd}\``);
  return { files: placed(readOperation({ op, ...inputs }, ["inputs"], problems), ["inputs"]), steps: [] };
}

/** A diff as the text of `patch`, `diff` or `patch_content` at the top; its own headers name its files. */
export function readTopDiff(data: Readonly<Record<string, unknown>>, problems: Collector): Asked {
  const files = ["patch", "diff", "patch_content"].flatMap((key) => {
    const text = data[key];
    return typeof text === "string" ? placed(readDiffOf(text, undefined, [key], problems), [key]) : [];
  });
  return { files, steps: [] };
}

/** Run as part of the order; `more` says whether as a command or a check. */
function stepOf(
  name: string,
  argv: readonly string[],
  at: KeyPath,
  more: Pick<Step, "kind"> & Pick<Partial<Step>, "expected" | "timeoutMs">,
): Step {
  return { name, when: "normal", argv, optional: false, at, ...more };
}
