/** What each source says of a path, as sightings. */
import { join } from "node:path";
import { expect, test } from "vitest";
import type { GitHistory, GitMove } from "../../../src/platform/git-history.ts";
import type { Event } from "../../../src/records/events.ts";
import { onePath } from "../../../src/upkeep/history/path-scope.ts";
import { gitSightings, ledgerSightings, notebookSightings } from "../../../src/upkeep/history/sightings.ts";
import { chainOf, stepStarted } from "../../support/events.ts";
import { realFiles } from "../../support/ledger-kit.ts";
import { put, temporaryFolder } from "../../support/temporary-folder.ts";

const PATH = "tools/tool.zsh";
const BASE = { path: "/home/u/base", home: "/home/u" };
const of = { wo_id: "WO-1", lane: "CLC", attempt: 1 };
const image = { sha256: "a", size_bytes: 1, mode: 0o644, content: { text: "a" } };
const inBase = { root: ".", temporary: ".t" };

const entriesOf = (events: readonly Event[]) => chainOf(events).map(({ entry }) => entry);

function git(bend: Partial<GitHistory>): GitHistory {
  return { commits: [], moves: [], isInHead: false, isInIndex: false, unread: [], ...bend };
}

function move(what: string, before?: string, after?: string): GitMove {
  return {
    wallMs: 1_000_000,
    worktree: "/base",
    isOwn: true,
    what,
    from: "a".repeat(40),
    to: "b".repeat(40),
    before,
    after,
  };
}

test.each([
  ["one that took it away", move("reset: moving to x", "1", undefined), "gone", 3],
  ["one that brought it", move("checkout: moving from a to b", undefined, "1"), "there", undefined],
  ["one that may have taken what git does not know", move("reset: moving to x"), undefined, 1],
  ["one that takes nothing", move("commit: more"), undefined, undefined],
])("of the moves of HEAD %s", (_what, one, state, weight) => {
  const [sighting] = gitSightings(git({ moves: [one] }));
  expect([sighting?.state, sighting?.suspect?.weight]).toEqual([state, weight]);
});

test("git keeps whole seconds: what it took away was gone by the next one", () => {
  const [sighting] = gitSightings(git({ moves: [move("reset: moving to x", "1", undefined)] }));
  expect(sighting?.ts).toBe(new Date(1_001_000).toISOString());
});

test("what was taken away and brought back within a second is there behind it, as the reflog has it", () => {
  const moves = [move("checkout: moving from side to main", undefined, "1"), move("checkout: to side", "1", undefined)];
  const [gone, there] = gitSightings(git({ moves }));
  expect([gone?.state, there?.state, gone?.ts === there?.ts]).toEqual(["gone", "there", true]);
});

test("an order that planned to write it and did not is no sighting", () => {
  const planned = { event: "patch_planned" as const, ...of, files: [{ ...inBase, path: PATH, after: image }] };
  expect(ledgerSightings(entriesOf([planned]), BASE, onePath(PATH))).toEqual([]);
  const applied = { event: "patch_applied" as const, ...of, changed: 1 };
  expect(ledgerSightings(entriesOf([planned, applied]), BASE, onePath(PATH))).toMatchObject([
    { state: "there", text: "order WO-1 wrote it" },
  ]);
});

test("what lies in a folder is the folder's; what only begins like it is not", () => {
  const planned = { event: "patch_planned" as const, ...of, files: [{ ...inBase, path: PATH, before: image }] };
  const applied = { event: "patch_applied" as const, ...of, changed: 1 };
  expect(ledgerSightings(entriesOf([planned, applied]), BASE, onePath("tools"))).toMatchObject([
    { state: "gone", suspect: { weight: 3 } },
  ]);
  expect(ledgerSightings(entriesOf([planned, applied]), BASE, onePath("too"))).toEqual([]);
});

test("a drift tells twice: when it was last there, and when it was gone", () => {
  const drift = {
    event: "wo_pipeline_drift" as const,
    missing: PATH,
    reason: "missing" as const,
    message: "it is not there",
    last_seen: "2026-01-01T00:00:00.000Z",
  };
  expect(ledgerSightings(entriesOf([drift]), BASE, onePath(PATH))).toMatchObject([
    { ts: "2026-01-01T00:00:00.000Z", state: "there" },
    { state: "gone" },
  ]);
  const other = { ...drift, reason: "content_changed" as const };
  expect(ledgerSightings(entriesOf([other]), BASE, onePath(PATH)).at(-1)).toMatchObject({ state: "broken" });
});

test("notes are found by the file's name, with their own time or that of their file", () => {
  const base = temporaryFolder();
  put(join(base, "logs/rollback_x.log"), "[2026-01-02 03:04:05Z] cp tool.zsh\nother\nrm tool.zsh\n");
  put(join(base, "logs/other.log"), "tool.zsh\n");
  const { sightings, sources } = notebookSightings(realFiles, base, onePath(PATH));
  expect(sightings.map(({ ts, text }) => [ts.slice(0, 10), text])).toEqual([
    ["2026-01-02", "logs/rollback_x.log: [2026-01-02 03:04:05Z] cp tool.zsh"],
    [new Date().toISOString().slice(0, 10), "logs/rollback_x.log: rm tool.zsh"],
  ]);
  expect(sources).toEqual([
    { name: "mls/ledger/*.jsonl", state: "none" },
    { name: "logs/rollback_x.log", state: "read" },
  ]);
});

test("a ledger of lessons that holds no JSON, or is no file, is named as not read", () => {
  const base = temporaryFolder();
  put(join(base, "mls/ledger/a.jsonl"), "tool.zsh\n");
  put(join(base, "mls/ledger/b.jsonl/x"), "");
  expect(notebookSightings(realFiles, base, onePath(PATH)).sources.slice(0, 2)).toMatchObject([
    { name: "mls/ledger/a.jsonl", state: "unread" },
    { name: "mls/ledger/b.jsonl", state: "unread" },
  ]);
});

test("what happens in another worktree takes nothing away here", () => {
  const [sighting] = gitSightings(
    git({ moves: [{ ...move("checkout: moving from a to b", "1", undefined), isOwn: false }] }),
  );
  expect([sighting?.state, sighting?.suspect]).toEqual([undefined, undefined]);
});

test("a command names a path only as a word of its own", () => {
  const step = (name: string) => stepStarted({ name });
  const weightOf = (name: string, path: string) =>
    ledgerSightings(entriesOf([step(name)]), BASE, onePath(path))[0]?.suspect?.weight;
  expect([weightOf("rm tools/tool.zsh", PATH), weightOf("rm mytools/tool.zsh", PATH), weightOf("test 1", "e")]).toEqual(
    [2, 1, 1],
  );
});

test("what orders do to a LaunchAgent is told of it, however they write its path", () => {
  const name = "~/Library/LaunchAgents/com.02luka.x.plist";
  const file = { root: "/home/u", temporary: ".t", path: "Library/LaunchAgents/com.02luka.x.plist", after: image };
  const events = [
    { event: "patch_planned" as const, ...of, files: [file, { ...file, root: "/home/v" }] },
    { event: "patch_applied" as const, ...of, changed: 2 },
    stepStarted({ name: 'launchctl unload "$HOME/Library/LaunchAgents/com.02luka.x.plist"' }),
  ];
  expect(ledgerSightings(entriesOf(events), BASE, onePath(name))).toMatchObject([
    { text: "order WO-1 wrote it", state: "there" },
    { suspect: { weight: 2 } },
  ]);
});
