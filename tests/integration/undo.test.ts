/** `wo undo`: files become what they were, by an order that is recorded and can be taken back itself. */
import { rmSync, symlinkSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { git, inGit } from "../support/git-kit.ts";
import { QUICK } from "../support/line-kit.ts";
import { modeOf } from "../support/temporary-folder.ts";
import { World } from "../support/world.ts";

/** A running world in which WO-1 has changed one file, made one, and deleted one. */
async function changed(): Promise<World> {
  const world = await World.make({ config: QUICK });
  world.write("kept.txt", "before\n");
  world.write("gone.txt", "was here\n");
  await world.startDaemon();
  world.drop("CLC", "one.json", {
    wo_id: "WO-1",
    files: [
      { path: "kept.txt", content: "after\n", mode: "0755" },
      { path: "new/made.txt", content: "made\n" },
      { path: "gone.txt", delete: true },
    ],
  });
  await world.reaches("WO-1", "done");
  return world;
}

const tree = (world: World) => ["kept.txt", "new/made.txt", "gone.txt"].map((path) => world.read(path));
const BEFORE = ["before\n", undefined, "was here\n"];
const AFTER = ["after\n", "made\n", undefined];

test("an undo is shown first, and nothing is written", async () => {
  const world = await changed();
  const shown = await world.wo("undo", "WO-1");
  expect([shown.code, tree(world)]).toEqual([0, AFTER]);
  for (const text of ["-after", "+before", "+was here", "next: wo undo WO-1 --apply"])
    expect(shown.stdout).toContain(text);
});

test("applied, every file is what it was, with its rights; and the undo can be taken back", async () => {
  const world = await changed();
  const done = await world.wo("undo", "WO-1", "--apply");
  expect([done.code, tree(world)], done.stdout + done.stderr).toEqual([0, BEFORE]);
  expect(modeOf(world.path("kept.txt"))).toBe(0o644);
  const id = /UNDO-WO-1-\w+/.exec(done.stdout)?.[0] ?? "";
  expect(JSON.parse(world.read(`g/followup/state/${id}.json`) ?? "null")).toMatchObject({
    status: "done",
    title: "Undo of WO-1",
    category: "undo",
  });
  const again = await world.wo("undo", "WO-1");
  expect([again.code, again.stderr]).toEqual([1, expect.stringContaining("every file is as it was before already")]);

  const back = await world.wo("undo", id, "--apply");
  expect([back.code, tree(world)], back.stdout + back.stderr).toEqual([0, AFTER]);
  expect(modeOf(world.path("kept.txt"))).toBe(0o755);
});

test("a file that somebody changed since is not taken back, but by force; and what was there is kept", async () => {
  const world = await changed();
  world.write("kept.txt", "mine\n");
  const refused = await world.wo("undo", "WO-1", "--apply");
  expect([refused.code, world.read("kept.txt")]).toEqual([1, "mine\n"]);
  expect(refused.stderr).toContain("changed since by somebody else: kept.txt");
  const forced = await world.wo("undo", "WO-1", "--apply", "--force");
  expect([forced.code, tree(world)]).toEqual([0, BEFORE]);
  const id = /UNDO-WO-1-\w+/.exec(forced.stdout)?.[0] ?? "";
  await world.wo("undo", id, "--apply");
  expect(world.read("kept.txt")).toBe("mine\n");
});

test("a file comes back as the vault knows it, newest first or as it was by a time", async () => {
  const world = await changed();
  const between = new Date().toISOString();
  world.drop("CLC", "two.json", { wo_id: "WO-2", files: { "kept.txt": "later\n" } });
  await world.reaches("WO-2", "done");
  rmSync(world.path("kept.txt"));
  expect((await world.wo("undo", "--path", "kept.txt", "--apply")).code).toBe(0);
  expect(world.read("kept.txt")).toBe("later\n");
  expect((await world.wo("undo", "--path", "kept.txt", "--at", between, "--apply")).code).toBe(0);
  expect(world.read("kept.txt")).toBe("after\n");
  const unknown = await world.wo("undo", "--path", "never.txt");
  expect([unknown.code, unknown.stderr]).toEqual([
    1,
    expect.stringContaining("the vault knows no version of never.txt"),
  ]);
});

test("without an order that changed anything there is nothing to take back", async () => {
  const world = await changed();
  world.drop("CLC", "say.json", { wo_id: "WO-SAY", steps: [{ run: "true" }] });
  await world.reaches("WO-SAY", "done");
  expect((await world.wo("undo", "WO-SAY")).stderr).toContain("WO-SAY has changed no file");
  expect((await world.wo("undo", "WO-NONE")).stderr).toContain("no order has the id WO-NONE");
  expect((await world.wo("undo")).code).toBe(2);
});

test("bytes that are no text are named, and nothing is done", async () => {
  const world = await World.make({ config: QUICK });
  writeFileSync(world.path("image.bin"), Buffer.from([0xff, 0xfe, 0x00]));
  await world.startDaemon();
  world.drop("CLC", "one.json", { wo_id: "WO-1", files: { "image.bin": "text\n" } });
  await world.reaches("WO-1", "done");
  const refused = await world.wo("undo", "WO-1", "--apply");
  expect([refused.code, world.read("image.bin")]).toEqual([1, "text\n"]);
  expect(refused.stderr).toContain("no order can carry what is no text: image.bin");
});

test("a snapshot holds what git could not bring back, through a reset and a clean", async () => {
  const world = await World.make({ config: QUICK });
  world.write("saved.txt", "in a commit\n");
  world.write(".gitignore", "ignored.txt\n");
  await inGit(world, ["saved.txt", ".gitignore", "wo-bridge.yaml"]);
  world.write("saved.txt", "changed\n");
  world.write("new/untracked.txt", "untracked\n");
  world.write("added.txt", "added\n");
  await git(world, "add", "added.txt");
  world.write("ignored.txt", "ignored\n");
  await world.startDaemon();
  const taken = await world.wo("snapshot", "-m", "before the cleaning");
  expect([taken.code, taken.stdout], taken.stderr).toEqual([0, expect.stringContaining("3 files")]);
  for (const path of ["saved.txt", "new/untracked.txt"]) expect(taken.stdout).toContain(path);
  await git(world, "reset", "-q", "--hard");
  await git(world, "clean", "-fdxq", "--exclude=bridge");
  for (const path of ["saved.txt", "new/untracked.txt", "added.txt"])
    expect((await world.wo("undo", "--path", path, "--apply")).code).toBe(0);
  const back = ["saved.txt", "new/untracked.txt", "added.txt", "ignored.txt"].map((path) => world.read(path));
  expect(back).toEqual(["changed\n", "untracked\n", "added\n", undefined]);
});

test("where git cannot say what it has, or a file cannot be kept, a snapshot says so", async () => {
  const world = await World.make({ config: QUICK });
  symlinkSync("elsewhere", world.path("link"));
  world.write("plain.txt", "plain\n");
  await inGit(world, ["wo-bridge.yaml"]);
  const taken = await world.wo("snapshot");
  expect([taken.code, taken.stdout]).toEqual([1, expect.stringContaining("link: it is a link")]);
  expect(taken.stdout).toContain("plain.txt");
  rmSync(world.path(".git"), { recursive: true });
  world.write(".git", "gitdir: nowhere\n");
  const blind = await world.wo("snapshot");
  expect([blind.code, blind.stderr]).toEqual([1, expect.stringContaining("git cannot say what it does not have")]);
});

test("what took the place of a file is a change, and an undo names no lane outside of the inbox", async () => {
  const world = await changed();
  rmSync(world.path("new/made.txt"));
  symlinkSync("elsewhere", world.path("new/made.txt"));
  expect((await world.wo("undo", "WO-1")).stderr).toContain("changed since by somebody else: new/made.txt");
  const escaped = await world.wo("undo", "--path", "kept.txt", "--apply", "--lane", "../../../esc");
  expect([escaped.code, escaped.stderr]).toEqual([2, expect.stringContaining("is no name of a lane")]);
});

test("a version that no order may bring back is refused with the reason, shown nowhere, and not promised", async () => {
  const world = await World.make({ config: QUICK });
  const secret = ["ghp", "16C7e42F292c6912E7710c838347Ae178B4a"].join("_");
  world.write("env", `token: ${secret}\n`);
  await world.startDaemon();
  await world.wo("snapshot", world.path("env"));
  world.write("env", "none\n");
  const refused = await world.wo("undo", "--path", "env");
  expect([refused.code === 0, refused.stderr]).toEqual([false, expect.stringContaining("secret_found")]);
  expect(refused.stdout + refused.stderr).not.toContain(secret);
  expect(refused.stdout + refused.stderr).not.toContain("--apply");
});
