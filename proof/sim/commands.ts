/**
 * Commands on the simulated machine. They outlive the daemon that let them go, under their host; a power cut ends them.
 * A command's effect is something outside of the disk that no crash takes back: it is counted.
 */
import type { RunSpec, RunStatus } from "../../src/platform/run-protocol.ts";
import type { PreparedRun, RunEnd, Runner, RunRecord } from "../../src/platform/runner.ts";
import type { Random } from "../rig/random.ts";
import type { Life } from "./life.ts";
import type { Scheduler } from "./scheduler.ts";

interface Run {
  readonly life: Life;
  readonly order: string;
  readonly exitCode: number;
  /** The daemon has said so. */
  isToGo: boolean;
  /** The host has heard it. */
  isLetGo: boolean;
  /** Its processes are gone before it was through. */
  isEnded: boolean;
  /** Its status file. */
  end: RunEnd | undefined;
  readonly waiting: ((end: RunEnd) => void)[];
}

const START_MS = 3;
const RUN_MS = 400;
const ADOPT_MS = 100;

export class Commands {
  /** How often each order's command took effect. */
  readonly effects = new Map<string, number>();
  readonly #random: Random;
  readonly #scheduler: Scheduler;
  /** By their mark. */
  readonly #runs = new Map<string, Run>();

  constructor(random: Random, scheduler: Scheduler) {
    this.#random = random;
    this.#scheduler = scheduler;
  }

  /** The commands of a process: `effect ID EXIT` takes effect once, and exits so. */
  runnerFor(life: Life): Runner {
    return {
      prepare: (spec) => life.hear(this.#prepare(life, spec)),
      stop: (key) => this.#kill(this.#runs.get(key), "SIGTERM"),
      adopt: (record) => life.hear(this.#adopt(record)),
      endAll: async ({ mark }) => {
        this.#kill(this.#runs.get(mark), undefined);
        return true;
      },
      close: () => undefined,
    };
  }

  /** The process is gone: the gates that it held read end-of-file. */
  orphan(life: Life): void {
    for (const run of this.#runs.values()) if (run.life === life && !run.isToGo) run.isEnded = true;
  }

  /** Of those that run nobody will ever know how they ended. */
  cutPower(): void {
    for (const run of this.#runs.values()) run.isEnded = true;
  }

  async #prepare(life: Life, spec: RunSpec): Promise<PreparedRun> {
    await this.#later(this.#random.next() * START_MS);
    const [, order = "", exit = "0"] = /effect (\S+) (\d+)/.exec(spec.argv.at(-1) ?? "") ?? [];
    const exitCode = Number(exit);
    const run: Run = {
      life,
      order,
      exitCode,
      isToGo: false,
      isLetGo: false,
      isEnded: life.isDead,
      end: undefined,
      waiting: [],
    };
    this.#runs.set(spec.mark, run);
    const identity = { pid: 10_000 + this.#runs.size, startTime: spec.mark };
    return {
      process: identity,
      host: identity,
      go: () => life.hear(this.#go(life, run)),
      drop: () => void (run.isEnded = true),
    };
  }

  #go(life: Life, run: Run): Promise<RunEnd> {
    run.isToGo = true;
    this.#scheduler.after(this.#random.next(), () => {
      // On its way when the daemon died: it arrives, or the gate reads end-of-file.
      run.isEnded ||= life.isDead && this.#random.chance(0.5);
      if (run.isEnded) return;
      run.isLetGo = true;
      this.#scheduler.after(this.#random.next() * RUN_MS, () => this.#finish(run));
    });
    return new Promise((resolve) => run.waiting.push(resolve));
  }

  #finish(run: Run): void {
    if (run.isEnded) return;
    this.effects.set(run.order, (this.effects.get(run.order) ?? 0) + 1);
    // Between the command's last word and its status on the medium there is a moment.
    this.#scheduler.after(this.#random.next() * START_MS, () => {
      if (!run.isEnded) this.#end(run, statusOf({ exitCode: run.exitCode }));
    });
  }

  #kill(run: Run | undefined, signal: string | undefined): void {
    if (run === undefined || run.isEnded) return;
    run.isEnded = true;
    if (signal !== undefined && run.isLetGo) this.#end(run, statusOf({ signal, stopped: true }));
  }

  #end(run: Run, end: RunEnd): void {
    run.isEnded = true;
    run.end = end;
    for (const resolve of run.waiting.splice(0)) resolve(end);
  }

  async #adopt({ mark }: RunRecord): Promise<RunEnd> {
    for (;;) {
      const run = this.#runs.get(mark);
      if (run === undefined) return "never ran";
      if (run.end !== undefined) return run.end;
      if (run.isEnded) return run.isLetGo ? "unknown" : "never ran";
      await this.#later(ADOPT_MS);
    }
  }

  #later(durationMs: number): Promise<void> {
    return new Promise((resolve) => this.#scheduler.after(durationMs, resolve));
  }
}

function statusOf(how: Partial<RunStatus>): RunStatus {
  const output = { bytes: 0, cut: false, tail: "" };
  const flags = { timedOut: false, stopped: false, leftovers: false };
  return { v: 1, ...flags, durationMs: 1, stdout: output, stderr: output, ...how };
}
