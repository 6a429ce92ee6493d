import { join } from "node:path";
import { expect, test } from "vitest";
import { linesFromEnd } from "../../../src/platform/lines-from-end.ts";
import type { Entry } from "../../../src/records/chain.ts";
import type { Event } from "../../../src/records/events.ts";
import { Budget, spanText } from "../../../src/upkeep/history/clues.ts";
import { heartbeatGaps } from "../../../src/upkeep/history/heartbeats.ts";
import { LedgerGaps } from "../../../src/upkeep/history/ledger-gaps.ts";
import { manyPaths } from "../../../src/upkeep/history/path-scope.ts";
import { chainOf } from "../../support/events.ts";
import { HandClock } from "../../support/hand-clock.ts";
import { realFiles } from "../../support/ledger-kit.ts";
import { put, temporaryFolder } from "../../support/temporary-folder.ts";

const ALWAYS = { fromMs: 0, toMs: 8e15 };
const started: Event = { event: "daemon_started", pid: 1, version: "1", boot_id: "b" };
const stopped: Event = { event: "daemon_stopped", pid: 1, reason: "SIGTERM" };

/** Entries a minute apart. */
function entries(events: readonly Event[]): readonly Entry[] {
  return chainOf(events).map(({ entry }, index) => ({ ...entry, ts: new Date(index * 60_000).toISOString() }));
}

function gapsIn(seen: readonly Entry[], span = ALWAYS): readonly string[] {
  const gaps = new LedgerGaps(span);
  for (const entry of seen) gaps.see(entry);
  return gaps.end(3_600_000).map(({ text }) => text);
}

test("a ledger without gaps has none; one that lost its middle, or its beginning, says which", () => {
  const all = entries([started, started, started, started, started]).map((entry, index) =>
    index === 0 ? entry : { ...entry, event: "intake_resumed" as const, paused_ms: 1 },
  );
  expect(gapsIn(all)).toEqual([]);
  expect(gapsIn(all.toSpliced(1, 2))).toEqual([expect.stringMatching(/^entries 2 to 3 are missing, between 1970/)]);
  expect(gapsIn(all.slice(1))).toEqual([expect.stringMatching(/^entry 1 is missing, before 1970/)]);
  const changed = all.map((entry) => (entry.seq === 3 ? { ...entry, hash: "f".repeat(64) } : entry));
  expect(gapsIn(changed)).toEqual(["entry 4 does not follow entry 3: one of them was changed"]);
});

test("a daemon that ended without a word is told however soon it is back, one that was stopped after a minute", () => {
  expect(gapsIn(entries([started, started]))).toEqual([
    expect.stringMatching(/ended without a word .*\(1 min later\)/),
  ]);
  expect(gapsIn(entries([started, stopped, started]))).toEqual([expect.stringMatching(/^no daemon from .*\(1 min\)$/)]);
  const soon = entries([started, stopped, started]).map((entry) => ({ ...entry, ts: "1970-01-01T00:00:00.000Z" }));
  expect(gapsIn(soon)).toEqual([]);
  expect(gapsIn(entries([started, stopped]))).toEqual([expect.stringContaining("not started again by 1970-01-01T01")]);
});

test("only gaps that reach into the span are told", () => {
  const seen = entries([started, stopped, started]);
  expect(gapsIn(seen, { fromMs: 90_000, toMs: 100_000 })).toHaveLength(1);
  expect(gapsIn(seen, { fromMs: 130_000, toMs: 140_000 })).toEqual([]);
});

test("heartbeats may be two periods apart, from what came before the span to its end, and no more", () => {
  const gaps = (times: readonly number[]) =>
    heartbeatGaps(times, { fromMs: 10_000, toMs: 20_000 }, 1000).map(({ text }) => text.slice(54, 78));
  expect(gaps([9000, 11_000, 13_000, 15_000, 17_000, 19_000])).toEqual([]);
  expect(gaps([9000, 11_000, 15_001, 17_000, 19_000])).toHaveLength(1);
  expect(gaps([])).toHaveLength(1);
  expect(gaps([8000, 10_500, 12_500, 14_500, 16_500, 18_500])).toHaveLength(1);
  expect(gaps([10_500, 12_500, 14_500, 16_500, 17_500])).toHaveLength(1);
});

test("lines come from the end, in pieces of any size, with or without what stands behind the last newline", () => {
  const path = join(temporaryFolder(), "log");
  const lines = Array.from({ length: 40_000 }, (_, index) => `${index} ${"ä".repeat(index % 30)}`);
  put(path, `${lines.join("\n")}\nno end`);
  const read = (wish: object) => [...linesFromEnd(realFiles, path, wish)].toReversed().flat();
  expect(read({})).toEqual(lines);
  expect(read({ fragment: true })).toEqual([...lines, "no end"]);
  const last = read({ lastBytes: 1000 });
  expect([last.at(-1), last.length > 1000, last.length < 40_000]).toEqual([lines.at(-1), true, true]);
});

test("what is cut by the budget is told, and only then", () => {
  const clock = new HandClock();
  const told: string[] = [];
  const whole = new Budget(clock, 1000);
  expect([...whole.within([1, 2], () => told.push("cut"))]).toEqual([1, 2]);
  expect([...new Budget(clock, 0).within([1, 2], () => told.push("cut"))]).toEqual([]);
  expect([told, new Budget(clock, 0).leftMs()]).toEqual([["cut"], 0]);
});

test("a path is named by itself, by its folder, or by its last name, whichever says the most", () => {
  const scope = manyPaths(["agents/x/x.zsh", "tools/a.b"]);
  expect(
    ["cp bak/x.zsh agents/x/x.zsh", "ls agents/x/", "rm bak/x.zsh", "x.zshrc"].map((text) =>
      scope.looselyNamedIn(text),
    ),
  ).toEqual(["agents/x/x.zsh", "agents/x", "x.zsh", undefined]);
  expect([scope.namedIn("tools/aXb"), manyPaths([]).namedIn("anything"), scope.has("agents/x")]).toEqual([
    undefined,
    undefined,
    false,
  ]);
});

test("spans are told in their two largest units", () => {
  expect([0, 999, 61_000, 3_600_000, 90_061_000].map(spanText)).toEqual([
    "0 ms",
    "999 ms",
    "1 min 1 s",
    "1 h",
    "1 d 1 h",
  ]);
});
