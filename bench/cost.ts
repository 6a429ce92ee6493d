/** What an order costs against what lies behind it, against its size, and against how many lanes work at once. */
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { BenchBase } from "./bench-base.ts";
import { writeHistory } from "./history.ts";
import { timeEach } from "./measure.ts";
import { COST_HEADING, conditions, load, pause, told, writePart } from "./peer-kit.ts";

const SAMPLES = 100;
const BURST = 1000;
const KIB = 1024;

/** Measures all of it and writes its part of docs/performance.md. */
export async function benchCost(): Promise<boolean> {
  const before = load();
  const history = await rowsOf([100, 10_000, 100_000], (orders) => oneByOne({ orders, sizeBytes: KIB }));
  const size = await rowsOf([KIB, 64 * KIB, 1024 * KIB], (sizeBytes) => oneByOne({ orders: 0, sizeBytes }));
  const lanes = await rowsOf([1, 4, 16, 64], atOnce);
  const part = `${COST_HEADING}

${conditions(before)}

| orders behind it | latency p50 / p95 / p99 ms |
| --- | --- |
${history}

| bytes that the order writes | latency p50 / p95 / p99 ms |
| --- | --- |
${size}

| lanes, and \`concurrency\` | orders/s of ${BURST} dropped at once |
| --- | --- |
${lanes}
`;
  writePart((page) => `${page.split(COST_HEADING)[0] ?? ""}${part}`);
  return true;
}

async function rowsOf(values: readonly number[], measure: (value: number) => Promise<string>): Promise<string> {
  const rows: string[] = [];
  for (const value of values) {
    rows.push(`| ${value.toLocaleString("en")} | ${await measure(value)} |`);
    process.stdout.write(`${rows.at(-1) ?? ""}\n`);
  }
  return rows.join("\n");
}

async function oneByOne({
  orders,
  sizeBytes,
}: {
  readonly orders: number;
  readonly sizeBytes: number;
}): Promise<string> {
  const bench = new BenchBase();
  mkdirSync(join(bench.base, "bridge/outbox/CLC"), { recursive: true });
  if (orders > 0) await writeHistory({ home: bench.root, base: bench.base }, orders);
  await bench.start();
  // At the first start each order behind it gets its state file: that is not what an order costs.
  while (states(bench) < orders) await pause(500);
  const one = async (id: string) => {
    bench.drop("CLC", id, { wo_id: id, files: [{ path: `out/${id}.txt`, content: "z".repeat(sizeBytes) }] });
    await bench.result("CLC", id);
  };
  await timeEach(SAMPLES, (index) => one(`W${index}`));
  const times = await timeEach(SAMPLES, (index) => one(`S${index}`));
  await bench.end();
  return told(times);
}

function states({ base }: BenchBase): number {
  const folder = join(base, "g/followup/state");
  return existsSync(folder) ? readdirSync(folder).length : 0;
}

async function atOnce(count: number): Promise<string> {
  const bench = new BenchBase(`concurrency: ${count}\n`);
  const lanes = Array.from({ length: count }, (_, index) => `L${index}`);
  for (const lane of lanes)
    for (const folder of ["inbox", "outbox"]) mkdirSync(join(bench.base, "bridge", folder, lane), { recursive: true });
  await bench.start();
  const orders = Array.from({ length: BURST }, (_, index) => ({ id: `B${index}`, lane: lanes[index % count] ?? "" }));
  const start = performance.now();
  for (const { id, lane } of orders) bench.drop(lane, id, BenchBase.order(id));
  for (const { id, lane } of orders) await bench.result(lane, id);
  const rate = BURST / ((performance.now() - start) / 1000);
  await bench.end();
  return rate.toFixed(0);
}
