import { expect, test } from "vitest";
import type { Event } from "../../../src/records/events.ts";
import { type Facts, factsSchema, foldFacts, NO_FACTS } from "../../../src/records/facts.ts";
import { accepted, chainOf, happened } from "../../support/events.ts";
import { note } from "../../support/ledger-kit.ts";

const PAUSED: Event = { event: "intake_paused", reason: "disk_full", message: "no room" };
const STARTED: Event = { event: "daemon_started", pid: 1, version: "1", boot_id: "b" };

function factsAfter(events: readonly Event[]): Facts {
  return chainOf(events).reduce(foldFacts, NO_FACTS);
}

test("a ledger knows whose it is", () => {
  expect(factsAfter([{ event: "ledger_created", ledger: "L", base: "B" }])).toEqual({
    ...NO_FACTS,
    ledger: "L",
    base: "B",
  });
});

test("the newest backlog and the newest accepted configuration count", () => {
  const attached = (text: string): Event => ({ event: "base_attached", path: "/b", backlog: { text } });
  const config = (sha256: string): Event => ({ event: "config_accepted", by: "me", sha256, config: { text: sha256 } });
  expect(factsAfter([attached("a"), config("1"), attached("b"), config("2")])).toEqual({
    ...NO_FACTS,
    backlog: { text: "b" },
    config: { sha256: "2", content: { text: "2" } },
  });
});

test("the newest canary counts, and that it did not come through", () => {
  const passed: Event = { event: "canary_passed", wo_id: "WO-1", total_ms: 5 };
  const failed: Event = { event: "canary_failed", wo_id: "WO-2", message: "no result" };
  expect(factsAfter([passed, failed]).canary).toEqual({
    ts: "2026-01-05T00:00:02.000Z",
    wo_id: "WO-2",
    fault: "no result",
  });
  expect(factsAfter([failed, passed]).canary).toEqual({ ts: "2026-01-05T00:00:02.000Z", wo_id: "WO-1" });
});

test("what was rejected is kept with its first problem, what was passed over with its reason", () => {
  const problems = [
    { code: "bad_id", message: "first" },
    { code: "bad_path", message: "second" },
  ] as const;
  const rejected: Event = { event: "wo_rejected", lane: "CLC", claim: "c", name: "a.yaml", problems };
  const facts = factsAfter([rejected, { ...rejected, problems: [] }, note("b.md")]);
  expect(facts.rejected).toEqual([
    { ts: "2026-01-05T00:00:01.000Z", lane: "CLC", name: "a.yaml", reason: "first" },
    { ts: "2026-01-05T00:00:02.000Z", lane: "CLC", name: "a.yaml", reason: "rejected" },
  ]);
  expect(facts.ignored).toMatchObject([{ name: "b.md", reason: "a test" }]);
});

test("only the newest two hundred notes are kept", () => {
  const { ignored } = factsAfter(Array.from({ length: 205 }, (_, at) => note(`n${at}`)));
  expect(ignored).toHaveLength(200);
  expect(ignored[0]?.name).toBe("n5");
  expect(ignored.at(-1)?.name).toBe("n204");
});

test.each<readonly [string, readonly Event[], boolean]>([
  ["it is paused", [PAUSED], true],
  ["it is resumed", [PAUSED, { event: "intake_resumed", paused_ms: 5 }], false],
  ["another daemon starts", [PAUSED, STARTED], false],
  ["it is paused again", [STARTED, PAUSED], true],
])("intake counts as paused, or not, when %s", (_when, events, isPaused) => {
  const { paused } = factsAfter(events);
  expect(paused !== undefined).toBe(isPaused);
  if (isPaused) expect(paused).toMatchObject({ reason: "disk_full", message: "no room" });
});

test("what happens to one order changes no fact", () => {
  const facts = factsAfter([PAUSED]);
  expect(chainOf([accepted(), ...Object.values(happened)]).reduce(foldFacts, facts)).toBe(facts);
});

test("facts survive being written down", () => {
  const facts = factsAfter([{ event: "ledger_created", ledger: "L", base: "B" }, PAUSED, note("a")]);
  expect(factsSchema.parse(JSON.parse(JSON.stringify(facts)))).toEqual(facts);
});
