/** Mending a damaged ledger: what is lost is named, what may have happened in the gap waits for a person. */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { openBase, refusalOf, telemetryPath } from "../../../src/daemon/opening.ts";
import { planRepair, repairLedger } from "../../../src/daemon/repair.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { systemProcesses } from "../../../src/platform/processes.ts";
import { thisSystem } from "../../../src/platform/system.ts";
import { accepted, happened } from "../../support/events.ts";
import { turn } from "../../support/hand-clock.ts";
import { realFiles, seeChain } from "../../support/ledger-kit.ts";
import { fakeMachine } from "../../support/machines.ts";
import { given, thrownBy } from "../../support/results.ts";
import { put, temporaryFolder, treeOf } from "../../support/temporary-folder.ts";

const { started, completed, waiting } = happened;

/** A base with six entries, one group each: an order done, one running, one waiting. */
class Damaged {
  readonly path = temporaryFolder();
  readonly ground = {
    files: realFiles,
    clock: systemClock,
    machine: fakeMachine(),
    processes: systemProcesses(),
    system: thisSystem,
  };
  ledger = "";

  static async make(): Promise<Damaged> {
    const damaged = new Damaged();
    const opened = await damaged.open();
    const books = given(opened.books);
    await turn();
    const events = [accepted(), started, completed, accepted({ wo_id: "WO-2" }), { ...started, wo_id: "WO-2" }];
    for (const event of [...events, accepted({ wo_id: "WO-3" }), { ...waiting, wo_id: "WO-3" }]) {
      await books.append([event]);
      await turn();
    }
    await books.close();
    damaged.ledger = opened.vault.ledger;
    rmSync(join(damaged.ledger, "index.json"), { force: true });
    await opened.release();
    return damaged;
  }

  open() {
    const nothing = () => undefined;
    const wish = { init: false, vault: undefined, newId: false, reserveBytes: 4096 };
    return openBase(this.ground, { ...wish, path: this.path, onFatal: nothing, onFull: nothing });
  }

  /** Changes a letter in the line of this entry. */
  damage(seq: number): void {
    const path = join(this.ledger, "000001.jsonl");
    const lines = readFileSync(path, "utf8").split("\n");
    lines[seq - 1] = given(lines[seq - 1]).replace('"event":"wo_', '"event":"xo_');
    writeFileSync(path, lines.join("\n"));
  }

  async plan() {
    const opened = await this.open();
    await opened.books?.close();
    await opened.release();
    return planRepair(realFiles, this.ground.machine, opened.base);
  }

  repair() {
    return repairLedger(this.ground, { path: this.path, vault: undefined, by: "me" });
  }
}

test("a sound ledger needs no repair, and none is made", async () => {
  const damaged = await Damaged.make();
  expect(await damaged.plan()).toBeUndefined();
  expect(await damaged.repair()).toBeUndefined();
});

test("what a repair would do is told, and nothing is changed by asking", async () => {
  const damaged = await Damaged.make();
  damaged.damage(6);
  const before = treeOf(damaged.ledger);
  expect(await damaged.plan()).toMatchObject({
    segment: "000001.jsonl",
    lostFrom: 6,
    lostTo: 8,
    held: ["WO-2"],
  });
  expect(treeOf(damaged.ledger)).toEqual(before);
});

test("a repaired ledger goes on behind its gap, names it, and keeps what was damaged", async () => {
  const damaged = await Damaged.make();
  damaged.damage(6);
  const kept = readFileSync(join(damaged.ledger, "000001.jsonl"), "utf8");
  expect(await damaged.repair()).toMatchObject({ lostFrom: 6, lostTo: 8 });
  expect(readFileSync(join(damaged.ledger, "000001.jsonl"), "utf8")).toBe(kept);
  const { read, entries } = seeChain(damaged.ledger);
  expect(read.ok).toBe(true);
  expect(entries.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 9, 10, 11]);
  expect(entries[5]).toMatchObject({
    event: "ledger_repaired",
    segment: "000001.jsonl",
    lost_from: 6,
    lost_to: 8,
    by: "me",
  });
});

test("an order that may have ended in the gap waits for a person, one that had ended stays as it was", async () => {
  const damaged = await Damaged.make();
  damaged.damage(6);
  await damaged.repair();
  const opened = await damaged.open();
  const index = given(opened.books).index;
  expect(index.get("WO-2")).toMatchObject({ status: "waiting", waiting: { reason: "ledger_gap" } });
  expect(index.get("WO-1")?.status).toBe("done");
  expect(index.get("WO-3")).toBeUndefined();
  await opened.books?.close();
  await opened.release();
});

test("what lies in the inbox by then is held back: it may be of an order that is lost", async () => {
  const damaged = await Damaged.make();
  put(join(damaged.path, "bridge/inbox/CLC/a.json"), "{}");
  put(join(damaged.path, "bridge/inbox/CLC/.claimed/01JGYWQ2V0000000000000000A~b.json"), "{}");
  damaged.damage(6);
  await damaged.repair();
  const attached = given(seeChain(damaged.ledger).entries.find(({ event }) => event === "base_attached"));
  expect(JSON.stringify(attached)).toMatch(/CLC\/a\.json.*CLC\/b\.json/);
});

test("a vault that was set back is told by telemetry, and repaired behind what telemetry knows", async () => {
  const damaged = await Damaged.make();
  const opened = await damaged.open();
  await opened.books?.close();
  await opened.release();
  const ledger = given(opened.books).index.facts.ledger;
  put(telemetryPath(damaged.path), `${JSON.stringify({ event: "x", seq: 20, ledger })}\n`);
  expect(refusalOf(realFiles, damaged.ground.machine, opened.base)?.error).toMatchObject({ code: "VAULT_ROLLED_BACK" });
  expect(await damaged.repair()).toMatchObject({ lostFrom: 9, lostTo: 20, held: ["WO-2", "WO-3"] });
  expect(refusalOf(realFiles, damaged.ground.machine, opened.base)).toBeUndefined();
});

test("a repaired ledger needs no second repair", async () => {
  const damaged = await Damaged.make();
  damaged.damage(6);
  await damaged.repair();
  expect(await damaged.repair()).toBeUndefined();
  expect(seeChain(damaged.ledger).entries.filter(({ event }) => event === "ledger_repaired")).toHaveLength(1);
});

test("a repair that was cut short before its checkpoint is asked for once more", async () => {
  const damaged = await Damaged.make();
  const path = join(dirname(damaged.ledger), "checkpoint.json");
  const before = readFileSync(path);
  damaged.damage(6);
  await damaged.repair();
  expect(await damaged.repair()).toBeUndefined();
  writeFileSync(path, before);
  expect(await damaged.repair()).toMatchObject({ reason: expect.stringContaining("checkpoint"), lostFrom: 12 });
  expect(await damaged.repair()).toBeUndefined();
});

test("a ledger is not repaired while a daemon holds its base", async () => {
  const damaged = await Damaged.make();
  damaged.damage(6);
  const opened = await damaged.open();
  expect(await thrownBy(() => damaged.repair())).toMatchObject({ code: "LOCK_HELD" });
  await opened.release();
});
