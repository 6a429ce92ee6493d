/** Every dialect asked for what no order may do: refused by name, nothing anywhere is different, and the next order is done. */
import { symlinkSync } from "node:fs";
import { test } from "vitest";
import { expectRows, guardedWorld, inBase, type Row, row } from "../support/hostile-kit.ts";

const OUT = "../../outside/secret.txt";
const EDIT = { find: "two", replace: "PWNED" };
const TEXT = "PWNED\n";

const ASKED: readonly Row[] = [
  row("a list of files climbs", { files: [{ path: OUT, content: TEXT }] }, "rejected path_refused"),
  row("a map of files climbs", { files: { [OUT]: TEXT } }, "rejected path_refused"),
  row("files delete what lies outside", { files: [{ path: OUT, delete: true }] }, "rejected path_refused"),
  row("a file is moved out", { files: [{ path: "a", move: "~/.ssh/authorized_keys" }] }, "rejected path_refused"),
  row("a file is moved in", { files: [{ path: "~/.ssh/id_ed25519", move: "a" }] }, "rejected path_refused"),
  row(
    "an operation writes a key",
    { operations: [{ op: "write_file", path: "~/.ssh/authorized_keys", content: TEXT }] },
    "rejected path_refused",
  ),
  row(
    "an operation appends to .zshrc",
    { operations: [{ op: "append", path: "~/.zshrc", content: TEXT }] },
    "rejected path_refused",
  ),
  row(
    "a task's operation deletes",
    { task_spec: { operations: [{ type: "delete", file: OUT }] } },
    "rejected path_refused",
  ),
  row(
    "an operation moves out",
    { operations: [{ op: "move", from: "wo-bridge.yaml", to: "x" }] },
    "rejected path_refused",
  ),
  row("an edit of git's configuration", { edits: [{ path: ".git/config", ...EDIT }] }, "rejected path_refused"),
  row(
    "a payload for a hook",
    { payload: { file_path: ".git/hooks/pre-commit", action: "write", content: TEXT } },
    "rejected path_refused",
  ),
  row(
    "a payload for an absolute file",
    { payload: { file_path: "/etc/passwd", action: "append", content: TEXT } },
    "rejected path_refused",
  ),
  row(
    "a value is set in the base's mark",
    { payload: { file_path: ".wo-base/x.json", action: "set_key_value", key: "id", value: "PWNED" } },
    "rejected path_refused",
  ),
  row(
    "an action makes a file outside",
    { action: { type: "create_file", target_file: OUT, content: TEXT } },
    "rejected path_refused",
  ),
  row(
    "an action deletes the configuration",
    { action: { type: "delete_file", path: "wo-bridge.yaml" } },
    "rejected path_refused",
  ),
  row(
    "a patch with an anchor climbs",
    { clc_patch: { patches: [{ file: OUT, patch_type: "replace", anchor: "two", payload: "PWNED" }] } },
    "rejected path_refused",
  ),
  row(
    "an operation of the patch engine climbs",
    { lpe_patch_ops: [{ path: OUT, content: TEXT }] },
    "rejected path_refused",
  ),
  row(
    "the patch engine deletes a view",
    { patch: { ops: [{ path: "g/followup/state/x.json", mode: "delete_file" }] }, allow_delete: true },
    "rejected path_refused",
  ),
  row(
    "an order's own list allows more than it may",
    { lpe_patch: { ops: [{ path: OUT, content: TEXT }] }, path_acl: { allowed_roots: ["..", "../../outside"] } },
    "rejected path_refused",
  ),
  row("operations are read from outside", { lpe_patch_file: OUT }, "rejected path_refused"),
  row("operations are read from a key", { lpe_patch: { file: "~/.ssh/authorized_keys" } }, "rejected path_refused"),
  row("operations are read from git", { lpe_patch_file: ".git/config" }, "rejected path_refused"),
  row("operations are read through a link", { lpe_patch_file: "link" }, "rejected bad_operations_file", {
    prepare: (world) => symlinkSync("../../outside/secret.txt", world.path("link")),
  }),
  row("operations are read through a linked folder", { lpe_patch_file: "way/secret.txt" }, "rejected path_refused", {
    prepare: (world) => symlinkSync("../../outside", world.path("way")),
  }),
  row("operations in a file climb", { lpe_patch_file: "ops.json" }, "rejected path_refused", {
    prepare: (world) => world.write("ops.json", JSON.stringify({ ops: [{ path: OUT, content: TEXT }] })),
  }),
  row(
    "a key is read by its hash",
    { files: [{ path: "~/.ssh/authorized_keys", sha256: "0".repeat(64) }] },
    "rejected path_refused",
  ),
  row(
    "an agent for launchd under another's name",
    { files: { "~/Library/LaunchAgents/com.apple.mine.plist": TEXT } },
    "rejected path_refused",
  ),
  row(
    "an agent for launchd under our name",
    { files: { "~/Library/LaunchAgents/com.02luka.wo-bridge.plist": TEXT } },
    "rejected path_refused",
  ),
  row(
    "an agent for launchd that carries another label",
    {
      files: {
        "~/Library/LaunchAgents/com.02luka.x.plist":
          "<plist><dict><key>Label</key><string>com.apple.x</string></dict></plist>",
      },
    },
    "failed policy path_refused",
  ),
  row(
    "one of a hundred files climbs",
    {
      files: { ...Object.fromEntries(Array.from({ length: 99 }, (_, index) => [`many/${index}`, TEXT])), [OUT]: TEXT },
    },
    "rejected path_refused",
  ),
  row("one of two files is in the way", { files: { "both/a.txt": TEXT, "both/b.txt/": TEXT } }, "rejected bad_path"),
  row(
    "a key that hides in a file's item",
    { files: [{ path: "a.txt", content: TEXT, run: "id" }] },
    "rejected unknown_key",
  ),
  row("an action hidden in a number", { action: { type: 1, command: "touch PWNED" } }, "rejected wrong_value"),
];

const head = (from: string, to: string) => `--- ${from}\n+++ ${to}\n`;
const HUNK = "@@ -1,3 +1,3 @@\n one\n-two\n+PWNED\n three\n";
const NEW = "@@ -0,0 +1 @@\n+PWNED\n";
const GIT = "diff --git a/x b/x\n";
const seeded = {
  prepare: (world: { write(path: string, text: string): void }) => world.write("d.txt", "one\ntwo\nthree\n"),
};

const DIFFS: readonly Row[] = [
  row("b/../../ in the header", { patch: head("a/x", "b/../../../outside/secret.txt") + HUNK }, "rejected bad_patch"),
  row(
    "both names climb",
    { patch: head("a/../../outside/secret.txt", "b/../../outside/secret.txt") + HUNK },
    "rejected path_refused",
  ),
  row("an absolute name", { patch: head("/etc/passwd", "/etc/passwd") + HUNK }, "rejected path_refused"),
  row("a new file outside", { patch: head("/dev/null", "b/../../outside/new.txt") + NEW }, "rejected path_refused"),
  row("a new hook", { patch: head("/dev/null", "b/.git/hooks/post-checkout") + NEW }, "rejected path_refused"),
  row(
    "a link as a new file",
    {
      patch: `${GIT}new file mode 120000\n${head("/dev/null", "b/x")}@@ -0,0 +1 @@\n+/etc/passwd\n\\ No newline at end of file\n`,
    },
    "rejected bad_patch",
  ),
  row(
    "a module as a new file",
    { patch: `${GIT}new file mode 160000\n${head("/dev/null", "b/x")}${NEW}` },
    "rejected bad_patch",
  ),
  row(
    "a mode with setuid",
    { patch: `diff --git a/d.txt b/d.txt\nold mode 100644\nnew mode 104755\n` },
    "rejected bad_patch",
    seeded,
  ),
  row(
    "a rename to the outside",
    {
      patch:
        "diff --git a/d.txt b/../../outside/d.txt\nsimilarity index 100%\nrename from d.txt\nrename to ../../outside/d.txt\n",
    },
    "rejected path_refused",
    seeded,
  ),
  row(
    "a rename from the outside",
    {
      patch:
        "diff --git a/../../outside/secret.txt b/mine.txt\nsimilarity index 100%\nrename from ../../outside/secret.txt\nrename to mine.txt\n",
    },
    "rejected path_refused",
  ),
  row(
    "a copy of a key",
    {
      patch: "diff --git a/k b/mine.txt\nsimilarity index 100%\ncopy from ../.ssh/authorized_keys\ncopy to mine.txt\n",
    },
    "rejected bad_patch",
  ),
  row(
    "a deletion outside",
    { patch: `${head("a/../../outside/secret.txt", "/dev/null")}@@ -1,3 +0,0 @@\n-one\n-two\n-three\n` },
    "rejected path_refused",
  ),
  row("/dev/null on both sides", { patch: head("/dev/null", "/dev/null") + NEW }, "rejected bad_patch"),
  row(
    "/dev/null as the file that is named beside it",
    { files: [{ path: "/dev/null", patch: head("a/x", "b/x") + HUNK }] },
    "rejected path_refused",
  ),
  row("two names and no word which", { patch: head("a/d.txt", "b/e.txt") + HUNK }, "rejected bad_patch", seeded),
  row(
    "a second file behind the one that is named",
    {
      files: [
        {
          path: "d.txt",
          patch:
            head("a/d.txt", "b/d.txt") + HUNK + head("a/../../outside/secret.txt", "b/../../outside/secret.txt") + HUNK,
        },
      ],
    },
    "rejected bad_patch",
    seeded,
  ),
  row(
    "a hunk that counts to a billion",
    { patch: `${head("a/d.txt", "b/d.txt")}@@ -1,1000000000 +1,1000000000 @@\n one\n-two\n+PWNED\n three\n` },
    "rejected bad_patch",
    seeded,
  ),
  row(
    "an addition for a line that is far away",
    { patch: `${head("a/d.txt", "b/d.txt")}@@ -999999999,0 +1000000000,1 @@\n+PWNED\n` },
    "failed conflict patch_failed",
    seeded,
  ),
  row(
    "a hunk for a line that is far away",
    { patch: `${head("a/d.txt", "b/d.txt")}@@ -999999999,1 +999999999,1 @@\n-nine\n+PWNED\n` },
    "failed conflict patch_failed",
    seeded,
  ),
  row("a binary patch", { patch: `${GIT}GIT binary patch\nliteral 5\nMcmZQzWMT#Y01f~L\n\n` }, "rejected bad_patch"),
  row(
    "names in quotes with escapes",
    { patch: head('"a/\\056\\056/x"', '"b/\\056\\056/x"') + HUNK },
    "rejected path_refused",
  ),
  row("a sound diff in the midst of them", { patch: head("a/d.txt", "b/d.txt") + HUNK }, "done", {
    ...seeded,
    makes: inBase({ "d.txt": "one\nPWNED\nthree\n" }),
  }),
];

test.each([
  ["orders in every dialect", ASKED],
  ["diffs with hostile headers", DIFFS],
] as const)("%s that reach for what is not theirs change nothing", { timeout: 180_000 }, async (_what, rows) => {
  await expectRows(await guardedWorld(), rows);
});
