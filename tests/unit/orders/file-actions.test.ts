/** What orders ask of files, in every dialect that is carried out; what is not understood rejects the order. */
import { expect, test } from "vitest";
import { isProse } from "../../../src/orders/order.ts";
import { orderIn, problemIn, problemsIn } from "../../support/orders.ts";

const file = (path: string, content: string, more: object = {}) => ({ kind: "write", path, content, ...more });

test.each([
  ["a map from path to content", "files:\n  a.txt: x\n  d/b.txt: ''\n", [file("a.txt", "x"), file("d/b.txt", "")]],
  [
    "a map from path to content and mode",
    "files:\n  run.sh: {content: x, mode: '0755'}\n",
    [file("run.sh", "x", { mode: 0o755 })],
  ],
  ["a list", "files:\n  - {path: a.txt, content: x}\n", [file("a.txt", "x")]],
  ["a list with modes", "files:\n  - {path: a, content: x, mode: '600'}\n", [file("a", "x", { mode: 0o600 })]],
  ["a deletion", "files:\n  - {path: a.txt, delete: true}\n", [{ kind: "delete", path: "a.txt" }]],
  ["a move", "files:\n  - {path: a.txt, move: b.txt}\n", [{ kind: "move", path: "a.txt", to: "b.txt" }]],
])("files are read from %s", (_what, text, expected) => {
  expect(orderIn(text).files).toMatchObject(expected);
  expect(orderIn(text).files).toHaveLength(expected.length);
});

test.each([
  ["op: write_file", "path: a"],
  ["type: write", "file: a"],
  ["operation: create_file", "file_path: a"],
  ["op: write_file\n    mode: replace", "path: a"],
  ["op: write_file\n    mode: create", "path: a"],
])("an operation %j with %j writes a file", (word, path) => {
  expect(orderIn(`operations:\n  - ${word}\n    ${path}\n    content: x\n`).files).toMatchObject([file("a", "x")]);
});

test.each([
  ["delete", "path: a", { kind: "delete", path: "a" }],
  ["delete_file", "file: a", { kind: "delete", path: "a" }],
  ["move", "from: a, to: b", { kind: "move", path: "a", to: "b" }],
  ["move_file", "source_path: a, target_path: b", { kind: "move", path: "a", to: "b" }],
  ["rename", "path: a, destination: b", { kind: "move", path: "a", to: "b" }],
  ["move", "source_path: a, path: b", { kind: "move", path: "a", to: "b" }],
])("an operation %s {%s} is understood", (op, rest, expected) => {
  expect(orderIn(`operations:\n  - {op: ${op}, ${rest}}\n`).files).toMatchObject([expected]);
  expect(orderIn(`task_spec:\n  operations:\n    - {op: ${op}, ${rest}}\n`).files).toMatchObject([expected]);
});

test.each([
  ["after", "y\n"],
  ["before", ""],
  ["replace", "z"],
] as const)("an edit puts a text %s what it finds", (how, text) => {
  const order = orderIn(JSON.stringify({ edits: [{ path: "a", find: "x", [how]: text }] }));

  expect(order.files).toMatchObject([{ kind: "edit", path: "a", find: "x", how, text }]);
});

test("the dialects of one order are done in one order: files, operations, edits", () => {
  const order = orderIn("edits: [{path: c, find: x, after: y}]\noperations: [{op: delete, path: b}]\nfiles: {a: x}\n");

  expect(order.files.map(({ path, at }) => [path, at])).toEqual([
    ["a", ["files", "a"]],
    ["b", ["operations", 0]],
    ["c", ["edits", 0]],
  ]);
});

test("content is never expanded, trimmed or changed", () => {
  const content = "  $HOME ~ $(date) ${X}\r\n\ttab \u00e9 e\u0301 \\n\n\n";

  expect(orderIn(JSON.stringify({ files: { a: content } })).files).toMatchObject([{ content }]);
});

test.each([
  ["a path without content", "files:\n  - {path: a.txt}\n", "missing_value", "nothing says what to do with a.txt"],
  ["a path whose content is empty", "files:\n  a.txt:\n", "missing_value", "nothing says what is in a.txt"],
  ["an empty path in a map", "files:\n  '': x\n", "wrong_value", "the path is empty"],
  ["an empty path in a list", "files:\n  - {path: '', content: x}\n", "wrong_value", "it is empty"],
  ["content and a deletion", "files:\n  - {path: a, content: x, delete: true}\n", "missing_value", "several things"],
  ["content and a move", "files:\n  - {path: a, content: x, move: b}\n", "missing_value", "several things"],
  ["a deletion that is none", "files:\n  - {path: a, delete: false}\n", "wrong_value", ""],
  ["an empty path", "files:\n  - {path: '', content: x}\n", "wrong_value", ""],
  ["content that is a number", "files:\n  a: 12\n", "wrong_type", "is text, and this is a number"],
  ["content that is a list", "files:\n  a: [x]\n", "wrong_type", "is text, and this is a list"],
  ["content that is a word of YAML", "files:\n  a: true\n", "wrong_type", "is text, and this is a boolean"],
  ["a write without content", "operations: [{op: write, path: a}]\n", "missing_value", "no `content`"],
  ["a write without a path", "operations: [{op: write, content: x}]\n", "missing_value", "no `path`"],
  ["a move without a target", "operations: [{op: move, path: a}]\n", "missing_value", "no `to`"],
  ["a move without a source", "operations: [{op: move, to: b}]\n", "missing_value", "no `source_path`"],
  ["an operation without a word", "operations: [{path: a, content: x}]\n", "missing_value", "which operation"],
  ["an operation whose word is a number", "operations: [{op: 3}]\n", "missing_value", "which operation"],
  ["an operation that is a text", "operations: [delete a]\n", "wrong_type", "an operation is a map"],
  ["operations that are a map", "operations: {op: delete, path: a}\n", "wrong_type", "operations is a list"],
  ["an edit of nothing", "edits: [{path: a, find: x}]\n", "missing_value", "one of `after`, `before`, `replace`"],
  ["an edit of two kinds", "edits: [{path: a, find: x, after: y, before: z}]\n", "missing_value", "one of"],
  ["an edit without a path", "edits: [{find: x, after: y}]\n", "missing_value", "no `path`"],
  ["an edit that finds the empty text", "edits: [{path: a, find: '', after: y}]\n", "wrong_value", ""],
  ["edits that are a map", "edits: {path: a, find: x, after: y}\n", "wrong_type", "edits is a list"],
  ["files that are a text", "files: a.txt\n", "wrong_type", "files is a list of files, or a map"],
])("%s rejects the order: it is never taken for an empty write", (_what, text, code, message) => {
  const problem = problemIn(text);

  expect(problem.code).toBe(code);
  expect(problem.message).toContain(message);
});

test("files that are only named have to be there, with their hash where one is given; nothing is written", () => {
  const hash = "AB".repeat(32);
  const order = orderIn(`files: [a.txt, docs/, {path: /tmp/b, sha256: ${hash}, title: T}]\n`);

  expect(order.files).toEqual([]);
  expect(order.checks).toEqual([
    { path: "a.txt", at: ["files", 0] },
    { path: "docs/", at: ["files", 1] },
    { path: "/tmp/b", sha256: hash.toLowerCase(), at: ["files", 2] },
  ]);
  expect(isProse(order)).toBe(false);
  expect(isProse(orderIn("files: [a.txt]\n"))).toBe(true);
});

test("a file that is written may bring its hash along, and a file that is moved its mode", () => {
  const hash = "0".repeat(64);
  const order = orderIn(
    `files:\n  - {path: a, content: x, sha256: "${hash}"}\n  - {path: b, move: c, mode: "0755", sha256: "${hash}"}\n`,
  );

  expect(order.files).toMatchObject([
    file("a", "x"),
    { kind: "move", path: "b", to: "c" },
    { kind: "mode", path: "c", mode: 0o755 },
  ]);
  expect(order.checks.map(({ path }) => path)).toEqual(["a", "c"]);
});

test.each([
  ["a hash that is none", "files: [{path: a, sha256: ab}]\n", "wrong_value", "files[0].sha256"],
  ["an empty name", "files: ['']\n", "wrong_type", "files[0]"],
  ["a patch without a hunk", "files: [{path: a, patch: 'x'}]\n", "bad_patch", "files[0]"],
])("%s rejects the order by its key", (_what, text, code, key) => {
  expect(problemIn(text)).toMatchObject({ code, key });
});

test.each(["lpe_patch", "patch", "patches", "diff", "body_file", "script"])(
  "the form %s is refused by name, also beside work that is understood",
  (key) => {
    const problem = problemIn(`files: {a: x}\n${key}: {x: y}\n`);

    expect(problem).toMatchObject({ code: "unknown_action", key, place: { line: 2, column: 1 } });
  },
);

test.each(["files:\n", "files: []\n", "steps: []\n", "patch:\n", "rollback: {steps: []}\n", "action: write\n"])(
  "%j asks for nothing",
  (text) => {
    expect(orderIn(text)).toMatchObject({ files: [], steps: [] });
  },
);

test.each([
  ["0755", 0o755],
  ["755", 0o755],
  ["0600", 0o600],
])("the mode %s is octal", (mode, expected) => {
  expect(orderIn(JSON.stringify({ files: [{ path: "a", content: "", mode }] })).files).toMatchObject([
    { mode: expected },
  ]);
});

test.each(["rwxr-xr-x", "0888", "4755", "77", "0o755", 755, 493, true, ["0755"]])(
  "the mode %j is refused: it means different things to different readers",
  (mode) => {
    const problem = problemIn(JSON.stringify({ files: [{ path: "a", content: "", mode }] }));

    expect(problem).toMatchObject({ code: "bad_mode", key: "files[0].mode" });
  },
);

test("a merge key is no key of an action", () => {
  expect(problemsIn("x: &x {path: a}\nfiles:\n  - <<: *x\n    content: b\n").map(({ key }) => key)).toContain(
    "files[0].<<",
  );
});

test("aliases stand for what they name, in actions too", () => {
  expect(orderIn("x: &x hello\nfiles: {a: *x, b: *x}\n").files).toMatchObject([file("a", "hello"), file("b", "hello")]);
});
