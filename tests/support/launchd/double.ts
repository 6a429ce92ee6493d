/**
 * A launchd for tests: the state machine of launchd.ts with real processes, on a clock whose seconds are short, and a
 * `launchctl` to be found through PATH. It lives in the process of the test, which must not block it (no execFileSync of
 * launchctl), and is gone with it.
 */
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Clock, systemClock } from "../../../src/platform/clock.ts";
import { serve } from "../../../src/platform/socket.ts";
import { ROOT, until } from "../world.ts";
import { launchctl } from "./launchctl.ts";
import { type AgentFile, type AgentFiles, type Faults, Launchd, noFaults } from "./launchd.ts";
import { sightings } from "./sightings.ts";
import { realSpawner, send } from "./spawner.ts";

export interface DoubleOptions {
  /** How long a second of launchd takes, in seconds. */
  readonly secondsScale?: number;
  /** Its user's home. Everything that has it in its environment counts as the double's own, and dies with it. */
  readonly home: string;
}

const SCALE = 0.1;
const CLIENT = join(ROOT, "dist-tools", "tests", "support", "programs", "launchctl.js");

export class LaunchdDouble {
  readonly home: string;
  /** What to run `launchctl` with: the double's own is the first that PATH leads to. */
  readonly env: NodeJS.ProcessEnv;
  /** The path of `launchctl`, for who does not go by PATH. */
  readonly launchctl: string;
  /** What `gui/UID` begins with: the test's own user. */
  readonly userId = process.getuid?.() ?? 0;
  /** What goes wrong from now on. */
  readonly faults: Faults = noFaults();
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #launchd: Launchd;
  #close: () => Promise<void> = () => Promise.resolve();

  private constructor(home: string, folder: string, secondsScale: number) {
    this.home = home;
    this.#folder = folder;
    this.#clock = scaled(secondsScale);
    this.launchctl = join(folder, "bin", "launchctl");
    this.env = {
      PATH: `${join(folder, "bin")}:${process.env["PATH"] ?? ""}`,
      HOME: home,
      LANG: "C.UTF-8",
      NO_COLOR: "1",
    };
    this.#launchd = new Launchd({
      clock: this.#clock,
      spawn: realSpawner({ home, folder, faults: this.faults }),
      files: filesIn(Launchd.agentsFolder(home)),
      userId: this.userId,
      faults: this.faults,
    });
  }

  static async start({ secondsScale = SCALE, home }: DoubleOptions): Promise<LaunchdDouble> {
    // All that works for this home is killed in the end: it must not be anybody's own.
    if (!realpathSync(home).startsWith(`${realpathSync(tmpdir())}/`)) throw new Error(`${home} is no throwaway home`);
    const folder = realpathSync(mkdtempSync(join(tmpdir(), "wo-launchd-")));
    const double = new LaunchdDouble(home, folder, secondsScale);
    await double.#open();
    return double;
  }

  async #open(): Promise<void> {
    for (const name of ["bin", "T"]) mkdirSync(join(this.#folder, name));
    const address = join(this.#folder, "launchd.sock");
    const server = await serve(address, async (words, reply) => reply(await this.#answer(words)));
    this.#close = () => server.close();
    writeFileSync(this.launchctl, `#!/bin/sh\nexec '${process.execPath}' '${CLIENT}' '${address}' "$@"\n`);
    chmodSync(this.launchctl, 0o755);
  }

  async #answer(words: unknown): Promise<unknown> {
    try {
      return await launchctl(this.#launchd, Array.isArray(words) ? words.map(String) : []);
    } catch (thrown) {
      // What is not played must not look like an answer of launchd's.
      return { code: 70, stdout: "", stderr: `${String(thrown)}\n` };
    }
  }

  /** Lets so many of launchd's seconds pass. */
  pass(seconds: number): Promise<void> {
    return this.#clock.sleep(seconds * 1000);
  }

  /** The machine sleeps for so many seconds, which pass at once. */
  sleepMachine(seconds: number): void {
    this.#launchd.sleepMachine(seconds);
  }

  /** Power off and on, and the user logs in again: only what lies in LaunchAgents and is not disabled is loaded. */
  async reboot(): Promise<void> {
    await this.#launchd.shutdown();
    await this.#killAll();
    this.#launchd.login();
  }

  /** A switch in System Settings, Login Items: writes down what `enable` and `disable` write. */
  switchLoginItem(label: string, isOn: boolean): void {
    this.#launchd.setDisabled(label, !isOn);
  }

  /** Pids of all that has the label's environment, main process and others, whatever group they are in. */
  processesOf(label: string): number[] {
    const session = `SSH_AUTH_SOCK=${join(this.#folder, "Listeners")}`;
    return sightings().flatMap(({ pid, env }) =>
      env.includes(session) && env.includes(`XPC_SERVICE_NAME=${label}`) ? [pid] : [],
    );
  }

  /** When the loaded label was launched, in launchd's seconds from an arbitrary start; empty when it is not loaded. */
  launchesOf(label: string): number[] {
    return (this.#launchd.job("gui", label)?.launchesMs ?? []).map((ms) => ms / 1000);
  }

  /** Everything that was started here, or works for this home, and lives. */
  leftovers(): number[] {
    return sightings().flatMap(({ pid, text }) =>
      text.includes(this.#folder) || text.includes(this.home) ? [pid] : [],
    );
  }

  /** Ends it with all its processes, killed where they would take their time. Throws when one of them is left. */
  async stop(): Promise<void> {
    const isDown = this.#launchd.shutdown();
    await this.#killAll();
    await isDown;
    await this.#close();
    rmSync(this.#folder, { recursive: true, force: true });
    const left = this.leftovers();
    if (left.length > 0) throw new Error(`launchd's processes are left: ${left.join(", ")}`);
  }

  async #killAll(): Promise<void> {
    const isNobodyLeft = () => {
      const left = this.leftovers();
      for (const pid of left) send(pid, "SIGKILL");
      return left.length === 0;
    };
    await until(isNobodyLeft, 10_000, "everything that launchd started is gone", () => this.leftovers().join(", "));
  }
}

/** Seconds that take `scale` seconds. */
function scaled(scale: number): Clock {
  return {
    ...systemClock,
    elapsed: () => systemClock.elapsed() / scale,
    sleep: (durationMs, signal) => systemClock.sleep(durationMs * scale, signal),
  };
}

function filesIn(folder: string): AgentFiles {
  return {
    read: readAgentFile,
    list: () => {
      try {
        return readdirSync(folder)
          .filter((name) => name.endsWith(".plist"))
          .map((name) => join(folder, name));
      } catch {
        // No agent was ever installed.
        return [];
      }
    },
  };
}

function readAgentFile(path: string): AgentFile | undefined {
  try {
    const { mode, uid } = lstatSync(realpathSync(path));
    return { text: readFileSync(path, "utf8"), mode, userId: uid, isLink: lstatSync(path).isSymbolicLink() };
  } catch {
    // Not there, or not a file: bootstrap says 5.
    return undefined;
  }
}
