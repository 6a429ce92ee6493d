/** Refusals of an order that could be read: with their places in its file, and no more of them than anybody reads. */
import { expect, test } from "vitest";
import { LIMITS } from "../../../src/orders/limits.ts";
import { bounded } from "../../../src/orders/problems.ts";
import { placed, type Refusal, refusalsText, unplaced } from "../../../src/orders/refusals.ts";

const TEXT = Buffer.from("wo_id: A\nfiles:\n  a.txt: x\nsteps:\n  - run: git push\n");
const refusal = (at?: Refusal["at"]): Refusal => ({ code: "command_refused", message: "no", hint: "don't", at });

test("each refusal has the line, the column and the frame of the action that it is about", () => {
  expect(placed([refusal(["steps", 0]), refusal()], TEXT, "A")).toEqual([
    {
      code: "command_refused",
      message: "no",
      hint: "don't",
      key: "steps[0]",
      place: { line: 5, column: 5 },
      frame: " 4 | steps:\n 5 |   - run: git push\n   |     ^",
    },
    { code: "command_refused", message: "no", hint: "don't" },
  ]);
});

test("where the file cannot be opened any more the key still says what each is about", () => {
  const keyed = [{ code: "command_refused", message: "no", hint: "don't", key: "steps[0]" }];
  expect(placed([refusal(["steps", 0])], Buffer.from("{"), "A")).toEqual(keyed);
  expect(unplaced([refusal(["steps", 0])])).toEqual(keyed);
});

test("of thousands only those that are told cost a walk through the file", () => {
  const many = Array.from({ length: 10_000 }, () => refusal(["steps", 0]));
  const problems = placed(many, TEXT, "A");
  expect(problems).toHaveLength(10_000);
  expect(problems.filter(({ place }) => place !== undefined)).toHaveLength(LIMITS.problems);
});

test("more problems than anybody reads are counted, and as many as fit are all told", () => {
  const many = (length: number) => unplaced(Array.from({ length }, () => refusal()));
  expect(bounded(many(LIMITS.problems))).toHaveLength(LIMITS.problems);
  const told = bounded(many(LIMITS.problems + 5));
  expect(told).toHaveLength(LIMITS.problems);
  expect(told.at(-1)).toMatchObject({ code: "more_problems", message: "6 more are not told here" });
});

test("on one line the first few are named, and the rest are counted", () => {
  expect(refusalsText([refusal()])).toBe("no");
  expect(refusalsText([refusal(), refusal(), refusal(), refusal(), refusal()])).toBe("no; no; no; and 2 more");
});
