/**
 * How one agent is: the file in LaunchAgents against what this program would write, and what launchd has loaded against the
 * file. It looks and changes nothing; `wo agent status` and the doctor tell of it.
 */
import { join } from "node:path";
import type { Files } from "../../platform/files.ts";
import type { JobReading, Launchctl, LoadedJob } from "../../platform/launchctl.ts";
import { agentsFolder } from "../../platform/machine.ts";
import { isDict, type PropertyValue } from "../../platform/property-list.ts";
import type { AgentSpec } from "./agent-spec.ts";
import { dictOf, launchdPlist, readLaunchdPlist } from "./launchd-plist.ts";
import { baseOf, DAEMON_LABEL, isAsWritten, REVISION } from "./own-agents.ts";

const FILE_MODE = 0o644;
const FILE_BYTES_MAX = 64 * 1024;

export interface AgentTools {
  readonly files: Files;
  readonly launchctl: Launchctl;
  readonly home: string;
  readonly userId: number;
}

/** One key that two sides do not have alike; absent where a side does not have it. */
export interface Difference {
  /** As in the property list: `EnvironmentVariables.PATH`. */
  readonly key: string;
  readonly is?: string;
  readonly wanted?: string;
}

export type AgentFile =
  | { readonly kind: "absent" }
  | {
      readonly kind: "ours";
      readonly spec: AgentSpec;
      /** Byte by byte what this program would write, with the rights that launchd wants. */
      readonly isCurrent: boolean;
      /** Somebody has changed it by hand since it was written. */
      readonly isEdited: boolean;
    }
  /** Somebody else's, or one that nobody can read. */
  | { readonly kind: "foreign"; readonly why: string };

export interface AgentState {
  readonly label: string;
  readonly path: string;
  readonly file: AgentFile;
  /** What the file has (`is`) and this program would write (`wanted`), but for the revision. */
  readonly fileDrift: readonly Difference[];
  readonly job: JobReading;
  /** What is loaded (`is`) and what the file says (`wanted`), as far as launchd shows it. */
  readonly loadedDrift: readonly Difference[];
  /** Whether what is loaded is what the file says; "cannot tell" where what was changed by hand is not shown by launchd. */
  readonly reload: "needed" | "not needed" | "cannot tell" | "not loaded";
  /** Switched off, by `disable`, `unload -w` or in Login Items; undefined: nobody can tell. */
  readonly isDisabled: boolean | undefined;
}

/** Where the file of an agent lies. */
export function plistPath(home: string, label: string): string {
  return join(agentsFolder(home), `${label}.plist`);
}

/** True where the daemon of this base is an installed agent's, by the file alone. */
export function isInstalledFor(files: Files, home: string, base: string): boolean {
  const reading = files.peek(plistPath(home, DAEMON_LABEL), FILE_BYTES_MAX);
  const spec = reading.kind === "file" ? readLaunchdPlist(reading.bytes.toString("utf8")) : undefined;
  return spec?.ok === true && baseOf(spec.value) === base;
}

/** How the agent is; `wanted` is what it would be if it were installed now. */
export async function agentState(tools: AgentTools, wanted: AgentSpec): Promise<AgentState> {
  const { launchctl, home } = tools;
  const { label } = wanted;
  const path = plistPath(home, label);
  const file = agentFile(tools, wanted);
  const job = await launchctl.job(label);
  const isDisabled = await launchctl.isDisabled(label);
  const loadedDrift =
    job.kind === "loaded" ? loadedDriftFrom(job.job, path, file.kind === "ours" ? file.spec : undefined) : [];
  const drift = file.kind === "ours" ? differences(keysOf(file.spec), keysOf(wanted)) : [];
  // It only stands for the others.
  const fileDrift = drift.filter(({ key }) => key !== `EnvironmentVariables.${REVISION}`);
  return { label, path, file, fileDrift, job, loadedDrift, reload: reloadOf(file, job, loadedDrift), isDisabled };
}

function reloadOf(file: AgentFile, job: JobReading, drift: readonly Difference[]): AgentState["reload"] {
  if (job.kind !== "loaded") return "not loaded";
  if (drift.length > 0) return "needed";
  return file.kind === "ours" && !file.isEdited ? "not needed" : "cannot tell";
}

/** What lies where the agent's file belongs; a link is nobody's: launchd is reported to pass it over at login. */
export function agentFile({ files, home, userId }: Omit<AgentTools, "launchctl">, wanted: AgentSpec): AgentFile {
  const path = plistPath(home, wanted.label);
  const reading = files.peek(path, FILE_BYTES_MAX);
  switch (reading.kind) {
    case "absent":
      return { kind: "absent" };
    case "refused":
      return { kind: "foreign", why: `it cannot be read: ${reading.errno}` };
    case "too large":
      return { kind: "foreign", why: `it has ${reading.info.sizeBytes} bytes` };
    case "no file":
      return { kind: "foreign", why: reading.info.kind === "link" ? "it is a symlink" : "it is no file" };
    case "file":
      break;
  }
  const text = reading.bytes.toString("utf8");
  const spec = readLaunchdPlist(text);
  if (!spec.ok) return { kind: "foreign", why: spec.error };
  if (spec.value.label !== wanted.label) return { kind: "foreign", why: `its label is ${spec.value.label}` };
  const plist = launchdPlist(wanted);
  const { mode, owner } = reading.info;
  const isCurrent = plist.ok && plist.value === text && mode === FILE_MODE && owner === userId;
  return { kind: "ours", spec: spec.value, isCurrent, isEdited: !isAsWritten(spec.value) };
}

/** Keys as launchd names them, nested ones behind a dot, values as text. */
function keysOf(spec: AgentSpec): ReadonlyMap<string, string> {
  return new Map(Object.entries(dictOf(spec)).flatMap(([key, value]) => flat(key, value)));
}

function flat(key: string, value: PropertyValue): readonly (readonly [string, string])[] {
  if (isDict(value)) return Object.entries(value).flatMap(([name, one]) => flat(`${key}.${name}`, one));
  return [[key, typeof value === "string" ? value : JSON.stringify(value)]];
}

function differences(is: ReadonlyMap<string, string>, wanted: ReadonlyMap<string, string>): readonly Difference[] {
  return [...new Set([...is.keys(), ...wanted.keys()])].flatMap((key) => difference(key, is.get(key), wanted.get(key)));
}

function difference(key: string, is: string | undefined, wanted: string | undefined): readonly Difference[] {
  if (is === wanted) return [];
  return [{ key, ...(is === undefined ? {} : { is }), ...(wanted === undefined ? {} : { wanted }) }];
}

/**
 * What is loaded against the file at `path`, and the agent in it. What `print` does not show is not compared; launchd adds
 * variables of its own.
 */
export function loadedDriftFrom(job: LoadedJob, path: string, spec: AgentSpec | undefined): readonly Difference[] {
  const from = job.path === undefined ? [] : difference("file", job.path, path);
  if (spec === undefined) return from;
  const shown = new Map<string, string>([
    ["ProgramArguments", JSON.stringify(job.argv)],
    ...Object.keys(spec.env).flatMap((name): [string, string][] => {
      const value = job.env[name];
      return value === undefined ? [] : [[`EnvironmentVariables.${name}`, value]];
    }),
  ]);
  const rest = { WorkingDirectory: job.cwd, StandardOutPath: job.stdout, StandardErrorPath: job.stderr };
  const told = { ...rest, ExitTimeOut: job.exitTimeoutSec?.toString() };
  for (const [key, value] of Object.entries(told)) if (value !== undefined) shown.set(key, value);
  const wanted = [...keysOf(spec)].filter(
    ([key]) => shown.has(key) || key === "ProgramArguments" || key.startsWith("EnvironmentVariables."),
  );
  return [...from, ...differences(shown, new Map(wanted))];
}
