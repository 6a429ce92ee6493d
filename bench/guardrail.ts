/** What the guardrail costs with 10,000 components that nobody touches: a look at all of them, and an hour of looking. */
import { lstatSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "../src/platform/clock.ts";
import { systemDisk } from "../src/platform/disk.ts";
import { Files } from "../src/platform/files.ts";
import { readBooks } from "../src/records/books.ts";
import { Vault } from "../src/records/vault.ts";
import { ComponentCheck } from "../src/upkeep/component-check.ts";
import { BenchBase } from "./bench-base.ts";
import { bounded, percentile, type Row, report, timeEach } from "./measure.ts";

const COMPONENTS = 10_000;
const FOLDERS = 100;
const PERIOD_MS = 300_000;
const WATCHED_MS = 60_000;
/** Younger files are hashed each time. */
const YOUNG_MS = 2500;
const PATHS = Array.from({ length: COMPONENTS }, (_, index) => `parts/${index % FOLDERS}/${index}.txt`);

/** True when every number was reached. */
export async function benchGuardrail(): Promise<boolean> {
  const bench = new BenchBase("version: 1\nguardrail: {components: ['parts/**/*.txt']}\n");
  for (let index = 0; index < FOLDERS; index += 1) mkdirSync(join(bench.base, `parts/${index}`), { recursive: true });
  for (const path of PATHS) writeFileSync(join(bench.base, path), `${path}\n`.repeat(30));
  bench.wo("guardrail", "accept");
  await sleep(YOUNG_MS);
  const { rows, cpuMs } = await looks(bench);
  const hour = await anHour(bench, cpuMs);
  await bench.end();
  return report(`guardrail: ${COMPONENTS} components (nothing is written: nothing is durable)`, [...rows, hour]);
}

/** In this process: cold, then warm beside as many bare lstats; each look has to find the one that is bent, and only that. */
async function looks(bench: BenchBase): Promise<{ readonly rows: readonly Row[]; readonly cpuMs: number }> {
  const files = new Files(systemDisk, systemClock);
  const read = readBooks(files, new Vault(files, bench.vault));
  if (!read.ok) throw read.error.error;
  const guarded = read.value.index.facts.components?.guarded ?? {};
  const wanted = new Map(Object.entries(guarded).map(([path, fingerprint]) => [path, { fingerprint }]));
  if (wanted.size !== COMPONENTS) throw new Error(`${wanted.size} components are guarded`);
  const check = new ComponentCheck(files, systemClock, { path: bench.base, home: bench.root });
  const look = async () => {
    const found = await check.look(wanted);
    if (found.length > 0) throw new Error(`${found[0]?.path} is found: ${found[0]?.reason}`);
  };
  const [cold = Number.NaN] = await timeEach(1, look);
  const before = process.cpuUsage();
  const warm = await timeEach(11, look);
  const { user, system } = process.cpuUsage(before);
  const floor = await timeEach(11, () => {
    for (const path of PATHS) lstatSync(join(bench.base, path));
  });
  const bent = join(bench.base, PATHS[4711] ?? "");
  writeFileSync(bent, "bent");
  const found = await check.look(wanted);
  if (found.length !== 1 || found[0]?.reason !== "content_changed") throw new Error("the bent one is not found");
  writeFileSync(bent, `${PATHS[4711]}\n`.repeat(30));
  const [ours, bare] = [percentile(warm, 0.5), percentile(floor, 0.5)];
  const rows = [
    bounded("a first look, all hashed", cold, 5000, "ms"),
    {
      ...bounded("a look at all, unchanged, median of 11", ours, 150, "ms"),
      floor: `${bare.toFixed(2)} ms`,
      ratio: `${(ours / bare).toFixed(2)}×`,
    },
  ];
  return { rows, cpuMs: (user + system) / 1000 / 11 };
}

/** What a daemon that guards them uses more than one that guards nothing, between two looks; and its share of a look. */
async function anHour(bench: BenchBase, lookCpuMs: number): Promise<Row> {
  const bare = new BenchBase();
  const share = async (one: BenchBase) => {
    await one.start();
    await sleep(15_000);
    // Of the look that each period has its share is added: none may fall into the time that is watched.
    const left = PERIOD_MS - (Date.now() % PERIOD_MS);
    if (left < WATCHED_MS + 5000) await sleep(left + 15_000);
    const [before, start] = [one.cpuMs(), performance.now()];
    await sleep(WATCHED_MS);
    const used = (100 * (one.cpuMs() - before)) / (performance.now() - start);
    await one.kill("SIGTERM");
    return used;
  };
  const [ours, none] = [await share(bench), await share(bare)];
  await bare.end();
  const perLook = (100 * lookCpuMs) / PERIOD_MS;
  const row = bounded("an hour of looking: share of one core", Math.max(0, ours - none) + perLook, 0.2, "%");
  return { ...row, floor: `${none.toFixed(2)} % idle` };
}
