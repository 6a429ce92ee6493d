/** A command is born behind a gate, runs once it is let go, and is followed to its end, whoever dies meanwhile. */
import { existsSync, readFileSync, rmSync, watch } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { expect, onTestFinished, test, vi } from "vitest";
import { parseJson } from "../../../src/platform/result.ts";
import { GO_LINE, isRunStatus, type RunStatus } from "../../../src/platform/run-protocol.ts";
import { HandClock } from "../../support/hand-clock.ts";
import { thrownBy } from "../../support/results.ts";
import { openRunner, processes, recordOf, run, runOf, statusOf } from "../../support/runs.ts";
import { folderWith, put, temporaryFolder, treeOf } from "../../support/temporary-folder.ts";

const until = (check: () => boolean) => vi.waitUntil(check, { timeout: 10_000, interval: 5 });
const statusFile = (folder: string) => parseJson(readFileSync(join(folder, "status.json"), "utf8"));

test("a command that was let go leaves its output, its end, and a word that it was let go", async () => {
  const spec = runOf("echo hello; echo oh >&2; exit 3");
  const status = await run(spec);

  const flags = { v: 1, timedOut: false, stopped: false, leftovers: false };
  const stdout = { bytes: 6, cut: false, tail: "hello\n" };
  expect(status).toMatchObject({ ...flags, exitCode: 3, stdout, stderr: { bytes: 3, cut: false, tail: "oh\n" } });
  await until(() => existsSync(join(spec.folder, "status.json")));
  expect(treeOf(spec.folder)).toEqual({
    "run.log": JSON.stringify(spec.argv) + GO_LINE,
    "stdout.log": "hello\n",
    "stderr.log": "oh\n",
    "status.json": `${JSON.stringify(status)}\n`,
  });
});

test("a command has the environment and the folder that were named, no input, and nothing else", async () => {
  const cwd = temporaryFolder();
  const spec = runOf("", { argv: ["/usr/bin/env"], cwd });
  const inShell = await run(
    runOf("pwd; cat", { cwd, env: { PATH: "/usr/bin:/bin", WO_MARK: "x", A: "it's $HOME\n" } }),
  );
  const status = await run({ ...spec, env: { ...spec.env, A: "it's $HOME" } });

  const own = status.stdout.tail.split("\n").filter((line) => line !== "" && !/^(PWD|OLDPWD|SHLVL|_)=/.test(line));
  expect(own.toSorted()).toEqual(["A=it's $HOME", "PATH=/usr/bin:/bin", `WO_MARK=${spec.mark}`]);
  expect(inShell.stdout.tail).toBe(`${cwd}\n`);
});

test("any words reach the command as they are", async () => {
  const word = fc.oneof(
    fc.string({ unit: "grapheme" }),
    fc.constantFrom("'", "\\", "$(id)", "`id`", "a\nb", "-n", "*", ""),
  );
  const words = fc.array(
    word.filter((text) => !text.includes("\0")),
    { minLength: 1, maxLength: 5 },
  );
  await fc.assert(
    fc.asyncProperty(words, async (argv) => {
      const spec = runOf("", { argv: ["/usr/bin/printf", "<%s>", ...argv] });
      const status = await run(spec);
      expect(readFileSync(join(spec.folder, "stdout.log"), "utf8")).toBe(argv.map((one) => `<${one}>`).join(""));
      expect(status.exitCode).toBe(0);
    }),
    { numRuns: 15 },
  );
});

test.each<[string, Partial<ReturnType<typeof runOf>>, number, RegExp]>([
  ["a program that is not there", { argv: ["/no/such/program"] }, 127, /no\/such\/program/],
  ["a file that is no program", { argv: ["/etc/passwd"] }, 126, /passwd/],
  ["a folder that is not there", { cwd: "/no/such/folder" }, 125, /no\/such\/folder/],
])("%s is told by exit code and standard error", async (_what, bend, exitCode, message) => {
  const status = await run(runOf("echo ran", bend));

  expect(status).toMatchObject({ exitCode, stdout: { bytes: 0 } });
  expect(status.stderr.tail).toMatch(message);
});

test("a command that a signal ended says which", async () => {
  const status = await run(runOf("kill -9 $$"));

  expect(status).toMatchObject({ signal: "SIGKILL", timedOut: false, stopped: false });
  expect(status).not.toHaveProperty("exitCode");
});

test("several commands run at once, each in a group of its own", async () => {
  const runner = openRunner();
  const prepared = await Promise.all(["a", "b", "c"].map((text) => runner.prepare(runOf(`echo ${text}`))));
  const ends = await Promise.all(prepared.map((one) => one.go()));

  expect(ends.map((end) => statusOf(end).stdout.tail)).toEqual(["a\n", "b\n", "c\n"]);
  expect(new Set(prepared.map(({ process }) => process.pid)).size).toBe(3);
  expect(new Set(prepared.map(({ host }) => host.pid)).size).toBe(1);
});

test("a command whose folder cannot be made is refused, and the next one runs", async () => {
  const runner = openRunner();
  const thrown = await thrownBy(() =>
    runner.prepare(runOf("x", { folder: join(folderWith({ file: "x" }), "file/run") })),
  );

  expect(thrown).toMatchObject({ code: "DISK_REFUSED" });
  expect(statusOf(await (await runner.prepare(runOf("exit 0"))).go()).exitCode).toBe(0);
});

test("the end of a command gets its name in one rename: nobody reads half of it", async ({ skip }) => {
  if (process.platform !== "linux") skip("only Linux tells a rename from a write");
  const spec = runOf("echo x");
  const runner = openRunner();
  const prepared = await runner.prepare(spec);
  const events: string[] = [];
  const watcher = watch(spec.folder, (event, name) => events.push(`${event} ${name}`));
  onTestFinished(() => watcher.close());
  await prepared.go();

  await until(() => events.includes("rename status.json"));
  expect(events).not.toContain("change status.json");
  expect(isRunStatus(statusFile(spec.folder))).toBe(true);
});

test("a command that was dropped never ran", async () => {
  const spec = runOf("echo ran > ran");
  const prepared = await openRunner().prepare(spec);
  prepared.drop();

  await until(() => !processes.isAlive(prepared.process));
  expect(treeOf(spec.folder)).toEqual({ "run.log": JSON.stringify(spec.argv), "stdout.log": "", "stderr.log": "" });
  expect(await prepared.go()).toBe("never ran");
});

test("a daemon that dies before it lets go leaves a gate that runs nothing, and a host that leaves", async () => {
  const cwd = temporaryFolder();
  const spec = runOf("touch ran", { cwd });
  const runner = openRunner();
  const prepared = await runner.prepare(spec);
  runner.close();

  await until(() => !processes.isAlive(prepared.process) && !processes.isAlive(prepared.host));
  expect(treeOf(cwd)).toEqual({});
  expect(await openRunner().adopt(recordOf(spec, prepared))).toBe("never ran");
});

test("a command outlives the daemon that started it, and the next daemon reads its end", async () => {
  const cwd = temporaryFolder();
  const spec = runOf("until [ -e go-on ]; do sleep 0.01; done; echo done; exit 4", { cwd });
  const first = openRunner();
  const prepared = await first.prepare(spec);
  void prepared.go();
  await until(() => readFileSync(join(spec.folder, "run.log"), "utf8").endsWith(GO_LINE));
  first.close();

  const end = openRunner().adopt(recordOf(spec, prepared));
  expect(processes.isAlive(prepared.host)).toBe(true);
  put(join(cwd, "go-on"), "");

  expect(await end).toMatchObject({ exitCode: 4, stdout: { tail: "done\n" } });
  await until(() => !processes.isAlive(prepared.host));
});

test("a host that dies takes the gate's word with it: prepared never ran, let go is unknown", async () => {
  const runner = openRunner();
  const [waits, runs] = [runOf("echo never"), runOf("sleep 60")];
  const [waiting, running] = [await runner.prepare(waits), await runner.prepare(runs)];
  const end = running.go();
  await until(() => readFileSync(join(runs.folder, "run.log"), "utf8").endsWith(GO_LINE));
  processes.signal(running.host.pid, "SIGKILL");

  expect(await end).toBe("unknown");
  expect(await waiting.go()).toBe("never ran");
  expect(await runner.adopt(recordOf(runs, running))).toBe("unknown");
  expect(await runner.adopt(recordOf(waits, waiting))).toBe("never ran");
  expect(processes.marked(runs.mark)).toEqual([]);
});

test("a runner remembers how its own runs ended, whatever becomes of their files", async () => {
  const runner = openRunner();
  const spec = runOf("exit 5");
  const prepared = await runner.prepare(spec);
  await prepared.go();
  await until(() => existsSync(join(spec.folder, "status.json")));
  rmSync(spec.folder, { recursive: true });

  expect(await runner.adopt(recordOf(spec, prepared))).toMatchObject({ exitCode: 5 });
});

test("after its host has died a runner starts another", async () => {
  const runner = openRunner();
  const first = await runner.prepare(runOf("echo"));
  processes.signal(first.host.pid, "SIGKILL");
  await until(() => !processes.isAlive(first.host));
  await first.go();

  const second = await runner.prepare(runOf("exit 0"));
  expect(second.host).not.toEqual(first.host);
  expect(statusOf(await second.go()).exitCode).toBe(0);
});

test("of an earlier boot nothing is alive: what has no end is unknown, and nobody is signalled", async () => {
  const spec = runOf("sleep 60");
  const prepared = await openRunner().prepare(spec);
  const record = { ...recordOf(spec, prepared), bootId: "an earlier boot" };

  expect(await openRunner().adopt(record)).toBe("unknown");
  expect(await openRunner().endAll(record)).toBe(true);
  expect(processes.isAlive(prepared.process)).toBe(true);
});

test("a host without work is let go after a while, and not while it has some", async () => {
  const clock = new HandClock();
  const runner = openRunner({ clock });
  const first = await runner.prepare(runOf("exit 0"));
  const waiting = await runner.prepare(runOf("exit 0"));
  await first.go();
  await clock.pass(120_000);
  expect(statusOf(await waiting.go()).exitCode).toBe(0);
  await clock.pass(60_000);

  await until(() => !processes.isAlive(first.host));
});

test("a host that has been told to end goes on: its commands end by their daemon's word", async () => {
  const runner = openRunner();
  const prepared = await runner.prepare(runOf("exit 7"));
  for (const signal of ["SIGTERM", "SIGINT"] as const) processes.signal(prepared.host.pid, signal);

  const status: RunStatus = statusOf(await prepared.go());
  expect(status.exitCode).toBe(7);
});
