/** Moving never replaces anything and never loses anything; looking never waits and never trusts. */
import { execFileSync } from "node:child_process";
import { linkSync, lstatSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { systemClock } from "../../../src/platform/clock.ts";
import { type Disk, systemDisk } from "../../../src/platform/disk.ts";
import { Files } from "../../../src/platform/files.ts";
import { countingDisk, everyCut, powerCutDisk, refusingDisk, watchedDisk } from "../../support/disks.ts";
import { thrownBy } from "../../support/results.ts";
import { folderWith, modeOf, put, treeOf } from "../../support/temporary-folder.ts";

const files = new Files(systemDisk, systemClock);
const filesOn = (disk: Disk) => new Files(disk, systemClock);

test("a moved file takes its name, or the next one that is free", async () => {
  const folder = folderWith({ "a.yaml": "1", "b.yaml": "2", "c.yaml": "3", "to/a.yaml": "old" });
  const names = [];
  for (const from of ["a.yaml", "b.yaml", "c.yaml"]) {
    names.push(await files.moveNew(join(folder, from), join(folder, "to"), "a.yaml"));
  }

  expect(names).toEqual(["a~2.yaml", "a~3.yaml", "a~4.yaml"]);
  expect(treeOf(folder)).toEqual({ "to/a.yaml": "old", "to/a~2.yaml": "1", "to/a~3.yaml": "2", "to/a~4.yaml": "3" });
});

test("what is not there is not moved", async () => {
  expect(await files.moveNew(join(folderWith({}), "a"), folderWith({}), "a")).toBeUndefined();
});

test("a folder is moved like a file, and replaces nothing either", async () => {
  const folder = folderWith({ "X/a": "1", "to/X/b": "2" });
  mkdirSync(join(folder, "to/empty"));

  expect(await files.moveNew(join(folder, "X"), join(folder, "to"), "X")).toBe("X~2");
  expect(await files.moveNew(join(folder, "to/X~2"), join(folder, "to"), "empty")).toBe("empty~2");
  expect(treeOf(folder)).toEqual({ "to/X/b": "2", "to/empty/": "", "to/empty~2/a": "1" });
});

test("a link is moved as a link, and a dangling one has its name", async () => {
  const folder = folderWith({ target: "x", "to/y": "" });
  symlinkSync("target", join(folder, "link"));
  symlinkSync("nowhere", join(folder, "to/link"));

  expect(await files.moveNew(join(folder, "link"), join(folder, "to"), "link")).toBe("link~2");
  expect(treeOf(folder)).toEqual({ target: "x", "to/y": "", "to/link": "-> nowhere", "to/link~2": "-> target" });
});

test("the folder that something is moved to is made", async () => {
  const folder = folderWith({ a: "1" });
  await files.moveNew(join(folder, "a"), join(folder, "x/y"), "a");

  expect(treeOf(folder)).toEqual({ "x/y/a": "1" });
});

test("at whatever call the power goes, moving again ends with one file in one place", async () => {
  const counting = powerCutDisk(undefined);
  const move = (disk: Disk, folder: string) => filesOn(disk).moveNew(join(folder, "a"), join(folder, "to"), "a");
  await move(counting.disk, folderWith({ a: "1", "to/a": "old" }));
  for (const cut of everyCut(counting.calls)) {
    const folder = folderWith({ a: "1", "to/a": "old" });
    await move(powerCutDisk(cut).disk, folder).catch(() => undefined);
    await move(systemDisk, folder);

    expect(treeOf(folder), JSON.stringify(cut)).toEqual({ "to/a": "old", "to/a~2": "1" });
  }
  expect(counting.calls).toEqual(["link", "link", "unlink"]);
});

test("two names of one file are one file: the old name goes", async () => {
  const folder = folderWith({ a: "1", "to/x": "" });
  linkSync(join(folder, "a"), join(folder, "to/a"));

  expect(await files.moveNew(join(folder, "a"), join(folder, "to"), "a")).toBe("a");
  expect(treeOf(folder)).toEqual({ "to/a": "1", "to/x": "" });
});

test.each(["EPERM", "EXDEV", "EMLINK"])(
  "where hard links are refused with %s the file is moved all the same",
  async (errno) => {
    const folder = folderWith({ a: "1", "to/a": "old" });
    const disk = watchedDisk(({ verb, words }, go) => {
      if (verb === "link" && !String(words[1]).endsWith("/a")) throw Object.assign(new Error(errno), { code: errno });
      return go();
    });

    expect(await filesOn(disk).moveNew(join(folder, "a"), join(folder, "to"), "a")).toBe("a~2");
    expect(treeOf(folder)).toEqual({ "to/a": "old", "to/a~2": "1" });
  },
);

test("a move that the disk refuses leaves the file where it was", async () => {
  const folder = folderWith({ a: "1", "to/x": "" });
  const thrown = await thrownBy(() =>
    filesOn(refusingDisk("link", "EACCES")).moveNew(join(folder, "a"), join(folder, "to"), "a"),
  );

  expect(thrown).toMatchObject({ code: "DISK_REFUSED" });
  expect(treeOf(folder)).toEqual({ a: "1", "to/x": "" });
});

test("looking tells what lies there, without following, waiting or reading too much", () => {
  const folder = folderWith({ file: "12345", "sub/x": "" });
  symlinkSync("file", join(folder, "link"));
  execFileSync("mkfifo", [join(folder, "fifo")]);
  const look = (name: string, limitBytes = 5) => {
    const reading = files.peek(join(folder, name), limitBytes);
    return reading.kind === "file"
      ? reading.bytes.toString()
      : "info" in reading
        ? `${reading.kind}: ${reading.info.kind}`
        : reading.kind;
  };

  expect(["file", "link", "fifo", "sub", "absent", "file/x"].map((name) => look(name))).toEqual([
    "12345",
    "no file: link",
    "no file: other",
    "no file: folder",
    "absent",
    "absent",
  ]);
  expect(look("file", 4)).toBe("too large: file");
});

test("a file that cannot be opened or read is refused, with the errno, and nothing stays open", () => {
  const path = join(folderWith({ a: "x" }), "a");

  expect(filesOn(refusingDisk("openRead", "EACCES")).peek(path, 10)).toEqual({ kind: "refused", errno: "EACCES" });
  expect(filesOn(refusingDisk("read", "EIO")).peek(path, 10)).toEqual({ kind: "refused", errno: "EIO" });
  const { disk, open } = countingDisk();
  filesOn(disk).peek(path, 10);
  filesOn(disk).peek(path, 0);
  expect(open()).toBe(0);
});

test.each(["EMFILE", "ENFILE"])("that no more files can be opened (%s) says nothing about this one", async (errno) => {
  const path = join(folderWith({ a: "x" }), "a");

  expect(await thrownBy(() => filesOn(refusingDisk("openRead", errno)).peek(path, 10))).toMatchObject({
    code: "TOO_MANY_FILES",
  });
});

test("reading gives the bytes, or nothing, or trouble: never half of a file", async () => {
  const folder = folderWith({ a: "123", "sub/x": "" });

  expect(files.read(join(folder, "a"))?.toString()).toBe("123");
  expect(await thrownBy(() => files.read(join(folder, "a"), 2))).toMatchObject({ code: "DISK_REFUSED" });
  expect(await thrownBy(() => files.read(join(folder, "sub")))).toMatchObject({ code: "DISK_REFUSED" });
});

test("those who ask for a folder's sync while one is on its way share one more", async () => {
  const folder = folderWith({ a: "x" });
  const ends: (() => void)[] = [];
  const disk = watchedDisk(({ verb }, go) =>
    verb === "sync" ? new Promise<void>((resolve) => ends.push(resolve)) : go(),
  );
  const shared = filesOn(disk);
  const asked = Array.from({ length: 5 }, () => shared.syncFolder(folder));

  expect(ends).toHaveLength(1);
  ends[0]?.();
  await asked[0];
  expect(ends).toHaveLength(2);
  ends[1]?.();
  await Promise.all(asked);
  expect(ends).toHaveLength(2);
});

test("a folder's sync that failed is not taken over by those who waited for the next one", async () => {
  const folder = folderWith({ a: "x" });
  const shared = filesOn(refusingDisk("sync", "EIO"));
  const [first, second] = await Promise.allSettled([shared.syncFolder(folder), shared.syncFolder(folder)]);

  expect([first?.status, second?.status]).toEqual(["rejected", "fulfilled"]);
});

test("a copy to another file system keeps its mode", async () => {
  const folder = folderWith({ "to/x": "" });
  const path = put(join(folder, "run.sh"), "#!/bin/sh\n");
  execFileSync("chmod", ["0750", path]);
  await filesOn(refusingDisk("link", "EXDEV")).moveNew(path, join(folder, "to"), "run.sh");

  expect(modeOf(join(folder, "to/run.sh"))).toBe(0o750);
  expect(lstatSync(join(folder, "to/run.sh")).isFile()).toBe(true);
});
