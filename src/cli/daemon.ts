/** `wo daemon run|start|stop|status`: the process that does the work. */
import { join } from "node:path";
import { lookUpBase } from "../daemon/base.ts";
import { STOP_LIMIT_MS } from "../daemon/config.ts";
import { Daemon, type DaemonOptions } from "../daemon/daemon.ts";
import { forgetFailures, isInSafeMode, LIFE_LIMITS, type LifeLimits, Lives } from "../daemon/lives.ts";
import { openOrderReader } from "../daemon/order-reader.ts";
import { type Runtime, readRuntime } from "../daemon/runtime.ts";
import { BridgeError, type ErrorCode, EXIT, messageOf } from "../platform/errors.ts";
import { openLog, silentLog } from "../platform/log.ts";
import { logFolder } from "../platform/machine.ts";
import { outputEnd, STDERR, STDOUT, trimOutput } from "../platform/own-output.ts";
import { pathBelow } from "../platform/path-below.ts";
import { systemProcesses } from "../platform/processes.ts";
import { ThreadPublisher } from "../platform/publisher.ts";
import { isRecord } from "../platform/result.ts";
import {
  exitNow,
  isSupervised,
  killSelf,
  onStopSignal,
  onUncaught,
  startDetached,
  thisNode,
} from "../platform/self.ts";
import { Vault } from "../records/vault.ts";
import { answer, type Context, complain } from "./context.ts";
import { askDaemon, knownBase } from "./daemon-client.ts";
import type { Keeper } from "./daemon-keeper.ts";
import { startWatched } from "./daemon-wait.ts";
import { groundOf, newRunner } from "./ground.ts";
import { ago } from "./views/words.ts";

const START_WAIT_MS = 15_000;
/** A supervisor takes its time between two starts. */
const START_AGAIN_WAIT_MS = 30_000;
const START_LASTS_MS = 3000;
const STOP_WAIT_MS = STOP_LIMIT_MS + 5000;
const POLL_MS = 50;
/** Trouble that passes without anybody who looks at the daemon: it is met again and again, and is nobody's failure. */
const PASSING: ReadonlySet<ErrorCode> = new Set(["BASE_MISSING", "DISK_FULL", "TOO_MANY_FILES"]);

/**
 * Runs the daemon in the foreground until it is told to stop; the exit code. Under a supervisor it waits for its base and for
 * its locks, and its lives are counted.
 */
export async function runDaemon(context: Context, limits: LifeLimits = LIFE_LIMITS): Promise<number> {
  const { terminal } = context;
  const isWatched = isSupervised(context.machine.env);
  const fatal: Fatal = fatalOf(context);
  onUncaught((error) => fatal(error, EXIT.bug));
  const stops = stopSignals(context, limits.stopMs);
  const lives = isWatched ? livesOf(context, limits) : undefined;
  const options = () => optionsOf(context);
  let daemon: Daemon | undefined;
  try {
    if (lives === undefined) daemon = await Daemon.start(options());
    else daemon = await startWatched(context, { options, lives, told: stops.told });
  } catch (thrown) {
    if (!(thrown instanceof BridgeError)) return fatal(thrown, EXIT.bug);
    const { code, message, hint } = thrown;
    complain(context, { code, message, hint });
    if (thrown.isLasting || PASSING.has(code)) await lives?.ends();
    // A supervisor would start it again and again: what only a person can mend ends with 0 there. Whatever a start has left
    // open must not keep this process.
    return exitNow(isWatched && thrown.isLasting ? EXIT.yes : thrown.exit);
  }
  if (daemon === undefined) return exitNow(EXIT.yes);
  const started = daemon;
  if (started.refusal === undefined)
    terminal.err(`${terminal.paint("green", "✓")} daemon up    pid ${started.pid}, base ${started.base}`);
  else terminal.err(`${terminal.paint("red", "✗")} daemon up, refusing to work: ${started.refusal}`);
  void stops.first.then((signal) => started.stop(signal));
  void started.stopping.then(stops.limit);
  const exit = await untilStopped(started, lives);
  stops.off();
  terminal.err("daemon stopped");
  // A command that goes on under its host, and the pipe to it, must not keep this process.
  return exitNow(exit);
}

/** What a daemon is made of; each has its own threads. */
function optionsOf(context: Context): DaemonOptions {
  const { clock } = context;
  const ground = groundOf(context);
  return {
    ground,
    path: context.basePath,
    vault: context.machine.env["WO_VAULT"],
    openLog,
    runner: newRunner(ground),
    publisher: new ThreadPublisher(clock, new URL("../platform/publisher-thread.js", import.meta.url)),
    reader: openOrderReader(clock, new URL("../daemon/read-thread.js", import.meta.url)),
    onFatal: fatalOf(context),
  };
}

type Fatal = (error: unknown, exit: number) => never;

function fatalOf({ terminal }: Context): Fatal {
  return (error, exit) => {
    const stack = error instanceof Error ? error.stack : String(error);
    terminal.err(`wo-bridge: ${exit === EXIT.bug ? `a bug of ours: ${stack}` : messageOf(error)}`);
    return exitNow(exit);
  };
}

/** The count of lives, and the supervisor's files for this process's output, cut where they have grown long. */
function livesOf(context: Context, limits: LifeLimits): Lives {
  const { files, clock, machine, terminal } = context;
  const folder = logFolder(machine.home);
  const paths = (files.list(folder) ?? [])
    .map(({ name }) => join(folder, name))
    .filter((path) => pathBelow(files, context.basePath, path) === undefined);
  const said = outputEnd(STDERR, paths);
  for (const handle of [STDOUT, STDERR]) trimOutput(handle, paths);
  const log = {
    ...silentLog,
    warn: (event: string, { message }: Readonly<Record<string, unknown>> = {}) =>
      terminal.err(`${event}: ${String(message)}`),
  };
  const saidFrom = outputEnd(STDERR, paths)?.sizeBytes ?? 0;
  const { processes } = groundOf(context);
  const { version } = machine;
  return new Lives({ files, clock, processes, version, node: thisNode().version, log, limits, said, saidFrom });
}

/** The exit code once it has stopped: what ends with anything but 0 is started again by its supervisor. */
async function untilStopped(daemon: Daemon, lives: Lives | undefined): Promise<number> {
  const asked = new AbortController();
  void daemon.stopping.then(() => asked.abort());
  if (lives?.isSafe === true) {
    await lives.leaves(asked.signal);
    if (!asked.signal.aborted) {
      await daemon.stop("it is tried again");
      return EXIT.busy;
    }
  } else void lives?.lasts(asked.signal);
  await daemon.stopping;
  // Before its locks are free for the next one.
  await lives?.ends();
  await daemon.done;
  return EXIT.yes;
}

interface Stops {
  /** The first signal to stop; one that comes before the daemon works is kept for it. */
  readonly first: Promise<string>;
  /** Aborts with it. */
  readonly told: AbortSignal;
  /** From now on there is so much time and no more. */
  readonly limit: () => void;
  readonly off: () => void;
}

function stopSignals({ terminal, clock }: Context, stopMs: number): Stops {
  let off: () => void = () => undefined;
  const first = new Promise<string>((resolve) => {
    off = onStopSignal((signal) => {
      resolve(signal);
    });
  });
  const told = new AbortController();
  const done = new AbortController();
  let limited: Promise<void> | undefined;
  const limit = () => {
    limited ??= clock.sleep(stopMs, done.signal).then(() => {
      // Whatever holds it up: to be killed costs nothing but a moment.
      if (!done.signal.aborted) killSelf();
    });
  };
  void first.then((signal) => {
    terminal.err(`stopping (${signal}): intake is closed, what runs gets its time`);
    told.abort();
    limit();
  });
  return {
    first,
    told: told.signal,
    limit,
    off: () => {
      off();
      done.abort();
    },
  };
}

/** Starts it in the background; ends when it has answered. */
export async function startDaemon(context: Context): Promise<number> {
  const running = await health(context);
  if (running?.state === "refused" && isInSafeMode(context.files, vaultOf(context), running.pid))
    return startAgain(context, running);
  if (running?.state === "running" && running.starting !== true) {
    answer(context, "daemon", running, () => `✓ daemon up already    pid ${running.pid}, since ${running.since}`);
    return EXIT.yes;
  }
  const logPath = join(context.machine.stateRoot, "boot.log");
  const pid = running === undefined ? startByHand(context, logPath) : running.pid;
  const { startedByHand } = await import("./daemon-keeper.ts");
  const rest = running === undefined ? startedByHand : async () => "it was up already";
  const isUp = await answered(context, START_WAIT_MS, () => true, rest);
  if (isUp !== undefined) return isUp;
  const last = context.files.read(logPath)?.toString("utf8").trimEnd().split("\n").slice(-3).join("\n") ?? "";
  complain(context, {
    code: "DAEMON_SILENT",
    message: `the daemon (pid ${pid ?? "none"}) did not answer\n${last}`,
    hint: `see ${logPath}, or run it in front of you: \`wo daemon run\``,
  });
  return EXIT.daemonNeeded;
}

function startByHand(context: Context, logPath: string): number | undefined {
  const { files, machine, basePath } = context;
  const base = lookUpBase(files, machine, basePath);
  if (base !== undefined) forgetFailures(files, new Vault(files, base.vault));
  files.makeFolders(machine.stateRoot, 0o700);
  return startDetached(["-C", basePath, "daemon", "run"], logPath);
}

/** One that stands still in safe mode ends when nothing is counted any more, and its supervisor starts it. */
async function startAgain(context: Context, stuck: Runtime): Promise<number> {
  forgetFailures(context.files, vaultOf(context));
  const isAnother = ({ pid, state, since }: Runtime) => {
    if (pid === stuck.pid || state === "stopped") return false;
    // The ones before it have answered, too, before they died.
    return state === "refused" || context.clock.now() - Date.parse(since) > START_LASTS_MS;
  };
  const isUp = await answered(context, START_AGAIN_WAIT_MS, isAnother, async () => "started by what keeps it");
  if (isUp !== undefined) return isUp;
  const seen = readRuntime(context.files, vaultOf(context));
  complain(context, {
    code: "DAEMON_SILENT",
    message: `the daemon was let go on, and none has answered since${seen?.reason === undefined ? "" : `: ${seen.reason}`}`,
    hint: "is its agent still there? `wo daemon status`, `wo doctor`",
  });
  return EXIT.daemonNeeded;
}

/**
 * The exit code as soon as a daemon that is meant takes orders, or refuses to; undefined when none answers in time. One that
 * is still at what the last life left by then is no failure and no success.
 */
async function answered(
  context: Context,
  patienceMs: number,
  isMeant: (runtime: Runtime) => boolean,
  rest: (context: Context) => Promise<string>,
): Promise<number | undefined> {
  const startMs = context.clock.elapsed();
  let starting: Runtime | undefined;
  while (context.clock.elapsed() - startMs < patienceMs) {
    const runtime = await health(context);
    starting = runtime?.starting === true ? runtime : undefined;
    if (runtime !== undefined && starting === undefined && isMeant(runtime)) {
      const tookMs = Math.round(context.clock.elapsed() - startMs);
      const more = await rest(context);
      answer(context, "daemon", runtime, () => startedText(context, runtime, tookMs, more));
      return runtime.state === "running" ? EXIT.yes : EXIT.integrity;
    }
    await context.clock.sleep(POLL_MS);
  }
  if (starting === undefined) return undefined;
  const message = stillStarting(starting.pid, patienceMs / 1000);
  complain(context, { code: "DAEMON_STARTING", message, hint: "it goes on by itself: `wo daemon status`" });
  return EXIT.busy;
}

/** In words, of one that is neither started nor failed. */
export function stillStarting(pid: number, seconds: number): string {
  return `the daemon (pid ${pid}) is up, and after ${seconds} s still puts back what the last life left`;
}

function vaultOf(context: Context): Vault {
  return new Vault(context.files, knownBase(context).vault);
}

/** Stops it; ends when it is gone. */
export async function stopDaemon(context: Context): Promise<number> {
  const runtime = await health(context);
  const { keeperOf } = await import("./daemon-keeper.ts");
  const keeper = await keeperOf(context);
  if (runtime === undefined) return tellSilent(context, keeper);
  await askDaemon(context, { call: "stop" });
  const processes = systemProcesses();
  const startMs = context.clock.elapsed();
  while (context.clock.elapsed() - startMs < STOP_WAIT_MS) {
    // It hangs up before it has written that it stopped, and may be killed in between.
    if ((await health(context))?.pid !== runtime.pid && !processes.isAlive(runtime))
      return tellStopped(context, runtime, keeper);
    await context.clock.sleep(POLL_MS);
  }
  complain(context, {
    code: "STOP_SLOW",
    message: `pid ${runtime.pid} has not ended after ${STOP_WAIT_MS / 1000} s`,
    hint: `what it runs is safe: \`kill -9 ${runtime.pid}\``,
  });
  return EXIT.busy;
}

/** Nothing answers; launchd may keep a process all the same, which waits for its base or a lock, or is about to start. */
function tellSilent(context: Context, keeper: Keeper): number {
  const pid = keeper.kind === "agent" ? keeper.pid : undefined;
  if (pid === undefined) {
    answer(context, "daemon", { state: "stopped" }, () => "no daemon runs");
    return EXIT.yes;
  }
  const message = `no daemon answers, and launchd keeps a process for it, pid ${pid}, which waits or is about to start`;
  complain(context, { code: "DAEMON_SILENT", message, hint: "wo agent stop" });
  return EXIT.busy;
}

/** Of one that is gone: stopped as it was told, or killed because something hung. */
async function tellStopped(context: Context, runtime: Runtime, keeper: Keeper): Promise<number> {
  const { afterStop } = await import("./daemon-keeper.ts");
  const { pid } = runtime;
  const last = readRuntime(context.files, vaultOf(context));
  // Another one may have taken its place already.
  const isOrderly = last === undefined || last.pid !== pid || last.state === "stopped";
  if (isOrderly) {
    answer(
      context,
      "daemon",
      { ...runtime, state: "stopped" },
      () => `✓ daemon stopped    pid ${pid}${afterStop(keeper, pid)}`,
    );
    return EXIT.yes;
  }
  const isKept = keeper.kind === "agent" && keeper.pid === pid;
  const again = isKept
    ? "\nlaunchd starts it again, as everything that was killed: `wo agent stop` keeps it down"
    : afterStop(keeper, pid);
  const why = `what hangs is killed, after ${STOP_LIMIT_MS / 1000} s at the latest`;
  const text = () =>
    `${context.terminal.paint("yellow", "!")} daemon gone    pid ${pid} ended without saying that it stopped: ${why}${again}`;
  answer(context, "daemon", { ...runtime, state: "stopped", killed: true, startsAgain: isKept }, text);
  return isKept ? EXIT.busy : EXIT.yes;
}

/** Says whether it runs, since when, or why not. */
export async function daemonStatus(context: Context): Promise<number> {
  const live = await health(context);
  const runtime = live ?? readRuntime(context.files, vaultOf(context));
  const state = live?.state ?? (runtime?.state === "running" ? "dead" : (runtime?.state ?? "never ran"));
  const { keeperOf, waitingText } = await import("./daemon-keeper.ts");
  const waiting = live === undefined ? "" : waitingText(await keeperOf(context), live.pid);
  answer(context, "daemon", { ...runtime, state }, () => {
    if (runtime === undefined) return "no daemon has run here\nnext: wo daemon start";
    const lines = [
      `daemon ${state}    pid ${runtime.pid}, wo-bridge ${runtime.version}`,
      `  base       ${runtime.base}`,
    ];
    lines.push(
      `  since      ${runtime.since} (${ago(context.clock.now(), runtime.since)})`,
      `  last sign  ${ago(context.clock.now(), runtime.heartbeat)}`,
    );
    if (live?.starting === true) lines.push("  starting   puts back what the last life left, and takes no orders yet");
    if (waiting !== "") lines.push(`  agent      ${waiting}`);
    if (runtime.reason !== undefined) lines.push(`  reason     ${runtime.reason}`);
    if (state !== "running") lines.push(`next: ${runtime.hint ?? "wo daemon start"}`);
    return lines.join("\n");
  });
  return live?.state === "running" ? EXIT.yes : live === undefined ? EXIT.daemonNeeded : EXIT.integrity;
}

/** What the daemon says of itself; undefined when none answers. */
export async function health(context: Context, silenceMs?: number): Promise<Runtime | undefined> {
  try {
    const data = await askDaemon(context, { call: "health" }, silenceMs);
    return isRuntime(data) ? data : undefined;
  } catch (thrown) {
    // Not attached yet: starting it attaches an empty base, or says why not.
    if (thrown instanceof BridgeError && thrown.code === "BASE_UNKNOWN") return undefined;
    throw thrown;
  }
}

function isRuntime(value: unknown): value is Runtime {
  return isRecord(value) && typeof value["pid"] === "number" && typeof value["state"] === "string";
}

function startedText({ terminal }: Context, runtime: Runtime, tookMs: number, rest: string): string {
  if (runtime.state !== "running")
    return `${terminal.paint("red", "✗")} daemon up, refusing to work: ${runtime.reason ?? "unknown"}\nnext: ${runtime.hint ?? "wo daemon status"}`;
  return `${terminal.paint("green", "✓")} daemon up    pid ${runtime.pid}, answered after ${tookMs} ms\n${rest}`;
}
