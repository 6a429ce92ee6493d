/**
 * Commands in process groups of their own, by way of the runner host (runner-host.ts): prepared behind a gate, let go
 * once the daemon has recorded them, followed to their end. A run that another daemon started is adopted: followed by
 * its status file and its processes.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import type { Clock } from "./clock.ts";
import { BridgeError, refusedWith } from "./errors.ts";
import type { Files } from "./files.ts";
import { onLines } from "./lines.ts";
import { endGroup, type Processes, type ProcessIdentity } from "./processes.ts";
import { parseJson } from "./result.ts";
import {
  type FromHost,
  GO_LINE,
  isFromHost,
  isRunStatus,
  RUN_FILE,
  type RunSpec,
  type RunStatus,
  STATUS_FILE,
  type ToHost,
} from "./run-protocol.ts";

const ADOPT_POLL_MS = 100;
const HOST_IDLE_MS = 60_000;
const ENDS_KEPT = 256;

/** A run as the ledger knows it: enough for another daemon to find it again. */
export interface RunRecord {
  readonly folder: string;
  readonly process: ProcessIdentity;
  /** The host that will write the status file. */
  readonly host: ProcessIdentity;
  readonly bootId: string;
  readonly mark: string;
  readonly graceMs: number;
}

/** How a run ended. `unknown`: its host died, or the machine did, and none of its processes is left. */
export type RunEnd = RunStatus | "never ran" | "unknown";

/** A command that waits behind its gate. */
export interface PreparedRun {
  readonly process: ProcessIdentity;
  readonly host: ProcessIdentity;
  go(): Promise<RunEnd>;
  /** The gate goes away; the command never ran. */
  drop(): void;
}

export interface Runner {
  /** Throws RUNNER_FAILED when no process could be started, DISK_FULL and its like when its files could not be made. */
  prepare(spec: RunSpec): Promise<PreparedRun>;
  /** Ends a prepared or running command: TERM, then KILL after its grace. Its end arrives where it is awaited. */
  stop(key: string): void;
  /** Follows a run that an earlier daemon recorded, perhaps without having let it go. */
  adopt(record: RunRecord): Promise<RunEnd>;
  /** Ends the processes of a run; resolves when none is left. */
  endAll(record: RunRecord): Promise<boolean>;
  /** Lets go of the host: it ends when its last command has. */
  close(): void;
}

interface Waiting {
  readonly prepared: (run: { readonly pid: number; readonly startTime: string }) => void;
  readonly refused: (reason: string, errno?: string) => void;
  ended: ((end: RunEnd) => void) | undefined;
}

interface Host {
  readonly child: ChildProcess;
  readonly identity: ProcessIdentity;
  readonly waiting: Map<string, Waiting>;
}

export interface RunnerOptions {
  readonly files: Files;
  readonly clock: Clock;
  readonly processes: Processes;
  /** The built runner-host.js. */
  readonly hostPath: string;
}

export class HostRunner implements Runner {
  readonly #options: RunnerOptions;
  #host: Host | undefined;
  #idle = new AbortController();
  /** How the last runs of this host ended, by their marks: for an order that is begun again in this same life. */
  readonly #ends = new Map<string, RunEnd>();

  constructor(options: RunnerOptions) {
    this.#options = options;
  }

  async prepare(spec: RunSpec): Promise<PreparedRun> {
    const host = this.#liveHost();
    const started = await new Promise<{ readonly pid: number; readonly startTime: string }>((prepared, reject) => {
      const refused = (reason: string, errno?: string) => {
        const message = `${spec.argv[0] ?? "nothing"} could not be started: ${reason}`;
        reject(errno === undefined ? new BridgeError("RUNNER_FAILED", message) : refusedWith(errno, spec.folder));
      };
      host.waiting.set(spec.key, { prepared, refused, ended: undefined });
      tell(host, { say: "prepare", spec });
    });
    return {
      process: started,
      host: host.identity,
      go: () => this.#go(host, spec.key),
      drop: () => {
        host.waiting.delete(spec.key);
        tell(host, { say: "drop", key: spec.key });
        this.#restWhenIdle(host);
      },
    };
  }

  stop(key: string): void {
    if (this.#host !== undefined) tell(this.#host, { say: "stop", key });
  }

  async adopt(record: RunRecord): Promise<RunEnd> {
    const { files, processes, clock } = this.#options;
    const sameBoot = record.bootId === processes.bootId;
    const known = this.#ends.get(record.mark);
    if (known !== undefined) return known;
    for (;;) {
      // Asked before the file is read: a host that is gone by then has written all it ever will.
      const hostAlive = sameBoot && processes.isAlive(record.host);
      const status = readStatus(files, record.folder);
      if (status !== undefined) return status;
      if (!hostAlive) {
        await this.endAll(record);
        return sameBoot && !wasLetGo(files, record.folder) ? "never ran" : "unknown";
      }
      await clock.sleep(ADOPT_POLL_MS);
    }
  }

  async endAll(record: RunRecord): Promise<boolean> {
    const { processes, clock } = this.#options;
    if (record.bootId !== processes.bootId) return true;
    // A pid that another process has by now names no group of ours: its number is free only when the group is gone.
    const now = processes.identify(record.process.pid);
    const isOurs = now === undefined || now.startTime === record.process.startTime;
    const groupId = isOurs ? record.process.pid : undefined;
    const group = { groupId, mark: record.mark, graceMs: record.graceMs };
    return endGroup(processes, group, (durationMs) => clock.sleep(durationMs));
  }

  close(): void {
    this.#idle.abort();
    this.#host?.child.stdin?.end();
    this.#host = undefined;
  }

  #go(host: Host, key: string): Promise<RunEnd> {
    return new Promise((resolve) => {
      const waiting = host.waiting.get(key);
      if (waiting === undefined) {
        // The host died between prepare and go: the gate read end-of-file.
        resolve("never ran");
        return;
      }
      waiting.ended = resolve;
      tell(host, { say: "go", key });
    });
  }

  #liveHost(): Host {
    this.#idle.abort();
    if (this.#host !== undefined) return this.#host;
    const child = spawn(process.execPath, [this.#options.hostPath], {
      detached: true,
      stdio: ["pipe", "pipe", "inherit"],
      cwd: "/",
    });
    if (child.pid === undefined) throw new BridgeError("RUNNER_FAILED", "the runner host could not be started");
    const identity = this.#options.processes.identify(child.pid) ?? { pid: child.pid, startTime: "gone" };
    const host: Host = { child, identity, waiting: new Map() };
    // A host that is gone is noticed by its exit; what was written to it is lost with it.
    child.stdin?.on("error", () => undefined);
    child.on("error", () => undefined);
    child.on("exit", () => this.#loseHost(host));
    if (child.stdout !== null) onLines(child.stdout, (line) => this.#hear(host, line));
    this.#host = host;
    return host;
  }

  #hear(host: Host, line: string): void {
    const message = parseJson(line);
    if (isFromHost(message)) this.#handle(host, message);
  }

  #handle(host: Host, message: FromHost): void {
    const waiting = host.waiting.get(message.key);
    if (waiting === undefined) return;
    switch (message.say) {
      case "prepared":
        waiting.prepared({ pid: message.pid, startTime: message.startTime });
        return;
      case "refused":
        // Before it was prepared, or behind its gate: in both cases nothing ran.
        waiting.refused(message.reason, message.errno);
        waiting.ended?.("never ran");
        this.#remember(message.key, "never ran");
        break;
      case "ended":
        waiting.ended?.(message.status);
        this.#remember(message.key, message.status);
        break;
    }
    host.waiting.delete(message.key);
    this.#restWhenIdle(host);
  }

  #loseHost(host: Host): void {
    if (this.#host === host) this.#host = undefined;
    for (const waiting of host.waiting.values()) {
      waiting.refused("the runner host ended");
      waiting.ended?.("unknown");
    }
    host.waiting.clear();
  }

  #remember(key: string, end: RunEnd): void {
    this.#ends.set(key, end);
    const [oldest] = this.#ends.keys();
    if (this.#ends.size > ENDS_KEPT && oldest !== undefined) this.#ends.delete(oldest);
  }

  /** A host without work costs memory: after a while it may go. */
  #restWhenIdle(host: Host): void {
    if (host.waiting.size > 0) return;
    this.#idle.abort();
    this.#idle = new AbortController();
    const { signal } = this.#idle;
    void this.#options.clock.sleep(HOST_IDLE_MS, signal).then(() => {
      if (!signal.aborted && this.#host === host) this.close();
    });
  }
}

/** How the run ended, if its host has said so; undefined while it runs, or when its host died first. */
export function readStatus(files: Files, folder: string): RunStatus | undefined {
  const bytes = files.read(join(folder, STATUS_FILE));
  if (bytes === undefined) return undefined;
  const value = parseJson(bytes.toString("utf8"));
  return isRunStatus(value) ? value : undefined;
}

function wasLetGo(files: Files, folder: string): boolean {
  return files.read(join(folder, RUN_FILE))?.toString("utf8").endsWith(GO_LINE) ?? false;
}

function tell(host: Host, message: ToHost): void {
  host.child.stdin?.write(`${JSON.stringify(message)}\n`);
}
