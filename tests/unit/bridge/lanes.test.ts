import { chmodSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { BridgeFolders } from "../../../src/bridge/lanes.ts";
import { realFiles } from "../../support/ledger-kit.ts";
import { put, temporaryFolder, treeOf } from "../../support/temporary-folder.ts";

const USER = process.getuid?.() ?? -1;

function baseWith(...lanes: readonly string[]): { readonly base: string; readonly inbox: string } {
  const base = temporaryFolder();
  const inbox = join(base, "bridge", "inbox");
  for (const lane of lanes) mkdirSync(join(inbox, lane), { recursive: true });
  return { base, inbox };
}

function foldersOf(base: string, user = USER): BridgeFolders {
  return new BridgeFolders(realFiles, base, user);
}

test("every folder of the inbox is a lane, spelled as on disk; files and hidden folders are none", () => {
  const { base, inbox } = baseWith("clc", "ENTRY", ".hidden");
  put(join(inbox, "stray.yaml"), "a: 1");
  expect(foldersOf(base).list()).toEqual({
    lanes: [
      { name: "ENTRY", folder: join(inbox, "ENTRY") },
      { name: "clc", folder: join(inbox, "clc") },
    ],
    faults: [],
  });
});

test("a base without an inbox has no lanes", () => {
  expect(foldersOf(temporaryFolder()).list()).toEqual({ lanes: [], faults: [] });
});

test("an inbox that is a link is followed, once and for all its lanes", () => {
  const [base, elsewhere] = [temporaryFolder(), temporaryFolder()];
  mkdirSync(join(elsewhere, "CLC"));
  mkdirSync(join(base, "bridge"));
  symlinkSync(elsewhere, join(base, "bridge", "inbox"));
  expect(foldersOf(base).list().lanes).toEqual([{ name: "CLC", folder: join(elsewhere, "CLC") }]);
});

test("a lane that is a link is a lane; two names for one folder are one", () => {
  const { base, inbox } = baseWith("CLC");
  const elsewhere = temporaryFolder();
  symlinkSync(elsewhere, join(inbox, "Z1"));
  symlinkSync(elsewhere, join(inbox, "Z2"));
  symlinkSync("/nowhere/at/all", join(inbox, "dangling"));
  symlinkSync("CLC", join(inbox, "A-first"));
  expect(foldersOf(base).list().lanes).toEqual([
    { name: "A-first", folder: join(inbox, "CLC") },
    { name: "Z1", folder: elsewhere },
  ]);
});

test.each([
  [0o757, 1],
  [0o777, 1],
  [0o755, 0],
  [0o775, 0],
])("a lane with the mode %o that everybody may write to is not read, and told of", (mode, faults) => {
  const { base, inbox } = baseWith("CLC", "OTHER");
  chmodSync(join(inbox, "CLC"), mode);
  const list = foldersOf(base).list();
  expect(list.lanes.map(({ name }) => name)).toEqual(faults === 0 ? ["CLC", "OTHER"] : ["OTHER"]);
  expect(list.faults).toHaveLength(faults);
  if (faults > 0) expect(list.faults[0]).toMatchObject({ lane: "CLC", message: expect.stringContaining("chmod o-w") });
});

test("a lane with two names that everybody may write to is told of once", () => {
  const { base, inbox } = baseWith("CLC");
  chmodSync(join(inbox, "CLC"), 0o777);
  symlinkSync("CLC", join(inbox, "ZZZ"));
  expect(foldersOf(base).list().faults).toHaveLength(1);
});

test("an inbox that everybody may write to is not read at all", () => {
  const { base, inbox } = baseWith("CLC");
  chmodSync(inbox, 0o757);
  expect(foldersOf(base).list()).toMatchObject({ lanes: [], faults: [{ lane: "bridge/inbox" }] });
});

test("an inbox that belongs to somebody else is not read at all", () => {
  const { base } = baseWith("CLC");
  const { lanes, faults } = foldersOf(base, USER + 1).list();
  expect({ lanes, faults }).toMatchObject({
    lanes: [],
    faults: [{ message: expect.stringContaining("belongs to user") }],
  });
});

test("lanes that vanished are made again, those that are there in another spelling are not", () => {
  const { base, inbox } = baseWith("clc");
  expect(foldersOf(base).restore(["CLC", "ENTRY"])).toEqual([join(inbox, "ENTRY")]);
  expect(treeOf(inbox)).toEqual({ "clc/": "", "ENTRY/": "" });
  expect(foldersOf(base).restore(["CLC", "ENTRY"])).toEqual([]);
});

test("an inbox that vanished is made again with its lanes", () => {
  const base = temporaryFolder();
  const inbox = join(base, "bridge", "inbox");
  expect(foldersOf(base).restore([])).toEqual([inbox]);
  expect(foldersOf(base).restore(["CLC"])).toEqual([join(inbox, "CLC")]);
  expect(treeOf(base)).toEqual({ "bridge/inbox/CLC/": "" });
});

test("a link that takes the place of the inbox is not replaced", () => {
  const [base, elsewhere] = [temporaryFolder(), temporaryFolder()];
  mkdirSync(join(base, "bridge"));
  symlinkSync(elsewhere, join(base, "bridge", "inbox"));
  foldersOf(base).restore(["CLC"]);
  expect(treeOf(elsewhere)).toEqual({ "CLC/": "" });
  expect(treeOf(base)).toEqual({ "bridge/inbox": `-> ${elsewhere}` });
});

test("each lane has its folders, those for what was processed by month", () => {
  const folders = foldersOf("/base");
  expect(folders.processed("CLC", "2026-01-05T12:00:00.000Z")).toBe("/base/bridge/processed/CLC/202601");
  expect(folders.error("CLC")).toBe("/base/bridge/error/CLC");
  expect(folders.outbox("CLC")).toBe("/base/bridge/outbox/CLC");
  expect(folders.claimed({ name: "x", folder: "/real/CLC" })).toBe("/real/CLC/.claimed");
});
