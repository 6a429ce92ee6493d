/** What an order has to wait for the disk: on a Mac each barrier takes 5 to 18 ms. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "vitest";
import { FAULTY_DAEMON } from "../../proof/rig/scenes.ts";
import { until, World } from "../support/world.ts";

const QUIET_MS = 300;

/**
 * The longest chain of syncs, each begun when the one before it had ended. What was begun together with another is one
 * barrier with it; nothing that waits can wait for more than this.
 */
function serialBarriers(steps: readonly string[]): number {
  const open: number[] = [];
  let longest = 0;
  for (const step of steps) {
    if (/ sync(?:Data)?$/.test(step)) open.push(longest + 1);
    else if (/ sync(?:Data)? ended$/.test(step)) longest = Math.max(longest, open.shift() ?? 0);
  }
  return longest;
}

test.each([
  [["1 sync", "1 sync ended", "2 syncData", "2 syncData ended"], 2],
  [["1 sync", "2 syncData", "2 syncData ended", "2 sync ended"], 1],
  [["1 sync", "2 sync", "2 sync ended", "3 sync", "3 sync ended", "3 sync ended"], 2],
])("of %j the longest chain is %i", (steps, length) => {
  expect(serialBarriers(steps)).toBe(length);
});

test("an order that writes one file waits for three barriers between its drop and its result", async () => {
  const world = await World.make();
  const path = join(world.root, "steps");
  await world.startDaemon({ entry: [FAULTY_DAEMON], env: { WO_ARM: "", WO_STEPS: path } });
  const taken = () => readFileSync(path, "utf8").trim().split("\n");
  // What a start has to sync is no order's, and must not be counted with one.
  let before = 0;
  const isQuiet = async () => {
    const last = before;
    await pause(QUIET_MS);
    before = taken().length;
    return before === last;
  };
  await until(isQuiet, 10_000, "the start is over");
  world.drop("CLC", "one.json", { wo_id: "WO-ONE", files: [{ path: "a.txt", content: "a" }] });
  const result = "bridge/outbox/CLC/WO-ONE_result.yaml";
  await until(() => world.read(result) !== undefined, 10_000, "the result is there");
  const steps = taken().slice(before);
  const end = steps.findIndex((step) => step.includes("_result.yaml"));
  expect(end).toBeGreaterThan(0);
  const barriers = serialBarriers(steps.slice(0, end));
  expect(barriers).toBeGreaterThan(1);
  expect(barriers).toBeLessThanOrEqual(3);
});
