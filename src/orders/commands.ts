/** What an order asks to be run, in the dialects `steps`, `skill` with `cmd`, `code` or `args`, `post_verify`, `tests` and around them. */
import { isRecord } from "../platform/result.ts";
import type { Collector } from "./collector.ts";
import { valueAt } from "./header.ts";
import { LIMITS } from "./limits.ts";
import type { Step, StepWhen } from "./order.ts";
import type { KeyPath } from "./problems.ts";
import { durationMs, type StepItem, stepOrText } from "./shapes.ts";

/** The programs that `skill` may name, each with what makes it run a text; a command without a skill goes to the first. */
export const SKILLS: ReadonlyMap<string, readonly [string, string]> = new Map([
  ["bash", ["bash", "-c"]],
  ["sh", ["sh", "-c"]],
  ["zsh", ["zsh", "-c"]],
  ["shell", ["bash", "-c"]],
  ["python", ["python3", "-c"]],
  ["python3", ["python3", "-c"]],
  ["node", ["node", "-e"]],
]);
/** A number of milliseconds below this was meant as seconds. */
export const SHORTEST_MS = 1000;

/** What a list of commands is to its order. */
export interface StepRole {
  readonly kind: Step["kind"];
  readonly when: StepWhen;
  /** Plain texts are commands here. Elsewhere people write prose in such lists, and prose must not be run. */
  readonly texts: boolean;
}

/** Where commands stand in an order, in the order in which they are gone through. */
const LISTS: readonly { readonly path: KeyPath; readonly role: StepRole }[] = [
  { path: ["environment", "validation"], role: { kind: "check", when: "before", texts: true } },
  { path: ["steps"], role: { kind: "command", when: "normal", texts: false } },
  { path: ["commands"], role: { kind: "command", when: "normal", texts: true } },
  { path: [], role: { kind: "command", when: "normal", texts: false } },
  { path: ["post_verify"], role: { kind: "check", when: "normal", texts: true } },
  { path: ["tests"], role: { kind: "check", when: "normal", texts: false } },
  { path: ["post_deploy", "success"], role: { kind: "command", when: "normal", texts: true } },
  { path: ["post_deploy", "failure"], role: { kind: "command", when: "failed", texts: true } },
  { path: ["rollback", "steps"], role: { kind: "command", when: "failed", texts: true } },
];

/** All commands of an order; `more` are those of other dialects, which come behind `steps`. */
export function readCommands(
  data: Readonly<Record<string, unknown>>,
  more: readonly Step[],
  problems: Collector,
): Step[] {
  const limit = readTimeout({ timeout_sec: positive(data["timeout_sec"]) }, [], problems);
  const steps = LISTS.flatMap(({ path, role }) => {
    if (path.length === 0) return [...readTopStep(data, problems), ...more];
    const value = valueAt(data, path);
    if (value === undefined || value === null) return [];
    if (path[0] !== "rollback" || isRollbackAsked(data)) return readSteps(value, path, problems, role);
    problems.warn({ code: "not_done", message: "no rollback is asked for: add `rollback_on_failure: true`" }, path);
    return [];
  });
  if (isRollbackAsked(data) && !steps.some(({ at }) => at[0] === "rollback")) {
    const hint = "list `rollback.steps`; what the order does to files is all or nothing anyway";
    problems.add({ code: "missing_value", message: "a rollback is asked for, and no step of it", hint }, [
      "rollback_on_failure",
    ]);
  }
  return limit === undefined ? steps : steps.map((step) => ({ timeoutMs: limit, ...step }));
}

function positive(value: unknown): number | undefined {
  return typeof value === "number" && value > 0 ? value : undefined;
}

function isRollbackAsked(data: Readonly<Record<string, unknown>>): boolean {
  return data["rollback_on_failure"] === true && valueAt(data, ["rollback", "enabled"]) !== false;
}

function readSteps(value: unknown, path: KeyPath, problems: Collector, role: StepRole): Step[] {
  if (!Array.isArray(value)) {
    problems.add({ code: "wrong_type", message: `${String(path.at(-1))} is a list of commands` }, path);
    return [];
  }
  return value.flatMap((entry, index) => {
    const at = [...path, index];
    if (role.texts && isCutCommand(entry)) return readStep(wholeCommand(entry, at, problems), role, at, problems);
    if (role.texts || typeof entry !== "string") return readStep(entry, role, at, problems);
    problems.add(
      { code: "wrong_type", message: "a plain text here may be prose", hint: "write `- run: …` for a command" },
      at,
    );
    return [];
  });
}

/** A command that holds a colon and a blank, and no quotes around it: YAML makes a map with a strange key of it. */
function isCutCommand(entry: unknown): boolean {
  if (!isRecord(entry)) return false;
  const [key, ...more] = Object.keys(entry);
  return key !== undefined && more.length === 0 && /\s/.test(key.trim());
}

function wholeCommand(entry: unknown, path: KeyPath, problems: Collector): unknown {
  const line = problems.line(path);
  if (line === undefined) return entry;
  const message = "a colon and a blank in it: this is read as one command";
  problems.warn({ code: "command_cut", message, hint: "put the whole command into quotes" }, path);
  return line;
}

/** A command at the top of the order: `skill` with `cmd`, `code` or `args`, or `run` or `command` alone. */
function readTopStep(data: Readonly<Record<string, unknown>>, problems: Collector): Step[] {
  const asked = TOP_KEYS.find((key) => data[key] !== undefined && data[key] !== null);
  if (asked === undefined) return [];
  const keys = [...TOP_KEYS, "args", "timeout", "timeout_ms"];
  const item = Object.fromEntries(keys.flatMap((key) => (key in data ? [[key, data[key]]] : [])));
  const steps = readStep(item, { kind: "command", when: "normal", texts: false }, [], problems);
  return steps.map((step) => ({ ...step, at: [asked] }));
}

/** What may ask for it; where it stands is where the first of them does. */
const TOP_KEYS = ["cmd", "code", "run", "command", "skill"] as const;

function readStep(value: unknown, role: StepRole, path: KeyPath, problems: Collector): Step[] {
  const item = problems.read(stepOrText, value, path);
  if (item === undefined) return [];
  const { kind, when } = role;
  if (typeof item === "string")
    return [{ name: firstLine(item), kind, when, argv: shell("bash", item), optional: false, at: path }];
  const argv = readArgv(item, path, problems);
  const timeoutMs = readTimeout(item, path, problems);
  const retries = readRetries(item, path, problems);
  if (item.artifacts !== undefined)
    problems.warn({ code: "not_done", message: "artifacts are not collected: they stay where the step leaves them" }, [
      ...path,
      "artifacts",
    ]);
  if (argv === undefined) return [];
  return [
    {
      name: item.name ?? item.description ?? firstLine(argv.at(-1) ?? ""),
      kind,
      when: item.always_run === true && when === "normal" ? "always" : when,
      argv,
      at: path,
      optional: item.optional ?? false,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      ...(retries === undefined ? {} : { retries }),
      ...(item.expected === undefined ? {} : { expected: String(item.expected).trim() }),
    },
  ];
}

function readArgv(item: StepItem, path: KeyPath, problems: Collector): readonly string[] | undefined {
  const texts = [item.run, item.cmd, item.command, item.code].filter((text) => text !== undefined);
  const asked = texts.length + (item.args === undefined ? 0 : 1);
  const text = texts[0];
  if (asked !== 1 || text?.trim() === "") {
    const message = asked > 1 ? "a step has one command" : "the step has no command";
    problems.add({ code: "missing_value", message, hint: "one of `run: …`, `cmd: …`, or `skill` with `args`" }, path);
    return undefined;
  }
  const skill = SKILLS.get(item.skill ?? "bash");
  if (skill === undefined) {
    const message = `the skill "${item.skill ?? ""}" is not known`;
    problems.add({ code: "unknown_action", message, hint: `known: ${[...SKILLS.keys()].join(", ")}` }, [
      ...path,
      "skill",
    ]);
    return undefined;
  }
  const argv = text === undefined ? [skill[0], ...(item.args ?? []).map(String)] : [...skill, text];
  if (!argv.some((word) => word.includes("\0"))) return argv;
  problems.add({ code: "wrong_value", message: "a command cannot hold NUL characters" }, path);
  return undefined;
}

/** The time limit that an item asks for, in milliseconds; undefined when it asks for none, or for none that can be. */
export function readTimeout(
  item: Pick<StepItem, "timeout" | "timeout_ms" | "timeout_sec">,
  path: KeyPath,
  problems: Collector,
): number | undefined {
  const key = (["timeout", "timeout_ms", "timeout_sec"] as const).find((name) => item[name] !== undefined);
  const given = key === undefined ? undefined : item[key];
  if (key === undefined || given === undefined) return undefined;
  const parsed = durationMs(key === "timeout_sec" ? `${given}s` : given);
  if (parsed === undefined) {
    const message = `${given} is no time limit: more than nothing, and at most ${LIMITS.timeoutMs / 3_600_000} hours`;
    problems.add({ code: "wrong_value", message }, [...path, key]);
  } else if (key === "timeout" && typeof given === "number" && given < SHORTEST_MS) {
    const message = `${given} would be milliseconds here: no command ends in so short a time`;
    problems.add({ code: "wrong_value", message, hint: `write ${given}s, or timeout_ms: ${given}` }, [...path, key]);
  }
  return parsed;
}

function readRetries(item: StepItem, path: KeyPath, problems: Collector): Step["retries"] | undefined {
  const delayMs = item.retry_delay === undefined ? 0 : durationMs(item.retry_delay);
  if (delayMs === undefined)
    problems.add({ code: "wrong_value", message: `${item.retry_delay} is no time to wait` }, [...path, "retry_delay"]);
  // Asked for without a number it is one.
  const count = item.retry_on_failure === false ? 0 : (item.max_retries ?? (item.retry_on_failure === true ? 1 : 0));
  return count === 0 || delayMs === undefined ? undefined : { count, delayMs };
}

/** The command line that makes a shell run a text. */
export function shell(program: string, text: string): readonly string[] {
  return [program, "-c", text];
}

function firstLine(text: string): string {
  const line = text.trim().split("\n", 1)[0] ?? "";
  return line.length > 80 ? `${line.slice(0, 79).toWellFormed()}…` : line;
}

/** `environment.required`: names of variables that the commands' environment has to hold. */
export function readRequired(data: Readonly<Record<string, unknown>>, problems: Collector): string[] {
  const path = ["environment", "required"];
  const value = valueAt(data, path);
  if (value === undefined || value === null) return [];
  if (Array.isArray(value) && value.every((name) => typeof name === "string" && /^[A-Za-z_]\w*$/.test(name)))
    return value;
  problems.add({ code: "wrong_type", message: "environment.required is a list of variables' names" }, path);
  return [];
}
