/** How the commands of an order decide how it ends; the runner does as a script says. */
import { expect, test, vi } from "vitest";
import { doing, ended, House, scriptedRunner } from "../../support/house-kit.ts";
import { given } from "../../support/results.ts";

const until = (holds: () => boolean) => vi.waitUntil(holds, { timeout: 5000, interval: 1 });

test("commands run one after the other, each in the ledger before it is let go and after it has ended", async () => {
  const seen: (readonly string[])[] = [];
  const runner = scriptedRunner(() => {
    seen.push(house.told("WO-1").filter((event) => event.startsWith("step")));
    return ended(0);
  });
  const house: House = await House.open("", { runner });
  expect(await house.carryOut(doing("WO-1", ["a", "b"]))).toMatchObject({ status: "done" });
  expect(runner.ran).toEqual(["a", "b"]);
  expect(seen).toEqual([["step_started"], ["step_started", "step_finished", "step_started"]]);
});

test("a command that fails fails the order, and none is run behind it", async () => {
  const runner = scriptedRunner((text) => ended(text === "b" ? 3 : 0));
  const house = await House.open("", { runner });
  expect(await house.carryOut(doing("WO-1", ["a", "b", "c"]))).toMatchObject({
    status: "failed",
    failure: { class: "command_failed", code: "exit_3" },
  });
  expect(runner.ran).toEqual(["a", "b"]);
});

test("a command that may fail does not fail the order, and is counted", async () => {
  const runner = scriptedRunner((text) => ended(text === "a" ? 1 : 0));
  const house = await House.open("", { runner });
  await house.carryOut({ wo_id: "WO-1", steps: [{ run: "a", optional: true }, { run: "b" }] });
  expect(house.entries.findLast(({ event }) => event === "wo_completed")).toMatchObject({
    steps: 2,
    optional_failures: 1,
  });
});

test("a check that fails says that the work was done and its proof was not", async () => {
  const house = await House.open("", { runner: scriptedRunner(() => ended(0, "41\n")) });
  const order = { wo_id: "WO-1", files: { a: "x" }, tests: [{ command: "count", expected: "42" }] };
  expect(await house.carryOut(order)).toMatchObject({ failure: { class: "check_failed", code: "unexpected_output" } });
  expect(house.read("a")).toBe("x");
});

test("a command that could not be let go is prepared again", async () => {
  let tries = 0;
  const runner = scriptedRunner(() => ((tries += 1) < 3 ? "never ran" : ended(0)));
  const house = await House.open("", { runner });
  expect(await house.carryOut(doing("WO-1", ["a"]))).toMatchObject({ status: "done" });
  expect(tries).toBe(3);
});

test("a command that never can be let go fails the order as trouble of the machine", async () => {
  const house = await House.open("", { runner: scriptedRunner(() => "never ran") });
  expect(await house.carryOut(doing("WO-1", ["a"]))).toMatchObject({
    failure: { class: "transient_infra", code: "runner_failed" },
  });
});

test("a command whose end is unknown leaves its order to a person, unless the order says otherwise", async () => {
  const runner = scriptedRunner(() => "unknown");
  const house = await House.open("", { runner });
  expect(await house.carryOut(doing("WO-1", ["a"]))).toMatchObject({ failure: { class: "interrupted" }, attempt: 1 });
  expect(runner.ran).toEqual(["a"]);
});

test.each([
  [2, "done", 3],
  [9, "failed", 3],
])(
  "an order that may be begun again after its end was lost %i times is %s at attempt %i",
  async (lost, status, attempt) => {
    let count = 0;
    const runner = scriptedRunner(() => ((count += 1) > lost ? ended(0) : "unknown"));
    const house = await House.open("", { runner });
    expect(await house.carryOut(doing("WO-1", ["a"], { on_interrupt: "retry" }))).toMatchObject({ status, attempt });
  },
);

test("canceling an order ends its command, and none is run behind it", async () => {
  let end: (status: ReturnType<typeof ended>) => void = () => undefined;
  const runner = scriptedRunner(() => new Promise((resolve) => (end = resolve)));
  const house = await House.open("", { runner });
  await house.take(doing("WO-1", ["a", "b"]));
  await until(() => runner.ran.length === 1);
  await house.kit.parts.line.cancel(given(house.record("WO-1")), "me", "no more");
  expect(runner.stopped).toHaveLength(1);
  end(ended(1, "", { stopped: true }));
  expect(await house.rest("WO-1")).toMatchObject({ status: "canceled", canceled: { by: "me" } });
  expect(runner.ran).toEqual(["a"]);
});

test("a command that ended well before it could be canceled counts, and the next one is not begun", async () => {
  let end: (status: ReturnType<typeof ended>) => void = () => undefined;
  const runner = scriptedRunner(() => new Promise((resolve) => (end = resolve)));
  const house = await House.open("", { runner });
  await house.take(doing("WO-1", ["a", "b"]));
  await until(() => runner.ran.length === 1);
  await house.kit.parts.line.cancel(given(house.record("WO-1")), "me", "no more");
  end(ended(0));
  expect(await house.rest("WO-1")).toMatchObject({ status: "canceled", steps: [{ finished: { ok: true } }] });
  expect(runner.ran).toEqual(["a"]);
});

test("a daemon that leaves waits for no command, and leaves the order between two of them", async () => {
  let end: (status: ReturnType<typeof ended>) => void = () => undefined;
  const runner = scriptedRunner(() => new Promise((resolve) => (end = resolve)));
  const house = await House.open("", { runner });
  await house.take(doing("WO-1", ["a", "b"]));
  await until(() => runner.ran.length === 1);
  const leaving = house.kit.parts.line.leave();
  end(ended(0));
  await house.through(leaving, 10);
  expect(runner.ran).toEqual(["a"]);
  expect(house.record("WO-1")).toMatchObject({ status: "running", steps: [{ finished: { ok: true } }] });
});

test("a long command shows signs of life", async () => {
  let end: (status: ReturnType<typeof ended>) => void = () => undefined;
  const runner = scriptedRunner(() => new Promise((resolve) => (end = resolve)));
  const house = await House.open("", { runner });
  await house.take(doing("WO-1", ["a"]));
  await until(() => runner.ran.length === 1);
  await house.kit.clock.pass(30_000);
  await house.kit.clock.pass(100);
  end(ended(0));
  await house.rest("WO-1");
  await house.kit.clock.pass(100);
  await until(() => house.read("g/telemetry/unified.jsonl")?.includes("step_heartbeat") === true);
  expect(house.read("g/telemetry/unified.jsonl")).toContain('"running_ms":30000');
});
