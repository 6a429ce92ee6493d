/**
 * Commands without a sandbox: when they run, what they get, how they are judged, how they end, and what becomes of them
 * without a daemon. With one: sandbox.test.ts.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import {
  failureOf,
  isRunning,
  linesTold,
  pidsIn,
  running,
  told,
  unconfinedWorld,
  valueIn,
} from "../support/line-kit.ts";
import { exited, type JsonLine, until, type World } from "../support/world.ts";

/** A command that says its process id in `pids`, waits for the file `go`, and leaves one line in `effects.txt`. */
const PATIENT = "echo $$ >> pids; while ! test -f go; do sleep 0.05; done; echo ran >> effects.txt";

/** Drops an order with the patient command and waits until it runs. */
async function patient(world: World, more: object = {}): Promise<void> {
  world.drop("CLC", "one.json", running("WO-1", PATIENT, more));
  await until(() => pidsIn(world, "pids").length > 0, 10_000, "the command runs");
}

function outputOf(world: World, file: string): string {
  return readFileSync(join(world.vault, "runs", "WO-1", "1", "0", file), "utf8");
}

test("files come first, then steps, then checks, whatever their order in the file", async () => {
  const world = await unconfinedWorld();
  world.drop("CLC", "one.json", {
    tests: [{ name: "t", command: "echo test >> log" }],
    post_verify: ["echo verify >> log"],
    steps: [{ run: "cat made.txt > log" }, { run: "echo second >> log" }],
    files: [{ path: "made.txt", content: "file\n" }],
    wo_id: "WO-1",
  });
  await world.reaches("WO-1", "done");
  expect(world.read("log")).toBe("file\nsecond\nverify\ntest\n");
});

test("a command runs in the base with a minimal environment, nothing of the daemon's own in it", async () => {
  const world = await unconfinedWorld("commands: {env: {EXTRA: given}}\n");
  await world.killAll();
  await world.startDaemon({ env: { SECRET_TOKEN: "s3cret", NODE_OPTIONS: "--no-warnings" } });
  world.drop("CLC", "one.json", running("WO-1", "pwd > where; env > env.txt; cat > input"));
  await world.reaches("WO-1", "done");
  expect(world.read("where")).toBe(`${world.base}\n`);
  expect(world.read("input")).toBe("");
  const pairs = (world.read("env.txt") ?? "")
    .trim()
    .split("\n")
    .map((line) => line.split("=", 2));
  const env = Object.fromEntries(pairs.map(([name = "", value = ""]) => [name, value]));
  const ours = {
    HOME: world.home,
    LUKA_SOT: world.base,
    WO_ID: "WO-1",
    WO_LANE: "CLC",
    WO_ATTEMPT: "1",
    EXTRA: "given",
  };
  expect(env).toMatchObject(ours);
  const known = new Set([...Object.keys(ours), ..."PATH USER LOGNAME SHELL TMPDIR LANG PWD OLDPWD SHLVL _".split(" ")]);
  expect(Object.keys(env).filter((name) => !known.has(name))).toEqual([expect.stringMatching(/^WO_/)]);
});

const failed = (failureClass: string, code: string, message = "") => ({
  event: "wo_failed",
  class: failureClass,
  code,
  message: expect.stringContaining(message),
});

const ENDS = [
  [{ tests: [{ command: "echo '  yes  '", expected: "yes" }] }, { event: "wo_completed" }],
  [{ tests: [{ command: "echo 42", expected: 42 }] }, { event: "wo_completed" }],
  [{ tests: [{ command: "echo no", expected: "yes" }] }, failed("check_failed", "unexpected_output", "no")],
  [{ post_verify: ["exit 3"] }, failed("check_failed", "exit_3")],
  [{ steps: [{ run: "echo why >&2; exit 4" }] }, failed("command_failed", "exit_4", "why")],
  [{ steps: [{ run: "no-such-program" }] }, failed("command_failed", "exit_127", "no-such-program")],
  [{ steps: [{ run: "kill -9 $$" }] }, failed("command_failed", "SIGKILL")],
  [{ steps: [{ run: "exit 1", optional: true }, { run: "true" }] }, { event: "wo_completed", optional_failures: 1 }],
] as const;

test("exit code, signal and expected output decide how an order ends, and the failure names its class", async () => {
  const world = await unconfinedWorld();
  for (const [index, [order]] of ENDS.entries()) world.drop("CLC", `${index}.json`, { wo_id: `WO-${index}`, ...order });
  for (const index of ENDS.keys()) await told(world, `WO-${index}`, "wo_settled");
  const isEnd = (line: JsonLine) => /^wo_(?:completed|failed)$/.test(String(line["event"]));
  const ends = linesTold(world)
    .filter(isEnd)
    .toSorted((a, b) => String(a["wo_id"]).localeCompare(String(b["wo_id"])));
  expect(ends).toEqual(ENDS.map(([, end]) => expect.objectContaining(end)));
});

test("what stands behind a failed step is not run, and what it applied stays", async () => {
  const world = await unconfinedWorld();
  const files = [{ path: "made.txt", content: "made" }];
  const steps = [{ run: "echo one >> log" }, { run: "false" }, { run: "echo three >> log" }];
  world.drop("CLC", "one.json", { wo_id: "WO-1", files, steps, post_verify: ["echo check >> log"] });
  expect(await failureOf(world, "WO-1")).toMatchObject({ message: 'command 2 "false": exit 1' });
  expect([world.read("log"), world.read("made.txt")]).toEqual(["one\n", "made"]);
});

test("a time limit ends the whole group of the command", async () => {
  const world = await unconfinedWorld("commands: {graceMs: 100}\n");
  const family = "sh -c 'echo $$ >> pids; trap \"\" TERM; while :; do sleep 0.1; done' & echo $$ >> pids; wait";
  world.drop("CLC", "one.json", { wo_id: "WO-1", steps: [{ run: family, timeout: "500ms" }] });
  expect(await failureOf(world, "WO-1")).toMatchObject({ class: "timeout", code: "timed_out" });
  expect(pidsIn(world, "pids")).toHaveLength(2);
  expect(pidsIn(world, "pids").filter(isRunning)).toEqual([]);
});

test("what a command leaves running behind it is ended, and the order says so", async () => {
  const world = await unconfinedWorld("commands: {graceMs: 100}\n");
  world.drop("CLC", "one.json", running("WO-1", "sleep 60 >/dev/null 2>&1 & echo $! > pids"));
  await world.reaches("WO-1", "done");
  expect(await told(world, "WO-1", "step_finished")).toMatchObject({ leftovers: true });
  expect(pidsIn(world, "pids").filter(isRunning)).toEqual([]);
});

test("output beyond its limit loses its middle on disk, and the record tells how much there was", async () => {
  const world = await unconfinedWorld("commands: {outputMaxBytes: 4096}\n");
  world.drop("CLC", "one.json", running("WO-1", "echo HEAD; head -c 100000 /dev/zero | tr '\\0' x; echo; echo TAIL"));
  await world.reaches("WO-1", "done");
  expect(await told(world, "WO-1", "step_finished")).toMatchObject({ stdout_bytes: 100_011 });
  const text = outputOf(world, "stdout.log");
  expect(text).toMatch(/^HEAD\nx+\n\.\.\. 95915 bytes left out \.\.\.\nx+\nTAIL\n$/);
  expect(text.length).toBeLessThan(4200);
});

test("the log of a failed order shows what its command printed", async () => {
  const world = await unconfinedWorld();
  world.drop("CLC", "one.json", running("WO-1", "echo to-out; echo to-err >&2; exit 1"));
  await failureOf(world, "WO-1");
  const { stdout } = await world.wo("log", "WO-1");
  expect(stdout).toContain("stdout | to-out");
  expect(stdout).toContain("stderr | to-err");
  expect([outputOf(world, "stdout.log"), outputOf(world, "stderr.log")]).toEqual(["to-out\n", "to-err\n"]);
});

test("a command goes on when its daemon is killed, is adopted by the next one, and by the one after that", async () => {
  const world = await unconfinedWorld();
  await patient(world, { tests: [{ command: "cat effects.txt", expected: "ran" }] });
  await world.killAll();
  await world.startDaemon();
  await world.killAll();
  expect(pidsIn(world, "pids").filter(isRunning)).toHaveLength(1);
  await world.startDaemon();
  world.write("go", "");
  await world.reaches("WO-1", "done");
  expect(world.read("effects.txt")).toBe("ran\n");
  expect(pidsIn(world, "pids")).toHaveLength(1);
  await told(world, "WO-1", "wo_completed");
  expect(linesTold(world).filter(({ event }) => event === "step_finished")).toHaveLength(2);
});

test("the end of a command that finished while no daemon was there is taken as it was", async () => {
  const world = await unconfinedWorld();
  await patient(world);
  await world.killAll();
  world.write("go", "");
  const status = join(world.vault, "runs", "WO-1", "1", "0", "status.json");
  await until(() => existsSync(status), 10_000, "its end is written");
  await world.startDaemon();
  await world.reaches("WO-1", "done");
  expect(world.read("effects.txt")).toBe("ran\n");
  expect(pidsIn(world, "pids")).toHaveLength(1);
});

/** As after a power cut: the daemon and the runner host are gone, the command is not. */
async function loseSight(world: World): Promise<void> {
  const started = await told(world, "WO-1", "step_started");
  await world.killAll();
  process.kill(Number(valueIn(started, "host_pid")), "SIGKILL");
}

test("an order whose command was lost sight of fails, and none of its processes is left", async () => {
  const world = await unconfinedWorld("commands: {graceMs: 100}\n");
  await patient(world);
  await loseSight(world);
  expect(pidsIn(world, "pids").filter(isRunning)).toHaveLength(1);
  await world.startDaemon();
  const failure = await failureOf(world, "WO-1");
  expect(failure).toMatchObject({ class: "interrupted", hint: expect.stringContaining("wo retry WO-1") });
  expect(pidsIn(world, "pids").filter(isRunning)).toEqual([]);
  expect(world.read("effects.txt")).toBeUndefined();
});

test("with on_interrupt: retry such an order begins anew once the old command is gone", async () => {
  const world = await unconfinedWorld("commands: {graceMs: 100}\n");
  await patient(world, { on_interrupt: "retry" });
  await loseSight(world);
  await world.startDaemon();
  await until(() => pidsIn(world, "pids").length === 2, 10_000, "it runs again");
  const [first = 0, second = 0] = pidsIn(world, "pids");
  expect([isRunning(first), isRunning(second)]).toEqual([false, true]);
  world.write("go", "");
  await world.reaches("WO-1", "done");
  expect(world.read("effects.txt")).toBe("ran\n");
  expect(await told(world, "WO-1", "wo_completed")).toMatchObject({ attempt: 2 });
});

test("a stop waits for the command that runs, begins no other one, and the next daemon goes on with it", async () => {
  const world = await unconfinedWorld("stopBudgetMs: 20000\n");
  await world.killAll();
  const daemon = await world.startDaemon();
  // It goes on for a moment: a daemon that has just been told to stop may still be about to hear it.
  const slow = PATIENT.replace("; echo ran", "; sleep 1; echo ran");
  world.drop("CLC", "one.json", running("WO-1", slow, { post_verify: ["echo checked >> effects.txt"] }));
  await until(() => pidsIn(world, "pids").length > 0, 10_000, "the command runs");
  world.drop("CLC", "two.json", running("WO-2", "echo second >> effects.txt"));
  await world.reaches("WO-2", "pending");
  daemon.kill("SIGTERM");
  world.write("go", "");
  await exited(daemon);
  expect([daemon.exitCode, world.read("effects.txt")]).toEqual([0, "ran\n"]);
  await world.startDaemon();
  await world.reaches("WO-2", "done");
  expect(world.read("effects.txt")).toBe("ran\nchecked\nsecond\n");
});

test("orders of other lanes go on beside a long command, orders of its own lane wait", async () => {
  const world = await unconfinedWorld();
  await patient(world);
  world.drop("OTHER", "two.json", running("WO-2", "echo other >> other.txt"));
  world.drop("CLC", "three.json", running("WO-3", "echo third >> effects.txt"));
  await world.reaches("WO-2", "done");
  expect([world.read("other.txt"), world.read("effects.txt")]).toEqual(["other\n", undefined]);
  world.write("go", "");
  await world.reaches("WO-3", "done");
  expect(world.read("effects.txt")).toBe("ran\nthird\n");
});

test("a stop takes no longer than its budget, and a command goes on without its daemon until somebody cancels it", async () => {
  const world = await unconfinedWorld("stopBudgetMs: 300\n");
  await world.killAll();
  const daemon = await world.startDaemon();
  await patient(world);
  const startMs = Date.now();
  daemon.kill("SIGTERM");
  await exited(daemon);
  expect(Date.now() - startMs).toBeLessThan(5000);
  expect(daemon.exitCode).toBe(0);
  expect(pidsIn(world, "pids").filter(isRunning)).toHaveLength(1);
  await world.startDaemon();
  expect((await world.wo("cancel", "WO-1")).code).toBe(0);
  await world.reaches("WO-1", "canceled");
  expect(pidsIn(world, "pids").filter(isRunning)).toEqual([]);
});
