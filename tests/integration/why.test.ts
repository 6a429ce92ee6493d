/** `wo why`: what took a file away, told by a real git, a real ledger and what people wrote down. */
import { chmodSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { git, inGit, put } from "../support/git-kit.ts";
import { linesTold, QUICK } from "../support/line-kit.ts";
import { given } from "../support/results.ts";
import { asRecord, type JsonLine, MAIN, until, World } from "../support/world.ts";

const TOOL = "tools/tool.zsh";
/** From where the commands are typed. */
const TYPED = `home/02luka/${TOOL}`;
const TEXT = "#!/bin/zsh\necho a tool\n";
/** Looked at each second, and left as it is found. */
const CONFIG = `${QUICK}guardrail: {everyMs: 1000, heal: off}\n`;

/** A base with the tool in it, in git where that is wanted. */
async function withTool(where: "in git" | "untracked"): Promise<World> {
  const world = await World.make({ config: CONFIG });
  put(world, TOOL, TEXT);
  await inGit(world, where === "in git" ? [TOOL] : ["wo-bridge.yaml"]);
  return world;
}

/** What `wo why` says, as text and as data. */
async function asked(world: World, path = TOOL) {
  const [text, json] = [await world.wo("why", path), await world.wo("why", path, "--json")];
  const data = asRecord(asRecord(JSON.parse(json.stdout))["data"]);
  expect(json.code).toBe(text.code);
  const verdict = asRecord(data["verdict"]);
  const suspects = Array.isArray(verdict["suspects"])
    ? verdict["suspects"].map((one) => String(asRecord(one)["who"]))
    : [];
  return { code: text.code, text: text.stdout, kind: verdict["kind"], verdict, suspects, next: lastLine(text.stdout) };
}

function lastLine(text: string): string {
  return text.trimEnd().split("\n").at(-1) ?? "";
}

/** The drift with this reason, once it is told. */
async function driftOf(world: World, reason: string): Promise<JsonLine> {
  const drift = () =>
    linesTold(world).find((line) => line["event"] === "wo_pipeline_drift" && line["reason"] === reason);
  await until(() => drift() !== undefined, 20_000, `the drift is told: ${reason}`);
  return given(drift());
}

test("what is there is as it has to be; what is outside of the base is none of its business", async () => {
  const world = await withTool("in git");
  expect(await asked(world)).toMatchObject({
    code: 0,
    kind: "as_it_has_to_be",
    next: `next: wo guardrail accept ${TYPED}, if it must not vanish`,
  });
  expect((await world.wo("why", "../elsewhere")).code).toBe(2);
});

test("what nobody ever wrote down never existed", async () => {
  const world = await withTool("in git");
  expect(await asked(world, "tools/other.zsh")).toMatchObject({
    code: 1,
    kind: "never_existed",
    next: "next: create it, then wo guardrail accept home/02luka/tools/other.zsh",
  });
});

test("git reset --hard is the suspect, and the commit that had it is what to restore from", async () => {
  const world = await withTool("in git");
  const hash = await git(world, "rev-parse", "--short", "HEAD");
  await git(world, "reset", "-q", "--hard", "HEAD~1");
  const said = await asked(world);
  expect(said).toMatchObject({
    code: 1,
    kind: "existed_then_vanished",
    next: `next: git -C ${world.base} restore --source=${hash} -- ${TOOL}`,
  });
  expect(said.suspects[0]).toBe("git, reset: moving to HEAD~1");
  await git(world, "restore", `--source=${hash}`, "--", TOOL);
  expect(world.read(TOOL)).toBe(TEXT);
});

test("a commit that deleted it among many is the suspect, with its hash", async () => {
  const world = await withTool("in git");
  await git(world, "rm", "-rq", "tools");
  await git(world, "commit", "-qm", "robot: tidy up");
  const hash = await git(world, "rev-parse", "--short", "HEAD");
  const said = await asked(world);
  expect(said.suspects).toEqual(["git, commit: robot: tidy up", `commit ${hash} "robot: tidy up" by t`]);
});

test("another branch that lacks it is told as the checkout that it was", async () => {
  const world = await withTool("in git");
  await git(world, "checkout", "-q", "other");
  expect((await asked(world)).suspects[0]).toBe("git, checkout: moving from main to other");
});

test("what HEAD has was removed by somebody else, and is restored from it", async () => {
  const world = await withTool("in git");
  rmSync(world.path(TOOL));
  expect(await asked(world)).toMatchObject({
    kind: "existed_then_vanished",
    next: `next: git -C ${world.base} restore --source=HEAD --staged --worktree -- ${TOOL}`,
  });
});

test("an order whose command wiped an untracked component is named, within what the guardrail saw", async () => {
  const world = await withTool("untracked");
  await world.startDaemon();
  await world.wo("guardrail", "accept", TOOL, "--why", "test");
  const before = new Date().toISOString();
  world.drop("CLC", "clean.json", { wo_id: "WO-CLEAN", steps: [{ run: "git clean -fdxq tools" }] });
  await world.reaches("WO-CLEAN", "done");
  const drift = await driftOf(world, "missing");
  const said = await asked(world);
  expect(said).toMatchObject({ kind: "existed_then_vanished" });
  expect(said.suspects).toContain("order WO-CLEAN");
  expect(said.text).toContain("git clean -fdxq tools");
  expect(asRecord(said.verdict["first_missing"])).toEqual({ ts: drift["ts"], source: "guardrail" });
  expect(String(asRecord(said.verdict["first_missing"])["ts"]) > before).toBe(true);
});

test("an order that deleted it is written down as such", async () => {
  const world = await withTool("untracked");
  await world.startDaemon();
  world.drop("CLC", "delete.json", { wo_id: "WO-DELETE", operations: [{ op: "delete", path: TOOL }] });
  await world.reaches("WO-DELETE", "done");
  const said = await asked(world);
  expect(said).toMatchObject({ kind: "existed_then_vanished" });
  expect(said.suspects).toEqual(["order WO-DELETE"]);
});

test("a rollback log that names it, and a lesson about it, are on the timeline", async () => {
  const world = await withTool("untracked");
  world.write("logs/rollback_phase6.log", "2026-11-20 10:00:00 cp old/tool.zsh over tools/tool.zsh\nnothing else\n");
  world.write("mls/ledger/2026-11-20.jsonl", '{"ts":"2026-11-20T09:00:00Z","title":"tool.zsh works"}\nno json\n');
  rmSync(world.path(TOOL));
  const said = await asked(world);
  expect(said).toMatchObject({ kind: "existed_then_vanished", suspects: ["logs/rollback_phase6.log"] });
  expect(said.text).toContain("2026-11-20T09:00:00.000Z  mls");
  expect(said.text).toContain("not read: mls/ledger/2026-11-20.jsonl (1 lines are no JSON)");
});

test("a script that lost its right to run is mended in place", async () => {
  const world = await withTool("in git");
  chmodSync(world.path(TOOL), 0o644);
  expect(await asked(world)).toMatchObject({ kind: "exists_but_broken", next: `next: chmod +x ${TYPED}` });
});

test("a commit that deletes 1,709 files, the pipeline among them, is named with its hash", async () => {
  const world = await withTool("in git");
  const many = Array.from({ length: 1708 }, (_, index) => `tools/part-${index}.txt`);
  for (const path of many) world.write(path, path);
  await git(world, "add", "tools");
  await git(world, "commit", "-qm", "all the parts");
  await world.startDaemon();
  await world.wo("guardrail", "accept", TOOL, "--why", "test");
  await git(world, "rm", "-rq", "tools");
  await git(world, "commit", "-qm", "chore: sync");
  const hash = await git(world, "rev-parse", "--short", "HEAD");
  const gone = await driftOf(world, "removed_by_git");
  expect(String(gone["message"])).toContain(`${hash} chore: sync`);
  const said = await asked(world);
  expect(said).toMatchObject({ kind: "existed_then_vanished", next: expect.stringContaining("restore --source=") });
  expect(said.suspects).toContain("git, commit: chore: sync");
});

test("a rollback script that restores an old tree is the suspect for what it overwrote", async () => {
  const world = await withTool("untracked");
  await world.startDaemon();
  await world.wo("guardrail", "accept", TOOL, "--why", "test");
  const script =
    'cp old.zsh tools/tool.zsh; mkdir -p logs; echo "$(date -u +%FT%T.000Z) cp old.zsh tools/tool.zsh" > logs/rollback_6.log';
  world.write("old.zsh", "#!/bin/zsh\necho an older tool\n");
  expect((await world.run(["sh", "-c", `cd ${world.base}; ${script}`])).code).toBe(0);
  await driftOf(world, "content_changed");
  const said = await asked(world);
  expect(said).toMatchObject({ kind: "exists_but_broken", suspects: ["logs/rollback_6.log"] });
  expect((await world.wo("undo", "--path", TOOL, "--apply")).code).toBe(0);
  expect(world.read(TOOL)).toBe(TEXT);
  expect(said.next).toBe(`next: wo undo --path ${TYPED}, or wo guardrail accept ${TYPED} as it is`);
});

test("a tool that rewrites a ledger of lines as an empty file is told as such, with since when", async () => {
  const world = await withTool("untracked");
  const path = "mls/ledger/lessons.jsonl";
  world.write(path, '{"ts":"2026-11-20T09:00:00Z","title":"one"}\n');
  await world.startDaemon();
  await world.wo("guardrail", "accept", path, "--why", "test");
  world.write(path, "");
  const drift = await driftOf(world, "emptied");
  const said = await asked(world, path);
  expect(said).toMatchObject({ kind: "exists_but_broken", suspects: [] });
  expect(asRecord(said.verdict["first_missing"])).toEqual({ ts: drift["ts"], source: "guardrail" });
  expect(said.text).toContain("it is empty");
});

test("a commit whose subject looks like git's own output is told as it is, and its words are never typed", async () => {
  const world = await withTool("in git");
  world.write("victim", "v\n");
  await git(world, "add", "victim");
  await git(world, "commit", "-qm", "innocent\u001e$(touch PWNED)\u001f1700000000\u001fme\u001fsubject");
  const hash = await git(world, "rev-parse", "--short", "HEAD");
  await git(world, "reset", "-q", "--hard", "HEAD~1");
  const said = await asked(world, "victim");
  expect(said).toMatchObject({
    kind: "existed_then_vanished",
    next: `next: git -C ${world.base} restore --source=${hash} -- victim`,
  });
});

test("what was removed from git and the tree, and what was only added, come back by what is said to type", async () => {
  const world = await withTool("in git");
  await git(world, "rm", "-q", TOOL);
  world.write("added.txt", "added\n");
  await git(world, "add", "added.txt");
  rmSync(world.path("added.txt"));
  for (const path of [TOOL, "added.txt"]) {
    const said = await asked(world, path);
    expect((await world.run(["sh", "-c", said.next.replace("next: ", "")])).code).toBe(0);
  }
  expect([world.read(TOOL), world.read("added.txt")]).toEqual([TEXT, "added\n"]);
});

test("an agent of launchd that names the path is told with how launchctl has it, or that nobody could be asked", async () => {
  const world = await World.make();
  world.write("tools/gone.zsh", "#!/bin/zsh\n");
  const agents = join(world.home, "Library/LaunchAgents");
  mkdirSync(agents, { recursive: true });
  for (const [label, path] of [
    ["com.02luka.gone", "tools/gone.zsh"],
    ["com.02luka.other", "tools/other.zsh"],
  ])
    writeFileSync(
      join(agents, `${label}.plist`),
      `<plist version="1.0"><dict><key>Program</key><string>${world.base}/${path}</string></dict></plist>`,
    );
  rmSync(world.path("tools/gone.zsh"));
  const unasked = await world.wo("why", world.path("tools/gone.zsh"));
  expect(unasked.stdout).toMatch(/LaunchAgent\s+com\.02luka\.gone names it; nobody could be asked how it is/);
  expect(unasked.stdout).toMatch(/not read: launchctl list \(not asked: this machine has no launchctl/);
  expect(unasked.stdout).not.toContain("com.02luka.other names it");

  const bin = join(world.root, "bin");
  mkdirSync(bin);
  const rows = 'printf "PID\\tStatus\\tLabel\\n-\\t127\\tcom.02luka.gone\\n7\\t0\\tcom.02luka.other\\n"';
  writeFileSync(join(bin, "launchctl"), `#!/bin/sh\n${rows}\n`, { mode: 0o755 });
  const env = { ...world.env, WO_LAUNCHCTL: join(bin, "launchctl") };
  const known = await world.run([process.execPath, MAIN, "why", world.path("tools/gone.zsh")], env);
  expect(known.stdout).toMatch(/com\.02luka\.gone names it; it last ended with 127: a shell did not find the program/);
  expect(known.stdout).not.toContain("not read: launchctl");
});
