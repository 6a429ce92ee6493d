/**
 * The runner host: a small process beside the daemon that starts commands, owns their time limits and output files,
 * and writes how they ended. It outlives the daemon while a command runs, so that the next daemon finds a result
 * instead of a guess; with nothing to run it ends when its pipe does. Forking from here is cheap and blocks nobody.
 *
 * A command is born behind a gate: a shell that waits on its standard input for what it is to become. The daemon records
 * the pid first; a daemon that dies before `go` leaves a gate that reads end-of-file and runs nothing. One gate stands
 * ready ahead of time, so that no command has to wait for a process to be made.
 */
import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, rmSync, statSync, writeSync } from "node:fs";
import { Socket } from "node:net";
import { join } from "node:path";
import { repeat, systemClock } from "./clock.ts";
import { systemDisk } from "./disk.ts";
import { errnoOf, messageOf } from "./errors.ts";
import { Files } from "./files.ts";
import { onLines } from "./lines.ts";
import { OutputFile } from "./output-file.ts";
import { endGroup, systemProcesses } from "./processes.ts";
import { parseJson } from "./result.ts";
import {
  type FromHost,
  GO_LINE,
  isToHost,
  RUN_FILE,
  type RunSpec,
  type RunStatus,
  STATUS_FILE,
} from "./run-protocol.ts";
import { hasOwnNetwork, LEFT_FILE, sandboxedLines } from "./sandbox.ts";
import { quoted } from "./shell.ts";

const WATCH_OUTPUT_MS = 200;
/** How long the kernel may take to end what was in a sandbox, before it is helped. */
const SANDBOX_END_MS = 50;

interface Gate {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly startTime: string;
}

interface Run extends Gate {
  readonly spec: RunSpec;
  /** The open RUN_FILE. */
  readonly marker: number;
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
let spare: Gate | undefined;
let daemonGone = false;

function say(message: FromHost): void {
  if (!daemonGone) process.stdout.write(`${JSON.stringify(message)}\n`);
}

/**
 * A shell in a session and group of its own, which reads what it is to become. `channel`: its descriptor 3 leads here.
 * Throws when no process can be made.
 */
function newGate(channel = false): Gate {
  const stdio: StdioOptions = ["pipe", "ignore", "ignore", ...(channel ? ["pipe" as const] : [])];
  const child = spawn("/bin/sh", ["-s"], { cwd: "/", env: {}, detached: true, stdio });
  child.on("error", () => undefined);
  // A gate that has gone reads nothing: its exit tells the rest.
  child.stdin?.on("error", () => undefined);
  if (child.pid === undefined) throw new Error("no process could be made");
  const gate = { child, pid: child.pid, startTime: processes.identify(child.pid)?.startTime ?? "gone" };
  child.once("exit", () => {
    if (spare === gate) spare = undefined;
  });
  return gate;
}

function prepare(spec: RunSpec): void {
  rmSync(spec.folder, { recursive: true, force: true });
  mkdirSync(spec.folder, { recursive: true, mode: 0o700 });
  const marker = openSync(join(spec.folder, RUN_FILE), "w", 0o600);
  writeSync(marker, JSON.stringify(spec.argv));
  const stdout = new OutputFile(join(spec.folder, "stdout.log"), spec.outputMaxBytes);
  const stderr = new OutputFile(join(spec.folder, "stderr.log"), spec.outputMaxBytes);
  const gate = gateFor(spec);
  const run: Run = {
    ...gate,
    spec,
    marker,
    stdout,
    stderr,
    ended: new AbortController(),
    startedMs: undefined,
    timedOut: false,
    stopped: false,
  };
  runs.set(spec.key, run);
  gate.child.once("exit", (code, signal) => void finish(run, code, signal));
  say({ say: "prepared", key: spec.key, pid: gate.pid, startTime: gate.startTime });
}

function gateFor({ sandbox }: RunSpec): Gate {
  if (sandbox !== undefined && sandbox.hosts.length > 0 && hasOwnNetwork()) return newGate(true);
  const gate = spare ?? newGate();
  spare = undefined;
  return gate;
}

async function go(run: Run): Promise<void> {
  const hosts = run.spec.sandbox?.hosts ?? [];
  let text: string;
  try {
    // Few commands have a network list: what serves it is loaded when first needed.
    const gateway = hosts.length > 0 ? await import("./network-gateway.ts") : undefined;
    const gatewayPort = hasOwnNetwork() ? undefined : await gateway?.listenGateway(hosts, run.ended.signal);
    // Dropped or gone meanwhile: its gate has read end-of-file, or nobody stands behind it.
    if (run.child.stdin?.writableEnded !== false || run.ended.signal.aborted) return;
    text = becoming(run.spec, gatewayPort);
    const channel = run.child.stdio[3];
    if (channel instanceof Socket) gateway?.serveGateway(channel, hosts);
    writeSync(run.marker, GO_LINE);
  } catch (thrown) {
    // What is not written down is not begun: the gate reads end-of-file.
    process.stderr.write(`${run.spec.folder}: ${messageOf(thrown)}\n`);
    run.child.stdin?.end();
    return;
  }
  run.startedMs = systemClock.elapsed();
  void limit(run);
  run.child.stdin?.end(text);
}

/** What a gate reads. A function is parsed whole before its last line calls it: of a torn text nothing is run. */
function becoming({ argv, cwd, env, folder, sandbox }: RunSpec, gatewayPort: number | undefined): string {
  const exports = Object.entries(env).map(([name, value]) => `export ${name}=${quoted(value)}`);
  const [out, err] = ["stdout.log", "stderr.log"].map((name) => quoted(join(folder, name)));
  const lines = [
    `exec >>${out} 2>>${err} </dev/null`,
    `cd ${quoted(cwd)} || exit 125`,
    ...exports,
    ...(sandbox === undefined
      ? [`exec ${argv.map(quoted).join(" ")}`]
      : sandboxedLines(argv, sandbox, { cwd, folder, ...(gatewayPort === undefined ? {} : { gatewayPort }) })),
  ];
  return `become() {\n${lines.join("\n")}\n}\nbecome\n`;
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
  closeSync(run.marker);
  const leftovers = await hasLeftovers(run);
  if (processes.isGroupAlive(run.pid) || run.timedOut || run.stopped) await end(run);
  const { startedMs } = run;
  if (startedMs !== undefined) {
    const status: RunStatus = {
      v: 1,
      ...(signal === null ? { exitCode: code ?? 255 } : { signal }),
      timedOut: run.timedOut,
      stopped: run.stopped,
      leftovers: leftovers && !run.timedOut && !run.stopped,
      durationMs: Math.round(systemClock.elapsed() - startedMs),
      stdout: run.stdout.finish(),
      stderr: run.stderr.finish(),
    };
    // The daemon need not wait for the file: it is for the next one, should this one not get to write the end down.
    say({ say: "ended", key: run.spec.key, status });
    if (!daemonGone) spare ??= newGate();
    await writeStatus(run.spec.folder, status);
  } else {
    for (const output of [run.stdout, run.stderr]) output.finish();
    say({ say: "refused", key: run.spec.key, reason: "it ended behind its gate" });
  }
  // Not before its end is written: a host without runs and without a daemon leaves.
  runs.delete(run.spec.key);
  leaveWhenIdle();
}

/** What a sandbox holds is being ended by the kernel as its outermost process ends: waited for, not counted. */
async function hasLeftovers({ pid, spec }: Run): Promise<boolean> {
  if (spec.sandbox === undefined) return processes.isGroupAlive(pid);
  for (let waitedMs = 0; waitedMs < SANDBOX_END_MS && processes.isGroupAlive(pid); waitedMs += 1)
    await systemClock.sleep(1);
  return (statSync(join(spec.folder, LEFT_FILE), { throwIfNoEntry: false })?.size ?? 0) > 0;
}

/** The command's end is known once this file has its name; before that the next daemon calls it interrupted. */
async function writeStatus(folder: string, status: RunStatus): Promise<void> {
  try {
    const temporary = join(folder, `${STATUS_FILE}.new`);
    const handle = await files.writeNew(temporary, Buffer.from(`${JSON.stringify(status)}\n`), 0o600);
    await files.sync(handle, temporary);
    closeSync(handle);
    files.rename(temporary, join(folder, STATUS_FILE));
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
    // Nobody would ever open its gate, or close it.
    if (daemonGone) return;
    try {
      prepare(message.spec);
    } catch (thrown) {
      const errno = errnoOf(thrown);
      const reason = messageOf(thrown);
      say({ say: "refused", key: message.spec.key, reason, ...(errno === undefined ? {} : { errno }) });
    }
    return;
  }
  const run = runs.get(message.key);
  if (run === undefined) return;
  switch (message.say) {
    case "go":
      void go(run);
      break;
    case "drop":
      run.child.stdin?.end();
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
  for (const run of runs.values()) if (run.startedMs === undefined) run.child.stdin?.end();
  spare?.child.stdin?.end();
  leaveWhenIdle();
}

async function watchOutput(): Promise<void> {
  for (const { stdout, stderr } of runs.values()) {
    try {
      stdout.watch();
      stderr.watch();
    } catch (thrown) {
      // No room for the parts: looked at again in a moment.
      process.stderr.write(`${messageOf(thrown)}\n`);
    }
  }
}

void repeat(systemClock, WATCH_OUTPUT_MS, new AbortController().signal, watchOutput);
// Signals to the daemon's group or terminal are not meant for the commands: they end by their daemon's word or limit.
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => undefined);
process.stdout.on("error", loseDaemon);
process.stdin.on("end", loseDaemon).on("error", loseDaemon);
onLines(process.stdin, hear);
