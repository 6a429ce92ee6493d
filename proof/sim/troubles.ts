/** What goes wrong in a history, and when: the seed decides. */

import type { Random } from "../rig/random.ts";
import { BASE, type SimulatedMachine } from "./machine.ts";
import type { LiveDrop } from "./orders.ts";
import type { Scheduler } from "./scheduler.ts";

/** A history, as trouble sees it. */
export interface World {
  readonly random: Random;
  readonly scheduler: Scheduler;
  readonly machine: SimulatedMachine;
  /** Dropped so far. */
  readonly drops: readonly LiveDrop[];
  tell(what: string): void;
  /** What an outsider can read now, and will remember. */
  witness(): void;
  /** The process dies: at once, or in the middle of that call of the disk, counted from now. */
  kill(calls?: number): void;
  cutPower(): void;
  /** The wall clock goes on from there, later or earlier than it was. */
  setClock(offsetMs: number): void;
  stop(): Promise<void>;
}

const CALLS_MAX = 60;
const WINDOW_MS = 3000;
const HOUR_MS = 3_600_000;

const TROUBLES: readonly [(world: World) => void, ...((world: World) => void)[]] = [
  kill,
  killWithin,
  killWithin,
  cutPower,
  cutPower,
  stop,
  wipe,
  fillDisk,
  refuseOpens,
  failSync,
  jump,
  ask,
  ask,
];

/** Lets so many of them happen within `durationMs`. */
export function planTroubles(world: World, count: number, durationMs: number): void {
  const { random, scheduler } = world;
  for (let index = 0; index < count; index += 1) {
    const happen = random.pick(TROUBLES);
    scheduler.after(random.next() * durationMs, () => {
      world.witness();
      world.tell(happen.name === "" ? "trouble" : happen.name);
      happen(world);
    });
  }
}

function kill(world: World): void {
  world.kill();
}

function killWithin(world: World): void {
  world.kill(world.random.between(1, CALLS_MAX));
}

function cutPower(world: World): void {
  world.cutPower();
}

function stop(world: World): void {
  void world.stop();
}

/** As `git clean -fdx`: everything in the base goes, while the daemon works. */
function wipe({ machine, drops }: World): void {
  for (const drop of drops) {
    drop.isWiped = true;
    drop.ends = [...drop.ends, "failed"];
  }
  for (const { name } of machine.disk.list(BASE)) machine.disk.removeTree(`${BASE}/${name}`);
}

/** The disk takes little more for a while. */
function fillDisk({ machine, scheduler, random }: World): void {
  const { disk } = machine;
  disk.trouble.capacityBytes = disk.usedBytes + random.between(0, 2000);
  scheduler.after(random.next() * WINDOW_MS, () => {
    disk.trouble.capacityBytes = Number.POSITIVE_INFINITY;
  });
}

function refuseOpens({ machine, scheduler, random }: World): void {
  machine.disk.trouble.refusedOpens = random.next();
  scheduler.after(random.next() * WINDOW_MS, () => {
    machine.disk.trouble.refusedOpens = 0;
  });
}

function failSync({ machine }: World): void {
  machine.disk.trouble.failingSyncs = 1;
}

/** The wall clock is set, or the machine slept. */
function jump(world: World): void {
  world.setClock((world.random.next() * 2 - 1) * HOUR_MS);
}

/** A person asks for something. */
function ask({ machine, random, drops }: World): void {
  const drop = drops[random.between(0, Math.max(0, drops.length - 1))];
  if (drop === undefined) return;
  const ids = [drop.id];
  const call = random.pick(["cancel", "retry", "rebuild"]);
  if (call === "cancel" && !drop.ends.includes("rejected")) {
    drop.ends = [...drop.ends, "canceled"];
    machine.ask({ call, ids, by: "person", reason: "asked" });
  } else if (call === "retry") {
    if (drop.effects !== undefined) drop.repeats = true;
    machine.ask({ call, ids, by: "person" });
  } else if (call === "rebuild") machine.ask({ call });
}
