/** Orders that wait for their lane: passed on by a person or by themselves, judged by the lane that gets them, never run where they wait. */
import { mkdirSync } from "node:fs";
import { expect, test, vi } from "vitest";
import { Desk } from "../../../src/daemon/desk.ts";
import { recover } from "../../../src/daemon/recovery.ts";
import { configPath } from "../../../src/daemon/settings.ts";
import { EXIT } from "../../../src/platform/errors.ts";
import { doing, ended, House, scriptedRunner, writing } from "../../support/house-kit.ts";
import { put } from "../../support/temporary-folder.ts";

const CONFIG = "lanes: {HELD: {mode: hold}, FILES: {mode: files-only}, EXTRA: {}}\n";

function deskOf({ kit }: House): Desk {
  return new Desk({ books: kit.books, ...kit.parts, settings: kit.settings, isDaemon: true });
}

/** A house in which this order waits in ENTRY. */
async function waitingHouse(order = writing("WO-1", { target: "lac" }), config = CONFIG): Promise<House> {
  const house = await House.open(config);
  await house.take(order, "ENTRY");
  expect(house.record("WO-1")).toMatchObject({ status: "waiting", lane: "ENTRY", waiting: { reason: "no_route" } });
  return house;
}

function lookAgain(house: House): Promise<void> {
  return house.kit.parts.dispatch.lookAgain(() => false);
}

test("an order is passed on by hand, runs in the lane that it got, and its file comes to lie there", async () => {
  const house = await waitingHouse();
  expect(await deskOf(house).approve(["WO-1"], "kim", "clc")).toEqual([
    { id: "WO-1", ok: true, message: "passed on to CLC", exit: EXIT.yes, next: "wo wait WO-1" },
  ]);
  expect(await house.rest("WO-1")).toMatchObject({ status: "done", lane: "CLC", routedFrom: "ENTRY" });
  expect(house.entries.find(({ event }) => event === "wo_routed")).toMatchObject({
    wo_id: "WO-1",
    lane: "CLC",
    from: "ENTRY",
    by: "kim",
  });
  expect(house.list("bridge/processed")).toEqual(["CLC/202311/WO-1.json"]);
  expect(house.list("bridge/inbox/ENTRY")).toEqual([".claimed/"]);
});

test("both lanes are told of the lane that it got, its result lies in that one", async () => {
  const house = await waitingHouse();
  expect(house.json("bridge/outbox/ENTRY/WO-1.ack.json")).toMatchObject({
    status: "waiting",
    message: expect.stringMatching(/no_route.*"lac".*CLC, EXTRA|no_route.*"lac".*CLC/),
    next: "wo approve WO-1 --lane LANE",
  });
  await deskOf(house).approve(["WO-1"], "me", "CLC");
  await house.rest("WO-1");
  for (const lane of ["ENTRY", "CLC"])
    expect(house.json(`bridge/outbox/${lane}/WO-1.ack.json`)).toMatchObject({ lane: "CLC", routed_from: "ENTRY" });
  expect(house.read("bridge/outbox/CLC/WO-1_result.yaml")).toContain("status: done");
  expect(house.read("bridge/outbox/ENTRY/WO-1_result.yaml")).toBeUndefined();
});

test.each([
  [undefined, EXIT.refused, /asks for "lac"/],
  ["nope", EXIT.refused, /"nope" is no lane/],
  ["ENTRY", EXIT.refused, /"ENTRY" is no lane/],
])(
  "to let it go to %j is refused, with what to type, and it never runs where it waits",
  async (lane, exit, message) => {
    const house = await waitingHouse();
    const before = house.told("WO-1");
    expect(await deskOf(house).approve(["WO-1"], "me", lane)).toMatchObject([
      { ok: false, exit, message: expect.stringMatching(message), next: "wo approve WO-1 --lane LANE" },
    ]);
    expect(house.told("WO-1")).toEqual(before);
    expect(house.status("WO-1")).toBe("waiting");
  },
);

test("approved without a lane it goes where it asks to go, when that lane is there by now", async () => {
  const house = await waitingHouse();
  mkdirSync(house.path("bridge/inbox/LAC"));
  expect(await deskOf(house).approve(["WO-1"], "me")).toMatchObject([{ ok: true, message: "passed on to LAC" }]);
  expect(await house.rest("WO-1")).toMatchObject({ status: "done", lane: "LAC" });
});

test("a lane on hold keeps it waiting there; the next approval lets it run", async () => {
  const house = await waitingHouse();
  expect(await deskOf(house).approve(["WO-1"], "me", "HELD")).toMatchObject([
    {
      ok: true,
      message: expect.stringContaining("passed on to HELD, where it waits (held_lane)"),
      next: "wo approve WO-1",
    },
  ]);
  expect(house.record("WO-1")).toMatchObject({ status: "waiting", lane: "HELD", waiting: { reason: "held_lane" } });
  expect(await deskOf(house).approve(["WO-1"], "me", "CLC")).toMatchObject([
    { ok: false, message: expect.stringContaining("it has its lane already: HELD"), next: "wo approve WO-1" },
  ]);
  await deskOf(house).approve(["WO-1"], "me");
  expect(await house.rest("WO-1")).toMatchObject({ status: "done", lane: "HELD" });
});

test("a lane that runs no commands refuses one that has some: it stays where it is", async () => {
  const house = await waitingHouse(doing("WO-1", ["ls"], { target: "lac" }));
  expect(await deskOf(house).approve(["WO-1"], "me", "FILES")).toMatchObject([
    { ok: false, exit: EXIT.refused, message: expect.stringMatching(/lane FILES refuses it: .*runs no commands/) },
  ]);
  expect(house.record("WO-1")).toMatchObject({ status: "waiting", lane: "ENTRY", waiting: { reason: "no_route" } });
});

test("a lane in which its paths may not be written refuses it", async () => {
  const house = await waitingHouse({ wo_id: "WO-1", files: { "~/Library/LaunchAgents/com.02luka.x.plist": "x" } });
  expect(await deskOf(house).approve(["WO-1"], "me", "FILES")).toMatchObject([
    { ok: false, exit: EXIT.refused, message: expect.stringMatching(/lane FILES refuses it: /) },
  ]);
  expect(house.record("WO-1")).toMatchObject({ status: "waiting", lane: "ENTRY" });
});

test("a lane that passes nothing on any more does not run what waits in it for another one, unless a person says so", async () => {
  const house = await waitingHouse();
  put(configPath(house.kit.base.path), CONFIG.replace("EXTRA: {}", "ENTRY: {}"));
  await house.kit.settings.reload();
  expect(await deskOf(house).approve(["WO-1"], "me")).toMatchObject([
    { ok: false, message: expect.stringContaining('it asks for "lac"') },
  ]);
  expect(house.status("WO-1")).toBe("waiting");
  expect(await deskOf(house).approve(["WO-1"], "me", "entry")).toMatchObject([
    { ok: true, message: "passed on to ENTRY" },
  ]);
  expect(await house.rest("WO-1")).toMatchObject({ status: "done", lane: "ENTRY" });
});

test("prose is passed on, too, and waits there for somebody who does it", async () => {
  const house = await waitingHouse({ wo_id: "WO-1", title: "think" });
  expect(await deskOf(house).approve(["WO-1"], "me", "CLC")).toMatchObject([{ ok: true, next: "wo show WO-1" }]);
  expect(house.record("WO-1")).toMatchObject({ status: "waiting", lane: "CLC", waiting: { reason: "assignee" } });
});

test("an order goes on by itself once its lane is there, and nobody has to say a word", async () => {
  const house = await waitingHouse();
  await lookAgain(house);
  expect(house.status("WO-1")).toBe("waiting");
  mkdirSync(house.path("bridge/inbox/lac"));
  await lookAgain(house);
  expect(await house.rest("WO-1")).toMatchObject({ status: "done", lane: "lac", approved: false });
  expect(house.entries.find(({ event }) => event === "wo_routed")).not.toHaveProperty("by");
});

test("looking again while nothing has changed reads no order again", async () => {
  const house = await waitingHouse();
  const read = vi.spyOn(house.kit.parts.line, "orderOf");
  for (const _ of [1, 2, 3]) await lookAgain(house);
  expect(read).toHaveBeenCalledTimes(1);
  await house.take(writing("WO-2", { target: "lac" }), "ENTRY");
  await lookAgain(house);
  expect(read).toHaveBeenCalledTimes(2);
});

test("a lane whose rules refuse it does not get it, until its rules change", async () => {
  const house = await waitingHouse(doing("WO-1", ["ls"], { target: "late" }));
  const withLate = (mode: string) => CONFIG.replace("}}", `}, LATE: {mode: ${mode}}}`);
  put(configPath(house.kit.base.path), withLate("files-only"));
  await house.kit.settings.reload();
  await lookAgain(house);
  expect(house.record("WO-1")).toMatchObject({ status: "waiting", lane: "ENTRY" });
  put(configPath(house.kit.base.path), withLate("hold"));
  await house.kit.settings.reload();
  await lookAgain(house);
  expect(house.record("WO-1")).toMatchObject({ lane: "LATE", waiting: { reason: "held_lane" } });
});

test("what lay there before the base was attached does not go by itself", async () => {
  const house = await waitingHouse();
  await house.kit.books.append([
    { event: "wo_waiting", wo_id: "WO-1", lane: "ENTRY", reason: "backlog", message: "it is old" },
  ]);
  mkdirSync(house.path("bridge/inbox/lac"));
  await lookAgain(house);
  expect(house.status("WO-1")).toBe("waiting");
  expect(await deskOf(house).approve(["WO-1"], "me")).toMatchObject([{ ok: true, message: "passed on to lac" }]);
});

test("one that was canceled while it waited waits for its lane again when it is tried again, or gets it", async () => {
  const house = await waitingHouse();
  await deskOf(house).cancel(["WO-1"], "me", "no more");
  await house.rest("WO-1");
  expect(await deskOf(house).retry(["WO-1"], "me")).toMatchObject([
    { ok: false, exit: EXIT.refused, next: "wo approve WO-1 --lane LANE" },
  ]);
  expect(house.record("WO-1")).toMatchObject({ status: "waiting", waiting: { reason: "no_route" } });
  await deskOf(house).cancel(["WO-1"], "me", "no more");
  mkdirSync(house.path("bridge/inbox/lac"));
  expect(await deskOf(house).retry(["WO-1"], "me")).toMatchObject([{ ok: true, message: "passed on to lac" }]);
  await vi.waitUntil(() => house.status("WO-1") === "done", { interval: 1 });
  expect(house.record("WO-1")).toMatchObject({ lane: "lac", settledTo: "bridge/processed/ENTRY/202311/WO-1.json" });
});

test("let go twice and canceled in the same moment, it is passed on once at most and canceled", async () => {
  const house = await waitingHouse();
  const desk = deskOf(house);
  await Promise.all([
    desk.approve(["WO-1"], "a", "CLC"),
    desk.approve(["WO-1"], "b", "EXTRA"),
    desk.cancel(["WO-1"], "c", "no more"),
  ]);
  expect((await house.rest("WO-1")).status).toBe("canceled");
  expect(house.told("WO-1").filter((event) => event === "wo_routed").length).toBeLessThanOrEqual(1);
  expect(house.read("WO-1.txt")).toBeUndefined();
});

test("what was canceled while its lane was looked for is not passed on", async () => {
  const house = await waitingHouse();
  const { line } = house.kit.parts;
  const read = line.orderOf.bind(line);
  vi.spyOn(line, "orderOf").mockImplementation(async (record) => {
    await deskOf(house).cancel(["WO-1"], "me", "no more");
    return read(record);
  });
  expect(await deskOf(house).approve(["WO-1"], "me", "CLC")).toMatchObject([{ ok: false, exit: EXIT.refused }]);
  expect(house.told("WO-1")).not.toContain("wo_routed");
  expect(house.status("WO-1")).toBe("canceled");
});

test("let go twice in the same moment, it gets one lane and is done once", async () => {
  const runner = scriptedRunner(() => ended(0));
  const house = await House.open(CONFIG, { runner });
  await house.take(doing("WO-1", ["a"], { target: "lac" }), "ENTRY");
  const desk = deskOf(house);
  const answers = await Promise.all([desk.approve(["WO-1"], "a", "CLC"), desk.approve(["WO-1"], "b", "EXTRA")]);
  expect(answers.flat().map(({ ok }) => ok)).toEqual([true, false]);
  expect(await house.rest("WO-1")).toMatchObject({ status: "done", lane: "CLC" });
  expect(runner.ran).toEqual(["a"]);
});

test("an order that was passed on and not begun is begun in its lane after a start", async () => {
  const house = await waitingHouse();
  await house.kit.books.append([{ event: "wo_routed", wo_id: "WO-1", lane: "CLC", from: "ENTRY", by: "me" }]);
  expect(await recover(house.kit.files, house.kit.books, house.kit.parts)).toMatchObject({ resumed: 1 });
  expect(await house.rest("WO-1")).toMatchObject({
    status: "done",
    lane: "CLC",
    settledTo: "bridge/processed/CLC/202311/WO-1.json",
  });
});
