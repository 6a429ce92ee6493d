/** One order with every kind of effect, in a world of its own, and what must hold after any crash. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { systemClock } from "../../src/platform/clock.ts";
import { systemDisk } from "../../src/platform/disk.ts";
import { Files } from "../../src/platform/files.ts";
import { Vault } from "../../src/records/vault.ts";
import { verifyLedger } from "../../src/upkeep/verify-ledger.ts";
import { asRecord, exited, ROOT, until, World } from "./world.ts";

export const FAULTY_DAEMON = join(ROOT, "dist-tools", "tests", "support", "programs", "faulty-daemon.js");
export const ORDER_ID = "WO-CRASH";

const ORDER = {
  wo_id: ORDER_ID,
  files: [
    { path: "made/deep/new.txt", content: "new\n", mode: "0755" },
    { path: "old/gone.txt", delete: true },
    { path: "old/moved.txt", move: "made/moved.txt" },
  ],
  edits: [{ path: "old/edited.txt", find: "second", after: "inserted" }],
  steps: [{ name: "count", run: "echo ran >> effects.txt" }],
  post_verify: ["test -f made/deep/new.txt"],
};

/** A world in which the order can be carried out. */
export async function crashWorld(root?: string): Promise<World> {
  const world = await World.make(root === undefined ? {} : { root });
  world.write("old/gone.txt", "gone\n");
  world.write("old/moved.txt", "moved\n");
  world.write("old/edited.txt", "first\nsecond\nthird\n");
  return world;
}

export function dropCrashOrder(world: World): void {
  world.drop("CLC", "crash.json", ORDER);
}

const VIEWS_MS = 1500;

/** Runs the order under a daemon whose power goes at a step; false when it came to rest before that. */
export async function crashAt(world: World, fault: string): Promise<boolean> {
  const env = { ...world.env, WO_FAULT: fault, WO_ARM: "crash.json" };
  const daemon = await world.startDaemon({ entry: [FAULTY_DAEMON], env });
  dropCrashOrder(world);
  // As text: the power may have torn the last line.
  const hasEnded = () => {
    if (daemon.exitCode !== null) throw new Error(`the daemon ended with ${daemon.exitCode}:\n${world.said}`);
    return daemon.signalCode !== null;
  };
  const isSettled = () => (world.read("g/telemetry/unified.jsonl") ?? "").includes('"wo_settled"');
  await until(() => hasEnded() || isSettled(), 30_000, "the power goes, or the order comes to rest");
  // Views are written a moment later: their steps count, too.
  const quietAt = Date.now() + VIEWS_MS;
  await until(() => hasEnded() || Date.now() > quietAt, 2 * VIEWS_MS, "the views are written");
  const crashed = daemon.signalCode === "SIGKILL";
  if (!crashed) daemon.kill("SIGKILL");
  await exited(daemon);
  return crashed;
}

/** Starts the real daemon again and waits until nothing is left to do. */
export async function recover(world: World): Promise<void> {
  const daemon = await world.startDaemon();
  if (daemon.exitCode !== null) throw new Error(`the daemon ended with ${daemon.exitCode}:\n${world.said}`);
  await world.reaches(ORDER_ID, "done", 20_000);
  await until(() => world.told(ORDER_ID, "wo_settled"), 10_000, "the order is settled");
  const state = world.read(`g/followup/state/${ORDER_ID}.json`);
  const result = world.read(`bridge/outbox/CLC/${ORDER_ID}_result.yaml`);
  await world.ask({ call: "rebuild" });
  expect(world.read(`g/followup/state/${ORDER_ID}.json`)).toBe(state);
  expect(world.read(`bridge/outbox/CLC/${ORDER_ID}_result.yaml`)).toBe(result);
  daemon.kill("SIGTERM");
  await exited(daemon);
}

/** The order came to rest exactly once, each effect is there exactly once, and all records agree. */
export function expectExactlyOnce(world: World): void {
  expect(world.read("effects.txt")).toBe("ran\n");
  expect(world.read("made/deep/new.txt")).toBe("new\n");
  expect(world.read("made/moved.txt")).toBe("moved\n");
  expect(world.read("old/edited.txt")).toBe("first\nsecond\ninserted\nthird\n");
  expect(world.list("old")).toEqual(["edited.txt"]);
  expect(unfinished(world.base)).toEqual([]);
  expect(placesOf(world)).toEqual(["processed"]);
  expectOnceInTelemetry(world);
  const files = new Files(systemDisk, systemClock);
  expect(verifyLedger(files, new Vault(files, world.vault)).findings.filter(({ isDamage }) => isDamage)).toEqual([]);
  expect(asRecord(JSON.parse(world.read(`bridge/outbox/CLC/${ORDER_ID}.ack.json`) ?? "{}"))["wo_id"]).toBe(ORDER_ID);
}

/** Every committed event once, and one acceptance and one end. */
function expectOnceInTelemetry(world: World): void {
  const seqs = world.telemetry().flatMap((line) => (typeof line["seq"] === "number" ? [line["seq"]] : []));
  expect(seqs).toEqual(Array.from({ length: seqs.length }, (_, index) => index + 1));
  const events = world.events(ORDER_ID);
  expect(events.filter((event) => event === "wo_accepted")).toHaveLength(1);
  expect(events.filter((event) => /^wo_(?:completed|failed|canceled)$/.test(event))).toEqual(["wo_completed"]);
}

/** In which of the bridge's folders copies of the order's file lie. */
function placesOf(world: World): string[] {
  const places: string[] = [];
  for (const folder of ["inbox", "processed", "error"]) {
    places.push(
      ...filesBelow(world.path(`bridge/${folder}`)).flatMap((path) => (path.endsWith("crash.json") ? [folder] : [])),
    );
  }
  return places;
}

function unfinished(folder: string): string[] {
  return filesBelow(folder).filter((path) => /\.wo-[^/]*\.tmp$/.test(path));
}

function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true, recursive: true }).flatMap((entry) =>
    entry.isFile() ? [join(entry.parentPath, entry.name)] : [],
  );
}

/** How many steps an undisturbed run has. */
export async function countSteps(): Promise<string[]> {
  const world = await crashWorld();
  const steps = join(world.root, "steps");
  const env = { ...world.env, WO_ARM: "crash.json", WO_STEPS: steps };
  const daemon = await world.startDaemon({ entry: [FAULTY_DAEMON], env });
  dropCrashOrder(world);
  await until(() => world.told(ORDER_ID, "wo_settled"), 20_000, "the order is settled");
  await until(() => world.status(ORDER_ID) === "done", 5000, "its state is written");
  await new Promise((resolve) => setTimeout(resolve, VIEWS_MS));
  await world.kill(daemon);
  expectExactlyOnce(world);
  const lines = readFileSync(steps, "utf8").trim().split("\n");
  return lines.filter((line) => !/ sync(?:Data)? ended$/.test(line));
}
