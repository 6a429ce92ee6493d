import canonicalize from "canonicalize";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { canonicalText } from "../../../src/records/canonical-text.ts";
import { anyText } from "../../support/texts.ts";

const key = fc.oneof(anyText, fc.constantFrom("__proto__", "10", "9", "constructor"));
const { value: jsonValue } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constant(null),
    fc.boolean(),
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    anyText,
    fc.array(tie("value"), { maxLength: 5 }),
    fc.dictionary(key, tie("value"), { maxKeys: 5 }),
  ),
}));

test("an entry's text is the canonical JSON of RFC 8785, whatever stands in it", () => {
  fc.assert(
    fc.property(fc.dictionary(key, jsonValue), (value) => {
      expect(canonicalText(value)).toBe(canonicalize(value));
    }),
    { numRuns: 500 },
  );
});

test("a text with half of a character is refused before it gets into the ledger", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0xd800, max: 0xdfff }), anyText, (half, around) => {
      const torn = `${around}${String.fromCharCode(half)}.`;
      expect(() => canonicalText({ title: torn })).toThrow("lone surrogates");
      expect(() => canonicalText({ nested: [{ [torn]: 1 }] })).toThrow("lone surrogates");
    }),
  );
});

test("a text that speaks of half a character is no half a character", () => {
  const words = { title: String.raw`\ud800 is a surrogate` };
  expect(JSON.parse(canonicalText(words))).toEqual(words);
});

test("keys that look like numbers are sorted as words, as RFC 8785 has it", () => {
  const value = { "10": "ten", "9": "nine", a: { "2": 2, "11": 11 } };
  expect(canonicalText(value)).toBe('{"10":"ten","9":"nine","a":{"11":11,"2":2}}');
});

test("a key named __proto__ is kept like any other", () => {
  const value: unknown = JSON.parse('{"inner":{"b":2,"__proto__":{"a":1}}}');
  expect(canonicalText(value)).toBe('{"inner":{"__proto__":{"a":1},"b":2}}');
});

test("fields that are undefined are left out, wherever they stand", () => {
  expect(canonicalText({ a: undefined, c: { d: undefined }, b: 1 })).toBe('{"b":1,"c":{}}');
});

test("objects of more shapes than are remembered are still sorted", () => {
  const names = Array.from({ length: 40 }, (_, at) => `k${at}`);
  const shapes = names.map((name) => ({ z: 1, [name]: 2, a: 3 }));
  expect([...shapes, ...shapes].map(canonicalText)).toEqual([...shapes, ...shapes].map((one) => canonicalize(one)));
});
