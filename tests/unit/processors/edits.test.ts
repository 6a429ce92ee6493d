/** One edit of one text: found exactly once, or not made. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { appendText, editText, setValue } from "../../../src/processors/edits.ts";
import { errorOf, valueOf } from "../../support/results.ts";

test.each([
  ["a b c", ["replace", "b", "x"], "a x c"],
  ["a b c", ["replace", "a b c", ""], ""],
  ["a\nb\nc\n", ["replace", "b\n", ""], "a\nc\n"],
  ["cost: 5", ["replace", "5", "$& $1 $$"], "cost: $& $1 $$"],
  ["one\ntwo\nthree\n", ["after", "two", "new"], "one\ntwo\nnew\nthree\n"],
  ["one\ntwo\nthree\n", ["after", "w", "new\n"], "one\ntwo\nnew\nthree\n"],
  ["one\ntwo\nthree\n", ["after", "two\n", "new"], "one\ntwo\nnew\nthree\n"],
  ["one\ntwo\nthree\n", ["after", "one\ntwo", "new"], "one\ntwo\nnew\nthree\n"],
  ["one\ntwo\n", ["after", "two", "a\nb"], "one\ntwo\na\nb\n"],
  ["one\ntwo", ["after", "two", "new"], "one\ntwo\nnew\n"],
  ["one\ntwo\n", ["before", "two", "new"], "one\nnew\ntwo\n"],
  ["one\ntwo\n", ["before", "wo\n", "new"], "one\nnew\ntwo\n"],
  ["one\ntwo\n", ["before", "one", "new\n"], "new\none\ntwo\n"],
  ["one\ntwo\n", ["before", "one\ntwo", "new"], "new\none\ntwo\n"],
  ["one", ["before", "one", "new"], "new\none"],
  ["\nfoo", ["before", "\nfoo", "x"], "x\n\nfoo"],
  ["\n\nfoo", ["before", "\nfoo", "x"], "\nx\n\nfoo"],
] as const)("in %j, the edit %j gives %j", (whole, [how, find, text], expected) => {
  expect(valueOf(editText(whole, { find, how, text }))).toBe(expected);
});

test.each([
  ["abc", "x", "not_found"],
  ["", "x", "not_found"],
  ["abc", "ABC", "not_found"],
  ["abcabc", "abc", "found_twice"],
  ["aaa", "aa", "found_twice"],
  ["e\u0301", "\u00e9", "not_found"],
])("in %j, %j is no place for an edit: %s", (whole, find, code) => {
  for (const how of ["after", "before", "replace"] as const) {
    expect(errorOf(editText(whole, { find, how, text: "t" }))).toMatchObject({ code });
  }
});

test("a long text that is not found is shown by its beginning", () => {
  expect(errorOf(editText("", { find: "x".repeat(100), how: "after", text: "" })).message).toBe(
    `"${"x".repeat(59)}…" is not in it`,
  );
});

const lines = fc.array(fc.stringMatching(/^[a-z ]{0,6}$/), { maxLength: 6 }).map((words) => words.join("\n"));

test("any text that is replaced and replaced back is as it was", () => {
  fc.assert(
    fc.property(lines, lines, lines, (before, behind, text) => {
      const edited = valueOf(editText(`${before}#1${behind}`, { find: "#1", how: "replace", text: `${text}#2` }));
      expect(valueOf(editText(edited, { find: `${text}#2`, how: "replace", text: "#1" }))).toBe(`${before}#1${behind}`);
    }),
  );
});

test("any lines that are added leave all others as they were, in their order", () => {
  fc.assert(
    fc.property(lines, lines, fc.constantFrom("after" as const, "before" as const), (before, behind, how) => {
      const whole = `${before}#1${behind}\n`;
      const edited = valueOf(editText(whole, { find: "#1", how, text: "#new" })).split("\n");
      const found = whole.split("\n").findIndex((line) => line.includes("#1"));
      expect(edited.indexOf("#new")).toBe(how === "after" ? found + 1 : found);
      expect(edited.filter((line) => line !== "#new")).toEqual(whole.split("\n"));
    }),
  );
});

test.each<[string, readonly string[], string | number | boolean, string]>([
  ["a: 1\nb: 2\n", ["a"], 5, "a: 5\nb: 2\n"],
  ["# top\na:\n  b: 'x' # why\n", ["a", "b"], "it's", '# top\na:\n  b: "it\'s" # why\n'],
  ["a:\nb: 2\n", ["a"], true, "a: true\nb: 2\n"],
  ['{"a": {"b": [1]}, "c": null}', ["c"], 0.5, '{"a": {"b": [1]}, "c": 0.5}'],
  ["a:\r\n  b: x\r\n", ["a", "b"], "y", 'a:\r\n  b: "y"\r\n'],
])("in %j the value of %j becomes %j, and nothing else changes", (text, keys, value, expected) => {
  expect(setValue(text, keys, value)).toEqual({ ok: true, value: expected });
});

test.each<[string, string, string]>([
  ["a key that is missing", "a: 1\n", "not_found"],
  ["a key that stands twice", "k: 1\nk: 2\n", "not_found"],
  ["a list", "k: [1]\n", "wrong_type"],
  ["a block of text", "k: |\n  x\n", "wrong_type"],
  ["an alias", "a: &a 1\nk: *a\n", "wrong_type"],
  ["what is no YAML", "k: [\n", "no_text"],
  ["too much nesting", `k: ${"[".repeat(5000)}`, "no_text"],
])("no value is set in %s", (_what, text, code) => {
  expect(errorOf(setValue(text, ["k"], 1)).code).toBe(code);
});

test("of several places the one in its context is meant", () => {
  const text = "a:\n  x\nb:\n  x\n";

  expect(valueOf(editText(text, { find: "  x", how: "after", text: "  y", context: "b:\n  x" }))).toBe(`${text}  y\n`);
  expect(errorOf(editText(text, { find: "  x", how: "after", text: "y", context: "c" })).code).toBe("not_found");
});

test("nothing is done where it is done already", () => {
  expect(valueOf(editText("a b\n", { find: "zzz", how: "replace", text: "b", unless: "a b" }))).toBe("a b\n");
});

test.each([
  ["", "x", "x\n"],
  ["a", "x", "a\nx\n"],
  ["a\n", "x\n", "a\nx\n"],
])("behind %j the text %j comes on lines of its own", (whole, text, expected) => {
  expect(appendText(whole, text)).toBe(expected);
});
