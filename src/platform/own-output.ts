/**
 * The files that somebody has opened for the standard output and error of this process: launchd's and systemd's, which only
 * ever grow. Node cannot name the file behind a descriptor: it is one of those that are known for that, or it is left alone.
 */
import { closeSync, constants, fstatSync, ftruncateSync, openSync, readSync, writeSync } from "node:fs";

export const STDOUT = 1;
export const STDERR = 2;
const TRIMMED_ABOVE_BYTES = 1024 * 1024;
/** Enough for the last words of the life before. */
const KEPT_BYTES = 64 * 1024;
const NEWLINE = 10;

export interface OutputEnd {
  /** Of the whole file. */
  readonly sizeBytes: number;
  /** Its last bytes, 64 KiB at most. */
  readonly end: Buffer;
}

/** What the file behind a descriptor ends with; undefined for a terminal, a pipe, and what none of `paths` is. */
export function outputEnd(handle: number, paths: readonly string[]): OutputEnd | undefined {
  for (const path of paths) {
    const end = endOf(handle, path);
    if (end !== undefined) return end;
  }
  return undefined;
}

/** Cuts the file behind a descriptor to its last 64 KiB, whole lines, when it is larger than 1 MiB and one of `paths`. */
export function trimOutput(handle: number, paths: readonly string[]): void {
  const found = outputEnd(handle, paths);
  if (found === undefined || found.sizeBytes <= TRIMMED_ABOVE_BYTES) return;
  try {
    ftruncateSync(handle, 0);
    // Opened to append: whoever writes meanwhile writes at the end. A crash before this costs what was to be kept.
    writeSync(handle, found.end.subarray(found.end.indexOf(NEWLINE) + 1));
  } catch {
    // A file that cannot be cut goes on growing: no reason not to start.
  }
}

function endOf(handle: number, path: string): OutputEnd | undefined {
  let reading: number | undefined;
  try {
    const own = fstatSync(handle);
    if (!own.isFile()) return undefined;
    reading = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const { dev, ino, size } = fstatSync(reading);
    if (dev !== own.dev || ino !== own.ino) return undefined;
    const end = Buffer.alloc(Math.min(size, KEPT_BYTES));
    const read = readSync(reading, end, 0, end.length, size - end.length);
    return { sizeBytes: size, end: end.subarray(0, read) };
  } catch {
    // Not there, or not to be read: it is left alone.
    return undefined;
  } finally {
    if (reading !== undefined) closeSync(reading);
  }
}
