/** `wo daemon run|start|stop|status`: the process that does the work. */
import { join } from "node:path";
import { absenceOf, lastKnownAt, lookUpBase } from "../daemon/base.ts";
import { STOP_LIMIT_MS } from "../daemon/config.ts";
import { Daemon, type DaemonOptions } from "../daemon/daemon.ts";
import { forgetFailures, isInSafeMode, LIFE_LIMITS, type LifeLimits, Lives } from "../daemon/lives.ts";
import { openAbsent } from "../daemon/opening.ts";
import { openOrderReader } from "../daemon/order-reader.ts";
import { type Runtime, readRuntime } from "../daemon/runtime.ts";
import { BridgeError, type ErrorCode, EXIT, messageOf } from "../platform/errors.ts";
import { openLog, silentLog } from "../platform/log.ts";
import { outputEnd, STDERR, STDOUT, trimOutput } from "../platform/own-output.ts";
import { pathBelow } from "../platform/path-below.ts";
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
import { groundOf, newRunner } from "./ground.ts";
import { ago } from "./views/words.ts";

const START_WAIT_MS = 15_000;
/** A supervisor takes its time between two starts. */
const START_AGAIN_WAIT_MS = 30_000;
const START_LASTS_MS = 3000;
const STOP_WAIT_MS = STOP_LIMIT_MS + 5000;
const POLL_MS = 50;
const BASE_LOOK_MS = 2000;
/** Trouble that passes without anybody who looks at the daemon: it is met again and again, and is nobody's failure. */
const PASSING: ReadonlySet<ErrorCode> = new Set(["BASE_MISSING", "DISK_FULL", "TOO_MANY_FILES"]);

/**
 * Runs the daemon in the foreground until it is told to stop; the exit code. Under a supervisor it waits for its base, and
 * its lives are counted.
 */
export async function runDaemon(context: Context, limits: LifeLimits = LIFE_LIMITS): Promise<number> {
  const { terminal } = context;
  const isWatched = isSupervised(context.machine.env);
  const fatal = fatalOf(context);
  onUncaught((error) => fatal(error, EXIT.bug));
  const stops = stopSignals(context, limits.stopMs);
  const lives = isWatched ? livesOf(context, limits) : undefined;
  let daemon: Daemon;
  try {
    if (isWatched && !(await awaitBase(context, stops))) return exitNow(EXIT.yes);
    daemon = await Daemon.start({
      ...optionsOf(context),
      ...(lives === undefined ? {} : { mayWork: (vault: Vault) => lives.begin(vault) }),
    });
  } catch (thrown) {
    if (!(thrown instanceof BridgeError)) throw thrown;
    const { code, message, hint } = thrown;
    complain(context, { code, message, hint });
    if (thrown.isLasting || PASSING.has(code)) await lives?.ends();
    // A supervisor would start it again and again: what only a person can mend ends with 0 there.
    return isWatched && thrown.isLasting ? EXIT.yes : thrown.exit;
  }
  if (daemon.refusal === undefined)
    terminal.err(`${terminal.paint("green", "✓")} daemon up    pid ${daemon.pid}, base ${daemon.base}`);
  else terminal.err(`${terminal.paint("red", "✗")} daemon up, refusing to work: ${daemon.refusal}`);
  void stops.first.then((signal) => daemon.stop(signal));
  void daemon.stopping.then(stops.limit);
  const exit = await untilStopped(daemon, lives);
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

function fatalOf({ terminal }: Context): DaemonOptions["onFatal"] {
  return (error, exit) => {
    const stack = error instanceof Error ? error.stack : String(error);
    terminal.err(`wo-bridge: ${exit === EXIT.bug ? `a bug of ours: ${stack}` : messageOf(error)}`);
    exitNow(exit);
  };
}

/** The count of lives, and the supervisor's files for this process's output, cut where they have grown long. */
function livesOf(context: Context, limits: LifeLimits): Lives {
  const { files, clock, machine, terminal } = context;
  const folder = join(machine.home, "Library", "Logs", "wo-bridge");
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

/**
 * Waits for a base that is away, as its volume may be after a boot, and answers meanwhile. False when it was told to stop.
 * Throws BASE_UNKNOWN where no base was ever known: nobody is going to bring it.
 */
async function awaitBase(context: Context, stops: Stops): Promise<boolean> {
  const { files, machine, clock, terminal, basePath } = context;
  const missing = absenceOf(files, machine, basePath);
  if (missing === undefined) return true;
  // A link may lead to a volume that is away.
  if (lastKnownAt(files, machine, basePath) === undefined && files.info(basePath)?.kind !== "link")
    throw new BridgeError("BASE_UNKNOWN", `${missing.message}, and none was ever attached there`);
  const asked = new AbortController();
  void stops.first.then(() => asked.abort());
  const options = optionsOf(context);
  const opened = await openAbsent(options.ground, basePath, missing);
  const daemon = opened === undefined ? undefined : await Daemon.standStill(options, opened);
  void daemon?.stopping.then(() => asked.abort());
  terminal.err(`${terminal.paint("yellow", "!")} waiting: ${missing.message}`);
  while (!asked.signal.aborted && absenceOf(files, machine, basePath) !== undefined)
    await clock.sleep(BASE_LOOK_MS, asked.signal);
  const isStopped = asked.signal.aborted;
  await daemon?.stop(isStopped ? "it was told to while it waited for its base" : "its base is there");
  return !isStopped;
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
    limit();
  });
  return {
    first,
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
  if (running !== undefined) {
    answer(context, "daemon", running, () => `✓ daemon up already    pid ${running.pid}, since ${running.since}`);
    return EXIT.yes;
  }
  const base = lookUpBase(context.files, context.machine, context.basePath);
  if (base !== undefined) forgetFailures(context.files, new Vault(context.files, base.vault));
  const logFolder =
    context.files.info(context.machine.stateRoot) === undefined
      ? context.machine.temporaryFolder
      : context.machine.stateRoot;
  const logPath = join(logFolder, "boot.log");
  const pid = startDetached(["-C", context.basePath, "daemon", "run"], logPath);
  const { startedByHand } = await import("./daemon-keeper.ts");
  const isUp = await answered(context, START_WAIT_MS, () => true, startedByHand);
  if (isUp !== undefined) return isUp;
  const last = context.files.read(logPath)?.toString("utf8").trimEnd().split("\n").slice(-3).join("\n") ?? "";
  complain(context, {
    code: "DAEMON_SILENT",
    message: `the daemon (pid ${pid ?? "none"}) did not answer\n${last}`,
    hint: `see ${logPath}, or run it in front of you: \`wo daemon run\``,
  });
  return EXIT.daemonNeeded;
}

/** One that stands still in safe mode ends when nothing is counted any more, and its supervisor starts it. */
async function startAgain(context: Context, stuck: Runtime): Promise<number> {
  forgetFailures(context.files, vaultOf(context));
  const isAnother = ({ pid, state, since }: Runtime) => {
    if (pid === stuck.pid || state === "stopped") return false;
    // The ones before it have answered, too, before they died.
    return state === "refused" || context.clock.now() - Date.parse(since) > START_LASTS_MS;
  };
  const isUp = await answered(context, START_AGAIN_WAIT_MS, isAnother, () => "started by what keeps it");
  if (isUp !== undefined) return isUp;
  const seen = readRuntime(context.files, vaultOf(context));
  complain(context, {
    code: "DAEMON_SILENT",
    message: `the daemon was let go on, and none has answered since${seen?.reason === undefined ? "" : `: ${seen.reason}`}`,
    hint: "is its agent still there? `wo daemon status`, `wo doctor`",
  });
  return EXIT.daemonNeeded;
}

/** The exit code as soon as a daemon answers that is the one that is meant; undefined when none does in time. */
async function answered(
  context: Context,
  patienceMs: number,
  isMeant: (runtime: Runtime) => boolean,
  rest: (context: Context) => string,
): Promise<number | undefined> {
  const startMs = context.clock.elapsed();
  while (context.clock.elapsed() - startMs < patienceMs) {
    const runtime = await health(context);
    if (runtime !== undefined && isMeant(runtime)) {
      const tookMs = Math.round(context.clock.elapsed() - startMs);
      answer(context, "daemon", runtime, () => startedText(context, runtime, tookMs, rest(context)));
      return runtime.state === "running" ? EXIT.yes : EXIT.integrity;
    }
    await context.clock.sleep(POLL_MS);
  }
  return undefined;
}

function vaultOf(context: Context): Vault {
  return new Vault(context.files, knownBase(context).vault);
}

/** Stops it; ends when it is gone. */
export async function stopDaemon(context: Context): Promise<number> {
  const runtime = await health(context);
  if (runtime === undefined) {
    answer(context, "daemon", { state: "stopped" }, () => "no daemon runs");
    return EXIT.yes;
  }
  await askDaemon(context, { call: "stop" });
  const { startsAgain } = await import("./daemon-keeper.ts");
  const startMs = context.clock.elapsed();
  while (context.clock.elapsed() - startMs < STOP_WAIT_MS) {
    if ((await health(context)) === undefined) {
      const text = () => `✓ daemon stopped    pid ${runtime.pid}${startsAgain(context)}`;
      answer(context, "daemon", { ...runtime, state: "stopped" }, text);
      return EXIT.yes;
    }
    await context.clock.sleep(POLL_MS);
  }
  complain(context, {
    code: "STOP_SLOW",
    message: `pid ${runtime.pid} has not ended after ${STOP_WAIT_MS / 1000} s`,
    hint: `what it runs is safe: \`kill -9 ${runtime.pid}\``,
  });
  return EXIT.busy;
}

/** Says whether it runs, since when, or why not. */
export async function daemonStatus(context: Context): Promise<number> {
  const live = await health(context);
  const runtime = live ?? readRuntime(context.files, vaultOf(context));
  const state = live?.state ?? (runtime?.state === "running" ? "dead" : (runtime?.state ?? "never ran"));
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
