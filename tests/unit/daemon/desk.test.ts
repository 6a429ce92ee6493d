/** What a person may do with orders, and what they are told when they may not. */
import { expect, test, vi } from "vitest";
import { Desk } from "../../../src/daemon/desk.ts";
import { EXIT } from "../../../src/platform/errors.ts";
import { moodyDisk } from "../../support/disks.ts";
import { happened } from "../../support/events.ts";
import { doing, ended, House, scriptedRunner, writing } from "../../support/house-kit.ts";
import { put } from "../../support/temporary-folder.ts";

const { started, completed, failed, canceled, waiting } = happened;

function deskOf({ kit }: House, isDaemon = true): Desk {
  return new Desk({ books: kit.books, ...kit.parts, settings: kit.settings, isDaemon });
}

test("an order that waits is let go, and goes", async () => {
  const house = await House.open();
  await house.accepted(writing("WO-1"), waiting);
  expect(await deskOf(house).approve(["WO-1"], "me")).toEqual([
    { id: "WO-1", ok: true, message: "approved", exit: EXIT.yes, next: "wo wait WO-1" },
  ]);
  expect(await house.rest("WO-1")).toMatchObject({ status: "done", approved: true });
  expect(house.entries.find(({ event }) => event === "wo_approved")).toMatchObject({ by: "me" });
});

test("an order that no machine can carry out is not let go, and the way out is told", async () => {
  const house = await House.open();
  await house.accepted({ wo_id: "WO-1" }, waiting);
  expect(await deskOf(house).approve(["WO-1"], "me")).toMatchObject([
    { ok: false, exit: EXIT.refused, next: "wo cancel WO-1" },
  ]);
  expect(house.status("WO-1")).toBe("waiting");
});

test.each([
  ["failed", [started, failed]],
  ["canceled", [canceled]],
])("an order that is %s is tried again, as another attempt where there was one", async (_status, events) => {
  const house = await House.open();
  await house.accepted(writing("WO-1"), ...events);
  expect(await deskOf(house).retry(["WO-1"], "me")).toMatchObject([{ ok: true, message: "will be tried again" }]);
  expect(await house.rest("WO-1")).toMatchObject({ status: "done", attempt: 2 - (events.length % 2) });
  expect(house.read("WO-1.txt")).toBe("x");
});

test("an order that no machine can carry out waits again when it is tried again: nothing would be its success", async () => {
  const house = await House.open();
  await house.accepted({ wo_id: "WO-1" }, waiting, canceled);
  expect(await deskOf(house).retry(["WO-1"], "me")).toMatchObject([{ ok: true, next: "wo show WO-1" }]);
  expect(house.record("WO-1")).toMatchObject({ status: "waiting", waiting: { reason: "assignee" } });
});

test("an order that is tried again while no file can be opened goes on as soon as one can", async () => {
  const { disk, refuse } = moodyDisk("openRead", "EMFILE");
  const house = await House.open("", { disk });
  await house.accepted(writing("WO-1"), started, failed);
  refuse(true);
  expect(await deskOf(house).retry(["WO-1"], "me")).toMatchObject([{ ok: true }]);
  expect(house.status("WO-1")).toBe("pending");
  refuse(false);
  await vi.waitUntil(() => house.kit.clock.pass(1000).then(() => house.status("WO-1") === "done"), { interval: 1 });
});

test("a retry does what failed when its cause is mended", async () => {
  const house = await House.open();
  await house.carryOut({ wo_id: "WO-1", edits: [{ path: "a", find: "x", replace: "y" }] });
  put(house.path("a"), "x");
  await deskOf(house).retry(["WO-1"], "me");
  await vi.waitUntil(() => house.status("WO-1") === "done", { interval: 1 });
  expect(house.read("a")).toBe("y");
});

test.each([
  ["approve", "pending", []],
  ["approve", "done", [started, completed]],
  ["retry", "waiting", [waiting]],
  ["retry", "done", [started, completed]],
  ["cancel", "done", [started, completed]],
  ["cancel", "failed", [started, failed]],
] as const)("to %s an order that is %s is refused, and nothing is recorded", async (verb, status, events) => {
  const house = await House.open();
  await house.accepted(writing("WO-1"), ...events);
  const before = house.told("WO-1");
  const [result] = await deskOf(house)[verb](["WO-1"], "me", "because");
  expect(result).toMatchObject({ ok: false, exit: EXIT.refused, message: expect.stringContaining(status) });
  expect(house.told("WO-1")).toEqual(before);
});

test("a refusal repeats the trouble that the order has", async () => {
  const house = await House.open();
  await house.accepted(writing("WO-1"), started, failed);
  expect((await deskOf(house).cancel(["WO-1"], "me", ""))[0]?.message).toContain("it broke");
});

test.each([
  ["pending", []],
  ["waiting", [waiting]],
])("an order that is %s is canceled, with who did it and why", async (_status, events) => {
  const house = await House.open();
  await house.accepted(writing("WO-1"), ...events);
  expect(await deskOf(house).cancel(["WO-1"], "me", "no more")).toMatchObject([{ ok: true, next: "wo retry WO-1" }]);
  expect(await house.rest("WO-1")).toMatchObject({ status: "canceled", canceled: { by: "me", reason: "no more" } });
});

test("an order that is let go and canceled in the same moment is canceled, and does not run", async () => {
  const house = await House.open();
  await house.accepted(writing("WO-1"), waiting);
  const desk = deskOf(house);
  await Promise.all([desk.approve(["WO-1"], "me"), desk.cancel(["WO-1"], "me", "no more")]);
  expect((await house.rest("WO-1")).status).toBe("canceled");
  expect(house.told("WO-1")).not.toContain("wo_started");
});

test("an order that is canceled between being let go and being put on the line does not run", async () => {
  const house = await House.open();
  await house.accepted(writing("WO-1"), waiting);
  const desk = deskOf(house);
  const canceled: Promise<unknown>[] = [];
  house.kit.books.listen(({ event }) => {
    if (event === "wo_approved") canceled.push(desk.cancel(["WO-1"], "me", "no more"));
  });
  await desk.approve(["WO-1"], "me");
  await Promise.all(canceled);
  expect((await house.rest("WO-1")).status).toBe("canceled");
  expect(house.told("WO-1")).not.toContain("wo_started");
});

test("an order that was running when the daemon died needs a daemon to be canceled", async () => {
  const house = await House.open();
  await house.accepted(writing("WO-1"), started);
  expect(await deskOf(house, false).cancel(["WO-1"], "me", "")).toMatchObject([
    { ok: false, exit: EXIT.daemonNeeded, next: "wo daemon start" },
  ]);
  expect(house.status("WO-1")).toBe("running");
});

test("an order that is running is canceled by its daemon", async () => {
  let end: (status: ReturnType<typeof ended>) => void = () => undefined;
  const runner = scriptedRunner(() => new Promise((resolve) => (end = resolve)));
  const house = await House.open("", { runner });
  await house.take(doing("WO-1", ["a"]));
  await vi.waitUntil(() => runner.ran.length === 1, { interval: 1 });
  expect(await deskOf(house).cancel(["WO-1"], "me", "")).toMatchObject([{ ok: true }]);
  end(ended(1));
  expect((await house.rest("WO-1")).status).toBe("canceled");
});

test("each of several orders gets its own answer, in the order in which they were named, each once", async () => {
  const house = await House.open();
  await house.accepted(writing("WO-1"), waiting);
  await house.accepted(writing("WO-2"), started, completed);
  const results = await deskOf(house).approve(["WO-2", "none", "WO-1", "WO-2"], "me");
  expect(results.map(({ id, ok, exit }) => [id, ok, exit])).toEqual([
    ["WO-2", false, EXIT.refused],
    ["none", false, EXIT.usage],
    ["WO-1", true, EXIT.yes],
  ]);
});

test("an order is found whatever case its id is typed in", async () => {
  const house = await House.open();
  await house.accepted(writing("WO-1"), waiting);
  expect(await deskOf(house).approve(["wo-1"], "me")).toMatchObject([{ id: "WO-1", ok: true }]);
});
