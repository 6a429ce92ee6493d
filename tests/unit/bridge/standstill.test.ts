/** A file's age, also where the clock was set or the machine slept while it was being written. */
import { expect, test } from "vitest";
import { type Known, Standstill } from "../../../src/bridge/standstill.ts";
import type { FileInfo } from "../../../src/platform/disk.ts";
import { HandClock } from "../../support/hand-clock.ts";

const HOUR_MS = 3_600_000;

function kit() {
  const clock = new HandClock();
  const standstill = new Standstill(clock);
  const file: Known = { since: undefined };
  const ageOf = (modifiedMs: number, bend: Partial<FileInfo> = {}) => {
    const info = {
      kind: "file",
      sizeBytes: 1,
      mode: 0o644,
      changedMs: 0,
      bornMs: 0,
      device: 1,
      inode: 1,
      owner: 1,
      links: 1,
    } as const;
    return standstill.ageOf(file, { ...info, modifiedMs, ...bend });
  };
  return { clock, ageOf };
}

test("a file is as old as its last change says, at the first look", () => {
  const { clock, ageOf } = kit();
  expect(ageOf(clock.now() - HOUR_MS)).toBe(HOUR_MS);
});

test("one whose time lies ahead is as old as it is known", async () => {
  const { clock, ageOf } = kit();
  const ahead = clock.now() + HOUR_MS;
  expect(ageOf(ahead)).toBe(0);
  await clock.pass(700);
  expect(ageOf(ahead)).toBe(700);
  expect(ageOf(ahead, { sizeBytes: 2 })).toBe(0);
});

test("a folder counts from when it is known", async () => {
  const { clock, ageOf } = kit();
  const old = clock.now() - HOUR_MS;
  expect(ageOf(old, { kind: "folder" })).toBe(0);
  await clock.pass(300);
  expect(ageOf(old, { kind: "folder" })).toBe(300);
});

test("what was written before the clock was set, or the machine slept, counts from when it is known", async () => {
  const { clock, ageOf } = kit();
  const written = clock.now();
  expect(ageOf(written)).toBe(0);
  clock.setWall(clock.now() + HOUR_MS);
  expect(ageOf(written)).toBe(0);
  await clock.pass(400);
  expect(ageOf(written)).toBe(400);
  // What is written from now on has the new time.
  expect(ageOf(clock.now() - 50)).toBe(50);
});

test("a clock that goes a little wrong is trusted", async () => {
  const { clock, ageOf } = kit();
  const written = clock.now();
  ageOf(written);
  clock.setWall(clock.now() + 900);
  expect(ageOf(written)).toBe(900);
});
