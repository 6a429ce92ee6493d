/**
 * What the daemon and the runner host say to each other, one JSON line each, and the status file that a finished
 * command leaves behind. The status file is what counts: it is there for the next daemon when this one is gone.
 */
import { isRecord } from "./result.ts";

/** What a command in a sandbox may do; everything else is there to be read only. Absolute real paths that exist. */
export interface SandboxSpec {
  /** The program that makes it: bwrap, or sandbox-exec. */
  readonly program: string;
  readonly writable: readonly string[];
  /** Below a writable one, and not writable. */
  readonly readOnly: readonly string[];
  /** Folders that are written in, and neither renamed nor removed: what lies in them could be passed by otherwise. */
  readonly pinned: readonly string[];
  /** Not to be seen at all. */
  readonly hidden: readonly string[];
  /** `example.com`, `*.example.com`, `example.com:8443`; none: no network. */
  readonly hosts: readonly string[];
}

/** One command to be run in a process group of its own. */
export interface RunSpec {
  /** Names the run on the pipe; unique within one host. */
  readonly key: string;
  /** The program and its arguments; no shell is added. */
  readonly argv: readonly string[];
  readonly cwd: string;
  /** The whole environment; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  /** Where stdout.log, stderr.log and status.json go; made anew, with what is above it. */
  readonly folder: string;
  readonly timeoutMs: number;
  /** Between TERM and KILL. */
  readonly graceMs: number;
  /** Of each output file; beyond it the middle is left out. */
  readonly outputMaxBytes: number;
  /** The value of MARK_VARIABLE in `env`. */
  readonly mark: string;
  readonly sandbox?: SandboxSpec;
}

export interface OutputStatus {
  /** All that the command wrote. */
  readonly bytes: number;
  /** The file on disk holds less than `bytes`: its middle was left out. */
  readonly cut: boolean;
  /** The last few KiB as text: what records and messages are made of. */
  readonly tail: string;
  /** What stands in front of the tail, as far as a secret that the tail cuts can reach; for looking, never for records. */
  readonly lead?: string;
}

/** How a command ended. Exactly one of `exitCode` and `signal` is there. */
export interface RunStatus {
  readonly v: 1;
  readonly exitCode?: number;
  readonly signal?: string;
  /** Ended by its time limit. */
  readonly timedOut: boolean;
  /** Ended because the daemon asked for it. */
  readonly stopped: boolean;
  /** Processes of its group that it left behind were ended. */
  readonly leftovers: boolean;
  readonly durationMs: number;
  readonly stdout: OutputStatus;
  readonly stderr: OutputStatus;
}

export type ToHost =
  | { readonly say: "prepare"; readonly spec: RunSpec }
  | { readonly say: "go"; readonly key: string }
  | { readonly say: "drop"; readonly key: string }
  | { readonly say: "stop"; readonly key: string };

export type FromHost =
  | { readonly say: "prepared"; readonly key: string; readonly pid: number; readonly startTime: string }
  | { readonly say: "refused"; readonly key: string; readonly reason: string; readonly errno?: string }
  | { readonly say: "ended"; readonly key: string; readonly status: RunStatus };

export const STATUS_FILE = "status.json";
/** The run's argv, and below it GO_LINE once the gate was opened: while the machine has not rebooted, without it nothing ran. */
export const RUN_FILE = "run.log";
export const GO_LINE = "\ngo\n";

function isOutput(value: unknown): value is OutputStatus {
  return (
    isRecord(value) &&
    typeof value["bytes"] === "number" &&
    typeof value["cut"] === "boolean" &&
    typeof value["tail"] === "string" &&
    (value["lead"] === undefined || typeof value["lead"] === "string")
  );
}

/** True for what a runner host of any version wrote as a status. */
export function isRunStatus(value: unknown): value is RunStatus {
  if (!isRecord(value) || value["v"] !== 1) return false;
  if ((typeof value["exitCode"] === "number") === (typeof value["signal"] === "string")) return false;
  const flags = ["timedOut", "stopped", "leftovers"].every((name) => typeof value[name] === "boolean");
  return flags && typeof value["durationMs"] === "number" && isOutput(value["stdout"]) && isOutput(value["stderr"]);
}

/** True for the messages of a host. */
export function isFromHost(value: unknown): value is FromHost {
  if (!isRecord(value) || typeof value["key"] !== "string") return false;
  switch (value["say"]) {
    case "prepared":
      return typeof value["pid"] === "number" && typeof value["startTime"] === "string";
    case "refused":
      return typeof value["reason"] === "string";
    case "ended":
      return isRunStatus(value["status"]);
    default:
      return false;
  }
}

/** True for the messages of a daemon. */
export function isToHost(value: unknown): value is ToHost {
  if (!isRecord(value)) return false;
  switch (value["say"]) {
    case "prepare":
      return isRunSpec(value["spec"]);
    case "go":
    case "drop":
    case "stop":
      return typeof value["key"] === "string";
    default:
      return false;
  }
}

function isRunSpec(value: unknown): value is RunSpec {
  if (!isRecord(value) || !Array.isArray(value["argv"]) || !isRecord(value["env"])) return false;
  const texts = ["key", "cwd", "folder", "mark"].every((name) => typeof value[name] === "string");
  const numbers = ["timeoutMs", "graceMs", "outputMaxBytes"].every((name) => typeof value[name] === "number");
  const { sandbox } = value;
  if (sandbox !== undefined && !isSandboxSpec(sandbox)) return false;
  return texts && numbers && [...value["argv"], ...Object.values(value["env"])].every(isText);
}

function isSandboxSpec(value: unknown): value is SandboxSpec {
  if (!isRecord(value) || !isText(value["program"])) return false;
  return ["writable", "readOnly", "pinned", "hidden", "hosts"].every((name) => {
    const list = value[name];
    return Array.isArray(list) && list.every(isText);
  });
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}
