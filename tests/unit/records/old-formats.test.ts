/** What an earlier version wrote is read for ever: one checked-in sample of each format. Samples are added, never changed. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { lookUpBase } from "../../../src/daemon/base.ts";
import { readRuntime } from "../../../src/daemon/runtime.ts";
import { isRunStatus } from "../../../src/platform/run-protocol.ts";
import { readBooks } from "../../../src/records/books.ts";
import { Checkpoints } from "../../../src/records/checkpoint.ts";
import { OrderIndex } from "../../../src/records/order-index.ts";
import { Telemetry } from "../../../src/records/telemetry.ts";
import { Vault } from "../../../src/records/vault.ts";
import { verifyLedger } from "../../../src/upkeep/verify-ledger.ts";
import { realFiles } from "../../support/ledger-kit.ts";
import { fakeMachine } from "../../support/machines.ts";
import { valueOf } from "../../support/results.ts";

const SAMPLE = fileURLToPath(new URL("../../samples/v1", import.meta.url));
const vault = new Vault(realFiles, join(SAMPLE, "vault"));
const json = (path: string): unknown => JSON.parse(readFileSync(join(SAMPLE, path), "utf8"));

test("a ledger of version 1 is sound, and its orders are where they were", () => {
  const { index } = valueOf(readBooks(realFiles, vault));
  const statuses = [...index.summaries()]
    .map(({ id, status }) => [id, status])
    .toSorted(([a = ""], [b = ""]) => (a < b ? -1 : 1));
  expect(statuses).toEqual([
    ["WO-FAILS", "failed"],
    ["WO-FILES", "done"],
    ["WO-PROSE", "waiting"],
  ]);
  expect(verifyLedger(realFiles, vault).findings).toEqual([]);
});

test("a checkpoint of version 1 is read; without its key it proves nothing, and the ledger passes through it", () => {
  const checkpoints = new Checkpoints(realFiles, vault.path, join(SAMPLE, "no-key.pem"));
  expect(checkpoints.read()).toMatchObject({ kind: "unproven", checkpoint: { v: 1 } });
  expect(verifyLedger(realFiles, vault, checkpoints).findings).toMatchObject([
    { code: "no_checkpoint", isDamage: false },
  ]);
});

test("an index snapshot of version 1 is taken, and says the same as the ledger", () => {
  const snapshot = OrderIndex.load(realFiles, vault.ledger);
  expect(snapshot.head.seq).toBeGreaterThan(20);
  expect(snapshot.get("WO-FAILS")?.failure?.code).toBe("exit_3");
  expect(snapshot.facts.base).toBe("9zvncrypdx");
});

test("a base of version 1 is found by its mark and the registry", () => {
  const base = lookUpBase(realFiles, fakeMachine(join(SAMPLE, "home")), join(SAMPLE, "base"));
  expect(base?.vault).toBe("/tmp/smp/.local/state/wo-bridge/vaults/base-9zvncrypdx");
});

test("what a daemon and a command of version 1 left behind is understood", () => {
  expect(readRuntime(realFiles, vault)).toMatchObject({ state: "stopped", version: "0.1.0" });
  expect(isRunStatus(json("run/status.json"))).toBe(true);
  const { ledger } = valueOf(readBooks(realFiles, vault)).index.facts;
  expect(Telemetry.lastSeq(realFiles, join(SAMPLE, "base/unified.jsonl"), ledger)).toBeGreaterThan(20);
});

test("a state file of version 1 keeps the names that people's scripts read", () => {
  expect(json("base/WO-FILES.json")).toMatchObject({
    id: "WO-FILES",
    status: "done",
    progress: 100,
    meta: { state_schema_version: 1 },
  });
});
