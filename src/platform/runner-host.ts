/**
 * The runner host: a small process beside the daemon that starts commands, owns their time limits and output files,
 * and writes how they ended. It outlives the daemon while a command runs, so that the next daemon finds a result
 * instead of a guess; with nothing to run it ends when its pipe does. Forking from here is cheap and blocks nobody.
 *
 * A command is born behind a gate: a shell that waits for `go` on a pipe and then becomes the command. The daemon
 * records the pid first; a daemon that dies before `go` leaves a gate that reads end-of-file and runs nothing.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { Writable } from "node:stream";
import { repeat, systemClock } from "./clock.ts";
import { systemDisk } from "./disk.ts";
import { messageOf } from "./errors.ts";
import { Files } from "./files.ts";
import { onLines } from "./lines.ts";
import { OutputFile } from "./output-file.ts";
import { endGroup, systemProcesses } from "./processes.ts";
import { parseJson } from "./result.ts";
import { type FromHost, GO_FILE, isToHost, type RunSpec, type RunStatus, STATUS_FILE } from "./run-protocol.ts";

const GATE = 'IFS= read -r go <&3 && [ "$go" = go ] || exit 125; exec 3<&-; exec "$@"';
const WATCH_OUTPUT_MS = 200;

interface Run {
  readonly spec: RunSpec;
  readonly child: ChildProcess;
  readonly pid: number;
  readonly stdout: OutputFile;
  readonly stderr: OutputFile;
  /** Aborts when the command has ended: its time limit is off. */
  readonly ended: AbortController;
  startedMs: number | undefined;
  timedOut: boolean;
  stopped: boolean;
}

const files = new Files(systemDisk, systemClock);
const processes = systemProcesses();
const runs = new Map<string, Run>();
let daemonGone = false;

function say(message: FromHost): void {
  if (!daemonGone) process.stdout.write(`${JSON.stringify(message)}\n`);
}

function gateOf(run: Run): Writable | undefined {
  const gate = run.child.stdio[3];
  return gate instanceof Writable ? gate : undefined;
}

function prepare(spec: RunSpec): void {
  const stdout = new OutputFile(join(spec.folder, "stdout.log"), spec.outputMaxBytes);
  const stderr = new OutputFile(join(spec.folder, "stderr.log"), spec.outputMaxBytes);
  const child = spawn("/bin/sh", ["-c", GATE, "wo-gate", ...spec.argv], {
    cwd: spec.cwd,
    env: spec.env,
    detached: true,
    stdio: ["ignore", stdout.handle, stderr.handle, "pipe"],
  });
  child.once("error", (error) => say({ say: "refused", key: spec.key, reason: error.message }));
  if (child.pid === undefined) return;
  const run: Run = {
    spec,
    child,
    pid: child.pid,
    stdout,
    stderr,
    ended: new AbortController(),
    startedMs: undefined,
    timedOut: false,
    stopped: false,
  };
  runs.set(spec.key, run);
  // A gate that closed before `go` was written: the exit tells the rest.
  gateOf(run)?.on("error", () => undefined);
  child.once("exit", (code, signal) => void finish(run, code, signal));
  const startTime = processes.identify(run.pid)?.startTime ?? "gone";
  say({ say: "prepared", key: spec.key, pid: run.pid, startTime });
}

function go(run: Run): void {
  closeSync(openSync(join(run.spec.folder, GO_FILE), "w", 0o600));
  run.startedMs = systemClock.elapsed();
  void limit(run);
  gateOf(run)?.end("go\n");
}

async function limit(run: Run): Promise<void> {
  await systemClock.sleep(run.spec.timeoutMs, run.ended.signal);
  if (run.ended.signal.aborted) return;
  run.timedOut = true;
  await end(run);
}

function end(run: Run): Promise<boolean> {
  const group = { groupId: run.pid, mark: run.spec.mark, graceMs: run.spec.graceMs };
  return endGroup(processes, group, (durationMs) => systemClock.sleep(durationMs));
}

async function finish(run: Run, code: number | null, signal: NodeJS.Signals | null): Promise<void> {
  run.ended.abort();
  const leftovers = processes.isGroupAlive(run.pid);
  if (leftovers || run.timedOut || run.stopped) await end(run);
  const startedMs = run.startedMs;
  runs.delete(run.spec.key);
  if (startedMs !== undefined) {
    const status: RunStatus = {
      v: 1,
      ...(signal === null ? { exitCode: code ?? 0 } : { signal }),
      timedOut: run.timedOut,
      stopped: run.stopped,
      leftovers: leftovers && !run.timedOut && !run.stopped,
      durationMs: Math.round(systemClock.elapsed() - startedMs),
      stdout: run.stdout.finish(),
      stderr: run.stderr.finish(),
    };
    await writeStatus(run.spec.folder, status);
    say({ say: "ended", key: run.spec.key, status });
  } else {
    say({ say: "refused", key: run.spec.key, reason: "it ended behind its gate" });
  }
  leaveWhenIdle();
}

/** The command's end is known once this file has its name; before that the next daemon calls it interrupted. */
async function writeStatus(folder: string, status: RunStatus): Promise<void> {
  try {
    await files.replace(join(folder, STATUS_FILE), `${JSON.stringify(status)}\n`, 0o600);
  } catch (thrown) {
    // A full disk: the daemon still hears it on the pipe; without a daemon the command counts as interrupted.
    process.stderr.write(`${messageOf(thrown)}\n`);
  }
}

function leaveWhenIdle(): void {
  if (daemonGone && runs.size === 0) process.exit(0);
}

function hear(line: string): void {
  const message = parseJson(line);
  if (!isToHost(message)) return;
  if (message.say === "prepare") {
    try {
      prepare(message.spec);
    } catch (thrown) {
      say({ say: "refused", key: message.spec.key, reason: messageOf(thrown) });
    }
    return;
  }
  const run = runs.get(message.key);
  if (run === undefined) return;
  switch (message.say) {
    case "go":
      go(run);
      break;
    case "drop":
      gateOf(run)?.end();
      break;
    case "stop":
      run.stopped = true;
      void end(run);
      break;
  }
}

function loseDaemon(): void {
  if (daemonGone) return;
  daemonGone = true;
  for (const run of runs.values()) if (run.startedMs === undefined) gateOf(run)?.end();
  leaveWhenIdle();
}

async function watchOutput(): Promise<void> {
  for (const run of runs.values()) {
    run.stdout.watch();
    run.stderr.watch();
  }
}

void repeat(systemClock, WATCH_OUTPUT_MS, new AbortController().signal, watchOutput);
// Signals to the daemon's group or terminal are not meant for the commands: they end by their daemon's word or limit.
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => undefined);
process.stdout.on("error", loseDaemon);
process.stdin.on("end", loseDaemon).on("error", loseDaemon);
onLines(process.stdin, hear);
