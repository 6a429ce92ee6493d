/** Issue A's numbers: what the line costs over what the disk costs. All durable; every order is counted as done. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { BenchBase, type Drop } from "./bench-base.ts";
import { Floors, waitForQuiet } from "./floors.ts";
import { atLeast, atMost, percentile, type Row, report, timeEach } from "./measure.ts";
import { benchHistory, benchIdle, benchKill, benchLedger } from "./scale.ts";

const SERIAL = 300;
const BURST = 2000;
const BURST_ROUNDS = 9;
const LANES = 16;
const WARM_UP = 3000;

const parts: Readonly<Record<string, () => Promise<readonly Row[]>>> = {
  serial: benchSerial,
  burst: benchBurst,
  command: benchCommand,
  kill: benchKill,
  ledger: benchLedger,
  history: benchHistory,
  idle: benchIdle,
};

/** Runs the parts that are asked for, or all; true when every number was reached. */
export async function benchLine(wanted: readonly string[]): Promise<boolean> {
  let reached = true;
  for (const [name, run] of Object.entries(parts)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    reached = report(`line: ${name} (durable)`, await run()) && reached;
  }
  return reached;
}

async function benchSerial(): Promise<readonly Row[]> {
  const bench = new BenchBase();
  const floors = new Floors(join(bench.root, "floor"));
  mkdirSync(join(bench.base, "bridge/outbox/CLC"), { recursive: true });
  await waitForQuiet(bench.root);
  await bench.start();
  const one = async (index: number) => {
    bench.drop("CLC", `S${index}`, BenchBase.order(`S${index}`));
    await bench.result("CLC", `S${index}`);
  };
  await warmUp(bench, ["CLC"]);
  const [ours, bare]: [number[], number[]] = [[], []];
  // In turns, so that a noisy moment meets both.
  for (let round = 0; round < 10; round += 1) {
    bare.push(...(await timeEach(SERIAL / 10, () => floors.sequence())));
    ours.push(...(await timeEach(SERIAL / 10, (index) => one(round * 1000 + index))));
  }
  await until(() => bench.countDone() === SERIAL + WARM_UP);
  const done = bench.countDone();
  if (done !== SERIAL + WARM_UP) throw new Error(`${done} of ${SERIAL + WARM_UP} orders are done`);
  floors.close();
  await bench.end();
  return [
    atMost("drop → result, one at a time, p50", percentile(ours, 0.5), percentile(bare, 0.5), 3),
    atMost("drop → result, one at a time, p99", percentile(ours, 0.99), percentile(bare, 0.99), 10),
  ];
}

async function benchBurst(): Promise<readonly Row[]> {
  const bench = new BenchBase(`concurrency: ${LANES}\n`);
  const floors = new Floors(join(bench.root, "floor"));
  const lanes = Array.from({ length: LANES }, (_, index) => `L${index}`);
  for (const lane of lanes)
    for (const folder of ["inbox", "outbox"]) mkdirSync(join(bench.base, "bridge", folder, lane), { recursive: true });
  await bench.start();
  await warmUp(bench, lanes);
  const used = ["out", "g/followup/state", ...lanes.map((lane) => `bridge/outbox/${lane}`)];
  await waitForQuiet(join(bench.root, "floor"), ...used.map((folder) => join(bench.base, folder)));
  const [ours, bare]: [number[], number[]] = [[], []];
  for (let round = 0; round < BURST_ROUNDS; round += 1) {
    bare.push(await floors.replaceRate(1000, LANES));
    ours.push(await burst(bench, lanes, `B${round}`));
    // Its views are on the disk before the floor is measured again.
    await until(() => bench.countDone() === WARM_UP + (round + 1) * BURST);
  }
  bare.push(await floors.replaceRate(1000, LANES));
  const done = bench.countDone();
  if (done !== BURST_ROUNDS * BURST + WARM_UP) throw new Error(`${done} orders are done`);
  floors.close();
  await bench.end();
  return [atLeast(`${BURST} orders over ${LANES} lanes`, percentile(ours, 0.5), percentile(bare, 0.5), 0.25)];
}

/** Orders per second, from the first drop to the last result. What writes the orders and reads their results is no part of the line. */
async function burst(bench: BenchBase, lanes: readonly string[], prefix: string): Promise<number> {
  const drops = dropsOver(lanes, BURST, `${prefix}-`);
  for (const { id, lane } of drops) bench.lay(lane, id, BenchBase.order(id));
  const start = performance.now();
  for (const { id, lane } of drops) bench.handIn(lane, id);
  await bench.results(drops);
  const seconds = (performance.now() - start) / 1000;
  bench.expectAllDone(drops);
  return BURST / seconds;
}

/** A daemon lives for weeks: it is measured as it is after its first thousands of orders. */
async function warmUp(bench: BenchBase, lanes: readonly string[]): Promise<void> {
  const orders = dropsOver(lanes, WARM_UP, "W");
  for (const { id, lane } of orders) bench.drop(lane, id, BenchBase.order(id));
  for (const { id, lane } of orders) await bench.result(lane, id);
}

/** So many orders, in turns over the lanes. */
function dropsOver(lanes: readonly string[], count: number, prefix: string): readonly Drop[] {
  return Array.from({ length: count }, (_, index) => ({
    id: `${prefix}${index}`,
    lane: lanes[index % lanes.length] ?? "",
  }));
}

/** Views come a moment after the result. */
async function until(holds: () => boolean): Promise<void> {
  for (let tries = 0; !holds() && tries < 50; tries += 1) await new Promise((resolve) => setTimeout(resolve, 100));
}

async function benchCommand(): Promise<readonly Row[]> {
  const bench = new BenchBase("lanes: {CLC: {sandbox: off}}\n");
  const floors = new Floors(join(bench.root, "floor"));
  mkdirSync(join(bench.base, "bridge/outbox/CLC"), { recursive: true });
  await waitForQuiet(bench.root);
  await bench.start();
  const one = async (index: number) => {
    bench.drop("CLC", `C${index}`, { wo_id: `C${index}`, steps: [{ name: "true", run: "true" }] });
    await bench.result("CLC", `C${index}`);
  };
  await warmUp(bench, ["CLC"]);
  await timeEach(20, (index) => one(100_000 + index));
  const [ours, bare]: [number[], number[]] = [[], []];
  for (let round = 0; round < 10; round += 1) {
    bare.push(
      ...(await timeEach(15, async () => {
        await floors.spawn(["bash", "-c", "true"]);
        for (let index = 0; index < 3; index += 1) await floors.append();
      })),
    );
    ours.push(...(await timeEach(15, (index) => one(round * 1000 + index))));
  }
  await until(() => bench.countDone() === 170 + WARM_UP);
  const done = bench.countDone();
  if (done !== 170 + WARM_UP) throw new Error(`${done} of ${170 + WARM_UP} orders are done`);
  floors.close();
  await bench.end();
  return [atMost("an order with one command, p50", percentile(ours, 0.5), percentile(bare, 0.5), 3)];
}
