/** The schema for editors: it says what the reader says, never more, and less only where the reader alone can know. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { schemaText } from "../../../src/orders/order-schema.ts";
import { readOrder } from "../../../src/orders/read-order.ts";
import {
  actionItem,
  clcPatchItem,
  editItem,
  fileItem,
  lpeItem,
  operationItem,
  payloadItem,
  stepItem,
} from "../../../src/orders/shapes.ts";
import { dataIn, problemsIn } from "../../support/orders.ts";
import { schemaComplaints } from "../../support/schema-check.ts";
import { asRecord, SAMPLES } from "../../support/world.ts";

test("the schema that is checked in is the one that the shapes make", () => {
  const checkedIn = readFileSync(
    fileURLToPath(new URL("../../../schema/work-order.schema.json", import.meta.url)),
    "utf8",
  );

  expect(checkedIn === schemaText(), "schema/work-order.schema.json is old: `npm run schema`").toBe(true);
});

/** Every key that a part of the schema knows, with what is said of it. */
function keysOf(part: unknown): readonly (readonly [string, unknown])[] {
  if (typeof part !== "object" || part === null) return [];
  const inner = Object.values(part).flatMap(keysOf);
  // Maps that only state a rule between keys have no additionalProperties.
  const own = "properties" in part && "additionalProperties" in part ? Object.entries(asRecord(part.properties)) : [];
  return [...own.map(([key, value]) => [key, asRecord(value)["description"]] as const), ...inner];
}

test("every key of an order and of its actions is described in one sentence", () => {
  const keys = keysOf(JSON.parse(schemaText()));

  expect(keys.filter(([, said]) => typeof said !== "string" || !/^\S.*\.$/.test(said))).toEqual([]);
  expect(keys.length).toBeGreaterThan(120);
});

test.each([
  ["an unknown key in a file", "files: [{path: a, contnet: x}]\n"],
  ["a file without anything to do", "files: [{path: a}]\n"],
  ["a file with two things to do", "files: [{path: a, content: x, move: b}]\n"],
  ["a mode as a number", "files: [{path: a, content: x, mode: 0755}]\n"],
  ["a mode as a number in a map", "files: {a: {content: x, mode: 755}}\n"],
  ["a mode that is no octal text", "files: [{path: a, content: x, mode: rwx}]\n"],
  ["content that is a number", "files: {a: 12}\n"],
  ["an unknown key in a map", "files: {a: {contnet: x}}\n"],
  ["a hash that is none", "files: [{path: a, sha256: ab}]\n"],
  ["files that are a text", "files: a.txt\n"],
  ["an unknown operation", "operations: [{op: write_fil, path: a, content: x}]\n"],
  ["an unknown operation in a task", "task_spec: {operations: [{type: zap, path: a}]}\n"],
  ["an operation without a word", "operations: [{path: a, content: x}]\n"],
  ["a write without content", "operations: [{op: write, path: a}]\n"],
  ["a write without a path", "operations: [{op: write, content: x}]\n"],
  ["a write with a mode as a number", "operations: [{op: write, path: a, content: x, mode: 755}]\n"],
  ["a move without a target", "operations: [{op: move, path: a}]\n"],
  ["a move without a source", "operations: [{op: move, to: a}]\n"],
  ["a diff that is not there", "operations: [{op: apply_patch, path: a}]\n"],
  ["an edit of two kinds", "edits: [{path: a, find: x, after: y, before: z}]\n"],
  ["an edit without a path", "edits: [{find: x, after: y}]\n"],
  ["a step without a command", "steps: [{name: x}]\n"],
  ["a step with a blank command", "steps: [{run: ' '}]\n"],
  ["a step with two commands", "steps: [{run: a, cmd: b}]\n"],
  ["prose in steps", "steps: [Open the page]\n"],
  ["an unknown key in a step", "post_verify: [{run: a, user: root}]\n"],
  ["a bad duration", "steps: [{run: a, timeout: 1d}]\n"],
  ["seconds that would be milliseconds", "steps: [{run: a, timeout: 60}]\n"],
  ["too many retries", "steps: [{run: a, max_retries: 101}]\n"],
  ["an unknown skill", "steps: [{skill: perl, run: a}]\n"],
  ["a skill at the top without a command", "skill: bash\n"],
  ["two commands at the top", "run: a\ncmd: b\n"],
  ["a bad duration at the top", "run: a\ntimeout: soon\n"],
  ["a payload without content", "payload: {file_path: a, action: append}\n"],
  ["an unknown key in a payload", "payload: {file_path: a, action: append, content: x, contents: x}\n"],
  ["a value for a text file", "payload: {file_path: a.txt, action: set_key_value, key: k, value: 1}\n"],
  ["an unknown type of action", "action: {type: teleport}\n"],
  ["an action without a command", "action: {type: run_shell}\n"],
  ["an action without content", "action: {type: create_file, path: a}\n"],
  ["a patch without its anchor", "clc_patch: {patches: [{file: a, patch_type: replace, payload: y}]}\n"],
  ["clc_patch without patches", "clc_patch: {version: 1}\n"],
  ["an operation of a patch engine without content", "lpe_patch_ops: [{path: a}]\n"],
  ["an operation of a patch engine without its match", "patch: {ops: [{path: a, mode: insert_after, content: x}]}\n"],
  ["a patch that is a list", "patch: [a]\n"],
  ["lpe_patch without operations", "lpe_patch: {x: y}\n"],
  ["a form that is not carried out", "script: echo\n"],
  ["an id that no file can have", "wo_id: ../x\n"],
  ["such an id in another place", "task_spec: {task_id: '${id}'}\n"],
  ["a rollback without a step", "rollback_on_failure: true\nsteps: [{run: a}]\n"],
  ["a bad step of a rollback", "rollback_on_failure: true\nrollback: {steps: [{name: a}]}\n"],
  ["variables that are no names", "environment: {required: ['a b']}\n"],
  ["a bad step of a condition", "environment: {validation: [{name: x}]}\n"],
  ["an operation at the top without inputs", "op: write_file\npath: a\n"],
  ["an operation at the top with inputs that are none", "op: move\ninputs: [a, b]\n"],
  ["an operation at the top that is no word", "op: 5\n"],
  ["a dry run that is a number", "dry_run: 1\n"],
  ["two that are superseded", "supersedes: [A, B]\n"],
])("%s is flagged by the schema as it is by the reader", (_what, text) => {
  expect(problemsIn(text).length).toBeGreaterThan(0);
  expect(schemaComplaints(dataIn(text))).not.toEqual([]);
});

const DIFF = "--- a/a\n+++ b/a\n@@ -1 +1 @@\n-a\n+b\n";
/** What is apt for a key, so that orders come about that the reader takes; anything else stands beside it. */
const APT: Readonly<Record<string, readonly unknown[]>> = {
  action: ["append", "set_key_value", "write", "create"],
  args: [["a", 3], []],
  artifacts: ["a", [{ a: 1 }]],
  clc_patch: [null, { patches: [], wo_id: "b c" }],
  delete: [true],
  expected: ["found", 42, true],
  file_path: ["a", "a.json"],
  key: ["a.b", ["a"]],
  max_retries: [0, 3, 100],
  mode: ["0755", 755, "patch", "replace", "append", "insert_after", "delete_file"],
  op: ["write", "append", "apply_patch", "delete", "move", "zap"],
  operation: ["write_file", "patch", "rename"],
  patch: [DIFF],
  patch_content: [DIFF],
  patch_format: ["diff"],
  patch_type: ["insert_after", "replace"],
  retry_delay: ["5s", 5],
  sha256: ["0".repeat(64)],
  skill: ["bash", "node", "perl"],
  task_spec: [{ task_id: "a" }, { task_id: "b c" }, { operations: [] }],
  timeout: ["90s", "100h", 5, 5000],
  timeout_ms: [1, 5000],
  timeout_sec: [1, 100_000],
  type: ["write", "move", "patch_file", "create_file", "delete_file", "run_shell", "feature"],
  validation: [[{ type: "grep", pattern: "x" }], [{ command: "x" }], []],
  value: [5, "x"],
};
const ODD: readonly unknown[] = ["", " ", "x", 5, true, null, ["a"], { a: "b" }];

/** A map with some of these keys, mostly with apt values. */
function anyItem(keys: readonly string[], bases: readonly object[]): fc.Arbitrary<object> {
  const entry = fc.constantFrom(...keys, ...keys, "odd").chain((key) => {
    const apt = fc.constantFrom(...(APT[key] ?? ["a", "b c", true]));
    const odd = fc.constantFrom(...ODD);
    return fc.tuple(fc.constant(key), fc.oneof({ weight: 12, arbitrary: apt }, { weight: 1, arbitrary: odd }));
  });
  const some = fc.array(entry, { maxLength: 4 }).map((entries): object => Object.fromEntries(entries));
  return fc.tuple(fc.constantFrom(...bases, ...bases, {}), some).map(([first, more]) => ({ ...first, ...more }));
}

interface Dialect {
  readonly name: string;
  readonly keys: readonly string[];
  /** Items to go on from. */
  readonly bases: readonly object[];
  readonly order: (item: object) => object;
}

const itemKeys = (shape: { readonly shape: object }) => Object.keys(shape.shape);
const STEP_KEYS = itemKeys(stepItem);
const TOP_KEYS = ["skill", "cmd", "code", "run", "command", "args", "timeout", "timeout_ms", "timeout_sec"];
const ID_KEYS = ["wo_id", "id", "work_order_id", "task_id", "task_spec", "clc_patch"];
const REST = ["dry_run", "safety_mode", "on_interrupt", "supersedes", "priority", "rollback_on_failure", "rollback"];
const FORMS = ["patch", "diff", "lpe_patch", "files", "steps", "script", "environment", "payload", "action", "tests"];

const OPERATIONS = [
  { op: "write", path: "a", content: "x" },
  { op: "append", path: "a", content: "x" },
  { op: "delete", path: "a" },
  { op: "move", from: "a", to: "b" },
  { op: "patch", patch: DIFF },
];
const PAYLOAD = { file_path: "a.json", content: "x", key: "k", value: 1 };
const ACTION = { path: "a", content: "x", patch: DIFF, cmd: "x" };
const DIALECTS: readonly Dialect[] = [
  { name: "files", keys: itemKeys(fileItem), bases: [{ path: "a" }], order: (item) => ({ files: ["b", item] }) },
  {
    name: "files as a map",
    keys: ["content", "mode", "description"],
    bases: [{ content: "x" }],
    order: (item) => ({ files: { a: item, b: "x" } }),
  },
  {
    name: "operations",
    keys: [...itemKeys(operationItem), "mode", "mode", "mode"],
    bases: OPERATIONS,
    order: (item) => ({ operations: [item] }),
  },
  {
    name: "an operation at the top",
    keys: itemKeys(operationItem),
    bases: [...OPERATIONS, { op: "summarize", path: "a" }],
    order: (item) => {
      const { op, ...inputs } = asRecord(item);
      return { op, inputs };
    },
  },
  {
    name: "operations of a task",
    keys: [...itemKeys(operationItem), "mode", "mode", "mode"],
    bases: OPERATIONS.map(({ op, ...rest }) => ({ ...rest, type: op })),
    order: (item) => ({ task_spec: { operations: [item] } }),
  },
  { name: "edits", keys: itemKeys(editItem), bases: [{ path: "a", find: "x" }], order: (item) => ({ edits: [item] }) },
  { name: "steps", keys: STEP_KEYS, bases: [{ run: "a" }], order: (item) => ({ steps: [item] }) },
  { name: "post_verify", keys: STEP_KEYS, bases: [{}], order: (item) => ({ post_verify: [item, "b"] }) },
  {
    name: "rollback",
    keys: STEP_KEYS,
    bases: [{ cmd: "a" }],
    order: (item) => ({ rollback_on_failure: true, rollback: { steps: [item] } }),
  },
  {
    name: "payload",
    keys: itemKeys(payloadItem),
    bases: ["append", "write", "set_key_value"].map((action) => ({ ...PAYLOAD, action })),
    order: (item) => ({ payload: item }),
  },
  {
    name: "action",
    keys: itemKeys(actionItem),
    bases: actionItem.shape.type.options.map((type) => ({ ...ACTION, type })),
    order: (item) => ({ action: item }),
  },
  {
    name: "clc_patch",
    keys: itemKeys(clcPatchItem),
    bases: [{ file: "a", patch_type: "replace", anchor: "x", payload: "y" }],
    order: (item) => ({ clc_patch: { patches: [item] } }),
  },
  {
    name: "lpe_patch_ops",
    keys: itemKeys(lpeItem),
    bases: [{ path: "a", content: "x" }],
    order: (item) => ({ lpe_patch_ops: [item], allow_delete: true }),
  },
  { name: "ids", keys: ID_KEYS, bases: [{}], order: (item) => item },
  { name: "a command at the top", keys: TOP_KEYS, bases: [{}], order: (item) => item },
  { name: "the rest", keys: [...REST, ...FORMS], bases: [{}], order: (item) => item },
];

test.each(DIALECTS)("whatever the reader takes of $name, the schema has nothing against", ({ keys, bases, order }) => {
  let taken = 0;
  fc.assert(
    fc.property(anyItem(keys, bases), (item) => {
      const data = order(item);
      if (!readOrder(Buffer.from(JSON.stringify(data)), "WO-1").ok) return;
      taken += 1;
      expect(schemaComplaints(data)).toEqual([]);
    }),
    { numRuns: 1000 },
  );
  // Orders that nobody takes would prove nothing.
  expect(taken).toBeGreaterThan(50);
});

test("real orders that the reader takes are flawless by the schema", ({ skip }) => {
  if (!existsSync(SAMPLES)) return skip("NOT TESTED HERE: the real orders are not at hand");
  const files = readdirSync(SAMPLES, { withFileTypes: true, recursive: true }).filter(
    (entry) => entry.isFile() && /\.(?:ya?ml|json)$/.test(entry.name),
  );
  const taken = files.flatMap(({ parentPath, name }) => {
    const bytes = readFileSync(join(parentPath, name));
    return readOrder(bytes, "WO-1").ok ? [{ name, complaints: schemaComplaints(dataIn(bytes)) }] : [];
  });

  expect(taken.filter(({ complaints }) => complaints.length > 0)).toEqual([]);
  expect(taken.length).toBeGreaterThan(15);
});
