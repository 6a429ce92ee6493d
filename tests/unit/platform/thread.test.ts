/** A thread answers one question after the other, or is ended and replaced: nobody waits for ever. */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, onTestFinished, test, vi } from "vitest";
import type { Clock } from "../../../src/platform/clock.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { Thread } from "../../../src/platform/thread.ts";
import { HandClock } from "../../support/hand-clock.ts";
import { put, temporaryFolder } from "../../support/temporary-folder.ts";

const PROGRAM = `
import { resourceLimits, threadId } from "node:worker_threads";
import { answerInThread } from ${JSON.stringify(new URL("../../../dist-tools/src/platform/thread.js", import.meta.url).href)};
let count = 0;
answerInThread(async (input) => {
  count += 1;
  if (input === "hang") for (;;);
  if (input === "die") process.exit(3);
  if (input === "leave") setTimeout(() => process.exit(1), 10);
  if (input === "throw") throw new Error("a bug");
  if (input === "limits") return resourceLimits.maxOldGenerationSizeMb;
  return { input, count, threadId };
});
`;

function openThread(clock: Clock = systemClock, program = PROGRAM): Thread {
  const thread = new Thread(clock, pathToFileURL(put(join(temporaryFolder(), "program.mjs"), program)), 5000);
  onTestFinished(() => thread.close());
  return thread;
}

test("questions are answered in their order, one at a time, in one thread", async () => {
  const thread = openThread();
  const answers = await Promise.all(["a", { b: [1] }, undefined].map((input) => thread.ask(input)));

  expect(answers).toMatchObject([
    { input: "a", count: 1 },
    { input: { b: [1] }, count: 2 },
    { input: undefined, count: 3 },
  ]);
});

test.each(["die", "throw"])(
  "a question that makes the thread %s has no answer, and the next one has",
  async (input) => {
    const thread = openThread();
    const [before, none, after] = await Promise.all([thread.ask("a"), thread.ask(input), thread.ask("b")]);

    expect([before, none, after]).toMatchObject([{ count: 1 }, undefined, { input: "b", count: 1 }]);
  },
);

test("a thread that died while nothing was asked is replaced, and nobody waits for it", async () => {
  const thread = openThread(new HandClock());
  await thread.ask("leave");

  // Before its end the count goes on, at its end an answer may be lost; the clock stands still, so no wait is given up.
  await vi.waitUntil(async () => JSON.stringify(await thread.ask("a"))?.includes('"count":1,'), { interval: 5 });
});

test("a question that takes too long has no answer, and the next one has", async () => {
  const clock = new HandClock();
  const thread = openThread(clock);
  await thread.ask("a");
  const hanging = thread.ask("hang");
  const next = thread.ask("b");
  await clock.pass(4999);
  expect(await Promise.race([hanging, Promise.resolve("waiting")])).toBe("waiting");
  await clock.pass(1);

  expect([await hanging, await next]).toMatchObject([undefined, { input: "b", count: 1 }]);
});

test("a program that is not there has no answer", async () => {
  const thread = new Thread(systemClock, pathToFileURL(join(temporaryFolder(), "none.mjs")), 5000);

  expect([await thread.ask(1), await thread.ask(2)]).toEqual([undefined, undefined]);
});

test("a thread may not take more memory than its limit", async () => {
  expect(await openThread().ask("limits")).toBe(512);
});

test("a thread that has nothing to do for a while ends, and another comes when it is needed", async () => {
  const clock = new HandClock();
  const thread = openThread(clock);
  const first = await thread.ask("a");
  await clock.pass(29_999);
  const second = await thread.ask("b");
  await clock.pass(30_000);
  const third = await thread.ask("c");

  expect([first, second, third]).toMatchObject([{ count: 1 }, { count: 2 }, { count: 1 }]);
});

test("what an answered question leaves behind does not wait on the clock", async () => {
  const clock = new HandClock();
  const thread = openThread(clock);
  for (const input of ["a", "b", "c"]) await thread.ask(input);

  // Only the wait for idleness: no question's time limit is left over.
  expect(clock.sleeping).toBe(1);
});
