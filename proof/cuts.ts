/**
 * The power goes: base, vault and state root lie on a file system that is shut down, without its log being flushed, at a
 * random moment under load. Every process is killed, the file system mounted again, the daemon started under another boot
 * id, and what is left held against the model. What was told, and what commands did, is remembered outside.
 */
import { cpSync } from "node:fs";
import { join } from "node:path";
import { type DaemonWish, World } from "../tests/support/world.ts";
import type { Violation } from "./model/check.ts";
import type { Run } from "./report.ts";
import { LOAD_CONFIG, LOST_END, Load } from "./rig/load.ts";
import { MEDIA, Medium, type MediumKind } from "./rig/medium.ts";
import { Observer } from "./rig/observer.ts";
import { Random } from "./rig/random.ts";
import { Counter, type Tally } from "./rig/tally.ts";
import { verdict } from "./rig/verdict.ts";

const SHORT_CUTS = 20;
const FULL_CUTS = 150;
/** Cuts that one file system has to live through before a new one is made. */
const CUTS_EACH = 10;
const LOAD_MS_MAX = 1200;
/** How long a start may last before the power goes in the middle of it. */
const START_MS_MAX = 1000;
const LOOK_MS = 20;

/** A base on a file system that loses its power again and again. */
class CutWorld {
  readonly #medium: Medium;
  readonly #world: World;
  readonly #observer: Observer;
  readonly #load: Load;
  readonly #random: Random;
  #boots = 0;

  private constructor(medium: Medium, world: World, random: Random) {
    const effects = join(medium.outside, "effects");
    this.#medium = medium;
    this.#world = world;
    this.#random = random;
    this.#observer = new Observer(world, effects);
    this.#load = new Load({ world, observer: this.#observer, effects, random, interrupted: LOST_END });
  }

  static async make(medium: Medium, random: Random): Promise<CutWorld> {
    const world = await World.make({ root: medium.root, config: LOAD_CONFIG });
    // A configuration that is left empty would put every command into a sandbox.
    medium.flush();
    return new CutWorld(medium, world, random);
  }

  /** Works, loses its power, is started again; what is wrong then. */
  async cutOnce(isThorough: boolean): Promise<readonly Violation[]> {
    await this.#world.startDaemon(this.#boot());
    await this.#workFor(this.#random.below(LOAD_MS_MAX));
    await this.#loseCurrent();
    if (this.#random.chance(0.3)) {
      this.#world.spawnDaemon(this.#boot());
      await this.#workFor(this.#random.below(START_MS_MAX));
      await this.#loseCurrent();
    }
    return verdict(this.#world, this.#observer, { ...this.#boot(), isThorough });
  }

  get drops(): number {
    return this.#observer.drops.length;
  }

  /** What broke a rule stays to be looked at; where that is. */
  keep(): string {
    const path = `${this.#medium.outside}-kept`;
    cpSync(this.#world.root, path, { recursive: true, filter: (name) => !name.endsWith(".sock") });
    return path;
  }

  async end(): Promise<void> {
    this.#world.killEverything();
    await this.#world.killAll();
    await this.#medium.remove();
  }

  async #workFor(durationMs: number): Promise<void> {
    const ending = new AbortController();
    const looking = setInterval(() => this.#observer.look(), LOOK_MS);
    setTimeout(() => ending.abort(), durationMs);
    await this.#load.goOn(ending.signal);
    clearInterval(looking);
  }

  async #loseCurrent(): Promise<void> {
    this.#observer.look();
    this.#medium.cut();
    this.#world.killEverything();
    await this.#world.killAll();
    await this.#medium.mountAgain();
    this.#observer.reopen();
  }

  /** A machine that lost its power comes up under another boot id: what ran before is known to be gone. */
  #boot(): DaemonWish {
    this.#boots += 1;
    return { under: this.#medium.underBoot(this.#boots) };
  }
}

/** So many cuts of one kind of file system; or why none can be tried here. */
export async function cut(kind: MediumKind, count: number, seed: number): Promise<Tally | string> {
  const counter = new Counter(`power cut: ${kind}`);
  let drops = 0;
  for (let done = 0; done < count; ) {
    const medium = Medium.make(kind);
    if (typeof medium === "string") return medium;
    const world = await CutWorld.make(medium, new Random(seed + done));
    for (let turn = 0; turn < CUTS_EACH && done < count; turn += 1) {
      const found = await world.cutOnce(turn % 3 === 2);
      counter.add(`${kind}, seed ${seed + done - turn}, cut ${turn + 1}`, found);
      done += 1;
      // What broke a rule would break it again.
      if (found.length > 0) {
        process.stdout.write(`    kept in ${world.keep()}\n`);
        break;
      }
    }
    drops += world.drops;
    await world.end();
  }
  return counter.tally(`${drops} orders were dropped, half of them synced by whoever dropped them`);
}

/** Both file systems. */
export async function cuts(run: Run): Promise<void> {
  for (const kind of MEDIA) {
    const left = (run.isFull ? FULL_CUTS : SHORT_CUTS) - run.tried(`power cut: ${kind}`);
    for (let done = 0; done < left; done += CUTS_EACH) {
      const tally = await cut(kind, Math.min(CUTS_EACH, left - done), run.seed + 1000 * done);
      if (typeof tally === "string") {
        run.skip(`power cut: ${kind}`, tally);
        break;
      }
      run.record(tally);
    }
  }
}
