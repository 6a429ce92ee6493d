/** Work that is asked for in any moment is done after it. */
import { expect, test } from "vitest";
import { Drain } from "../../../src/platform/drain.ts";

/** Work that can be held up, and how often it began. */
function heldWork() {
  const releases: (() => void)[] = [];
  let active = 0;
  const work = () =>
    new Promise<void>((resolve) => {
      active += 1;
      expect(active).toBe(1);
      releases.push(() => {
        active -= 1;
        resolve();
      });
    });
  return { work, begun: () => releases.length, release: () => releases.at(-1)?.() };
}

test("any number of requests while it runs make it run once more, never twice at a time", async () => {
  const held = heldWork();
  const drain = new Drain(held.work);
  for (let count = 0; count < 5; count += 1) drain.request();
  expect(held.begun()).toBe(1);
  held.release();
  await Promise.resolve();
  await Promise.resolve();
  expect(held.begun()).toBe(2);
  held.release();
  await drain.settled();
  expect(held.begun()).toBe(2);
});

test.each([0, 1, 2, 3, 4, 5, 6, 7, 8])(
  "a request %i turns after the work has resolved is not forgotten",
  async (turns) => {
    let asked = 0;
    let done = 0;
    let ended: () => void = () => undefined;
    const drain = new Drain(async () => {
      done = asked;
      await new Promise<void>((resolve) => {
        ended = resolve;
      });
    });
    const ask = () => {
      asked += 1;
      drain.request();
    };
    ask();
    ended();
    for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
    ask();
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
    expect(done).toBe(2);
    ended();
    await drain.settled();
  },
);
