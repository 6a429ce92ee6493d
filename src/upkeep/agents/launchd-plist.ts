/** An agent as launchd wants it: a property list, and back again. */
import { isDeepStrictEqual } from "node:util";
import { assert } from "../../platform/errors.ts";
import {
  isDict,
  isList,
  type PropertyDict,
  type PropertyValue,
  readPropertyList,
  textsIn,
  writePropertyList,
} from "../../platform/property-list.ts";
import { err, ok, type Result } from "../../platform/result.ts";
import { type AgentLife, type AgentSpec, specFaults } from "./agent-spec.ts";

const PRIORITIES = { interactive: "Interactive", background: "Background" } as const;

/** The file's text; the error holds every reason why this can be no agent. What is returned reads back as the same agent. */
export function launchdPlist(spec: AgentSpec): Result<string, readonly string[]> {
  const faults = specFaults(spec);
  if (faults.length > 0) return err(faults);
  const written = writePropertyList(dictOf(spec));
  if (!written.ok) return err([written.error]);
  assert(isDeepStrictEqual(readLaunchdPlist(written.value), ok(spec)), "an agent reads back as it was written");
  return written;
}

/** Its keys, as the file has them. */
export function dictOf(spec: AgentSpec): PropertyDict {
  return {
    Label: spec.label,
    ProgramArguments: spec.argv,
    EnvironmentVariables: spec.env,
    WorkingDirectory: spec.cwd,
    ...lifeKeys(spec.life),
    ExitTimeOut: spec.stopGraceSec,
    ProcessType: PRIORITIES[spec.priority],
    Umask: spec.umask,
    StandardOutPath: spec.logs.stdout,
    StandardErrorPath: spec.logs.stderr,
  };
}

function lifeKeys(life: AgentLife): PropertyDict {
  switch (life.kind) {
    case "stays":
      // KeepAlive starts it at login, too.
      return {
        KeepAlive: life.restart === "always" ? true : { SuccessfulExit: false },
        ThrottleInterval: life.throttleSec,
      };
    case "every":
      return { RunAtLoad: true, StartInterval: life.intervalSec };
  }
}

/** The agent that a file of ours holds; the error says what about it is not of ours. */
export function readLaunchdPlist(text: string): Result<AgentSpec, string> {
  const read = readPropertyList(Buffer.from(text));
  if (!read.ok) return err(read.error.message);
  const dict = read.value.value;
  const [flaw] = read.value.flaws;
  if (flaw !== undefined) return err(flaw.message);
  if (!isDict(dict)) return err("no dictionary");
  const { Label, ProgramArguments, EnvironmentVariables, WorkingDirectory, ExitTimeOut, Umask } = dict;
  const { StandardOutPath: stdout, StandardErrorPath: stderr, ProcessType } = dict;
  const argv = isList(ProgramArguments) ? ProgramArguments.filter(isText) : [];
  const env = textsIn(EnvironmentVariables);
  const life = lifeIn(dict);
  if (!isText(Label) || !isText(WorkingDirectory) || !isText(stdout) || !isText(stderr))
    return err("a path or the label is missing");
  if (typeof ExitTimeOut !== "number" || typeof Umask !== "number" || life === undefined)
    return err("a number is missing");
  const priority = ProcessType === PRIORITIES.interactive ? "interactive" : "background";
  const spec: AgentSpec = {
    label: Label,
    argv,
    env,
    cwd: WorkingDirectory,
    life,
    stopGraceSec: ExitTimeOut,
    logs: { stdout, stderr },
    umask: Umask,
    priority,
  };
  return isDeepStrictEqual(dictOf(spec), dict) ? ok(spec) : err("it holds what no agent of ours has");
}

function lifeIn({ KeepAlive, ThrottleInterval, StartInterval }: PropertyDict): AgentLife | undefined {
  if (typeof StartInterval === "number") return { kind: "every", intervalSec: StartInterval };
  if (typeof ThrottleInterval !== "number") return undefined;
  return { kind: "stays", restart: KeepAlive === true ? "always" : "on_failure", throttleSec: ThrottleInterval };
}

function isText(value: PropertyValue | undefined): value is string {
  return typeof value === "string";
}
