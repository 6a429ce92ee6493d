/** Real processes as launchd starts them: their own session, a bare environment, folder /, 256 open files, logs opened for them. */
import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, closeSync, constants, mkdirSync, openSync, readFileSync, statSync } from "node:fs";
import { userInfo } from "node:os";
import { dirname, join, resolve } from "node:path";
import type { Agent } from "./agent.ts";
import type { Child, End, Spawn } from "./job.ts";
import type { Faults } from "./launchd.ts";

export interface Session {
  readonly home: string;
  /** TMPDIR and the agent's socket lie in it: what tells its processes from all others. */
  readonly folder: string;
  readonly faults: Faults;
}

const PATH = "/usr/bin:/bin:/usr/sbin:/sbin";
const OPEN_FILES = 256;

/** Why an agent does not come to run: launchd says 78 and no more. */
class NotConfigured extends Error {}

export function realSpawner(session: Session): Spawn {
  return (agent) => {
    try {
      return start(agent, session);
    } catch (thrown) {
      if (thrown instanceof NotConfigured) return undefined;
      throw thrown;
    }
  };
}

function start(agent: Agent, session: Session): Child | undefined {
  const denied = [agent.program, ...agent.argv, agent.folder ?? "/"].some((path) => isDenied(path, session));
  const words = denied ? REFUSED : [findProgram(agent.program), ...agent.argv.slice(1)];
  const [out, err] = [openLog(agent.outPath, agent, session), openLog(agent.errPath, agent, session)];
  try {
    const umask = agent.umask.toString(8).padStart(4, "0");
    // The shell becomes the program: pid, group and session are the program's own.
    const child = spawn("/bin/sh", ["-c", `ulimit -S -n ${OPEN_FILES}; umask ${umask}; exec "$@"`, "sh", ...words], {
      cwd: folderOf(agent, denied),
      detached: true,
      env: environmentOf(agent, session),
      stdio: ["ignore", out, err],
    });
    return childOf(child);
  } finally {
    for (const log of [out, err]) if (typeof log === "number") closeSync(log);
  }
}

/** What a program does that TCC lets read nothing: a shell's words, and its code. */
const REFUSED = [
  "/bin/sh",
  "-c",
  'echo "shell-init: error retrieving current directory: getcwd: Operation not permitted" >&2; exit 126',
];

function isDenied(path: string, { faults }: Session): boolean {
  return faults.denied.some((folder) => path === folder || path.startsWith(`${folder}/`));
}

/** A missing folder is only logged. */
function folderOf({ folder }: Agent, isDenied: boolean): string {
  return folder !== undefined && !isDenied && isFolder(folder) ? folder : "/";
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function findProgram(program: string): string {
  const candidates = program.startsWith("/") ? [program] : PATH.split(":").map((folder) => join(folder, program));
  const found = candidates.find(isProgram);
  if (found === undefined) throw new NotConfigured(`no program ${program}`);
  return found;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    if (!statSync(path).isFile()) return false;
    // A script whose interpreter is missing is no program.
    const interpreter = /^#! *(\S+)/.exec(readFileSync(path, "latin1").slice(0, 256))?.[1];
    if (interpreter !== undefined) accessSync(interpreter, constants.X_OK);
    return true;
  } catch {
    // Missing, or not ours to run: the same to launchd.
    return false;
  }
}

/** Opened to append, with the folder made; nothing that cannot be opened lets a process begin. */
function openLog(path: string | undefined, agent: Agent, session: Session): number | "ignore" {
  if (path === undefined) return "ignore";
  // On a Mac / cannot be written: a name that is not absolute leads nowhere. Here it must not be tried.
  if (!path.startsWith("/") && agent.folder === undefined) throw new NotConfigured(`${path} is not absolute`);
  const full = resolve(agent.folder ?? "/", path);
  if (isDenied(full, session)) throw new NotConfigured(`${full} is not permitted`);
  try {
    mkdirSync(dirname(full), { recursive: true });
    return openSync(full, "a", 0o666 & ~agent.umask);
  } catch (thrown) {
    throw new NotConfigured(`${full} cannot be opened`, { cause: thrown });
  }
}

function environmentOf({ label, env }: Agent, { home, folder }: Session): NodeJS.ProcessEnv {
  const { username } = userInfo();
  return {
    PATH,
    HOME: home,
    USER: username,
    LOGNAME: username,
    SHELL: "/bin/zsh",
    TMPDIR: join(folder, "T/"),
    SSH_AUTH_SOCK: join(folder, "Listeners"),
    OSLogRateLimit: "64",
    XPC_FLAGS: "0x0",
    ...env,
    XPC_SERVICE_NAME: label,
  };
}

function childOf(child: ChildProcess): Child | undefined {
  const { pid } = child;
  // No process could be made at all; the event says it once more.
  child.on("error", () => undefined);
  if (pid === undefined) return undefined;
  const ended = new Promise<End>((resolve) => {
    child.once("exit", (code, signal) => resolve(signal === null ? { code: code ?? 0 } : { signal }));
  });
  return { pid, ended, signal: (signal) => child.kill(signal), signalGroup: (signal) => send(-pid, signal) };
}

/** False when nothing is there to get it. */
export function send(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    // It is gone already.
    return false;
  }
}
