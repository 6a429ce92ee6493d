/** What the bare system calls cost on this disk, in this run: the ratios' other side. */
import { execFileSync, spawn } from "node:child_process";
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
 * Waits until making a file in these folders costs what it costs on a disk at rest. ext4 does not reuse an inode for a
 * minute after its file is gone (six, while the word of that is not on the medium), and looks for a new one past all of
 * them: thousands, behind an earlier run. Its own files stay, for the same reason. Says so when there is no rest.
 */
export async function waitForQuiet(...folders: readonly string[]): Promise<void> {
  execFileSync("sync");
  const end = performance.now() + QUIET_WAIT_MS;
  for (let round = 0; ; round += 1) {
    const most = Math.max(...folders.map((folder) => costOfNewFile(folder, `quiet-${round}-`)));
    if (most < QUIET_MS) return;
    if (performance.now() > end) {
      process.stdout.write(`  (the disk does not come to rest: a new file costs ${most.toFixed(2)} ms)\n`);
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 3000));
  }
}

/** In milliseconds, the median of 40. */
function costOfNewFile(folder: string, prefix: string): number {
  const samples = Array.from({ length: 40 }, (_, index) => {
    const path = join(folder, `${prefix}${index}`);
    const start = performance.now();
    fs.closeSync(fs.openSync(path, "wx"));
    return performance.now() - start;
  });
  return percentile(samples, 0.5);
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
