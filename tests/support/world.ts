/** A home, a base and daemons on it: real folders, real processes. Whoever makes one removes it; tests have that done. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = rootAbove(new URL(".", import.meta.url));
export const MAIN = join(ROOT, "dist", "bin", "wo.js");
/** Real orders, where they are at hand. */
export const SAMPLES = join(ROOT, "..", "shared", "samples", "02luka");

export interface CommandEnd {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface WorldOptions {
  /** The text of wo-bridge.yaml. */
  readonly config?: string;
  /** Do not run `wo init`. */
  readonly bare?: boolean;
  /** Where the world is to be, instead of the folder for temporary files. */
  readonly root?: string;
}

export interface DaemonWish {
  /** Another program than `wo daemon run`. */
  readonly entry?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** A command that the daemon is run under, with its own words. */
  readonly under?: readonly string[];
}

/** One telemetry or ledger line. */
export type JsonLine = Readonly<Record<string, unknown>>;

export class World {
  /** Told of each world that is made: those who run tests remove it when its test has ended. */
  static keeper: (world: World) => void = () => undefined;
  readonly root: string;
  readonly home: string;
  readonly base: string;
  readonly #daemons: ChildProcess[] = [];
  /** All that its daemons wrote to their standard error. */
  said = "";

  private constructor(root: string) {
    this.root = root;
    this.home = join(root, "home");
    this.base = join(root, "home", "02luka");
  }

  /** Makes it, attached and without a daemon. */
  static async make(options: WorldOptions = {}): Promise<World> {
    const world = new World(mkdtempSync(join(options.root ?? tmpdir(), "wo-")));
    mkdirSync(world.base, { recursive: true });
    World.keeper(world);
    if (options.config !== undefined) world.write("wo-bridge.yaml", options.config);
    if (options.bare !== true) await world.wo("init", "--yes");
    return world;
  }

  get env(): NodeJS.ProcessEnv {
    return { PATH: process.env["PATH"], HOME: this.home, LUKA_SOT: this.base, LANG: "C.UTF-8", NO_COLOR: "1" };
  }

  /** The vault, by the registry; "" before there is one. */
  get vault(): string {
    const path = join(this.home, ".local/state/wo-bridge/bases.json");
    if (!existsSync(path)) return "";
    return /"vault":"([^"]+)"/.exec(JSON.stringify(JSON.parse(readFileSync(path, "utf8"))))?.[1] ?? "";
  }

  path(relative: string): string {
    return join(this.base, relative);
  }

  write(relative: string, text: string | Uint8Array): void {
    mkdirSync(dirname(this.path(relative)), { recursive: true });
    writeFileSync(this.path(relative), text);
  }

  /** The file's text; undefined when it is not there. */
  read(relative: string): string | undefined {
    return existsSync(this.path(relative)) ? readFileSync(this.path(relative), "utf8") : undefined;
  }

  list(relative: string): string[] {
    return existsSync(this.path(relative)) ? readdirSync(this.path(relative)).toSorted() : [];
  }

  /** Runs `wo` to its end. */
  wo(...words: readonly string[]): Promise<CommandEnd> {
    return this.run([process.execPath, MAIN, ...words]);
  }

  run(argv: readonly string[], env: NodeJS.ProcessEnv = this.env): Promise<CommandEnd> {
    return run(argv, env, this.root);
  }

  /** Starts a daemon and waits until it answers, or has ended. */
  async startDaemon(wish: DaemonWish = {}): Promise<ChildProcess> {
    const child = this.spawnDaemon(wish);
    await until(
      async () => child.exitCode !== null || child.signalCode !== null || (await this.daemonAnswers()),
      20_000,
      "the daemon answers",
    );
    return child;
  }

  /** Starts a daemon and does not wait. */
  spawnDaemon({ entry = [MAIN, "daemon", "run"], env = {}, under = [] }: DaemonWish = {}): ChildProcess {
    const [program = process.execPath, ...words] = [...under, process.execPath, ...entry];
    const child = spawn(program, words, {
      cwd: "/",
      env: { ...this.env, ...env },
      stdio: ["ignore", "ignore", "pipe"],
    });
    child.stderr?.setEncoding("utf8").on("data", (text) => {
      this.said += String(text);
    });
    this.#daemons.push(child);
    return child;
  }

  /** True when a daemon takes orders. */
  async daemonAnswers(): Promise<boolean> {
    return asRecord((await this.ask({ call: "health" })) ?? {})["state"] === "running";
  }

  /** Asks the daemon over its socket; undefined when nobody answers. */
  ask(request: object): Promise<unknown> {
    return new Promise((resolve) => {
      const socket = createConnection(join(this.vault, "control.sock"), () =>
        socket.write(`${JSON.stringify(request)}\n`),
      );
      let text = "";
      socket.setEncoding("utf8").on("data", (chunk) => {
        text += String(chunk);
      });
      socket.on("error", () => resolve(undefined));
      socket.on("close", () =>
        resolve(text === "" ? undefined : asRecord(JSON.parse(text.trim().split("\n").at(-1) ?? ""))["data"]),
      );
    });
  }

  async kill(child: ChildProcess, signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    child.kill(signal);
    await exited(child);
  }

  /** Every daemon of this world is killed. */
  async killAll(): Promise<void> {
    for (const child of this.#daemons) if (child.exitCode === null && child.signalCode === null) await this.kill(child);
  }

  /** Drops a file into a lane as careful producers do: written beside its name, then renamed. */
  drop(lane: string, name: string, content: string | object): void {
    const text = typeof content === "string" ? content : JSON.stringify(content);
    this.write(`bridge/inbox/${lane}/.${name}.writing`, text);
    renameSync(this.path(`bridge/inbox/${lane}/.${name}.writing`), this.path(`bridge/inbox/${lane}/${name}`));
  }

  /** The order's state file as an object; undefined while there is none. */
  state(id: string): Readonly<Record<string, unknown>> | undefined {
    const text = this.read(`g/followup/state/${id}.json`);
    return text === undefined ? undefined : asRecord(JSON.parse(text));
  }

  status(id: string): string {
    const status = this.state(id)?.["status"];
    return typeof status === "string" ? status : "unknown";
  }

  /** Waits until the order has this status in its state file; at rest, until all else that is told of it is there too. */
  async reaches(id: string, status: string, timeoutMs = 15_000): Promise<void> {
    await until(
      () => this.status(id) === status,
      timeoutMs,
      `${id} is ${status}`,
      () => `it is ${this.status(id)}`,
    );
    if (!["done", "failed", "canceled"].includes(status)) return;
    const said = () => this.#lines(id).map((line) => /"event":"(\w+)"/.exec(line)?.[1] ?? "torn");
    const lastWord = () => said().findLast((event) => /^wo_(?:completed|failed|canceled|settled)$/.test(event));
    const isTold = () =>
      lastWord() === "wo_settled" &&
      this.list("bridge/outbox").some((lane) => this.list(`bridge/outbox/${lane}`).includes(`${id}_result.yaml`));
    await until(isTold, timeoutMs, `${id} is settled and has its result`, () => `telemetry tells ${said().join(", ")}`);
  }

  /** Telemetry lines; throws when one is not whole JSON. */
  telemetry(): JsonLine[] {
    const text = this.read("g/telemetry/unified.jsonl") ?? "";
    return (
      text
        // A write that is on its way is seen in part: what stands behind the last newline is none of it yet.
        .split("\n")
        .slice(0, -1)
        .filter((line) => line !== "")
        .map((line) => asRecord(JSON.parse(line)))
    );
  }

  /** Names of the events told of an order, in order. */
  events(id: string): string[] {
    return this.telemetry()
      .filter((line) => line["wo_id"] === id)
      .map((line) => String(line["event"]));
  }

  /** True once telemetry tells this of the order; also while a line is being written, or lies there torn. */
  told(id: string, event: string): boolean {
    return this.#lines(id).some((line) => line.includes(`"event":"${event}"`));
  }

  #lines(id: string): string[] {
    const lines = (this.read("g/telemetry/unified.jsonl") ?? "").split("\n");
    return lines.filter((line) => line.includes(`"wo_id":"${id}"`));
  }

  /** Copies a sample of real orders into a lane; false where the samples are not there. */
  dropSample(name: string, lane = "CLC"): boolean {
    const found = existsSync(SAMPLES) ? readdirSync(SAMPLES).find((file) => file.startsWith(name)) : undefined;
    if (found === undefined) return false;
    cpSync(join(SAMPLES, found), this.path(`bridge/inbox/${lane}/${found}`));
    return true;
  }

  /** Every process that works for this world is killed, as when the power goes: commands and their host, too. */
  killEverything(): void {
    for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
      if (Number(pid) !== process.pid && surroundingsOf(pid).includes(this.root)) kill(Number(pid));
    }
  }

  async remove(): Promise<void> {
    await this.killAll();
    rmSync(this.root, { recursive: true, force: true, maxRetries: 10 });
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended by itself.
  }
}

/** What a process was started with, and where it works; "" when it is gone. Linux only. */
function surroundingsOf(pid: string): string {
  try {
    return `${readFileSync(`/proc/${pid}/environ`, "utf8")}${readlinkSync(`/proc/${pid}/cwd`)}`;
  } catch {
    // It ended meanwhile, or is nobody's business.
    return "";
  }
}

/** The folder of package.json: programs are run from where they are built to. */
function rootAbove(folder: URL): string {
  return existsSync(new URL("package.json", folder)) ? fileURLToPath(folder) : rootAbove(new URL("..", folder));
}

export function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new Error(`no record: ${JSON.stringify(value)}`);
  return { ...value };
}

/** Runs a command to its end; code 255 when a signal ended it. */
export function run(argv: readonly string[], env: NodeJS.ProcessEnv, folder = "/"): Promise<CommandEnd> {
  return new Promise((resolve) => {
    execFile(argv[0] ?? "", argv.slice(1), { cwd: folder, env, maxBuffer: 64e6 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : 255;
      resolve({ code, stdout, stderr });
    });
  });
}

/** Resolves when the process has ended. */
export function exited(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => child.once("exit", () => resolve()));
}

/** Waits until something holds; fails with what was waited for. */
export async function until(
  holds: () => boolean | Promise<boolean>,
  timeoutMs: number,
  what: string,
  detail: () => string = () => "",
): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`after ${timeoutMs} ms still not: ${what}. ${detail()}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
