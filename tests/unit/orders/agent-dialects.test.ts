/** The dialects of agents become the same actions as everybody's; what they leave unsaid rejects the order. */
import { expect, test } from "vitest";
import { isProse } from "../../../src/orders/order.ts";
import { orderIn, problemIn } from "../../support/orders.ts";

const DIFF = "--- a/f.md\n+++ b/f.md\n@@ -1 +1 @@\n-a\n+b\n";

function filesOf(order: object) {
  return orderIn(JSON.stringify(order)).files;
}

test.each<readonly [string, object, object]>([
  [
    "a payload that appends",
    { payload: { file_path: "d.md", action: "append", content: "x" } },
    { kind: "append", path: "d.md", text: "x", create: false },
  ],
  [
    "an operation at the top",
    { op: "write_file", inputs: { path: "d.md", content: "x", mode: "0600" }, cost_estimate_usd: 0.01 },
    { kind: "write", path: "d.md", content: "x", mode: 0o600, at: ["inputs"] },
  ],
  ["a move at the top", { op: "move", inputs: { from: "a", to: "b" } }, { kind: "move", path: "a", to: "b" }],
  [
    "a payload that sets a value",
    { payload: { file_path: "c.yaml", action: "set_key_value", key: "a.b", value: 5 } },
    { kind: "set", path: "c.yaml", keys: ["a", "b"], value: 5 },
  ],
  [
    "a payload that writes",
    { payload: { file_path: "d", action: "write", content: "x" } },
    { kind: "write", path: "d" },
  ],
  [
    "a payload with a diff",
    { payload: { file_path: "f.md", patch_format: "diff", patch_content: DIFF } },
    { kind: "diff", path: "f.md", change: "change" },
  ],
  [
    "an action that patches",
    { action: { type: "patch_file", target_file: "f.md", patch_content: `\`\`\`diff\n${DIFF}\`\`\`` } },
    { kind: "diff", path: "f.md" },
  ],
  [
    "an action that creates",
    { action: { type: "create_file", target_file: "n", content: "x", mode: "0755" } },
    { kind: "write", path: "n", content: "x", mode: 0o755 },
  ],
  ["an action that deletes", { action: { type: "delete_file", path: "n" } }, { kind: "delete", path: "n" }],
  ["an operation with a diff", { operations: [{ op: "apply_patch", file: "f.md", patch: DIFF }] }, { kind: "diff" }],
  ["an operation that appends", { operations: [{ op: "append", path: "f", content: "x" }] }, { kind: "append" }],
  ["a file with a patch", { files: [{ path: "f.md", patch: DIFF }] }, { kind: "diff", path: "f.md" }],
  ["a diff at the top", { patch: DIFF }, { kind: "diff", path: "f.md" }],
  ["a diff under its own name", { diff: DIFF }, { kind: "diff", path: "f.md" }],
])("%s is understood", (_what, order, work) => {
  expect(filesOf(order)).toMatchObject([work]);
});

test("an action may be a command", () => {
  const { steps } = orderIn(JSON.stringify({ action: { type: "run_shell", command: "ls -l" } }));

  expect(steps).toMatchObject([{ kind: "command", when: "normal", argv: ["bash", "-c", "ls -l"] }]);
});

test("a patch of an anchor is an edit, and its validation are checks", () => {
  const order = orderIn(`
clc_patch:
  version: "1.0"
  wo_id: WO-7
  patches:
    - {id: P1, file: "it's.py", patch_type: insert_after, anchor: "def f():", anchor_context: "class A:\\n  def f():",
       payload: "    pass", validation: [{type: grep, pattern: "pas.", expected: found}, {type: grep, pattern: x, expected: not_found},
       {type: syntax_check, command: "python3 -m py_compile {file}"}]}
`);

  expect(order.id).toBe("WO-7");
  expect(order.files).toMatchObject([
    {
      kind: "edit",
      path: "it's.py",
      find: "def f():",
      how: "after",
      text: "    pass",
      context: "class A:\n  def f():",
    },
  ]);
  expect(order.steps.map(({ argv, kind }) => [kind, argv])).toEqual([
    ["check", ["grep", "-q", "-e", "pas.", "--", "it's.py"]],
    ["check", ["bash", "-c", '! "$@"', "bash", "grep", "-q", "-e", "x", "--", "it's.py"]],
    ["check", ["bash", "-c", String.raw`python3 -m py_compile 'it'\''s.py'`]],
  ]);
});

const LPE = [
  { path: "a", content: "x" },
  { path: "a", mode: "replace_block", match: "old", content: "new" },
  { path: "a", mode: "insert_before", match: "m", content: "x" },
  { path: "a", mode: "insert_after", match: "m", content: "x" },
];
const LPE_WORKS = [
  { kind: "append", path: "a", text: "x", create: false, unless: "x" },
  { kind: "edit", find: "old", how: "replace", text: "new", unless: "new" },
  { kind: "edit", find: "m", how: "replace", text: "xm", unless: "x" },
  { kind: "edit", find: "m", how: "replace", text: "mx", unless: "x" },
];

test.each<readonly [string, object]>([
  ["lpe_patch_ops", { lpe_patch_ops: LPE }],
  ["lpe_patch.ops", { lpe_patch: { ops: LPE } }],
  ["patch.ops", { patch: { ops: LPE } }],
  ["lpe_patch_inline", { lpe_patch_inline: { ops: LPE } }],
  ["lpe_patch_inline as a text", { lpe_patch_inline: JSON.stringify({ ops: LPE }) }],
  ["lpe_patch.inline", { lpe_patch: { inline: `ops: ${JSON.stringify(LPE)}\n` } }],
])("the operations of %s are edits that do nothing twice", (_what, order) => {
  expect(filesOf(order)).toMatchObject(LPE_WORKS);
});

test("files are made and deleted by a patch engine's order only where it says so", () => {
  const remove = [{ path: "a", mode: "delete_file" }];

  expect(problemIn(JSON.stringify({ lpe_patch_ops: remove })).hint).toContain("allow_delete");
  expect(filesOf({ lpe_patch_ops: remove, allow_delete: true })).toMatchObject([{ kind: "delete" }]);
  expect(filesOf({ lpe_patch: { ops: [LPE[0]], allow_create: true } })).toMatchObject([{ create: true }]);
});

test("an order's own path_acl keeps its operations within", () => {
  const order = { path_acl: ["g/docs/", "x.md", "t/**"] };

  for (const path of ["g/docs/a", "x.md", "t/a/b"])
    expect(filesOf({ ...order, lpe_patch_ops: [{ path, content: "x" }] })).toHaveLength(1);
  for (const path of ["g/doc", "g/docsx", "x.mdx"])
    expect(problemIn(JSON.stringify({ ...order, lpe_patch_ops: [{ path, content: "x" }] }))).toMatchObject({
      code: "path_refused",
      key: "lpe_patch_ops[0].path",
    });
  expect(problemIn(JSON.stringify({ path_acl: ["*.md"], lpe_patch_ops: [LPE[0]] })).message).toContain("*.md");
});

test.each<readonly [string, object, string, string]>([
  ["a payload without a file", { payload: { action: "append", content: "x" } }, "missing_value", "payload.file_path"],
  ["a payload without content", { payload: { file_path: "a", action: "append" } }, "missing_value", "payload"],
  ["a payload without anything", { payload: { file_path: "a" } }, "missing_value", "payload"],
  ["an unknown action of a payload", { payload: { file_path: "a", action: "zap" } }, "wrong_value", "payload.action"],
  [
    "an unknown key of a payload",
    { payload: { file_path: "a", action: "append", contents: "x" } },
    "unknown_key",
    "payload.contents",
  ],
  [
    "a value for a text file",
    { payload: { file_path: "a.txt", action: "set_key_value", key: "k", value: 1 } },
    "wrong_value",
    "payload.file_path",
  ],
  ["an action that does nothing", { action: { type: "create_file", target_file: "a" } }, "missing_value", "action"],
  ["an action for no file", { action: { type: "create_file", content: "a" } }, "missing_value", "action"],
  ["an unknown type of action", { action: { type: "teleport" } }, "wrong_value", "action.type"],
  [
    "a mode where nothing is written",
    { operations: [{ op: "delete", path: "a", mode: "0755" }] },
    "bad_mode",
    "operations[0].mode",
  ],
  [
    "a mode of an appended text",
    { payload: { file_path: "a", action: "append", content: "x", mode: "0755" } },
    "bad_mode",
    "payload.mode",
  ],
  [
    "a time limit of seconds without their unit",
    { action: { type: "run_shell", command: "x", timeout: 5 } },
    "wrong_value",
    "action.timeout",
  ],
  ["a patch without a command", { action: { type: "run_shell" } }, "missing_value", "action"],
  ["patches that are none", { clc_patch: { patches: "x" } }, "wrong_type", "clc_patch.patches"],
  ["clc_patch without patches", { clc_patch: { version: 1 } }, "wrong_type", "clc_patch.patches"],
  [
    "an unknown kind of patch",
    { clc_patch: { patches: [{ file: "a", patch_type: "zap", anchor: "x", payload: "y" }] } },
    "wrong_value",
    "clc_patch.patches[0].patch_type",
  ],
  [
    "a patch without its anchor",
    { clc_patch: { patches: [{ file: "a", patch_type: "replace", payload: "y" }] } },
    "missing_value",
    "clc_patch.patches[0].anchor",
  ],
  ["operations without a list", { lpe_patch_ops: "x" }, "wrong_type", "lpe_patch_ops"],
  ["an operation without content", { lpe_patch_ops: [{ path: "a" }] }, "missing_value", "lpe_patch_ops[0]"],
  [
    "an operation without its match",
    { lpe_patch_ops: [{ path: "a", mode: "insert_after", content: "x" }] },
    "missing_value",
    "lpe_patch_ops[0]",
  ],
  ["a word for an operation without its inputs", { op: "write_file", path: "a", content: "x" }, "missing_value", "op"],
  ["an operation whose inputs lack something", { op: "write_file", inputs: { path: "a" } }, "missing_value", "inputs"],
  [
    "an operation with a key that is not known",
    { op: "write_file", inputs: { path: "a", content: "x", owner: "me" } },
    "unknown_key",
    "inputs.owner",
  ],
  ["an operation that is named twice", { op: "write", inputs: { op: "delete", path: "a" } }, "wrong_type", "op"],
  ["an operation that is no word", { op: ["write"], inputs: { path: "a" } }, "wrong_type", "op"],
  ["a word that is nearly an operation", { op: "write_flie", inputs: { path: "a" } }, "unknown_action", "op"],
  ["a word for a task without inputs", { op: "summarize" }, "unknown_action", "op"],
  ["a word that would run something", { op: "shell", inputs: { command: "ls" } }, "unknown_action", "op"],
  ["a word that would write something", { op: "compose", inputs: { path: "a", content: "x" } }, "unknown_action", "op"],
  [
    "a task beside what can be carried out",
    { op: "summarize", inputs: { path: "a" }, files: { b: "x" } },
    "unknown_action",
    "op",
  ],
  [
    "a task beside operations in a file",
    { op: "summarize", inputs: { path: "a" }, lpe_patch_file: "ops.yaml" },
    "unknown_action",
    "op",
  ],
  ["a diff that is prose", { patch: "make it better" }, "bad_patch", "patch"],
  ["a broken diff", { payload: { file_path: "a", patch_content: "@@ -1,5 +1,5 @@\n a\n" } }, "bad_patch", "payload"],
])("%s rejects the order by its key", (_what, order, code, key) => {
  expect(problemIn(JSON.stringify(order))).toMatchObject({ code, key });
});

test("a task for a model is no work for a machine, and says what it is", () => {
  const order = orderIn(JSON.stringify({ op: "summarize", inputs: { path: "a" }, cost_estimate_usd: 0.02 }));
  expect(isProse(order)).toBe(true);
  expect(order.header.title).toBe("summarize");
});

test("a diff that cannot be read is what a plan finds, when only a plan is asked for", () => {
  const order = { dry_run: true, payload: { file_path: "a", patch_content: "@@ -1,5 +1,5 @@\n a\n" } };

  expect(filesOf(order)).toMatchObject([{ kind: "diff", path: "a", fault: expect.stringContaining("line") }]);
});

test.each([{ payload: { message: "hi" } }, { payload: "hi" }, { action: "publish" }, { action: null }])(
  "%j is a word about the order, not work",
  (order) => {
    expect(orderIn(JSON.stringify(order))).toMatchObject({ files: [], steps: [] });
  },
);
