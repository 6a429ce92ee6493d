/** What follows from what was seen of a path: it is never said that something never was where any source knows better. */
import { expect, test } from "vitest";
import type { Standing } from "../../../src/upkeep/history/path-standing.ts";
import { verdictOf } from "../../../src/upkeep/history/path-verdict.ts";
import type { Sighting, SourceReport, Suspect } from "../../../src/upkeep/history/sightings.ts";

const GONE: Standing = { kind: "gone" };
const NOW = Date.parse("2026-01-05T12:00:00.000Z");
const READ: SourceReport = { name: "git", state: "read" };
const UNREAD: SourceReport = { name: "git", state: "unread", note: "dubious ownership" };

function at(time: string, more: Partial<Sighting> = {}): Sighting {
  return { ts: `2026-01-05T${time}Z`, source: "ledger", text: "", ...more };
}

const there = (time: string) => at(time, { state: "there" });
const gone = (time: string, suspect?: Suspect) =>
  at(time, { state: "gone", ...(suspect === undefined ? {} : { suspect }) });
const near = (who: string, weight: Suspect["weight"]): Suspect => ({ who, why: "", weight });

test("what is there is not looked into; what is broken is said to be that, whatever was seen", () => {
  expect(verdictOf({ kind: "there" }, [gone("10:00:00.000")], [READ], NOW)).toEqual({ kind: "as_it_has_to_be" });
  const broken: Standing = { kind: "broken", reason: "link", message: "it leads nowhere" };
  expect(verdictOf(broken, [], [READ], NOW)).toEqual({ kind: "exists_but_broken", message: "it leads nowhere" });
});

test("never is said only where every source could be read", () => {
  expect(verdictOf(GONE, [at("10:00:00.000")], [READ], NOW)).toEqual({ kind: "never_existed" });
  expect(verdictOf(GONE, [], [READ, UNREAD], NOW)).toEqual({ kind: "cannot_tell" });
  expect(verdictOf(GONE, [there("10:00:00.000")], [READ, UNREAD], NOW)).toMatchObject({
    kind: "existed_then_vanished",
  });
});

test("it vanished between the last time it was there and the first time after that it was gone", () => {
  const seen = [
    there("08:00:00.000"),
    gone("09:00:00.000"),
    there("10:00:00.000"),
    gone("11:00:00.000"),
    gone("11:30:00.000"),
  ];
  expect(verdictOf(GONE, seen, [READ], NOW)).toMatchObject({
    last_seen: { ts: "2026-01-05T10:00:00.000Z" },
    first_missing: { ts: "2026-01-05T11:00:00.000Z" },
  });
});

test("what nobody saw go is missing from now on", () => {
  expect(verdictOf(GONE, [there("10:00:00.000")], [READ], NOW)).toMatchObject({
    first_missing: { ts: "2026-01-05T12:00:00.000Z", source: "disk" },
    suspects: [],
  });
});

test("suspects are those of that time, each once: what is written down first, then the nearest to its end", () => {
  const seen = [
    at("09:59:00.000", { suspect: near("too early", 3) }),
    there("10:00:00.000"),
    at("10:10:00.000", { suspect: near("at work", 1) }),
    at("10:20:00.000", { suspect: near("at work, later", 1) }),
    at("10:25:00.000", { suspect: near("at work", 1) }),
    at("10:30:00.000", { suspect: near("names it", 2) }),
    gone("11:00:00.000", near("did it", 3)),
    at("11:30:00.000", { suspect: near("too late", 3) }),
  ];
  const verdict = verdictOf(GONE, seen, [READ], NOW);
  expect(verdict.kind === "existed_then_vanished" && verdict.suspects.map(({ who }) => who)).toEqual([
    "did it",
    "names it",
    "at work",
    "at work, later",
  ]);
});
