/** What measuring other queues needs: their programs, their folders, and the moment when a file is there. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import * as fs from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { percentile } from "./measure.ts";

export const PEERS = fileURLToPath(new URL("../../bench/peers", import.meta.url));

export interface Measured {
  /** Milliseconds from handing a job over to its end, one at a time. */
  readonly times: readonly number[];
  /** Jobs per second, all handed over at once. */
  readonly rate: number;
}

export interface Peer {
  readonly name: string;
  /** What is left after a power cut, in a few words. */
  readonly durability: string;
  /** Why it cannot be measured here; undefined: it can. */
  missing(): string | undefined;
  measure(folder: string, serial: number, burst: number): Promise<Measured>;
}

/** Why a program cannot be used; undefined when it can. */
export function without(...programs: readonly string[]): string | undefined {
  const absent = programs.filter((program) => !has(program));
  return absent.length === 0 ? undefined : `${absent.join(", ")} not installed`;
}

function has(program: string): boolean {
  try {
    execFileSync("which", [program], { stdio: "ignore" });
    return true;
  } catch {
    // `which` says no by its exit code.
    return false;
  }
}

/** Resolves when the files of these names are in a folder. */
export class Arrivals {
  readonly #folder: string;
  readonly #watcher: fs.FSWatcher;
  readonly #waiting = new Map<string, () => void>();

  constructor(folder: string) {
    this.#folder = folder;
    this.#watcher = fs.watch(folder, (_event, name) => {
      if (name !== null) this.#arrived(name);
    });
  }

  of(name: string): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.set(name, resolve);
      if (fs.existsSync(join(this.#folder, name))) this.#arrived(name);
    });
  }

  close(): void {
    this.#watcher.close();
  }

  #arrived(name: string): void {
    this.#waiting.get(name)?.();
    this.#waiting.delete(name);
  }
}

/** Hands jobs over by `hand`, each of which makes the file `name` in `out`; `atOnce` are on their way at a time. */
export async function measureArrivals(
  out: string,
  wish: { readonly serial: number; readonly burst: number; readonly atOnce: number },
  hand: (name: string) => Promise<void>,
): Promise<Measured> {
  const arrivals = new Arrivals(out);
  const times: number[] = [];
  for (let index = 0; index < wish.serial; index += 1) {
    const start = performance.now();
    const there = arrivals.of(`S${index}`);
    await hand(`S${index}`);
    await there;
    times.push(performance.now() - start);
  }
  const start = performance.now();
  const names = Array.from({ length: wish.burst }, (_, index) => `B${index}`);
  const all = names.map((name) => arrivals.of(name));
  const left = [...names];
  const work = async () => {
    for (let name = left.shift(); name !== undefined; name = left.shift()) await hand(name);
  };
  await Promise.all(Array.from({ length: wish.atOnce }, work));
  await Promise.all(all);
  arrivals.close();
  return { times, rate: wish.burst / ((performance.now() - start) / 1000) };
}

/** Runs a program to its end. */
export function runToEnd(argv: readonly [string, ...string[]], env: NodeJS.ProcessEnv): Promise<void> {
  const [program, ...words] = argv;
  return new Promise((resolve, reject) => {
    spawn(program, words, { env, stdio: "ignore" })
      .once("error", reject)
      .once("exit", () => resolve());
  });
}

/** Starts a program that stays. */
export function startProgram(argv: readonly [string, ...string[]]): ChildProcess {
  const [program, ...words] = argv;
  return spawn(program, words, { stdio: "ignore" });
}

const LIMIT_MS = 120_000;

/** A program of `bench/peers`, which measures by itself. Throws when it has nothing to say within two minutes. */
export async function measureByProgram(name: string, words: readonly string[]): Promise<Measured> {
  const stdio: ["ignore", "pipe", "inherit"] = ["ignore", "pipe", "inherit"];
  // One whose server has died waits for it for ever: it is killed, and told as not measured.
  const child = spawn(process.execPath, [join(PEERS, name), ...words], {
    stdio,
    timeout: LIMIT_MS,
    killSignal: "SIGKILL",
  });
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (chunk) => {
    text += String(chunk);
  });
  await new Promise((resolve) => child.once("close", resolve));
  if (text === "") throw new Error(`nothing within ${LIMIT_MS / 1000} s`);
  const said: unknown = JSON.parse(text);
  if (typeof said !== "object" || said === null || !("times" in said) || !("rate" in said)) throw new Error(text);
  return { times: Array.isArray(said.times) ? said.times.map(Number) : [], rate: Number(said.rate) };
}

/** Where the second part of docs/performance.md begins. */
export const COST_HEADING = "## Our cost, all durable";
const REPORT = fileURLToPath(new URL("../../docs/performance.md", import.meta.url));

/** Changes docs/performance.md. */
export function writePart(change: (page: string) => string): void {
  fs.writeFileSync(REPORT, change(fs.existsSync(REPORT) ? fs.readFileSync(REPORT, "utf8") : ""));
}

/** Of the machine, over 1 and 5 minutes. */
export function load(): string {
  return fs.readFileSync("/proc/loadavg", "utf8").split(" ").slice(0, 2).join(", ");
}

/** When, where and among what else it was measured. */
export function conditions(loadBefore: string): string {
  const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();
  const [cpu] = cpus();
  const date = new Date().toISOString().slice(0, 10);
  const machine = `${cpus().length} × ${cpu?.model ?? "unknown"}, Node ${process.version}, folder for temporary files`;
  return `Measured on ${date} at commit ${commit}: ${machine}.
Load of the machine (1 and 5 minutes) before: ${loadBefore}; after: ${load()}. Where it is above the number of processors
somebody else was at work, and every time here is longer than it would be: a comparison within one run, not what the machine
can do.`;
}

/** `p50 / p95 / p99`, with one decimal. */
export function told(times: readonly number[]): string {
  return [0.5, 0.95, 0.99].map((part) => percentile(times, part).toFixed(1)).join(" / ");
}

export function pause(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}
