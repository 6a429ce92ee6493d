import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import * as fc from "fast-check";
import { expect, test, vi } from "vitest";
import { systemClock } from "../../../src/platform/clock.ts";
import { type Disk, systemDisk } from "../../../src/platform/disk.ts";
import { Files } from "../../../src/platform/files.ts";
import { sha256 } from "../../../src/platform/ids.ts";
import { Vault } from "../../../src/records/vault.ts";
import { everyCut, heldDisk, powerCutDisk, recordingDisk, watchedDisk } from "../../support/disks.ts";
import { turn } from "../../support/hand-clock.ts";
import { thrownBy } from "../../support/results.ts";
import { modeOf, put, temporaryFolder, treeOf } from "../../support/temporary-folder.ts";

const BIG = Buffer.alloc(70_000, "wo ");

async function preparedVault(disk: Disk = systemDisk, path = join(temporaryFolder(), "a", "vault")): Promise<Vault> {
  const vault = new Vault(new Files(disk, systemClock), path, 4096);
  await vault.prepare();
  return vault;
}

function blobPath(vault: Vault, bytes: Uint8Array): string {
  const hash = sha256(bytes);
  return join(vault.path, "blobs", hash.slice(0, 2), hash.slice(2));
}

test("a vault is nobody's but its user's", async () => {
  const vault = await preparedVault();
  expect([vault.path, vault.ledger, vault.runs, join(vault.path, "blobs")].map(modeOf)).toEqual([
    0o700, 0o700, 0o700, 0o700,
  ]);
});

test("a vault that is prepared again keeps what is in it, but for what a crash left unfinished", async () => {
  const vault = await preparedVault();
  writeFileSync(join(vault.ledger, "000001.jsonl"), "x");
  writeFileSync(join(vault.ledger, ".wo-abc-1.tmp"), "half");
  await vault.prepare();
  expect(treeOf(vault.ledger)).toEqual({ "000001.jsonl": "x" });
});

test("any bytes come out as they went in, few within the entry, many as a blob", async () => {
  const vault = await preparedVault();
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 60 }), async (bytes) => {
      const content = await vault.keep(bytes, 30);
      expect("blob" in content).toBe(bytes.length > 30);
      expect(vault.load(content).equals(bytes)).toBe(true);
    }),
    { numRuns: 50 },
  );
});

test("64 KiB still go into the entry, one byte more becomes a blob under its own hash", async () => {
  const vault = await preparedVault();
  expect(await vault.keep(BIG.subarray(0, 65_536))).toEqual({ text: BIG.subarray(0, 65_536).toString() });
  expect(await vault.keep(BIG.subarray(0, 65_537))).toEqual({ blob: sha256(BIG.subarray(0, 65_537)) });
});

test("a blob is synced, then named, and its folders are synced, before anything can refer to it", async () => {
  const { disk, calls } = recordingDisk();
  const vault = await preparedVault(disk);
  calls.splice(0);
  await vault.keep(BIG);
  const hash = sha256(BIG);
  expect(calls).toEqual([
    `makeFolder ${hash.slice(0, 2)}`,
    "sync blobs",
    "openNew TEMP",
    "write TEMP",
    "sync TEMP",
    `rename TEMP ${hash.slice(2)}`,
    `sync ${hash.slice(0, 2)}`,
  ]);
});

test("the same bytes are kept once", async () => {
  const { disk, calls } = recordingDisk();
  const vault = await preparedVault(disk);
  await vault.keep(BIG);
  calls.splice(0);
  expect(await vault.keep(BIG)).toEqual({ blob: sha256(BIG) });
  expect(calls.filter((call) => call.startsWith("write"))).toEqual([]);
});

test("whoever keeps the same bytes meanwhile waits, too, until they are durable with their name", async () => {
  const { disk, hold } = heldDisk("sync");
  let release: (() => void) | undefined;
  const holding = watchedDisk(({ verb }, go) => {
    const done = go();
    if (verb === "rename") release = hold();
    return done;
  }, disk);
  const vault = await preparedVault(holding);
  const kept: string[] = [];
  const first = vault.keep(BIG).then(() => kept.push("first"));
  await vi.waitUntil(() => release !== undefined, { interval: 1 });
  const second = vault.keep(BIG).then(() => kept.push("second"));
  await turn();
  expect(kept).toEqual([]);
  release?.();
  await Promise.all([first, second]);
});

test("what a power cut left of a blob is written again", async () => {
  const vault = await preparedVault();
  const content = await vault.keep(BIG);
  writeFileSync(blobPath(vault, BIG), BIG.subarray(0, 100));
  await vault.keep(BIG);
  expect(vault.load(content).equals(BIG)).toBe(true);
});

test("power that goes while a blob is written leaves all of it or none, and the next try succeeds", async () => {
  const path = join(temporaryFolder(), "v");
  const { disk, calls } = powerCutDisk(undefined);
  await (await preparedVault(disk, path)).keep(BIG);
  for (const cut of everyCut(calls)) {
    const vaultPath = join(temporaryFolder(), "v");
    await preparedVault(powerCutDisk(cut).disk, vaultPath)
      .then((vault) => vault.keep(BIG))
      .catch(() => undefined);
    const vault = await preparedVault(systemDisk, vaultPath);
    expect(vault.load(await vault.keep(BIG)).equals(BIG)).toBe(true);
  }
  expect(calls.length).toBeGreaterThan(8);
});

test.each([
  ["one changed byte", (path: string) => writeFileSync(path, Buffer.from(BIG).fill("x", 5, 6)), "damaged"],
  ["its end missing", (path: string) => writeFileSync(path, BIG.subarray(1)), "damaged"],
])("a blob with %s is refused, never passed off as what it was", async (_what, spoil, word) => {
  const vault = await preparedVault();
  const content = await vault.keep(BIG);
  spoil(blobPath(vault, BIG));
  expect(await thrownBy(() => vault.load(content))).toMatchObject({
    code: "LEDGER_DAMAGED",
    message: `the blob ${blobPath(vault, BIG)} is ${word}`,
  });
});

test("a blob that is not there is told by its path", async () => {
  const vault = await preparedVault();
  expect(await thrownBy(() => vault.load({ blob: sha256(BIG) }))).toMatchObject({
    code: "LEDGER_DAMAGED",
    message: `the blob ${blobPath(vault, BIG)} is missing`,
  });
});

test("the reserve takes the space that it is to keep back, with bytes that no file system stores for nothing", async () => {
  const vault = await preparedVault();
  expect(vault.hasReserve).toBe(false);
  expect(await vault.reserve()).toBe(true);
  const bytes = readFileSync(join(vault.path, "reserve"));
  expect({ has: vault.hasReserve, size: bytes.length }).toEqual({ has: true, size: 4096 });
  expect(new Set(bytes).size).toBeGreaterThan(16);
});

test("a reserve that is whole is left alone, one that is not is made anew", async () => {
  const { disk, calls } = recordingDisk();
  const vault = await preparedVault(disk);
  await vault.reserve();
  calls.splice(0);
  await vault.reserve();
  expect(calls).toEqual([]);
  writeFileSync(join(vault.path, "reserve"), "half");
  await vault.reserve();
  expect(readFileSync(join(vault.path, "reserve")).length).toBe(4096);
});

test("the reserve is given back once, and made again only when there is twice as much space", async () => {
  let freeBytes = 2 * 4096;
  const vault = await preparedVault(watchedDisk(({ verb }, go) => (verb === "freeBytes" ? freeBytes : go())));
  expect(await vault.reserve()).toBe(true);
  expect([vault.releaseReserve(), vault.releaseReserve(), vault.hasReserve]).toEqual([true, false, false]);
  freeBytes -= 1;
  expect([await vault.reserve(), vault.hasReserve]).toEqual([false, false]);
});

test("its own name is made durable, and those above it, as far up as they are its user's", async () => {
  const { disk, calls } = recordingDisk();
  const root = temporaryFolder();
  await preparedVault(disk, join(root, "a", "vault"));
  const synced = calls.filter((call) => call.startsWith("sync ")).map((call) => call.slice("sync ".length));
  expect(synced).toEqual(expect.arrayContaining(["vault", "a", basename(root)]));
});

test("blobs that a crash left unfinished are removed, those of this process are not", async () => {
  const vault = await preparedVault();
  await vault.keep(BIG);
  const left = put(join(vault.path, "blobs", "ab", ".wo-other-1.tmp"), "half");
  await vault.sweepBlobs();
  expect(existsSync(left)).toBe(false);
  expect(readFileSync(blobPath(vault, BIG)).equals(BIG)).toBe(true);
});
