/** A problem says where it is: the line, the column, the key, and the text as a compiler shows it. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { codeFrame, keyText, nearest, placeAt } from "../../../src/orders/problems.ts";
import { problemIn, problemsIn } from "../../support/orders.ts";
import { given } from "../../support/results.ts";

test("a problem in YAML is shown with its line, the one above, and a mark below the value", () => {
  const problem = problemIn("wo_id: A\nfiles:\n  - path: a.txt\n    content: 12\n");

  expect(problem).toMatchObject({ code: "wrong_type", key: "files[0].content", place: { line: 4, column: 14 } });
  expect(problem.frame).toBe(" 3 |   - path: a.txt\n 4 |     content: 12\n   |              ^");
});

test("a problem in JSON is shown with its line, the one above, and a mark below the value", () => {
  const problem = problemIn('{"files": [\n  {"path": "a.txt",\n   "content": 12}]}');

  expect(problem).toMatchObject({ code: "wrong_type", key: "files[0].content", place: { line: 3, column: 15 } });
  expect(problem.frame).toBe(' 2 |   {"path": "a.txt",\n 3 |    "content": 12}]}\n   |               ^');
});

test.each([
  ["YAML", "steps:\n  - run: ls\n    tiemout: 5s\n", 3, 5],
  ["JSON", '{"steps": [{"run": "ls",\n "tiemout": "5s"}]}', 2, 2],
])("an unknown key in %s is marked itself, not its value", (_what, text, line, column) => {
  expect(problemIn(text)).toMatchObject({ code: "unknown_key", key: "steps[0].tiemout", place: { line, column } });
});

test.each([
  ["YAML", "files:\n  - path: a\n    mode: 0755\n    content: x\n", 3, 11],
  ["JSON", '{"files": [{"path": "a", "mode": 493, "content": "x"}]}', 1, 34],
])("a mode that is a number in %s is refused where it stands", (_what, text, line, column) => {
  expect(problemIn(text)).toMatchObject({ code: "bad_mode", key: "files[0].mode", place: { line, column } });
});

test("all problems of an order are told at once, in the order of its kinds of work", () => {
  const problems = problemsIn("wo_id: ../x\nfiles: 3\nedits: 4\nsteps: 5\n");

  expect(problems.map(({ code, key }) => `${code} ${key}`)).toEqual([
    "bad_id wo_id",
    "wrong_type files",
    "wrong_type edits",
    "wrong_type steps",
  ]);
});

test("what is not there is shown at the nearest thing above it", () => {
  expect(problemIn("wo_id: A\nfiles:\n  - content: x\n")).toMatchObject({
    key: "files[0].path",
    place: { line: 3, column: 5 },
  });
  expect(problemIn('{"wo_id": "A",\n "files": [{"content": "x"}]}')).toMatchObject({
    key: "files[0].path",
    place: { line: 2, column: 12 },
  });
});

test("a frame that is cut inside of a character holds no half of it", () => {
  const frame = problemIn(`wo_id: A\nfiles: ${"😀".repeat(80)}\n`).frame;

  expect(frame).toContain("😀");
  expect(frame?.isWellFormed()).toBe(true);
});

test("the ends of lines that Windows writes are not shown", () => {
  expect(problemIn("wo_id: A\r\nfiles: 3\r\n").frame).toBe(" 1 | wo_id: A\n 2 | files: 3\n   |        ^");
});

test("numbers of lines stand below each other, however long they are", () => {
  expect(codeFrame("\n".repeat(9) + "abc", { line: 10, column: 2 })).toBe("  9 | \n 10 | abc\n    |  ^");
});

test("the first line is shown alone, and a mark may be longer than one character", () => {
  expect(codeFrame("abc\ndef", { line: 1, column: 2 }, 2)).toBe(" 1 | abc\n   |  ^^");
});

test("a long line is cut around the place, so that the mark stands below it", () => {
  const line = `${"a".repeat(300)}X${"b".repeat(300)}`;
  const [shown, mark] = codeFrame(line, { line: 1, column: 301 }).split("\n");

  expect(given(shown)).toHaveLength(" 1 | ".length + 100);
  expect(given(shown).charAt(given(mark).indexOf("^"))).toBe("X");
});

test("nothing in a text reaches a terminal as a control character", () => {
  expect(codeFrame("a\u001b[31mb\u0007\u009b", { line: 1, column: 1 })).toBe(" 1 | a?[31mb??\n   | ^");
});

test("any place found in a text leads back to its offset", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom("a", "\n", "é", "😀", "\r\n")), fc.nat(), (parts, raw) => {
      const text = parts.join("");
      const offset = raw % (text.length + 1);
      const { line, column } = placeAt(text, offset);
      const before = text.split("\n").slice(0, line - 1);
      expect(before.join("\n").length + (line > 1 ? 1 : 0) + column - 1).toBe(offset);
    }),
  );
});

test.each([
  [[], ""],
  [["files"], "files"],
  [["files", 0, "mode"], "files[0].mode"],
  [["files", "", "content"], 'files[""].content'],
  [["task_spec", "operations", 12], "task_spec.operations[12]"],
])("the path %j is written %s", (path, text) => {
  expect(keyText(path)).toBe(text);
});

test.each([
  ["contnet", ["content", "path"], "content"],
  ["CONTENT", ["content"], "content"],
  ["writefile", ["write_file", "delete"], "write_file"],
  ["a", ["b"], "b"],
  ["ab", ["xy"], undefined],
  ["deploy", ["write", "delete", "move"], undefined],
  ["abcdef", ["abcxyz"], undefined],
  ["abcdef", ["abcdxy"], "abcdxy"],
  ["x", [], undefined],
  ["cats", ["cat", "bats"], "cat"],
])("nearest to %j of %j is %j", (word, known, expected) => {
  expect(nearest(word, known)).toBe(expected);
});

test.each([
  ["files:\n  - path: a\n    contnet: x\n", 'did you mean "content"?'],
  ["steps:\n  - run: ls\n    timeot: 5s\n", 'did you mean "timeout"?'],
  ["edits:\n  - path: a\n    find: x\n    afer: y\n", 'did you mean "after"?'],
  ["operations:\n  - op: write_flie\n", 'did you mean "write_file"?'],
  ["files:\n  a.txt:\n    content: x\n    mod: '0644'\n", 'did you mean "mode"?'],
])("a slip of the pen gets the word that was meant: %j", (text, hint) => {
  expect(problemsIn(text).map((problem) => problem.hint)).toContain(hint);
});

test("a word that is like no other gets the list of all", () => {
  expect(problemIn("operations:\n  - op: deploy\n")).toMatchObject({ code: "unknown_action", key: "operations[0].op" });
  expect(problemIn("operations:\n  - op: deploy\n").hint).toContain("known: write_file, write, create_file, create");
});
