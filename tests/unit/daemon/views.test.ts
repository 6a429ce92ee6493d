/** Views follow the ledger: written after the fact, soon enough, and again when they vanish. */
import { rmSync } from "node:fs";
import { expect, test, vi } from "vitest";
import { silentLog } from "../../../src/platform/log.ts";
import { type System, thisSystem } from "../../../src/platform/system.ts";
import { moodyDisk } from "../../support/disks.ts";
import { happened } from "../../support/events.ts";
import { House, looks, openViews, toldOf, writing } from "../../support/house-kit.ts";
import { given } from "../../support/results.ts";
import { put } from "../../support/temporary-folder.ts";

const { started, completed, settled, waiting } = happened;
const STATE = "g/followup/state/WO-1.json";
const LIST = "apps/dashboard/data/followup.json";

const until = (holds: () => boolean) => vi.waitUntil(holds, { timeout: 5000, interval: 1 });

test("the state of an order on its way follows within half a second, and not at each event", async () => {
  const house = await openViews();
  await house.accepted(writing("WO-1"));
  await house.kit.clock.pass(499);
  expect(house.read(STATE)).toBeUndefined();
  await house.kit.books.append([started]);
  await house.kit.clock.pass(1);
  await until(() => house.read(STATE) !== undefined);
  expect(house.json(STATE)).toMatchObject({ status: "running" });
});

test("while others come to rest, of many on their way those follow that have been there for two seconds, so many each half second", async () => {
  const house = await openViews();
  for (let index = 0; index < 100; index += 1) await house.accepted(writing(`WO-${100 + index}`));
  const states = () => house.list("g/followup/state").length;
  const { views } = house.kit.parts;
  for (const [round, expected] of [1, 2, 3, 68, 105].entries()) {
    const id = `DONE-${round}`;
    const record = await house.accepted(writing(id), { ...started, wo_id: id }, { ...completed, wo_id: id });
    await views.publish(record);
    await house.kit.clock.pass(500);
    await until(() => states() === expected);
    if (round === 3) expect(house.json("g/followup/state/WO-163.json")).toMatchObject({ status: "pending" });
    if (round < 4) expect(views.behind).toBe(101 + round - expected);
  }
});

test("where nothing comes to rest, all that wait have their state within half a second", async () => {
  const house = await openViews();
  for (let index = 0; index < 100; index += 1) await house.accepted(writing(`WO-${index}`));
  await house.kit.clock.pass(500);
  await until(() => house.list("g/followup/state").length === 100);
});

test("where the folder of all state files is gone, those of many on their way are back at once", async () => {
  const house = await openViews();
  for (let index = 0; index < 100; index += 1) await house.accepted(writing(`WO-${index}`));
  house.kit.parts.views.rescan();
  rmSync(house.path("g/followup/state"), { recursive: true });
  house.kit.parts.views.rescan();
  await until(() => house.list("g/followup/state").length === 100);
});

test("an order at rest is told at once: its result, then its state", async () => {
  const house = await openViews();
  const record = await house.accepted(writing("WO-1"), started, completed);
  await house.kit.parts.views.publish(record);
  expect(house.json(STATE)).toMatchObject({ status: "done" });
  expect(house.read("bridge/outbox/CLC/WO-1_result.yaml")).toContain("status: done");
});

test("an order that waits has a state and no result", async () => {
  const house = await openViews();
  await house.kit.parts.views.publish(await house.accepted(writing("WO-1"), waiting));
  expect(house.json(STATE)).toMatchObject({ status: "waiting" });
  expect(house.list("bridge/outbox/CLC")).not.toContain("WO-1_result.yaml");
});

test("the dashboard's list follows within a second, at every place where it is wanted", async () => {
  const house = await openViews();
  await house.accepted(writing("WO-1"));
  await house.kit.clock.pass(1000);
  await until(() => house.read(LIST)?.includes("WO-1") === true && house.read(`g/${LIST}`)?.includes("WO-1") === true);
});

test.each([
  ["a state file of an order on its way", [started], STATE, STATE],
  ["a state file of an order at rest", [started, completed], STATE, STATE],
  ["the folder of all state files", [started, completed], "g", STATE],
  ["the dashboard's list", [started], LIST, LIST],
  ["telemetry", [started], "g/telemetry/unified.jsonl", "g/telemetry/unified.jsonl"],
])("%s that vanished is written again", async (_what, events, vanished, back) => {
  const house = await openViews();
  await house.kit.parts.views.publish(await house.accepted(writing("WO-1"), ...events));
  await house.kit.clock.pass(2000);
  await until(() => house.read(LIST) !== undefined && house.read("g/telemetry/unified.jsonl") !== undefined);
  const before = house.read(back);
  rmSync(house.path(vanished), { recursive: true });
  await looks(house, () => house.read(back) !== undefined);
  if (back === STATE) expect(house.read(back)).toBe(before);
});

test("an outbox that vanished with the states is filled again", async () => {
  const house = await openViews();
  await house.kit.parts.views.publish(await house.accepted(writing("WO-1"), started, completed, settled));
  rmSync(house.path("g"), { recursive: true });
  rmSync(house.path("bridge/outbox"), { recursive: true });
  await looks(house, () => house.list("bridge/outbox/CLC").length === 2);
  expect(house.list("bridge/outbox/CLC")).toEqual(["WO-1.ack.json", "WO-1_result.yaml"]);
});

test("an acknowledgement that was wiped comes back when the order is at rest, also where its folder has by then", async () => {
  const house = await openViews();
  const record = await house.accepted(writing("WO-1"), started, completed);
  await house.kit.parts.views.acknowledge(record);
  rmSync(house.path("g"), { recursive: true });
  rmSync(house.path("bridge/outbox"), { recursive: true });
  put(house.path("bridge/outbox/CLC/somebody.else"), "");
  await house.kit.parts.views.publish(given(house.record("WO-1")));
  await looks(house, () => house.list("bridge/outbox/CLC").length === 3);
  expect(house.list("bridge/outbox/CLC")).toEqual(["WO-1.ack.json", "WO-1_result.yaml", "somebody.else"]);
});

test("answers that were wiped come back also where the contents of states were looked at before the names", async () => {
  const house = await openViews();
  await house.kit.parts.views.publish(await house.accepted(writing("WO-1"), started, completed, settled));
  rmSync(house.path("g"), { recursive: true });
  rmSync(house.path("bridge/outbox"), { recursive: true });
  const checked = house.kit.parts.views.checkContents(1);
  await until(() => house.read(STATE) !== undefined);
  await house.kit.clock.pass(1);
  await checked;
  await looks(house, () => house.list("bridge/outbox/CLC").length === 2);
});

test("what is wiped again in the moment in which it came back comes back again", async () => {
  const house = await openViews();
  await house.kit.parts.views.publish(await house.accepted(writing("WO-1"), started, completed, settled));
  for (let round = 0; round < 3; round += 1) {
    rmSync(house.path("g"), { recursive: true });
    rmSync(house.path("bridge/outbox"), { recursive: true });
    await looks(house, () => house.read(STATE) !== undefined);
  }
  rmSync(house.path("g"), { recursive: true });
  rmSync(house.path("bridge/outbox"), { recursive: true });
  await looks(house, () => house.read(STATE) !== undefined && house.list("bridge/outbox/CLC").length === 2);
});

test("an answer that the disk has refused is given in one of the next rounds", async () => {
  const { disk, refuse } = moodyDisk("openNew", "ENOSPC");
  const house = await openViews({ disk });
  const record = await house.accepted(writing("WO-1"), started, completed);
  refuse(true);
  await house.kit.parts.views.acknowledge(record);
  await house.kit.parts.views.publish(record);
  expect(house.list("bridge/outbox/CLC")).toEqual([]);
  refuse(false);
  await looks(house, () => house.list("bridge/outbox/CLC").length === 2);
});

test("answers that somebody has fetched and removed do not come back", async () => {
  const said: string[] = [];
  const house = await openViews({ log: { ...silentLog, info: (event) => said.push(event) } });
  // At a first start all that is missing was lost.
  await until(() => said.includes("state_files_compared"));
  await house.kit.parts.views.publish(await house.accepted(writing("WO-1"), started, completed, settled));
  rmSync(house.path("bridge/outbox/CLC/WO-1_result.yaml"));
  rmSync(house.path(STATE));
  await looks(house, () => house.read(STATE) !== undefined);
  expect(house.list("bridge/outbox/CLC")).toEqual([]);
});

test.each([
  ["older than the ledger", '{"meta":{"ledger_seq":1}}'],
  ["no JSON", "x"],
  ["empty", ""],
])("a state file that is %s is found by comparing and written anew", async (_what, content) => {
  const house = await openViews();
  await house.kit.parts.views.publish(await house.accepted(writing("WO-1"), started, completed));
  const before = house.read(STATE);
  put(house.path(STATE), content);
  void house.kit.parts.views.checkContents(5);
  await until(() => house.read(STATE) === before);
});

test("all views can be made anew, and are counted", async () => {
  const house = await openViews();
  await house.accepted(writing("WO-1"), started, completed);
  await house.accepted(writing("WO-2"), waiting);
  for (const path of ["g", "bridge/outbox"]) rmSync(house.path(path), { recursive: true, force: true });
  expect(await house.through(house.kit.parts.views.rebuild())).toEqual({ states: 2, results: 1 });
  expect(house.list("g/followup/state")).toEqual(["WO-1.json", "WO-2.json"]);
  expect(house.list("bridge/outbox/CLC")).toEqual(["WO-1.ack.json", "WO-1_result.yaml", "WO-2.ack.json"]);
  expect(house.read(LIST)).toContain("WO-2");
});

test("a state file that the disk refuses to show is looked at again until it shows it", async () => {
  const { disk, refuse } = moodyDisk("openRead", "EMFILE");
  const house = await openViews({ disk });
  await house.kit.parts.views.publish(await house.accepted(writing("WO-1"), waiting));
  put(house.path(STATE), "");
  refuse(true);
  const checked = house.kit.parts.views.checkContents(0);
  await house.kit.clock.pass(1000);
  expect(house.read(STATE)).toBe("");
  refuse(false);
  await house.kit.clock.pass(1000);
  await checked;
  await until(() => house.read(STATE)?.includes('"waiting"') === true);
});

test("a disk that refuses a view loses nothing, and whoever publishes goes on", async () => {
  const { disk, refuse } = moodyDisk("openNew", "ENOSPC");
  const house = await openViews({ disk });
  const record = await house.accepted(writing("WO-1"), started, completed);
  refuse(true);
  await house.kit.parts.views.publish(record);
  expect([house.read(STATE), house.kit.parts.views.behind > 0]).toEqual([undefined, true]);
  refuse(false);
  await looks(house, () => house.read(STATE) !== undefined);
});

test("a state that the disk refused to replace is written when it takes something again", async () => {
  const { disk, refuse } = moodyDisk("openNew", "ENOSPC");
  const house = await openViews({ disk });
  const { views } = house.kit.parts;
  await views.publish(await house.accepted(writing("WO-1")));
  refuse(true);
  await house.kit.books.append([started, completed]);
  await views.publish(given(house.record("WO-1")));
  expect(house.json(STATE)).toMatchObject({ status: "pending" });
  refuse(false);
  views.rescan();
  await until(() => house.read(STATE)?.includes('"done"') === true);
});

test("before the daemon ends everything is written", async () => {
  const house = await openViews();
  await house.accepted(writing("WO-1"), waiting);
  const { views } = house.kit.parts;
  await house.through(views.flush());
  expect([house.json(STATE), views.behind]).toMatchObject([{ status: "waiting" }, 0]);
  expect(house.read(LIST)).toContain("Paused");
});

test("a list that is written again while the daemon ends is waited for", async () => {
  let onTheirWay = 0;
  const slowly: System["writeView"] = async () => {
    onTheirWay += 1;
    await house.kit.clock.sleep(1500);
    onTheirWay -= 1;
  };
  const house = await House.open("", { system: { writeView: slowly } });
  const { views } = house.kit.parts;
  views.start();
  await house.accepted(writing("WO-1"), waiting);
  await house.through(views.flush());
  expect(onTheirWay).toBe(0);
});

test("the acknowledgement of an open order comes back when the outbox vanished with the states", async () => {
  const house = await openViews();
  const record = await house.accepted(writing("WO-1"), waiting);
  await house.kit.parts.views.publish(record);
  await house.kit.parts.views.acknowledge(record);
  rmSync(house.path("g"), { recursive: true });
  rmSync(house.path("bridge/outbox"), { recursive: true });
  await looks(house, () => house.list("bridge/outbox/CLC").includes("WO-1.ack.json"));
  expect(house.read(STATE)).toContain("WO-1");
});

test("what vanished of the machinery's own and was written again is told of as drift and as healed", async () => {
  let onTheirWay = 0;
  const counted: System["writeView"] = async (...words) => {
    onTheirWay += 1;
    await thisSystem.writeView(...words).finally(() => {
      onTheirWay -= 1;
    });
  };
  const house = await openViews({ system: { writeView: counted } });
  await looks(house, () => house.read(LIST) !== undefined);
  await house.accepted(writing("WO-1"), started, completed, settled);
  // No list is being written any more: it would be back without having been missed.
  const isListed = () => house.read(LIST)?.includes("WO-1") === true && onTheirWay === 0;
  await looks(house, () => house.read(STATE) !== undefined && isListed());
  const told = (path: string) => toldOf(house, path).map((one) => one.replace(/:.*/, ""));
  await house.kit.parts.views.publish(given(house.kit.books.index.get("WO-1")));
  house.kit.parts.views.rescan();
  const paths = [LIST, "g/telemetry/unified.jsonl", "bridge/outbox"];
  expect(paths.flatMap(told)).toEqual([]);
  rmSync(house.path(LIST));
  rmSync(house.path("bridge/outbox"), { recursive: true });
  rmSync(house.path("g/telemetry"), { recursive: true });
  const both = ["drift", "healed"];
  await looks(house, () => paths.every((path) => told(path).length === 2)).catch(() => undefined);
  expect(paths.map(told)).toEqual([both, both, both]);
});
