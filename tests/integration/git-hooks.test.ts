/** Git's hooks that name who moved a branch: real git, real shells. They never stop git, and never replace anybody's hook. */
import { chmodSync, existsSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "vitest";
import { asRecord, until, World } from "../support/world.ts";

const HOOKS = ["post-checkout", "pre-rebase", "reference-transaction"];
const INSTALLED = HOOKS.map((name) => `${name} installed`);

/** A base in a git tree with three commits on `main` and one on `side`. */
async function repository(): Promise<World> {
  const world = await World.make();
  await git(world, "init", "-q", "-b", "main");
  await git(world, "config", "user.name", "Somebody");
  await git(world, "config", "user.email", "somebody@example.org");
  for (const name of ["one", "two", "three"]) await commit(world, name);
  await git(world, "checkout", "-q", "-b", "side", "HEAD~1");
  await commit(world, "aside");
  await git(world, "checkout", "-q", "main");
  return world;
}

async function git(world: World, ...words: readonly string[]): Promise<string> {
  const end = await world.run(["git", "-C", world.base, ...words]);
  expect(end.code, end.stderr).toBe(0);
  return end.stdout.trim();
}

async function commit(world: World, name: string): Promise<void> {
  world.write(`${name}.txt`, name);
  await git(world, "add", `${name}.txt`);
  await git(world, "commit", "-q", "-m", name);
}

/** Runs `wo agent hooks`; the hooks as "name state", the notes as "ref: command". */
async function hooks(world: World, ...words: readonly string[]) {
  const { code, stdout } = await world.wo("agent", "hooks", ...words, "--json");
  const data = asRecord(asRecord(JSON.parse(stdout))["data"]);
  const list = (key: string) => (Array.isArray(data[key]) ? data[key].map(asRecord) : []);
  const states = list("hooks").map(({ name, state }) => `${String(name)} ${String(state)}`);
  const notes = list("notes").map(({ ref, by }) => `${String(ref)}: ${String(by).replace(/^.*?-C \S+/, "git")}`);
  return { code, states, notes, first: list("notes")[0] };
}

test("what moves a branch back, checks out or rebases is noted by its command; what only grows is not", async () => {
  const world = await repository();
  expect(await hooks(world, "install")).toMatchObject({ code: 0, states: INSTALLED });
  await commit(world, "four");
  expect(await hooks(world, "status")).toMatchObject({ code: 0, notes: [] });
  const before = await git(world, "rev-parse", "HEAD");
  await git(world, "reset", "-q", "--hard", "HEAD~2");
  await git(world, "checkout", "-q", "side");
  await git(world, "checkout", "--", "one.txt");
  await git(world, "branch", "-q", "-D", "main");
  expect(await hooks(world, "status")).toMatchObject({
    notes: [
      "refs/heads/main: git reset -q --hard HEAD~2",
      "HEAD: git checkout -q side",
      "files: git checkout -- one.txt",
      "refs/heads/main: git branch -q -D main",
    ],
    first: { from: before, to: await git(world, "rev-parse", "side~1"), parent: expect.stringContaining("vitest") },
  });
});

test("before a rebase what git does not have is kept, where that is wished", async () => {
  const world = await repository();
  await hooks(world, "install", "--snapshot");
  expect(await hooks(world, "status")).toMatchObject({ code: 0, states: INSTALLED });
  world.write("draft.txt", "not added");
  await git(world, "checkout", "-q", "side");
  await git(world, "rebase", "-q", "main");
  rmSync(world.path("draft.txt"));
  const daemon = await world.startDaemon();
  const undone = await world.wo("undo", "--path", "draft.txt", "--apply");
  expect(undone.code, undone.stderr).toBe(0);
  await until(() => world.read("draft.txt") === "not added", 10_000, "it is back");
  await world.kill(daemon, "SIGTERM");
  expect((await hooks(world, "status")).notes).toContain("HEAD: git rebase -q main");
});

test("somebody else's hook stays, and is told of; ours go without it", async () => {
  const world = await repository();
  const path = world.path(".git/hooks/pre-rebase");
  writeFileSync(path, "#!/bin/sh\nexit 0\n");
  chmodSync(path, 0o755);
  const states = INSTALLED.with(1, "pre-rebase foreign");
  expect(await hooks(world, "install")).toMatchObject({ code: 1, states });
  expect((await world.wo("agent", "hooks", "status")).stdout).toMatch(/pre-rebase.*is somebody else's, and stays/);
  await hooks(world, "uninstall");
  expect(HOOKS.map((name) => existsSync(world.path(`.git/hooks/${name}`)))).toEqual([false, true, false]);
  expect(world.read(".git/hooks/pre-rebase")).toBe("#!/bin/sh\nexit 0\n");
});

test("where all hooks are somebody else's nothing at all is accepted", async () => {
  const world = await repository();
  await world.wo("guardrail", "accept", world.path("one.txt"));
  world.write("one.txt", "spoiled");
  for (const name of HOOKS) writeFileSync(world.path(`.git/hooks/${name}`), "#!/bin/sh\nexit 0\n", { mode: 0o755 });
  expect(await hooks(world, "install")).toMatchObject({ code: 1, states: HOOKS.map((name) => `${name} foreign`) });
  const checked = await world.wo("guardrail", "check");
  expect([checked.code, checked.stdout]).toEqual([1, expect.stringContaining("one.txt  content_changed")]);
});

test("where the configuration has moved the hooks nothing is written, and it says where they are", async () => {
  const world = await repository();
  await git(world, "config", "core.hooksPath", ".husky");
  const end = await world.wo("agent", "hooks", "install");
  expect([end.code, end.stderr]).toEqual([2, expect.stringContaining("core.hooksPath is .husky")]);
  expect(existsSync(world.path(".husky"))).toBe(false);
});

test("a hook that vanishes is put back, until it is uninstalled; without its vault it is silent, and git goes on", async () => {
  const world = await repository();
  await world.startDaemon();
  await hooks(world, "install");
  const path = world.path(".git/hooks/reference-transaction");
  rmSync(path);
  await until(() => existsSync(path), 15_000, "the guardrail has put it back");
  expect(await hooks(world, "status")).toMatchObject({ code: 0 });
  await hooks(world, "uninstall");
  await pause(3000);
  expect(existsSync(path)).toBe(false);
  await hooks(world, "install");
  await world.killAll();
  rmSync(world.vault, { recursive: true });
  const end = await world.run(["git", "-C", world.base, "reset", "-q", "--hard", "HEAD~1"]);
  expect(end).toEqual({ code: 0, stdout: "", stderr: "" });
});

test("wo why and wo forensics name the command that a hook wrote down, also one that leaves no other trace", async () => {
  const world = await repository();
  await hooks(world, "install");
  // Git's times are whole seconds: what is made and taken away in one is in no order.
  await pause(1100);
  await git(world, "reset", "-q", "--hard", "HEAD~1");
  const why = await world.wo("why", world.path("three.txt"));
  expect(why.stdout).toMatch(
    /1\. git, reset: moving to HEAD~1, by `git -C \S+ reset -q --hard HEAD~1` under `.+`, .*: HEAD had it at/,
  );
  world.write("two.txt", "changed and not committed");
  await git(world, "checkout", "-q", "--", "two.txt");
  expect((await world.wo("why", world.path("two.txt"))).stdout).toMatch(
    /git .* files were checked out by `git -C \S+ checkout -q -- two\.txt`/,
  );
  expect(why.stdout).not.toMatch(/checkout: moving from main to side, by/);
  const report = (await world.wo("forensics", "--scope", "three", "-n")).stdout;
  expect(report).toMatch(/reset: moving to HEAD~1, by `git -C \S+ reset -q --hard HEAD~1`/);
});
