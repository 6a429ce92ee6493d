/** An order that names a file with its operations: one order out of both, whose faults are told where they stand. */
import { assert, property, string, uint8Array } from "fast-check";
import { expect, test } from "vitest";
import { packFolder } from "../../../src/orders/folder-order.ts";
import { packOperations, unpackOperations } from "../../../src/orders/operations-file.ts";
import { isProse } from "../../../src/orders/order.ts";
import { isCostly, readOrder } from "../../../src/orders/read-order.ts";
import { sha256 } from "../../../src/platform/ids.ts";
import { orderIn, problemIn, problemsIn } from "../../support/orders.ts";
import { errorOf, valueOf } from "../../support/results.ts";

const OPS = "ops:\n  - path: a\n    content: x\n";
const NAMED = "wo_id: WO-1\nlpe_patch_file: ops/a.yaml\n";

const packed = (order: string | Buffer, text: string, path = "ops/a.yaml") =>
  packOperations({ order: Buffer.from(order), file: { path, bytes: Buffer.from(text) } });
const read = (order: string | Buffer, text: string) => readOrder(packed(order, text), "WO-1");

test("any two files come out of their one text as they went in", () => {
  assert(
    property(uint8Array(), string(), uint8Array(), (order, path, bytes) => {
      const both = { order: Buffer.from(order), file: { path, bytes: Buffer.from(bytes) } };
      expect(unpackOperations(packOperations(both))).toEqual(both);
    }),
  );
});

test.each([
  "",
  "{}",
  '{"wo_operations":1,',
  '{"wo_operations":1,"order":{}}',
  '{"wo_operations":2,"order":{},"file":{}}',
])("%j is no such text", (text) => {
  expect(unpackOperations(Buffer.from(text))).toBeUndefined();
});

test.each([
  ["lpe_patch_file", "lpe_patch_file: ops/a.yaml\n", ["lpe_patch_file"]],
  ["lpe_patch.file", "lpe_patch: {file: ops/a.yaml}\n", ["lpe_patch", "file"]],
])("%s names a file, and nothing of it is done before that is read", (_what, text, at) => {
  const order = orderIn(text);
  expect(order).toMatchObject({ files: [], operationsFile: { path: "ops/a.yaml", isRead: false, at } });
  expect(isProse(order)).toBe(false);
  expect(valueOf(read(text, OPS))).toMatchObject({
    files: [{ kind: "append", path: "a", text: "x", unless: "x", at: [...at, "ops", 0] }],
    operationsFile: { isRead: true },
  });
});

test("the operations may do what the order allows, and nothing that they allow themselves", () => {
  const remove = "ops: [{path: t/a, mode: delete_file}]\n";
  expect(valueOf(read(`${NAMED}allow_delete: true\n`, remove)).files).toMatchObject([{ kind: "delete" }]);
  expect(errorOf(read(NAMED, remove))).toMatchObject([{ code: "missing_value", named: "ops/a.yaml" }]);
  expect(errorOf(read(`${NAMED}path_acl: [g]\n`, remove))).toMatchObject([{ code: "path_refused" }, {}].slice(0, 1));
  expect(errorOf(read(NAMED, `${remove}allow_delete: true\n`))).toMatchObject([
    { code: "unknown_key", key: "allow_delete", named: "ops/a.yaml", place: { line: 2, column: 1 } },
  ]);
});

test.each([
  ["an operation", "ops:\n  - path: a\n    contnet: x\n", { code: "unknown_key", key: "ops[0].contnet" }, 3],
  ["no list", "ops: {path: a}\n", { code: "wrong_type", key: "ops" }, 1],
  ["no operations", "op: []\n", { code: "missing_value", key: "ops" }, 1],
  ["no YAML", "ops:\n  - [\n", { code: "syntax" }, 3],
  ["two documents", "ops: []\n---\nops: []\n", { code: "several_documents" }, 2],
])("what is wrong with %s in the file is told with its line there", (_what, text, told, line) => {
  const [problem] = errorOf(read(NAMED, text));
  expect(problem).toMatchObject({ ...told, named: "ops/a.yaml", place: { line } });
  expect(problem?.frame).toContain("|");
});

test("what is wrong with the order itself is told with its line there", () => {
  const [problem] = errorOf(read(`${NAMED}files: 5\n`, OPS));
  expect(problem).toMatchObject({ code: "wrong_type", key: "files", place: { line: 3 } });
  expect(problem).not.toHaveProperty("named");
});

test.each([
  ["beside it", (hash: string) => `wo_id: A\nlpe_patch_file: ops/a.yaml\nlpe_patch_file_sha256: ${hash}\n`],
  ["with it", (hash: string) => `wo_id: A\nlpe_patch:\n  {file: ops/a.yaml, sha256: ${hash}}\n`],
])("the order may say what its file holds, %s, in any case of its letters", (_where, text) => {
  expect(valueOf(read(text(sha256(Buffer.from(OPS)).toUpperCase()), OPS)).files).toHaveLength(1);
  expect(errorOf(read(text("f".repeat(64)), OPS))).toMatchObject([{ code: "checksum_mismatch", place: { line: 3 } }]);
  expect(problemIn(text("abc"))).toMatchObject({ code: "wrong_value" });
});

test.each([
  ["a list", "lpe_patch_file: [a]\n", "wrong_type", "lpe_patch_file"],
  ["an empty name", "lpe_patch_file: ''\n", "wrong_value", "lpe_patch_file"],
  ["a map", "lpe_patch: {file: {x: y}}\n", "wrong_type", "lpe_patch.file"],
  ["operations beside it", "lpe_patch_file: a\nlpe_patch_ops: []\n", "duplicate_key", "lpe_patch_ops"],
  ["two files", "lpe_patch_file: a\nlpe_patch: {file: a}\n", "duplicate_key", "lpe_patch.file"],
])("%s instead of one file is refused", (_what, text, code, key) => {
  expect(problemIn(text)).toMatchObject({ code, key });
});

test("two hashes of one file are refused where they differ", () => {
  const [a, b] = ["a".repeat(64), "b".repeat(64)];
  const text = (other: string) => `lpe_patch: {file: x, sha256: ${a}}\nlpe_patch_file_sha256: ${other}\n`;
  expect(problemsIn(text(b))).toMatchObject([{ code: "wrong_value" }]);
  expect(orderIn(text(a)).operationsFile).toMatchObject({ sha256: a });
});

test("a text that packs another file than the order names is none of ours", () => {
  expect(errorOf(readOrder(packed(NAMED, OPS, "other.yaml"), "WO-1"))).toMatchObject([{ code: "wrong_value" }]);
  expect(errorOf(readOrder(packed("wo_id: A\n", OPS), "WO-1"))).toMatchObject([{ code: "wrong_value" }]);
  expect(readOrder(packed(packed(NAMED, OPS), OPS), "WO-1").ok).toBe(false);
});

test("a folder may name such a file, too", () => {
  const folder = packFolder([
    { path: "WO-1.yaml", bytes: Buffer.from("wo_id: WO-1\nbody_file: body.yaml\n") },
    { path: "body.yaml", bytes: Buffer.from("lpe_patch_file: ops/a.yaml\n") },
  ]);
  expect(valueOf(read(folder, OPS)).files).toHaveLength(1);
  expect(errorOf(read(folder, "ops: [{}]\n"))).toMatchObject([{ named: "ops/a.yaml", key: "ops[0].path" }]);
});

test("one of the two that takes long to parse makes both of them cost", () => {
  const long = "- a\n".repeat(9000);
  expect([packed(NAMED, OPS), packed(NAMED, `ops:\n${long}`), packed(`x:\n${long}`, OPS)].map(isCostly)).toEqual([
    false,
    true,
    true,
  ]);
});
