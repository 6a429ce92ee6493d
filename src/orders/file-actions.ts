/** What an order asks of files, in the dialects `files` (list and map), `operations` and `edits`. */

import { isRecord } from "../platform/result.ts";
import type { Collector } from "./collector.ts";
import { readDiffOf } from "./diff-actions.ts";
import type { EditHow, FileAction, FileCheck, FileWork } from "./order.ts";
import { type KeyPath, nearest } from "./problems.ts";
import {
  editItem,
  type FileItem,
  fileItem,
  fileMapValue,
  MODE_TEXT,
  type OperationItem,
  operationItem,
} from "./shapes.ts";

type OperationKind = "write" | "append" | "diff" | "delete" | "move";

export const OPERATION_WORDS: ReadonlyMap<string, OperationKind> = new Map([
  ["write_file", "write"],
  ["write", "write"],
  ["create_file", "write"],
  ["create", "write"],
  ["modify", "write"],
  ["update", "write"],
  ["append", "append"],
  ["append_file", "append"],
  ["apply_patch", "diff"],
  ["patch", "diff"],
  ["patch_file", "diff"],
  ["delete", "delete"],
  ["delete_file", "delete"],
  ["move", "move"],
  ["move_file", "move"],
  ["rename", "move"],
]);

/** `files`: a list of items, or a map from path to content. Items without anything to do are files to verify. */
export function readFiles(
  value: unknown,
  path: KeyPath,
  problems: Collector,
): { readonly files: FileAction[]; readonly checks: FileCheck[] } {
  if (Array.isArray(value)) {
    const items = value.map((item: unknown, index) => readFileItem(item, [...path, index], problems));
    return { files: items.flatMap(({ files }) => files), checks: items.flatMap(({ checks }) => checks) };
  }
  if (isRecord(value)) {
    const files = Object.entries(value).flatMap(([name, item]) =>
      placed(readMapItem(name, item, [...path, name], problems), [...path, name]),
    );
    return { files, checks: [] };
  }
  problems.add({ code: "wrong_type", message: "files is a list of files, or a map from path to content" }, path);
  return { files: [], checks: [] };
}

/** The works with the place in the order's file that asks for them. */
export function placed(works: readonly FileWork[], at: KeyPath): FileAction[] {
  return works.map((work) => ({ ...work, at }));
}

const NOTHING = { files: [], checks: [] };

function readFileItem(
  value: unknown,
  path: KeyPath,
  problems: Collector,
): { readonly files: FileAction[]; readonly checks: FileCheck[] } {
  // Plain names are what the order is about: they have to be there when it is done.
  if (typeof value === "string" && value !== "") return { files: [], checks: [{ path: value, at: path }] };
  const item = problems.read(fileItem, value, path);
  if (item === undefined) return NOTHING;
  const mode = readMode(item.mode, path, problems);
  const asked = [item.content, item.patch, item.delete, item.move].filter((part) => part !== undefined).length;
  if (asked === 0 && item.sha256 !== undefined && item.mode === undefined)
    return { files: [], checks: [{ path: item.path, sha256: item.sha256.toLowerCase(), at: path }] };
  if (asked !== 1) {
    const message =
      asked === 0 ? `nothing says what to do with ${item.path}` : `${item.path} is asked for several things at once`;
    const hint = "one of `content`, `patch`, `delete: true`, `move: NEW-PATH`, or `sha256` to verify it";
    problems.add({ code: "missing_value", message, hint }, path);
    return NOTHING;
  }
  const works = fileWorks(item, mode, path, problems);
  const checks = item.sha256 === undefined || item.delete === true ? [] : [item.sha256.toLowerCase()];
  return {
    files: placed(works, path),
    checks: checks.map((sha256) => ({ path: item.move ?? item.path, sha256, at: path })),
  };
}

function fileWorks(item: FileItem, mode: number | undefined, path: KeyPath, problems: Collector): readonly FileWork[] {
  if (item.content !== undefined) return [writing(item.path, item.content, mode)];
  const modes: FileWork[] = mode === undefined ? [] : [{ kind: "mode", path: item.move ?? item.path, mode }];
  if (item.patch !== undefined) return [...readDiffOf(item.patch, item.path, [...path, "patch"], problems), ...modes];
  if (item.move !== undefined) return [{ kind: "move", path: item.path, to: item.move }, ...modes];
  return [{ kind: "delete", path: item.path }];
}

function readMapItem(name: string, value: unknown, path: KeyPath, problems: Collector): FileWork[] {
  if (name === "") {
    problems.add({ code: "wrong_value", message: "the path is empty", hint: "name the file" }, path, "key");
    return [];
  }
  if (value === null) {
    const message = `nothing says what is in ${name}`;
    problems.add({ code: "missing_value", message, hint: 'write "" for an empty file' }, path, "key");
    return [];
  }
  if (typeof value !== "string" && !isRecord(value)) {
    const message = `the content of ${name} is text, and this is ${Array.isArray(value) ? "a list" : `a ${typeof value}`}`;
    problems.add({ code: "wrong_type", message, hint: "write it in quotes" }, path);
    return [];
  }
  const item = problems.read(fileMapValue, value, path);
  if (item === undefined) return [];
  if (typeof item === "string") return [writing(name, item, undefined)];
  return [writing(name, item.content, readMode(item.mode, path, problems))];
}

/** The whole file. */
export function writing(path: string, content: string, mode: number | undefined): FileWork {
  return { kind: "write", path, content, ...(mode === undefined ? {} : { mode }) };
}

/** Octal text as a number; undefined when absent, or, with a problem kept, when it is no octal text. */
export function readMode(mode: string | number | undefined, path: KeyPath, problems: Collector): number | undefined {
  if (typeof mode === "string") return Number.parseInt(mode, 8);
  if (mode !== undefined) {
    const message = `${mode} is a number here: whether 755 or 493 was meant depends on the reader`;
    problems.add({ code: "bad_mode", message, hint: 'write the mode as octal text in quotes: "0755"' }, [
      ...path,
      "mode",
    ]);
  }
  return undefined;
}

/** Refuses a mode where no file is written whole: it would not be set. */
export function refuseMode(mode: string | number | undefined, path: KeyPath, problems: Collector): void {
  if (mode === undefined || (typeof mode === "string" && !MODE_TEXT.test(mode))) return;
  problems.add({ code: "bad_mode", message: "a mode is set only where a file is written whole" }, [...path, "mode"]);
}

/** `operations`: a list of `{op | type | operation, …}`. */
export function readOperations(value: unknown, path: KeyPath, problems: Collector): FileAction[] {
  if (!Array.isArray(value)) {
    problems.add({ code: "wrong_type", message: "operations is a list" }, path);
    return [];
  }
  return value.flatMap((item, index) => placed(readOperation(item, [...path, index], problems), [...path, index]));
}

/** One operation: `{op | type | operation, …}`. */
export function readOperation(value: unknown, path: KeyPath, problems: Collector): FileWork[] {
  if (!isRecord(value)) {
    problems.add({ code: "wrong_type", message: "an operation is a map" }, path);
    return [];
  }
  const key = ["op", "operation", "type"].find((name) => name in value);
  const word = key === undefined ? undefined : value[key];
  if (key === undefined || typeof word !== "string") {
    problems.add(
      { code: "missing_value", message: "nothing says which operation this is", hint: "add `op: write_file`" },
      path,
    );
    return [];
  }
  const kind = OPERATION_WORDS.get(word);
  if (kind === undefined) {
    refuseWord(word, [...path, key], problems);
    return [];
  }
  const item = problems.read(operationItem, value, path);
  return item === undefined ? [] : operationAction(kind, item, path, problems);
}

/** Refuses a word that names no operation. */
export function refuseWord(word: string, path: KeyPath, problems: Collector): void {
  const known = [...OPERATION_WORDS.keys()];
  const near = nearest(word, known);
  const hint = near === undefined ? `known: ${known.join(", ")}` : `did you mean "${near}"?`;
  problems.add({ code: "unknown_action", message: `the operation "${word}" is not known`, hint }, path);
}

function operationAction(kind: OperationKind, item: OperationItem, path: KeyPath, problems: Collector): FileWork[] {
  const named = item.path ?? item.file ?? item.file_path;
  const source = item.source_path ?? item.from;
  const target = item.to ?? item.destination ?? item.target_path;
  if (kind !== "write") refuseMode(item.mode, path, problems);
  const missing = (what: string) => {
    problems.add({ code: "missing_value", message: `the operation has no ${what}` }, path);
    return [];
  };
  if (kind === "move") {
    const from = source ?? named;
    const to = target ?? (source === undefined ? undefined : named);
    if (from === undefined) return missing("`source_path`");
    return to === undefined ? missing("`to`") : [{ kind: "move", path: from, to }];
  }
  if (kind === "diff") {
    const key = (["patch", "diff", "patch_content", "content"] as const).find((name) => item[name] !== undefined);
    if (key === undefined) return missing("`patch`");
    return [...readDiffOf(item[key] ?? "", named, [...path, key], problems)];
  }
  if (named === undefined) return missing("`path`");
  if (kind === "delete") return [{ kind: "delete", path: named }];
  if (item.content === undefined) return missing('`content`; an empty file is written with `content: ""`');
  if (kind === "append") return [{ kind: "append", path: named, text: item.content, create: false }];
  const octal = item.mode === "replace" || item.mode === "create" || item.mode === "overwrite" ? undefined : item.mode;
  return [writing(named, item.content, readMode(octal, path, problems))];
}

/** `edits`: a text that is found once, and what goes `after` it, `before` it, or (`replace`) in its place. */
export function readEdits(value: unknown, path: KeyPath, problems: Collector): FileAction[] {
  if (!Array.isArray(value)) {
    problems.add({ code: "wrong_type", message: "edits is a list" }, path);
    return [];
  }
  return value.flatMap((entry, index) => placed(readEdit(entry, [...path, index], problems), [...path, index]));
}

function readEdit(value: unknown, path: KeyPath, problems: Collector): FileWork[] {
  const item = problems.read(editItem, value, path);
  if (item === undefined) return [];
  const named = item.path ?? item.file;
  const parts: (readonly [EditHow, string | undefined])[] = [
    ["after", item.after],
    ["before", item.before],
    ["replace", item.replace],
  ];
  const asked = parts.flatMap(([how, text]) => (text === undefined ? [] : [{ how, text }]));
  const only = asked[0];
  if (named === undefined || only === undefined || asked.length > 1) {
    const message = named === undefined ? "the edit has no `path`" : "an edit has one of `after`, `before`, `replace`";
    problems.add({ code: "missing_value", message }, path);
    return [];
  }
  return [{ kind: "edit", path: named, find: item.find, ...only }];
}
