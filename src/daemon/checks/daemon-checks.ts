/** The process that does the work: is it there, is it the right one, does it answer, and who holds what it needs. */
import { join } from "node:path";
import type { Files } from "../../platform/files.ts";
import { Vault } from "../../records/vault.ts";
import { isInstalledFor } from "../../upkeep/agents/agent-state.ts";
import type { Finding } from "../../upkeep/doctor.ts";
import type { BoundBase } from "../base.ts";
import { STOP_LIMIT_MS } from "../config.ts";
import { lockName } from "../opening.ts";
import { type Runtime, readRuntime } from "../runtime.ts";
import type { Patient } from "./patient.ts";

const HEARTBEAT_LATE_MS = 90_000;
const COMMAND_CHARS = 100;
/** Of the files that it may have open. */
const FILES_MANY = 0.8;
/** Near the limit at which a stop ends whatever hangs. */
const STOP_SLOW_MS = 0.9 * STOP_LIMIT_MS;

export async function daemonFindings(patient: Patient, base: BoundBase): Promise<Finding[]> {
  const { files } = patient.ground;
  const live = (await patient.health()) ?? (await patient.healthAgain?.());
  const known = live ?? readRuntime(files, new Vault(files, base.vault));
  if (known === undefined) return [{ mark: "error", seen: "no daemon has run here", next: "wo daemon start" }];
  const { since, reason, hint } = known;
  if (known.state === "refused") {
    const next = hint ?? "wo daemon status";
    return [{ mark: "error", seen: `it refuses to work: ${reason ?? "unknown"}`, since, next }];
  }
  // Started by hand beside its agent it would not be started again when it dies.
  const isKept = isInstalledFor(files, base.home, base.path);
  const start = isKept ? "wo agent start" : "wo daemon start";
  const restart = isKept ? "wo agent restart" : "wo daemon stop && wo daemon start";
  return live === undefined ? [silentFinding(patient, known, start)] : [liveFinding(patient, live, restart)];
}

/** Of one that does not answer. */
function silentFinding(
  patient: Patient,
  { pid, startTime, state, heartbeat, reason }: Runtime,
  start: string,
): Finding {
  const { ground, commandOf, healthAgain } = patient;
  const { processes } = ground;
  const since = heartbeat;
  if (state === "running" && processes.isAlive({ pid, startTime })) {
    if (healthAgain !== undefined)
      return { mark: "error", seen: `pid ${pid} lives and does not answer`, since, next: `kill -9 ${pid}` };
    // Of one short question nobody is called dead: the machine may be busy.
    const seen = `pid ${pid} lives and did not answer at once`;
    return { mark: "unknown", seen, since, next: "wo doctor --check daemon    (asks it again, for longer)" };
  }
  const other = state === "running" && processes.identify(pid) !== undefined ? commandOf(pid) : undefined;
  const reused = other === undefined ? "" : `; pid ${pid} is another program by now: ${other.slice(0, COMMAND_CHARS)}`;
  const how =
    state === "running"
      ? `it ended without a word${reused}`
      : `it was stopped${reason === undefined ? "" : `: ${reason}`}`;
  return { mark: "error", seen: `no daemon runs: ${how}`, since, next: start };
}

function liveFinding({ ground, openFilesOf }: Patient, runtime: Runtime, restart: string): Finding {
  const { pid, version, heartbeat, since, lastStopMs } = runtime;
  const { machine, clock } = ground;
  if (version !== machine.version) {
    const seen = `pid ${pid} runs wo-bridge ${version}, and this is ${machine.version}`;
    return { mark: "warning", seen, since, next: restart };
  }
  const silentMs = clock.now() - Date.parse(heartbeat);
  if (silentMs > HEARTBEAT_LATE_MS)
    return { mark: "error", seen: `pid ${pid} answers, and works no more`, since: heartbeat, next: restart };
  const files = openFilesOf(pid);
  if (files !== undefined && files.open > files.limit * FILES_MANY) {
    const seen = `pid ${pid} has ${files.open} files open, of ${files.limit} that it may have`;
    return { mark: "warning", seen, since, next: `ls -l /proc/${pid}/fd` };
  }
  const stop = lastStopMs === undefined ? "" : `, the last stop took ${seconds(lastStopMs)}`;
  if (lastStopMs !== undefined && lastStopMs > STOP_SLOW_MS) {
    const seen = `pid ${pid} works${stop}: after ${seconds(STOP_LIMIT_MS)} it would have been killed`;
    return {
      mark: "warning",
      seen,
      since,
      next: "wo log --since 1d    (what ran when it was told to stop)",
    };
  }
  const sign = `last sign of life ${Math.max(0, Math.round(silentMs / 1000))} s ago${stop}`;
  const open = files === undefined ? "" : `, ${files.open} of ${files.limit} files open`;
  return { mark: "ok", seen: `up, pid ${pid}, wo-bridge ${version}, ${sign}${open}`, since };
}

function seconds(durationMs: number): string {
  return `${(durationMs / 1000).toFixed(1)} s`;
}

/** Who holds the base, and whether that is the daemon that is known here. */
export async function lockFindings({ ground, health, holderOf }: Patient, base: BoundBase): Promise<Finding[]> {
  const { files, machine } = ground;
  const ask = () => holderOf(join(machine.stateRoot, "locks"), lockName("base", base));
  const [live, first] = await Promise.all([health(), ask()]);
  // One that works may have been busy for a moment.
  const holder = live !== undefined && first !== undefined && pidIn(first) === 0 ? await ask() : first;
  const known = live ?? readRuntime(files, new Vault(files, base.vault));
  if (holder === undefined) return [live === undefined ? nobodyFinding(ground.files, base) : unlockedFinding(live)];
  const pid = pidIn(holder);
  // Who is stuck cannot say who he is.
  if (pid === 0) return [{ mark: "unknown", seen: `the base is held by ${holder}`, next: "wo daemon status" }];
  if (pid === known?.pid) return [{ mark: "ok", seen: `the base is held by ${holder}` }];
  const recorded = known === undefined ? "none was ever recorded" : `pid ${known.pid} is recorded`;
  const seen = `the base is held by another process, ${holder}; here ${recorded}`;
  return [{ mark: "error", seen, next: `ps -o pid,lstart,command -p ${pid}` }];
}

function pidIn(holder: string): number {
  return Number(/^pid (\d+)/.exec(holder)?.[1] ?? 0);
}

function unlockedFinding({ pid }: Runtime): Finding {
  const seen = `pid ${pid} answers as the daemon, and the base is not locked: a second one could start`;
  return { mark: "error", seen, next: "wo daemon stop && wo daemon start" };
}

/** What a dead daemon leaves excludes nobody: the kernel has dropped its lock. */
function nobodyFinding(files: Files, { vault }: BoundBase): Finding {
  const left = ["control.sock", "daemon.lock"].filter((name) => files.info(join(vault, name)) !== undefined);
  const seen =
    left.length === 0 ? "" : `; ${left.join(" and ")} are left of a dead daemon, and the next start takes them away`;
  return { mark: "ok", seen: `nobody holds the base${seen}` };
}
