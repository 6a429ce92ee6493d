/** The one table of what may become of an order, written out a second time: a change of the table is a change here. */
import { expect, test } from "vitest";
import { isResting, mayBecome, STATUSES } from "../../../src/orders/status.ts";

const ALLOWED = new Set([
  "pending running",
  "pending waiting",
  "pending failed",
  "pending canceled",
  "pending planned",
  "running running",
  "running waiting",
  "running done",
  "running failed",
  "running canceled",
  "running planned",
  "waiting pending",
  "waiting canceled",
  "waiting waiting",
  "failed pending",
  "canceled pending",
]);

const PAIRS = STATUSES.flatMap((from) => STATUSES.map((to) => [from, to] as const));

test.each(PAIRS)("an order that is %s becomes %s only where the table says so", (from, to) => {
  expect(mayBecome(from, to)).toBe(ALLOWED.has(`${from} ${to}`));
});

test("the table has all statuses in it", () => {
  expect(STATUSES.toSorted()).toEqual(["canceled", "done", "failed", "pending", "planned", "running", "waiting"]);
});

test.each([
  ["pending", false],
  ["running", false],
  ["waiting", false],
  ["done", true],
  ["failed", true],
  ["canceled", true],
  ["planned", true],
] as const)("an order that is %s is at rest: %s", (status, rests) => {
  expect(isResting(status)).toBe(rests);
});

test("nothing that rests begins to run without being pending first", () => {
  for (const status of STATUSES.filter(isResting)) expect(mayBecome(status, "running")).toBe(false);
});

test("what was done stays done", () => {
  for (const status of STATUSES) expect(mayBecome("done", status)).toBe(false);
});
