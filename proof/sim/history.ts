/**
 * One history of a base, decided by its seed: orders are dropped, the daemon works, and it is killed, the power is cut,
 * the disk fails, the tree is wiped, clocks jump. In the end all trouble is over, and the model looks at what is left.
 */

import { Daemon } from "../../src/daemon/daemon.ts";
import { readOrder } from "../../src/orders/read-order.ts";
import { placed } from "../../src/orders/refusals.ts";
import { BridgeError } from "../../src/platform/errors.ts";
import { Files } from "../../src/platform/files.ts";
import { silentLog } from "../../src/platform/log.ts";
import { inlinePublisher } from "../../src/platform/publisher.ts";
import { isRecord, ok, parseJson } from "../../src/platform/result.ts";
import { saying, type Violation, violations } from "../model/check.ts";
import { filesBelow, type Remains } from "../model/remains.ts";
import { Random } from "../rig/random.ts";
import type { Life } from "./life.ts";
import { BASE, HOME, SimulatedMachine } from "./machine.ts";
import { type LiveDrop, newDrop } from "./orders.ts";
import { Producer } from "./producer.ts";
import { Scheduler } from "./scheduler.ts";
import { planTroubles, type World } from "./troubles.ts";

export interface HistoryEnd {
  readonly violations: readonly Violation[];
  /** What happened, for people. */
  readonly told: readonly string[];
  /** Two runs of one seed have the same. */
  readonly events: number;
  readonly orders: number;
  readonly lives: number;
  /** That the last process has, at the end. */
  readonly openHandles: number;
}

const RESERVE_BYTES = 64 * 1024;
const START_LIMIT_MS = 60_000;
const QUIET_MS = 45_000;
const RESTART_MS = 2000;

/** How much happens in a history, and in what time. */
export interface Span {
  readonly durationMs: number;
  readonly ordersMin: number;
  readonly ordersMax: number;
  readonly troublesMin: number;
  readonly troublesMax: number;
  /** The text of wo-bridge.yaml. */
  readonly config: string;
}

/** Dense enough that one trouble meets what the other left. */
const MOMENTS: Span = {
  durationMs: 20_000,
  ordersMin: 1,
  ordersMax: 14,
  troublesMin: 0,
  troublesMax: 6,
  config: "intake: {settleMs: 300, giveUpMs: 1500, rescanMs: 2000}\n",
};

/** The same seed and span are the same history. */
export async function runHistory(seed: number, span = MOMENTS): Promise<HistoryEnd> {
  const history = new History(seed, span);
  return history.run();
}

class History implements World {
  readonly random: Random;
  readonly scheduler: Scheduler;
  readonly machine: SimulatedMachine;
  readonly drops: LiveDrop[] = [];
  readonly #producer: Producer;
  readonly #told: string[] = [];
  readonly #faults: string[] = [];
  readonly #seen = new Map<number, string>();
  readonly #acknowledged = new Set<string>();
  #life: Life | undefined;
  #daemon: Daemon | undefined;
  #lives = 0;

  readonly #span: Span;

  constructor(seed: number, span: Span) {
    this.#span = span;
    this.random = new Random(seed);
    this.scheduler = new Scheduler(this.random);
    this.machine = new SimulatedMachine(this.random, this.scheduler);
    this.#producer = new Producer(this.machine, this.random);
  }

  async run(): Promise<HistoryEnd> {
    const { machine, random, scheduler } = this;
    const { durationMs, ordersMin, ordersMax, troublesMin, troublesMax, config } = this.#span;
    this.tell(machine.disk.isOrdered ? "a journaling disk" : "a disk that keeps what POSIX promises");
    machine.disk.place(`${BASE}/wo-bridge.yaml`, config);
    const count = random.between(ordersMin, ordersMax);
    const drops = Array.from({ length: count }, (_, index) => newDrop(random, index));
    this.#start();
    await scheduler.run(START_LIMIT_MS, () => this.#daemon !== undefined);
    for (const drop of drops) scheduler.after(random.next() * durationMs, () => this.#drop(drop));
    planTroubles(this, random.between(troublesMin, troublesMax), durationMs);
    await scheduler.run(durationMs, () => false);
    this.#endTrouble();
    let found: readonly Violation[] = [];
    // Most are through at once; who is slow gets more time.
    for (const limitMs of [QUIET_MS, 2 * QUIET_MS]) {
      await scheduler.run(limitMs, () => false);
      found = this.#look();
      if (found.length === 0) break;
    }
    if (found.length > 0) this.#tellWhatLiesThere();
    const openHandles = this.#life?.openHandles ?? 0;
    this.#life?.die();
    const counts = { events: scheduler.count, orders: count, lives: this.#lives, openHandles };
    return { violations: found, told: this.#told, ...counts };
  }

  tell(what: string): void {
    this.#told.push(`${(this.scheduler.nowMs / 1000).toFixed(3)} ${withoutChance(what)}`);
  }

  /** What lies in the inbox, the outbox and beside them. */
  #tellWhatLiesThere(): void {
    const paths = filesBelow(this.#remains(), `${BASE}/bridge`).map(withoutChance);
    this.#told.push(...paths.toSorted().map((path) => `  ${path}`));
  }

  kill(calls?: number): void {
    if (calls === undefined) this.#life?.die();
    else this.#life?.dieWithin(calls);
  }

  cutPower(): void {
    this.#life?.die();
    this.#producer.cutPower();
    this.machine.cutPower();
    this.#tellWhatLiesThere();
    // A command that was running then is reported as interrupted; a file that was not synced may be torn.
    for (const drop of this.drops)
      if (drop.effects !== undefined || !drop.isDurable) drop.ends = [...new Set([...drop.ends, "failed"])];
  }

  setClock(offsetMs: number): void {
    this.machine.wallOffsetMs += offsetMs;
    this.#producer.disturb();
  }

  async stop(): Promise<void> {
    const [daemon, life] = [this.#daemon, this.#life];
    await daemon?.stop("asked");
    if (life === this.#life) life?.die();
  }

  witness(): void {
    const remains = this.#remains();
    const telemetry = remains.read(`${BASE}/g/telemetry/unified.jsonl`)?.toString("utf8") ?? "";
    for (const line of telemetry.split("\n").slice(0, -1)) {
      const value = parseJson(line);
      if (!isRecord(value) || typeof value["seq"] !== "number") continue;
      const order = typeof value["wo_id"] === "string" ? { wo_id: value["wo_id"] } : {};
      this.#seen.set(value["seq"], saying({ event: String(value["event"]), ...order }));
    }
    for (const path of filesBelow(remains, `${BASE}/bridge/outbox`)) {
      const id = /\/(WO-\d+)\.ack\.json$/.exec(path)?.[1];
      if (id !== undefined && (remains.read(path)?.length ?? 0) > 0) this.#acknowledged.add(id);
    }
  }

  #drop(drop: LiveDrop): void {
    this.tell(`${drop.name} is dropped in ${drop.lane}`);
    this.drops.push(drop);
    for (const [path, text] of Object.entries(drop.before))
      if (text !== undefined) this.machine.disk.place(`${BASE}/${path}`, text);
    void this.#producer.drop(drop);
  }

  #start(): void {
    const { machine } = this;
    this.#lives += 1;
    const life = machine.newLife((dead) => this.#mourn(dead));
    this.#life = life;
    this.#daemon = undefined;
    const files = new Files(life.disk, life.clock);
    void Daemon.start({
      ground: {
        files,
        clock: life.clock,
        machine: machine.user,
        processes: machine.processesFor(life),
        system: machine.systemFor(life),
      },
      path: BASE,
      vault: undefined,
      openLog: () => silentLog,
      runner: machine.commands.runnerFor(life),
      reader: {
        read: async (bytes, stem) => readOrder(bytes, stem),
        findSecrets: async () => ok([]),
        place: async (...words) => placed(...words),
        secretRules: Promise.resolve(() => []),
        close: async () => undefined,
      },
      publisher: inlinePublisher(files),
      onFatal: (error, exit) => this.#fatal(life, error, exit),
      reserveBytes: RESERVE_BYTES,
    }).then(
      (daemon) => {
        if (life.isDead) return;
        this.tell(`daemon ${life.pid} is up`);
        this.#daemon = daemon;
        if (daemon.refusal !== undefined) this.#faults.push(`it refuses to work: ${daemon.refusal}`);
      },
      (error: unknown) => this.#fatal(life, error, undefined),
    );
  }

  #fatal(life: Life, error: unknown, exit: number | undefined): void {
    if (life.isDead) return;
    // A vault's own name is the only thing that no seed decides.
    const message = String(error).replaceAll(/vaults\/[^/]+/g, "vaults/…");
    this.tell(`daemon ${life.pid} ends${exit === undefined ? "" : ` with ${exit}`}: ${message}`);
    // A start may be refused; what works ends of nothing but a disk that lies.
    const passing = exit === undefined ? ["DISK_FULL", "TOO_MANY_FILES", "SYNC_FAILED"] : ["SYNC_FAILED"];
    const isTrouble = error instanceof BridgeError && passing.includes(error.code);
    if (!isTrouble) this.#faults.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
    life.die();
  }

  #mourn(dead: Life): void {
    if (dead !== this.#life) return;
    this.#daemon = undefined;
    this.scheduler.after(this.random.next() * RESTART_MS, () => this.#start());
  }

  #endTrouble(): void {
    const { trouble } = this.machine.disk;
    trouble.capacityBytes = Number.POSITIVE_INFINITY;
    trouble.refusedOpens = 0;
    trouble.failingSyncs = 0;
    this.tell("all trouble is over");
  }

  #look(): Violation[] {
    const remains = this.#remains();
    const witness = {
      drops: this.drops,
      told: this.#seen,
      acknowledged: this.#acknowledged,
      effects: this.machine.commands.effects,
    };
    return [
      ...this.#faults.map((message) => ({ rule: "the program has no bug", message })),
      ...violations(remains, witness),
    ];
  }

  #remains(): Remains {
    const { disk } = this.machine;
    const vaults = `${HOME}/state/vaults`;
    const [vault] = disk.stat(vaults) === undefined ? [] : disk.list(vaults);
    return {
      base: BASE,
      vault: `${vaults}/${vault?.name ?? "none"}`,
      read: (path) => (disk.stat(path)?.kind === "file" ? disk.readAll(path) : undefined),
      list: (path) =>
        disk.stat(path)?.kind === "folder"
          ? disk
              .list(path)
              .map(({ name, kind }) => ({ name, isFolder: kind === "folder" }))
              .toSorted((a, b) => (a.name < b.name ? -1 : 1))
          : [],
    };
  }
}

/** Without the random part of names, which no seed decides: of temporary files, and of ids. */
function withoutChance(text: string): string {
  return text.replaceAll(/(?<=\.wo-)\w+(?=-\w+\.tmp\b)|(?<=\b01[0-9A-Z]{8})[0-9A-Z]{16}\b/g, "*");
}
