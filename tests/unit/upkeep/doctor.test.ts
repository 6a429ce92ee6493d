/** What a doctor makes of its checks: nothing that was not seen is green. */
import { expect, test } from "vitest";
import { BridgeError } from "../../../src/platform/errors.ts";
import {
  applyMends,
  type Check,
  type CodedFinding,
  causeOf,
  countsOf,
  examine,
  type Finding,
  followersOf,
  type Mark,
} from "../../../src/upkeep/doctor.ts";
import { quickClock } from "../../support/clocks.ts";
import { HandClock } from "../../support/hand-clock.ts";

const check = (code: string, look: Check["look"]): Check => ({ code, about: code, restsOn: [], look });
const fine: Finding = { mark: "ok", seen: "fine" };

test("findings carry their check's code, in the order of the checks", async () => {
  const worse: Finding = { mark: "warning", seen: "worse", since: "2026-01-05T12:00:00.000Z", next: "do" };
  const checks = [check("one", () => [fine, worse]), check("other", async () => [fine])];
  const findings = await examine(checks, quickClock(), 1000);
  expect(findings).toEqual([
    { code: "one", ...fine },
    { code: "one", ...worse },
    { code: "other", ...fine },
  ]);
  expect(countsOf(findings)).toEqual({ ok: 2, not_here: 0, warning: 1, error: 0, unknown: 0 });
});

const refused = new BridgeError("BASE_UNKNOWN", "not attached");

test.each<readonly [string, Check["look"], Finding]>([
  ["says nothing", () => [], { mark: "unknown", seen: "nothing was looked at" }],
  ["meets a refusal", () => Promise.reject(refused), { mark: "unknown", seen: "not attached", next: refused.hint }],
  [
    "breaks",
    () => {
      throw new Error("a bug");
    },
    { mark: "unknown", seen: "a bug" },
  ],
])("a check that %s is unknown, and the others are done", async (_what, look, finding) => {
  const clock = new HandClock();
  const findings = await examine([check("odd", look), check("other", () => [fine])], clock, 1000);
  expect(findings).toEqual([
    { code: "odd", ...finding },
    { code: "other", ...fine },
  ]);
});

test("a check that never answers is unknown after a while, and keeps no other from its look", async () => {
  const clock = new HandClock();
  const looked: string[] = [];
  const other = check("other", () => {
    looked.push("other");
    return [fine];
  });
  const examined = examine([check("slow", () => new Promise(() => undefined)), other], clock, 1400);
  await clock.pass(0);
  expect(looked).toEqual(["other"]);
  await clock.pass(1400);
  const next = "wo doctor --check slow    (takes the time that it needs)";
  expect(await examined).toEqual([
    { code: "slow", mark: "unknown", seen: "it took longer than 1.4 s", next },
    { code: "other", ...fine },
  ]);
});

const coded = (code: string, mark: Mark) => ({ code, mark, seen: code });

test.each<readonly [string, readonly CodedFinding[], string | undefined]>([
  ["an error before a warning that stands before it", [coded("a", "warning"), coded("b", "error")], "b"],
  ["the first of the errors", [coded("a", "ok"), coded("b", "error"), coded("c", "error")], "b"],
  ["what nobody can tell before a warning", [coded("a", "warning"), coded("b", "unknown")], "b"],
  ["a warning where there is nothing worse", [coded("a", "not_here"), coded("b", "warning")], "b"],
  ["nothing where all is well", [coded("a", "ok"), coded("b", "not_here")], undefined],
])("what to look at first: %s", (_what, findings, code) => {
  expect(causeOf(findings)?.code).toBe(code);
});

test("what rests on a check rests on what that rests on, too", () => {
  const on = (code: string, ...restsOn: readonly string[]): Check => ({ code, about: code, restsOn, look: () => [] });
  const checks = [on("a"), on("b", "a"), on("c", "b"), on("d")];
  expect([...followersOf(checks, "a")]).toEqual(["b", "c"]);
  expect([...followersOf(checks, "d")]).toEqual([]);
});

test("mends are done in the order of the checks; what offers none, and what is refused, says why", async () => {
  const mend = (did: string) => ({ would: `do ${did}`, apply: async () => did });
  const refusing = { would: "do it", apply: () => Promise.reject(new BridgeError("DISK_REFUSED", "no")) };
  const checks = [
    check("one", () => [{ mark: "warning", seen: "s", mend: mend("first") }]),
    check("two", () => [{ mark: "error", seen: "gone", next: "look" }]),
    check("three", () => [fine]),
    check("four", () => [{ mark: "error", seen: "s", mend: refusing }]),
  ];
  expect(await applyMends(checks, quickClock(), 1000)).toEqual([
    { code: "one", did: "first" },
    { code: "two", refused: "a person has to do it: gone; look" },
    { code: "three", refused: "nothing is wrong there" },
    { code: "four", refused: "do it: no" },
  ]);
});
