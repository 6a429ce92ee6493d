/** What a ledger does over time: it rolls, is opened again after every kind of crash, and takes notes along. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Event } from "../../../src/records/events.ts";
import { readChain, readEntriesAfter, readEntriesOf } from "../../../src/records/ledger-reading.ts";
import { everyCut, powerCutDisk, recordingDisk, refusingDisk } from "../../support/disks.ts";
import { accepted } from "../../support/events.ts";
import { HandClock } from "../../support/hand-clock.ts";
import { note, openLedger, realFiles, seeChain, writtenLedger } from "../../support/ledger-kit.ts";
import { given, valueOf } from "../../support/results.ts";
import { put, treeOf } from "../../support/temporary-folder.ts";

const GROUPS = [[note("a")], [note("b"), note("c")]];
const FROM_BEGIN = { from: { segment: 1, offset: 0 }, toSeq: 9 };

test("every opening starts a new segment that repeats the last group", async () => {
  const { folder, lines, entries } = await writtenLedger(GROUPS);
  const { ledger } = await openLedger({ folder });
  await ledger.append([note("d")]);
  await ledger.close();
  const repeated = readFileSync(join(folder, "000002.jsonl"), "utf8");
  expect(repeated.startsWith(lines.slice(1).join(""))).toBe(true);
  expect(seeChain(folder).entries.slice(0, 3)).toEqual(entries);
  expect(seeChain(folder).entries).toMatchObject([{ seq: 1 }, { seq: 2 }, { seq: 3 }, { seq: 4, name: "d" }]);
});

test("a ledger that is opened again and again without a word keeps saying the same", async () => {
  const { folder, entries } = await writtenLedger(GROUPS);
  for (const _ of [1, 2, 3]) await (await openLedger({ folder })).ledger.close();
  expect(seeChain(folder).entries).toEqual(entries);
  expect(Object.keys(treeOf(folder))).toHaveLength(4);
});

test("a ledger that was opened and not written to can be read on from its last group", async () => {
  const { folder, entries } = await writtenLedger(GROUPS);
  const { ledger } = await openLedger({ folder });
  const seen: unknown[] = [];
  valueOf(readChain(realFiles, folder, ledger.tailStart, ({ entry }) => seen.push(entry)));
  expect({ seen, segment: ledger.tailStart.position.segment }).toEqual({ seen: entries.slice(1), segment: 2 });
});

test("the repeated group is durable with its name before anything is appended", async () => {
  const { folder } = await writtenLedger(GROUPS);
  const { disk, calls } = recordingDisk();
  await openLedger({ folder, disk });
  expect(calls).toEqual([
    "openNew TEMP",
    "write TEMP",
    "sync TEMP",
    "rename TEMP 000002.jsonl",
    "sync ledger",
    "openAppend 000002.jsonl",
  ]);
});

test.each([
  ["half a line", (bytes: Buffer) => bytes.subarray(0, -9)],
  [
    "another byte",
    (bytes: Buffer) => Buffer.from(bytes.map((byte, at) => (at === bytes.length - 90 ? byte ^ 1 : byte))),
  ],
  ["nothing but zeros", (bytes: Buffer) => Buffer.from(bytes.map((byte, at) => (at > bytes.length - 200 ? 0 : byte)))],
])(
  "the last group that a new segment has repeated counts there, should the old copy become %s",
  async (_what, bend) => {
    const { folder, path, bytes, entries } = await writtenLedger(GROUPS);
    await (await openLedger({ folder })).ledger.close();
    put(path, bend(bytes));
    expect(seeChain(folder)).toMatchObject({ read: { ok: true, value: { torn: undefined } }, entries });
  },
);

test("what a crash tore is told of, and taken over by the next segment without it", async () => {
  const { folder, path, bytes, lines } = await writtenLedger(GROUPS);
  put(path, bytes.subarray(0, -9));
  const { ledger, end } = await openLedger({ folder });
  expect(end.torn).toEqual({
    segment: "000001.jsonl",
    atByte: Buffer.byteLength(given(lines[0])),
    lostBytes: Buffer.byteLength(lines.slice(1).join("")) - 9,
  });
  await ledger.append([note("d")]);
  expect(seeChain(folder)).toMatchObject({ read: { ok: true, value: { torn: undefined } } });
  expect(seeChain(folder).entries.map((entry) => "name" in entry && entry.name)).toEqual(["a", "d"]);
});

test.each([0, 1, 9])(
  "of an append whose last %i bytes are all that is missing nothing counts, for no reader",
  async (missing) => {
    const { folder, path, bytes, lines } = await writtenLedger(GROUPS);
    const cut = missing === 0 ? Buffer.byteLength(lines.slice(0, 2).join("")) : bytes.length - missing;
    put(path, bytes.subarray(0, cut));
    const { ledger } = await openLedger({ folder });
    await ledger.append([note("d")]);
    const names = ["a", "d"];
    expect(seeChain(folder).entries.map((entry) => "name" in entry && entry.name)).toEqual(names);
    const told = [...readEntriesAfter(realFiles, folder, 0)];
    expect(told.map((entry) => "name" in entry && entry.name)).toEqual(names);
  },
);

test("appends that were one write stand each for itself", async () => {
  const { ledger, folder, path } = await openLedger();
  await Promise.all([ledger.append([note("a")]), ledger.append([note("b"), note("c")])]);
  put(path, readFileSync(path).subarray(0, -9));
  expect(seeChain(folder).entries.map((entry) => "name" in entry && entry.name)).toEqual(["a"]);
});

test("of an order that was accepted and held in one append, half an append leaves nothing that could run", async () => {
  const held: Event = { event: "wo_waiting", wo_id: "WO-1", lane: "CLC", reason: "held_lane", message: "" };
  const { folder, path, bytes, entries } = await writtenLedger([[note("a")], [accepted(), held]]);
  put(path, bytes.subarray(0, -9));
  const seen = seeChain(folder);
  expect(seen.entries).toEqual(entries.slice(0, 1));
  expect([...readEntriesOf(realFiles, (await openLedger({ folder })).folder, "WO-1", FROM_BEGIN)]).toEqual([]);
});

test("power that goes while a ledger is opened takes no entry along, whenever it goes", async () => {
  const written = await writtenLedger(GROUPS);
  const { disk, calls } = powerCutDisk(undefined);
  await openLedger({ folder: written.folder, disk });
  for (const cut of everyCut(calls)) {
    const { folder, entries } = await writtenLedger(GROUPS);
    await openLedger({ folder, disk: powerCutDisk(cut).disk }).catch(() => undefined);
    const { ledger } = await openLedger({ folder });
    await ledger.append([note("d")]);
    expect({ cut, entries: seeChain(folder).entries.slice(0, 3) }).toEqual({ cut, entries });
    expect(seeChain(folder).entries[3]).toMatchObject({ name: "d", seq: 4 });
  }
  expect(calls.length).toBeGreaterThan(4);
});

test("power that goes while something is appended takes only what nobody was told of, whenever it goes", async () => {
  const { disk, calls } = powerCutDisk(undefined);
  const whole = await openLedger({ disk, segmentBytes: 1 });
  for (const group of GROUPS) await whole.ledger.append(group);
  for (const cut of everyCut(calls)) {
    const { folder, durable } = await appendUntil(cut);
    const { ledger, end } = await openLedger({ folder });
    expect(end.head.seq).toBeGreaterThanOrEqual(durable);
    await ledger.append([note("d")]);
    expect(valueOf(seeChain(folder).read).head.seq).toBe(end.head.seq + 1);
  }
  expect(calls.length).toBeGreaterThan(10);
});

/** Appends until the power goes; tells how many entries were told to be durable. */
async function appendUntil(cut: { readonly at: number; readonly how: "before" | "after" | "torn" }) {
  const folder = (await writtenLedger([])).folder;
  let durable = 0;
  try {
    const { ledger } = await openLedger({ folder, disk: powerCutDisk(cut).disk, segmentBytes: 1 });
    for (const group of GROUPS) durable += (await ledger.append(group)).length;
  } catch {
    // The power went: what was told until then is what counts.
  }
  return { folder, durable };
}

test("a full segment is followed by one that is durable with its name before it is written to", async () => {
  const { disk, calls } = recordingDisk();
  const { ledger } = await openLedger({ disk, segmentBytes: 1 });
  calls.splice(0);
  await ledger.append([note("a")]);
  await ledger.append([note("b")]);
  expect(calls.slice(0, 6)).toEqual([
    "write 000001.jsonl",
    "syncData 000001.jsonl",
    "openAppend 000002.jsonl",
    "syncData 000002.jsonl",
    "sync ledger",
    "write 000002.jsonl",
  ]);
});

test("a next segment that cannot be opened takes no word back: what is told of is in the ledger", async () => {
  const disk = refusingDisk("openAppend", "EMFILE", { nth: 2 });
  const { ledger, folder, committed } = await openLedger({ disk, segmentBytes: 1 });
  const ends = await Promise.allSettled([ledger.append([note("a")])]);
  expect(ends).toMatchObject([{ status: "fulfilled" }]);
  await ledger.append([note("b")]);
  expect(committed.map(({ entry }) => entry)).toEqual(seeChain(folder).entries);
  expect(committed).toHaveLength(2);
});

test("entries go on across segments as if they were one", async () => {
  const { ledger, folder, committed } = await openLedger({ segmentBytes: 1 });
  for (const name of ["a", "b", "c"]) await ledger.append([note(name)]);
  expect(Object.keys(treeOf(folder)).toSorted()).toEqual(
    ["000001", "000002", "000003", "000004"].map((n) => `${n}.jsonl`),
  );
  expect(committed.map(({ position }) => position)).toEqual([1, 2, 3].map((segment) => ({ segment, offset: 0 })));
  expect(seeChain(folder).entries).toEqual(committed.map(({ entry }) => entry));
});

test("a note goes by itself a moment later when nothing else is written", async () => {
  const clock = new HandClock();
  const { ledger, committed } = await openLedger({ clock });
  ledger.note(note("a"));
  ledger.note(note("b"));
  await clock.pass(99);
  expect(committed).toEqual([]);
  await clock.pass(1);
  await ledger.close();
  expect(committed.map(({ entry }) => entry)).toMatchObject([
    { name: "a", group: 1 },
    { name: "b", group: 1 },
  ]);
});

test("a note rides with whatever is written next, and is written once", async () => {
  const clock = new HandClock();
  const { ledger, folder } = await openLedger({ clock });
  ledger.note(note("a"));
  expect(await ledger.append([note("b")])).toMatchObject([{ name: "b", seq: 2, group: 1 }]);
  await clock.pass(1000);
  await ledger.close();
  expect(seeChain(folder).entries).toMatchObject([{ name: "a" }, { name: "b" }]);
});

test("notes that wait are written when the ledger is closed, and none after that", async () => {
  const clock = new HandClock();
  const { ledger, folder } = await openLedger({ clock });
  ledger.note(note("a"));
  await ledger.close();
  ledger.note(note("b"));
  await clock.pass(1000);
  expect(seeChain(folder).entries).toMatchObject([{ name: "a" }]);
});

test("a note told in the moment after an append is written when the ledger is closed", async () => {
  const { ledger, folder } = await openLedger({ clock: new HandClock() });
  await ledger.append([note("a")]);
  ledger.note(note("b"));
  await ledger.close();
  expect(seeChain(folder).entries).toMatchObject([{ name: "a" }, { name: "b" }]);
});

test("a note that finds the disk full is lost without harm", async () => {
  const clock = new HandClock();
  const { ledger, folder, fatal } = await openLedger({ clock, disk: refusingDisk("write", "ENOSPC") });
  ledger.note(note("a"));
  await clock.pass(100);
  await ledger.append([note("b")]);
  expect({ fatal, entries: seeChain(folder).entries }).toMatchObject({ fatal: [], entries: [{ name: "b", seq: 1 }] });
});
