/** A base with a daemon, for measuring: in a folder of its own, gone afterwards. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const MAIN = fileURLToPath(new URL("../../dist/bin/wo.js", import.meta.url));

export interface Drop {
  readonly lane: string;
  readonly id: string;
}

export class BenchBase {
  readonly root: string;
  readonly base: string;
  daemon: ChildProcess | undefined;

  constructor(config = "version: 1\n") {
    this.root = fs.mkdtempSync(join(tmpdir(), "wo-bench-"));
    this.base = join(this.root, "base");
    fs.mkdirSync(this.base);
    fs.writeFileSync(join(this.base, "wo-bridge.yaml"), config);
    this.wo("init", "--yes");
  }

  get env(): NodeJS.ProcessEnv {
    return { PATH: process.env["PATH"], HOME: this.root, LUKA_SOT: this.base, NO_COLOR: "1" };
  }

  get vault(): string {
    const folder = join(this.root, ".local/state/wo-bridge/vaults");
    return join(folder, fs.readdirSync(folder)[0] ?? "");
  }

  wo(...words: readonly string[]): string {
    return execFileSync(process.execPath, [MAIN, ...words], {
      env: this.env,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
  }

  /** Starts the daemon; milliseconds until it takes orders. */
  async start(): Promise<number> {
    const start = performance.now();
    const daemon = spawn(process.execPath, [MAIN, "daemon", "run"], {
      env: this.env,
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.daemon = daemon;
    await new Promise<void>((resolve, reject) => {
      daemon.stderr?.on("data", (chunk: Buffer) => {
        if (chunk.toString().includes("daemon up")) resolve();
      });
      daemon.once("exit", (code) => reject(new Error(`the daemon ended with ${code}`)));
    });
    return performance.now() - start;
  }

  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    const { daemon } = this;
    this.daemon = undefined;
    if (daemon === undefined || daemon.exitCode !== null) return;
    const ended = new Promise((resolve) => daemon.once("exit", resolve));
    daemon.removeAllListeners("exit");
    const gone = new Promise((resolve) => daemon.once("exit", resolve));
    daemon.kill(signal);
    await Promise.race([ended, gone]);
  }

  /** Drops an order by rename. */
  drop(lane: string, id: string, order: object): void {
    this.lay(lane, id, order);
    this.handIn(lane, id);
  }

  /** Writes an order under a name that is none yet. */
  lay(lane: string, id: string, order: object): void {
    fs.writeFileSync(join(this.base, "bridge/inbox", lane, `.${id}`), JSON.stringify(order));
  }

  /** The drop itself: the order that was laid gets its name. */
  handIn(lane: string, id: string): void {
    const folder = join(this.base, "bridge/inbox", lane);
    fs.renameSync(join(folder, `.${id}`), join(folder, `${id}.json`));
  }

  /** A trivial order that writes one file of 1 KiB. */
  static order(id: string): object {
    return { wo_id: id, title: id, files: [{ path: `out/${id}.txt`, content: "z".repeat(1024) }] };
  }

  /** Resolves when the order's result is there; rejects when it does not say done. */
  async result(lane: string, id: string): Promise<void> {
    const path = this.#resultPath(lane, id);
    if (!fs.existsSync(path)) {
      await new Promise<void>((resolve) => {
        const watcher = fs.watch(dirname(path), (_event, changed) => {
          if (changed !== basename(path)) return;
          watcher.close();
          resolve();
        });
        if (fs.existsSync(path)) {
          watcher.close();
          resolve();
        }
      });
    }
    this.#expectDone(lane, id);
  }

  /**
   * Resolves when the results of all are there. Asks for one after the other instead of having all told of: in a burst
   * watchers take as much processor as a sixth of the work itself. Behind it `expectAllDone` says what they came to.
   */
  async results(drops: readonly Drop[]): Promise<void> {
    for (const { lane, id } of drops) {
      const path = this.#resultPath(lane, id);
      while (!fs.existsSync(path)) await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  /** Throws unless each result is there and says done. */
  expectAllDone(drops: readonly Drop[]): void {
    for (const { lane, id } of drops) this.#expectDone(lane, id);
  }

  #expectDone(lane: string, id: string): void {
    const text = fs.readFileSync(this.#resultPath(lane, id), "utf8");
    if (!text.includes("\nstatus: done\n")) throw new Error(`${id} is not done:\n${text}`);
  }

  #resultPath(lane: string, id: string): string {
    return join(this.base, "bridge/outbox", lane, `${id}_result.yaml`);
  }

  /** How many state files say done. */
  countDone(): number {
    const folder = join(this.base, "g/followup/state");
    const names = fs.readdirSync(folder).filter((name) => name.endsWith(".json"));
    return names.filter((name) => fs.readFileSync(join(folder, name), "utf8").includes('"status": "done"')).length;
  }

  /** Resident memory of the daemon in MiB. */
  residentMiB(): number {
    const status = fs.readFileSync(`/proc/${this.daemon?.pid}/status`, "utf8");
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024;
  }

  /** CPU time of the daemon so far, in milliseconds. */
  cpuMs(): number {
    const fields = fs.readFileSync(`/proc/${this.daemon?.pid}/stat`, "utf8").split(")").pop()?.trim().split(" ") ?? [];
    return (Number(fields[11]) + Number(fields[12])) * 10;
  }

  /**
   * Ends the daemon. The folder stays until the run is over: ext4 is slow to give out inodes near thousands that were
   * freed in the last half minute, and would slow down the next part.
   */
  async end(): Promise<void> {
    await this.kill();
    process.once("exit", () => fs.rmSync(this.root, { recursive: true, force: true, maxRetries: 5 }));
  }
}
