/**
 * The simulated machine: its disk, its clocks, its kernel's locks, hints about folders, and the commands that run on it.
 * Processes come and go (life.ts); what is here outlives them, until the power goes.
 */
import { posix } from "node:path";
import type { Machine } from "../../src/platform/machine.ts";
import type { Processes } from "../../src/platform/processes.ts";
import { err, ok } from "../../src/platform/result.ts";
import type { Answerer } from "../../src/platform/socket.ts";
import type { System } from "../../src/platform/system.ts";
import type { Random } from "../rig/random.ts";
import { Commands } from "./commands.ts";
import { Life } from "./life.ts";
import { MemoryDisk } from "./memory-disk.ts";
import type { FolderNode } from "./nodes.ts";
import type { Scheduler } from "./scheduler.ts";

export const HOME = "/home/u";
export const BASE = `${HOME}/luka`;
const STATE_ROOT = `${HOME}/state`;
const SCHEMA = "/app/schema.json";
const START_MS = Date.UTC(2026, 0, 5, 12);
const HINT_MS = 4;

interface Watcher {
  readonly life: Life;
  readonly path: string;
  readonly onHint: (folder: string, name: string | undefined) => void;
}

export class SimulatedMachine {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly disk: MemoryDisk;
  readonly commands: Commands;
  /** Share of hints that get lost. */
  lostHints: number;
  /** How far the wall clock was set away from where it would be. */
  wallOffsetMs = 0;
  readonly #locks = new Map<string, Life>();
  readonly #watchers = new Set<Watcher>();
  /** Who answers at the control socket. */
  #answerer: { readonly life: Life; readonly answer: Answerer } | undefined;
  #lastPid = 100;
  #boots = 1;

  constructor(random: Random, scheduler: Scheduler) {
    this.random = random;
    this.scheduler = scheduler;
    this.lostHints = random.pick([0, 0, 0.3, 1]);
    this.disk = new MemoryDisk(random, scheduler, () => this.now());
    this.disk.onChange = (folder, name) => this.#hint(folder, name);
    this.commands = new Commands(random, scheduler);
    this.disk.place(SCHEMA, "{}\n");
    for (const folder of [BASE, STATE_ROOT, "/tmp"]) this.disk.place(`${folder}/.keep`, "");
  }

  /** Wall time in milliseconds since the epoch. */
  now(): number {
    return Math.floor(START_MS + this.scheduler.nowMs + this.wallOffsetMs);
  }

  /** A new process; `onDeath` hears of its end. */
  newLife(onDeath: (life: Life) => void): Life {
    this.#lastPid += 1;
    const { disk, scheduler, random } = this;
    return new Life(this.#lastPid, {
      disk,
      scheduler,
      random,
      now: () => this.now(),
      onDeath: (life) => {
        this.#bury(life);
        onDeath(life);
      },
    });
  }

  /** The power goes, and with it every process. */
  cutPower(): void {
    this.commands.cutPower();
    this.disk.cut();
    this.#boots += 1;
  }

  get user(): Machine {
    return {
      env: {},
      home: HOME,
      user: "u",
      userId: 501,
      temporaryFolder: "/tmp",
      currentFolder: "/",
      stateRoot: STATE_ROOT,
      foldsCase: false,
      version: "0.0.0-simulated",
      packageFolder: "/app",
      schemaPath: SCHEMA,
    };
  }

  /** As this process sees the others. */
  processesFor(life: Life): Processes {
    return {
      self: { pid: life.pid, startTime: `${life.pid}` },
      bootId: `boot-${this.#boots}`,
      identify: () => undefined,
      isAlive: () => false,
      isGroupAlive: () => false,
      signalGroup: () => false,
      marked: () => [],
      signal: () => false,
    };
  }

  /** What is neither file nor time. */
  systemFor(life: Life): System {
    return {
      takeLock: async (_folder, name) => {
        const holder = this.#locks.get(name);
        if (holder !== undefined) return err(`pid ${holder.pid}`);
        this.#locks.set(name, life);
        return ok({ release: async () => void this.#locks.delete(name) });
      },
      showHolder: async () => async () => undefined,
      serve: async (_path, answer) => {
        this.#answerer = { life, answer };
        return { close: async () => undefined };
      },
      watchFolders: async ({ root, folders, onHint }) => {
        const watchers = [root, ...folders].map((path) => ({ life, path, onHint }));
        for (const watcher of watchers) this.#watchers.add(watcher);
        return {
          close: async () => {
            for (const watcher of watchers) this.#watchers.delete(watcher);
          },
        };
      },
      trySandbox: async () => ({ program: undefined, fault: "simulated", advice: "none" }),
      writeView: async (files, path, text) => {
        // As the package does it: its unfinished files are the view's own to sweep.
        const unfinished = `${path}.${this.random.between(1, 1_000_000)}`;
        files.disk.close(await files.writeNew(unfinished, Buffer.from(text), 0o644));
        files.rename(unfinished, path);
      },
    };
  }

  /** Asks the daemon that listens, as the CLI does; what it answers is nobody's business here. */
  ask(request: unknown): void {
    const listening = this.#answerer;
    if (listening === undefined || listening.life.isDead) return;
    void listening.answer(request, () => undefined, new AbortController().signal);
  }

  #hint(folder: FolderNode, name: string): void {
    for (const { life, path, onHint } of this.#watchers) {
      if (life.isDead || this.random.chance(this.lostHints) || this.disk.stat(path)?.inode !== folder.inode) continue;
      this.scheduler.after(this.random.next() * HINT_MS, () => {
        if (!life.isDead) onHint(path, posix.basename(name));
      });
    }
  }

  #bury(life: Life): void {
    for (const [name, holder] of this.#locks) if (holder === life) this.#locks.delete(name);
    for (const watcher of this.#watchers) if (watcher.life === life) this.#watchers.delete(watcher);
    this.commands.orphan(life);
  }
}
