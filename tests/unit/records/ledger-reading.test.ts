import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { encode } from "../../../src/records/chain.ts";
import {
  CHAIN_BEGIN,
  type Recorded,
  readChain,
  readEntriesAfter,
  readEntriesOf,
} from "../../../src/records/ledger-reading.ts";
import { accepted, happened } from "../../support/events.ts";
import { note, openLedger, realFiles, seeChain, writtenLedger } from "../../support/ledger-kit.ts";
import { given, valueOf } from "../../support/results.ts";
import { put } from "../../support/temporary-folder.ts";

const NAMES = ["a", "b", "c", "d", "e", "f"];

/** Entries 1 to 6 over five segments: three by rolling, two by opening again; some are repeated, the third is compressed. */
async function longLedger(): Promise<string> {
  const first = await openLedger({ segmentBytes: 1 });
  const { folder } = first;
  for (const name of NAMES.slice(0, 2)) await first.ledger.append([note(name)]);
  await first.ledger.close();
  for (const group of [NAMES.slice(2, 4), NAMES.slice(4)]) {
    const { ledger } = await openLedger({ folder });
    await ledger.append(group.map(note));
    await ledger.close();
  }
  const third = join(folder, "000002.jsonl");
  put(`${third}.gz`, gzipSync(readFileSync(third)));
  rmSync(third);
  return folder;
}

test("a ledger of many segments, rolled, repeated and compressed, is one chain", async () => {
  const seen = seeChain(await longLedger());
  expect(seen.entries.map((entry) => "name" in entry && entry.name)).toEqual(NAMES);
  expect(seen.read).toMatchObject({ ok: true, value: { torn: undefined, lastSegment: 5 } });
});

test.each([0, 1, 2, 3, 4, 5, 6])("a view that has seen entry %i is told of all behind it, each once", async (seq) => {
  const entries = [...readEntriesAfter(realFiles, await longLedger(), seq)];
  expect(entries.map((entry) => entry.seq)).toEqual([1, 2, 3, 4, 5, 6].slice(seq));
});

test("a view that catches up stops before the first damaged entry", async () => {
  const { folder, path, lines } = await writtenLedger([[note("a")], [note("b")], [note("c")]]);
  put(path, [given(lines[0]), given(lines[1]).replace('"b"', '"x"'), given(lines[2])].join(""));
  expect([...readEntriesAfter(realFiles, folder, 0)].map(({ seq }) => seq)).toEqual([1]);
});

test("a view of a ledger that is not there is told of nothing", async () => {
  expect([...readEntriesAfter(realFiles, "/nowhere", 0)]).toEqual([]);
});

test("reading may begin at any group that was the last one once, and gives the rest of the same chain", async () => {
  const { ledger, folder, committed } = await openLedger({ segmentBytes: 700 });
  const starts = [ledger.tailStart];
  for (const name of NAMES) {
    await ledger.append([note(name), note(`${name}'`)]);
    starts.push(ledger.tailStart);
  }
  for (const start of starts) {
    const read: Recorded[] = [];
    const end = valueOf(readChain(realFiles, folder, start, (one) => read.push(one)));
    expect(read).toEqual(committed.slice(start.head.seq));
    expect(end.head.seq).toBe(12);
  }
});

test("the end of the chain names its last group, so that it can be written again", async () => {
  const { folder, lines, entries } = await writtenLedger([[note("a")], [note("b"), note("c")]]);
  const { tail, head } = valueOf(seeChain(folder).read);
  expect(tail.lines.map((line) => `${line}\n`)).toEqual(lines.slice(1));
  expect(tail.start).toEqual({
    head: expect.objectContaining({ seq: 1, hash: entries[0]?.hash }),
    position: { segment: 1, offset: Buffer.byteLength(given(lines[0])) },
  });
  expect(head).toMatchObject({ seq: 3, hash: entries[2]?.hash });
});

test("an end that is torn in a segment with a sound one behind it is damage", async () => {
  const { ledger, folder, path } = await openLedger({ segmentBytes: 1 });
  for (const name of ["a", "b", "c"]) await ledger.append([note(name)]);
  const second = join(folder, "000002.jsonl");
  put(second, readFileSync(second).subarray(0, -5));
  expect(seeChain(folder).read).toMatchObject({
    ok: false,
    error: { segment: "000002.jsonl", atByte: 0, seq: 2, readableTo: 2 },
  });
  expect(readFileSync(path).length).toBeGreaterThan(0);
});

test("a compressed segment that cannot be unpacked is seen, and told like any damage", async () => {
  const { ledger, folder } = await openLedger({ segmentBytes: 1 });
  for (const name of ["a", "b", "c"]) await ledger.append([note(name)]);
  const path = join(folder, "000002.jsonl");
  put(`${path}.gz`, gzipSync(readFileSync(path)).fill(0, 20, 40));
  rmSync(path);
  expect(seeChain(folder).read).toMatchObject({ ok: false, error: { segment: "000002.jsonl", atByte: 0, seq: 2 } });
  expect([...readEntriesAfter(realFiles, folder, 0)].map(({ seq }) => seq)).toEqual([1]);
});

test("a copy of an old segment under a new number is seen: it would set aside what came after it", async () => {
  const { path, folder } = await writtenLedger(NAMES.map((name) => [note(name)]));
  const { ledger } = await openLedger({ folder });
  for (const name of NAMES) await ledger.append([note(name)]);
  put(join(folder, "000003.jsonl"), readFileSync(path));
  expect(seeChain(folder).read).toMatchObject({
    ok: false,
    error: { segment: "000002.jsonl", seq: 7, readableTo: 12, reason: expect.stringContaining("ends at entry 6") },
  });
});

test("another history that begins in a new segment is seen where the old one still stands", async () => {
  const { folder, entries } = await writtenLedger([[note("a")], [note("b")]]);
  const placed = { seq: 2, group: 2, ts: "2026-01-05T00:00:00.000Z", prev: given(entries[0]).hash };
  put(join(folder, "000002.jsonl"), `${encode(note("x"), placed).line}\n`);
  expect(seeChain(folder).read).toMatchObject({ ok: false, error: { seq: 2, readableTo: 2 } });
});

test("a segment whose first line lacks its newline takes over from nothing: what stands before it counts", async () => {
  const { folder, lines } = await writtenLedger([[note("a")], [note("b")]]);
  put(join(folder, "000002.jsonl"), given(lines[1]).trimEnd());
  const { entries, read } = seeChain(folder);
  expect(entries.map(({ seq }) => seq)).toEqual([1, 2]);
  expect(read).toMatchObject({ ok: true, value: { torn: { segment: "000002.jsonl", atByte: 0 } } });
});

test("a segment that vanished from the middle is seen", async () => {
  const { ledger, folder } = await openLedger({ segmentBytes: 1 });
  for (const name of ["a", "b", "c"]) await ledger.append([note(name)]);
  rmSync(join(folder, "000002.jsonl"));
  expect(seeChain(folder).read).toMatchObject({ ok: false, error: { segment: "000003.jsonl", seq: 2, atByte: 0 } });
});

test("a damaged line tells how far the ledger can still be read behind it, and why it cannot be trusted", async () => {
  const { path, folder, lines } = await writtenLedger(NAMES.map((name) => [note(name)]));
  put(path, lines.map((line, at) => (at === 1 ? line.replace('"b"', '"x"') : line)).join(""));
  expect(seeChain(folder).read).toMatchObject({
    ok: false,
    error: {
      seq: 2,
      readableTo: 6,
      atByte: Buffer.byteLength(given(lines[0])),
      reason: expect.stringContaining("hash"),
    },
  });
});

test("the gap that a repair names is crossed, and nothing behind it in the damaged segment counts", async () => {
  const { path, folder, lines, entries } = await writtenLedger(NAMES.map((name) => [note(name)]));
  put(path, lines.map((line, at) => (at === 2 ? line.replace('"c"', '"x"') : line)).join(""));
  const repair = {
    event: "ledger_repaired",
    segment: "000001.jsonl",
    sha256: "",
    lost_from: 3,
    lost_to: 6,
    by: "me",
  } as const;
  const placed = { seq: 7, group: 7, ts: "2026-01-05T00:00:00.000Z", prev: given(entries[1]).hash };
  put(join(folder, "000002.jsonl"), `${encode(repair, placed).line}\n`);
  expect(seeChain(folder).entries.map(({ seq }) => seq)).toEqual([1, 2, 7]);
  expect(seeChain(folder).read).toMatchObject({ ok: true, value: { head: { seq: 7 } } });
});

test("the entries of one order are found among those of others, each once", async () => {
  const other = accepted({ wo_id: "WO-11", title: '"wo_id":"WO-1"' });
  const { folder } = await writtenLedger([[accepted(), other], [happened.started], [happened.completed]]);
  await (await openLedger({ folder })).ledger.close();
  const span = { from: { segment: 1, offset: 0 }, toSeq: 9 };
  const found = [...readEntriesOf(realFiles, folder, "WO-1", span)];
  expect(found.map(({ seq, event }) => [seq, event])).toEqual([
    [1, "wo_accepted"],
    [3, "wo_started"],
    [4, "wo_completed"],
  ]);
});

test("looking for the entries of an order ends where it is known to end", async () => {
  const { folder } = await writtenLedger([[accepted()], [happened.started], [happened.completed]]);
  const span = { from: { segment: 1, offset: 0 }, toSeq: 2 };
  expect([...readEntriesOf(realFiles, folder, "WO-1", span)].map(({ seq }) => seq)).toEqual([1, 2]);
});

test("any two groupings of the same events are the same chain", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 5 }), async (sizes) => {
      const groups = sizes.map((size, at) => NAMES.slice(0, size).map((name) => note(`${name}${at}`)));
      const { folder, entries } = await writtenLedger(groups);
      expect(seeChain(folder).entries).toEqual(entries);
      expect([...readEntriesAfter(realFiles, folder, 0)]).toEqual(entries);
      expect(readChain(realFiles, folder, CHAIN_BEGIN, () => undefined)).toMatchObject({
        value: { head: { seq: sizes.reduce((sum, size) => sum + size, 0) } },
      });
    }),
    { numRuns: 15 },
  );
});
