/** One loaded agent, from being loaded until its label is free again. All its time is the clock's, all its processes the spawner's. */
import type { Clock } from "../../../src/platform/clock.ts";
import type { Agent, KeepAlive } from "./agent.ts";

/** How a main process has ended. */
export type End = { readonly code: number } | { readonly signal: NodeJS.Signals };

/** A main process; its group has its pid. */
export interface Child {
  readonly pid: number;
  readonly ended: Promise<End>;
  signal(signal: NodeJS.Signals): void;
  /** What is left of its group gets the signal; nothing where none is left. */
  signalGroup(signal: NodeJS.Signals): void;
}

/** Starts the agent's main process; undefined when it cannot be brought to run: EX_CONFIG. */
export type Spawn = (agent: Agent) => Child | undefined;

/**
 *   idle ──start──► running ──ends──► idle | scheduled
 *     └──throttled──► scheduled ──due──► running
 *   running ──TERM──► stopping ──ExitTimeOut──► KILL ──ends──► idle
 */
type State =
  | { readonly is: "idle" }
  | { readonly is: "scheduled"; readonly canceled: AbortController }
  | { readonly is: "running"; readonly child: Child }
  | { readonly is: "stopping"; readonly child: Child; readonly last: "SIGTERMed" | "SIGKILLed" };

const EX_CONFIG = 78;
const CRASHES: ReadonlySet<string> = new Set(["SIGILL", "SIGABRT", "SIGFPE", "SIGBUS", "SIGSEGV", "SIGSYS", "SIGTRAP"]);

export class Job {
  readonly agent: Agent;
  /** The property list it was loaded from. */
  readonly path: string;
  readonly #clock: Clock;
  readonly #spawn: Spawn;
  readonly #unloaded = new AbortController();
  #state: State = { is: "idle" };
  #asleepMs = 0;
  #nap = new AbortController();
  /** Moments of its launches by the clock's `elapsed`, those included that came to nothing. */
  readonly launchesMs: number[] = [];
  lastEnd: End | undefined;
  /** The last launch came to nothing: no process was ever there. */
  spawnFailed = false;

  constructor(agent: Agent, path: string, clock: Clock, spawn: Spawn) {
    this.agent = agent;
    this.path = path;
    this.#clock = clock;
    this.#spawn = spawn;
  }

  /** Begins its life in the domain. */
  load(): void {
    if (this.agent.runAtLoad) this.start();
    if (this.agent.intervalMs !== undefined) void this.#keepInterval(this.agent.intervalMs);
  }

  get state(): "not running" | "spawn scheduled" | "running" | "SIGTERMed" | "SIGKILLed" {
    if (this.#state.is === "idle") return "not running";
    if (this.#state.is === "scheduled") return "spawn scheduled";
    return this.#state.is === "running" ? "running" : this.#state.last;
  }

  get pid(): number | undefined {
    return "child" in this.#state ? this.#state.child.pid : undefined;
  }

  /** Starts it as soon as its throttle allows; nothing when it runs. The throttle counts from its last launch. */
  start(): void {
    if (this.#state.is !== "idle" || this.#unloaded.signal.aborted) return;
    const lastMs = this.launchesMs.at(-1) ?? Number.NEGATIVE_INFINITY;
    const waitMs = lastMs + this.agent.throttleMs - this.#clock.elapsed();
    if (waitMs > 0) void this.#launchAfter(waitMs);
    else this.#launch();
  }

  /** Signals the main process alone; false when there is none. */
  signal(signal: NodeJS.Signals): boolean {
    if (!("child" in this.#state)) return false;
    this.#state.child.signal(signal);
    return true;
  }

  /** TERM, after ExitTimeOut KILL, both to the main process alone. Resolves when it is gone. */
  async stop(): Promise<void> {
    if (this.#state.is === "scheduled") {
      this.#state.canceled.abort();
      this.#state = { is: "idle" };
    }
    if (!("child" in this.#state)) return;
    const { child } = this.#state;
    if (this.#state.is === "running") {
      this.#state = { is: "stopping", child, last: "SIGTERMed" };
      child.signal("SIGTERM");
      void this.#killLater(child);
    }
    await child.ended;
  }

  /** As `stop`, for good: it is not started again. */
  async unload(): Promise<void> {
    this.#unloaded.abort();
    await this.stop();
  }

  /** It is on its way out of its domain. */
  get isUnloaded(): boolean {
    return this.#unloaded.signal.aborted;
  }

  /** The machine was asleep: what was due meanwhile is lost, not made up for. */
  wake(asleepMs: number): void {
    this.#asleepMs += asleepMs;
    this.#nap.abort();
  }

  async #launchAfter(waitMs: number): Promise<void> {
    const canceled = new AbortController();
    this.#state = { is: "scheduled", canceled };
    await this.#clock.sleep(waitMs, canceled.signal);
    if (!canceled.signal.aborted) this.#launch();
  }

  #launch(): void {
    this.launchesMs.push(this.#clock.elapsed());
    const child = this.#spawn(this.agent);
    this.spawnFailed = child === undefined;
    if (child === undefined) return this.#rest({ code: EX_CONFIG });
    this.#state = { is: "running", child };
    void child.ended.then((end) => {
      // Caught by whoever handles TERM: this is no KILL, and sent once.
      if (!this.agent.abandonsGroup) child.signalGroup("SIGTERM");
      this.#rest(end);
    });
  }

  #rest(end: End): void {
    this.lastEnd = end;
    this.#state = { is: "idle" };
    if (isWantedAgain(this.agent.keepAlive, end)) this.start();
  }

  async #killLater(child: Child): Promise<void> {
    if (this.agent.exitTimeoutMs === 0) return;
    const gone = new AbortController();
    void child.ended.then(() => gone.abort());
    await this.#clock.sleep(this.agent.exitTimeoutMs, gone.signal);
    if (gone.signal.aborted) return;
    this.#state = { is: "stopping", child, last: "SIGKILLed" };
    child.signal("SIGKILL");
  }

  /** A moment that comes while it runs, or while the machine sleeps, is lost. */
  async #keepInterval(intervalMs: number): Promise<void> {
    const wallMs = () => this.#clock.elapsed() + this.#asleepMs;
    let dueMs = wallMs() + intervalMs;
    while (!this.#unloaded.signal.aborted) {
      this.#nap = new AbortController();
      await this.#clock.sleep(dueMs - wallMs(), AbortSignal.any([this.#nap.signal, this.#unloaded.signal]));
      if (!this.#nap.signal.aborted) {
        this.start();
        dueMs += intervalMs;
      } else while (dueMs <= wallMs()) dueMs += intervalMs;
    }
  }
}

function isWantedAgain(keepAlive: KeepAlive | undefined, end: End): boolean {
  if (keepAlive === undefined) return false;
  const isSuccess = "code" in end && end.code === 0;
  const isCrash = "signal" in end && CRASHES.has(end.signal);
  return keepAlive.always || keepAlive.successfulExit === isSuccess || keepAlive.crashed === isCrash;
}
