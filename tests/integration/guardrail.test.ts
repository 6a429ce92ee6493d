/** The guardrail with a real daemon and a real git: what takes components away, what is told of it, what comes back. */
import { chmodSync, cpSync, existsSync, mkdirSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "vitest";
import { git, inGit, put } from "../support/git-kit.ts";
import { filing, jsonLines, linesTold, QUICK, told } from "../support/line-kit.ts";
import { modeOf } from "../support/temporary-folder.ts";
import { type JsonLine, until, World } from "../support/world.ts";

const TOOL = "tools/tool.zsh";
const TEXT = "#!/bin/zsh\necho a tool\n";
/** Everything is looked at each second. */
const EACH_SECOND = "guardrail: {everyMs: 1000}\n";
/** Two seconds, and what a machine takes that is busy with other tests. */
const SOON_MS = 3500;
const PATIENCE_MS = 20_000;
/** Longer than the grace, the rest of git, and a period. */
const LONG_MS = 5000;

type Tree = Readonly<Record<string, string>>;

/** A base without a daemon, with these files as executables. */
async function baseWith(files: Tree, config = EACH_SECOND): Promise<World> {
  const world = await World.make({ config: QUICK + config });
  for (const [path, text] of Object.entries(files)) put(world, path, text);
  return world;
}

/** The daemon runs, and has found these to be as they have to be. */
async function guarding(world: World, ...paths: string[]): Promise<World> {
  await world.startDaemon();
  const end = await world.wo("guardrail", "accept", ...paths, "--why", "test");
  if (end.code !== 0) throw new Error(end.stdout + end.stderr);
  await wellAfter(world, Date.now());
  return world;
}

function linesOf(world: World, event: string): readonly JsonLine[] {
  return linesTold(world).filter((line) => line["event"] === event);
}

function msOf({ ts }: JsonLine): number {
  return Date.parse(String(ts));
}

/** What was told of components, as "drift PATH reason" and "healed PATH by us" or "by itself". */
function story(world: World): readonly string[] {
  return linesTold(world).flatMap(({ event, missing, reason, path, restored, seq }) => {
    if (event === "wo_pipeline_drift" && typeof seq === "number") return [`drift ${String(missing)} ${String(reason)}`];
    // Rounds and views, too, put back what is the machinery's own: what they tell is in no ledger.
    if (event === "wo_pipeline_healed" && typeof restored === "boolean")
      return [`healed ${String(path)} ${restored ? "by us" : "by itself"}`];
    return [];
  });
}

async function storyIs(world: World, ...lines: string[]): Promise<void> {
  const isTold = () => JSON.stringify(story(world)) === JSON.stringify(lines);
  await until(isTold, PATIENCE_MS, `told is ${lines.join(", ")}`, () => `told is ${story(world).join(", ")}`);
}

/** A line that all is well, later than this. */
async function wellAfter(world: World, ms: number): Promise<void> {
  const isWell = () => linesOf(world, "wo_pipeline_healthy").some((line) => msOf(line) > ms);
  await until(isWell, PATIENCE_MS, "all is told to be well", () => story(world).join(", "));
}

/** The message of the newest drift. */
function messageOf(world: World): string {
  return String(linesOf(world, "wo_pipeline_drift").at(-1)?.["message"]);
}

async function isBack(world: World, path: string, text: string): Promise<void> {
  await until(
    () => world.read(path) === text,
    PATIENCE_MS,
    `${path} is back`,
    () => story(world).join(", "),
  );
}

test("a component that is renamed is told within two seconds, and put back with its bytes and rights", async () => {
  const world = await guarding(await baseWith({ [TOOL]: TEXT }), TOOL);
  const renamed = Date.now();
  renameSync(world.path(TOOL), world.path(`${TOOL}.backup`));
  await storyIs(world, `drift ${TOOL} moved`, `healed ${TOOL} by us`);
  const [drift] = linesOf(world, "wo_pipeline_drift");
  expect(drift).toMatchObject({ missing: TOOL, message: expect.stringContaining(`${TOOL}.backup`) });
  expect(msOf(drift ?? {}) - renamed).toBeLessThan(SOON_MS);
  expect([world.read(TOOL), modeOf(world.path(TOOL))]).toEqual([TEXT, 0o755]);
  expect(world.list("tools")).toEqual(["tool.zsh", "tool.zsh.backup"]);
  await wellAfter(world, Date.now());

  renameSync(world.path(`${TOOL}.backup`), world.path(TOOL));
  await wellAfter(world, Date.now() + LONG_MS);
  expect(story(world)).toHaveLength(2);
  expect(world.list("tools")).toEqual(["tool.zsh"]);
});

/** How long it takes from here until the drift is told; it is put back by then. */
async function toldAfterMs(world: World, takeAway: () => void): Promise<number> {
  const before = story(world).length;
  const start = Date.now();
  takeAway();
  const isBack = () => story(world).length === before + 2 && world.read(TOOL) === TEXT;
  await until(isBack, PATIENCE_MS, "it is back", () => story(world).join(", "));
  return msOf(linesOf(world, "wo_pipeline_drift").at(-1) ?? {}) - start;
}

test("where all is looked at each five minutes, a file and a folder that go are told as soon", async () => {
  const world = await baseWith({ [TOOL]: TEXT }, "");
  await world.wo("guardrail", "accept", TOOL);
  await world.startDaemon();
  const [folder, away] = [world.path("tools"), world.path("tools.backup")];
  expect(await toldAfterMs(world, () => rmSync(world.path(TOOL)))).toBeLessThan(SOON_MS);
  expect(await toldAfterMs(world, () => rmSync(folder, { recursive: true }))).toBeLessThan(SOON_MS);
  expect(await toldAfterMs(world, () => renameSync(folder, away))).toBeLessThan(SOON_MS);
});

test("what has just been accepted is missed as soon", async () => {
  const world = await baseWith({ [TOOL]: TEXT }, "");
  await world.startDaemon();
  await world.wo("guardrail", "accept", TOOL);
  expect(await toldAfterMs(world, () => rmSync(world.path(TOOL)))).toBeLessThan(SOON_MS);
});

test("git clean -fdx of 302 untracked files: those that were accepted come back, and no others", async () => {
  const paths = Array.from({ length: 302 }, (_, index) => `tools/${index % 7}/deep/tool-${index}.sh`);
  const world = await baseWith(Object.fromEntries(paths.map((path) => [path, `echo ${path}\n`])));
  await inGit(world, ["wo-bridge.yaml"]);
  const accepted = paths.filter((_, index) => index % 5 === 0);
  await guarding(world, ...accepted);
  world.drop("CLC", "one.json", filing("WO-1"));
  await world.reaches("WO-1", "done");
  await git(world, "clean", "-fdxq");
  const isStory = () => story(world).filter((line) => line.endsWith("by us")).length >= accepted.length;
  await until(isStory, 30_000, "all are back", () => `${story(world).length} lines`);
  await wellAfter(world, Date.now());
  expect(paths.filter((path) => existsSync(world.path(path)))).toEqual(accepted);
  for (const path of accepted) expect([world.read(path), modeOf(world.path(path))]).toEqual([`echo ${path}\n`, 0o755]);
  expect(
    story(world)
      .filter((line) => line.startsWith("drift tools/"))
      .toSorted(),
  ).toEqual(accepted.map((path) => `drift ${path} missing`).toSorted());
});

test("a commit that deletes 200 files and a component is told once, with its hash, and nothing comes back", async () => {
  const many = Array.from({ length: 200 }, (_, index) => `tools/part-${index}.sh`);
  const world = await baseWith(Object.fromEntries([TOOL, ...many].map((path) => [path, TEXT + path])));
  await inGit(world, ["tools"]);
  await guarding(world, TOOL);
  await git(world, "rm", "-rq", "tools");
  await git(world, "commit", "-qm", "tidy up");
  const hash = await git(world, "rev-parse", "--short", "HEAD");
  await storyIs(world, `drift ${TOOL} removed_by_git`);
  expect(messageOf(world)).toContain(`${hash} tidy up`);
  await pause(LONG_MS);
  expect(story(world)).toEqual([`drift ${TOOL} removed_by_git`]);
  expect(existsSync(world.path("tools"))).toBe(false);
});

test("git reset --hard to before the component is told with the reset, and nothing comes back", async () => {
  const world = await baseWith({ [TOOL]: TEXT });
  await inGit(world, [TOOL]);
  await guarding(world, TOOL);
  await git(world, "reset", "-q", "--hard", "HEAD~1");
  await storyIs(world, `drift ${TOOL} removed_by_git`);
  expect(messageOf(world)).toContain("reset: moving to HEAD~1");
  expect(messageOf(world)).toContain("with tools");
  await pause(LONG_MS);
  expect(story(world)).toEqual([`drift ${TOOL} removed_by_git`]);
  expect(existsSync(world.path(TOOL))).toBe(false);
});

test("a branch without the component is told as such; with the branch that has it the drift is over", async () => {
  const world = await baseWith({ [TOOL]: TEXT });
  await inGit(world, [TOOL]);
  await guarding(world, TOOL);
  await git(world, "checkout", "-q", "other");
  await storyIs(world, `drift ${TOOL} removed_by_git`);
  expect(messageOf(world)).toContain("checkout: moving from main to other");
  expect(existsSync(world.path(TOOL))).toBe(false);
  await git(world, "checkout", "-q", "main");
  await storyIs(world, `drift ${TOOL} removed_by_git`, `healed ${TOOL} by itself`);
  await wellAfter(world, Date.now());
  expect(world.read(TOOL)).toBe(TEXT);
});

/** How a file comes to lie in a tree whose HEAD lacks it, with git knowing it from elsewhere. */
const LEFT_BY_GIT: readonly (readonly [string, (world: World) => Promise<void>])[] = [
  [
    "a commit made untracked long ago",
    async (world) => {
      await git(world, "rm", "-q", "--cached", TOOL);
      await git(world, "commit", "-qm", "not for git any more");
    },
  ],
  ["a mixed reset left untracked", async (world) => void (await git(world, "reset", "-q", "HEAD~1"))],
  [
    "another branch has, too,",
    async (world) => {
      await git(world, "checkout", "-q", "other");
      put(world, TOOL, TEXT);
    },
  ],
];

test.each(LEFT_BY_GIT)(
  "a component that %s is put back when something else than git removes it",
  async (_how, leave) => {
    const world = await baseWith({ [TOOL]: TEXT });
    await inGit(world, [TOOL]);
    await leave(world);
    await guarding(world, TOOL);
    rmSync(world.path(TOOL));
    await until(() => story(world).length > 0, PATIENCE_MS, "it is told");
    expect(story(world)[0], messageOf(world)).toBe(`drift ${TOOL} missing`);
    await storyIs(world, `drift ${TOOL} missing`, `healed ${TOOL} by us`);
    expect(world.read(TOOL)).toBe(TEXT);
  },
);

test("rm -rf g/followup: states are back, no drift stays, and orders go on", async () => {
  const world = await guarding(await baseWith({ [TOOL]: TEXT }), TOOL);
  world.drop("CLC", "before.json", filing("WO-BEFORE"));
  await world.reaches("WO-BEFORE", "done");
  const state = world.read("g/followup/state/WO-BEFORE.json");
  const removed = Date.now();
  rmSync(world.path("g/followup"), { recursive: true });
  await until(() => world.read("g/followup/state/WO-BEFORE.json") === state, PATIENCE_MS, "the state is back");
  world.drop("CLC", "after.json", filing("WO-AFTER"));
  await world.reaches("WO-AFTER", "done");
  await wellAfter(world, removed + LONG_MS);
  expect((await world.wo("guardrail", "check")).code).toBe(0);
  const count = (word: string) => story(world).filter((line) => line.startsWith(word)).length;
  expect(count("drift")).toBe(count("healed"));
});

test("rm -rf g/followup before there was any order: no drift stays", async () => {
  const world = await guarding(await baseWith({ [TOOL]: TEXT }), TOOL);
  const removed = Date.now();
  rmSync(world.path("g/followup"), { recursive: true });
  await wellAfter(world, removed + LONG_MS);
  expect((await world.wo("guardrail", "check")).code).toBe(0);
  expect(existsSync(world.path("g/followup/state"))).toBe(true);
});

const OLD: Tree = { "tools/a.sh": "echo an older one\n", "tools/b.sh": "echo b\n" };
const NEW: Tree = { "tools/a.sh": "echo newest of them\n", "tools/b.sh": "echo b\n" };

/** Copies an old tree over the base, as a script that rolls back; it does not keep rights. */
function rollBack(world: World): void {
  for (const [path, text] of Object.entries(OLD)) {
    mkdirSync(dirname(join(world.root, "old", path)), { recursive: true });
    writeFileSync(join(world.root, "old", path), text, { mode: 0o644 });
  }
  cpSync(join(world.root, "old"), world.base, { recursive: true });
  chmodSync(world.path("tools/b.sh"), 0o644);
}

test("an old tree that is copied over components is told, and not overwritten", async () => {
  const world = await guarding(await baseWith(NEW), ...Object.keys(NEW));
  rollBack(world);
  await until(() => story(world).length >= 2, PATIENCE_MS, "it is told");
  await pause(LONG_MS);
  expect(story(world).toSorted()).toEqual(["drift tools/a.sh content_changed", "drift tools/b.sh not_executable"]);
  expect([world.read("tools/a.sh"), modeOf(world.path("tools/b.sh"))]).toEqual([OLD["tools/a.sh"], 0o644]);
});

test("with heal: all an old tree is replaced by what was accepted, and is kept in the ledger", async () => {
  const world = await baseWith(NEW, "guardrail: {everyMs: 1000, heal: all}\n");
  await guarding(world, ...Object.keys(NEW));
  rollBack(world);
  await until(
    () => story(world).length >= 4,
    PATIENCE_MS,
    "both are healed",
    () => story(world).join(", "),
  );
  await wellAfter(world, Date.now());
  expect(story(world).toSorted()).toEqual([
    "drift tools/a.sh content_changed",
    "drift tools/b.sh not_executable",
    "healed tools/a.sh by us",
    "healed tools/b.sh by us",
  ]);
  for (const [path, text] of Object.entries(NEW))
    expect([world.read(path), modeOf(world.path(path))]).toEqual([text, 0o755]);
  const entries = jsonLines((await world.wo("ledger", "show", "--json")).stdout);
  const replaced = entries.flatMap((entry) => (entry["path"] === "tools/a.sh" ? [entry["replaced"]] : []));
  expect(replaced).toEqual([{ text: OLD["tools/a.sh"] }]);
});

test("a component that is emptied is told as such, and not overwritten", async () => {
  const world = await guarding(await baseWith({ [TOOL]: TEXT }), TOOL);
  truncateSync(world.path(TOOL), 0);
  await storyIs(world, `drift ${TOOL} emptied`);
  await pause(LONG_MS);
  expect(story(world)).toEqual([`drift ${TOOL} emptied`]);
  expect(world.read(TOOL)).toBe("");
});

test("what is deleted again and again is put back three times, and left alone then", async () => {
  const world = await guarding(await baseWith({ [TOOL]: TEXT }), TOOL);
  for (let round = 1; round <= 3; round += 1) {
    rmSync(world.path(TOOL));
    await isBack(world, TOOL, TEXT);
    await until(() => story(world).length === 2 * round, PATIENCE_MS, "it is told");
  }
  rmSync(world.path(TOOL));
  await until(() => story(world).length > 6, PATIENCE_MS, "it is told again");
  await pause(LONG_MS);
  const pair = [`drift ${TOOL} missing`, `healed ${TOOL} by us`];
  expect(story(world)).toEqual([...pair, ...pair, ...pair, `drift ${TOOL} missing`]);
  expect(messageOf(world)).toContain("it was put back 3 times within an hour, and is left alone now");
  expect(existsSync(world.path(TOOL))).toBe(false);
});

test("what an order makes of a component is guarded from then on", async () => {
  const world = await guarding(await baseWith({ [TOOL]: TEXT }), TOOL);
  world.drop("CLC", "rewrite.json", { wo_id: "WO-1", files: [{ path: TOOL, content: "#!/bin/zsh\necho new\n" }] });
  await world.reaches("WO-1", "done");
  await wellAfter(world, Date.now() + LONG_MS);
  expect(story(world)).toEqual([]);
  rmSync(world.path(TOOL));
  await storyIs(world, `drift ${TOOL} missing`, `healed ${TOOL} by us`);
  expect([world.read(TOOL), modeOf(world.path(TOOL))]).toEqual(["#!/bin/zsh\necho new\n", 0o755]);
});

test("an order takes a component away only where it says allow_delete; then nobody misses it", async () => {
  const world = await guarding(await baseWith({ [TOOL]: TEXT }), TOOL);
  const files = [{ path: TOOL, delete: true }];
  world.drop("CLC", "no.json", { wo_id: "WO-NO", files });
  await world.reaches("WO-NO", "failed");
  expect(await told(world, "WO-NO", "wo_failed")).toMatchObject({ code: "component_guarded" });
  expect(world.read(TOOL)).toBe(TEXT);
  world.drop("CLC", "yes.json", { wo_id: "WO-YES", files, allow_delete: true });
  await world.reaches("WO-YES", "done");
  await wellAfter(world, Date.now() + LONG_MS);
  expect(story(world)).toEqual([]);
  expect(existsSync(world.path(TOOL))).toBe(false);
});

test("an editor that saves by renaming, a stash and a look at another branch are no drift", async () => {
  const world = await baseWith({ [TOOL]: "an older text\n" });
  await inGit(world, [TOOL]);
  put(world, TOOL, TEXT);
  await guarding(world, TOOL);
  for (let round = 0; round < 5; round += 1) {
    put(world, `${TOOL}.tmp`, TEXT);
    renameSync(world.path(`${TOOL}.tmp`), world.path(TOOL));
    await pause(200);
  }
  await git(world, "stash", "-q");
  await pause(300);
  await git(world, "stash", "pop", "-q");
  await pause(2000);
  await git(world, "commit", "-qam", "a newer text");
  await git(world, "checkout", "-q", "other");
  await pause(300);
  await git(world, "checkout", "-q", "main");
  await wellAfter(world, Date.now() + LONG_MS);
  expect(story(world)).toEqual([]);
  expect([world.read(TOOL), modeOf(world.path(TOOL))]).toEqual([TEXT, 0o755]);
});

test("a rebase that stops for a while where the component does not exist yet is no drift", async () => {
  const world = await baseWith({ [TOOL]: TEXT });
  await inGit(world, [TOOL]);
  await guarding(world, TOOL);
  // Back to the commit before the component, a pause there, and then all commits anew.
  const pausing = join(world.root, "editor.sh");
  writeFileSync(pausing, '#!/bin/sh\n{ echo "exec sleep 3"; cat "$1"; } > "$1.new" && mv "$1.new" "$1"\n');
  chmodSync(pausing, 0o755);
  const rebasing = git(world, "-c", `sequence.editor=${pausing}`, "rebase", "-q", "-i", "--force-rebase", "other");
  await until(() => world.read(TOOL) === undefined, PATIENCE_MS, "the rebase is where it was not");
  await rebasing;
  expect(world.read(TOOL)).toBe(TEXT);
  await wellAfter(world, Date.now() + LONG_MS);
  expect(story(world)).toEqual([]);
});
