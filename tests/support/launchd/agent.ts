/**
 * What launchd makes of a property list: an agent that it can run, or the code it refuses it with. A key that the double
 * does not play throws: a test must not rest on what nobody does here.
 */
import { parse } from "plist";
import { err, isRecord, ok, type Result } from "../../../src/platform/result.ts";

/** When an agent that has ended is started again; each condition that is set is enough alone. */
export interface KeepAlive {
  readonly always: boolean;
  /** true: after exit code 0; false: after everything else. */
  readonly successfulExit: boolean | undefined;
  /** true: after a signal of a crash; false: after everything else. */
  readonly crashed: boolean | undefined;
}

export interface Agent {
  readonly label: string;
  /** Absolute, or looked for in the standard folders. */
  readonly program: string;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly folder: string | undefined;
  readonly umask: number;
  readonly outPath: string | undefined;
  readonly errPath: string | undefined;
  /** Undefined: it rests when it has ended. */
  readonly keepAlive: KeepAlive | undefined;
  readonly runAtLoad: boolean;
  /** From one launch to the next. */
  readonly throttleMs: number;
  /** From TERM to KILL; 0: no KILL ever. */
  readonly exitTimeoutMs: number;
  readonly intervalMs: number | undefined;
  readonly abandonsGroup: boolean;
  /** The sessions it may be loaded in. */
  readonly sessions: readonly string[];
}

const THROTTLE_S = 10;
/** What every capture of a current macOS shows where a job sets nothing; the manual says "system-defined". */
const EXIT_TIMEOUT_S = 5;
const UMASK = 0o022;
const CODE = { badList: 109, noLabel: 110, noProgram: 111 } as const;

/** Keys that change nothing in what the double plays. */
const WITHOUT_EFFECT = new Set([
  "AssociatedBundleIdentifiers",
  "Comment",
  "LegacyTimers",
  "LowPriorityIO",
  "Nice",
  "ProcessType",
]);
const PLAYED = new Set([
  "AbandonProcessGroup",
  "EnvironmentVariables",
  "ExitTimeOut",
  "KeepAlive",
  "Label",
  "LimitLoadToSessionType",
  "Program",
  "ProgramArguments",
  "RunAtLoad",
  "StandardErrorPath",
  "StandardOutPath",
  "StartInterval",
  "ThrottleInterval",
  "Umask",
  "WorkingDirectory",
]);

/** The agent of a property list in XML, or launchctl's code for what is wrong with it. */
export function readAgent(xml: string): Result<Agent, number> {
  const list = readList(xml);
  if (list === undefined) return err(CODE.badList);
  for (const key of Object.keys(list)) if (!PLAYED.has(key) && !WITHOUT_EFFECT.has(key)) notPlayed(key);
  const label = textOf(list["Label"]);
  if (label === undefined) return err(CODE.noLabel);
  const words = textsOf(list["ProgramArguments"]);
  const program = textOf(list["Program"]) ?? words[0];
  if (program === undefined) return err(CODE.noProgram);
  const interval = numberOf(list["StartInterval"]) ?? 0;
  return ok({
    label,
    program,
    argv: words.length === 0 ? [program] : words,
    env: environmentOf(list["EnvironmentVariables"]),
    folder: textOf(list["WorkingDirectory"]),
    umask: umaskOf(list["Umask"]),
    outPath: textOf(list["StandardOutPath"]),
    errPath: textOf(list["StandardErrorPath"]),
    keepAlive: keepAliveOf(list["KeepAlive"]),
    runAtLoad: list["RunAtLoad"] === true || keepAliveOf(list["KeepAlive"]) !== undefined,
    throttleMs: throttleOf(list["ThrottleInterval"]) * 1000,
    exitTimeoutMs: (numberOf(list["ExitTimeOut"]) ?? EXIT_TIMEOUT_S) * 1000,
    intervalMs: interval <= 0 ? undefined : interval * 1000,
    abandonsGroup: list["AbandonProcessGroup"] === true,
    sessions: sessionsOf(list["LimitLoadToSessionType"]),
  });
}

function readList(xml: string): Record<string, unknown> | undefined {
  // The parser lets a bare & pass, launchd does not.
  if (/&(?!(?:amp|lt|gt|quot|apos|#\d+|#x[\da-fA-F]+);)/.test(xml)) return undefined;
  try {
    const list: unknown = parse(xml);
    return isRecord(list) ? list : undefined;
  } catch {
    // Whatever is wrong with it: launchctl has one code for it.
    return undefined;
  }
}

function notPlayed(what: string): never {
  throw new Error(`the launchd double does not play ${what}`);
}

function keepAliveOf(value: unknown): KeepAlive | undefined {
  if (value === true) return { always: true, successfulExit: undefined, crashed: undefined };
  if (!isRecord(value)) return undefined;
  for (const key of Object.keys(value))
    if (key !== "SuccessfulExit" && key !== "Crashed") notPlayed(`KeepAlive.${key}`);
  const [successfulExit, crashed] = [flagOf(value["SuccessfulExit"]), flagOf(value["Crashed"])];
  return { always: false, successfulExit, crashed };
}

/** 0 is ignored by one report and honoured by another: nobody is to rest on either. */
function throttleOf(value: unknown): number {
  const seconds = numberOf(value) ?? THROTTLE_S;
  return seconds > 0 ? seconds : notPlayed("ThrottleInterval 0");
}

/** A number is what it says; a text is read as C does, octal behind a leading 0. */
function umaskOf(value: unknown): number {
  if (typeof value === "number") return value;
  if (typeof value !== "string") return UMASK;
  return Number.parseInt(value, value.startsWith("0") ? 8 : 10);
}

function sessionsOf(value: unknown): readonly string[] {
  if (typeof value === "string") return [value];
  return Array.isArray(value) ? textsOf(value) : ["Aqua"];
}

/** Values that are no strings are ignored, as launchd does. */
function environmentOf(value: unknown): Record<string, string> {
  if (!isRecord(value)) return {};
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, one]) => (typeof one === "string" ? [[name, one]] : [])),
  );
}

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === "string") : [];
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function numberOf(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}

function flagOf(value: unknown): boolean | undefined {
  return typeof value === "boolean" ? value : undefined;
}
