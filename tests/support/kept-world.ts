/** A world whose daemon is kept by the launchd double: both agents written and loaded as an installer does it. */
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import type { AgentSpec } from "../../src/upkeep/agents/agent-spec.ts";
import { launchdPlist } from "../../src/upkeep/agents/launchd-plist.ts";
import { DAEMON_LABEL, ownAgents } from "../../src/upkeep/agents/own-agents.ts";
import { LaunchdDouble } from "./launchd/double.ts";
import { valueOf } from "./results.ts";
import { type CommandEnd, ROOT, run, until, World } from "./world.ts";

export interface KeptOptions {
  readonly config?: string;
  /** Where the base's world is to be. */
  readonly root?: string;
  /** Another Node than the one that runs the tests. */
  readonly node?: string;
  /** What somebody has made of the daemon's agent. */
  readonly bend?: (spec: AgentSpec, world: World) => AgentSpec;
  /** What somebody has made of its file. */
  readonly inText?: (text: string) => string;
  /** Nothing is loaded. */
  readonly unloaded?: boolean;
}

const PATIENCE_MS = 20_000;

export class KeptWorld {
  readonly world: World;
  readonly launchd: LaunchdDouble;
  #specs: readonly AgentSpec[] = [];

  private constructor(world: World, launchd: LaunchdDouble) {
    this.world = world;
    this.launchd = launchd;
  }

  static async make(options: KeptOptions = {}): Promise<KeptWorld> {
    const { config, root, node = process.execPath } = options;
    const place = root === undefined ? {} : { root };
    const world = await World.make({ ...place, ...(config === undefined ? {} : { config }) });
    const launchd = await LaunchdDouble.start({ home: world.home });
    onTestFinished(() => launchd.stop());
    const kept = new KeptWorld(world, launchd);
    const stateRoot = join(world.home, ".local", "state", "wo-bridge");
    // What an installer copies is this checkout here.
    mkdirSync(join(stateRoot, "app"), { recursive: true });
    symlinkSync(ROOT, join(stateRoot, "app", "current"));
    mkdirSync(join(world.home, "Library", "Logs", "wo-bridge"), { recursive: true });
    const version = process.versions.node;
    const specs = ownAgents({ home: world.home, base: world.base, stateRoot, node: { path: node, version } });
    kept.#specs = specs;
    kept.write(options.bend, options.inText);
    if (options.unloaded !== true) for (const { label } of specs) await kept.bootstrap(label);
    return kept;
  }

  /** Writes both files, the daemon's as it is bent; loads neither. */
  write(bend: KeptOptions["bend"], inText: KeptOptions["inText"] = (text) => text): void {
    for (const spec of this.#specs) {
      const isDaemon = spec.label === DAEMON_LABEL;
      const text = valueOf(launchdPlist(isDaemon && bend !== undefined ? bend(spec, this.world) : spec));
      const path = this.plist(spec.label);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, isDaemon ? inText(text) : text, { mode: 0o644 });
    }
  }

  plist(label = DAEMON_LABEL): string {
    return join(this.world.home, "Library", "LaunchAgents", `${label}.plist`);
  }

  target(label = DAEMON_LABEL): string {
    return `gui/${this.launchd.userId}/${label}`;
  }

  ctl(...words: readonly string[]): Promise<CommandEnd> {
    return run([this.launchd.launchctl, ...words], this.launchd.env);
  }

  async bootstrap(label: string): Promise<void> {
    const end = await this.ctl("bootstrap", `gui/${this.launchd.userId}`, this.plist(label));
    if (end.code !== 0) throw new Error(end.stderr);
  }

  /** What launchctl prints of the daemon's agent. */
  async printed(): Promise<string> {
    return (await this.ctl("print", this.target())).stdout;
  }

  /** Waits until launchd says this of the daemon's agent. */
  async says(text: string): Promise<void> {
    await until(async () => (await this.printed()).includes(text), PATIENCE_MS, `launchd says ${text}`);
  }

  /** Waits until the daemon works, and sends a canary. */
  async works(): Promise<this> {
    await until(() => this.world.daemonAnswers(), PATIENCE_MS, "the daemon answers");
    const end = await this.wo("canary");
    if (end.code !== 0) throw new Error(`${end.stdout}${end.stderr}`);
    return this;
  }

  get env(): NodeJS.ProcessEnv {
    return { ...this.world.env, WO_LAUNCHCTL: this.launchd.launchctl };
  }

  wo(...words: readonly string[]): Promise<CommandEnd> {
    return this.world.run([process.execPath, join(ROOT, "dist", "bin", "wo.js"), ...words], this.env);
  }
}
