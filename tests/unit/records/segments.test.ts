import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { EMPTY_HEAD, encode } from "../../../src/records/chain.ts";
import { type Line, listSegments, readEntryAt, readLines, takeoverOf } from "../../../src/records/segments.ts";
import { note, realFiles, writtenLedger } from "../../support/ledger-kit.ts";
import { given } from "../../support/results.ts";
import { folderWith, put, temporaryFolder } from "../../support/temporary-folder.ts";

const SEGMENT = { number: 1, name: "000001.jsonl", compressed: false } as const;

function linesOf(folder: string, how: { readonly offset?: number; readonly chunkBytes?: number } = {}): Line[] {
  return [...readLines(realFiles, folder, SEGMENT, how)];
}

test("segments are listed by their numbers, whatever else lies beside them", () => {
  const folder = folderWith({
    "1000000.jsonl": "",
    "000010.jsonl": "",
    "000009.jsonl": "",
    "index.json": "",
    "orders.rows": "",
    "12.jsonl": "",
    ".wo-x-1.tmp": "",
    "000011.jsonl.old": "",
  });
  mkdirSync(join(folder, "000001.jsonl"));
  expect(listSegments(realFiles, folder).map(({ number }) => number)).toEqual([9, 10, 1_000_000]);
});

test("a segment that is compressed while its plain file is still there counts once, as the plain one", () => {
  const folder = folderWith({ "000001.jsonl.gz": "", "000002.jsonl": "", "000002.jsonl.gz": "" });
  expect(listSegments(realFiles, folder)).toEqual([
    { number: 1, name: "000001.jsonl.gz", compressed: true },
    { number: 2, name: "000002.jsonl", compressed: false },
  ]);
});

test("a ledger folder that is not there holds no segments, a segment that is gone no lines", () => {
  const folder = temporaryFolder();
  expect(listSegments(realFiles, join(folder, "absent"))).toEqual([]);
  expect(linesOf(folder)).toEqual([]);
});

test("any text is cut into the same lines, in pieces of any size", () => {
  const folder = temporaryFolder();
  const lines = fc.array(fc.string({ unit: "grapheme", maxLength: 12 }).map((line) => line.replaceAll("\n", "")));
  fc.assert(
    fc.property(lines, fc.integer({ min: 1, max: 40 }), (texts, chunkBytes) => {
      put(join(folder, SEGMENT.name), texts.map((text) => `${text}\n`).join(""));
      const read = linesOf(folder, { chunkBytes });
      expect(read.map(({ text }) => text)).toEqual(texts);
      expect(read.every(({ whole }) => whole)).toBe(true);
    }),
  );
});

test("a line tells where it begins and ends, also when reading begins in the middle", () => {
  const folder = folderWith({ [SEGMENT.name]: "ä\nbc\nd" });
  const all = [
    { text: "ä", offset: 0, end: 3, whole: true },
    { text: "bc", offset: 3, end: 6, whole: true },
    { text: "d", offset: 6, end: 7, whole: false },
  ];
  expect(linesOf(folder)).toEqual(all);
  expect(linesOf(folder, { offset: 3 })).toEqual(all.slice(1));
});

test.each([0, 3])("a compressed segment reads as the plain one did, from byte %i on", (offset) => {
  const text = "ä\nbc\nd";
  const folder = folderWith({ [SEGMENT.name]: text });
  const plain = linesOf(folder, { offset });
  put(join(folder, "000001.jsonl.gz"), gzipSync(text));
  const segment = { ...SEGMENT, name: "000001.jsonl.gz", compressed: true };
  expect([...readLines(realFiles, folder, segment, { offset })]).toEqual(plain);
});

test("a segment takes over from the seq of its first line", async () => {
  const { folder } = await writtenLedger([[note("a"), note("b")], [note("c")]]);
  expect(takeoverOf(realFiles, folder, SEGMENT)?.from).toBe(1);
});

test("a segment that begins with a repair takes over from the first entry that is lost", () => {
  const repair = { event: "ledger_repaired", segment: "", sha256: "", lost_from: 6, lost_to: 9, by: "me" } as const;
  const { line } = encode(repair, { seq: 10, group: 10, ts: "2026-01-05T00:00:00.000Z", prev: EMPTY_HEAD.hash });
  expect(takeoverOf(realFiles, folderWith({ [SEGMENT.name]: `${line}\n` }), SEGMENT)).toMatchObject({
    from: 6,
    isRepair: true,
  });
});

test.each([
  ["is empty", ""],
  ["begins with half a line", '{"agent":"x","attem'],
  ["begins with a foreign line", '{"hello":1}\n'],
])("a segment that %s takes over from nothing", (_what, text) => {
  expect(takeoverOf(realFiles, folderWith({ [SEGMENT.name]: text }), SEGMENT)).toBeUndefined();
});

test("an entry is found at its position, plain or compressed, and nothing beside it", async () => {
  const { folder, path, lines, entries } = await writtenLedger([[note("a")], [note("b")]]);
  const offset = Buffer.byteLength(given(lines[0]));
  expect(readEntryAt(realFiles, folder, { segment: 1, offset })).toEqual(entries[1]);
  expect(readEntryAt(realFiles, folder, { segment: 1, offset: offset + 1 })).toBeUndefined();
  put(`${path}.gz`, gzipSync(readFileSync(path)));
  rmSync(path);
  expect(readEntryAt(realFiles, folder, { segment: 1, offset })).toEqual(entries[1]);
});
