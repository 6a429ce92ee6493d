/**
 * Whether commands run in a sandbox: what a lane wishes, held against what a canary found out about this machine. A lane
 * that requires one never runs without; any other runs, and the status says so for as long as that is.
 */
import { join } from "node:path";
import type { Clock } from "../platform/clock.ts";
import { BridgeError } from "../platform/errors.ts";
import type { Files } from "../platform/files.ts";
import { randomName } from "../platform/ids.ts";
import type { Machine } from "../platform/machine.ts";
import type { SandboxSpec } from "../platform/run-protocol.ts";
import type { SandboxFinding } from "../platform/sandbox-canary.ts";
import type { System } from "../platform/system.ts";
import { confine, findGuarded, type GuardedPath, writableFolders } from "../processors/confinement.ts";
import type { PlaceRules } from "../processors/places.ts";
import { type Config, laneRules } from "./config.ts";

export interface SandboxOptions {
  readonly files: Files;
  readonly clock: Clock;
  readonly machine: Machine;
  readonly system: Pick<System, "trySandbox">;
  readonly vault: string;
  readonly config: () => Config;
  readonly placeRules: (lane: string) => PlaceRules;
}

/** How long what was found in the base counts. */
const GUARDS_MS = 20_000;
/** What was found in a root counts that many times as long as the look took, too: a large one is not looked through all the time. */
const LOOK_SHARE = 10;

interface Look {
  readonly atMs: number;
  tookMs: number;
  readonly found: Promise<readonly GuardedPath[]>;
}

const NOT_LOOKED: SandboxFinding = {
  program: undefined,
  fault: "its canary has not run yet",
  advice: "wo daemon start",
};

export class Sandbox {
  readonly #options: SandboxOptions;
  #finding = NOT_LOOKED;
  /** By the folder that was looked through, as long as the configuration is the same. */
  #looked: { readonly basis: Config; readonly looks: Map<string, Look> } | undefined;

  constructor(options: SandboxOptions) {
    this.#options = options;
  }

  /** Runs the canary. Without a room for it there is no sandbox either. */
  async look(): Promise<void> {
    const { files, machine, system } = this.#options;
    const root = files.realPath(machine.temporaryFolder) ?? machine.temporaryFolder;
    const folder = join(root, `wo-canary-${randomName()}`);
    try {
      files.makeFolders(folder, 0o700);
      this.#finding = await system.trySandbox(folder, machine.env["PATH"] ?? "");
      files.removeTree(folder);
    } catch (thrown) {
      if (!(thrown instanceof BridgeError)) throw thrown;
      this.#finding = { program: undefined, fault: thrown.message, advice: thrown.hint };
    }
  }

  /** Whether commands can be confined here. */
  get isOn(): boolean {
    return this.#finding.program !== undefined;
  }

  /** Why the lane's commands must not run now; undefined when they may. */
  missing(lane: string): string | undefined {
    if (laneRules(this.#options.config(), lane).sandbox !== "required" || this.#finding.program !== undefined)
      return undefined;
    const { fault, advice } = this.#finding;
    return `the lane requires a sandbox, and there is none: ${fault}; ${advice}`;
  }

  /** The same, looking again first where there was none. */
  async missingNow(lane: string): Promise<string | undefined> {
    if (this.missing(lane) !== undefined) await this.look();
    return this.missing(lane);
  }

  /** What holds for a command in this lane; undefined when it runs without. Throws NO_SANDBOX where it must not. */
  async specFor(lane: string, temporary: string): Promise<SandboxSpec | undefined> {
    const { files, placeRules, config } = this.#options;
    const { sandbox, network } = laneRules(config(), lane);
    const missing = this.missing(lane);
    if (missing !== undefined) throw new BridgeError("NO_SANDBOX", missing);
    const { program } = this.#finding;
    if (sandbox === "off" || program === undefined) return undefined;
    const rules = placeRules(lane);
    const folders = writableFolders(files, rules);
    const guarded = await Promise.all(folders.map((folder) => this.#guarded(folder, rules)));
    return confine(files, folders, guarded.flat(), {
      program,
      temporary,
      hosts: network,
      hidden: this.#hidden(),
    });
  }

  /** Found anew when the last look is old: going through a large folder takes longer than many a command. */
  #guarded(folder: string, rules: PlaceRules): Promise<readonly GuardedPath[]> {
    const { files, clock, config } = this.#options;
    const [now, basis] = [clock.elapsed(), config()];
    if (this.#looked?.basis !== basis) this.#looked = { basis, looks: new Map() };
    const { looks } = this.#looked;
    const last = looks.get(folder);
    const countsMs = folder === rules.base ? GUARDS_MS : Math.max(GUARDS_MS, LOOK_SHARE * (last?.tookMs ?? 0));
    if (last !== undefined && now - last.atMs < countsMs) return last.found;
    const look: Look = { atMs: now, tookMs: 0, found: findGuarded(files, folder, rules) };
    looks.set(folder, look);
    look.found.then(
      () => {
        look.tookMs = clock.elapsed() - now;
      },
      // A look that failed is no answer for the next one.
      () => {
        if (looks.get(folder) === look) looks.delete(folder);
      },
    );
    return look.found;
  }

  /** For the status: what holds as long as machine and configuration do. */
  notes(): readonly string[] {
    const { lanes } = this.#options.config();
    const named = (fits: (rules: Config["lanes"][string]) => boolean) =>
      Object.entries(lanes).flatMap(([name, rules]) => (fits(rules) ? [name] : []));
    const off = named(({ sandbox }) => sandbox === "off");
    return [
      this.#finding.program === undefined
        ? `sandbox off: ${this.#finding.fault}; commands run with the daemon's own rights (${this.#finding.advice})`
        : `sandbox on: ${this.#finding.program}, its canary passed`,
      ...(off.length === 0 ? [] : [`sandbox off in ${off.join(", ")}, as wo-bridge.yaml says`]),
    ];
  }

  /** The record, and keys: neither read nor written. */
  #hidden(): string[] {
    const { files, machine, vault } = this.#options;
    const paths = [machine.stateRoot, vault, join(machine.home, ".ssh")].flatMap((path) => files.realPath(path) ?? []);
    return paths.filter((path) => !paths.some((other) => path.startsWith(`${other}/`)));
  }
}
