/** What goes when it is old, and what stays whatever its age. */
import { existsSync, readdirSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { systemDisk } from "../../../src/platform/disk.ts";
import { Files } from "../../../src/platform/files.ts";
import { Vault } from "../../../src/records/vault.ts";
import { applyRetention, type RetentionRules, treeBytes } from "../../../src/upkeep/retention.ts";
import { HandClock } from "../../support/hand-clock.ts";
import { put, temporaryFolder } from "../../support/temporary-folder.ts";

const DAY_MS = 86_400_000;
const NOW = Date.UTC(2026, 5, 15);
const RULES: RetentionRules = { runsDays: 30, runsBytes: 1e9, folderDays: 90, compressAfterDays: 30 };
const clock = new HandClock(NOW);
const files = new Files(systemDisk, clock);

/** Files of a base and a vault, path → [age in days, content]. */
function house(content: Readonly<Record<string, readonly [number, string]>>) {
  const root = temporaryFolder();
  for (const [path, [days, text]] of Object.entries(content)) {
    put(join(root, path), text);
    const seconds = (NOW - days * DAY_MS) / 1000;
    utimesSync(join(root, path), seconds, seconds);
  }
  const vault = new Vault(files, join(root, "vault"));
  const isOpen = (id: string) => id === "WO-OPEN";
  return {
    root,
    apply: (rules: Partial<RetentionRules> = {}) =>
      applyRetention({ files, clock, vault, base: root, isOpen, snapshotSegment: 3, rules: { ...RULES, ...rules } }),
    has: (path: string) => existsSync(join(root, path)),
  };
}

test("what commands printed goes after its time, but not that of an open order", async () => {
  const { apply, has } = house({
    "vault/runs/WO-OLD/1/0/stdout.log": [31, "x"],
    "vault/runs/WO-OPEN/1/0/stdout.log": [99, "x"],
    "vault/runs/WO-NEW/1/0/stdout.log": [29, "x"],
  });
  expect((await apply()).runs).toBe(1);
  expect([has("vault/runs/WO-OLD"), has("vault/runs/WO-OPEN"), has("vault/runs/WO-NEW")]).toEqual([false, true, true]);
});

test("the oldest output goes first when there is too much of it, and no more than that", async () => {
  const { apply, has } = house({
    "vault/runs/A/1/0/stdout.log": [3, "x".repeat(600)],
    "vault/runs/B/1/0/stdout.log": [2, "x".repeat(600)],
    "vault/runs/C/1/0/stdout.log": [1, "x".repeat(600)],
  });
  expect((await apply({ runsBytes: 1300 })).runs).toBe(1);
  expect([has("vault/runs/A"), has("vault/runs/B"), has("vault/runs/C")]).toEqual([false, true, true]);
});

test("an order's file goes by the month that it came to rest in, whatever its own time says", async () => {
  const { apply, has } = house({
    "bridge/processed/CLC/202602/a.yaml": [1, "x"],
    "bridge/processed/CLC/202604/b.yaml": [999, "x"],
    "bridge/processed/CLC/notes/c.yaml": [999, "x"],
  });
  expect((await apply()).files).toBe(1);
  expect(has("bridge/processed/CLC/202602")).toBe(false);
  expect(has("bridge/processed/CLC/202604/b.yaml")).toBe(true);
  expect(has("bridge/processed/CLC/notes/c.yaml")).toBe(true);
});

test("a rejected file goes together with the report of why, and a foreign file stays", async () => {
  const { apply, root } = house({
    "bridge/error/CLC/old.yaml": [1, "x"],
    "bridge/error/CLC/old.yaml.error.json": [91, "{}"],
    "bridge/error/CLC/new.yaml": [999, "x"],
    "bridge/error/CLC/new.yaml.error.json": [89, "{}"],
    "bridge/outbox/CLC/WO.ack.json": [91, "{}"],
    "bridge/outbox/CLC/WO_result.yaml": [89, "x"],
    "bridge/outbox/CLC/mine.txt": [999, "x"],
  });
  expect((await apply()).files).toBe(3);
  expect(readdirSync(join(root, "bridge/error/CLC")).toSorted()).toEqual(["new.yaml", "new.yaml.error.json"]);
  expect(readdirSync(join(root, "bridge/outbox/CLC")).toSorted()).toEqual(["WO_result.yaml", "mine.txt"]);
});

test("an old segment behind the snapshot is compressed with all that is in it; no segment is ever removed", async () => {
  const { apply, root } = house({
    "vault/ledger/000001.jsonl": [31, "one\n"],
    "vault/ledger/000002.jsonl": [29, "two\n"],
    "vault/ledger/000003.jsonl": [99, "three\n"],
  });
  expect((await apply()).segments).toBe(1);
  expect((await apply()).segments).toBe(0);
  const folder = join(root, "vault/ledger");
  expect(readdirSync(folder).toSorted()).toEqual(["000001.jsonl.gz", "000002.jsonl", "000003.jsonl"]);
  expect(gunzipSync(files.read(join(folder, "000001.jsonl.gz")) ?? "").toString()).toBe("one\n");
});

test("the size of a folder is that of all files in it", async () => {
  const { root } = house({ "a/b/c.txt": [0, "12345"], "a/d.txt": [0, "123"] });
  expect(await treeBytes(files, clock, join(root, "a"))).toBe(8);
});
