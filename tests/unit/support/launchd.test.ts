/** The launchd of tests as a state machine: every row that needs no real process, on a clock that is moved by hand. */
import { expect, test } from "vitest";
import { isSeen, play } from "../../support/launchd/conformance.ts";
import { ROWS } from "../../support/launchd/rows.ts";
import { handStage } from "../../support/launchd/stage.ts";

const mine = ROWS.filter(({ on = "all" }) => on !== "processes" && on !== "double");

for (const row of mine)
  test(`${row.fact} (${row.tag})`, async () => {
    const sight = await play(row, handStage(row.given), 0);

    expect(isSeen(row.sees, sight), JSON.stringify({ wanted: row.sees, sight })).toBe(true);
  });

test("every row names where it comes from", () => {
  expect(ROWS.filter(({ tag }) => !/^\[(?:M|S|F|C|own)/.test(tag))).toEqual([]);
  expect(mine.length).toBeGreaterThan(75);
});

test.each([{ StartCalendarInterval: { Hour: 3 } }, { KeepAlive: { PathState: {} } }, { ThrottleInterval: 0 }])(
  "what is not played is told, not passed over: %j",
  async (plist) => {
    const stage = handStage({ plist });
    await expect(stage.launchctl(["bootstrap", "gui/501", stage.path])).rejects.toThrow("does not play");
  },
);
