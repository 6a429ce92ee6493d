/**
 * kill -9 at a system call of the daemon as its users run it, whichever of its threads or helpers makes the call: strace
 * counts, and the kernel ends it there. Where `kills` knows the steps, this knows nothing of the program.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "../tests/support/world.ts";
import type { Violation } from "./model/check.ts";
import type { Run } from "./report.ts";
import { PLOTS, type Plot, Scene } from "./rig/scenes.ts";
import { Counter, type Tally } from "./rig/tally.ts";
import { restOf, verdict } from "./rig/verdict.ts";

/** As strace names them: what changes the disk, what makes it last, and what begins a thread or a command. */
const CALLS = ["write", "pwrite64", "/^rename", "/^unlink", "/^mkdir", "/^link", "fsync", "fdatasync", "/^clone"];
/** Each thread counts for itself, and the busiest gets there first; no run makes more of one call. */
const TIMES_MAX = 60;
const SHORT_TIMES = [1, 4];
const ATTACH_MS = 10_000;
/** Those that are nothing but drops. */
const BUSY = PLOTS.slice(0, 3);

/** Why it cannot be tried here; undefined: it can. */
export function whyNoCalls(): string | undefined {
  if (process.platform !== "linux") return "only Linux has strace";
  return spawnSync("strace", ["-o", "/dev/null", "true"]).status === 0
    ? undefined
    : "strace is missing, or may not trace";
}

interface Hit {
  /** Whether anybody came that far. */
  readonly isHit: boolean;
  readonly violations: readonly Violation[];
}

/** Ends whoever makes this call for the n-th time, starts the daemon again if it was that, and looks. */
export async function killAtCall(plot: Plot, call: string, times: number): Promise<Hit> {
  const scene = await Scene.make(plot);
  const { world, observer } = scene;
  const daemon = await world.startDaemon();
  const log = join(world.root, "calls");
  const tracer = await trace(daemon, log, `${call}:signal=SIGKILL:when=${times}`);
  await plot.act?.(scene, daemon);
  // A command may be what was ended, and its order fails of that.
  for (const [index, drop] of observer.drops.entries())
    if (drop.effects !== undefined) observer.drops[index] = { ...drop, ends: ["done", "failed"] };
  const trouble = await restOf(world, observer, daemon);
  await letGo(tracer);
  await world.kill(daemon, "SIGTERM");
  observer.look();
  const isHit = readFileSync(log, "utf8").includes("+++ killed by SIGKILL +++");
  const died = daemon.signalCode === "SIGKILL";
  // Whom it hit in the middle of its work did not come to rest.
  const violations = [...(died ? [] : trouble), ...(await verdict(world, observer, { isThorough: false }))];
  if (violations.length === 0) await world.remove();
  return { isHit, violations };
}

/** strace may wait for ever for what it has just stopped; the kernel lets go of that when strace is dead. */
async function letGo(tracer: ChildProcess): Promise<void> {
  const hurry = setTimeout(() => tracer.kill("SIGKILL"), ATTACH_MS);
  if (tracer.exitCode === null && tracer.signalCode === null) {
    tracer.kill("SIGTERM");
    await once(tracer, "exit");
  }
  clearTimeout(hurry);
}

/** Watches every thread of the daemon, and whatever it starts, from now on. */
async function trace({ pid }: ChildProcess, log: string, inject: string): Promise<ChildProcess> {
  const [call = ""] = inject.split(":");
  const words = ["-f", "-p", String(pid), "-o", log, "-e", `trace=${call}`, "-e", `inject=${inject}`];
  const tracer = spawn("strace", words, { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  tracer.stderr.setEncoding("utf8").on("data", (text) => {
    said += String(text);
  });
  await until(
    () => said.includes("attached"),
    ATTACH_MS,
    "strace watches the daemon",
    () => said,
  );
  return tracer;
}

/** At each of these times that anybody makes a call, of every call. */
export async function callsOf(plot: Plot, times: readonly number[]): Promise<Tally> {
  const counter = new Counter(methodOf(plot));
  const seen: string[] = [];
  for (const call of CALLS) {
    let last = 0;
    for (const time of times) {
      const { isHit, violations } = await killAtCall(plot, call, time);
      if (isHit || violations.length > 0) counter.add(`${plot.name} at ${call} ${time}`, violations);
      // Nobody makes so many.
      if (!isHit) break;
      last = time;
    }
    if (last > 0) seen.push(`${call.replace("/^", "")} ${last}`);
  }
  return counter.tally(`the last of each call that somebody made: ${seen.join(", ")}`);
}

function methodOf({ name }: Plot): string {
  return `kill −9 at a system call: ${name}`;
}

/** A few of them, or all. */
export async function calls(run: Run): Promise<void> {
  const times = run.isFull ? Array.from({ length: TIMES_MAX }, (_, index) => index + 1) : SHORT_TIMES;
  const reason = whyNoCalls();
  for (const plot of BUSY) {
    if (reason !== undefined) run.skip(methodOf(plot), reason);
    else if (run.tried(methodOf(plot)) === 0) run.record(await callsOf(plot, times));
  }
}
