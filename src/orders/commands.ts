/** What an order asks to be run, in the dialects `steps`, `skill` with `cmd` or `args`, `post_verify` and `tests`. */
import { isRecord } from "../platform/result.ts";
import type { Collector } from "./collector.ts";
import { LIMITS } from "./limits.ts";
import type { Step } from "./order.ts";
import type { KeyPath } from "./problems.ts";
import { durationMs, type StepItem, stepOrText } from "./shapes.ts";

/** The shells that `skill` may name; a command without a skill goes to the first. */
const SKILLS = ["bash", "sh", "zsh"] as const;

/**
 * A list of commands; `kind` decides what their failure means. Plain texts are commands only where `texts` says so:
 * elsewhere people write prose in such lists, and prose must not be run.
 */
export function readSteps(
  value: unknown,
  path: KeyPath,
  problems: Collector,
  how: { readonly kind: Step["kind"]; readonly texts: boolean },
): Step[] {
  if (!Array.isArray(value)) {
    problems.add({ code: "wrong_type", message: `${String(path.at(-1))} is a list of commands` }, path);
    return [];
  }
  return value.flatMap((entry, index) => {
    if (how.texts || typeof entry !== "string") return readStep(entry, how.kind, [...path, index], problems);
    problems.add(
      { code: "wrong_type", message: "a plain text here may be prose", hint: "write `- run: …` for a command" },
      [...path, index],
    );
    return [];
  });
}

/** A command at the top of the order: `skill` with `cmd` or `args`. */
export function readTopStep(data: Readonly<Record<string, unknown>>, problems: Collector): Step[] {
  const item = Object.fromEntries(
    ["skill", "cmd", "args", "timeout", "timeout_ms"].flatMap((key) => (key in data ? [[key, data[key]]] : [])),
  );
  return readStep(item, "command", [], problems);
}

function readStep(value: unknown, kind: Step["kind"], path: KeyPath, problems: Collector): Step[] {
  const item = problems.read(stepOrText, value, path);
  if (item === undefined) return [];
  if (typeof item === "string")
    return [{ name: firstLine(item), kind, argv: shell("bash", item), optional: false, at: path }];
  const argv = readArgv(item, path, problems);
  const timeoutMs = readTimeout(item, path, problems);
  if (argv === undefined) return [];
  return [
    {
      name: item.name ?? item.description ?? firstLine(argv.at(-1) ?? ""),
      kind,
      argv,
      at: path,
      optional: item.optional ?? false,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      ...(item.expected === undefined ? {} : { expected: String(item.expected).trim() }),
    },
  ];
}

function readArgv(item: StepItem, path: KeyPath, problems: Collector): readonly string[] | undefined {
  const texts = [item.run, item.cmd, item.command].filter((text) => text !== undefined);
  const asked = texts.length + (item.args === undefined ? 0 : 1);
  const text = texts[0];
  if (asked !== 1 || text?.trim() === "") {
    const message = asked > 1 ? "a step has one command" : "the step has no command";
    problems.add({ code: "missing_value", message, hint: "one of `run: …`, `cmd: …`, or `skill` with `args`" }, path);
    return undefined;
  }
  const skill = SKILLS.find((name) => name === (item.skill ?? "bash"));
  if (skill === undefined) {
    const message = `the skill "${item.skill ?? ""}" is not known`;
    problems.add({ code: "unknown_action", message, hint: `known: ${SKILLS.join(", ")}` }, [...path, "skill"]);
    return undefined;
  }
  const argv = text === undefined ? [skill, ...(item.args ?? []).map(String)] : shell(skill, text);
  if (!argv.some((word) => word.includes("\0"))) return argv;
  problems.add({ code: "wrong_value", message: "a command cannot hold NUL characters" }, path);
  return undefined;
}

function readTimeout(item: StepItem, path: KeyPath, problems: Collector): number | undefined {
  const key = (["timeout", "timeout_ms", "timeout_sec"] as const).find((name) => item[name] !== undefined);
  const given = key === undefined ? undefined : item[key];
  if (key === undefined || given === undefined) return undefined;
  const parsed = durationMs(key === "timeout_sec" ? `${given}s` : given);
  if (parsed === undefined) {
    const message = `${given} is no time limit: more than nothing, and at most ${LIMITS.timeoutMs / 3_600_000} hours`;
    problems.add({ code: "wrong_value", message }, [...path, key]);
  }
  return parsed;
}

function shell(program: string, text: string): readonly string[] {
  return [program, "-c", text];
}

function firstLine(text: string): string {
  const line = text.trim().split("\n", 1)[0] ?? "";
  return line.length > 80 ? `${line.slice(0, 79).toWellFormed()}…` : line;
}

/** True for a map that holds commands in one of its keys: executable, though it stands in what looks like metadata. */
export function holdsCommands(value: unknown, keys: readonly string[]): boolean {
  return isRecord(value) && keys.some((key) => Array.isArray(value[key]) && value[key].length > 0);
}
