/**
 * A disk that refuses: syncs that fail, folders that cannot be synced, no room, and a file system that goes read-only under
 * load. The daemon has to stop or to wait, to say why, and to go on by itself once the disk works again. Root only.
 */
import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { fillDisk } from "../tests/support/fill-disk.ts";
import { until, World } from "../tests/support/world.ts";
import type { Violation } from "./model/check.ts";
import type { Run } from "./report.ts";
import { LOAD_CONFIG, LOST_END, Load } from "./rig/load.ts";
import { Medium } from "./rig/medium.ts";
import { Observer } from "./rig/observer.ts";
import { Random } from "./rig/random.ts";
import { Counter, type Tally } from "./rig/tally.ts";
import { hasEnded, restOf, verdict } from "./rig/verdict.ts";

const DISK_FAILED = 74;
const LOAD_MS = 1500;
const SHORT_EACH = 3;
const FULL_EACH = 50;
const SYNCS = "fsync,fdatasync";
/** Calls of the daemon's start; those behind them are of its work. */
const NTH_MAX = 60;

/** A daemon at work on a small file system of its own. */
interface Scene {
  readonly medium: Medium;
  readonly world: World;
  readonly observer: Observer;
  readonly load: Load;
  readonly random: Random;
}

/** What is done to it; what was said wrongly, or not at all. Undefined: it was through before its fault came. */
type Fault = (scene: Scene) => Promise<readonly Violation[] | undefined>;

/** By name. */
export const FAULTS: Readonly<Record<string, Fault>> = {
  "a sync fails (EIO)": (scene) => refused(scene, "EIO"),
  "a sync is not supported (EINVAL)": (scene) => refused(scene, "EINVAL"),
  "the disk is full": full,
  "the file system goes read-only": readOnly,
};

/** One sync of the daemon's, or of its runner host's, is refused: it ends with exit code 74, and says what the disk did not keep. */
async function refused({ world, load, random }: Scene, errno: string): Promise<readonly Violation[] | undefined> {
  const nth = 1 + random.below(NTH_MAX);
  const inject = `inject=${SYNCS}:error=${errno}:when=${nth}+`;
  const under = ["strace", "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null", "-e", `trace=${SYNCS}`, "-e", inject];
  const daemon = world.spawnDaemon({ under, env: { UV_THREADPOOL_SIZE: "1" } });
  await workFor(load, LOAD_MS, () => hasEnded(daemon));
  await until(() => hasEnded(daemon), 10_000, "it gives up").catch(() => undefined);
  if (!hasEnded(daemon)) await world.kill(daemon);
  world.killEverything();
  if (daemon.signalCode !== null) return undefined;
  const isTold = world.said.includes("the disk did not keep");
  if (daemon.exitCode === DISK_FAILED && isTold) return [];
  return [{ rule: "it says why", message: `sync ${nth}: it ended with ${daemon.exitCode}:\n${world.said}` }];
}

/** Orders wait in the inbox, and go on by themselves when there is room again. */
async function full({ world, observer, load }: Scene): Promise<readonly Violation[]> {
  const daemon = await world.startDaemon();
  await workFor(load, LOAD_MS);
  const filler = world.path("filler");
  fillDisk(filler);
  await new Promise((resolve) => setTimeout(resolve, LOAD_MS));
  rmSync(filler);
  await workFor(load, LOAD_MS / 2);
  const found = await restOf(world, observer, daemon);
  await world.killAll();
  return found;
}

async function readOnly({ world, observer, load, medium }: Scene): Promise<readonly Violation[]> {
  const daemon = await world.startDaemon();
  await workFor(load, LOAD_MS);
  observer.look();
  medium.remount("abort");
  // It may go on and wait, or end and say why.
  await new Promise((resolve) => setTimeout(resolve, LOAD_MS));
  const end = daemon.exitCode;
  world.killEverything();
  await world.killAll();
  await medium.mountAgain();
  observer.reopen();
  if (end === null || (end === DISK_FAILED && /EROFS|EIO|the disk did not keep/.test(world.said))) return [];
  return [{ rule: "it says why", message: `it ended with ${end}:\n${world.said}` }];
}

async function workFor(load: Load, durationMs: number, isOver: () => boolean = () => false): Promise<void> {
  const end = performance.now() + durationMs;
  while (performance.now() < end && !isOver()) {
    load.drop();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** So many of one fault, each on a file system of its own; or why it cannot be tried here. */
export async function fault(name: string, count: number, seed: number): Promise<Tally | string> {
  const counter = new Counter(`disk: ${name}`);
  const inflict = FAULTS[name];
  if (inflict === undefined) throw new Error(`no such fault: ${name}`);
  if (name.startsWith("a sync") && !hasStrace()) return "there is no strace that may refuse system calls here";
  for (let index = 0; index < count; index += 1) {
    const medium = Medium.make("ext4");
    if (typeof medium === "string") return medium;
    const random = new Random(seed + index);
    const world = await World.make({ root: medium.root, config: LOAD_CONFIG });
    medium.flush();
    const effects = join(medium.outside, "effects");
    const observer = new Observer(world, effects);
    const load = new Load({ world, observer, effects, random, interrupted: LOST_END });
    const said = await inflict({ medium, world, observer, load, random });
    // Who mends a file system that gave up starts the machine anew.
    const found = await verdict(world, observer, { under: medium.underBoot(1) });
    if (said !== undefined || found.length > 0)
      counter.add(`${name}, seed ${seed + index}`, [...(said ?? []), ...found]);
    world.killEverything();
    await world.killAll();
    await medium.remove();
  }
  return counter.tally();
}

/** Each of them. */
export async function faults(run: Run): Promise<void> {
  for (const name of Object.keys(FAULTS)) {
    const count = (run.isFull ? FULL_EACH : SHORT_EACH) - run.tried(`disk: ${name}`);
    if (count <= 0) continue;
    const tally = await fault(name, count, run.seed);
    if (typeof tally === "string") run.skip(`disk: ${name}`, tally);
    else run.record(tally);
  }
}

/** True where system calls can be refused from outside. */
function hasStrace(): boolean {
  try {
    execFileSync("strace", ["-qq", "-o", "/dev/null", "true"], { stdio: "ignore" });
    return true;
  } catch {
    // Not installed, or not allowed in this container.
    return false;
  }
}
