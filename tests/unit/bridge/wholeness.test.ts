import * as fc from "fast-check";
import { expect, test } from "vitest";
import { mayBeWhole, mayStillGrow } from "../../../src/bridge/wholeness.ts";

const RULES = { settleMs: 500, giveUpMs: 2000 } as const;
const LOOK = { kind: "look" } as const;

test.each(["a: 1\n...\n", "a: 1\n...", "a: 1\r\n...\r\n", "a: 1\n...  \n\n", "...\n"])(
  "a YAML file that ends like %j is whole at once",
  (text) => {
    expect(mayBeWhole(Buffer.from(text), 0, RULES, false)).toEqual(LOOK);
  },
);

test.each(["a: 1\n", "", "a: ...", "a: |\n  ...x\n", "a: 1\n....\n", "a: 1\n...\nb: 2\n", "# {\n", "a: {\n"])(
  "a YAML file that ends like %j has to stand still",
  (text) => {
    expect(mayBeWhole(Buffer.from(text), 0, RULES, false)).toEqual({ kind: "wait", forMs: 500 });
  },
);

test.each(["{", '{"a":1}', "[", ' \n\t{"a"', "\uFEFF{"])(
  "a file that begins like %j says itself when it is whole",
  (text) => {
    expect(mayBeWhole(Buffer.from(text), 0, RULES, false)).toEqual(LOOK);
  },
);

test("whoever wrote a file may say that it is whole", () => {
  expect(mayBeWhole(Buffer.from("a: 1"), 0, RULES, true)).toEqual(LOOK);
});

test.each([
  [0, 500, 2000],
  [499, 1, 1501],
  [499.5, 1, 1501],
  [500, undefined, 1500],
  [1999, undefined, 1],
  [2000, undefined, undefined],
  [-90_000, 500, 2000],
])("%d ms after its last change a file is waited for no longer than it has to stand still", (ageMs, settle, giveUp) => {
  const wait = (forMs: number | undefined) => (forMs === undefined ? LOOK : { kind: "wait", forMs });
  expect(mayBeWhole(Buffer.from("a: 1"), ageMs, RULES, false)).toEqual(wait(settle));
  expect(mayStillGrow(ageMs, RULES)).toEqual(wait(giveUp));
});

test("any file of which nobody says that it is whole is looked at as soon as it has stood still, and not before", () => {
  fc.assert(
    fc.property(fc.integer({ min: -10_000, max: 10_000 }), fc.nat(5000), (ageMs, settleMs) => {
      const whole = mayBeWhole(Buffer.from("a: 1"), ageMs, { ...RULES, settleMs }, false);
      expect(whole.kind).toBe(ageMs >= settleMs ? "look" : "wait");
      if (whole.kind === "wait") expect(whole.forMs).toBeLessThanOrEqual(settleMs);
    }),
  );
});
