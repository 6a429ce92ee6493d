/** The built daemon of a world as launchd's agent: its own property list, with the program of this checkout. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import { launchdPlist } from "../../../src/upkeep/agents/launchd-plist.ts";
import { DAEMON_LABEL, ownAgents } from "../../../src/upkeep/agents/own-agents.ts";
import { type CommandEnd, MAIN, run, until, type World } from "../world.ts";
import { LaunchdDouble } from "./double.ts";

const PATIENCE_MS = 20_000;

export interface DaemonAgentOptions {
  readonly secondsScale?: number;
  /** Another program than the built one, for `daemon run`. */
  readonly entry?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export class DaemonAgent {
  readonly world: World;
  readonly launchd: LaunchdDouble;
  /** Where launchd has its standard error. */
  readonly errLog: string;
  readonly plist: string;

  private constructor(world: World, launchd: LaunchdDouble, options: DaemonAgentOptions) {
    this.world = world;
    this.launchd = launchd;
    const node = { path: process.execPath, version: process.versions.node };
    const [own] = ownAgents({ home: world.home, base: world.base, stateRoot: join(world.home, "state"), node });
    if (own === undefined) throw new Error("no agent of ours");
    const { entry = [MAIN, "-C", world.base, "daemon", "run"], env = {} } = options;
    const spec = { ...own, argv: [process.execPath, ...entry], env: { ...own.env, ...env } };
    const text = launchdPlist(spec);
    if (!text.ok) throw new Error(text.error.join("\n"));
    this.errLog = spec.logs.stderr;
    this.plist = join(world.home, "Library", "LaunchAgents", `${DAEMON_LABEL}.plist`);
    mkdirSync(dirname(this.plist), { recursive: true });
    writeFileSync(this.plist, text.value, { mode: 0o644 });
  }

  /** Its property list lies there; nothing is loaded. Gone with the test. */
  static async of(world: World, options: DaemonAgentOptions = {}): Promise<DaemonAgent> {
    const { secondsScale = 0.05 } = options;
    const launchd = await LaunchdDouble.start({ home: world.home, secondsScale });
    onTestFinished(() => launchd.stop());
    return new DaemonAgent(world, launchd, options);
  }

  get target(): string {
    return `gui/${this.launchd.userId}/${DAEMON_LABEL}`;
  }

  ctl(...words: readonly string[]): Promise<CommandEnd> {
    return run(["launchctl", ...words], this.launchd.env);
  }

  async load(): Promise<void> {
    const end = await this.ctl("bootstrap", `gui/${this.launchd.userId}`, this.plist);
    if (end.code !== 0) throw new Error(end.stderr);
  }

  /** How often it was started. */
  get launches(): number {
    return this.launchd.launchesOf(DAEMON_LABEL).length;
  }

  /** The pid of the main process, by `print`. */
  async pid(): Promise<number | undefined> {
    const pid = /^\tpid = (\d+)$/m.exec((await this.ctl("print", this.target)).stdout)?.[1];
    return pid === undefined ? undefined : Number(pid);
  }

  /** Waits until `wo daemon status` says this. */
  async says(state: "running" | "refused", patienceMs = PATIENCE_MS): Promise<void> {
    let last: unknown;
    const isSaid = async () => {
      last = await this.world.ask({ call: "health" });
      return typeof last === "object" && last !== null && "state" in last && last.state === state;
    };
    await until(isSaid, patienceMs, `the daemon is ${state}`, () => `${JSON.stringify(last)}\n${this.said}`);
  }

  get said(): string {
    try {
      return readFileSync(this.errLog, "utf8");
    } catch {
      // It was never started.
      return "";
    }
  }
}
