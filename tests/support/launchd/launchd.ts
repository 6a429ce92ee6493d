/**
 * A user's launchd as a state machine: domains with jobs in them, and the store of what is disabled. It has no time and
 * no processes of its own. What it does follows notes and measurements of others, not a Mac of ours: the rows of
 * conformance.ts say which.
 */
import { join } from "node:path";
import type { Clock } from "../../../src/platform/clock.ts";
import { type Agent, readAgent } from "./agent.ts";
import { Job, type Spawn } from "./job.ts";

/** A property list as launchd finds it. */
export interface AgentFile {
  readonly text: string;
  readonly mode: number;
  readonly userId: number;
  readonly isLink: boolean;
}

export interface AgentFiles {
  /** Undefined when nothing is there. */
  read(path: string): AgentFile | undefined;
  /** Paths of what lies in the user's LaunchAgents. */
  list(): readonly string[];
}

/** What goes wrong, and where macOS versions differ. Tests set it; it holds from then on. */
export interface Faults {
  /** So many bootstraps fail with 5, whatever they load. */
  bootstrapFails: number;
  /** A label that was booted out stays for so many seconds after its process is gone. */
  bootoutLingersS: number;
  /** Nobody is logged in at the screen, as for who comes by SSH: there is no gui domain. */
  noGui: boolean;
  /** Paths below which TCC lets no agent read or write. */
  denied: readonly string[];
  /** What a loaded label answers to bootstrap. */
  loadedAlready: 5 | 37;
  /** 5 instead of the codes that say more: 119, 122, 134. */
  catchAll: boolean;
  /** `=> true` instead of `=> disabled`. */
  oldDisabledWords: boolean;
}

export function noFaults(): Faults {
  return {
    bootstrapFails: 0,
    bootoutLingersS: 0,
    noGui: false,
    denied: [],
    loadedAlready: 5,
    catchAll: false,
    oldDisabledWords: false,
  };
}

export interface LaunchdParts {
  readonly clock: Clock;
  readonly spawn: Spawn;
  readonly files: AgentFiles;
  readonly userId: number;
  readonly faults: Faults;
}

export type Domain = "gui" | "user";

const SESSION: Readonly<Record<Domain, string>> = { gui: "Aqua", user: "Background" };

export class Launchd {
  readonly faults: Faults;
  readonly userId: number;
  readonly #parts: LaunchdParts;
  readonly #jobs = new Map<string, Job>();
  /** One store per user, for both domains. It outlives jobs, property lists and boots. */
  readonly #disabled = new Map<string, boolean>();

  constructor(parts: LaunchdParts) {
    this.#parts = parts;
    this.userId = parts.userId;
    this.faults = parts.faults;
  }

  /** Loads a property list; launchctl's code, 0 when it is loaded. */
  bootstrap(domain: Domain, path: string): number {
    if (this.#isMissing(domain)) return 125;
    if (this.faults.bootstrapFails > 0) {
      this.faults.bootstrapFails -= 1;
      return 5;
    }
    const file = this.#parts.files.read(path);
    if (file === undefined) return 5;
    if (!this.#mayRead(file)) return this.#orCatchAll(122);
    const agent = readAgent(file.text);
    if (!agent.ok) return agent.error;
    const refusal = this.#refusalOf(domain, agent.value);
    if (refusal !== undefined) return refusal;
    const job = new Job(agent.value, path, this.#parts.clock, this.#parts.spawn);
    this.#jobs.set(`${domain}/${agent.value.label}`, job);
    job.load();
    return 0;
  }

  #refusalOf(domain: Domain, { label, sessions }: Agent): number | undefined {
    if (this.#jobs.has(`${domain}/${label}`)) return this.faults.loadedAlready;
    if (this.isDisabled(label)) return this.#orCatchAll(119);
    return sessions.includes(SESSION[domain]) ? undefined : this.#orCatchAll(134);
  }

  /** Begins to unload and does not wait: the label is there until its process is gone. 36 when that is on its way. */
  bootout(domain: Domain, label: string): number {
    const job = this.job(domain, label);
    if (job === undefined) return 3;
    if (job.isUnloaded) return 36;
    void this.#unload(`${domain}/${label}`, job);
    return 0;
  }

  async #unload(key: string, job: Job): Promise<void> {
    await job.unload();
    if (this.faults.bootoutLingersS > 0) await this.#parts.clock.sleep(this.faults.bootoutLingersS * 1000);
    if (this.#jobs.get(key) === job) this.#jobs.delete(key);
  }

  /** The label of what was loaded from this property list, or would be. */
  labelAt(path: string): string | undefined {
    for (const job of this.#jobs.values()) if (job.path === path) return job.agent.label;
    const agent = readAgent(this.#parts.files.read(path)?.text ?? "");
    return agent.ok ? agent.value.label : undefined;
  }

  /** Undefined when the label is not loaded. */
  job(domain: Domain, label: string): Job | undefined {
    return this.#isMissing(domain) ? undefined : this.#jobs.get(`${domain}/${label}`);
  }

  jobs(): readonly Job[] {
    return [...this.#jobs.values()];
  }

  isDisabled(label: string): boolean {
    return this.#disabled.get(label) === true;
  }

  /** As `launchctl disable|enable`, and the switches of Login Items, write it down: what runs goes on. */
  setDisabled(label: string, isDisabled: boolean): void {
    this.#disabled.set(label, isDisabled);
  }

  /** All that was ever written down, labels that are enabled included. */
  get disabled(): ReadonlyMap<string, boolean> {
    return this.#disabled;
  }

  /** Everything is stopped as `bootout` does, and forgotten. */
  async shutdown(): Promise<void> {
    await Promise.all(this.jobs().map((job) => job.unload()));
    this.#jobs.clear();
  }

  /** Loads what lies in LaunchAgents, as the login does: links and what may not be read are passed over. */
  login(): void {
    if (this.faults.noGui) return;
    for (const path of this.#parts.files.list())
      if (this.#parts.files.read(path)?.isLink === false) this.bootstrap("gui", path);
  }

  /** The machine slept for so long; nothing happened meanwhile. */
  sleepMachine(seconds: number): void {
    for (const job of this.jobs()) job.wake(seconds * 1000);
  }

  #isMissing(domain: Domain): boolean {
    return domain === "gui" && this.faults.noGui;
  }

  #mayRead({ mode, userId }: AgentFile): boolean {
    return userId === this.userId && (mode & 0o022) === 0;
  }

  #orCatchAll(code: number): number {
    return this.faults.catchAll ? 5 : code;
  }

  /** Where the user's agents lie below his home. */
  static agentsFolder(home: string): string {
    return join(home, "Library", "LaunchAgents");
  }
}
