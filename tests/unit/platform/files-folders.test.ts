/** Folders and what is in them: made, listed, swept and removed; what is not there is no error. */
import { statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { systemClock } from "../../../src/platform/clock.ts";
import { systemDisk } from "../../../src/platform/disk.ts";
import { Files } from "../../../src/platform/files.ts";
import { TEMPORARY_NAME } from "../../../src/platform/ids.ts";
import { folderWith, temporaryFolder, treeOf } from "../../support/temporary-folder.ts";

const files = new Files(systemDisk, systemClock);

test("sweeping removes what our crashes left, and nothing that only looks like it", () => {
  const ours = [".wo-0abc-1.tmp", ".wo-01hx-2-0.tmp"];
  const theirs = ["a.tmp", ".wo-.tmp.txt", "x.wo-1.tmp", ".wo-A.tmp", ".wo-base", ".wo-a_b.tmp"];
  const folder = folderWith(Object.fromEntries([...ours, ...theirs].map((name) => [name, "x"])));

  expect(files.sweep(folder)).toBe(2);
  expect(Object.keys(treeOf(folder)).sort()).toEqual(theirs.toSorted());
  expect(ours.every((name) => TEMPORARY_NAME.test(name))).toBe(true);
});

test("removing a tree removes links, not what they lead to", () => {
  const folder = folderWith({ "keep/a": "kept", "gone/b/c": "x" });
  symlinkSync("../keep", join(folder, "gone/link"));

  files.removeTree(join(folder, "gone"));
  files.removeTree(join(folder, "never there"));

  expect(treeOf(folder)).toEqual({ "keep/a": "kept" });
});

test("folders are made with what is missing above them, and a second time nothing happens", () => {
  const folder = folderWith({ file: "x" });
  files.makeFolders(join(folder, "a/b/c"), 0o755);
  files.makeFolders(join(folder, "a/b/c"), 0o755);

  expect(statSync(join(folder, "a/b/c")).isDirectory()).toBe(true);
  expect(() => files.makeFolders(join(folder, "file/x"), 0o755)).toThrow(/ENOTDIR/);
});

test("what is not there is undefined, never an error", () => {
  const missing = join(folderWith({ file: "x" }), "file", "below a file");

  expect([files.info(missing), files.list(missing), files.realPath(missing), files.read(missing)]).toEqual(
    Array.from({ length: 4 }, () => undefined),
  );
  expect([files.remove(missing), files.rename(missing, `${missing}2`)]).toEqual([false, false]);
});

test("the names in a huge folder come in pieces, each once", async () => {
  const folder = temporaryFolder();
  for (let index = 0; index < 1001; index += 1) writeFileSync(join(folder, String(index)), "");

  const pieces: (readonly string[])[] = [];
  for await (const piece of files.namesIn(folder)) pieces.push(piece);

  expect(pieces.flat()).toHaveLength(1001);
  expect(new Set(pieces.flat()).size).toBe(1001);
  expect(pieces.length).toBeGreaterThan(1);
});

test("in a folder that is not there are no names", async () => {
  const folder = folderWith({ file: "x" });
  for (const name of ["absent", "file", "file/below"]) {
    for await (const piece of files.namesIn(join(folder, name))) expect(piece).toBe("never reached");
  }
});
