/** kill -9 at every step of one order that creates, edits, moves, deletes and runs a command: it happens exactly once. */
import { expect, test } from "vitest";
import { stepsOf, sweep } from "../../proof/kills.ts";
import { Random } from "../../proof/rig/random.ts";
import { EVERYTHING } from "../../proof/rig/scenes.ts";

test("an undisturbed run is done exactly once", async () => {
  expect((await stepsOf(EVERYTHING)).length).toBeGreaterThan(40);
});

test("whatever step the power goes at, the order is done exactly once after a restart", async () => {
  const tally = await sweep(EVERYTHING, Number.POSITIVE_INFINITY, new Random(1));
  expect(tally).toMatchObject({ lost: 0, twice: 0, hand: 0 });
  // A loaded machine merges writes, so some runs are through before their step comes; alone, all but two or three crash.
  expect(tally.tried).toBeGreaterThan(50);
});
