/** What the lives of a supervised daemon count for, told from the file that each leaves. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { forgetFailures, isInSafeMode, LIFE_LIMITS, Lives, type LivesOptions } from "../../../src/daemon/lives.ts";
import type { StandStill } from "../../../src/daemon/opening.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { Files } from "../../../src/platform/files.ts";
import { silentLog } from "../../../src/platform/log.ts";
import { Vault } from "../../../src/records/vault.ts";
import { refusingDisk } from "../../support/disks.ts";
import { realFiles } from "../../support/ledger-kit.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

class Supervised {
  readonly vault = new Vault(realFiles, temporaryFolder());
  #pid = 100;
  /** What the lives wrote to their standard error, one after the other. */
  said = "";

  life(change: Partial<LivesOptions> = {}): Lives {
    this.#pid += 1;
    const end = Buffer.from(this.said);
    return new Lives({
      files: realFiles,
      clock: systemClock,
      processes: { self: { pid: this.#pid, startTime: "1" }, bootId: "boot" },
      version: "1.0.0",
      node: "20.0.0",
      log: silentLog,
      limits: LIFE_LIMITS,
      said: { sizeBytes: end.length, end },
      saidFrom: end.length,
      ...change,
    });
  }

  /** A life that begins, says something and dies. */
  async die(words = "", change: Partial<LivesOptions> = {}): Promise<StandStill | undefined> {
    const begun = await this.life(change).begin(this.vault);
    this.said += words;
    return begun;
  }

  async dieTimes(count: number, words = ""): Promise<void> {
    for (let at = 0; at < count; at += 1) await this.die(words);
  }
}

const STACK =
  "✓ daemon up    pid 7, base /b\nwo-bridge: a bug of ours: InvariantError: broken rule: one\n    at x (y.js:1:1)\n";

test("the sixth start after five deaths stands still, and says when it began and what was said last", async () => {
  const daemon = new Supervised();
  await daemon.dieTimes(4, "✗ something else\n");
  expect(await daemon.die(STACK)).toBeUndefined();
  const { error, hint } = (await daemon.die()) ?? {};
  expect(error?.code).toBe("SAFE_MODE");
  expect(error?.message).toMatch(
    /^every start since 20\S+Z has died soon: a bug of ours: InvariantError: broken rule: one$/,
  );
  expect(hint).toMatch(/after 5 that died/);
  expect(isInSafeMode(realFiles, daemon.vault, 106)).toBe(true);
});

test("one that was killed is said to have ended without a word", async () => {
  const daemon = new Supervised();
  await daemon.dieTimes(5, "✓ daemon up    pid 7, base /b\n");
  expect((await daemon.die())?.error.message).toMatch(/it ended without a word$/);
});

test.each([
  ["another version", { version: "1.0.1" }],
  ["another Node", { node: "22.0.0" }],
  ["another boot of the machine", { processes: { self: { pid: 1, startTime: "1" }, bootId: "later" } }],
])("%s is tried", async (_name, change) => {
  const daemon = new Supervised();
  await daemon.dieTimes(6);
  expect(await daemon.die("", change)).toBeUndefined();
});

test("a life that the machine took along is no failure", async () => {
  const daemon = new Supervised();
  const later = { processes: { self: { pid: 1, startTime: "1" }, bootId: "later" } };
  await daemon.dieTimes(4);
  await daemon.die("", later);
  // Four have died: three before the machine went down, one since.
  expect(await daemon.die("", later)).toBeUndefined();
  expect((await daemon.die("", later))?.hint).toMatch(/after 5 that died/);
});

test("a life that ended in order, one that lasted, and a person who asks set the count back", async () => {
  const daemon = new Supervised();
  for (const end of [
    (life: Lives) => life.ends(),
    (life: Lives) => life.lasts(new AbortController().signal),
    async () => void forgetFailures(realFiles, daemon.vault),
  ]) {
    await daemon.dieTimes(4);
    const life = daemon.life({ limits: { fastMs: 1, safeMs: 1 } });
    await life.begin(daemon.vault);
    await end(life);
    expect(existsSync(daemon.vault.lives)).toBe(false);
    expect(await daemon.die()).toBeUndefined();
    await daemon.life().ends();
  }
});

test("a life that was stopped before it lasted is still counted when it then dies", async () => {
  const daemon = new Supervised();
  const life = daemon.life();
  await life.begin(daemon.vault);
  await life.lasts(AbortSignal.abort());
  expect(existsSync(daemon.vault.lives)).toBe(true);
});

test("safe mode ends with one try, and comes back at once when that dies", async () => {
  const daemon = new Supervised();
  await daemon.dieTimes(5);
  const safe = daemon.life({ limits: { fastMs: 1, safeMs: 5 } });
  await safe.begin(daemon.vault);
  expect(safe.isSafe).toBe(true);
  await safe.leaves(new AbortController().signal);
  expect(await daemon.die()).toBeUndefined();
  expect((await daemon.die())?.hint).toMatch(/after 6 that died/);
});

test("safe mode ends when nothing is counted any more", async () => {
  const daemon = new Supervised();
  await daemon.dieTimes(5);
  const safe = daemon.life();
  await safe.begin(daemon.vault);
  forgetFailures(realFiles, daemon.vault);
  await safe.leaves(new AbortController().signal);
  expect(existsSync(daemon.vault.lives)).toBe(false);
});

test("safe mode that died of reading is followed by one that reads nothing", async () => {
  const daemon = new Supervised();
  await daemon.dieTimes(6);
  const record: unknown = JSON.parse(readFileSync(daemon.vault.lives, "utf8"));
  writeFileSync(daemon.vault.lives, JSON.stringify(record).replace('"isUp":true', '"isUp":false'));
  mkdirSync(daemon.vault.ledger);
  writeFileSync(join(daemon.vault.ledger, "000001.jsonl"), "{}\n{}\n");
  const next = await daemon.die();
  expect([next?.error.message, next?.index.head.seq]).toEqual([expect.stringContaining("of reading its orders"), 0]);
});

test.each([
  ["broken", (path: string) => writeFileSync(path, '{"v":1,')],
  ["a folder", (path: string) => mkdirSync(path)],
])("a count that is %s is none, and keeps nobody from starting", async (_name, plant) => {
  const daemon = new Supervised();
  plant(daemon.vault.lives);
  const life = daemon.life();
  expect(await life.begin(daemon.vault)).toBeUndefined();
  await life.ends();
});

test("a full disk keeps nobody from starting", async () => {
  const files = new Files(refusingDisk("openNew", "ENOSPC", { always: true }), systemClock);
  const trouble: string[] = [];
  const log = { ...silentLog, warn: (event: string) => void trouble.push(event) };
  const daemon = new Supervised();
  expect(await daemon.die("", { files, log })).toBeUndefined();
  expect(trouble).toEqual(["life_uncounted"]);
});
