/** What holds at the end of a file that only grows: after a full disk, a refusal, and beside other writers. */
import { appendFileSync, readFileSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { AppendFile } from "../../../src/platform/append-file.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { type Disk, systemDisk } from "../../../src/platform/disk.ts";
import { Files } from "../../../src/platform/files.ts";
import { refusal, refusingDisk, watchedDisk } from "../../support/disks.ts";
import { thrownBy } from "../../support/results.ts";
import { folderWith, modeOf, temporaryFolder } from "../../support/temporary-folder.ts";

const open = (path: string, disk: Disk = systemDisk, shared = false) =>
  AppendFile.open(new Files(disk, systemClock), path, 0o600, shared);

/** Takes two bytes of the nth write, lets somebody else have a turn, and then has no space. */
function fullAtWrite(nth: number, meanwhile: () => void = () => undefined): Disk {
  let writes = 0;
  return watchedDisk(({ verb, words: [handle, bytes] }, go) => {
    if (verb !== "write" || typeof handle !== "number" || !(bytes instanceof Uint8Array)) return go();
    writes += 1;
    if (writes === nth) return systemDisk.write(handle, bytes.subarray(0, 2));
    if (writes < nth) return go();
    meanwhile();
    throw refusal("ENOSPC");
  });
}

test("what is appended stands behind what was there, and the size is known", async () => {
  const path = join(folderWith({ log: "one\n" }), "log");
  const file = open(path);

  await file.append(Buffer.from("two\n"));
  await file.append(Buffer.from("three\n"));

  expect(readFileSync(path, "utf8")).toBe("one\ntwo\nthree\n");
  expect(file.sizeBytes).toBe(14);
  expect(file.read(4, 3).toString()).toBe("two");
  expect(file.read(8, 100).toString()).toBe("three\n");
});

test("a file that was absent is made, for this user only", async () => {
  const path = join(temporaryFolder(), "log");

  await open(path).append(Buffer.from("x"));

  expect([modeOf(path), readFileSync(path, "utf8")]).toEqual([0o600, "x"]);
});

test("a file without its folder, or a link in its place, is refused", async () => {
  const folder = folderWith({ target: "x" });
  symlinkSync("target", join(folder, "link"));

  expect(await thrownBy(() => open(join(folder, "no/log")))).toMatchObject({ code: "DISK_REFUSED" });
  expect(await thrownBy(() => open(join(folder, "link")))).toMatchObject({ code: "DISK_REFUSED" });
});

test("an append that the disk takes half of is cut away again", async () => {
  const path = join(folderWith({ log: "one\n" }), "log");
  const file = open(path, fullAtWrite(2));
  await file.append(Buffer.from("two\n"));

  const thrown = await thrownBy(() => file.append(Buffer.from("three\n")));

  expect(thrown).toMatchObject({ code: "DISK_FULL" });
  expect(readFileSync(path, "utf8")).toBe("one\ntwo\n");
  expect(file.sizeBytes).toBe(8);
});

test("an append can be made after one that failed", async () => {
  const path = join(folderWith({ log: "one\n" }), "log");
  const file = open(path, refusingDisk("write", "ENOSPC"));
  await thrownBy(() => file.append(Buffer.from("two\n")));

  await file.append(Buffer.from("three\n"));

  expect(readFileSync(path, "utf8")).toBe("one\nthree\n");
});

test("a torn end that cannot be cut stops everything", async () => {
  const path = join(folderWith({ log: "one\n" }), "log");
  const full = fullAtWrite(1);
  const disk: Disk = new Proxy(full, {
    get: (target, verb) => {
      if (verb !== "truncate") return Reflect.get(target, verb);
      return () => {
        throw refusal("EIO");
      };
    },
  });

  const thrown = await thrownBy(() => open(path, disk).append(Buffer.from("two\n")));

  expect(thrown).toMatchObject({ code: "SYNC_FAILED" });
});

test("a refused sync is never taken for a full disk", async () => {
  const file = open(join(temporaryFolder(), "log"), refusingDisk("syncData", "ENOSPC"));
  await file.append(Buffer.from("x"));

  expect(await thrownBy(() => file.sync())).toMatchObject({ code: "SYNC_FAILED" });
});

test("beside other writers, every line is appended where the file ends by then", async () => {
  const path = join(folderWith({ log: "one\n" }), "log");
  const file = open(path, systemDisk, true);
  appendFileSync(path, "theirs\n");

  await file.append(Buffer.from("two\n"));

  expect(readFileSync(path, "utf8")).toBe("one\ntheirs\ntwo\n");
  expect(file.sizeBytes).toBe(15);
});

test("beside other writers, our fragment is cut while it is the file's end", async () => {
  const path = join(folderWith({ log: "one\n" }), "log");
  const file = open(path, fullAtWrite(1), true);
  appendFileSync(path, "theirs\n");

  await thrownBy(() => file.append(Buffer.from("a longer line\n")));

  expect(readFileSync(path, "utf8")).toBe("one\ntheirs\n");
});

test("beside other writers, nothing is cut that somebody wrote behind our fragment", async () => {
  const path = join(folderWith({ log: "one\n" }), "log");
  const theirs = () => appendFileSync(path, "a line of theirs\n");
  const file = open(path, fullAtWrite(1, theirs), true);

  await thrownBy(() => file.append(Buffer.from("two\n")));

  expect(readFileSync(path, "utf8")).toBe("one\ntwa line of theirs\n");
});

test("the open file is told from one that took its name", async () => {
  const path = join(folderWith({ log: "one\n", other: "x" }), "log");
  const file = open(path);
  const before = file.info().inode;
  rmSync(path);
  renameSync(join(path, "../other"), path);

  expect(file.info()).toMatchObject({ inode: before, links: 0, sizeBytes: 4 });
});
