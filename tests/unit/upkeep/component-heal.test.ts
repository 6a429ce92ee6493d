/** A component is put back whole or not at all, over nothing that lies there, and what is replaced is kept. */
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type Disk, systemDisk } from "../../../src/platform/disk.ts";
import { Files } from "../../../src/platform/files.ts";
import { type HealRequest, heal, sweepHeals } from "../../../src/upkeep/component-heal.ts";
import { newVault } from "../../support/books-kit.ts";
import { fingerprintOf } from "../../support/components.ts";
import { everyCut, powerCutDisk } from "../../support/disks.ts";
import { HandClock } from "../../support/hand-clock.ts";
import { modeOf, put, temporaryFolder, treeOf } from "../../support/temporary-folder.ts";

const TEXT = "#!/bin/sh\n";
const PATH = "agents/a/run.sh";
const FINGERPRINT = fingerprintOf(TEXT);

async function request(bend: Partial<HealRequest> = {}, disk: Disk = systemDisk): Promise<HealRequest> {
  const files = new Files(disk, new HandClock());
  const vault = await newVault();
  const base = { path: temporaryFolder(), home: temporaryFolder() };
  return { files, vault, base, path: PATH, fingerprint: FINGERPRINT, replaces: false, ...bend };
}

test("a file comes back with its bytes and rights, its folders too, and nothing beside it", async () => {
  const wish = await request();
  expect(await heal(wish)).toEqual({ kind: "restored" });
  expect(treeOf(wish.base.path)).toEqual({ [PATH]: TEXT });
  expect(statSync(join(wish.base.path, PATH)).mode & 0o777).toBe(0o755);
});

test("a folder comes back", async () => {
  const wish = await request({
    path: "a/b",
    fingerprint: { kind: "folder", mode: 0o755, owner: 1, since: "", by: "" },
  });
  expect(await heal(wish)).toEqual({ kind: "restored" });
  expect(statSync(join(wish.base.path, "a/b")).isDirectory()).toBe(true);
});

test("what somebody has put there meanwhile stays", async () => {
  const wish = await request();
  put(join(wish.base.path, PATH), "mine");
  expect(await heal(wish)).toMatchObject({ kind: "taken" });
  expect(treeOf(wish.base.path)).toEqual({ [PATH]: "mine" });
});

test("also what is put there in the very moment", async () => {
  const base = temporaryFolder();
  const link = (from: string, to: string) => {
    put(join(base, PATH), "mine");
    systemDisk.link(from, to);
  };
  const wish = await request({ base: { path: base, home: base } }, { ...systemDisk, link });
  expect(await heal(wish)).toMatchObject({ kind: "taken" });
  expect(treeOf(base)).toEqual({ [PATH]: "mine" });
});

test("where it may be replaced, what was there is in the vault", async () => {
  const wish = await request({ replaces: true });
  chmodSync(put(join(wish.base.path, PATH), "theirs"), 0o600);
  expect(await heal(wish)).toEqual({ kind: "restored", replaced: { text: "theirs" } });
  expect(treeOf(wish.base.path)).toEqual({ [PATH]: TEXT });
});

test("a folder in its place is left, and a link goes", async () => {
  const wish = await request({ replaces: true });
  mkdirSync(join(wish.base.path, PATH), { recursive: true });
  expect(await heal(wish)).toMatchObject({ kind: "taken" });
  rmSync(join(wish.base.path, PATH), { recursive: true });
  put(join(wish.base.path, "elsewhere"), "theirs");
  symlinkSync(join(wish.base.path, "elsewhere"), join(wish.base.path, PATH));
  expect(await heal(wish)).toEqual({ kind: "restored" });
  expect([
    readFileSync(join(wish.base.path, PATH), "utf8"),
    readFileSync(join(wish.base.path, "elsewhere"), "utf8"),
  ]).toEqual([TEXT, "theirs"]);
});

test("a folder on the way that is a link leads to where it leads, and never out of the base", async () => {
  const wish = await request();
  const { path: base } = wish.base;
  mkdirSync(join(base, "programs"));
  symlinkSync(join(base, "programs"), join(base, "agents"));
  expect(await heal(wish)).toEqual({ kind: "restored" });
  expect(readFileSync(join(base, "programs/a/run.sh"), "utf8")).toBe(TEXT);
  rmSync(join(base, "agents"));
  const elsewhere = temporaryFolder();
  symlinkSync(elsewhere, join(base, "agents"));
  for (const replaces of [false, true])
    expect(await heal({ ...wish, replaces })).toMatchObject({
      kind: "taken",
      message: expect.stringContaining(elsewhere),
    });
  expect(treeOf(elsewhere)).toEqual({});
});

test("a LaunchAgent comes back among those of the home, whose folder may be gone; the home itself is never made", async () => {
  const wish = await request({
    path: "~/Library/LaunchAgents/com.example.a.plist",
    fingerprint: { ...FINGERPRINT, mode: 0o644 },
  });
  expect(await heal(wish)).toEqual({ kind: "restored" });
  expect(treeOf(wish.base.home)).toEqual({ "Library/LaunchAgents/com.example.a.plist": TEXT });
  expect(modeOf(join(wish.base.home, "Library/LaunchAgents/com.example.a.plist"))).toBe(0o644);
  expect(treeOf(wish.base.path)).toEqual({});
  rmSync(wish.base.home, { recursive: true });
  await expect(heal(wish)).rejects.toMatchObject({ code: "DISK_REFUSED" });
  expect(existsSync(wish.base.home)).toBe(false);
});

test("content that the vault has lost is told, and nothing is written", async () => {
  const wish = await request({ fingerprint: { ...FINGERPRINT, content: { blob: "0".repeat(64) } } });
  await expect(heal(wish)).rejects.toMatchObject({ code: "LEDGER_DAMAGED" });
  expect(treeOf(wish.base.path)).toEqual({ "agents/a/": "" });
});

test.each([false, true])(
  "whenever power goes, nothing torn has the name, and the next one puts it right (%s)",
  async (replaces) => {
    const { disk, calls } = powerCutDisk(undefined);
    const first = await request({ replaces }, disk);
    if (replaces) put(join(first.base.path, PATH), "theirs");
    await heal(first);
    for (const cut of everyCut(calls)) {
      const wish = await request({ replaces }, powerCutDisk(cut).disk);
      if (replaces) put(join(wish.base.path, PATH), "theirs");
      await heal(wish).catch(() => undefined);
      const there = treeOf(wish.base.path)[PATH];
      expect({ cut, there: there === undefined || there === TEXT || (replaces && there === "theirs") }).toEqual({
        cut,
        there: true,
      });
      const files = new Files(systemDisk, new HandClock());
      await sweepHeals(files, wish.base, [PATH]);
      await heal({ ...wish, files });
      expect({ cut, tree: treeOf(wish.base.path) }).toEqual({ cut, tree: { [PATH]: TEXT } });
    }
    expect(calls.length).toBeGreaterThan(4);
  },
);
