/** kill -9 at every step of one order that creates, edits, moves, deletes and runs a command: it happens exactly once. */
import { expect, test } from "vitest";
import { countSteps, crashAt, crashWorld, expectExactlyOnce, recover } from "../support/crash-world.ts";

test("an undisturbed run is done exactly once", async () => {
  expect((await countSteps()).length).toBeGreaterThan(40);
});

test("whatever step the power goes at, the order is done exactly once after a restart", async () => {
  const steps = await countSteps();
  // After a step is before the next one; only the last has an after of its own.
  const faults = steps.flatMap((step, index) => {
    const hows = [
      "before",
      ...(/ write /.test(step) ? ["torn"] : []),
      ...(index === steps.length - 1 ? ["after"] : []),
    ];
    return hows.map((how) => ({ fault: `${index + 1}:${how}`, step }));
  });
  const count = faults.length;
  let crashes = 0;
  const work = async () => {
    for (let next = faults.shift(); next !== undefined; next = faults.shift()) {
      const { fault, step } = next;
      const world = await crashWorld();
      try {
        crashes += (await crashAt(world, fault)) ? 1 : 0;
        await recover(world);
        expectExactlyOnce(world);
      } catch (error) {
        throw new Error(`after a crash at ${fault} (${step})`, { cause: error });
      }
      await world.remove();
    }
  };
  await Promise.all([work(), work()]);
  // A loaded machine merges writes, so some runs are through before their step comes; alone, all but two or three crash.
  expect(crashes).toBeGreaterThan(0.5 * count);
});
