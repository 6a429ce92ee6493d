/** Each attempt has one folder for temporary files: its own, there while it runs, gone afterwards, also after a crash. */
import { chmodSync, existsSync, mkdirSync, readdirSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { TemporaryFolders } from "../../../src/processors/temporary-folders.ts";
import { realFiles } from "../../support/ledger-kit.ts";
import { realFolder } from "../../support/sandboxes.ts";
import { put } from "../../support/temporary-folder.ts";

function open(baseId = "b1", root = realFolder()) {
  return { root, folders: new TemporaryFolders({ files: realFiles, root, baseId, userId: process.getuid?.() ?? 0 }) };
}

test("an attempt's folder is for its user alone, the same each time it is asked for, and another for the next attempt", () => {
  const { folders, root } = open();
  const path = folders.make("WO-1", 1);
  expect(statSync(path).mode & 0o777).toBe(0o700);
  expect([folders.make("WO-1", 1), folders.make("WO-1", 2)]).toEqual([path, join(root, "wo-b1-WO-1-2")]);
});

test.each<readonly [string, (path: string) => void]>([
  ["a link", (path) => symlinkSync("/", path)],
  ["a file", (path) => put(path, "")],
  [
    "a folder that is open to others",
    (path) => {
      mkdirSync(path);
      chmodSync(path, 0o755);
    },
  ],
])("%s in its place is not taken for it", (_what, plant) => {
  const { folders, root } = open();
  plant(join(root, "wo-b1-WO-1-1"));
  expect(() => folders.make("WO-1", 1)).toThrow("is not ours");
});

test("it goes with all that is in it, links are not followed, and a second time is no trouble", async () => {
  const { folders, root } = open();
  put(join(root, "kept/file"), "kept");
  const path = folders.make("WO-1", 1);
  put(join(path, "a/b/c"), "x");
  symlinkSync(join(root, "kept"), join(path, "a", "link"));
  await folders.remove("WO-1", 1);
  await folders.remove("WO-1", 1);
  expect([existsSync(path), readdirSync(join(root, "kept"))]).toEqual([false, ["file"]]);
});

test("a sweep leaves what runs, and what belongs to another base", async () => {
  const { folders, root } = open();
  for (const [id, attempt] of [
    ["WO-1", 1],
    ["WO-1", 2],
    ["WO-2", 1],
  ] as const)
    folders.make(id, attempt);
  open("b2", root).folders.make("WO-1", 1);
  await folders.sweep([{ id: "WO-1", attempt: 2 }]);
  expect(readdirSync(root).toSorted()).toEqual(["wo-b1-WO-1-2", "wo-b2-WO-1-1"]);
});
