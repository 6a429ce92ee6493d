/** One edit of one text: found exactly once, or not made. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { editText } from "../../../src/processors/edits.ts";
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
