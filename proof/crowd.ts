/**
 * More than anybody will ever drop: thousands of orders in one moment over 200 lanes, on top of a long history, while 50
 * producers write theirs slowly and out of order, and a kill -9 now and then.
 */
import { closeSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { writeHistory } from "../bench/history.ts";
import { asRecord, until, World } from "../tests/support/world.ts";
import type { Run } from "./report.ts";
import { Observer } from "./rig/observer.ts";
import { commanding, filing, type Order } from "./rig/orders.ts";
import { Random } from "./rig/random.ts";
import { type Sample, sampleOf } from "./rig/sample.ts";
import { Counter, type Tally } from "./rig/tally.ts";
import { hasEnded, kill, verdict } from "./rig/verdict.ts";

const LANES = Array.from({ length: 200 }, (_, index) => `L${String(index).padStart(3, "0")}`);
const PRODUCERS = 50;
const ORDERS_EACH = 4;
const PIECES = 6;
const PIECE_PAUSE_MS = 300;
/** Of those in one moment, so many are at rest when the daemon is killed. */
const KILLS_AT = [0.2, 0.5, 0.8];
/** A slow producer is not given up while it writes. */
const CONFIG = [
  "intake: {settleMs: 100, giveUpMs: 20000, rescanMs: 1000}",
  "lanes:",
  ...LANES.map((lane) => `  ${lane}: {sandbox: off}`),
  "",
].join("\n");
const PATIENCE = { restMs: 900_000, viewsMs: 900_000 };
const LOOK_MS = 200;
/** What a daemon may take: the limit for a long history, and what thousands of open orders need on top. */
const RESIDENT_MIB_MAX = 600;
const OPEN_FILES_MAX = 300;

/** How much of it. */
interface Size {
  /** Orders dropped in one moment. */
  readonly burst: number;
  /** Orders that the base has seen before. */
  readonly history: number;
}

const SIZES: Readonly<Record<"short" | "full", Size>> = {
  short: { burst: 1000, history: 1000 },
  full: { burst: 10_000, history: 100_000 },
};

/** Drops it all, kills, waits for rest, and looks; the tally counts kills. */
export async function crowdOf({ burst, history }: Size, seed: number): Promise<Tally> {
  const counter = new Counter(methodOf({ burst, history }));
  const random = new Random(seed);
  const world = await World.make({ config: CONFIG });
  const observer = new Observer(world, join(world.root, "effects"));
  await writeHistory({ home: world.home, base: world.base }, history);
  // Its views, which the orders themselves would have left.
  await world.wo("rebuild");
  for (const lane of LANES) mkdirSync(world.path(`bridge/inbox/${lane}`), { recursive: true });
  const release = prepare(world, observer, burst);
  const started = performance.now();
  let daemon = await world.startDaemon();
  release();
  const producing = Array.from({ length: PRODUCERS }, (_, index) => produce(world, observer, random, index));
  const samples: Sample[] = [];
  for (const share of KILLS_AT) {
    const isReached = async () => hasEnded(daemon) || (await restingIn(world)) >= history + share * burst;
    await until(() => pause(LOOK_MS).then(isReached), PATIENCE.restMs, `${share} of them are at rest`);
    samples.push(sampleOf(daemon));
    await kill(daemon);
    daemon = await world.startDaemon();
    counter.add(`seed ${seed}, killed at ${share}`, []);
  }
  await Promise.all(producing);
  const isOver = async () => hasEnded(daemon) || (await restingIn(world)) >= history + observer.drops.length;
  await until(() => pause(LOOK_MS).then(isOver), PATIENCE.restMs, "all are at rest");
  const seconds = Math.round((performance.now() - started) / 1000);
  samples.push(sampleOf(daemon));
  await world.kill(daemon, "SIGTERM");
  const found = await verdict(world, observer, { isThorough: false, patience: PATIENCE });
  counter.add(`seed ${seed}, after all`, [...found, ...beyond(samples)]);
  if (found.length === 0) await world.remove();
  const [resident, open] = [samples.map((one) => one.residentMiB), samples.map((one) => one.openFiles)];
  return counter.tally(
    `${observer.drops.length} orders at rest ${seconds} s after the start, kills included; ${Math.round(Math.max(...resident))} MiB resident and ${Math.max(...open)} open files at most`,
  );
}

function methodOf({ burst, history }: Size): string {
  return `crowd: ${burst} orders at once, 200 lanes, ${PRODUCERS} slow producers, ${history} orders before`;
}

/** Writes them beside the inbox; what it returns lets all of them in. */
function prepare(world: World, observer: Observer, burst: number): () => void {
  const aside = join(world.base, ".coming");
  const orders = Array.from({ length: burst }, (_, index) => orderFor(world, `WO-${index}`, index));
  mkdirSync(aside, { recursive: true });
  for (const { drop } of orders) writeFileSync(join(aside, drop.name), drop.text);
  return () => {
    for (const { drop } of orders) {
      renameSync(join(aside, drop.name), world.path(`bridge/inbox/${drop.lane}/${drop.name}`));
      observer.drops.push(drop);
    }
    rmSync(aside, { recursive: true });
  };
}

/** Mostly files; each twentieth a command. */
function orderFor(world: World, id: string, index: number): Order {
  const place = { id, lane: LANES[index % LANES.length] ?? "", effects: join(world.root, "effects") };
  return index % 20 === 19 ? commanding(place) : filing(place);
}

/** Writes a few orders, one after the other, each in pieces in any order: what is not written yet reads as zeros. */
async function produce(world: World, observer: Observer, random: Random, index: number): Promise<void> {
  for (let count = 0; count < ORDERS_EACH; count += 1) {
    const { drop } = orderFor(world, `WO-P${index}-${count}`, index * ORDERS_EACH + count);
    const path = world.path(`bridge/inbox/${drop.lane}/${drop.name}`);
    mkdirSync(dirname(path), { recursive: true });
    const bytes = Buffer.from(drop.text);
    const size = Math.ceil(bytes.length / PIECES);
    const starts = Array.from({ length: PIECES }, (_, piece) => piece * size);
    const file = openSync(path, "wx");
    for (const start of shuffled(starts, random)) {
      writeSync(file, bytes.subarray(start, start + size), 0, Math.min(size, bytes.length - start), start);
      await pause(random.below(PIECE_PAUSE_MS));
    }
    closeSync(file);
    observer.drops.push(drop);
  }
}

function shuffled<T>(all: readonly T[], random: Random): T[] {
  return all
    .map((one) => ({ one, lot: random.next() }))
    .toSorted((a, b) => a.lot - b.lot)
    .map(({ one }) => one);
}

async function restingIn(world: World): Promise<number> {
  const counts = asRecord(asRecord((await world.ask({ call: "status" })) ?? {})["counts"] ?? {});
  return ["done", "failed", "canceled"].reduce((sum, status) => sum + Number(counts[status] ?? 0), 0);
}

function beyond(samples: readonly Sample[]): { readonly rule: string; readonly message: string }[] {
  const rule = "it stays within what it may take";
  return samples.flatMap(({ residentMiB, openFiles }) => [
    ...(residentMiB > RESIDENT_MIB_MAX ? [{ rule, message: `${residentMiB.toFixed(0)} MiB resident` }] : []),
    ...(openFiles > OPEN_FILES_MAX ? [{ rule, message: `${openFiles} open files` }] : []),
  ]);
}

/** A tenth of it, or all. */
export async function crowd(run: Run): Promise<void> {
  const size = SIZES[run.isFull ? "full" : "short"];
  if (run.tried(methodOf(size)) === 0) run.record(await crowdOf(size, run.seed));
}
