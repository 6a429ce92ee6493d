/** A machine without room: work stops, says so, and goes on by itself. */
import { rmSync } from "node:fs";
import { expect, test } from "vitest";
import { isPressure, Pressure } from "../../../src/daemon/pressure.ts";
import { BridgeError, type ErrorCode, InvariantError } from "../../../src/platform/errors.ts";
import { Files } from "../../../src/platform/files.ts";
import { newVault, openBooks } from "../../support/books-kit.ts";
import { refusal, watchedDisk } from "../../support/disks.ts";
import { HandClock } from "../../support/hand-clock.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const MIB = 1024 * 1024;
const FULL = new BridgeError("DISK_FULL", "no room");

async function kit() {
  const clock = new HandClock();
  const room = { freeBytes: 0, errno: "" };
  const disk = watchedDisk(({ verb }, go) => {
    if (verb !== "freeBytes") return go();
    if (room.errno !== "") throw refusal(room.errno);
    return room.freeBytes;
  });
  const said: string[] = [];
  const ending = new AbortController();
  const vault = await newVault();
  const books = await openBooks(vault);
  const folder = temporaryFolder();
  const pressure = new Pressure({
    files: new Files(disk, clock),
    clock,
    books,
    folders: [folder],
    onPause: () => said.push("pause"),
    onResume: () => said.push("resume"),
    signal: ending.signal,
  });
  return { clock, room, said, ending, pressure, books, folder };
}

test.each<readonly [ErrorCode, boolean]>([
  ["DISK_FULL", true],
  ["TOO_MANY_FILES", true],
  ["BASE_MISSING", true],
  ["DISK_REFUSED", false],
  ["SYNC_FAILED", false],
  ["LEDGER_DAMAGED", false],
])("%s is trouble that goes away, or not", (code, goesAway) => {
  expect(isPressure(new BridgeError(code, "x"))).toBe(goesAway);
});

test("a bug is no lack of room", () => {
  expect([isPressure(new InvariantError("x")), isPressure(new Error("ENOSPC")), isPressure(undefined)]).toEqual([
    false,
    false,
    false,
  ]);
});

test("intake pauses once, whoever meets the full disk, and resumes for all when there is room", async () => {
  const { clock, room, said, pressure } = await kit();
  const relieved = [pressure.relieved(FULL), pressure.relieved(FULL)];
  expect({ said, paused: pressure.isPaused }).toEqual({ said: ["pause"], paused: true });
  await clock.pass(5000);
  expect(said).toEqual(["pause"]);
  room.freeBytes = 4 * MIB;
  await clock.pass(500);
  await Promise.all(relieved);
  expect({ said, paused: pressure.isPaused }).toEqual({ said: ["pause", "resume"], paused: false });
});

test.each([
  [4 * MIB - 1, false],
  [4 * MIB, true],
])("with %i free bytes there is room again, or not", async (freeBytes, isRoom) => {
  const { clock, room, pressure } = await kit();
  void pressure.relieved(FULL);
  room.freeBytes = freeBytes;
  await clock.pass(500);
  expect(pressure.isPaused).toBe(!isRoom);
});

test("a pause and its end are told of in the ledger, with the reason and how long it took", async () => {
  const { clock, room, pressure, books } = await kit();
  const heard: unknown[] = [];
  books.listen((entry) => void heard.push(entry));
  const relieved = pressure.relieved(FULL);
  room.freeBytes = 4 * MIB;
  await clock.pass(500);
  await relieved;
  await books.close();
  expect(heard).toMatchObject([
    { event: "intake_paused", reason: "disk_full", message: "no room" },
    { event: "intake_resumed", paused_ms: 500 },
  ]);
});

test("asking for room may meet the same trouble, and is asked again", async () => {
  const { clock, room, pressure } = await kit();
  room.errno = "EMFILE";
  void pressure.relieved(FULL);
  await clock.pass(2000);
  expect(pressure.isPaused).toBe(true);
  Object.assign(room, { errno: "", freeBytes: 4 * MIB });
  await clock.pass(500);
  expect(pressure.isPaused).toBe(false);
});

test("a volume that is gone has no room", async () => {
  const { clock, room, pressure, folder } = await kit();
  rmSync(folder, { recursive: true });
  room.freeBytes = 4 * MIB;
  void pressure.relieved(FULL);
  await clock.pass(2000);
  expect(pressure.isPaused).toBe(true);
});

test("room that is gone again at once is looked for less and less often, half a minute at most", async () => {
  const { clock, room, pressure } = await kit();
  room.freeBytes = 4 * MIB;
  const pauses: number[] = [];
  for (let round = 0; round < 9; round += 1) {
    const startMs = clock.elapsed();
    const relieved = pressure.relieved(FULL);
    while (pressure.isPaused) await clock.pass(500);
    await relieved;
    pauses.push(clock.elapsed() - startMs);
  }
  expect(pauses).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
  await clock.pass(10_000);
  void pressure.relieved(FULL);
  await clock.pass(500);
  expect(pressure.isPaused).toBe(false);
});

test("a daemon that stops does not wait for room, and does not say that there is any", async () => {
  const { said, ending, pressure } = await kit();
  const relieved = pressure.relieved(FULL);
  ending.abort();
  await relieved;
  expect(said).toEqual(["pause"]);
});
