/** What a damaged ledger does to the daemon: a torn end is mended, a gap is a refusal, and a repair runs nothing again. */
import type { ChildProcess } from "node:child_process";
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { systemClock } from "../../src/platform/clock.ts";
import { systemDisk } from "../../src/platform/disk.ts";
import { Files } from "../../src/platform/files.ts";
import { EMPTY_HEAD, type Entry, encode, type Head } from "../../src/records/chain.ts";
import { CHAIN_BEGIN, readChain } from "../../src/records/ledger-reading.ts";
import { valueOf } from "../support/results.ts";
import { asRecord, exited, until, World } from "../support/world.ts";

const appending = (id: string) => ({ wo_id: id, steps: [{ run: `echo ${id} >> effects.txt` }] });

/** Orders that were carried out, one after the other, under a daemon that still runs. */
async function worked(ids: readonly string[]): Promise<{ readonly world: World; readonly daemon: ChildProcess }> {
  const world = await World.make();
  const daemon = await world.startDaemon();
  for (const id of ids) {
    world.drop("CLC", `${id}.json`, appending(id));
    await world.reaches(id, "done");
    await until(() => world.told(id, "wo_settled"), 5000, `${id} is settled`);
  }
  return { world, daemon };
}

async function stop(daemon: ChildProcess): Promise<void> {
  daemon.kill("SIGTERM");
  await exited(daemon);
}

function segments(world: World): string[] {
  const folder = join(world.vault, "ledger");
  const names = readdirSync(folder).filter((name) => name.endsWith(".jsonl"));
  return names.toSorted().map((name) => join(folder, name));
}

/** Changes one byte in the first line of the ledger that holds `text`; its length stays. */
function damage(world: World, text: string): void {
  for (const path of segments(world)) {
    const lines = readFileSync(path, "utf8").split("\n");
    const index = lines.findIndex((line) => line.includes(text));
    if (index === -1) continue;
    lines[index] = (lines[index] ?? "").replace('"ts":"2', '"ts":"3');
    writeFileSync(path, lines.join("\n"));
    return;
  }
  throw new Error(`no line of the ledger holds ${text}`);
}

/** Starts a daemon that answers, but takes nothing. */
async function startRefusing(world: World): Promise<ChildProcess> {
  const daemon = world.spawnDaemon();
  const state = async () => asRecord((await world.ask({ call: "health" })) ?? {})["state"];
  await until(async () => (await state()) === "refused", 10_000, "the daemon refuses and answers");
  return daemon;
}

async function expectNothingRunsAgain(world: World, effects: string): Promise<void> {
  await world.startDaemon();
  world.drop("CLC", "next.json", appending("WO-NEXT"));
  await world.reaches("WO-NEXT", "done");
  expect(world.read("effects.txt")).toBe(`${effects}WO-NEXT\n`);
}

test("half a line at the end is what a crash leaves: it is told of, and work goes on", async () => {
  const { world, daemon } = await worked(["WO-1"]);
  await world.kill(daemon);
  appendFileSync(segments(world).at(-1) ?? "", '{"attempt":1,"event":"wo_comp');
  await expectNothingRunsAgain(world, "WO-1\n");
  expect(world.telemetry().filter(({ event }) => event === "ledger_tail_truncated")).toHaveLength(1);
  expect((await world.wo("ledger", "verify")).code).toBe(0);
});

test("a damaged byte in the last group costs that group only, where no checkpoint has seen it", async () => {
  const { world, daemon } = await worked(["WO-1"]);
  const before = readFileSync(join(world.vault, "checkpoint.json"));
  await stop(daemon);
  rmSync(join(world.vault, "ledger", "index.json"));
  writeFileSync(join(world.vault, "checkpoint.json"), before);
  rmSync(world.path("g"), { recursive: true });
  damage(world, '"event":"daemon_stopped"');
  await expectNothingRunsAgain(world, "WO-1\n");
  expect((await world.wo("ledger", "verify")).code).toBe(0);
});

test("a damaged byte before the last group is refused, can be read, and is repaired without running anything again", async () => {
  const { world, daemon } = await worked(["WO-1", "WO-2"]);
  await world.kill(daemon);
  damage(world, '"event":"wo_completed"');
  const refusing = await startRefusing(world);
  world.drop("CLC", "early.json", appending("WO-EARLY"));
  const status = await world.wo("status");
  expect(status.code).toBe(6);
  expect(status.stdout).toContain("wo ledger repair");
  expect((await world.wo("show", "WO-1")).stdout).toContain("WO-1");
  expect((await world.wo("ledger", "repair", "--apply")).code).toBe(4);
  await stop(refusing);

  expect((await world.wo("ledger", "repair")).stdout).toContain("1 orders would wait for you");
  expect((await world.wo("ledger", "repair", "--apply")).code).toBe(0);
  await world.startDaemon();
  await world.reaches("WO-1", "waiting");
  await world.reaches("WO-EARLY", "waiting");
  expect(world.read("effects.txt")).toBe("WO-1\nWO-2\n");
});

test("a ledger that was written anew with right hashes is refused by its checkpoint, and repaired without running anything again", async () => {
  const { world, daemon } = await worked(["WO-1", "WO-2"]);
  await stop(daemon);
  forget(world, "WO-2");
  const refusing = await startRefusing(world);
  const status = await world.wo("status");
  expect([status.code, status.stdout]).toEqual([6, expect.stringContaining("the ledger cannot be trusted")]);
  const verdict = await world.wo("ledger", "verify");
  expect([verdict.code, verdict.stdout]).toEqual([6, expect.stringContaining("[rewritten]")]);
  await stop(refusing);
  expect((await world.wo("ledger", "repair")).stdout).toContain("wo ledger repair --apply");
  expect((await world.wo("ledger", "repair", "--apply")).code).toBe(0);
  expect((await world.wo("ledger", "verify")).code).toBe(0);
  await expectNothingRunsAgain(world, "WO-1\nWO-2\n");
});

/** Writes the whole ledger anew, as one sound chain that never knew of an order; views and snapshot are gone with it. */
function forget(world: World, id: string): void {
  const entries: Entry[] = [];
  const folder = join(world.vault, "ledger");
  const files = new Files(systemDisk, systemClock);
  valueOf(readChain(files, folder, CHAIN_BEGIN, ({ entry }) => entries.push(entry)));
  let head: Head = EMPTY_HEAD;
  let text = "";
  for (const { v: _v, seq: _seq, group: _group, more: _more, ts, prev: _prev, hash: _hash, ...event } of entries) {
    if ("wo_id" in event && event.wo_id === id) continue;
    const { line, entry } = encode(event, { seq: head.seq + 1, group: head.seq + 1, ts, prev: head.hash });
    text += `${line}\n`;
    head = entry;
  }
  rmSync(folder, { recursive: true });
  rmSync(world.path("g"), { recursive: true });
  mkdirSync(folder, { mode: 0o700 });
  writeFileSync(join(folder, "000001.jsonl"), text, { mode: 0o600 });
}

test("a checkpoint that somebody took away is told of, and made anew", async () => {
  const { world, daemon } = await worked(["WO-1"]);
  await stop(daemon);
  rmSync(join(world.vault, "checkpoint.json"));
  const verdict = await world.wo("ledger", "verify");
  expect([verdict.code, verdict.stdout]).toEqual([0, expect.stringContaining("the ledger's checkpoint is gone")]);
  await expectNothingRunsAgain(world, "WO-1\n");
  await until(() => world.telemetry().some(({ event }) => event === "checkpoint_missing"), 5000, "it is told of");
  expect((await world.wo("ledger", "verify")).stdout).not.toContain("checkpoint");
});

test("a damaged byte behind the snapshot is found by verify, and the line goes on", async () => {
  const { world, daemon } = await worked(["WO-1"]);
  await stop(daemon);
  damage(world, '"event":"wo_completed"');
  await expectNothingRunsAgain(world, "WO-1\n");
  const verdict = await world.wo("ledger", "verify");
  expect(verdict.code).toBe(6);
  expect(verdict.stdout).toContain("damaged_line");
});

test("a vault that was set back behind telemetry is refused, and a repair runs nothing again", async () => {
  const { world, daemon } = await worked(["WO-1"]);
  await stop(daemon);
  const copy = join(world.root, "vault-copy");
  cpSync(world.vault, copy, { recursive: true });
  const later = await world.startDaemon();
  world.drop("CLC", "2.json", appending("WO-2"));
  await world.reaches("WO-2", "done");
  await until(() => world.told("WO-2", "wo_settled"), 5000, "it is settled");
  await stop(later);
  const { vault } = world;
  rmSync(vault, { recursive: true });
  renameSync(copy, vault);

  const refusing = await startRefusing(world);
  expect((await world.wo("status")).stdout).toContain("set back");
  await stop(refusing);
  world.drop("CLC", "2.json", appending("WO-2"));
  expect((await world.wo("ledger", "repair", "--apply")).code).toBe(0);
  await expectNothingRunsAgain(world, "WO-1\nWO-2\n");
  await world.reaches("WO-2", "waiting");
});
