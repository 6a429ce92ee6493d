/** This process and the processes that are started as further copies of this program. */
import { spawn } from "node:child_process";
import { closeSync, constants, fstatSync, openSync } from "node:fs";
import { BridgeError, translated } from "./errors.ts";
import { trimOutput } from "./own-output.ts";

/** Calls back once per SIGINT or SIGTERM; the process goes on until it ends by itself. */
export function onStopSignal(callback: (signal: string) => void): () => void {
  const handlers = (["SIGINT", "SIGTERM"] as const).map((signal) => {
    const handler = () => callback(signal);
    process.on(signal, handler);
    return () => process.off(signal, handler);
  });
  return () => {
    for (const off of handlers) off();
  };
}

/** Ends the process at once: no handler runs, nothing is flushed. */
export function exitNow(code: number): never {
  process.exit(code);
}

/** Ends the process, also where a call to the system hangs: for that an exit would wait. */
export function killSelf(): void {
  process.kill(process.pid, "SIGKILL");
}

/** Calls back with what nobody has caught: a bug. */
export function onUncaught(callback: (error: unknown) => void): void {
  process.on("uncaughtException", callback);
  process.on("unhandledRejection", callback);
}

/** What our own files for launchd and systemd set, and nobody else: no variable of theirs tells an agent from a terminal. */
export const AGENT_VARIABLE = "WO_AGENT_REV";

/** True where a supervisor has started this by a file of ours: it starts what ends with anything but 0 again. */
export function isSupervised(env: Readonly<Record<string, string | undefined>>): boolean {
  return env[AGENT_VARIABLE] !== undefined;
}

/** The command that starts this program: absolute, whoever calls it from wherever. */
export function thisProgram(): readonly [string, string] {
  return [process.execPath, process.argv[1] ?? ""];
}

/**
 * Starts this program again in the background, its output appended to a file of ours, which is cut when it has grown long;
 * returns its pid. No supervisor watches over it, whoever watches over this process. Throws DISK_REFUSED.
 */
export function startDetached(words: readonly string[], logPath: string): number | undefined {
  const log = translated(logPath, () => openOwnLog(logPath));
  trimOutput(log, [logPath]);
  const child = spawn(process.execPath, [...process.execArgv, process.argv[1] ?? "", ...words], {
    detached: true,
    stdio: ["ignore", log, log],
    cwd: "/",
    env: { ...process.env, [AGENT_VARIABLE]: undefined, XPC_SERVICE_NAME: undefined, INVOCATION_ID: undefined },
  });
  closeSync(log);
  child.unref();
  return child.pid;
}

/** Neither what a link leads to, nor a pipe or a file that somebody else has put there. */
function openOwnLog(path: string): number {
  const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;
  const log = openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
  const info = fstatSync(log);
  if (info.isFile() && info.uid === process.getuid?.()) return log;
  closeSync(log);
  throw new BridgeError("DISK_REFUSED", `${path} is no file of yours: move it away`);
}

/** The Node that runs this: its version without the v, and the real path of its program. */
export function thisNode(): { readonly version: string; readonly path: string } {
  return { version: process.versions.node, path: process.execPath };
}

/** What was typed behind the program's name. */
export function ownWords(): readonly string[] {
  return process.argv.slice(2);
}

/** Ends the process with this code once everything that was written has left it. */
export function exitWith(code: number): void {
  process.exitCode = code;
}

/** The same, not waiting for what was begun and is not wanted any more. */
export function exitOnceWritten(code: number): void {
  process.stdout.write("", () => process.exit(code));
}
