/** Names that nothing else has, ids that sort by their time, hashes as everybody computes them. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { newIdSource, randomName, sha256, TEMPORARY_NAME, TemporaryNames } from "../../../src/platform/ids.ts";

test("random names are ten safe characters and do not meet", () => {
  const names = Array.from({ length: 2000 }, randomName);

  expect(new Set(names).size).toBe(2000);
  expect(names.every((name) => /^[0-9a-hjkmnp-tv-z]{10}$/.test(name))).toBe(true);
});

test("unfinished files of one process and of two have names of their own, which sweeping knows", () => {
  const [one, two] = [new TemporaryNames(), new TemporaryNames()];
  const names = Array.from({ length: 200 }, () => [one.next(), two.next()]).flat();

  expect(new Set(names).size).toBe(400);
  expect(names.every((name) => TEMPORARY_NAME.test(name))).toBe(true);
});

test("any times, also those that go back, give ids that only rise", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 2 ** 40 }), { minLength: 2, maxLength: 200 }), (times) => {
      const next = newIdSource();
      const ids = times.map((time) => next(time));
      expect(ids).toEqual(ids.toSorted());
      expect(new Set(ids).size).toBe(ids.length);
    }),
  );
});

test("two sources give different ids for one moment, of the form that file names carry", () => {
  const ids = Array.from({ length: 100 }, () => newIdSource()(1_700_000_000_000));

  expect(new Set(ids).size).toBe(100);
  expect(ids.every((id) => /^01HF7YAT00[0-9A-HJKMNP-TV-Z]{16}$/.test(id))).toBe(true);
});

test("ids are random for as many milliseconds as there are", () => {
  const next = newIdSource();
  const ids = Array.from({ length: 3000 }, (_, index) => next(1_700_000_000_000 + index));

  expect(new Set(ids.map((id) => id.slice(10))).size).toBe(3000);
});

test.each([
  ["", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
  ["abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
])("the hash of %j is the published one, of text and of bytes", (text, hex) => {
  expect([sha256(text), sha256(Buffer.from(text))]).toEqual([hex, hex]);
});
