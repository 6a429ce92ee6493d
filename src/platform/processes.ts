/**
 * Which process is which. A pid alone names nobody: it is reused. A process is its pid together with the moment it
 * started, within one boot of the machine.
 */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { errnoOf } from "./errors.ts";

/** `startTime` is opaque (clock ticks on Linux, text of ps on macOS): equal or not, nothing else. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startTime: string;
}

/** Set in the environment of every command; its value tells the commands of one attempt from all others. */
export const MARK_VARIABLE = "WO_MARK";

const KILL_POLL_MS = 20;

export interface Processes {
  readonly self: ProcessIdentity;
  /** Changes at every boot; processes recorded under another one are gone. */
  readonly bootId: string;
  /** The process that has this pid now; undefined when none does. */
  identify(pid: number): ProcessIdentity | undefined;
  isAlive(process: ProcessIdentity): boolean;
  isGroupAlive(groupId: number): boolean;
  /** False when the group is gone. */
  signalGroup(groupId: number, signal: "SIGTERM" | "SIGKILL"): boolean;
  /** Pids of all living processes that carry the mark in their environment. */
  marked(mark: string): number[];
  signal(pid: number, signal: "SIGTERM" | "SIGKILL" | "SIGINT"): boolean;
}

function send(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch (thrown) {
    // EPERM: it lives, and is not ours to signal.
    return errnoOf(thrown) === "EPERM";
  }
}

function linuxStat(pid: number): { readonly state: string; readonly startTime: string } | undefined {
  try {
    // The name may hold blanks and brackets: the fields begin behind its last bracket, with field 3.
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(")").pop()?.trim().split(" ") ?? [];
    const [state, startTime] = [fields[0], fields[19]];
    return state === undefined || startTime === undefined ? undefined : { state, startTime };
  } catch (thrown) {
    if (errnoOf(thrown) === "ENOENT" || errnoOf(thrown) === "ESRCH") return undefined;
    throw thrown;
  }
}

function psField(pid: number, field: string): string | undefined {
  try {
    const text = execFileSync("/bin/ps", ["-o", `${field}=`, "-p", String(pid)], { encoding: "utf8" }).trim();
    return text === "" ? undefined : text;
  } catch {
    // ps exits 1 when no process has this pid.
    return undefined;
  }
}

function identify(pid: number): ProcessIdentity | undefined {
  if (process.platform !== "linux") {
    const startTime = psField(pid, "lstart");
    return startTime === undefined ? undefined : { pid, startTime };
  }
  const stat = linuxStat(pid);
  // A zombie has ended: only its parent has not looked yet.
  return stat === undefined || stat.state === "Z" || stat.state === "X"
    ? undefined
    : { pid, startTime: stat.startTime };
}

function linuxPids(): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function linuxGroupAlive(groupId: number): boolean {
  return linuxPids().some((pid) => {
    const fields = readProc(pid, "stat")?.split(")").pop()?.trim().split(" ") ?? [];
    return fields[2] === String(groupId) && fields[0] !== "Z" && fields[0] !== "X";
  });
}

function isGroupAlive(groupId: number): boolean {
  if (!send(-groupId, 0)) return false;
  // A group of zombies still answers the signal.
  return process.platform === "linux" ? linuxGroupAlive(groupId) : true;
}

/** A file of another process's /proc folder; undefined when the process is gone or not ours to look at. */
function readProc(pid: number, name: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "latin1");
  } catch {
    return undefined;
  }
}

function marked(mark: string): number[] {
  const wanted = `${MARK_VARIABLE}=${mark}`;
  if (process.platform === "linux") {
    return linuxPids().filter((pid) => {
      return readProc(pid, "environ")?.split("\0").includes(wanted) === true && identify(pid) !== undefined;
    });
  }
  const lines = execFileSync("/bin/ps", ["-axEww", "-o", "pid=,command="], { encoding: "utf8", maxBuffer: 64e6 }).split(
    "\n",
  );
  return lines
    .filter((line) => line.includes(` ${wanted} `) || line.endsWith(` ${wanted}`))
    .map((line) => Number.parseInt(line, 10));
}

function readBootId(): string {
  if (process.platform === "linux") return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  return execFileSync("/usr/sbin/sysctl", ["-n", "kern.bootsessionuuid"], { encoding: "utf8" }).trim();
}

/** What a process was started as, its words in one line; undefined when it is gone or nobody may look. */
export function commandOf(pid: number): string | undefined {
  const line = process.platform === "linux" ? readProc(pid, "cmdline")?.replaceAll("\0", " ") : psField(pid, "command");
  return line === undefined || line.trim() === "" ? undefined : line.trim();
}

/** How many files a process has open, and may have; undefined where that cannot be seen in a moment (macOS). */
export function openFilesOf(pid: number): { readonly open: number; readonly limit: number } | undefined {
  const limit = /^Max open files +(\d+)/m.exec(readProc(pid, "limits") ?? "")?.[1];
  try {
    return limit === undefined ? undefined : { open: readdirSync(`/proc/${pid}/fd`).length, limit: Number(limit) };
  } catch {
    // It is gone, or not ours to look at.
    return undefined;
  }
}

/** The machine's own processes. */
export function systemProcesses(): Processes {
  return {
    self: identify(process.pid) ?? { pid: process.pid, startTime: "unknown" },
    bootId: readBootId(),
    identify,
    isAlive: (one) => identify(one.pid)?.startTime === one.startTime,
    isGroupAlive,
    signalGroup: (groupId, signal) => send(-groupId, signal),
    marked,
    signal: send,
  };
}

/**
 * Ends a group (none when undefined) and everything that carries the mark: TERM, then KILL after `graceMs`. Resolves once none is left alive;
 * false when something survived KILL for `graceMs` (a process stuck in the kernel).
 */
export async function endGroup(
  processes: Processes,
  group: { readonly groupId: number | undefined; readonly mark: string; readonly graceMs: number },
  sleep: (durationMs: number) => Promise<void>,
): Promise<boolean> {
  const { groupId } = group;
  const left = () =>
    (groupId !== undefined && processes.isGroupAlive(groupId)) || processes.marked(group.mark).length > 0;
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    let waitedMs = 0;
    while (left() && waitedMs <= group.graceMs) {
      if (waitedMs === 0 || signal === "SIGKILL") {
        if (groupId !== undefined) processes.signalGroup(groupId, signal);
        for (const pid of processes.marked(group.mark)) processes.signal(pid, signal);
      }
      await sleep(KILL_POLL_MS);
      waitedMs += KILL_POLL_MS;
    }
  }
  return !left();
}
