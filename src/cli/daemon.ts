/** `wo daemon run|start|stop|status`: the process that does the work. */
import { join } from "node:path";
import { Daemon } from "../daemon/daemon.ts";
import { openOrderReader } from "../daemon/order-reader.ts";
import { type Runtime, readRuntime } from "../daemon/runtime.ts";
import { BridgeError, EXIT, messageOf } from "../platform/errors.ts";
import { openLog } from "../platform/log.ts";
import { ThreadPublisher } from "../platform/publisher.ts";
import { isRecord } from "../platform/result.ts";
import { exitNow, isSupervised, onStopSignal, onUncaught, startDetached } from "../platform/self.ts";
import { Vault } from "../records/vault.ts";
import { answer, type Context, complain } from "./context.ts";
import { askDaemon, boundBase } from "./daemon-client.ts";
import { groundOf, newRunner } from "./ground.ts";
import { ago } from "./views/words.ts";

const START_WAIT_MS = 15_000;
const STOP_WAIT_MS = 40_000;
const POLL_MS = 50;

/** Runs the daemon in the foreground until it is told to stop; the exit code. */
export async function runDaemon(context: Context): Promise<number> {
  const ground = groundOf(context);
  const bug = (error: unknown) => {
    context.terminal.err(`wo-bridge: a bug of ours: ${error instanceof Error ? error.stack : String(error)}`);
    exitNow(EXIT.bug);
  };
  onUncaught(bug);
  const signals = stopSignals(context);
  let daemon: Daemon;
  try {
    daemon = await Daemon.start({
      ground,
      path: context.basePath,
      vault: context.machine.env["WO_VAULT"],
      openLog,
      runner: newRunner(ground),
      publisher: new ThreadPublisher(context.clock, new URL("../platform/publisher-thread.js", import.meta.url)),
      reader: openOrderReader(context.clock, new URL("../daemon/read-thread.js", import.meta.url)),
      onFatal: (error, exit) => {
        if (exit === EXIT.bug) bug(error);
        context.terminal.err(`wo-bridge: ${messageOf(error)}`);
        exitNow(exit);
      },
    });
  } catch (thrown) {
    if (!(thrown instanceof BridgeError)) throw thrown;
    const { code, message, hint } = thrown;
    complain(context, { code, message, hint });
    // A supervisor would start it again and again: what only a person can mend ends with 0 there.
    return isSupervised(context.machine.env) && thrown.isLasting ? EXIT.yes : thrown.exit;
  }
  const { terminal } = context;
  if (daemon.refusal === undefined)
    terminal.err(`${terminal.paint("green", "✓")} daemon up    pid ${ground.processes.self.pid}, base ${daemon.base}`);
  else terminal.err(`${terminal.paint("red", "✗")} daemon up, refusing to work: ${daemon.refusal}`);
  void signals.first.then((signal) => daemon.stop(signal));
  await daemon.done;
  signals.off();
  terminal.err("daemon stopped");
  // A command that goes on under its host, and the pipe to it, must not keep this process.
  return exitNow(EXIT.yes);
}

/** The first signal to stop; one that comes before the daemon works is kept for it, for a while. */
function stopSignals({ terminal, clock }: Context): { readonly first: Promise<string>; readonly off: () => void } {
  let off: () => void = () => undefined;
  const first = new Promise<string>((resolve) => {
    off = onStopSignal((signal) => {
      resolve(signal);
    });
  });
  const done = new AbortController();
  void first.then(async (signal) => {
    terminal.err(`stopping (${signal}): intake is closed, what runs gets its time`);
    await clock.sleep(STOP_WAIT_MS, done.signal);
    // Whatever holds it up: to be killed costs nothing but a moment.
    if (!done.signal.aborted) exitNow(EXIT.interrupted);
  });
  return {
    first,
    off: () => {
      off();
      done.abort();
    },
  };
}

/** Starts it in the background; ends when it has answered. */
export async function startDaemon(context: Context): Promise<number> {
  const running = await health(context);
  if (running !== undefined) {
    answer(context, "daemon", running, () => `✓ daemon up already    pid ${running.pid}, since ${running.since}`);
    return EXIT.yes;
  }
  const startMs = context.clock.elapsed();
  const logFolder =
    context.files.info(context.machine.stateRoot) === undefined
      ? context.machine.temporaryFolder
      : context.machine.stateRoot;
  const logPath = join(logFolder, "boot.log");
  const pid = startDetached(["-C", context.basePath, "daemon", "run"], logPath);
  while (context.clock.elapsed() - startMs < START_WAIT_MS) {
    const runtime = await health(context);
    if (runtime !== undefined) {
      const tookMs = Math.round(context.clock.elapsed() - startMs);
      answer(context, "daemon", runtime, () => startedText(context, runtime, tookMs));
      return runtime.state === "running" ? EXIT.yes : EXIT.integrity;
    }
    await context.clock.sleep(POLL_MS);
  }
  const last = context.files.read(logPath)?.toString("utf8").trimEnd().split("\n").slice(-3).join("\n") ?? "";
  complain(context, {
    code: "DAEMON_SILENT",
    message: `the daemon (pid ${pid ?? "none"}) did not answer\n${last}`,
    hint: `see ${logPath}, or run it in front of you: \`wo daemon run\``,
  });
  return EXIT.daemonNeeded;
}

/** Stops it; ends when it is gone. */
export async function stopDaemon(context: Context): Promise<number> {
  const runtime = await health(context);
  if (runtime === undefined) {
    answer(context, "daemon", { state: "stopped" }, () => "no daemon runs");
    return EXIT.yes;
  }
  await askDaemon(context, { call: "stop" });
  const startMs = context.clock.elapsed();
  while (context.clock.elapsed() - startMs < STOP_WAIT_MS) {
    if ((await health(context)) === undefined) {
      answer(context, "daemon", { ...runtime, state: "stopped" }, () => `✓ daemon stopped    pid ${runtime.pid}`);
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
  const vault = new Vault(context.files, boundBase(context).vault);
  const runtime = live ?? readRuntime(context.files, vault);
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

function startedText({ terminal }: Context, runtime: Runtime, tookMs: number): string {
  if (runtime.state !== "running")
    return `${terminal.paint("red", "✗")} daemon up, refusing to work: ${runtime.reason ?? "unknown"}\nnext: ${runtime.hint ?? "wo daemon status"}`;
  return `${terminal.paint("green", "✓")} daemon up    pid ${runtime.pid}, answered after ${tookMs} ms\nnot started at login`;
}
