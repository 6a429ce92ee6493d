/**
 * Bytes in, an order or all its problems out; pure. An order is taken only when every action in it is understood:
 * what would be overlooked here would be claimed as done later.
 */
import { err, isRecord, ok, type Result } from "../platform/result.ts";
import { Collector } from "./collector.ts";
import { holdsCommands, readSteps, readTopStep } from "./commands.ts";
import { type Document, decode, openDocument } from "./document.ts";
import { readEdits, readFiles, readOperations } from "./file-actions.ts";
import { ID, readHeader, readId, valueAt } from "./header.ts";
import { LIMITS, THREAD_BYTES, THREAD_TOKENS } from "./limits.ts";
import type { FileAction, Order, Step } from "./order.ts";
import type { Problem } from "./problems.ts";
import { readRoute } from "./routing.ts";
import { yamlCost } from "./yaml-text.ts";

/** Keys that ask for work in dialects that are not carried out yet: never passed over as metadata. */
const NOT_YET = [
  "payload",
  "clc_patch",
  "lpe_patch",
  "lpe_patch_file",
  "lpe_patch_inline",
  "lpe_patch_ops",
  "patch",
  "patches",
  "patch_content",
  "diff",
  "op",
  "code",
  "body_file",
  "run",
  "command",
  "commands",
  "script",
] as const;

/** Reads an order file. `stem` is the file's name without its ending: the id of an order that declares none. */
export function readOrder(bytes: Uint8Array, stem: string): Result<Order, readonly Problem[]> {
  const text = decode(bytes);
  if (!text.ok) return err([text.error]);
  const document = openDocument(text.value);
  if (!document.ok) return document;
  return orderOf(document.value, stem);
}

/** True when parsing might take longer than the process may stand still: it then belongs into a thread of its own. */
export function isCostly(bytes: Uint8Array): boolean {
  // No text has more tokens than bytes.
  if (bytes.length <= THREAD_TOKENS) return false;
  if (bytes.length > THREAD_BYTES) return true;
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

function orderOf(document: Document, stem: string): Result<Order, readonly Problem[]> {
  const problems = new Collector(document);
  const { data } = document;
  const id = readId(document, stem, problems);
  refuseUnread(document, problems);
  const files = fileActionsOf(data, problems);
  const steps = stepsOf(data, problems);
  if (files.length + steps.length > LIMITS.actions) {
    problems.add({ code: "too_many_actions", message: `holds more than ${LIMITS.actions} actions` }, []);
  }
  const supersedes = readSupersedes(data, problems);
  const dryRun = readDryRun(data, problems);
  if (id === undefined || problems.problems.length > 0) return err(problems.problems);
  return ok({
    id: id.id,
    idFromName: id.fromName,
    header: readHeader(document, id.id),
    route: readRoute(data),
    files,
    steps,
    dryRun,
    allowDelete: data["allow_delete"] === true,
    ...(supersedes === undefined ? {} : { supersedes }),
    onInterrupt: data["on_interrupt"] === "retry" ? "retry" : "fail",
    warnings: [],
  });
}

function fileActionsOf(data: Readonly<Record<string, unknown>>, problems: Collector): FileAction[] {
  const taskOperations = valueAt(data, ["task_spec", "operations"]);
  return [
    ...(isGiven(data["files"]) ? readFiles(data["files"], ["files"], problems) : []),
    ...(isGiven(data["operations"]) ? readOperations(data["operations"], ["operations"], problems) : []),
    ...(isGiven(taskOperations) ? readOperations(taskOperations, ["task_spec", "operations"], problems) : []),
    ...(isGiven(data["edits"]) ? readEdits(data["edits"], ["edits"], problems) : []),
  ];
}

function stepsOf(data: Readonly<Record<string, unknown>>, problems: Collector): Step[] {
  const hasTop = ["skill", "cmd"].some((key) => isGiven(data[key]));
  return [
    ...(isGiven(data["steps"]) ? readSteps(data["steps"], ["steps"], problems, { kind: "command", texts: false }) : []),
    ...(hasTop ? readTopStep(data, problems) : []),
    ...(isGiven(data["post_verify"])
      ? readSteps(data["post_verify"], ["post_verify"], problems, { kind: "check", texts: true })
      : []),
    ...(isGiven(data["tests"]) ? readSteps(data["tests"], ["tests"], problems, { kind: "check", texts: false }) : []),
  ];
}

/** Refuses by name what asks for work that would not be done. */
function refuseUnread(document: Document, problems: Collector): void {
  const { data } = document;
  const refuse = (key: string) => {
    const message = `"${key}" asks for work in a form that is not carried out yet`;
    problems.add(
      { code: "unknown_action", message, hint: "use `files`, `edits`, `operations`, `steps`, `post_verify`, `tests`" },
      [key],
      "key",
    );
  };
  for (const key of NOT_YET) if (isGiven(data[key])) refuse(key);
  if (isRecord(data["action"])) refuse("action");
  if (holdsCommands(data["environment"], ["required", "validation"])) refuse("environment");
  if (holdsCommands(data["rollback"], ["steps"])) refuse("rollback");
  if (holdsCommands(data["post_deploy"], ["success", "failure"])) refuse("post_deploy");
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
