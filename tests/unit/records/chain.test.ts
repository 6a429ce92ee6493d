import * as fc from "fast-check";
import { expect, test } from "vitest";
import { decode, EMPTY_HEAD, encode, follows, type Placed } from "../../../src/records/chain.ts";
import type { Event } from "../../../src/records/events.ts";
import { accepted, chainOf } from "../../support/events.ts";
import { note } from "../../support/ledger-kit.ts";
import { anyText } from "../../support/texts.ts";

const PLACED: Placed = { seq: 1, group: 1, ts: "2026-01-05T00:00:00.000Z", prev: EMPTY_HEAD.hash };

test("an entry that was written is read back as it was told", () => {
  fc.assert(
    fc.property(anyText, fc.array(anyText), fc.nat(), (title, tags, size) => {
      const { line, entry } = encode(accepted({ title, tags, size_bytes: size }), PLACED);
      expect(decode(line)).toEqual(entry);
    }),
  );
});

test("any line in which one character was changed is no entry any more", () => {
  const { line } = encode(accepted({ title: "ä title", summary: "\u001f" }), PLACED);
  fc.assert(
    fc.property(fc.nat(line.length - 1), fc.string({ unit: "grapheme", minLength: 1, maxLength: 1 }), (at, other) => {
      fc.pre(line[at] !== other);
      expect(decode(line.slice(0, at) + other + line.slice(at + 1))).toBeUndefined();
    }),
    { numRuns: 1000 },
  );
});

test.each([
  ["its keys in another order", (line: string) => JSON.stringify(reversed(JSON.parse(line)))],
  ["blanks between its words", (line: string) => JSON.stringify(JSON.parse(line), undefined, 1).replaceAll("\n", " ")],
  [
    "its hash in the middle",
    (line: string) => line.replace(/,"hash":"(\w+)"}$/, "}").replace("{", `{"hash":"${hashIn(line)}",`),
  ],
  ["escapes that it does not need", (line: string) => line.replaceAll("/", String.raw`\/`)],
  ["a character as its number", (line: string) => line.replace("title", String.raw`titl\u0065`)],
  ["a blank behind its end", (line: string) => `${line} `],
])("a line that another tool spelled anew, with %s, is no entry", (_how, respell) => {
  const { line } = encode(accepted({ title: "a /title/" }), PLACED);
  expect(JSON.parse(respell(line))).toEqual(JSON.parse(line));
  expect(respell(line)).not.toBe(line);
  expect(decode(respell(line))).toBeUndefined();
});

function reversed(value: unknown): object {
  return Object.fromEntries(Object.entries(Object(value)).toReversed());
}

function hashIn(line: string): string {
  return /"hash":"(\w+)"/.exec(line)?.[1] ?? "";
}

test.each(["", "{}", "null", "[]", "42", '{"v":1,"seq":1}', "not json", '"v"'])("the line %j is no entry", (line) => {
  expect(decode(line)).toBeUndefined();
});

test("an entry of a format that is not known is not taken for one that is", () => {
  const { line } = encode(note("a"), PLACED);
  expect(decode(line.replace('"v":1', '"v":2'))).toBeUndefined();
});

test("an entry follows only the one whose hash it holds", () => {
  const [first, second, third] = chainOf([note("a"), note("b"), note("c")]).map(({ entry }) => entry);
  if (first === undefined || second === undefined || third === undefined) throw new Error("three entries");
  expect(follows(first, EMPTY_HEAD)).toBe(true);
  expect(follows(third, second)).toBe(true);
  expect(follows(third, first)).toBe(false);
  expect(follows(second, { ...first, hash: third.hash })).toBe(false);
});

test("only a repair may leave a gap, and only the one it names", () => {
  const repair = (lostFrom: number, lostTo: number): Event => ({
    event: "ledger_repaired",
    segment: "000001.jsonl",
    sha256: "",
    lost_from: lostFrom,
    lost_to: lostTo,
    by: "me",
  });
  const head = { seq: 5, hash: "ab".repeat(32) };
  const placed = (seq: number) => ({ ...PLACED, seq, group: seq, prev: head.hash });
  expect(follows(encode(repair(6, 9), placed(10)).entry, head)).toBe(true);
  expect(follows(encode(repair(6, 9), placed(9)).entry, head)).toBe(false);
  expect(follows(encode(repair(7, 9), placed(10)).entry, head)).toBe(false);
  expect(follows(encode(note("a"), placed(10)).entry, head)).toBe(false);
});
