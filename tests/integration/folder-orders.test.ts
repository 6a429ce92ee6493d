/** Orders dropped as folders: taken whole, done, filed as they were dropped, and told apart like any other. */
import { cpSync, existsSync, mkdirSync, renameSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { failureOf, problemsOf, workingWorld } from "../support/line-kit.ts";
import { treeOf } from "../support/temporary-folder.ts";
import { asRecord, SAMPLES, until, World } from "../support/world.ts";

const HEADER = "wo_id: WO-DIR\ntitle: A folder\nbody_file: body.yaml\n";
const FILES = { "X.yaml": HEADER, "body.yaml": "files: {made.txt: made}\n", "evidence/notes.md": "why\n" };

/** Writes the folder beside the inbox and moves it in, as careful people do. */
function drop(world: World, name: string, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) world.write(`coming/${path}`, text);
  renameSync(world.path("coming"), world.path(`bridge/inbox/CLC/${name}`));
}

/** Waits until an order's file or folder lies among those that are processed; its path. */
async function filedAs(world: World, name: string): Promise<string> {
  const months = () => world.list("bridge/processed/CLC").map((month) => `bridge/processed/CLC/${month}`);
  const filed = () => months().find((month) => world.list(month).includes(name));
  await until(() => filed() !== undefined, 10_000, "it is filed");
  return world.path(`${filed()}/${name}`);
}

test("a folder is an order: done, and filed with all that was in it", async () => {
  const world = await workingWorld();
  drop(world, "X", FILES);
  await world.reaches("WO-DIR", "done");
  expect(world.read("made.txt")).toBe("made");
  expect(treeOf(await filedAs(world, "X"))).toMatchObject(FILES);
  expect(world.list("bridge/inbox/CLC")).toEqual([".claimed"]);
});

test("a folder that is still being written is waited for", async () => {
  const world = await workingWorld("intake: {settleMs: 1500, giveUpMs: 300, rescanMs: 200}\n".replace("intake", "#"));
  mkdirSync(world.path("bridge/inbox/CLC/X"), { recursive: true });
  world.write("bridge/inbox/CLC/X/X.yaml", "wo_id: WO-DIR\nbody_file: body.yaml\n");
  world.write("bridge/inbox/CLC/X/body.yaml", FILES["body.yaml"]);
  await world.reaches("WO-DIR", "done");
  expect(world.read("made.txt")).toBe("made");
});

test("the same folder again is a duplicate, the same id in a file is a conflict", async () => {
  const world = await workingWorld();
  drop(world, "X", FILES);
  await world.reaches("WO-DIR", "done");
  drop(world, "X", FILES);
  await until(() => world.events("WO-DIR").includes("wo_duplicate"), 10_000, "it is told to be a duplicate");
  world.write("bridge/inbox/CLC/other.yaml", `${HEADER.replace("body_file: body.yaml\n", "")}...\n`);
  expect(await problemsOf(world, "CLC", "other.yaml")).toMatchObject([{ code: "content_conflict" }]);
});

test("a folder whose checksums do not fit is refused whole, with what does not fit", async () => {
  const world = await workingWorld();
  drop(world, "X", { ...FILES, "evidence/checksums.sha256": `${"0".repeat(64)}  body.yaml\n` });
  expect(await problemsOf(world, "CLC", "X")).toMatchObject([
    { code: "checksum_mismatch", file: "evidence/checksums.sha256" },
  ]);
  expect(treeOf(world.path("bridge/error/CLC/X"))).toMatchObject(FILES);
  expect(world.read("made.txt")).toBeUndefined();
});

test("a link in a folder refuses it: nothing outside of it is read", async () => {
  const world = await workingWorld();
  world.write("coming/X.yaml", "wo_id: WO-DIR\nbody_file: body.yaml\n");
  symlinkSync("/etc/hostname", world.path("coming/body.yaml"));
  renameSync(world.path("coming"), world.path("bridge/inbox/CLC/X"));
  expect(await problemsOf(world, "CLC", "X")).toMatchObject([{ code: "no_file" }]);
});

test("killed behind its claim, the folder is taken in again; its vanished claim is filed from the record", async () => {
  const world = await workingWorld();
  drop(world, "X", { ...FILES, "X.yaml": `${HEADER}steps: [{run: "touch began; sleep 2"}]\n` });
  await until(() => world.read("began") !== undefined, 10_000, "its command runs");
  await world.killAll();
  const [claim] = world.list("bridge/inbox/CLC/.claimed");
  renameSync(world.path(`bridge/inbox/CLC/.claimed/${claim}`), join(world.root, "gone"));
  await world.startDaemon();
  await until(() => ["done", "failed"].includes(String(world.state("WO-DIR")?.["status"])), 20_000, "it is at rest");
  expect(Object.keys(treeOf(await filedAs(world, "X")))).toEqual(expect.arrayContaining(["X.yaml", "body.yaml"]));
});

test("a folder that was changed after it was taken fails its order", async () => {
  const world = await workingWorld();
  drop(world, "X", { ...FILES, "X.yaml": `${HEADER}steps: [{run: "until [ -e go ]; do sleep 0.05; done"}]\n` });
  await until(() => world.read("made.txt") !== undefined, 10_000, "its files are written");
  const [claim] = world.list("bridge/inbox/CLC/.claimed");
  world.write(`bridge/inbox/CLC/.claimed/${claim}/body.yaml`, "files: {other.txt: other}\n");
  world.write("go", "");
  expect(await failureOf(world, "WO-DIR")).toMatchObject({ code: "source_changed" });
});

test("wo check and wo submit take folders", async () => {
  const world = await workingWorld();
  for (const [path, text] of Object.entries(FILES)) world.write(`mine/X/${path}`, text);
  expect((await world.wo("check", world.path("mine/X"))).stdout).toContain("WO-DIR");
  expect((await world.wo("submit", world.path("mine/X"), "--lane", "CLC")).code).toBe(0);
  await world.reaches("WO-DIR", "done");
  expect(world.list("mine")).toEqual(["X"]);
});

test("a folder whose name is taken in the inbox is not submitted: its header would not fit another name", async () => {
  const world = await World.make();
  for (const [path, text] of Object.entries(FILES)) world.write(`mine/X/${path}`, text);
  expect((await world.wo("submit", world.path("mine/X"))).code).toBe(0);
  const before = treeOf(world.path("bridge/inbox"));
  const again = await world.wo("submit", world.path("mine/X"));
  expect([again.code, again.stderr]).toEqual([4, expect.stringContaining("submit it again once that one is taken")]);
  expect(treeOf(world.path("bridge/inbox"))).toEqual(before);
});

test("a folder with orders in it that is none is told of once", async () => {
  const world = await workingWorld();
  drop(world, "Y", { "X.yaml": HEADER });
  await until(
    () => JSON.stringify(world.read("g/telemetry/unified.jsonl")).includes("wo_ignored"),
    10_000,
    "it is told",
  );
  expect(world.list("bridge/inbox/CLC")).toContain("Y");
});

test("the real folders come to rest as they should", async ({ skip }) => {
  const [first, second] = ["dir-WO-20251030-H6R94XXXXX", "dir-WO-20251115-SAVE-SH-MLS-INTEGRATION"];
  if (!existsSync(join(SAMPLES, first))) return skip("NOT TESTED HERE: the real orders are not at hand");
  const world = await workingWorld();
  for (const name of [first, second]) {
    cpSync(join(SAMPLES, name), world.path("coming"), { recursive: true });
    renameSync(world.path("coming"), world.path(`bridge/inbox/CLC/${name.slice("dir-".length)}`));
  }
  await world.reaches("WO-20251030-H6R94XXXXX", "waiting");
  await world.reaches("WO-20251115-SAVE-SH-MLS-INTEGRATION", "waiting");
  world.dropSample("8134ff850693");
  const name = "8134ff850693--WO-20251115-SAVE-SH-MLS-INTEGRATION.yaml";
  const [problem] = await problemsOf(world, "CLC", name);
  expect(asRecord(problem)).toMatchObject({ code: "content_conflict" });
});
