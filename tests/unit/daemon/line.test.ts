/** How an order travels from a claim to rest, and what people get to see of it. */
import { readFileSync, utimesSync, writeFileSync } from "node:fs";
import { expect, test, vi } from "vitest";
import { systemDisk } from "../../../src/platform/disk.ts";
import { refusingDisk } from "../../support/disks.ts";
import { accepted } from "../../support/events.ts";
import { turn } from "../../support/hand-clock.ts";
import { House, writing } from "../../support/house-kit.ts";
import { given } from "../../support/results.ts";
import { put } from "../../support/temporary-folder.ts";

const HELD = "lanes: {CLC: {mode: hold}}\n";

test("an order of files is done, recorded, answered and put where it belongs", async () => {
  const house = await House.open();
  expect(await house.carryOut(writing("WO-1"))).toMatchObject({ status: "done", attempt: 1, plan: { applied: true } });
  expect(house.told("WO-1")).toEqual([
    "wo_accepted",
    "wo_started",
    "patch_planned",
    "patch_applied",
    "wo_completed",
    "wo_settled",
  ]);
  expect(house.read("WO-1.txt")).toBe("x");
  expect(house.list("bridge/inbox")).toEqual(["CLC/.claimed/"]);
  expect(house.list("bridge/processed")).toEqual(["CLC/202311/WO-1.json"]);
  expect(house.list("bridge/outbox")).toEqual(["CLC/WO-1.ack.json", "CLC/WO-1_result.yaml"]);
  expect(house.json("g/followup/state/WO-1.json")).toMatchObject({ status: "done" });
});

test("an order that may run at once is accepted, begun and planned in one write", async () => {
  const house = await House.open();
  await house.carryOut(writing("WO-1"));
  const groups = house.entries.flatMap((entry) => ("wo_id" in entry ? [entry.group] : []));
  expect(new Set(groups.slice(0, 3)).size).toBe(1);
  expect(new Set(groups.slice(3, 5))).toEqual(new Set([given(groups[0]) + 3]));
});

test("what is no order goes to error with its problems, and whoever dropped it is told", async () => {
  const house = await House.open();
  const claim = house.claim("bad.yaml", "wo_id: WO-1\nfiles: 3\n");
  await house.kit.parts.line.takeIn(claim);
  expect(house.list("bridge/error")).toEqual(["CLC/bad.yaml", "CLC/bad.yaml.error.json"]);
  const [ack] = house.list("bridge/outbox/CLC");
  expect(house.json(`bridge/outbox/CLC/${ack}`)).toMatchObject({
    status: "rejected",
    problems: [{ code: "wrong_type", key: "files" }],
    moved_to: "bridge/error/CLC/bad.yaml",
    next: "wo check bridge/error/CLC/bad.yaml",
  });
  expect(house.entries.at(-1)).toMatchObject({ event: "wo_rejected", claim: claim.claim });
});

test("the same drop again is a duplicate: told, put aside, and nothing is done a second time", async () => {
  const house = await House.open();
  await house.carryOut(writing("WO-1"));
  put(house.path("WO-1.txt"), "changed since");
  await house.take(writing("WO-1"));
  expect(house.entries.at(-1)).toMatchObject({ event: "wo_duplicate", wo_id: "WO-1", status: "done" });
  expect(house.read("WO-1.txt")).toBe("changed since");
  expect(house.list("bridge/processed/CLC")).toHaveLength(2);
  const ack = given(house.list("bridge/outbox/CLC").find((name) => /\.[0-9A-Z]{26}\./.test(name)));
  expect(house.json(`bridge/outbox/CLC/${ack}`)).toMatchObject({
    status: "duplicate",
    of: "done",
    next: "wo show WO-1",
  });
});

test("an order that has to wait is accepted, answered and left alone", async () => {
  const house = await House.open(HELD);
  await house.take(writing("WO-1"));
  expect(house.told("WO-1")).toEqual(["wo_accepted", "wo_waiting"]);
  expect(house.json("bridge/outbox/CLC/WO-1.ack.json")).toMatchObject({ status: "waiting", next: "wo approve WO-1" });
  expect(house.list("bridge/inbox/CLC/.claimed")).toHaveLength(1);
  expect(house.read("WO-1.txt")).toBeUndefined();
});

test("an order that only asks is told what it would do, and nothing is done", async () => {
  const house = await House.open();
  const record = await house.carryOut(writing("WO-1", { dry_run: true, steps: [{ run: "make", name: "build" }] }));
  expect(record).toMatchObject({
    status: "planned",
    planned: { changes: [{ path: "WO-1.txt", change: "create" }], commands: ["build"] },
  });
  expect(house.read("WO-1.txt")).toBeUndefined();
});

test("an order takes the place of another one that waits", async () => {
  const house = await House.open(HELD);
  await house.take(writing("WO-1"));
  await house.take(writing("WO-2", { supersedes: "WO-1" }));
  expect(await house.rest("WO-1")).toMatchObject({
    status: "canceled",
    canceled: { by: "WO-2", reason: "superseded by WO-2" },
  });
  expect(house.status("WO-2")).toBe("waiting");
});

test.each<readonly [string, object, string, string]>([
  ["edits what is not there", { edits: [{ path: "none", find: "a", after: "b" }] }, "conflict", "absent"],
  ["writes through a file", { files: { "a.txt/b": "x" } }, "conflict", "no_folder"],
  ["moves onto a file", { operations: [{ op: "move", from: "a.txt", to: "b.txt" }] }, "conflict", "exists"],
])("an order that %s fails, with what was meant to be done undone", async (_what, work, failureClass, code) => {
  const house = await House.open();
  for (const name of ["a.txt", "b.txt"]) put(house.path(name), name);
  const record = await house.carryOut({ wo_id: "WO-1", ...work });
  expect(record).toMatchObject({ status: "failed", failure: { class: failureClass, code } });
  expect([house.read("a.txt"), house.read("b.txt")]).toEqual(["a.txt", "b.txt"]);
  expect(house.read("bridge/outbox/CLC/WO-1_result.yaml")).toContain('next: "wo retry WO-1"');
});

test.each([
  [
    "went on growing",
    (text: string) => `${text}\n`,
    { status: "failed", failure: { class: "conflict", code: "source_changed" } },
  ],
  ["was written again with something else", (text: string) => text.replace("WO-1", "WO-2"), { status: "failed" }],
  ["was written again as it was", (text: string) => text, { status: "done" }],
  ["a power cut left empty", () => "", { status: "done" }],
  ["a power cut cut off", (text: string) => text.slice(0, 9), { status: "done" }],
  ["a power cut filled with zeros", (text: string) => text.slice(0, 9).padEnd(text.length, "\0"), { status: "done" }],
])("of an order that was accepted, a file that %s", async (_what, bend, end) => {
  const house = await House.open(HELD);
  await house.take(writing("WO-1"));
  const path = house.path(`bridge/inbox/CLC/.claimed/${given(house.record("WO-1")).claim}`);
  const text = readFileSync(path, "utf8");
  writeFileSync(path, bend(text));
  utimesSync(path, 1, 1);
  await house.kit.books.append([{ event: "wo_approved", wo_id: "WO-1", lane: "CLC", by: "me" }]);
  await house.kit.parts.line.resume(given(house.record("WO-1")));
  expect(await house.rest("WO-1")).toMatchObject(end);
  expect(house.read("WO-1.txt") === undefined).toBe(end.status === "failed");
});

test("an order whose end is on its way to the ledger is canceled no more", async () => {
  let release: () => void = () => undefined;
  let isHeld = false;
  let waiting = 0;
  const held = new Promise<void>((resolve) => (release = resolve));
  const syncData = async (handle: number) => {
    await systemDisk.syncData(handle);
    waiting += 1;
    if (isHeld) await held;
  };
  const house = await House.open("", { ledgerDisk: { ...systemDisk, syncData } });
  house.kit.books.listen(({ event }) => (isHeld ||= event === "patch_planned"));
  await house.take(writing("WO-1"));
  await vi.waitUntil(() => isHeld, { timeout: 5000, interval: 1 });
  const before = waiting;
  await vi.waitUntil(() => waiting > before, { timeout: 5000, interval: 1 });
  const canceled = house.kit.parts.line.cancel(given(house.record("WO-1")), "me", "no more");
  await turn();
  release();
  expect([await canceled, (await house.rest("WO-1")).status]).toEqual([false, "done"]);
});

test("an order that waits can be canceled, one at rest cannot", async () => {
  const house = await House.open(HELD);
  await house.take(writing("WO-1"));
  const { line } = house.kit.parts;
  expect(await line.cancel(given(house.record("WO-1")), "me", "no more")).toBe(true);
  expect(await house.rest("WO-1")).toMatchObject({ status: "canceled", canceled: { by: "me", reason: "no more" } });
  expect(await line.cancel(given(house.record("WO-1")), "me", "again")).toBe(false);
  expect(house.told("WO-1").filter((event) => event === "wo_canceled")).toHaveLength(1);
});

test("of two orders in a lane the second one begins when the first one has ended", async () => {
  const house = await House.open();
  const edit = { wo_id: "WO-2", edits: [{ path: "WO-1.txt", find: "x", replace: "y" }] };
  await Promise.all([house.take(writing("WO-1")), house.take(edit)]);
  expect([(await house.rest("WO-1")).status, (await house.rest("WO-2")).status]).toEqual(["done", "done"]);
  expect(house.read("WO-1.txt")).toBe("y");
});

test.each([
  ["before it was accepted", 2, undefined],
  ["after its work was done", 3, "running"],
])("a ledger that has no room for an order %s keeps it, and goes on when there is room", async (_when, nth, status) => {
  const house = await House.open("", { ledgerDisk: refusingDisk("write", "ENOSPC", { nth }) });
  await house.take(writing("WO-1"));
  await vi.waitUntil(() => house.kit.parts.pressure.isPaused, { interval: 1 });
  expect(house.status("WO-1")).toBe(status);
  await house.kit.clock.pass(500);
  expect(await house.rest("WO-1")).toMatchObject({ status: "done", attempt: 1 });
  expect(house.read("WO-1.txt")).toBe("x");
  expect(house.told("WO-1").filter((event) => event === "wo_completed")).toHaveLength(1);
});

test("an order whose source cannot be read any more fails, and says so", async () => {
  const house = await House.open();
  await house.kit.books.append([accepted({ source: { text: "- no order" } })]);
  await house.kit.parts.line.resume(given(house.record("WO-1")));
  expect(await house.rest("WO-1")).toMatchObject({
    status: "failed",
    failure: { class: "invalid", code: "unreadable" },
  });
});
