/** What the bare system calls cost on this disk, in this run: the ratios' other side. */
import { spawn } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { percentile } from "./measure.ts";

const fsync = promisify(fs.fsync);
const fdatasync = promisify(fs.fdatasync);
const LINE = Buffer.from(`${"x".repeat(259)}\n`);
const BODY = Buffer.from("y".repeat(1024));

const QUIET_MS = 0.12;
const QUIET_WAIT_MS = 90_000;

/**
 * Waits until making a file costs what it costs on a disk at rest. ext4 gives out inodes slowly near thousands that were
 * freed within the last half minute, as an earlier run's were. Says so when it does not come to rest.
 */
export async function waitForQuiet(folder: string): Promise<void> {
  const end = performance.now() + QUIET_WAIT_MS;
  for (let round = 0; ; round += 1) {
    const samples = Array.from({ length: 100 }, (_, index) => {
      const path = join(folder, `quiet-${round}-${index}`);
      const start = performance.now();
      fs.closeSync(fs.openSync(path, "wx"));
      return performance.now() - start;
    });
    if (percentile(samples, 0.5) < QUIET_MS) return;
    if (performance.now() > end) {
      process.stdout.write(
        `  (the disk does not come to rest: a new file costs ${percentile(samples, 0.5).toFixed(2)} ms)\n`,
      );
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 3000));
  }
}

/** Bare calls in a folder of their own. */
export class Floors {
  readonly #folder: string;
  readonly #log: number;
  readonly #handle: number;
  #count = 0;

  constructor(folder: string) {
    fs.mkdirSync(folder, { recursive: true });
    this.#folder = folder;
    this.#log = fs.openSync(join(folder, "log"), "a");
    this.#handle = fs.openSync(folder, "r");
  }

  /** One line, durable. */
  async append(): Promise<void> {
    fs.writeSync(this.#log, LINE);
    await fdatasync(this.#log);
  }

  /** One file, durable with its name. */
  async replace(): Promise<void> {
    const path = join(this.#folder, `f${this.#count++}`);
    const handle = fs.openSync(`${path}.tmp`, "wx");
    fs.writeSync(handle, BODY);
    await fsync(handle);
    fs.closeSync(handle);
    fs.renameSync(`${path}.tmp`, path);
    await fsync(this.#handle);
  }

  /** What a durable one-file order cannot do without. */
  async sequence(): Promise<void> {
    await this.append();
    await this.replace();
    await this.append();
  }

  /** A program, started and waited for. */
  async spawn(argv: readonly [string, ...string[]]): Promise<void> {
    const [program, ...words] = argv;
    await new Promise((resolve) => spawn(program, words, { stdio: "ignore" }).once("exit", resolve));
  }

  /** Durable replaces per second, so many at once. */
  async replaceRate(count: number, atOnce: number): Promise<number> {
    const start = performance.now();
    let left = count;
    const work = async () => {
      while (left-- > 0) await this.replace();
    };
    await Promise.all(Array.from({ length: atOnce }, work));
    return count / ((performance.now() - start) / 1000);
  }

  /** So many lines, one durable write. */
  async group(lines: number, lineBytes: number): Promise<void> {
    fs.writeSync(this.#log, Buffer.alloc(lines * lineBytes, 120));
    await fdatasync(this.#log);
  }

  close(): void {
    fs.closeSync(this.#log);
    fs.closeSync(this.#handle);
  }
}
