/** Unified diffs as git, diff and language models write them: what they ask for, and that they change what they say. */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { array, assert, constantFrom, property } from "fast-check";
import { expect, test } from "vitest";
import type { FileDiff, FileWork } from "../../../src/orders/order.ts";
import { applyDiff, isDiff, readDiff, unfenced } from "../../../src/orders/unified-diff.ts";
import { errorOf, valueOf } from "../../support/results.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const HUNK = "@@ -1,2 +1,2 @@\n a\n-b\n+c\n";
const works = (text: string, path?: string) => valueOf(readDiff(text, path));

function diffIn(text: string, path = "f"): FileDiff {
  const [work] = works(text, path);
  if (work?.kind !== "diff") throw new Error("no diff");
  return work;
}

test.each<readonly [string, string, readonly Partial<FileWork>[]]>([
  ["a bare diff", `--- x/f\n+++ x/f\n${HUNK}`, [{ kind: "diff", path: "x/f", change: "change" }]],
  ["git's prefixes", `--- a/x/f\n+++ b/x/f\n${HUNK}`, [{ kind: "diff", path: "x/f", change: "change" }]],
  ["a folder named a", `--- a/f\n+++ a/f\n${HUNK}`, [{ kind: "diff", path: "a/f", change: "change" }]],
  ["times behind the names", `--- f\t2025-01-01\n+++ f\t2025-01-02\n${HUNK}`, [{ path: "f" }]],
  ["a name with blanks", `diff --git "a/x y" "b/x y"\n--- "a/x y"\n+++ "b/x y"\n${HUNK}`, [{ path: "x y" }]],
  ["a new file", "--- /dev/null\n+++ b/f\n@@ -0,0 +1 @@\n+a\n", [{ kind: "diff", path: "f", change: "create" }]],
  [
    "a new file that runs",
    "diff --git a/f b/f\nnew file mode 100755\n--- /dev/null\n+++ b/f\n@@ -0,0 +1 @@\n+a\n",
    [{ change: "create", mode: 0o755 }],
  ],
  ["a file that goes", "--- a/f\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n", [{ kind: "diff", path: "f", change: "delete" }]],
  [
    "a new name",
    "diff --git a/f b/g\nsimilarity index 100%\nrename from f\nrename to g\n",
    [{ kind: "move", path: "f", to: "g" }],
  ],
  [
    "a new name and a change",
    `diff --git a/f b/g\nrename from f\nrename to g\n--- a/f\n+++ b/g\n${HUNK}`,
    [
      { kind: "move", path: "f", to: "g" },
      { kind: "diff", path: "g" },
    ],
  ],
  ["a new mode", "diff --git a/f b/f\nold mode 100644\nnew mode 100755\n", [{ kind: "mode", path: "f", mode: 0o755 }]],
  ["two files", `--- a/f\n+++ b/f\n${HUNK}--- a/g\n+++ b/g\n${HUNK}`, [{ path: "f" }, { path: "g" }]],
  ["words in front", `Here it is:\n\n--- a/f\n+++ b/f\n${HUNK}`, [{ path: "f" }]],
  ["a fence", `\`\`\`diff\n--- a/f\n+++ b/f\n${HUNK}\`\`\`\n`, [{ path: "f" }]],
])("%s is read", (_what, text, expected) => {
  expect(works(text)).toMatchObject(expected);
  expect(works(text)).toHaveLength(expected.length);
  expect(isDiff(text)).toBe(true);
});

test.each([
  ["nothing", "", "no hunk"],
  ["prose", "please change f\n", "no hunk"],
  ["only names", "--- a/f\n+++ b/f\n", "no hunk for f"],
  ["a hunk for no file", HUNK, "which file"],
  ["two names", `--- a/f\n+++ b/g\n${HUNK}`, "f and g"],
  ["too few lines", "--- a/f\n+++ b/f\n@@ -1,5 +1,5 @@\n a\n-b\n+c\n", "hunk at line"],
  ["too many lines", "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-b\n+c\n+d\n", "more lines"],
  ["a hunk without numbers", "--- a/f\n+++ b/f\n@@ def f(): @@\n-b\n+c\n", "which lines"],
  ["binary", "diff --git a/f b/f\nBinary files a/f and b/f differ\n", "binary"],
  ["git's binary", "diff --git a/f b/f\nGIT binary patch\nliteral 3\nabc\n", "no hunk for f"],
  ["a copy", "diff --git a/f b/g\nsimilarity index 100%\ncopy from f\ncopy to g\n", "copies"],
  ["a link", "diff --git a/f b/f\nnew file mode 120000\n--- /dev/null\n+++ b/f\n@@ -0,0 +1 @@\n+x\n", "mode 120000"],
])("%s is refused", (_what, text, message) => {
  expect(errorOf(readDiff(text))).toContain(message);
});

test("a diff beside a file's name is for that file, and for one only", () => {
  expect(works(HUNK, "f")).toMatchObject([{ kind: "diff", path: "f" }]);
  expect(works(`--- old/f\n+++ new/f\n${HUNK}`, "f")).toMatchObject([{ path: "f" }]);
  expect(errorOf(readDiff(`--- a/f\n+++ b/f\n${HUNK}--- a/g\n+++ b/g\n${HUNK}`, "f"))).toContain("2 files");
});

test("what is around a fence is no fence", () => {
  expect(unfenced("```\nx\n```")).toBe("x\n");
  for (const text of ["```", "``````", "```\n```x", "x\n```", "```\nx\n~~~"]) expect(unfenced(text)).toBe(text);
  expect(unfenced("`".repeat(1_000_000))).toHaveLength(1_000_000);
});

test("hunks are found where their lines are, and nowhere else", () => {
  const diff = diffIn(HUNK);

  expect(applyDiff("a\nb\n", diff)).toEqual({ ok: true, value: "a\nc\n" });
  expect(applyDiff("x\ny\na\nb\n", diff)).toEqual({ ok: true, value: "x\ny\na\nc\n" });
  expect(errorOf(applyDiff("a\nB\n", diff))).toBe('the hunk for line 1, beginning with "a", does not fit');
});

test.each([
  ["a line that is far away", "@@ -999999999,1 +999999999,1 @@\n-nine\n+x\n"],
  ["an addition far behind the end", "@@ -999999999,0 +999999999,1 @@\n+x\n"],
  ["an addition behind the end", "@@ -3,0 +4,1 @@\n+x\n"],
  ["an addition in front of the hunk before it", "@@ -2,1 +2,1 @@\n-two\n+x\n@@ -0,0 +1,1 @@\n+y\n"],
])("a hunk for %s fits nowhere, and that is seen at once", (_what, text) => {
  expect(errorOf(applyDiff("one\ntwo\n", diffIn(text)))).toContain("does not fit");
});

test("the first of many hunks that does not fit is named, however many fit alone", () => {
  const hunks = Array.from({ length: 20_000 }, (_, index) => `@@ -${index + 1},1 +${index + 1},1 @@\n-a\n+b\n`);
  const text = `a\na\n${"x\n".repeat(20_000)}`;

  expect(errorOf(applyDiff(text, diffIn(hunks.join(""))))).toContain("the hunk for line 3,");
});

test("a context that nearly fits everywhere is given up", { timeout: 10_000 }, () => {
  const diff = diffIn(`@@ -1,50001 +1,50002 @@\n${" a\n".repeat(50_000)}+x\n b\n`);

  expect(applyDiff("a\n".repeat(200_000), diff).ok).toBe(false);
});

test("a context of nearly the right words does not do", () => {
  const diff = diffIn("@@ -1,4 +1,5 @@\n one\n two\n three\n+x\n four\n");

  expect(applyDiff("one\ntwo\nthree\nfour\n", diff).ok).toBe(true);
  for (const text of ["one\ntwo\nthre\nfour\n", "one\nthree\nfour\n", "one\ntwo\nthree\n"])
    expect(applyDiff(text, diff).ok).toBe(false);
});

test("what git's own diff says of two texts turns the one into the other", () => {
  const folder = temporaryFolder();
  const lines = array(constantFrom("a\n", "b\n", "c c\n", "\n", "ü"), { maxLength: 12 });
  assert(
    property(lines, lines, (before, after) => {
      const [old, now] = [before.join(""), after.join("")];
      if (old === now || old === "" || now === "") return;
      const diff = diffIn(gitDiff(folder, old, now));

      expect(applyDiff(old, diff)).toEqual({ ok: true, value: now });
    }),
    { numRuns: 60 },
  );
});

function gitDiff(folder: string, old: string, now: string): string {
  writeFileSync(join(folder, "old"), old);
  writeFileSync(join(folder, "new"), now);
  try {
    execFileSync("git", ["diff", "--no-index", "--no-color", "old", "new"], { cwd: folder, stdio: "pipe" });
  } catch (thrown) {
    // Exit 1: they differ.
    if (thrown instanceof Error && "stdout" in thrown) return String(thrown.stdout);
    throw thrown;
  }
  throw new Error("git sees no difference");
}
