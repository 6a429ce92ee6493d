/** What a doctor makes of its checks: nothing that was not seen is green. */
import { expect, test } from "vitest";
import { BridgeError } from "../../../src/platform/errors.ts";
import { type Check, countsOf, examine, type Finding } from "../../../src/upkeep/doctor.ts";
import { quickClock } from "../../support/clocks.ts";
import { HandClock } from "../../support/hand-clock.ts";

const check = (code: string, look: Check["look"]): Check => ({ code, about: code, look });
const fine: Finding = { mark: "ok", seen: "fine" };

test("findings carry their check's code, in the order of the checks", async () => {
  const worse: Finding = { mark: "warning", seen: "worse", since: "2026-01-05T12:00:00.000Z", next: "do" };
  const checks = [check("one", () => [fine, worse]), check("other", async () => [fine])];
  const findings = await examine(checks, quickClock());
  expect(findings).toEqual([
    { code: "one", ...fine },
    { code: "one", ...worse },
    { code: "other", ...fine },
  ]);
  expect(countsOf(findings)).toEqual({ ok: 2, warning: 1, error: 0, unknown: 0 });
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
  const findings = await examine([check("odd", look), check("other", () => [fine])], clock);
  expect(findings).toEqual([
    { code: "odd", ...finding },
    { code: "other", ...fine },
  ]);
});

test("a check that never answers is unknown after five seconds", async () => {
  const clock = new HandClock();
  const examined = examine([check("slow", () => new Promise(() => undefined)), check("other", () => [fine])], clock);
  await clock.pass(5000);
  expect(await examined).toEqual([
    { code: "slow", mark: "unknown", seen: "no answer within 5 s" },
    { code: "other", ...fine },
  ]);
});
