/**
 * Mixed load for a long time, with a kill -9 every few seconds: nothing is lost, and memory, open files and waiting times
 * at the end are what they were at the beginning. Without a power cut: a kill takes nothing from the disk.
 */
import { statSync } from "node:fs";
import { join } from "node:path";
import { World } from "../tests/support/world.ts";
import type { Violation } from "./model/check.ts";
import type { Run } from "./report.ts";
import { LOAD_CONFIG, Load } from "./rig/load.ts";
import { Observer } from "./rig/observer.ts";
import { Random } from "./rig/random.ts";
import { type Sample, sampleOf } from "./rig/sample.ts";
import { Counter, type Tally } from "./rig/tally.ts";
import { kill, verdict } from "./rig/verdict.ts";

const METHOD = "soak: a kill every few seconds";
const SHORT_MS = 180_000;
const FULL_MS = 1_800_000;
const LIFE_MS_MIN = 2000;
const LIFE_MS_MAX = 6000;
const PAUSE_MS_MAX = 400;
/** The last third may be this many times the first: what grows with every order would be far beyond it. */
const GROWTH_MAX = 1.5;
/** Lives from which on thirds can be compared. */
const LIVES_MIN = 12;

/** Soaks for so long; the tally counts kills. */
export async function soakFor(durationMs: number, seed: number): Promise<Tally> {
  const counter = new Counter(METHOD);
  const random = new Random(seed);
  const world = await World.make({ config: LOAD_CONFIG });
  const effects = join(world.root, "effects");
  const observer = new Observer(world, effects);
  // The host of a command outlives the daemon, so that every order is done.
  const load = new Load({ world, observer, effects, random, interrupted: { ends: ["done"] }, isDurable: true });
  const [samples, droppedMs]: [Sample[], number[]] = [[], []];
  const end = performance.now() + durationMs;
  while (performance.now() < end) {
    const daemon = await world.startDaemon();
    const killAt = performance.now() + LIFE_MS_MIN + random.below(LIFE_MS_MAX - LIFE_MS_MIN);
    while (performance.now() < killAt) {
      load.drop();
      droppedMs.push(Date.now());
      await new Promise((resolve) => setTimeout(resolve, random.below(PAUSE_MS_MAX)));
    }
    samples.push(sampleOf(daemon));
    observer.look();
    await kill(daemon);
    counter.add(`seed ${seed}, life ${samples.length}`, []);
  }
  // Written again, results would say nothing about when they came.
  const found = await verdict(world, observer, { isThorough: false });
  const waits = waitsOf(world, observer, droppedMs);
  counter.add(`seed ${seed}, after all`, [...found, ...growth(samples, waits)]);
  if (found.length === 0) await world.remove();
  return counter.tally(noteOf(samples, waits, observer.drops.length));
}

/** Milliseconds from drop to result, kills in between included, in the order of the drops. */
function waitsOf(world: World, { drops }: Observer, droppedMs: readonly number[]): number[] {
  return drops.flatMap(({ id, lane }, index) => {
    const path = world.path(`bridge/outbox/${lane}/${id}_result.yaml`);
    const info = statSync(path, { throwIfNoEntry: false });
    const waitMs = (info?.mtimeMs ?? 0) - (droppedMs[index] ?? 0);
    // The result of a duplicate is older than its drop.
    return waitMs > 0 ? [waitMs] : [];
  });
}

function growth(samples: readonly Sample[], waits: readonly number[]): Violation[] {
  if (samples.length < LIVES_MIN) return [];
  const figures = {
    "resident MiB": [samples.map(({ residentMiB }) => residentMiB), median],
    "open files": [samples.map(({ openFiles }) => openFiles), median],
    // What grows makes all of them slower; a machine that is busy for a while some.
    "milliseconds to the result, of the fast ones": [waits, p10],
  } as const;
  return Object.entries(figures).flatMap(([what, [values, of]]) => {
    const [first, last] = [of(third(values, 0)), of(third(values, 2))];
    if (last <= GROWTH_MAX * first) return [];
    return [
      { rule: "it stays as it was", message: `${what}: ${first.toFixed(0)} at first, ${last.toFixed(0)} at last` },
    ];
  });
}

function noteOf(samples: readonly Sample[], waits: readonly number[], drops: number): string {
  const thirds = (values: readonly number[], of: (some: readonly number[]) => number) =>
    [0, 1, 2].map((index) => of(third(values, index)).toFixed(0)).join(" / ");
  const resident = samples.map(({ residentMiB }) => residentMiB);
  const open = samples.map(({ openFiles }) => openFiles);
  const kept = `${thirds(resident, median)} MiB resident, ${thirds(open, median)} open files`;
  return `${drops} drops; in thirds: ${kept}, drop to result ${thirds(waits, median)} ms p50, ${thirds(waits, p99)} ms p99 with kills`;
}

function third<T>(values: readonly T[], index: number): readonly T[] {
  const size = values.length / 3;
  return values.slice(Math.floor(index * size), Math.floor((index + 1) * size));
}

const [p10, median, p99] = [quantile(0.1), quantile(0.5), quantile(0.99)];

function quantile(share: number): (values: readonly number[]) => number {
  return (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length * share)] ?? 0;
}

/** Three minutes, or half an hour. */
export async function soak(run: Run): Promise<void> {
  if (run.tried(METHOD) === 0) run.record(await soakFor(run.isFull ? FULL_MS : SHORT_MS, run.seed));
}
