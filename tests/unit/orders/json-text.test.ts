/** What JSON.parse does not tell: every key and value is found again where it stands, and nothing sound is called faulty. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { findJsonFault, jsonOffset, syntaxOffset } from "../../../src/orders/json-text.ts";

const texts = fc.oneof(fc.string(), fc.constantFrom("\\", '"', '\\"', "\\\\", "{", "],", ":"));

test("any sound JSON has no fault, however its texts are escaped", () => {
  fc.assert(
    fc.property(fc.dictionary(texts, fc.oneof(texts, fc.array(texts), fc.integer(), fc.boolean())), (value) => {
      expect(findJsonFault(JSON.stringify(value))).toBeUndefined();
      expect(findJsonFault(JSON.stringify(value, undefined, 2))).toBeUndefined();
    }),
  );
});

test("any key and value is found where it stands", () => {
  fc.assert(
    fc.property(fc.uniqueArray(texts, { minLength: 1, maxLength: 6 }), fc.array(texts), (keys, list) => {
      const text = `{"": 1, ${keys.map((key) => `${JSON.stringify(`k${key}`)}: ${JSON.stringify([...list, key])}`).join(" , ")}}`;
      for (const key of keys) {
        const [atKey, atLast] = [
          jsonOffset(text, [`k${key}`], "key"),
          jsonOffset(text, [`k${key}`, list.length], "value"),
        ];
        expect(text.slice(atKey).startsWith(JSON.stringify(`k${key}`))).toBe(true);
        expect(text.slice(atLast).startsWith(`${JSON.stringify(key)}]`)).toBe(true);
      }
    }),
  );
});

test.each([
  ['{"a": 1, "b": {"a": 2}, "c": [{"a": 3}, {"a": 4}]}', undefined],
  ['{"a": 1, "a": 2}', 9],
  ['{"a": "\\\\", "b": 1, "b": 2}', 20],
  ['[{"a": 1}, {"b": [], "b": null}]', 21],
])("in %s a key stands twice at %s", (text, offset) => {
  expect(findJsonFault(text)?.offset).toBe(offset);
});

test("what is not there has no place", () => {
  expect(jsonOffset('{"a": [1]}', ["a", 1], "value")).toBeUndefined();
  expect(jsonOffset('{"a": [1]}', ["b"], "key")).toBeUndefined();
});

test.each([
  ["Unexpected token } in JSON at position 12", 12],
  ["Unexpected end of JSON input", 3],
])("where the parser gave up is read out of %j", (message, offset) => {
  expect(syntaxOffset("{1,\n ", message)).toBe(offset);
});
