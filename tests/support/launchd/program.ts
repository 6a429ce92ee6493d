/** What an agent's program does, as data: played by a puppet on a hand clock, or written as a shell script for real processes. */
import type { Clock } from "../../../src/platform/clock.ts";
import type { Child, End, Spawn } from "./job.ts";

export interface Program {
  /** Ends by itself after so many seconds; stays when absent. */
  readonly livesS?: number;
  /** How it ends by itself. Default 0. */
  readonly ends?: number | "SIGSEGV";
  /** Default: it dies of it. */
  readonly onTerm?: "exits 0" | "goes on";
  /** A child in its group that does nothing about TERM, or does not hear it. */
  readonly child?: "plain" | "deaf";
  /** What it prints first, as shell words; for real processes alone. */
  readonly prints?: string;
}

/** The program as a script; its child's pid goes to `childFile`. */
export function scriptOf(program: Program, childFile: string, secondsScale: number): string {
  const { livesS, ends = 0, onTerm, child, prints } = program;
  const nap = livesS === undefined ? 1_000_000 : livesS * secondsScale;
  const lines = [
    "#!/bin/sh",
    ...(onTerm === undefined ? [] : [`trap ${onTerm === "exits 0" ? "'exit 0'" : ":"} TERM`]),
    ...(prints === undefined ? [] : [prints]),
    ...(child === undefined ? [] : [`${CHILDREN[child]} & echo $! > '${childFile}'`]),
    // A wait that TERM has cut short is begun again, unless TERM is the end.
    livesS === undefined ? `while :; do sleep ${nap} & wait $!; done` : `sleep ${nap}`,
    typeof ends === "number" ? `exit ${ends}` : `kill -${ends.slice(3)} $$`,
  ];
  return `${lines.join("\n")}\n`;
}

const CHILDREN = { plain: "sleep 1000000", deaf: `sh -c 'trap "" TERM; exec sleep 1000000'` } as const;

/** Processes that are only told of: each plays the program until it ends or is ended. */
export class Puppets {
  readonly #clock: Clock;
  readonly #program: Program;
  #nextPid = 500;
  /** How the child of the last one that had one is; undefined when none was ever there. */
  child: "alive" | "gone" | undefined;

  constructor(clock: Clock, program: Program) {
    this.#clock = clock;
    this.#program = program;
  }

  readonly spawn: Spawn = () => {
    const { livesS, ends = 0, onTerm, child } = this.#program;
    const gone = new AbortController();
    let finish: (end: End) => void = () => undefined;
    const ended = new Promise<End>((resolve) => {
      finish = resolve;
    });
    void ended.then(() => gone.abort());
    if (child !== undefined) this.child = "alive";
    if (livesS !== undefined) {
      const end = typeof ends === "number" ? { code: ends } : { signal: ends };
      void this.#clock.sleep(livesS * 1000, gone.signal).then(() => finish(end));
    }
    this.#nextPid += 1;
    return { pid: this.#nextPid, ended, signal, signalGroup: this.#signalGroup };

    function signal(signal: NodeJS.Signals): void {
      if (signal !== "SIGTERM" || onTerm === undefined) finish({ signal });
      else if (onTerm === "exits 0") finish({ code: 0 });
    }
  };

  readonly #signalGroup: Child["signalGroup"] = (signal) => {
    if (this.child === "alive" && (signal === "SIGKILL" || this.#program.child === "plain")) this.child = "gone";
  };
}
