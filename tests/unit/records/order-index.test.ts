import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { systemClock } from "../../../src/platform/clock.ts";
import { Files } from "../../../src/platform/files.ts";
import type { Event } from "../../../src/records/events.ts";
import { followupText } from "../../../src/records/followup.ts";
import { CHAIN_BEGIN, type ChainStart } from "../../../src/records/ledger-reading.ts";
import { OrderIndex } from "../../../src/records/order-index.ts";
import { refusingDisk } from "../../support/disks.ts";
import { accepted, chainOf, happened, planned, recordAfter } from "../../support/events.ts";
import { realFiles } from "../../support/ledger-kit.ts";
import { given, thrownBy } from "../../support/results.ts";
import { put, temporaryFolder } from "../../support/temporary-folder.ts";

const { started, completed, failed, canceled, settled, waiting, retried } = happened;

/** The life of an order with another id. */
function lifeOf(id: string, events: readonly Event[] = [started, completed, settled]): Event[] {
  return [accepted({ wo_id: id }), ...events.map((event) => ({ ...event, wo_id: id }))];
}

const HISTORY: readonly Event[] = [
  ...lifeOf("WO-1"),
  ...lifeOf("WO-2", [waiting]),
  ...lifeOf("WO-3", [failed, settled]),
  ...lifeOf("WO-4", [started]),
  ...lifeOf("WO-5", [started, completed]),
];
const LATER: readonly Event[] = [
  { ...retried, wo_id: "WO-3" },
  { ...canceled, wo_id: "WO-2" },
  { ...settled, wo_id: "WO-2" },
  ...lifeOf("WO-6"),
];

function take(index: OrderIndex, events: readonly Event[], after: readonly Event[] = []): OrderIndex {
  const chain = chainOf([...after, ...events]);
  for (const one of chain.slice(after.length)) index.apply(one);
  return index;
}

function empty(): { readonly folder: string; readonly index: OrderIndex } {
  const folder = temporaryFolder();
  return { folder, index: OrderIndex.empty(realFiles, folder) };
}

/** All that can be asked of an index. */
function viewOf(index: OrderIndex) {
  const ids = [...index.summaries()].map(({ id }) => id).toSorted();
  return {
    orders: ids.map((id) => index.get(id)),
    counts: index.counts,
    open: index.open.map(({ id }) => id).toSorted(),
    head: index.head,
    facts: index.facts,
  };
}

const START: ChainStart = { head: { seq: 4, hash: "ab" }, position: { segment: 7, offset: 99 } };

test("an index tells of each order what its entries add up to, the id in any case", () => {
  const { index } = empty();
  take(index, HISTORY);
  expect(index.get("wo-1")).toEqual(recordAfter([started, completed, settled]));
  expect(index.get("WO-9")).toBeUndefined();
  expect(index.summary("wo-2")).toMatchObject({ id: "WO-2", status: "waiting" });
});

test("orders are counted by where they stand now", () => {
  const { index } = empty();
  take(index, HISTORY);
  expect(index.counts).toEqual({ pending: 0, running: 1, waiting: 1, done: 2, failed: 1, canceled: 0, planned: 0 });
  take(index, LATER, HISTORY);
  expect(index.counts).toEqual({ pending: 1, running: 1, waiting: 0, done: 3, failed: 0, canceled: 1, planned: 0 });
});

test("an order is open until it is at rest and its file is where it belongs", () => {
  const { index } = empty();
  take(index, HISTORY);
  expect(index.open.map(({ id }) => id)).toEqual(["WO-2", "WO-4", "WO-5"]);
});

test("an entry that is in already is passed over", () => {
  const { index } = empty();
  const chain = chainOf(HISTORY);
  for (const one of chain) index.apply(one);
  const before = viewOf(index);
  expect(chain.map((one) => index.apply(one)).filter((record) => record !== undefined)).toEqual([]);
  expect(viewOf(index)).toEqual(before);
});

test("an entry tells which order it changed, and none where it changed none", () => {
  const { index } = empty();
  const told = chainOf([accepted(), started, { ...started, wo_id: "WO-unknown" }]).map(
    (one) => index.apply(one)?.status,
  );
  expect(told).toEqual(["pending", "running", undefined]);
});

test("the newest orders at rest come first, five hundred at most", () => {
  const { index } = empty();
  take(index, Array.from({ length: 502 }, (_, at) => lifeOf(`WO-${at}`, [failed])).flat());
  const recent = index.recent().map(({ id }) => id);
  expect(recent).toHaveLength(500);
  expect([recent[0], recent[1], recent.at(-1)]).toEqual(["WO-501", "WO-500", "WO-2"]);
});

test("an order that comes to rest again is the newest again", () => {
  const { index } = empty();
  const again = [retried, failed].map((event) => ({ ...event, wo_id: "WO-1" }));
  take(index, [...lifeOf("WO-1", [failed]), ...lifeOf("WO-2", [failed]), ...again]);
  expect(index.recent().map(({ id }) => id)).toEqual(["WO-1", "WO-2"]);
});

test("a snapshot and the entries behind it give what the whole ledger gives", async () => {
  const { index, folder } = empty();
  await take(index, HISTORY).snapshot(START);
  const loaded = OrderIndex.load(realFiles, folder);
  expect(loaded.start).toEqual(START);
  expect(viewOf(loaded)).toEqual(viewOf(index));
  expect(viewOf(take(loaded, LATER, HISTORY))).toEqual(viewOf(take(index, LATER, HISTORY)));
});

test("one snapshot after the other gives what the whole ledger gives", async () => {
  const { index, folder } = empty();
  await take(index, HISTORY).snapshot(START);
  const second = OrderIndex.load(realFiles, folder);
  await take(second, LATER, HISTORY).snapshot(START);
  const third = OrderIndex.load(realFiles, folder);
  expect(viewOf(third)).toEqual(viewOf(take(empty().index, [...HISTORY, ...LATER])));
  expect(
    third
      .recent()
      .map(({ id }) => id)
      .slice(0, 2),
  ).toEqual(["WO-6", "WO-2"]);
});

test("an older snapshot forgets the rows that were written behind it", async () => {
  const { index, folder } = empty();
  await take(index, HISTORY).snapshot(START);
  const older = readFileSync(join(folder, "index.json"));
  await take(index, LATER, HISTORY).snapshot(START);
  writeFileSync(join(folder, "index.json"), older);
  const loaded = OrderIndex.load(realFiles, folder);
  expect(viewOf(loaded)).toEqual(viewOf(take(empty().index, HISTORY)));
  await take(loaded, lifeOf("WO-7"), HISTORY).snapshot(START);
  const whole = take(empty().index, [...HISTORY, ...lifeOf("WO-7")]);
  expect(viewOf(OrderIndex.load(realFiles, folder))).toEqual(viewOf(whole));
});

test.each<readonly [string, (folder: string) => unknown]>([
  ["is not there", (folder) => rmSync(join(folder, "index.json"))],
  ["is no JSON", (folder) => put(join(folder, "index.json"), "{")],
  ["is of another version", (folder) => edit(join(folder, "index.json"), '"v":1', '"v":2')],
  ["lacks an order's header", (folder) => edit(join(folder, "index.json"), '"header":{', '"headers":{')],
  ["has lost its rows", (folder) => rmSync(join(folder, "orders.rows"))],
  ["has rows with a changed byte", (folder) => edit(join(folder, "orders.rows"), "A goal", "A gaol")],
  [
    "has rows that end too early",
    (folder) => put(join(folder, "orders.rows"), readFileSync(join(folder, "orders.rows")).subarray(1)),
  ],
])("a snapshot that %s is thrown away whole", async (_what, spoil) => {
  const { index, folder } = empty();
  await take(index, HISTORY).snapshot(START);
  spoil(folder);
  const loaded = OrderIndex.load(realFiles, folder);
  expect({ ...viewOf(loaded), start: loaded.start }).toEqual({ ...viewOf(empty().index), start: CHAIN_BEGIN });
});

function edit(path: string, from: string, to: string): void {
  const text = readFileSync(path, "utf8");
  expect(text).toContain(from);
  writeFileSync(path, text.replace(from, to));
}

test("a snapshot that the disk refuses leaves the one before in force", async () => {
  const folder = temporaryFolder();
  await take(OrderIndex.empty(realFiles, folder), HISTORY).snapshot(START);
  const full = new Files(refusingDisk("write", "ENOSPC", { nth: 2 }), systemClock);
  const index = take(OrderIndex.load(full, folder), LATER, HISTORY);
  expect(await thrownBy(() => index.snapshot(START))).toMatchObject({ code: "DISK_FULL" });
  expect(viewOf(OrderIndex.load(realFiles, folder)).head.seq).toBe(HISTORY.length);
  await index.snapshot(START);
  expect(viewOf(OrderIndex.load(realFiles, folder))).toEqual(viewOf(index));
});

test("an order that came to rest long ago is read back in full, whatever its words", async () => {
  const { index, folder } = empty();
  const title = 'ä {"tab\t"}\n';
  await take(index, [accepted({ title }), started, planned(), completed, settled]).snapshot(START);
  expect(given(OrderIndex.load(realFiles, folder).get("WO-1"))).toEqual(index.get("WO-1"));
  expect(given(index.get("WO-1")).header.title).toBe(title);
});

test("the dashboard's list begins with what is open, and shows each order that is new to it once", () => {
  const { index } = empty();
  take(index, HISTORY);
  const list: unknown = JSON.parse(followupText(index, Date.UTC(2026, 0, 5), 1e9));
  expect(list).toMatchObject({
    counts: index.counts,
    items: ["WO-2", "WO-4", "WO-5", "WO-3", "WO-1"].map((id) => ({ id })),
  });
});
