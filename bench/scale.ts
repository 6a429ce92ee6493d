/** Issue A's numbers that grow: a long ledger, a long history, many appends at once, and nothing to do. */
import { mkdirSync, readdirSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../src/platform/clock.ts";
import { systemDisk } from "../src/platform/disk.ts";
import { Files } from "../src/platform/files.ts";
import { Ledger } from "../src/records/ledger.ts";
import { CHAIN_BEGIN, readChain } from "../src/records/ledger-reading.ts";
import { BenchBase } from "./bench-base.ts";
import { Floors, waitForQuiet } from "./floors.ts";
import { ENTRIES_PER_ORDER, writeHistory } from "./history.ts";
import { atLeast, atMost, bounded, percentile, type Row, timeEach } from "./measure.ts";

const HISTORY = 100_000;
const GROUPS = 1000;
const WARM_UP = 300;
const APPENDS_AT_ONCE = 64;
const IDLE_MS = 30_000;
const SAMPLES = 200;

/** 64 appends at once are one write and one sync: against the same bytes written and synced bare. */
export async function benchLedger(): Promise<readonly Row[]> {
  const bench = new BenchBase();
  const folder = join(bench.root, "ledger");
  mkdirSync(folder);
  const floors = new Floors(join(bench.root, "floor"));
  const files = new Files(systemDisk, systemClock);
  const end = readChain(files, folder, CHAIN_BEGIN, () => undefined);
  if (!end.ok) throw new Error("an empty ledger is sound");
  let committed = 0;
  const onFatal = (error: unknown): never => {
    throw error;
  };
  const onCommit = (recorded: readonly unknown[]) => {
    committed += recorded.length;
  };
  const ledger = await Ledger.continue(
    { files, clock: systemClock, folder, onCommit, onFatal, onFull: () => false },
    end.value,
  );
  // Made before the clock runs: whoever appends has made its events already.
  const events = Array.from({ length: APPENDS_AT_ONCE }, (_, index) => [
    { event: "wo_settled" as const, lane: "CLC", to: "bridge/processed/CLC/202611/order.json", wo_id: `WO-${index}` },
  ]);
  const group = () => Promise.all(events.map((one) => ledger.append(one)));
  // As it is in a daemon that has lived for a while.
  await timeEach(WARM_UP, async () => void (await group()));
  const before = segmentBytes(folder);
  await group();
  const lineBytes = Math.round((segmentBytes(folder) - before) / APPENDS_AT_ONCE);
  const [ours, bare]: [number[], number[]] = [[], []];
  for (let round = 0; round < 10; round += 1) {
    ours.push(...(await timeEach(GROUPS / 10, async () => void (await group()))));
    bare.push(...(await timeEach(GROUPS / 10, () => floors.group(APPENDS_AT_ONCE, lineBytes))));
  }
  await ledger.close();
  if (committed !== (GROUPS + WARM_UP + 1) * APPENDS_AT_ONCE) throw new Error(`${committed} entries were committed`);
  floors.close();
  await bench.end();
  const rateOf = (samples: readonly number[]) => APPENDS_AT_ONCE / (percentile(samples, 0.5) / 1000);
  return [
    atLeast(`${APPENDS_AT_ONCE} appends at once, records of ${lineBytes} bytes`, rateOf(ours), rateOf(bare), 0.6),
  ];
}

/** kill -9 in the middle of a lane's queue, with 100,000 entries behind it. */
export async function benchKill(): Promise<readonly Row[]> {
  const bench = new BenchBase();
  await writeHistory({ home: bench.root, base: bench.base }, Math.ceil(100_000 / ENTRIES_PER_ORDER));
  mkdirSync(join(bench.base, "bridge/outbox/CLC"), { recursive: true });
  const times: number[] = [];
  for (let round = 0; round < 5; round += 1) {
    await bench.start();
    const ids = Array.from({ length: 200 }, (_, index) => `K${round}-${index}`);
    for (const id of ids) bench.drop("CLC", id, BenchBase.order(id));
    await until(() => results(bench, `K${round}-`) >= 20);
    await bench.kill();
    const before = results(bench, `K${round}-`);
    const start = performance.now();
    const started = bench.start();
    await until(() => results(bench, `K${round}-`) > before);
    times.push(performance.now() - start);
    await started;
    for (const id of ids) await bench.result("CLC", id);
    await bench.kill("SIGTERM");
  }
  await bench.end();
  return [bounded("kill -9 → first resumed order is done, median of 5", percentile(times, 0.5), 1000, "ms")];
}

/** 100,000 orders behind it, against an empty base in the same run. */
export async function benchHistory(): Promise<readonly Row[]> {
  const [empty, full] = [new BenchBase(), new BenchBase()];
  for (const { base } of [empty, full]) mkdirSync(join(base, "bridge/outbox/CLC"), { recursive: true });
  await writeHistory({ home: full.root, base: full.base }, HISTORY);
  const firstStart = performance.now();
  await full.start();
  await until(() => states(full) >= HISTORY, 120_000);
  const rebuildRate = HISTORY / ((performance.now() - firstStart) / 1000);
  await full.kill("SIGTERM");
  const starts: number[] = [];
  for (let round = 0; round < 5; round += 1) {
    starts.push(await full.start());
    await full.kill("SIGTERM");
  }
  await waitForQuiet(full.root);
  await Promise.all([empty.start(), full.start()]);
  const [ours, bare]: [number[], number[]] = [[], []];
  const one = async (bench: BenchBase, id: string) => {
    bench.drop("CLC", id, BenchBase.order(id));
    await bench.result("CLC", id);
  };
  for (let round = 0; round < 10; round += 1) {
    bare.push(...(await timeEach(SAMPLES / 10, (index) => one(empty, `E${round}-${index}`))));
    ours.push(...(await timeEach(SAMPLES / 10, (index) => one(full, `F${round}-${index}`))));
  }
  // Its content check of all state files goes on in the background meanwhile.
  const memory = full.residentMiB();
  // In one step: what is removed file by file would come back meanwhile.
  renameSync(join(full.base, "g"), join(full.root, "wiped"));
  const wiped = performance.now();
  await until(() => states(full) >= HISTORY + SAMPLES, 120_000);
  const wipeRate = HISTORY / ((performance.now() - wiped) / 1000);
  await Promise.all([empty.end(), full.end()]);
  return [
    bounded("100,000 orders: start to ready, median of 5", percentile(starts, 0.5), 1500, "ms"),
    bounded("100,000 orders: resident memory", memory, 250, "MiB"),
    atMost("100,000 orders: drop → result, p50, to an empty base", percentile(ours, 0.5), percentile(bare, 0.5), 1.2),
    atLeastRate("state files written at the first start", rebuildRate, 3000),
    atLeastRate("state files written again after a wipe", wipeRate, 3000),
  ];
}

/** A daemon with nothing to do, after a few orders. */
export async function benchIdle(): Promise<readonly Row[]> {
  const bench = new BenchBase();
  mkdirSync(join(bench.base, "bridge/outbox/CLC"), { recursive: true });
  await bench.start();
  for (let index = 0; index < 20; index += 1) {
    bench.drop("CLC", `I${index}`, BenchBase.order(`I${index}`));
    await bench.result("CLC", `I${index}`);
  }
  await sleep(10_000);
  const before = bench.cpuMs();
  const start = performance.now();
  await sleep(IDLE_MS);
  const share = (100 * (bench.cpuMs() - before)) / (performance.now() - start);
  const memory = bench.residentMiB();
  await bench.end();
  return [bounded("idle: share of one core", share, 0.5, "%"), bounded("idle: resident memory", memory, 120, "MiB")];
}

function segmentBytes(folder: string): number {
  return readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
}

function atLeastRate(what: string, rate: number, least: number): Row {
  const reached = rate >= least;
  return { what, ours: `${rate.toFixed(0)}/s`, floor: "–", ratio: "–", wanted: `≥ ${least}/s`, reached };
}

function results(bench: BenchBase, prefix: string): number {
  const names = readdirSync(join(bench.base, "bridge/outbox/CLC"));
  return names.filter((name) => name.startsWith(prefix) && name.endsWith("_result.yaml")).length;
}

function states(bench: BenchBase): number {
  try {
    return readdirSync(join(bench.base, "g/followup/state")).filter((name) => name.endsWith(".json")).length;
  } catch {
    // Wiped, and not made again yet.
    return 0;
  }
}

function sleep(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}

async function until(holds: () => boolean, timeoutMs = 30_000): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!holds()) {
    if (performance.now() > end) throw new Error("what was waited for did not come");
    await sleep(timeoutMs > 60_000 ? 100 : 2);
  }
}
