/** Orders in every dialect, small ones, for tests that bend them; with the real ones where they are at hand. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { SAMPLES } from "./world.ts";

const DIFF = "--- a/f.md\n+++ b/f.md\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n";

const OBJECTS: readonly object[] = [
  { wo_id: "WO-1", title: "T", priority: "P1", files: [{ path: "a.txt", mode: "0755", content: "x\ny\n" }] },
  { id: "two", files: { "a/b.txt": "x", "c.txt": { content: "", mode: "0600" } }, tags: "a,b" },
  { task_id: 3, edits: [{ path: "a", find: "x", after: "y" }], post_verify: ["test -f a"] },
  { wo_id: "WO-4", task_spec: { operations: [{ op: "write_file", file: "a", content: "x" }] } },
  { wo_id: "WO-5", operations: [{ type: "move", source_path: "a", to: "b" }], dry_run: true },
  { wo_id: "WO-6", payload: { file_path: "a.md", action: "append", content: "x" }, metadata: { dry_run: true } },
  { wo_id: "WO-7", action: { type: "patch_file", target_file: "f.md", patch_content: `\`\`\`diff\n${DIFF}\`\`\`` } },
  { clc_patch: { wo_id: "WO-8", patches: [{ file: "a", patch_type: "replace", anchor: "x", payload: "y" }] } },
  { wo_id: "WO-9", lpe_patch: { ops: [{ path: "a", mode: "insert_after", match: "x", content: "y" }] } },
  { wo_id: "WO-10", patch: DIFF },
  {
    wo_id: "WO-11",
    environment: { required: ["HOME"], validation: ["true"] },
    steps: [{ name: "s", run: "make", timeout: "60s", max_retries: 2, retry_delay: "1s", always_run: true }],
    rollback: { steps: ["undo"] },
    rollback_on_failure: true,
    post_deploy: { success: ["echo ok"], failure: ["echo bad"] },
    tests: [{ name: "t", command: "echo 1", expected: 1 }],
  },
  { id: "WO-12", skill: "bash", cmd: "ls", timeout: 5000, created_at: "$(date -u)" },
  { wo_id: "WO-13", files: [{ path: "/tmp/x", sha256: "ab".repeat(32) }] },
  { wo_id: "WO-14", objective: "ภาษาไทย – 🎉", success_criteria: ["a: b", "- c"], context: { deep: [[{ x: null }]] } },
];

const TEXTS: readonly string[] = [
  '---\nwo_id: WO-20\ntitle: "a: b"\nfiles:\n  - path: a\n    content: |\n      x\n        y\n\n      z\n...\n',
  "wo_id: WO-21\nx: &x {path: a, content: b}\nfiles: [*x]\n",
  "id: '001'\r\nsteps:\r\n  - run: >-\r\n      a\r\n      b\r\n",
  "\uFEFFwo_id: WO-22\nproblem: |\n  prose\n",
];

/** Bytes of orders. */
export function orderCorpus(): readonly Buffer[] {
  const own = [
    ...OBJECTS.map((order) => JSON.stringify(order)),
    ...OBJECTS.map((order) => JSON.stringify(order, undefined, 2)),
    ...TEXTS,
  ].map((text) => Buffer.from(text));
  return [...own, ...realOrders()];
}

function realOrders(): readonly Buffer[] {
  if (!existsSync(SAMPLES)) return [];
  const names = readdirSync(SAMPLES).filter((name) => /\.(?:ya?ml|json)$/.test(name));
  return names.map((name) => readFileSync(join(SAMPLES, name)));
}
