/** What the daemon is busy with when it is killed: a table of scenes, each with the moment from which steps count. */
import type { ChildProcess } from "node:child_process";
import { appendFileSync, existsSync, readdirSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { ROOT, until, World } from "../../tests/support/world.ts";
import { Observer } from "./observer.ts";
import { bad, commanding, drop, ending, everything, filing, folder, type Order } from "./orders.ts";
import { hasEnded, kill, restOf } from "./verdict.ts";

export const FAULTY_DAEMON = join(ROOT, "dist-tools", "tests", "support", "programs", "faulty-daemon.js");
const QUICK = "intake: {settleMs: 100, giveUpMs: 300, rescanMs: 500}\n";
/** More than fits into an entry of the ledger. */
const BLOB_BYTES = 70_000;
const LONG_AGO = new Date("2020-02-02T00:00:00Z");

/** One world in which the daemon is killed, and who watches it. */
export class Scene {
  readonly world: World;
  readonly observer: Observer;

  private constructor(world: World) {
    this.world = world;
    this.observer = new Observer(world, world.path("effects.txt"));
  }

  /** The first daemon attaches the base, unless something has to be in it before. */
  static async make({ config = "", before }: Pick<Plot, "config" | "before">): Promise<Scene> {
    return new Scene(await World.make({ config: QUICK + config, bare: before === undefined }));
  }

  drop(order: Order): void {
    this.observer.drops.push(order.drop);
    drop(this.world, order);
  }

  /** Where an order of this name belongs. */
  place(id: string, lane = "CLC"): { readonly id: string; readonly lane: string; readonly effects: string } {
    return { id, lane, effects: "effects.txt" };
  }

  /** Lets the real daemon do what was dropped so far, and ends it: in order, or as a crash would. */
  async work(end: "stop" | "kill"): Promise<void> {
    const daemon = await this.world.startDaemon();
    const trouble = await restOf(this.world, this.observer, daemon);
    if (trouble.length > 0) throw new Error(JSON.stringify(trouble));
    if (end === "kill") await kill(daemon);
    else await this.world.kill(daemon, "SIGTERM");
  }

  /** Waits until this holds or the daemon is dead; false when it is dead. */
  async waitFor(daemon: ChildProcess, what: string, holds: () => boolean): Promise<boolean> {
    await until(
      () => hasEnded(daemon) || holds(),
      20_000,
      what,
      () => this.world.said,
    );
    return !hasEnded(daemon);
  }
}

export interface Plot {
  readonly name: string;
  readonly config?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** What was before. The daemon does not run when it resolves. */
  readonly before?: (scene: Scene) => Promise<void>;
  /** Steps count from the daemon's start on; or from the act on, when it has answered. */
  readonly from: "start" | "act";
  /** What it is given to do; at its end the daemon has stopped, or it is waited until all is at rest. */
  readonly act?: (scene: Scene, daemon: ChildProcess) => Promise<void> | void;
}

const HELD = "lanes:\n  HELD: {mode: hold}\n";
const LANES = ["A", "B", "C", "D"];

function batch(scene: Scene, count: number): void {
  for (let index = 0; index < count; index += 1) {
    const place = scene.place(`WO-B${index}`, LANES[index % LANES.length]);
    scene.drop(index % 5 === 4 ? commanding(place) : filing(place, index % 5 === 3 ? BLOB_BYTES : 40));
  }
}

/** Orders in every state that a daemon can leave behind. */
async function openOrders(scene: Scene): Promise<void> {
  const daemon = await scene.world.startDaemon();
  scene.drop(ending(filing(scene.place("WO-HELD", "HELD")), { ends: ["waiting"] }));
  scene.drop(commanding(scene.place("WO-SLOW"), "sleep 0.5; "));
  await scene.waitFor(daemon, "the slow one runs", () => scene.world.told("WO-SLOW", "step_started"));
  for (const id of ["WO-1", "WO-2"]) scene.drop(everything(scene.place(id)));
  await scene.waitFor(daemon, "all are accepted", () => scene.world.told("WO-2", "wo_accepted"));
  await kill(daemon);
  scene.drop(filing(scene.place("WO-NEW")));
}

/** Makes what a daemon would let go of look old. */
function age(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) utimesSync(path, LONG_AGO, LONG_AGO);
  }
}

/** Creates, edits, moves and deletes files, and runs a command. */
export const EVERYTHING: Plot = {
  name: "one order with everything",
  from: "act",
  act: (scene) => scene.drop(everything(scene.place("WO-1"))),
};

/** Contents are given up while another order comes that holds the same bytes. */
export const PRUNING: Plot = {
  name: "wo gc --vault",
  config: `${HELD}retention: {vaultDays: 0, vaultOrders: 0}\n`,
  before: large,
  from: "act",
  act: pruneBeside,
};

export const PLOTS: readonly Plot[] = [
  EVERYTHING,
  { name: "a folder order", from: "act", act: (scene) => scene.drop(folder(scene.place("WO-1"))) },
  { name: "a batch of 20 over 4 lanes", from: "act", act: (scene) => batch(scene, 20) },
  { name: "start-up with open orders", config: HELD, before: openOrders, from: "start" },
  {
    name: "the first start of a base",
    from: "start",
    act: (scene) => scene.drop(filing(scene.place("WO-1"))),
  },
  ...[12, 30, 48, 66].map((step) => recovery(step)),
  { name: "segments that roll", env: { WO_SEGMENT_BYTES: "3000" }, from: "act", act: (scene) => batch(scene, 6) },
  {
    name: "retention",
    env: { WO_TIDY_MS: "100" },
    config: "retention: {runsDays: 1, compressAfterDays: 1}\n",
    before: old,
    from: "start",
  },
  {
    name: "telemetry that rolls",
    config: "telemetry: {maxBytes: 65536}\n",
    before: longTelemetry,
    from: "act",
    act: (scene) => batch(scene, 6),
  },
  { name: "wo rebuild", before: (scene) => done(scene), from: "act", act: ask({ call: "rebuild" }) },
  { name: "a configuration is accepted", before: looser, from: "act", act: ask({ call: "accept_config", by: "rig" }) },
  {
    name: "an approval",
    config: HELD,
    before: (scene) => waiting(scene, ["done", "waiting"]),
    from: "act",
    act: ask({ call: "approve", ids: ["WO-1"], by: "rig" }),
  },
  {
    name: "a cancel of what waits",
    config: HELD,
    before: (scene) => waiting(scene, ["canceled", "waiting"]),
    from: "act",
    act: ask({ call: "cancel", ids: ["WO-1"], by: "rig", reason: "rig" }),
  },
  { name: "a cancel of what runs", from: "act", act: cancelRunning },
  { name: "a retry", before: failed, from: "act", act: ask({ call: "retry", ids: ["WO-1"], by: "rig" }) },
  PRUNING,
  { name: "duplicates and rejects", from: "act", act: odd },
  { name: "an orderly stop", from: "act", act: stopAtWork },
];

/** The power goes a second time, while what the first time left is put right. */
function recovery(step: number): Plot {
  const before = async (scene: Scene) => {
    const env = { WO_FAULT: `${step}:before`, WO_ARM: "WO-1.json" };
    const daemon = await scene.world.startDaemon({ entry: [FAULTY_DAEMON], env });
    scene.drop(everything(scene.place("WO-1")));
    const settled = () => scene.world.told("WO-1", "wo_settled");
    await scene.waitFor(daemon, "the power goes", settled);
    await kill(daemon);
  };
  return { name: `recovery, after a first kill at step ${step}`, before, from: "start" };
}

async function done(scene: Scene): Promise<void> {
  scene.drop(everything(scene.place("WO-1")));
  scene.drop(filing(scene.place("WO-2")));
  await scene.work("stop");
}

async function old(scene: Scene): Promise<void> {
  await done(scene);
  scene.drop(commanding(scene.place("WO-3")));
  await scene.work("stop");
  await scene.work("stop");
  const { world } = scene;
  for (const folder of ["ledger", "runs"]) age(join(world.vault, folder));
  world.write("bridge/processed/CLC/202001/old.json", "{}");
  world.write("bridge/error/CLC/old.json", "{}");
  world.write("bridge/error/CLC/old.json.error.json", "{}");
  age(world.path("bridge/error"));
}

/** Orders at rest whose contents are blobs, and one that waits and needs its own. */
async function large(scene: Scene): Promise<void> {
  for (const id of ["WO-1", "WO-2", "WO-3"]) scene.drop(filing(scene.place(id), BLOB_BYTES));
  scene.drop(ending(filing(scene.place("WO-HELD", "HELD"), BLOB_BYTES), { ends: ["waiting"] }));
  await scene.work("stop");
}

/** While another comes that holds the same bytes as one of them. */
async function pruneBeside(scene: Scene): Promise<void> {
  const pruned = scene.world.ask({ call: "prune", by: "rig" });
  scene.drop(filing(scene.place("WO-4"), BLOB_BYTES, "WO-1"));
  await pruned;
}

async function longTelemetry(scene: Scene): Promise<void> {
  await done(scene);
  const line = `${JSON.stringify({ event: "somebody_else", text: "x".repeat(1000) })}\n`;
  appendFileSync(scene.world.path("g/telemetry/unified.jsonl"), line.repeat(62));
}

async function looser(scene: Scene): Promise<void> {
  await done(scene);
  scene.world.write("wo-bridge.yaml", `${QUICK}lanes: {CLC: {sandbox: off}}\n`);
}

async function waiting(scene: Scene, ends: readonly string[]): Promise<void> {
  scene.drop(ending(commanding(scene.place("WO-1", "HELD")), { ends }));
  await scene.work("stop");
}

async function failed(scene: Scene): Promise<void> {
  scene.drop(commanding(scene.place("WO-1"), "test -f go || exit 1; ", { ends: ["failed", "done"] }));
  await scene.work("stop");
  scene.world.write("go", "");
}

function ask(request: object): (scene: Scene) => Promise<void> {
  return async ({ world }) => void (await world.ask(request));
}

async function cancelRunning(scene: Scene, daemon: ChildProcess): Promise<void> {
  scene.drop(commanding(scene.place("WO-1"), "sleep 0.6; ", { ends: ["done", "canceled"] }));
  const runs = await scene.waitFor(daemon, "it runs", () => scene.world.told("WO-1", "step_started"));
  if (runs) await scene.world.ask({ call: "cancel", ids: ["WO-1"], by: "rig", reason: "rig" });
}

/** The same again, the same id with something else in it, and what is no order. */
async function odd(scene: Scene, daemon: ChildProcess): Promise<void> {
  const first = commanding(scene.place("WO-1"));
  scene.drop(first);
  scene.drop(bad(scene.place("WO-BAD")));
  if (!(await scene.waitFor(daemon, "it is accepted", () => scene.world.told("WO-1", "wo_accepted")))) return;
  await scene.waitFor(daemon, "it is taken", () => !existsSync(scene.world.path("bridge/inbox/CLC/WO-1.json")));
  scene.drop(first);
}

async function stopAtWork(scene: Scene, daemon: ChildProcess): Promise<void> {
  scene.drop(commanding(scene.place("WO-1"), "sleep 0.3; "));
  scene.drop(everything(scene.place("WO-2")));
  if (await scene.waitFor(daemon, "it runs", () => scene.world.told("WO-1", "step_started")))
    await scene.world.kill(daemon, "SIGTERM");
}
