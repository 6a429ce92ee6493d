/** What is no order is refused as a whole, with its reason and its place; nothing in it is guessed at or passed over. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { LIMITS } from "../../../src/orders/limits.ts";
import { readOrder } from "../../../src/orders/read-order.ts";
import { orderIn, problemIn, problemsIn } from "../../support/orders.ts";

const BOM = "\ufeff";

test.each([
  ["an empty file", "", "empty_order", "empty"],
  ["a file of blanks", " \n\t\n", "empty_order", "empty"],
  ["a file of nothing but a byte order mark", BOM, "empty_order", "empty"],
  ["binary bytes", Buffer.from([0xff, 0xfe, 0x00, 0x80]), "no_text", "UTF-8"],
  ["UTF-16", Buffer.from(`${BOM}wo_id: A\n`, "utf16le"), "no_text", "UTF-8"],
  ["a NUL in the text", "wo_id: A\0\n", "no_text", "NUL"],
  ["a byte too many", Buffer.alloc(LIMITS.sizeBytes + 1, "#"), "too_large", "5242881 bytes"],
])("%s is refused before anything is parsed", (_what, bytes, code, message) => {
  const problem = problemIn(bytes);

  expect(problem.code).toBe(code);
  expect(problem.message).toContain(message);
  expect(problem.place).toBeUndefined();
});

test.each([
  ["a step's name", { steps: [{ run: "ls", name: "\ud800" }] }],
  ["a path", { files: { "a\ud800": "x" } }],
  ["a command", { steps: [{ run: "ls \ud800" }] }],
  ["content", { files: { a: "x\udfff" } }],
  ["a title", { title: "\ud800" }],
  ["what nobody reads", { extra: { deep: ["\ud800"] } }],
])("half of a character in %s rejects the order: no file could hold it", (_what, order) => {
  expect(problemsIn(JSON.stringify(order)).length).toBeGreaterThan(0);
});

test("a file of exactly the size limit is read", () => {
  expect(orderIn(`wo_id: A\n#${"x".repeat(LIMITS.sizeBytes - 10)}`).id).toBe("A");
});

test.each([
  ["a byte order mark", `${BOM}wo_id: A\nfiles: {a.txt: x}\n`],
  ["a byte order mark in front of JSON", `${BOM}{"wo_id": "A", "files": {"a.txt": "x"}}`],
  ["CRLF", "wo_id: A\r\nfiles:\r\n  a.txt: x\r\n"],
  ["YAML's flow style, which only begins like JSON", "{wo_id: A, files: {a.txt: x}}\n"],
  ["blanks in front of JSON", '\n  {"wo_id": "A", "files": {"a.txt": "x"}}\n'],
  ["a marked begin and end", "%YAML 1.2\n---\nwo_id: A\nfiles: {a.txt: x}\n...\n"],
])("%s changes nothing of an order", (_what, text) => {
  expect(orderIn(text)).toMatchObject({ id: "A", files: [{ kind: "write", path: "a.txt", content: "x" }] });
});

test.each([
  ["a list in YAML", "- wo_id: A\n", "no_map", "1:1"],
  ["a list in JSON", '\n [{"wo_id": "A"}]', "no_map", "2:2"],
  ["plain text", "please fix the login\n", "no_map", "1:1"],
  ["two documents", "wo_id: A\n---\nwo_id: B\n", "several_documents", "2:1"],
  ["a key twice in YAML", "wo_id: A\nfiles:\n  a: x\n  b: y\n  a: z\n", "duplicate_key", "5:3"],
  ["a key twice in YAML's flow style", "wo_id: A\nfiles: {a: x, 'a': z}\n", "duplicate_key", "2:15"],
  ["one number as two keys", "1: x\n0x1: y\n", "duplicate_key", "2:1"],
  ["a key twice in JSON", '{"wo_id": "A",\n "files": {"a": "x", "\\u0061": "y"}}', "duplicate_key", "2:22"],
  [
    "a key twice behind escaped quotes and slashes",
    '{"a": "\\\\", "b": "\\"", "c\\\\": 1, "b": 2}',
    "duplicate_key",
    "1:34",
  ],
  ["a tag", "wo_id: !python/object A\n", "unsupported_yaml", "1:8"],
  ["a directive", "%TAG ! tag:x,2000:\n---\nwo_id: A\n", "unsupported_yaml", "1:1"],
  ["an old YAML", "%YAML 1.1\n---\nwo_id: A\n", "unsupported_yaml", "1:1"],
  ["a map as a key", "? {a: b}\n: c\n", "unsupported_yaml", "1:3"],
  ["a quote without end", 'wo_id: A\ntitle: "x\n', "syntax", "3:1"],
  ["a tab as indent", "files:\n\ta: x\n", "syntax", "2:1"],
  ["a comma too few in JSON", '{"wo_id": "A"\n "title": "B"}', "syntax", "2:2"],
  ["JSON cut short", '{"wo_id": "A", "files": [', "syntax", "1:26"],
])("%s is refused at its place", (_what, text, code, at) => {
  const [problem] = problemsIn(text);

  expect([problem?.code, `${problem?.place?.line}:${problem?.place?.column}`]).toEqual([code, at]);
  expect(problem?.frame?.split("\n").at(-1)).toMatch(/^ +\| +\^$|^ +\| \^$/);
});

test.each([
  ["wo_id", '"../../x"'],
  ["id", "__proto__"],
  ["work_order_id", "a/b"],
  ["task_id", '"a\\\\b"'],
  ["wo_id", "-rf"],
  ["wo_id", ".hidden"],
  ["wo_id", '"A\\n"'],
  ["wo_id", '"A\\0"'],
  ["wo_id", '""'],
  ["wo_id", ""],
  ["wo_id", "[A]"],
  ["wo_id", "true"],
  ["wo_id", "WO ä"],
  ["wo_id", "x".repeat(129)],
  ["wo_id", "WO-$(date +%s)"],
])("an order whose %s is %s has no id, and gets none from its file's name", (key, id) => {
  const problem = problemIn(`${key}: ${id}\n`, "GOOD-NAME");

  expect(problem).toMatchObject({ code: "bad_id", key });
  expect(problem.place?.line).toBe(1);
});

test("any id within the grammar is kept to the letter", () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/), (id) => {
      expect(orderIn(JSON.stringify({ wo_id: id })).id).toBe(id);
      expect(orderIn(`wo_id: "${id}"\n`).id).toBe(id);
    }),
  );
});

test.each(["..", "a b", "", "ä"])("a file named %j cannot lend its name to an order without id", (stem) => {
  expect(problemIn("title: x\n", stem)).toMatchObject({ code: "bad_id", hint: "add a line `wo_id: …`" });
});

test.each([
  ['{"__proto__": {"files": {"a": "x"}, "dry_run": true}}', "JSON"],
  ["__proto__:\n  files: {a: x}\n  dry_run: true\n", "YAML"],
])("keys of %s below __proto__ ask for nothing", (text) => {
  expect(orderIn(text)).toMatchObject({ files: [], steps: [], dryRun: false });
  expect(Object.getOwnPropertyNames(Object.prototype)).not.toContain("files");
});

test("any bytes are an order or problems, never a thrown error", () => {
  const words = [
    "wo_id",
    "files",
    ":",
    " ",
    "\n",
    "-",
    "{",
    "}",
    "[",
    "]",
    '"',
    "&a ",
    "*a",
    "|",
    "steps",
    "a",
    "0",
    "!",
    "?",
  ];
  const texts = fc.array(fc.constantFrom(...words), { maxLength: 40 }).map((parts) => Buffer.from(parts.join("")));
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), texts), (bytes) => {
      const read = readOrder(bytes, "WO-1");
      expect(read.ok || read.error.length > 0).toBe(true);
    }),
    { numRuns: 500 },
  );
});

test("any order of files reads the same from YAML as from JSON", () => {
  const name = fc.stringMatching(/^[a-z]{1,8}$/);
  fc.assert(
    fc.property(fc.dictionary(name, fc.string({ unit: "grapheme" }), { minKeys: 1 }), (files) => {
      const json = JSON.stringify({ wo_id: "A", files });
      const yaml = `wo_id: A\nfiles:\n${Object.entries(files)
        .map(([path, text]) => `  "${path}": ${JSON.stringify(text)}\n`)
        .join("")}`;
      expect(orderIn(yaml).files).toEqual(orderIn(json).files);
    }),
    { numRuns: 50 },
  );
});
