/** What holds of a file after a full disk, a refusal, or a power cut between any two calls. */
import { readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import writeFileAtomic from "write-file-atomic";
import { systemClock } from "../../../src/platform/clock.ts";
import { systemDisk } from "../../../src/platform/disk.ts";
import { BridgeError } from "../../../src/platform/errors.ts";
import { Files } from "../../../src/platform/files.ts";
import { quickClock } from "../../support/clocks.ts";
import { everyCut, powerCutDisk, recordingDisk, refusingDisk, watchedDisk } from "../../support/disks.ts";
import { thrownBy } from "../../support/results.ts";
import {
  folderWith,
  modeOf,
  NO_SMALL_DISK,
  put,
  setUmask,
  smallDisk,
  temporaryFolder,
  treeOf,
} from "../../support/temporary-folder.ts";

const files = new Files(systemDisk, systemClock);

test("a file is replaced by synced bytes, then its name, then the synced folder", async () => {
  const folder = folderWith({ "a.txt": "old" });
  const { disk, calls } = recordingDisk();

  await new Files(disk, systemClock).replace(join(folder, "a.txt"), "new", 0o644);

  const name = folder.split("/").at(-1);
  expect(calls).toEqual(["openNew TEMP", "write TEMP", "sync TEMP", "rename TEMP a.txt", `sync ${name}`]);
  expect(treeOf(folder)).toEqual({ "a.txt": "new" });
});

test.each([0o000, 0o022, 0o077])("a replaced file has the mode that was asked for under the umask %o", async (mask) => {
  const folder = temporaryFolder();
  setUmask(mask);

  await files.replace(join(folder, "run.sh"), "#!/bin/sh\n", 0o755);
  await files.replace(join(folder, "key"), "secret", 0o600);

  expect([modeOf(join(folder, "run.sh")), modeOf(join(folder, "key"))]).toEqual([0o755, 0o600]);
});

test("a mode that the umask has cut is mended before the sync, not after it", async () => {
  const folder = temporaryFolder();
  setUmask(0o077);
  const { disk, calls } = recordingDisk();

  await new Files(disk, systemClock).replace(join(folder, "a"), "x", 0o755);

  expect(calls.slice(0, 4)).toEqual(["openNew TEMP", "write TEMP", "chmod TEMP", "sync TEMP"]);
});

test("a disk that takes fewer bytes than given, then none, leaves the old file alone", async () => {
  const folder = folderWith({ "a.txt": "old" });
  let writes = 0;
  const disk = watchedDisk(({ verb, words: [handle] }, go) => {
    if (verb !== "write" || typeof handle !== "number") return go();
    writes += 1;
    if (writes === 1) return systemDisk.write(handle, Buffer.from("ne"));
    throw Object.assign(new Error("full"), { code: "ENOSPC" });
  });

  const thrown = await thrownBy(() => new Files(disk, systemClock).replace(join(folder, "a.txt"), "new", 0o644));

  expect(thrown).toMatchObject({ code: "DISK_FULL" });
  expect(treeOf(folder)).toEqual({ "a.txt": "old" });
});

test("a disk that takes a few bytes at a time gets them all", async () => {
  const folder = temporaryFolder();
  const disk = watchedDisk(({ verb, words: [handle, bytes] }, go) => {
    if (verb !== "write" || typeof handle !== "number" || !(bytes instanceof Uint8Array)) return go();
    return systemDisk.write(handle, bytes.subarray(0, 7));
  });

  await new Files(disk, systemClock).replace(join(folder, "a.txt"), "a long line of many words\n", 0o644);

  expect(treeOf(folder)).toEqual({ "a.txt": "a long line of many words\n" });
});

test("a disk that claims bytes which it did not keep leaves the old file alone", async () => {
  const folder = folderWith({ "a.txt": "old" });
  const disk = watchedDisk(({ verb, words: [handle, bytes] }, go) => {
    if (verb !== "write" || typeof handle !== "number" || !(bytes instanceof Uint8Array)) return go();
    systemDisk.write(handle, bytes.subarray(0, 1));
    return bytes.length;
  });

  const thrown = await thrownBy(() => new Files(disk, systemClock).replace(join(folder, "a.txt"), "new", 0o644));

  expect(thrown).toMatchObject({ code: "DISK_FULL" });
  expect(treeOf(folder)).toEqual({ "a.txt": "old" });
});

test("a disk that takes no byte at all is full, and asked once only", async () => {
  const folder = folderWith({ "a.txt": "old" });
  const disk = watchedDisk(({ verb }, go) => (verb === "write" ? 0 : go()));

  const thrown = await thrownBy(() => new Files(disk, systemClock).replace(join(folder, "a.txt"), "new", 0o644));

  expect(thrown).toMatchObject({ code: "DISK_FULL" });
  expect(treeOf(folder)).toEqual({ "a.txt": "old" });
});

test.each([
  ["openNew", "EMFILE", "TOO_MANY_FILES"],
  ["openNew", "EACCES", "DISK_REFUSED"],
  ["write", "EDQUOT", "DISK_FULL"],
  ["write", "EIO", "DISK_REFUSED"],
  ["statHandle", "EIO", "DISK_REFUSED"],
  ["rename", "ENOSPC", "DISK_FULL"],
  ["rename", "EISDIR", "DISK_REFUSED"],
])("a replace whose %s is refused with %s leaves the old file and nothing beside it", async (verb, errno, code) => {
  const folder = folderWith({ "a.txt": "old" });
  const refusing = new Files(refusingDisk(verb, errno), systemClock);

  const thrown = await thrownBy(() => refusing.replace(join(folder, "a.txt"), "new", 0o644));

  expect(thrown).toMatchObject({ code });
  expect(thrown).toSatisfy((error) => error instanceof BridgeError && error.message.includes(`${folder}/`));
  expect(treeOf(folder)).toEqual({ "a.txt": "old" });
});

test.each(["EIO", "ENOSPC"])("a refused sync (%s) is never taken for a full disk: nobody may go on", async (errno) => {
  const folder = folderWith({ "a.txt": "old" });
  const refusing = new Files(refusingDisk("sync", errno), systemClock);

  const thrown = await thrownBy(() => refusing.replace(join(folder, "a.txt"), "new", 0o644));

  expect(thrown).toMatchObject({ code: "SYNC_FAILED" });
  expect(readFileSync(join(folder, "a.txt"), "utf8")).toBe("old");
});

test("at whatever call the power goes, a reader sees the old file or the new one", async () => {
  const counting = powerCutDisk(undefined);
  await new Files(counting.disk, systemClock).replace(join(folderWith({ a: "old" }), "a"), "newer", 0o644);
  for (const cut of everyCut(counting.calls)) {
    const folder = folderWith({ a: "old" });
    await thrownBy(() => new Files(powerCutDisk(cut).disk, systemClock).replace(join(folder, "a"), "newer", 0o644));

    files.sweep(folder);
    expect(["old", "newer"], JSON.stringify(cut)).toContain(treeOf(folder)["a"]);
    expect(Object.keys(treeOf(folder))).toEqual(["a"]);
  }
  expect(counting.calls.length).toBeGreaterThanOrEqual(5);
});

test("on a small full disk the old file survives a replace, and does not survive write-file-atomic", async ({
  skip,
}) => {
  const disk = smallDisk(256 * 1024) ?? skip(NO_SMALL_DISK);
  for (const name of ["ours", "theirs"]) put(join(disk, name), "o".repeat(8192));
  put(join(disk, "filler"), Buffer.alloc(200 * 1024));
  const big = Buffer.alloc(64 * 1024, "n");

  const thrown = await thrownBy(() => files.replace(join(disk, "ours"), big, 0o644));
  await writeFileAtomic(join(disk, "theirs"), big);

  expect(thrown).toMatchObject({ code: "DISK_FULL" });
  expect(readFileSync(join(disk, "ours"), "utf8")).toBe("o".repeat(8192));
  expect(readFileSync(join(disk, "theirs")).equals(big)).toBe(false);
  expect(treeOf(disk)["theirs"]).not.toBe("o".repeat(8192));
});

test("a link is replaced, what it leads to is not touched", async () => {
  const folder = folderWith({ "target.txt": "theirs" });
  symlinkSync("target.txt", join(folder, "link.txt"));

  await files.replace(join(folder, "link.txt"), "ours", 0o644);

  expect(treeOf(folder)).toEqual({ "target.txt": "theirs", "link.txt": "ours" });
});

test("a new file takes the place of nothing", async () => {
  const folder = folderWith({ a: "old" });
  symlinkSync("nowhere", join(folder, "dangling"));
  for (const name of ["a", "dangling"]) {
    const thrown = await thrownBy(() => files.writeNew(join(folder, name), Buffer.from("new"), 0o644));
    expect(thrown).toMatchObject({ code: "DISK_REFUSED" });
  }
  expect(treeOf(folder)).toEqual({ a: "old", dangling: "-> nowhere" });
});

test("publishing makes the folders that are missing, and waits for no sync", async () => {
  const folder = temporaryFolder();
  const { disk, calls } = recordingDisk();

  await new Files(disk, systemClock).publish(join(folder, "x/y/view.json"), "{}");

  expect(treeOf(folder)).toEqual({ "x/y/view.json": "{}" });
  expect(calls.filter((call) => call.startsWith("sync"))).toEqual([]);
});

test("publishing to a full disk leaves the old view and nothing beside it", async () => {
  const folder = folderWith({ "view.json": "old" });
  const refusing = new Files(refusingDisk("write", "ENOSPC"), systemClock);

  const thrown = await thrownBy(() => refusing.publish(join(folder, "view.json"), "new"));

  expect(thrown).toMatchObject({ code: "DISK_FULL" });
  expect(treeOf(folder)).toEqual({ "view.json": "old" });
});

test("writing a large file steps aside for other work at every MiB", async () => {
  const clock = quickClock();

  await new Files(systemDisk, clock).replace(join(temporaryFolder(), "large"), Buffer.alloc(4 * 1024 * 1024), 0o644);

  expect(clock.breaths()).toBe(4);
});
