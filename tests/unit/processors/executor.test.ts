/** A command did what was asked when it ended by itself with exit 0 and the output that was named; else it says why not. */
import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import type { Step } from "../../../src/orders/order.ts";
import type { RunSpec, RunStatus } from "../../../src/platform/run-protocol.ts";
import type { RunEnd, Runner, RunRecord } from "../../../src/platform/runner.ts";
import { loadSecretRules } from "../../../src/platform/secrets.ts";
import {
  adoptStep,
  type ExecutorTools,
  endStep,
  failureOfStep,
  prepareStep,
  type StepEnd,
} from "../../../src/processors/executor.ts";
import { TemporaryFolders } from "../../../src/processors/temporary-folders.ts";
import type { StepFinished } from "../../../src/records/events.ts";
import { Vault } from "../../../src/records/vault.ts";
import { stepFinished, stepStarted } from "../../support/events.ts";
import { realFiles } from "../../support/ledger-kit.ts";
import { processes } from "../../support/runs.ts";
import { GITHUB_TOKEN } from "../../support/secrets.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const STEP: Step = {
  name: "a step",
  kind: "command",
  when: "normal",
  argv: ["bash", "-c", "x"],
  at: [],
  optional: false,
};
const printed = (tail: string, bytes = Buffer.byteLength(tail)) => ({ bytes, cut: false, tail });

const BOX = { program: "bwrap", writable: [], readOnly: [], pinned: [], hidden: [], hosts: [] };

function statusWith(bend: Partial<RunStatus> = {}): RunStatus {
  const flags = { timedOut: false, stopped: false, leftovers: false };
  return {
    v: 1,
    ...("signal" in bend ? {} : { exitCode: 0 }),
    ...flags,
    durationMs: 5,
    stdout: printed(""),
    stderr: printed(""),
    ...bend,
  };
}

/** Tools whose runner writes down what it is told, and ends every run like this. */
function tools(end: RunEnd) {
  const [specs, stopped, records]: [RunSpec[], string[], RunRecord[]] = [[], [], []];
  const follow = async (record: RunRecord) => {
    records.push(record);
    return end;
  };
  const runner: Runner = {
    prepare: async (spec) => {
      specs.push(spec);
      return {
        process: { pid: 5, startTime: "55" },
        host: { pid: 4, startTime: "44" },
        go: async () => end,
        drop: () => stopped.push("dropped"),
      };
    },
    stop: (key) => stopped.push(key),
    adopt: follow,
    endAll: async (record) => (await follow(record)) === end,
    close: () => undefined,
  };
  const limits = { timeoutMs: 1000, graceMs: 50, outputMaxBytes: 99 };
  const env = { PATH: "/bin", WO_ID: "not this one" };
  const temporary = new TemporaryFolders({
    files: realFiles,
    root: temporaryFolder(),
    baseId: "x",
    userId: process.getuid?.() ?? 0,
  });
  const vault = new Vault(realFiles, "/vault");
  const made: ExecutorTools = {
    runner,
    processes,
    vault,
    base: "/base",
    env,
    limits,
    temporary,
    secretRules: loadSecretRules(),
    sandboxFor: async (lane) => (lane === "BOX" ? BOX : undefined),
  };
  return { made, specs, stopped, records };
}

const of = (step: Partial<Step> = {}) => ({
  wo_id: "WO-1",
  lane: "CLC",
  attempt: 2,
  index: 3,
  tried: 0,
  step: { ...STEP, ...step },
});

async function endOf(status: RunEnd, step: Partial<Step> = {}): Promise<StepEnd> {
  return (await prepareStep(tools(status).made, of(step))).go();
}

test("a command gets its words, its folder, its limits, and an environment that says whose it is", async () => {
  const { made, specs } = tools(statusWith());
  const { started } = await prepareStep(made, of());

  const [spec] = specs;
  const mark = spec?.mark ?? "";
  const TMPDIR = spec?.env["TMPDIR"] ?? "";
  const env = { PATH: "/bin", WO_ID: "WO-1", WO_LANE: "CLC", WO_ATTEMPT: "2", WO_MARK: mark, TMPDIR };
  expect(existsSync(TMPDIR)).toBe(true);
  expect(spec).toEqual({
    key: mark,
    argv: STEP.argv,
    cwd: "/base",
    env,
    folder: "/vault/runs/WO-1/2/3",
    timeoutMs: 1000,
    graceMs: 50,
    outputMaxBytes: 99,
    mark,
  });
  const process = { pid: 5, start_time: "55", host_pid: 4, host_start_time: "44", boot_id: processes.bootId };
  expect(started).toMatchObject({
    ...process,
    wo_id: "WO-1",
    attempt: 2,
    step: 3,
    folder: "WO-1/2/3",
    mark,
    grace_ms: 50,
    sandboxed: false,
  });
});

test("a command whose lane has a sandbox gets it, and its record says so", async () => {
  const { made, specs } = tools(statusWith());
  const { started } = await prepareStep(made, { ...of(), lane: "BOX" });
  expect([specs[0]?.sandbox, started.sandboxed]).toEqual([BOX, true]);
});

test("a step's own time limit takes the place of the lane's, and every run has its own mark", async () => {
  const { made, specs } = tools(statusWith());
  await prepareStep(made, of({ timeoutMs: 7 }));
  await prepareStep(made, of());

  expect(specs.map(({ timeoutMs }) => timeoutMs)).toEqual([7, 1000]);
  expect(new Set(specs.map(({ mark }) => mark)).size).toBe(2);
});

test.each<[string, Partial<RunStatus>, Partial<Step>, string | undefined]>([
  ["exit 0", {}, {}, undefined],
  ["exit 0 with any output", { stdout: printed("x") }, {}, undefined],
  ["exit 1", { exitCode: 1 }, {}, "exit 1"],
  ["exit 2 with words", { exitCode: 2, stderr: printed("first\nno such file\n\n") }, {}, "exit 2: no such file"],
  ["a signal", { signal: "SIGSEGV" }, {}, "it was ended by SIGSEGV"],
  [
    "its time limit",
    { signal: "SIGKILL", timedOut: true },
    {},
    "it took longer than its limit and was ended after 5 ms",
  ],
  [
    "its time limit, though it exited with 0",
    { timedOut: true },
    {},
    "it took longer than its limit and was ended after 5 ms",
  ],
  ["the output that was named", { stdout: printed(" 42\n") }, { expected: "42" }, undefined],
  ["no output, as was named", { stdout: printed("\n") }, { expected: "" }, undefined],
  ["another output", { stdout: printed("41\n") }, { expected: "42" }, 'expected "42", got "41"'],
  [
    "more than the output that was named",
    { stdout: printed("42 43") },
    { expected: "42" },
    'expected "42", got "42 43"',
  ],
  [
    "an output that only ends as was named",
    { stdout: printed("42", 5000) },
    { expected: "42" },
    'expected "42", got "42"',
  ],
  ["the output that was named, and exit 1", { exitCode: 1, stdout: printed("42") }, { expected: "42" }, "exit 1"],
])("a command that ended by %s", async (_what, status, step, message) => {
  expect(await endOf(statusWith(status), step)).toMatchObject({ ok: message === undefined });
  expect(await endOf(statusWith(status), step)).toSatisfy((end: StepFinished) => end.message === message);
});

test("what happened is told in full, whether it was asked for or not", async () => {
  const status = statusWith({ signal: "SIGTERM", leftovers: true, stdout: printed("o", 10), stderr: printed("e", 20) });

  expect(await endOf(status, { optional: true, kind: "check" })).toMatchObject({
    event: "step_finished",
    kind: "check",
    ok: false,
    optional: true,
    signal: "SIGTERM",
    leftovers: true,
    stdout_bytes: 10,
    stderr_bytes: 20,
    stdout_tail: "o",
    stderr_tail: "e",
  });
});

test("no secret that a command printed is in what is told of it, and what is expected is compared with what it printed", async () => {
  const stdout = printed(`${GITHUB_TOKEN}\n`);
  const failed = await endOf(statusWith({ exitCode: 1, stdout, stderr: printed(`bad token ${GITHUB_TOKEN}\n`) }));
  expect(failed).toMatchObject({ ok: false, message: `exit 1: bad token ${"*".repeat(40)}` });
  expect(JSON.stringify(failed)).not.toContain(GITHUB_TOKEN);
  expect(await endOf(statusWith({ stdout }), { expected: GITHUB_TOKEN })).toMatchObject({ ok: true });
  const other = await endOf(statusWith({ stdout }), { expected: "42" });
  expect(other).toMatchObject({ ok: false, message: `expected "42", got "${"*".repeat(40)}"` });
  const adopted = await adoptStep(tools(statusWith({ stdout })).made, of(), stepStarted());
  expect(JSON.stringify(adopted)).not.toContain(GITHUB_TOKEN);
});

test("output that was cut inside of a character can be recorded", async () => {
  const end = await endOf(statusWith({ exitCode: 1, stdout: printed("\udc00x"), stderr: printed("\ud800") }));

  expect(JSON.stringify(end).isWellFormed() && !JSON.stringify(end).includes("\\ud")).toBe(true);
});

test.each(["never ran", "unknown"] as const)("an end that is %s stays that", async (end) => {
  expect(await endOf(end)).toBe(end);
  expect(await adoptStep(tools(end).made, of(), stepStarted())).toBe(end);
});

test("what is dropped is dropped", async () => {
  const { made, stopped } = tools(statusWith());
  (await prepareStep(made, of())).drop();

  expect(stopped).toEqual(["dropped"]);
});

test("a recorded command is found again by what was recorded, followed or ended", async () => {
  const { made, records, stopped } = tools(statusWith({ exitCode: 4 }));
  const end = await adoptStep(made, of(), stepStarted());
  await endStep(made, stepStarted());

  const host = { pid: 1233, startTime: "98" };
  const record = {
    folder: "/vault/runs/WO-1/1/0",
    process: { pid: 1234, startTime: "99" },
    host,
    bootId: "boot",
    mark: "mark",
    graceMs: 5000,
  };
  expect([records, stopped]).toEqual([[record, record], ["mark"]]);
  expect(end).toMatchObject({ exit_code: 4, ok: false });
});

test.each<[Partial<StepFinished>, string, string]>([
  [{ exit_code: 3 }, "command_failed", "exit_3"],
  [{ kind: "check", exit_code: 3 }, "check_failed", "exit_3"],
  [{ kind: "check", exit_code: 0 }, "check_failed", "unexpected_output"],
  [{ signal: "SIGKILL" }, "command_failed", "SIGKILL"],
  [{ kind: "check", exit_code: 0, timed_out: true }, "timeout", "timed_out"],
])("a step that ended with %j fails its order as %s, %s", (bend, failureClass, code) => {
  const { exit_code: _exitCode, ...finished } = stepFinished({ ok: false, message: "why" });
  const failure = failureOfStep({ ...finished, ...bend });

  const message = `${bend.kind ?? "command"} 1 "a step": why`;
  expect(failure).toEqual({ class: failureClass, code, message, hint: "wo log WO-1" });
});
