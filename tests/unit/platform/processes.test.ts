/** Which process is which: by pid and start, by group, by mark. A pid alone names nobody. */
import { type ChildProcess, spawn } from "node:child_process";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { commandOf, endGroup, MARK_VARIABLE, openFilesOf, type Processes } from "../../../src/platform/processes.ts";
import { given } from "../../support/results.ts";
import { processes } from "../../support/runs.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const until = (check: () => boolean) => vi.waitUntil(check, { timeout: 10_000, interval: 5 });

/** No machine has so many. */
const NOBODY = 99_999_999;

/** A process in a group of its own that ends with the test. */
function start(program: string, words: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcess {
  const child = spawn(program, words, {
    detached: true,
    stdio: ["ignore", "pipe", "ignore"],
    env: { PATH: "/usr/bin:/bin", ...env },
  });
  onTestFinished(() => void (child.pid === undefined || processes.signalGroup(child.pid, "SIGKILL")));
  return child;
}

const pidOf = (child: ChildProcess): number => given(child.pid);

test("a process is itself while it lives, and nobody when it has ended", async () => {
  const child = start("sleep", ["60"]);
  const identity = given(processes.identify(pidOf(child)));
  expect(processes.identify(pidOf(child))).toEqual(identity);
  expect(processes.isAlive(identity)).toBe(true);
  child.kill("SIGKILL");
  await until(() => !processes.isAlive(identity));

  expect(processes.identify(identity.pid)).toBeUndefined();
});

test("another process with the pid is another process", () => {
  const identity = given(processes.identify(pidOf(start("sleep", ["60"]))));

  expect(processes.isAlive({ ...identity, startTime: `${identity.startTime}0` })).toBe(false);
});

test("what a process was started as, and how many files it has open", () => {
  expect(commandOf(process.pid)).toContain("node");
  expect(commandOf(NOBODY)).toBeUndefined();
  expect(openFilesOf(NOBODY)).toBeUndefined();
  const files = openFilesOf(process.pid);
  if (process.platform === "linux") expect(files?.open).toBeGreaterThan(2);
  else expect(files).toBeUndefined();
});

test("this process is known by itself", () => {
  expect(processes.self).toEqual(processes.identify(process.pid));
  expect(processes.bootId).toMatch(/^[0-9A-Fa-f-]{36}$/);
});

test("a name with blanks and brackets hides nothing", () => {
  const program = join(temporaryFolder(), "a) Z 1 (b");
  copyFileSync("/bin/sleep", program);
  const [plain, odd] = [start("sleep", ["60"]), start(program, ["60"])].map((child) =>
    processes.identify(pidOf(child)),
  );

  expect(Math.abs(Number(odd?.startTime) - Number(plain?.startTime))).toBeLessThan(1000);
  expect(processes.isGroupAlive(given(odd).pid)).toBe(true);
});

test("a zombie has ended, alone and as a group", async ({ skip }) => {
  if (process.platform !== "linux") skip("elsewhere its group counts as alive");
  // Becomes a program that never asks how its children ended.
  const child = start("/bin/sh", ["-c", "setsid sh -c 'echo $$' & exec sleep 60"]);
  const pid = await new Promise<number>((resolve) => child.stdout?.once("data", (text) => resolve(Number(text))));
  await until(() => processes.identify(pid) === undefined);

  expect(processes.signal(pid, "SIGTERM")).toBe(true);
  expect(processes.isGroupAlive(pid)).toBe(false);
});

test("a group lives as long as one of it, also when its leader has gone", async () => {
  const child = start("/bin/sh", ["-c", "sleep 60 & exit 0"]);
  await until(() => child.exitCode !== null);
  expect(processes.isGroupAlive(pidOf(child))).toBe(true);
  expect(processes.signalGroup(pidOf(child), "SIGKILL")).toBe(true);
  await until(() => !processes.isGroupAlive(pidOf(child)));

  expect(processes.signalGroup(2 ** 22 + 1, "SIGKILL")).toBe(false);
});

test("a mark is found in all who inherited it, whole words only", async () => {
  const mark = `unit-${process.pid}-mark`;
  const marked = start("/bin/sh", ["-c", "setsid sleep 60 & exec sleep 60"], { [MARK_VARIABLE]: mark });
  start("sleep", ["60"], { [MARK_VARIABLE]: `${mark}2` });
  start("sleep", ["60"], { OTHER: `${MARK_VARIABLE}=${mark}` });
  start("sleep", ["61", `${MARK_VARIABLE}=${mark}`].slice(0, 1));
  await until(() => processes.marked(mark).length === 2);
  const found = processes.marked(mark);
  onTestFinished(() => found.forEach((pid) => processes.signal(pid, "SIGKILL")));

  expect(found).toContain(pidOf(marked));
  expect(processes.marked("nobody has this")).toEqual([]);
});

/** Processes that die of a signal, or not; and what was sent to them. */
function stubborn(dieOf: readonly string[], marks: readonly number[] = []) {
  const sent: string[] = [];
  const alive = new Set([-7, ...marks]);
  const take = (pid: number, signal: string) => {
    sent.push(`${signal} ${pid}`);
    if (dieOf.includes(signal)) alive.delete(pid);
    return true;
  };
  const fake: Processes = {
    ...processes,
    isGroupAlive: (group) => alive.has(-group),
    marked: () => marks.filter((pid) => alive.has(pid)),
    signalGroup: (group, signal) => take(-group, signal),
    signal: take,
  };
  let sleptMs = 0;
  const sleep = async (durationMs: number) => {
    sleptMs += durationMs;
  };
  return { sent, sleptMs: () => sleptMs, end: () => endGroup(fake, { groupId: 7, mark: "m", graceMs: 100 }, sleep) };
}

test("what ends when it is asked to is asked once", async () => {
  const { sent, sleptMs, end } = stubborn(["SIGTERM", "SIGKILL"], [8]);

  expect([await end(), sent]).toEqual([true, ["SIGTERM -7", "SIGTERM 8"]]);
  expect(sleptMs()).toBeLessThan(100);
});

test("what does not listen is killed, and not before its grace is over", async () => {
  const { sent, sleptMs, end } = stubborn(["SIGKILL"]);

  expect([await end(), sent]).toEqual([true, ["SIGTERM -7", "SIGKILL -7"]]);
  expect(sleptMs()).toBeGreaterThanOrEqual(100);
});

test("what is stuck in the kernel is told of, not waited for without end", async () => {
  const { sent, sleptMs, end } = stubborn([]);

  expect(await end()).toBe(false);
  expect(sent.filter((one) => one === "SIGTERM -7")).toHaveLength(1);
  expect(sleptMs()).toBeLessThan(500);
});

test("what is gone already gets no signal", async () => {
  const { sent, end } = stubborn(["SIGTERM"]);
  await end();
  sent.length = 0;

  expect([await end(), sent]).toEqual([true, []]);
});
