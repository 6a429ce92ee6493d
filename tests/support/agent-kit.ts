/** A world with a launchd, and a checkout of its own that agents are installed from: it may be wiped, and grow older. */
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { DAEMON_LABEL, GUARDRAIL_LABEL } from "../../src/upkeep/agents/own-agents.ts";
import { LaunchdDouble } from "./launchd/double.ts";
import { asRecord, type CommandEnd, ROOT, run, until, World, type WorldOptions } from "./world.ts";

export { DAEMON_LABEL, GUARDRAIL_LABEL };

const PATIENCE_MS = 30_000;

export class AgentWorld {
  readonly world: World;
  readonly launchd: LaunchdDouble;
  readonly checkout: string;

  private constructor(world: World, launchd: LaunchdDouble, checkout: string) {
    this.world = world;
    this.launchd = launchd;
    this.checkout = checkout;
  }

  static async make(options: WorldOptions & { readonly secondsScale?: number } = {}): Promise<AgentWorld> {
    const { secondsScale, ...rest } = options;
    const world = await World.make(rest);
    const launchd = await LaunchdDouble.start({
      home: world.home,
      ...(secondsScale === undefined ? {} : { secondsScale }),
    });
    onTestFinished(() => launchd.stop());
    const checkout = mkdtempSync(join(world.root, "checkout-"));
    for (const part of ["dist", "schema", "package.json"])
      cpSync(join(ROOT, part), join(checkout, part), { recursive: true, filter: (path) => !path.endsWith(".map") });
    return new AgentWorld(world, launchd, checkout);
  }

  get env(): NodeJS.ProcessEnv {
    return { ...this.world.env, WO_LAUNCHCTL: this.launchd.launchctl };
  }

  get stateRoot(): string {
    return join(this.world.home, ".local/state/wo-bridge");
  }

  get copies(): readonly string[] {
    const app = join(this.stateRoot, "app");
    return existsSync(app) ? readdirSync(app).toSorted() : [];
  }

  plist(label = DAEMON_LABEL): string {
    return join(this.world.home, "Library", "LaunchAgents", `${label}.plist`);
  }

  /** `wo` of the checkout. */
  wo(...words: readonly string[]): Promise<CommandEnd> {
    return run([process.execPath, join(this.checkout, "dist/bin/wo.js"), ...words], this.env, this.world.root);
  }

  agent(...words: readonly string[]): Promise<CommandEnd> {
    return this.wo("agent", ...words);
  }

  /** `wo` of the installed copy. */
  installedWo(...words: readonly string[]): Promise<CommandEnd> {
    return run([process.execPath, join(this.stateRoot, "app/current/dist/bin/wo.js"), ...words], this.env, "/");
  }

  /** Installed, or the test has failed. */
  async install(...words: readonly string[]): Promise<Readonly<Record<string, unknown>>> {
    const end = await this.agent("install", "--json", ...words);
    if (end.code !== 0) throw new Error(`install ended with ${end.code}: ${end.stdout}${end.stderr}`);
    return dataIn(end);
  }

  ctl(...words: readonly string[]): Promise<CommandEnd> {
    return run([this.launchd.launchctl, ...words], this.env);
  }

  get target(): string {
    return `gui/${this.launchd.userId}/${DAEMON_LABEL}`;
  }

  /** The pid that launchd names. */
  async pid(): Promise<number | undefined> {
    const pid = /^\tpid = (\d+)$/m.exec((await this.ctl("print", this.target)).stdout)?.[1];
    return pid === undefined ? undefined : Number(pid);
  }

  async newPid(old: number | undefined): Promise<number> {
    let pid: number | undefined;
    const isNew = async () => {
      pid = await this.pid();
      return pid !== undefined && pid !== old && (await this.world.daemonAnswers());
    };
    await until(isNew, PATIENCE_MS, "a new daemon answers");
    return pid ?? 0;
  }

  /** From now on the checkout is of this version. */
  becomeVersion(version: string): void {
    const path = join(this.checkout, "package.json");
    writeFileSync(path, JSON.stringify({ ...asRecord(JSON.parse(readFileSync(path, "utf8"))), version }));
  }

  /** The same version, built from something else. */
  bendBuild(): void {
    const path = join(this.checkout, "dist/bin/wo.js");
    writeFileSync(path, `${readFileSync(path, "utf8")}\n// another build ${Math.random()}\n`);
  }
}

/** What the one document holds. */
export function dataIn(end: CommandEnd): Readonly<Record<string, unknown>> {
  return asRecord(asRecord(JSON.parse(end.stdout))["data"]);
}

/** The code of what a command complained about. */
export function codeOf(end: CommandEnd): string {
  return String(dataIn(end)["code"]);
}
