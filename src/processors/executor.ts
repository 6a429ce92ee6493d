/**
 * One command of an order: prepared behind its gate, recorded, let go, and judged by how it ended. `ok` means that it
 * did what was asked: exit 0, and the expected output where one was named.
 */
import type { Step } from "../orders/order.ts";
import type { Failure } from "../orders/status.ts";
import { randomName } from "../platform/ids.ts";
import { MARK_VARIABLE, type Processes } from "../platform/processes.ts";
import type { RunStatus, SandboxSpec } from "../platform/run-protocol.ts";
import type { RunEnd, Runner, RunRecord } from "../platform/runner.ts";
import type { SecretRules } from "../platform/secrets.ts";
import type { StepFinished, StepStarted } from "../records/events.ts";
import type { Vault } from "../records/vault.ts";
import { excerptOf } from "./output-excerpt.ts";
import type { TemporaryFolders } from "./temporary-folders.ts";

/** What holds for every command that says nothing else. */
export interface CommandLimits {
  readonly timeoutMs: number;
  /** Between TERM and KILL. */
  readonly graceMs: number;
  /** Of each of its output files. */
  readonly outputMaxBytes: number;
}

export interface ExecutorTools {
  readonly runner: Runner;
  readonly processes: Processes;
  readonly vault: Vault;
  /** Where commands run. */
  readonly base: string;
  /** All that commands get as environment, besides what tells them which order they belong to. */
  readonly env: Readonly<Record<string, string>>;
  readonly limits: CommandLimits;
  readonly temporary: TemporaryFolders;
  /** What no record holds of a command's output. */
  readonly secretRules: Promise<SecretRules>;
  /** What a lane's sandbox allows; undefined where its commands run without. Throws NO_SANDBOX where they must not. */
  readonly sandboxFor: (lane: string, temporary: string) => Promise<SandboxSpec | undefined>;
}

/** Which step of which attempt. */
export interface StepOf {
  readonly wo_id: string;
  readonly lane: string;
  readonly attempt: number;
  readonly index: number;
  readonly step: Step;
  /** How often it was run before in this attempt. */
  readonly tried: number;
}

export type StepEnd = StepFinished | "never ran" | "unknown";

export interface PreparedStep {
  /** To be durable before `go`. */
  readonly started: StepStarted;
  go(): Promise<StepEnd>;
  /** It will not run. */
  drop(): void;
}

/** Starts the command behind its gate. Throws RUNNER_FAILED, and NO_SANDBOX where it must not run without one. */
export async function prepareStep(tools: ExecutorTools, of: StepOf): Promise<PreparedStep> {
  const mark = randomName();
  const relative = `${of.wo_id}/${of.attempt}/${of.index}${of.tried === 0 ? "" : `.${of.tried}`}`;
  const temporary = tools.temporary.make(of.wo_id, of.attempt);
  const sandbox = await tools.sandboxFor(of.lane, temporary);
  const ids = { WO_ID: of.wo_id, WO_LANE: of.lane, WO_ATTEMPT: String(of.attempt), TMPDIR: temporary };
  const prepared = await tools.runner.prepare({
    key: mark,
    argv: of.step.argv,
    cwd: tools.base,
    env: { ...tools.env, ...ids, [MARK_VARIABLE]: mark },
    folder: `${tools.vault.runs}/${relative}`,
    timeoutMs: of.step.timeoutMs ?? tools.limits.timeoutMs,
    graceMs: tools.limits.graceMs,
    outputMaxBytes: tools.limits.outputMaxBytes,
    mark,
    ...(sandbox === undefined ? {} : { sandbox }),
  });
  const started: StepStarted = {
    event: "step_started",
    wo_id: of.wo_id,
    lane: of.lane,
    attempt: of.attempt,
    step: of.index,
    name: of.step.name,
    pid: prepared.process.pid,
    start_time: prepared.process.startTime,
    host_pid: prepared.host.pid,
    host_start_time: prepared.host.startTime,
    boot_id: tools.processes.bootId,
    folder: relative,
    mark,
    grace_ms: tools.limits.graceMs,
    sandboxed: sandbox !== undefined,
  };
  return { started, go: async () => endOf(tools, of, await prepared.go()), drop: () => prepared.drop() };
}

/** Follows a command that an earlier daemon recorded; its processes are gone when this resolves. */
export async function adoptStep(tools: ExecutorTools, of: StepOf, started: StepStarted): Promise<StepEnd> {
  return endOf(tools, of, await tools.runner.adopt(runRecord(tools, started)));
}

/** Ends all that a recorded command left running; resolves when nothing is left. */
export async function endStep(tools: ExecutorTools, started: StepStarted): Promise<void> {
  tools.runner.stop(started.mark);
  await tools.runner.endAll(runRecord(tools, started));
}

function runRecord(tools: ExecutorTools, started: StepStarted): RunRecord {
  return {
    folder: `${tools.vault.runs}/${started.folder}`,
    process: { pid: started.pid, startTime: started.start_time },
    host: { pid: started.host_pid, startTime: started.host_start_time },
    bootId: started.boot_id,
    mark: started.mark,
    graceMs: started.grace_ms,
  };
}

async function endOf(tools: ExecutorTools, of: StepOf, end: RunEnd): Promise<StepEnd> {
  return typeof end === "string" ? end : finished(of, end, await tools.secretRules);
}

function finished(of: StepOf, status: RunStatus, rules: SecretRules): StepFinished {
  const shown = { stdout: excerptOf(status.stdout, rules), stderr: excerptOf(status.stderr, rules) };
  const message = complaint(of.step, status, shown);
  return {
    event: "step_finished",
    wo_id: of.wo_id,
    lane: of.lane,
    attempt: of.attempt,
    step: of.index,
    name: of.step.name,
    kind: of.step.kind,
    ok: message === undefined,
    optional: of.step.optional,
    ...(status.exitCode === undefined ? {} : { exit_code: status.exitCode }),
    ...(status.signal === undefined ? {} : { signal: status.signal }),
    timed_out: status.timedOut,
    leftovers: status.leftovers,
    duration_ms: status.durationMs,
    stdout_bytes: status.stdout.bytes,
    stderr_bytes: status.stderr.bytes,
    stdout_tail: shown.stdout.toWellFormed(),
    stderr_tail: shown.stderr.toWellFormed(),
    ...(message === undefined ? {} : { message: message.toWellFormed() }),
  };
}

/** Why the command did not do what was asked of it; undefined when it did. Quotes only what is `shown` of its output. */
function complaint(
  step: Step,
  status: RunStatus,
  shown: { readonly stdout: string; readonly stderr: string },
): string | undefined {
  if (status.timedOut) return `it took longer than its limit and was ended after ${status.durationMs} ms`;
  if (status.signal !== undefined) return `it was ended by ${status.signal}`;
  if (status.exitCode !== 0) return `exit ${status.exitCode}${lastLine(shown.stderr)}`;
  if (step.expected === undefined) return undefined;
  const { bytes, tail } = status.stdout;
  if (bytes <= Buffer.byteLength(tail) && tail.trim() === step.expected) return undefined;
  return `expected ${JSON.stringify(step.expected)}, got ${JSON.stringify(shown.stdout.trim().slice(-200))}`;
}

function lastLine(text: string): string {
  const line = text.trimEnd().split("\n").at(-1) ?? "";
  return line === "" ? "" : `: ${line.slice(0, 300)}`;
}

/** What a failed step makes of its order. */
export function failureOfStep(end: StepFinished): Failure {
  const failureClass = end.timed_out ? "timeout" : end.kind === "check" ? "check_failed" : "command_failed";
  const code = end.timed_out
    ? "timed_out"
    : end.exit_code === 0
      ? "unexpected_output"
      : (end.signal ?? `exit_${end.exit_code}`);
  return {
    class: failureClass,
    code,
    message: `${end.kind} ${end.step + 1} "${end.name}": ${end.message ?? "failed"}`,
    hint: `wo log ${end.wo_id}`,
  };
}
