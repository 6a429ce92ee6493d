/** What an append promises: whatever happens to the disk, it is durable when it resolves, or it never happened. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { heldDisk, recordingDisk, refusingDisk, shortDisk } from "../../support/disks.ts";
import { turn } from "../../support/hand-clock.ts";
import { note, openLedger, seeChain } from "../../support/ledger-kit.ts";
import { thrownBy } from "../../support/results.ts";

const NAMES = Array.from({ length: 64 }, (_, index) => `n${index}`);

test("64 appends at once are one write and one sync", async () => {
  const { disk, calls } = recordingDisk();
  const { ledger } = await openLedger({ disk });
  calls.splice(0);
  await Promise.all(NAMES.map((name) => ledger.append([note(name)])));
  expect(calls).toEqual(["write 000001.jsonl", "syncData 000001.jsonl"]);
});

test("appends that follow each other without a pause are all written", async () => {
  const { ledger, folder } = await openLedger();
  for (const name of NAMES.slice(0, 5)) await ledger.append([note(name)]);
  expect(seeChain(folder).entries.map(({ group }) => group)).toEqual([1, 2, 3, 4, 5]);
});

test("everybody who appended gets his own entries back, in the order in which they were told", async () => {
  const { ledger, folder } = await openLedger();
  const got = await Promise.all(NAMES.map((name) => ledger.append([note(name), note(`${name}'`)])));
  expect(got.map((entries) => entries.map(({ seq }) => seq))).toEqual(NAMES.map((_, at) => [2 * at + 1, 2 * at + 2]));
  expect(got.flat()).toMatchObject(
    NAMES.flatMap((name) => [
      { name, group: 1 },
      { name: `${name}'`, group: 1 },
    ]),
  );
  expect(seeChain(folder).entries).toEqual(got.flat());
});

test("an append resolves, and is told of, only when the sync is over", async () => {
  const { disk, hold } = heldDisk("syncData");
  const { ledger, committed } = await openLedger({ disk });
  const release = hold();
  let resolved = false;
  const appended = ledger.append([note("a")]).then(() => (resolved = true));
  await turn();
  expect({ resolved, told: committed.length, head: ledger.head.seq }).toEqual({ resolved: false, told: 0, head: 0 });
  release();
  await appended;
  expect({ told: committed.length, head: ledger.head.seq }).toEqual({ told: 1, head: 1 });
});

test("what is appended while the disk syncs becomes the next group, together", async () => {
  const { disk, hold } = heldDisk("syncData");
  const { ledger, folder } = await openLedger({ disk });
  const release = hold();
  const first = ledger.append([note("first")]);
  await turn();
  const others = NAMES.map((name) => ledger.append([note(name)]));
  release();
  await Promise.all([first, ...others]);
  expect(new Set(seeChain(folder).entries.map(({ group }) => group))).toEqual(new Set([1, 2]));
});

test("a group stays small enough for one write even when a flood waits", async () => {
  const { ledger, folder } = await openLedger();
  const reason = "x".repeat(5 * 1024 * 1024);
  const large = { event: "wo_ignored", lane: "CLC", name: "large", reason } as const;
  await Promise.all([1, 2, 3].map(() => ledger.append([large])));
  expect(seeChain(folder).entries.map(({ group }) => group)).toEqual([1, 1, 3]);
});

test("everybody who watches hears of a group before those who appended it go on", async () => {
  const { ledger, committed } = await openLedger();
  const told = await ledger.append([note("a"), note("b")]).then(() => committed.length);
  expect(told).toBe(2);
});

test("an append that finds the disk full never happened, and the next one stands where it would have stood", async () => {
  const { ledger, folder, path, fatal } = await openLedger({ disk: refusingDisk("write", "ENOSPC", { nth: 2 }) });
  await ledger.append([note("a")]);
  const before = readFileSync(path);
  expect(await thrownBy(() => ledger.append([note("b")]))).toMatchObject({ code: "DISK_FULL" });
  expect(readFileSync(path)).toEqual(before);
  await turn();
  await ledger.append([note("c")]);
  expect(seeChain(folder).entries).toMatchObject([{ name: "a" }, { name: "c", seq: 2 }]);
  expect(fatal).toEqual([]);
});

test("what a full disk took of a group is cut off again", async () => {
  const { ledger, folder, path } = await openLedger({ disk: shortDisk(2) });
  await ledger.append([note("a")]);
  const before = readFileSync(path);
  expect(await thrownBy(() => ledger.append([note("b")]))).toMatchObject({ code: "DISK_FULL" });
  expect(readFileSync(path)).toEqual(before);
  await turn();
  await ledger.append([note("c")]);
  expect(seeChain(folder).read).toMatchObject({ ok: true, value: { head: { seq: 2 }, torn: undefined } });
});

test("a disk that is full for all in a group is told to each of them", async () => {
  const { ledger } = await openLedger({ disk: refusingDisk("write", "ENOSPC") });
  const ends = await Promise.allSettled(["a", "b"].map((name) => ledger.append([note(name)])));
  expect(ends.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
});

test("the reserve is given up for what was begun: the append is tried once more", async () => {
  let asked = 0;
  const disk = refusingDisk("write", "ENOSPC");
  const onFull = () => (asked += 1) > 0;
  const { ledger, folder } = await openLedger({ disk, onFull });
  await ledger.append([note("a")]);
  expect({ asked, entries: seeChain(folder).entries.length }).toEqual({ asked: 1, entries: 1 });
});

test("a reserve that does not help is not asked for again and again", async () => {
  let asked = 0;
  const disk = refusingDisk("write", "ENOSPC", { always: true });
  const { ledger } = await openLedger({ disk, onFull: () => (asked += 1) > 0 });
  expect(await thrownBy(() => ledger.append([note("a")]))).toMatchObject({ code: "DISK_FULL" });
  expect(asked).toBe(1);
});

test("a sync that fails ends everything: nobody knows any more what is on the medium", async () => {
  const { disk, calls } = recordingDisk(refusingDisk("syncData", "EIO"));
  const { ledger, committed, fatal } = await openLedger({ disk });
  const ends = await Promise.allSettled([ledger.append([note("a")]), ledger.append([note("b")])]);
  expect(ends).toMatchObject([{ reason: { code: "SYNC_FAILED" } }, { reason: { code: "SYNC_FAILED" } }]);
  expect({ fatal: fatal.map(({ code }) => code), committed }).toEqual({ fatal: ["SYNC_FAILED"], committed: [] });
  calls.splice(0);
  expect(await thrownBy(() => ledger.append([note("c")]))).toMatchObject({ code: "SYNC_FAILED" });
  expect(calls).toEqual([]);
});

test("what waits behind a sync that fails is refused, too", async () => {
  const { disk, hold } = heldDisk("syncData", "EIO");
  const { ledger, fatal } = await openLedger({ disk });
  const release = hold();
  const first = thrownBy(() => ledger.append([note("a")]));
  await turn();
  const second = thrownBy(() => ledger.append([note("b")]));
  release();
  expect(await Promise.all([first, second])).toMatchObject([{ code: "SYNC_FAILED" }, { code: "SYNC_FAILED" }]);
  expect(fatal).toHaveLength(1);
});

test("a torn end that cannot be cut off ends everything", async () => {
  const disk = refusingDisk("truncate", "EIO", { over: refusingDisk("write", "ENOSPC") });
  const { ledger, fatal } = await openLedger({ disk });
  expect(await thrownBy(() => ledger.append([note("a")]))).toMatchObject({ code: "SYNC_FAILED" });
  expect(fatal).toHaveLength(1);
});

test("a write that the disk refuses for another reason is told, and harms nothing", async () => {
  const { ledger, folder, fatal } = await openLedger({ disk: refusingDisk("write", "EIO", { nth: 2 }) });
  await ledger.append([note("a")]);
  expect(await thrownBy(() => ledger.append([note("b")]))).toMatchObject({ code: "DISK_REFUSED" });
  expect({ fatal, entries: seeChain(folder).entries.length }).toEqual({ fatal: [], entries: 1 });
});
