/**
 * Bytes in, an order or all its problems out; pure. An order is taken only when every action in it is understood:
 * what would be overlooked here would be claimed as done later.
 */
import { err, ok, type Result } from "../platform/result.ts";
import {
  readAction,
  readClcPatches,
  readLpePatches,
  readPayload,
  readTopDiff,
  readTopOperation,
  taskOf,
} from "./agent-dialects.ts";
import { Collector } from "./collector.ts";
import { readCommands, readRequired } from "./commands.ts";
import { refuseFaultyDiffs } from "./diff-actions.ts";
import { type Document, decode, openDocument } from "./document.ts";
import { readEdits, readFiles, readOperations } from "./file-actions.ts";
import { openFolder, unpackFolder } from "./folder-order.ts";
import { ID, readHeader, readId, valueAt } from "./header.ts";
import { LIMITS, THREAD_BYTES, THREAD_TOKENS } from "./limits.ts";
import { type OrderDocument, readOperationsFile, unpackOperations, withOperations } from "./operations-file.ts";
import { isProse, type Order } from "./order.ts";
import type { Problem } from "./problems.ts";
import { readRoute } from "./routing.ts";
import { yamlCost } from "./yaml-text.ts";

/** Keys that ask for work in a form that is not carried out: never passed over as metadata. */
export const NOT_YET = ["patch_file", "patches", "script"] as const;

/** Reads an order file. `stem` is the file's name without its ending: the id of an order that declares none. */
export function readOrder(bytes: Uint8Array, stem: string): Result<Order, readonly Problem[]> {
  const document = openOrder(bytes, stem);
  return document.ok ? orderOf(document.value, stem) : document;
}

/** The order's document, out of a file or a packed folder, with the file that it names packed or not; `stem` as above. */
export function openOrder(bytes: Uint8Array, stem: string): Result<OrderDocument, readonly Problem[]> {
  const packed = unpackOperations(bytes);
  if (packed === undefined) return openDrop(bytes, stem);
  const document = openDrop(packed.order, stem);
  return document.ok ? withOperations(document.value, packed.file) : document;
}

function openDrop(bytes: Uint8Array, stem: string): Result<Document, readonly Problem[]> {
  const folder = unpackFolder(bytes);
  if (folder !== undefined) return openFolder(folder, stem);
  const text = decode(bytes);
  return text.ok ? openDocument(text.value) : err([text.error]);
}

/** True when parsing might take longer than the process may stand still: it then belongs into a thread of its own. */
export function isCostly(bytes: Uint8Array): boolean {
  // No text has more tokens than bytes.
  if (bytes.length <= THREAD_TOKENS) return false;
  // A small folder may hold text that costs much.
  if (bytes.length > THREAD_BYTES || unpackFolder(bytes) !== undefined) return true;
  const packed = unpackOperations(bytes);
  if (packed !== undefined) return isCostly(packed.order) || isCostly(packed.file.bytes);
  const text = decode(bytes);
  if (!text.ok) return false;
  if (/^\s*[{[]/.test(text.value)) {
    try {
      JSON.parse(text.value);
      return false;
    } catch {
      // Not JSON: the YAML parser will get it.
    }
  }
  return yamlCost(text.value).tokensAtMost > THREAD_TOKENS;
}

function orderOf(document: OrderDocument, stem: string): Result<Order, readonly Problem[]> {
  const problems = new Collector(document);
  const { data } = document;
  const id = readId(document, stem, problems);
  refuseUnread(document, problems);
  const asked = readAll(document, problems);
  const operationsFile = readOperationsFile(document, problems);
  if (!isProse({ ...asked, ...(operationsFile === undefined ? {} : { operationsFile }) })) refuseHalf(data, problems);
  if (asked.files.length + asked.checks.length + asked.steps.length > LIMITS.actions) {
    problems.add({ code: "too_many_actions", message: `holds more than ${LIMITS.actions} actions` }, []);
  }
  const supersedes = readSupersedes(data, problems);
  const dryRun = readDryRun(data, problems);
  if (!dryRun) refuseFaultyDiffs(asked.files, problems);
  if (id === undefined || problems.problems.length > 0) return err(problems.problems);
  return ok({
    id: id.id,
    idFromName: id.fromName,
    header: readHeader(document, id.id),
    route: readRoute(data),
    ...asked,
    ...(operationsFile === undefined ? {} : { operationsFile }),
    dryRun,
    allowDelete: data["allow_delete"] === true,
    ...(supersedes === undefined ? {} : { supersedes }),
    onInterrupt: data["on_interrupt"] === "retry" ? "retry" : "fail",
    warnings: problems.warnings,
  });
}

/** Everything that the order asks for, dialect by dialect. */
function readAll(document: OrderDocument, problems: Collector): Pick<Order, "files" | "checks" | "steps" | "requires"> {
  const { data } = document;
  const taskOperations = valueAt(data, ["task_spec", "operations"]);
  const clcPatches = valueAt(data, ["clc_patch", "patches"]);
  const files = isGiven(data["files"]) ? readFiles(data["files"], ["files"], problems) : { files: [], checks: [] };
  const asked = [
    readPayload(data["payload"], ["payload"], problems),
    readAction(data["action"], ["action"], problems),
    ...(isGiven(data["clc_patch"]) ? [readClcPatches(clcPatches, ["clc_patch", "patches"], problems)] : []),
    readLpePatches(document, problems),
    readTopDiff(data, problems),
    readTopOperation(data, problems),
  ];
  return {
    files: [
      ...files.files,
      ...(isGiven(data["operations"]) ? readOperations(data["operations"], ["operations"], problems) : []),
      ...(isGiven(taskOperations) ? readOperations(taskOperations, ["task_spec", "operations"], problems) : []),
      ...(isGiven(data["edits"]) ? readEdits(data["edits"], ["edits"], problems) : []),
      ...asked.flatMap((part) => part.files),
    ],
    checks: files.checks,
    steps: readCommands(
      data,
      asked.flatMap((part) => part.steps),
      problems,
    ),
    requires: readRequired(data, problems),
  };
}

/** Refuses by name what asks for work that would not be done. */
function refuseUnread({ data }: Document, problems: Collector): void {
  const refuse = (key: string) => {
    const message = `"${key}" asks for work in a form that is not carried out`;
    const hint = "use `files`, `edits`, `operations`, `steps`, `post_verify`, `tests`";
    problems.add({ code: "unknown_action", message, hint }, [key], "key");
  };
  for (const key of NOT_YET) if (isGiven(data[key])) refuse(key);
  // In a folder's header it is read by now.
  if (isGiven(data["body_file"])) refuse("body_file");
  // A text is a diff, and a map with `ops` a list of operations.
  const isPatch = typeof data["patch"] === "string" || isGiven(valueAt(data, ["patch", "ops"]));
  if (isGiven(data["patch"]) && !isPatch) refuse("patch");
  const isLpe = ["ops", "inline", "file"].some((key) => isGiven(valueAt(data, ["lpe_patch", key])));
  if (isGiven(data["lpe_patch"]) && !isLpe) refuse("lpe_patch");
  for (const key of ["diff", "patch_content"]) if (isGiven(data[key]) && typeof data[key] !== "string") refuse(key);
}

/** An order that would be done without the task that it names must not be done at all. */
function refuseHalf(data: Readonly<Record<string, unknown>>, problems: Collector): void {
  const task = taskOf(data);
  if (task === undefined) return;
  const message = `"${task}" is work for a model or a person, and what else the order asks for would be done without it`;
  problems.add({ code: "unknown_action", message, hint: "write two orders" }, ["op"]);
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}

const YES = new Set(["true", "yes", "on", "dry-run", "dryrun"]);
const NO = new Set(["false", "no", "off", "", "normal", "live", "execute"]);

/** Asked for in any of its forms. A word that is not understood is a problem: guessing wrong would touch files. */
function readDryRun(data: Readonly<Record<string, unknown>>, problems: Collector): boolean {
  let dryRun = false;
  for (const path of [["dry_run"], ["metadata", "dry_run"], ["safety_mode"]]) {
    const value = valueAt(data, path);
    const word = (isGiven(value) ? JSON.stringify(value).replaceAll('"', "") : "")
      .trim()
      .toLowerCase()
      .replaceAll("_", "-");
    if (YES.has(word)) dryRun = true;
    else if (!NO.has(word) && path[0] !== "safety_mode")
      problems.add({ code: "wrong_value", message: "a dry run is asked for with true or false" }, path);
  }
  return dryRun;
}

function readSupersedes(data: Readonly<Record<string, unknown>>, problems: Collector): string | undefined {
  const value = data["supersedes"];
  if (!isGiven(value)) return undefined;
  if (typeof value === "string" && ID.test(value)) return value;
  problems.add({ code: "bad_id", message: "supersedes is the id of one order" }, ["supersedes"]);
  return undefined;
}
