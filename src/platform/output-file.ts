/**
 * What a command writes, on disk, within a limit: the command appends to the file by itself, so nothing is lost when
 * its runner dies; whoever watches cuts the middle out when the file grows beyond the limit. Head and tail are kept.
 */
import {
  closeSync,
  constants,
  copyFileSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { messageOf } from "./errors.ts";
import type { OutputStatus } from "./run-protocol.ts";

/** Of the output as text, in statuses and records. */
export const TAIL_TEXT_BYTES = 4096;
/** More than the longest secret that any rule knows (platform/secrets.ts): one that the tail cuts begins in it. */
const LEAD_TEXT_BYTES = 24 * 1024;
const COPY_BYTES = 1024 * 1024;
/** How often the tail is copied again because more was printed meanwhile. */
const TAIL_TRIES = 3;

export class OutputFile {
  readonly #path: string;
  readonly #maxBytes: number;
  readonly #handle: number;
  /** Bytes that were cut away from the file so far. */
  #cutBytes = 0;
  #isFinished = false;

  /** Makes the file, which the command opens for appending, or empties it. */
  constructor(path: string, maxBytes: number) {
    this.#path = path;
    this.#maxBytes = maxBytes;
    this.#handle = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_TRUNC | constants.O_APPEND, 0o600);
  }

  /** Cuts the file when it has outgrown its limit. To be called every now and then while the command runs. Throws what
   * the disk says; the file then goes on growing. */
  watch(): void {
    if (this.#isFinished) return;
    let sizeBytes = fstatSync(this.#handle).size;
    if (sizeBytes <= this.#maxBytes) return;
    const half = Math.floor(this.#maxBytes / 2);
    if (this.#cutBytes === 0) this.#copyTo(`${this.#path}.head`, 0, half);
    // Copying takes its time, and a command that prints does not wait: its newest lines are those that are kept.
    for (let tries = 0, copied = -1; copied !== sizeBytes && tries < TAIL_TRIES; tries += 1) {
      copied = sizeBytes;
      this.#copyTo(`${this.#path}.tail`, copied - half, half);
      sizeBytes = fstatSync(this.#handle).size;
    }
    // The command appends: after the cut its next byte is the file's first. What came since the stat is cut too.
    ftruncateSync(this.#handle);
    this.#cutBytes += sizeBytes;
  }

  /** Closes the file and puts head, a line that says how much is missing, and tail into it. Without room for that, the
   * parts stay beside it. */
  finish(): OutputStatus {
    let sizeBytes = 0;
    try {
      this.watch();
      sizeBytes = fstatSync(this.#handle).size;
      if (this.#cutBytes > 0) this.#join(sizeBytes, this.#cutBytes + sizeBytes);
    } catch (thrown) {
      // How the command ended counts for more than the middle of what it printed.
      process.stderr.write(`${this.#path} is left in parts: ${messageOf(thrown)}\n`);
    }
    this.#isFinished = true;
    closeSync(this.#handle);
    return { bytes: this.#cutBytes + sizeBytes, cut: this.#cutBytes > 0, ...readTail(this.#path) };
  }

  #join(sizeBytes: number, totalBytes: number): void {
    const half = Math.floor(this.#maxBytes / 2);
    const joined = `${this.#path}.joined`;
    copyFileSync(`${this.#path}.head`, joined);
    const target = openSync(joined, "a");
    const fromTail = Math.max(0, half - sizeBytes);
    writeSync(target, `\n... ${totalBytes - 2 * half} bytes left out ...\n`);
    appendRange(`${this.#path}.tail`, target, half - fromTail, fromTail);
    appendRange(this.#path, target, Math.max(0, sizeBytes - half), Math.min(half, sizeBytes));
    closeSync(target);
    renameSync(joined, this.#path);
    for (const part of ["head", "tail"]) rmSync(`${this.#path}.${part}`);
  }

  #copyTo(path: string, offset: number, lengthBytes: number): void {
    const target = openSync(path, "w", 0o600);
    appendRange(this.#path, target, offset, lengthBytes);
    closeSync(target);
  }
}

function appendRange(path: string, target: number, offset: number, lengthBytes: number): void {
  const source = openSync(path, "r");
  const buffer = Buffer.allocUnsafe(Math.min(COPY_BYTES, Math.max(1, lengthBytes)));
  let done = 0;
  while (done < lengthBytes) {
    const count = readSync(source, buffer, 0, Math.min(buffer.length, lengthBytes - done), offset + done);
    if (count === 0) break;
    writeSync(target, buffer, 0, count);
    done += count;
  }
  closeSync(source);
}

/** The last few KiB as text, and what stands in front of them. */
function readTail(path: string): Pick<OutputStatus, "tail" | "lead"> {
  const source = openSync(path, "r");
  const sizeBytes = fstatSync(source).size;
  const buffer = Buffer.alloc(Math.min(LEAD_TEXT_BYTES + TAIL_TEXT_BYTES, sizeBytes));
  readSync(source, buffer, 0, buffer.length, sizeBytes - buffer.length);
  closeSync(source);
  const leadBytes = Math.max(0, buffer.length - TAIL_TEXT_BYTES);
  const tail = buffer.toString("utf8", leadBytes);
  return leadBytes === 0 ? { tail } : { tail, lead: buffer.toString("utf8", 0, leadBytes) };
}
