import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { sha256 } from "../../../src/platform/ids.ts";
import type { Event } from "../../../src/records/events.ts";
import type { Vault } from "../../../src/records/vault.ts";
import { lookOverLedger, verifyLedger } from "../../../src/upkeep/verify-ledger.ts";
import { checkpointsOf, newVault } from "../../support/books-kit.ts";
import { accepted, planned } from "../../support/events.ts";
import { note, openLedger, realFiles } from "../../support/ledger-kit.ts";
import { treeOf } from "../../support/temporary-folder.ts";

const [BIG, OTHER] = [Buffer.alloc(70_000, "a"), Buffer.alloc(70_000, "b")];

/** A vault whose ledger holds these groups, with the blobs of BIG and OTHER. */
async function vaultWith(groups: readonly (readonly Event[])[]): Promise<Vault> {
  const vault = await newVault();
  for (const bytes of [BIG, OTHER]) await vault.keep(bytes);
  const { ledger } = await openLedger({ folder: vault.ledger });
  for (const group of groups) await ledger.append(group);
  await ledger.close();
  return vault;
}

function blobPath(vault: Vault, bytes: Uint8Array): string {
  return join(vault.path, "blobs", sha256(bytes).slice(0, 2), sha256(bytes).slice(2));
}

function edit(vault: Vault, change: (text: string) => string): void {
  const path = join(vault.ledger, "000001.jsonl");
  writeFileSync(path, change(treeOf(vault.ledger)["000001.jsonl"] ?? ""));
}

const image = (bytes: Uint8Array) => ({
  sha256: sha256(bytes),
  size_bytes: bytes.length,
  mode: 0o644,
  content: { blob: sha256(bytes) },
});
const file = { root: ".", path: "a", temporary: ".wo-x-0.tmp" };

test("a sound ledger is found sound, all of it", async () => {
  const vault = await vaultWith([
    [note("a"), accepted({ source: { blob: sha256(BIG) } })],
    [accepted({ wo_id: "WO-2" })],
  ]);
  expect(verifyLedger(realFiles, vault)).toEqual({ entries: 3, headSeq: 3, blobs: 1, pruned: 0, findings: [] });
});

test("an empty vault has nothing that could be wrong", async () => {
  expect(verifyLedger(realFiles, await newVault())).toEqual({
    entries: 0,
    headSeq: 0,
    blobs: 0,
    pruned: 0,
    findings: [],
  });
});

test.each<readonly [string, Event]>([
  ["an order's source", accepted({ source: { blob: sha256(BIG) } })],
  ["an accepted configuration", { event: "config_accepted", by: "me", sha256: "x", config: { blob: sha256(BIG) } }],
  [
    "a snapshot",
    {
      event: "snapshot_taken",
      by: "me",
      why: "",
      files: [{ path: "a", kind: "file", mode: 0o644, owner: 0, content: { blob: sha256(BIG) } }],
    },
  ],
  ["a backlog", { event: "base_attached", path: "/x", backlog: { blob: sha256(BIG) } }],
  ["a file as it was", planned({ files: [{ ...file, before: image(BIG) }] })],
  ["a file as it is to be", planned({ files: [file, { ...file, after: image(BIG) }] })],
])("a blob that is missing for %s is found, with the entry that needs it", async (_what, event) => {
  const vault = await vaultWith([[note("a")], [event]]);
  rmSync(blobPath(vault, BIG));
  expect(verifyLedger(realFiles, vault)).toMatchObject({
    blobs: 1,
    findings: [
      { code: "missing_blob", isDamage: true, message: `entry 2: the blob ${blobPath(vault, BIG)} is missing` },
    ],
  });
});

test("a blob that holds something else is found, and the sound one beside it is not", async () => {
  const vault = await vaultWith([[planned({ files: [{ ...file, before: image(BIG), after: image(OTHER) }] })]]);
  writeFileSync(blobPath(vault, BIG), OTHER);
  const { blobs, findings } = verifyLedger(realFiles, vault);
  expect(blobs).toBe(2);
  expect(findings.map(({ message }) => message)).toEqual([`entry 1: the blob ${blobPath(vault, BIG)} is damaged`]);
});

test("a blob that was pruned is not missed, unless a later entry refers to it, or another one is missing", async () => {
  const pruned = { event: "blobs_pruned", by: "me", kept_from: "", blobs: [sha256(BIG)], count: 1, bytes: 1 } as const;
  const both = planned({ files: [{ ...file, before: image(BIG), after: image(OTHER) }] });
  const vault = await vaultWith([[both], [pruned]]);
  rmSync(blobPath(vault, BIG));
  expect(verifyLedger(realFiles, vault)).toMatchObject({ pruned: 1, findings: [] });
  rmSync(blobPath(vault, OTHER));
  expect(verifyLedger(realFiles, vault).findings).toMatchObject([{ code: "missing_blob", isDamage: true }]);
  const again = await vaultWith([[both], [pruned], [accepted({ source: { blob: sha256(BIG) } })]]);
  rmSync(blobPath(again, BIG));
  expect(verifyLedger(realFiles, again)).toMatchObject({ pruned: 0, findings: [{ code: "missing_blob" }] });
});

test("a damaged line is found with its place, and how far sound entries follow", async () => {
  const vault = await vaultWith([[note("a")], [note("b")], [note("c")]]);
  edit(vault, (text) => text.replace('"b"', '"x"'));
  expect(verifyLedger(realFiles, vault)).toMatchObject({
    entries: 1,
    headSeq: 1,
    findings: [
      {
        code: "damaged_line",
        isDamage: true,
        message: expect.stringMatching(/^entry 2 at byte \d+ of 000001\.jsonl: .*sound entries follow up to 3$/),
      },
    ],
  });
});

test("a torn end is found, and is no damage: the next start mends it", async () => {
  const vault = await vaultWith([[note("a")], [note("b")]]);
  edit(vault, (text) => text.slice(0, -9));
  expect(verifyLedger(realFiles, vault)).toMatchObject({
    entries: 1,
    findings: [{ code: "torn_tail", isDamage: false, message: expect.stringContaining("of 000001.jsonl") }],
  });
});

test("looking changes nothing", async () => {
  const vault = await vaultWith([[note("a")], [note("b")]]);
  edit(vault, (text) => text.slice(0, -9));
  const before = treeOf(vault.path);
  verifyLedger(realFiles, vault);
  expect(treeOf(vault.path)).toEqual(before);
});

test("who cannot wait reads as much of the contents as he has time for, says what he left, and misses none", async () => {
  const vault = await vaultWith([[planned({ files: [{ ...file, before: image(BIG), after: image(OTHER) }] })]]);
  const look = async (contentBytes: number) => {
    const { findings, unread } = await lookOverLedger(realFiles, vault, checkpointsOf(vault.path), contentBytes);
    return [findings.filter(({ code }) => code === "missing_blob").map(({ message }) => message), unread];
  };
  const damaged = `entry 1: the blob ${blobPath(vault, OTHER)} is damaged`;
  expect(await look(140_000)).toEqual([[], { count: 0, bytes: 0 }]);
  expect(await look(100_000)).toEqual([[], { count: 1, bytes: 70_000 }]);
  writeFileSync(blobPath(vault, OTHER), BIG);
  expect(await look(140_000)).toEqual([[damaged], { count: 0, bytes: 0 }]);
  expect(await look(60_000)).toEqual([[], { count: 2, bytes: 140_000 }]);
  rmSync(blobPath(vault, OTHER));
  const missing = `entry 1: the blob ${blobPath(vault, OTHER)} is missing`;
  expect(await look(70_000)).toEqual([[missing], { count: 0, bytes: 0 }]);
});
