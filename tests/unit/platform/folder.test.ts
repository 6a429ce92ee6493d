/** What is written in an open folder lands in it, and no link on the way there is followed. */
import { mkdirSync, renameSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { systemClock } from "../../../src/platform/clock.ts";
import { systemDisk } from "../../../src/platform/disk.ts";
import { Files } from "../../../src/platform/files.ts";
import { Folder, OpenFolders } from "../../../src/platform/folder.ts";
import { countingDisk, recordingDisk, refusingDisk } from "../../support/disks.ts";
import { given, thrownBy } from "../../support/results.ts";
import { folderWith, modeOf, setUmask, temporaryFolder, treeOf } from "../../support/temporary-folder.ts";

const files = new Files(systemDisk, systemClock);

test("a folder is found below its root, and one that is missing is not made", async () => {
  const root = folderWith({ "a/b/x.txt": "x" });

  expect((await Folder.open(files, root, ["a", "b"]))?.find("x.txt", 10)?.bytes?.toString()).toBe("x");
  expect(await Folder.open(files, root, ["a", "c", "d"])).toBeUndefined();
  expect(treeOf(root)).toEqual({ "a/b/x.txt": "x" });
});

test("a folder that is missing is made with what is missing above it, and each name is synced", async () => {
  const root = folderWith({ "a/x": "x" });
  const { disk, calls } = recordingDisk();

  await Folder.make(new Files(disk, systemClock), root, ["a", "b", "c"]);

  expect(calls).toEqual(["makeFolder b", "sync a", "makeFolder c", "sync b"]);
  expect(treeOf(root)).toEqual({ "a/x": "x", "a/b/c/": "" });
});

test.each([
  ["a link to a folder inside", "in", "PATH_ESCAPED"],
  ["a link to a folder outside", "out", "PATH_ESCAPED"],
  ["a dangling link", "dangling", "PATH_ESCAPED"],
  ["a file", "file", "NO_FOLDER"],
])("%s is no way into a folder", async (_what, name, code) => {
  const [root, outside] = [folderWith({ "inside/x": "x", file: "f" }), temporaryFolder()];
  symlinkSync("inside", join(root, "in"));
  symlinkSync(outside, join(root, "out"));
  symlinkSync("nowhere", join(root, "dangling"));
  for (const names of [[name], [name, "deeper"]]) {
    expect(await thrownBy(() => Folder.open(files, root, names))).toMatchObject({ code });
    expect(await thrownBy(() => Folder.make(files, root, names))).toMatchObject({ code });
  }
  expect(treeOf(outside)).toEqual({});
});

test("a way that leads through a file or a link leaves nothing open", async () => {
  const root = folderWith({ file: "x", "a/file": "x" });
  symlinkSync("file", join(root, "link"));
  const { disk, open } = countingDisk();
  for (const names of [["file"], ["link"], ["a", "file"], ["a", "absent"]]) {
    await Folder.open(new Files(disk, systemClock), root, names).catch(() => undefined);
  }
  expect(open()).toBe(0);
});

test("a root that is a link is refused", async () => {
  const root = folderWith({ "real/x": "x" });
  symlinkSync("real", join(root, "link"));

  expect(await thrownBy(() => Folder.open(files, join(root, "link"), []))).toMatchObject({ code: "DISK_REFUSED" });
});

test("a parent that is swapped for a link after it was opened gains nothing", async () => {
  const [root, outside] = [folderWith({ "a/b/x.txt": "old" }), folderWith({ "b/x.txt": "theirs" })];
  const folder = given(await Folder.open(files, root, ["a", "b"]));
  renameSync(join(root, "a"), join(root, "moved"));
  symlinkSync(outside, join(root, "a"));

  await folder.prepare(".wo-t-1.tmp", Buffer.from("new"), 0o644);
  folder.finish(".wo-t-1.tmp", "x.txt");
  await folder.sync();

  expect(treeOf(root)["moved/b/x.txt"]).toBe("new");
  expect(treeOf(outside)).toEqual({ "b/x.txt": "theirs" });
});

test("what is prepared is synced with its mode before it gets its name", async () => {
  const root = folderWith({ "x.sh": "old" });
  setUmask(0o077);
  const { disk, calls } = recordingDisk();
  const folder = await Folder.make(new Files(disk, systemClock), root, []);

  await folder.prepare(".wo-t-1.tmp", Buffer.from("new"), 0o755);
  folder.finish(".wo-t-1.tmp", "x.sh");
  await folder.sync();

  expect(calls.map((call) => call.split(" ")[0])).toEqual(["openNew", "write", "chmod", "sync", "rename", "sync"]);
  expect([treeOf(root), modeOf(join(root, "x.sh"))]).toEqual([{ "x.sh": "new" }, 0o755]);
});

test("what a crash left under the unfinished name is replaced, also when it is a link", async () => {
  const root = folderWith({ ".wo-t-1.tmp": "a longer leftover", target: "kept" });
  symlinkSync("target", join(root, ".wo-t-2.tmp"));
  const folder = await Folder.make(files, root, []);

  await folder.prepare(".wo-t-1.tmp", Buffer.from("new"), 0o644);
  await folder.prepare(".wo-t-2.tmp", Buffer.from("new"), 0o644);

  expect(treeOf(root)).toEqual({ ".wo-t-1.tmp": "new", ".wo-t-2.tmp": "new", target: "kept" });
});

test("what lies under a name is told without following it", async () => {
  const root = folderWith({ "file.txt": "12345", "sub/x": "x" });
  symlinkSync("file.txt", join(root, "link"));
  const folder = await Folder.make(files, root, []);
  const seen = (name: string, limitBytes = 5) => {
    const found = folder.find(name, limitBytes);
    return found === undefined ? undefined : [found.info.kind, found.bytes?.toString()];
  };

  expect(seen("file.txt")).toEqual(["file", "12345"]);
  expect(seen("file.txt", 4)).toEqual(["file", undefined]);
  expect(seen("link")).toEqual(["link", undefined]);
  expect(seen("sub")).toEqual(["folder", undefined]);
  expect(seen("absent")).toBeUndefined();
});

test("a file that cannot be read is trouble, not absence", async () => {
  const root = folderWith({ a: "x" });
  const folder = await Folder.make(new Files(refusingDisk("openRead", "EACCES"), systemClock), root, []);

  expect(await thrownBy(() => folder.find("a", 10))).toMatchObject({ code: "DISK_REFUSED" });
});

test("removing says whether there was anything", async () => {
  const folder = await Folder.make(files, folderWith({ a: "x" }), []);

  expect([folder.remove("a"), folder.remove("a")]).toEqual([true, false]);
});

test("a folder is held open once for a piece of work, and closed with it", async () => {
  const root = folderWith({ "a/x": "x" });
  const { disk, open } = countingDisk();
  const folders = new OpenFolders(new Files(disk, systemClock));

  const found = await folders.find(root, ["a"]);
  expect(await folders.make(root, ["a"])).toBe(found);
  expect(await folders.find(root, ["absent"])).toBeUndefined();
  const made = await folders.make(root, ["b"]);
  expect(await folders.find(root, ["b"])).toBe(made);
  expect(open()).toBe(2);
  folders.close();
  expect(open()).toBe(0);
});

test("a folder that appears later is found then", async () => {
  const root = temporaryFolder();
  const folders = new OpenFolders(files);
  expect(await folders.find(root, ["later"])).toBeUndefined();
  mkdirSync(join(root, "later"));

  expect(await folders.find(root, ["later"])).toBeDefined();
  folders.close();
});
