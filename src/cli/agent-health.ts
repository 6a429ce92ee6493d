/** Whether the daemon that launchd started is the one that answers for this base, and what to say while it is not. */

import { forgetFailures, isInSafeMode } from "../daemon/lives.ts";
import { type Runtime, readRuntime } from "../daemon/runtime.ts";
import { BridgeError, EXIT } from "../platform/errors.ts";
import type { JobReading, LoadedJob } from "../platform/launchctl.ts";
import { systemProcesses } from "../platform/processes.ts";
import { err, ok, type Result } from "../platform/result.ts";
import { typedWord } from "../platform/shell.ts";
import { Vault } from "../records/vault.ts";
import { endText, isFailedStart } from "../upkeep/agents/last-end.ts";
import { DAEMON_LABEL } from "../upkeep/agents/own-agents.ts";
import type { AgentPlace, Refusal } from "./agent-ground.ts";
import type { Context } from "./context.ts";
import { health, stillStarting } from "./daemon.ts";
import { askDaemon, knownBase } from "./daemon-client.ts";

/** A daemon that works answers within milliseconds. */
const SILENCE_MS = 1000;
const START_MS = 45_000;
/** An orderly end waits for what is being written, not for commands: they go on under their host. */
const STOP_MS = 40_000;
/** One in safe mode looks every second whether it may go on. */
const FORGOTTEN_MS = 5000;
/** launchd needs a moment between loading and starting. */
const ENDED_MS = 2000;
/** What could not be started is tried again once its throttle allows: by then it would run. */
const FAILED_MS = 12_000;
const POLL_MS = 150;
const LINES = 3;
const LOG_BYTES_MAX = 4 * 1024 * 1024;

/** What the daemon of the base says of itself; undefined when none answers, or the base is not attached. */
export async function daemonHealth(context: Context): Promise<Runtime | undefined> {
  try {
    return await health(context, SILENCE_MS);
  } catch (thrown) {
    // A base that is gone has no daemon that could be asked.
    if (thrown instanceof BridgeError && thrown.code === "BASE_MISSING") return undefined;
    throw thrown;
  }
}

export interface Awaited {
  /** The program that is to run; without it any will do. */
  readonly program?: string;
  /** The pid of the process that was to end. */
  readonly not?: number | undefined;
}

/**
 * Waits until the daemon takes orders, or says why it does not, and is the process that launchd names, in the program that is
 * to run. Otherwise what launchd says of it, and the end of its log.
 */
export async function awaitDaemon(
  context: Context,
  { tools, agents }: AgentPlace,
  { program, not }: Awaited = {},
): Promise<Result<Runtime, Refusal>> {
  const { clock } = context;
  const startMs = clock.elapsed();
  let downSinceMs: number | undefined;
  for (;;) {
    const runtime = await daemonHealth(context);
    const job = await tools.launchctl.job(DAEMON_LABEL);
    const loaded = job.kind === "loaded" ? job.job : undefined;
    const isMeant = (program === undefined || runtime?.program === program) && runtime?.pid !== not;
    if (runtime !== undefined && runtime.starting !== true && runtime.pid === loaded?.pid && isMeant)
      return runtime.state === "running" ? ok(runtime) : err(refusing(runtime));
    const nowMs = clock.elapsed();
    const patienceMs = patienceWith(loaded);
    if (patienceMs === undefined) downSinceMs = undefined;
    else downSinceMs ??= nowMs;
    const isOver = patienceMs !== undefined && downSinceMs !== undefined && nowMs - downSinceMs > patienceMs;
    if (isOver || nowMs - startMs > START_MS) {
      const log = agents.find(({ spec }) => spec.label === DAEMON_LABEL)?.spec.logs.stderr;
      return err(silent(context, { runtime, job, log, not, tookMs: nowMs - startMs }));
    }
    await clock.sleep(POLL_MS);
  }
}

/** How long it may be down like this; undefined while it is not. */
function patienceWith(job: LoadedJob | undefined): number | undefined {
  if (job === undefined || job.pid !== undefined) return undefined;
  if (isFailedStart(job)) return FAILED_MS;
  // It ran, ended with 0, and launchd leaves it at that.
  const { lastEnd, state } = job;
  const isDone = typeof lastEnd === "object" && "code" in lastEnd && lastEnd.code === 0;
  return state === "not running" && isDone ? ENDED_MS : undefined;
}

function refusing({ pid, reason, hint }: Runtime): Refusal {
  const message = `the daemon is up (pid ${pid}) and refuses to work: ${reason ?? "it does not say why"}`;
  return { code: "daemon_refuses", message, hint: hint ?? "wo daemon status", exit: EXIT.integrity };
}

interface Silence {
  readonly runtime: Runtime | undefined;
  readonly job: JobReading;
  readonly log: string | undefined;
  readonly not: number | undefined;
  readonly tookMs: number;
}

/** What answers instead of the daemon that is waited for. */
function whoAnswers({ runtime, not, tookMs }: Silence): string {
  const seconds = Math.round(tookMs / 1000);
  if (runtime === undefined) return `no daemon of this base answered within ${seconds} s`;
  if (runtime.pid === not) return `pid ${not}, which was to end, still answers after ${seconds} s`;
  if (runtime.starting === true) return stillStarting(runtime.pid, seconds);
  return `what answers is pid ${runtime.pid} in ${runtime.program ?? "an earlier program"}, not what launchd was to start`;
}

function silent(context: Context, silence: Silence): Refusal {
  const { job, log } = silence;
  const last = log === undefined ? [] : lastLines(context, log);
  const lines = [whoAnswers(silence), `launchd says: ${jobText(job)}`, ...last.map((line) => `  ${line}`)];
  const hint = log === undefined ? "wo agent status" : `wo agent status, then tail -20 ${typedWord(log)}`;
  return { code: "daemon_silent", message: lines.join("\n"), hint, exit: EXIT.daemonNeeded };
}

/** What launchd says of a job, in one line. */
export function jobText(job: JobReading): string {
  switch (job.kind) {
    case "not loaded":
      return "not loaded";
    case "no session":
    case "unknown":
      return job.said;
    case "loaded":
      break;
  }
  const { state, pid, runs, lastEnd, spawnFailed } = job.job;
  const ended = lastEnd === "never" ? "never ended" : endText(lastEnd);
  return [
    state ?? "loaded",
    ...(pid === undefined ? [] : [`pid ${pid}`]),
    ...(runs === undefined ? [] : [`started ${runs} ${runs === 1 ? "time" : "times"}`]),
    ...(ended === undefined ? [] : [lastEnd === "never" ? ended : `last ended with ${ended}`]),
    ...(spawnFailed ? ["the last start came to nothing"] : []),
  ].join(", ");
}

function lastLines({ files }: Context, path: string): readonly string[] {
  const reading = files.peek(path, LOG_BYTES_MAX);
  if (reading.kind !== "file") return [];
  return reading.bytes.toString("utf8").trimEnd().split("\n").slice(-LINES);
}

/**
 * What would keep the agent's daemon from working goes: what was counted against its lives, and one that was started by hand,
 * which holds the base. It is stopped in an orderly way; its commands go on. Its pid, where there was one.
 */
export async function clearTheWay(
  context: Context,
  { tools }: AgentPlace,
): Promise<Result<number | undefined, Refusal>> {
  await forgetLives(context);
  const pid = await handStarted(context, tools.launchctl);
  if (pid === undefined) return ok(undefined);
  await askDaemon(context, { call: "stop" });
  return (await isGone(context, pid, STOP_MS)) ? ok(pid) : err(stopSlow(pid));
}

function stopSlow(pid: number): Refusal {
  const message = `the daemon that was started by hand (pid ${pid}) has not ended after ${STOP_MS / 1000} s`;
  return { code: "stop_slow", message, hint: `what it runs is safe: \`kill -9 ${pid}\``, exit: EXIT.busy };
}

/** Who asks for the agent wants it tried, however many lives have died: one that stands still because of them ends. */
async function forgetLives(context: Context): Promise<void> {
  const { files } = context;
  const vault = new Vault(files, knownBase(context).vault);
  const pid = readRuntime(files, vault)?.pid;
  const isStuck = pid !== undefined && isInSafeMode(files, vault, pid);
  forgetFailures(files, vault);
  if (isStuck) await isGone(context, pid, FORGOTTEN_MS);
}

/** True once no process has the pid; false where that takes too long. */
async function isGone({ clock }: Context, pid: number, patienceMs: number): Promise<boolean> {
  const processes = systemProcesses();
  const startMs = clock.elapsed();
  while (processes.identify(pid) !== undefined) {
    if (clock.elapsed() - startMs > patienceMs) return false;
    await clock.sleep(POLL_MS);
  }
  return true;
}

/** The pid of a daemon of this base that launchd does not keep; undefined when there is none. */
export async function handStarted(
  context: Context,
  launchctl: AgentPlace["tools"]["launchctl"],
): Promise<number | undefined> {
  const runtime = await daemonHealth(context);
  if (runtime === undefined) return undefined;
  const job = await launchctl.job(DAEMON_LABEL);
  return job.kind === "loaded" && job.job.pid === runtime.pid ? undefined : runtime.pid;
}
