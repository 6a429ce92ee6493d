/** A command ends within its limits, with everything that it started; what it prints fits on the disk. */
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { given } from "../../support/results.ts";
import { openRunner, processes, recordOf, run, runOf, statusOf } from "../../support/runs.ts";
import { folderWith, put, temporaryFolder } from "../../support/temporary-folder.ts";

const until = (check: () => boolean) => vi.waitUntil(check, { timeout: 10_000, interval: 5 });
const printed = (folder: string) => readFileSync(join(folder, "stdout.log"), "utf8");

test("a command that takes too long is asked to end, and its end is kept", async () => {
  const text = "trap 'echo bye; exit 3' TERM; echo on; while :; do sleep 0.02; done";
  const status = await run(runOf(text, { timeoutMs: 300 }));

  expect(status).toMatchObject({ exitCode: 3, timedOut: true, stopped: false, leftovers: false });
  expect(status.stdout.tail).toBe("on\nbye\n");
  expect(status.durationMs).toBeGreaterThanOrEqual(300);
});

test("one that does not listen is killed after its grace, with all of its group", async () => {
  const text = "trap '' TERM; (trap '' TERM; while :; do sleep 1; done) & while :; do sleep 1; done";
  const spec = runOf(text, { timeoutMs: 200, graceMs: 100 });
  const prepared = await openRunner().prepare(spec);
  const status = statusOf(await prepared.go());

  expect(status).toMatchObject({ signal: "SIGKILL", timedOut: true });
  expect([processes.isGroupAlive(prepared.process.pid), processes.marked(spec.mark)]).toEqual([false, []]);
});

test("what left the group is ended with it, by its mark", async () => {
  const spec = runOf("setsid sh -c 'trap \"\" TERM; while :; do sleep 1; done' & wait", {
    timeoutMs: 200,
    graceMs: 100,
  });
  const status = await run(spec);

  expect(status.timedOut).toBe(true);
  expect(processes.marked(spec.mark)).toEqual([]);
});

test("what a command leaves behind in its group is ended, and that is said", async () => {
  const spec = runOf("sleep 60 & echo started");
  const status = await run(spec);

  expect(status).toMatchObject({ exitCode: 0, leftovers: true, timedOut: false, stdout: { tail: "started\n" } });
  expect(processes.marked(spec.mark)).toEqual([]);
});

test("a command that is stopped says so, and is not called too slow", async () => {
  const runner = openRunner();
  const spec = runOf("echo on; sleep 60");
  const end = (await runner.prepare(spec)).go();
  await until(() => printed(spec.folder) === "on\n");
  runner.stop(spec.key);

  expect(statusOf(await end)).toMatchObject({ signal: "SIGTERM", stopped: true, timedOut: false, leftovers: false });
});

test("stopping one command leaves the others alone", async () => {
  const runner = openRunner();
  const cwd = temporaryFolder();
  const [one, other] = [runOf("sleep 60"), runOf("until [ -e go-on ]; do sleep 0.01; done", { cwd })];
  const ends = [(await runner.prepare(one)).go(), (await runner.prepare(other)).go()];
  runner.stop(one.key);
  runner.stop("nobody");
  await ends[0];
  put(join(cwd, "go-on"), "");

  expect((await Promise.all(ends)).map((end) => statusOf(end).stopped)).toEqual([true, false]);
});

test("a command that is stopped behind its gate runs nothing, and nobody waits for it", async () => {
  const runner = openRunner();
  const spec = runOf("echo ran");
  const prepared = await runner.prepare(spec);
  runner.stop(spec.key);

  // Its end may come before or behind the word that lets it go.
  expect(["never ran", expect.objectContaining({ stopped: true })]).toContainEqual(await prepared.go());
  expect(printed(spec.folder)).toBe("");
});

test("output is cut in its middle, and the status says so", async () => {
  const all = Array.from({ length: 3000 }, (_, index) => `line ${index}\n`).join("");
  const cwd = folderWith({ all });
  // In one write: what is printed in the very moment of a cut is not counted.
  const spec = runOf("cat all", { cwd, outputMaxBytes: 1000 });
  const status = await run(spec);

  expect(status.stdout).toMatchObject({ bytes: all.length, cut: true });
  expect(printed(spec.folder)).toBe(
    `${all.slice(0, 500)}\n... ${all.length - 1000} bytes left out ...\n${all.slice(-500)}`,
  );
});

test("what a command prints is cut while it still runs: the disk does not fill", async () => {
  const cwd = temporaryFolder();
  const text = "yes | head -c 20000000; touch printed; until [ -e go-on ]; do sleep 0.01; done; echo the end";
  const spec = runOf(text, { cwd, outputMaxBytes: 2000 });
  const end = (await openRunner().prepare(spec)).go();
  await until(() => existsSync(join(cwd, "printed")) && printed(spec.folder).length <= 2000);
  put(join(cwd, "go-on"), "");

  const { stdout } = statusOf(await end);
  expect(stdout).toMatchObject({ bytes: 20_000_008, cut: true });
  expect(stdout.tail.endsWith("y\nthe end\n")).toBe(true);
});

test("all that a recorded run left is ended by the next daemon", async () => {
  const spec = runOf("sleep 60 & setsid sleep 60 & sleep 60");
  const first = openRunner();
  const prepared = await first.prepare(spec);
  void prepared.go();
  await until(() => processes.marked(spec.mark).length >= 4);

  expect(await openRunner().endAll(recordOf(spec, prepared))).toBe(true);
  expect([processes.isGroupAlive(prepared.process.pid), processes.marked(spec.mark)]).toEqual([false, []]);
});

test("the group of another process that got the number by now is left alone", async () => {
  const other = spawn("/bin/sleep", ["30"], { detached: true, stdio: "ignore" });
  onTestFinished(() => void other.kill("SIGKILL"));
  const pid = given(other.pid);
  const [process, host] = [
    { pid, startTime: "1" },
    { pid: 1, startTime: "0" },
  ];
  const { bootId } = processes;

  expect(await openRunner().endAll({ folder: "/none", process, host, bootId, mark: "nobody", graceMs: 200 })).toBe(
    true,
  );
  expect(processes.isGroupAlive(pid)).toBe(true);
});

test("a run whose host still lives is followed until it ends, one that has ended is read", async () => {
  const spec = runOf("exit 9");
  const runner = openRunner();
  const prepared = await runner.prepare(spec);
  const adopted = runner.adopt(recordOf(spec, prepared));
  await prepared.go();

  expect(await adopted).toMatchObject({ exitCode: 9 });
  expect(await openRunner().adopt({ ...recordOf(spec, prepared), bootId: "an earlier boot" })).toMatchObject({
    exitCode: 9,
  });
});
