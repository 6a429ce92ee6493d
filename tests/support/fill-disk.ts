/** A disk without room. */
import { closeSync, openSync, writeSync } from "node:fs";

/** Takes every byte that is left, into a file at `path`. */
export function fillDisk(path: string): void {
  const handle = openSync(path, "a");
  for (let bytes = 1024 * 1024; bytes >= 1; bytes = Math.floor(bytes / 2)) {
    try {
      while (writeSync(handle, Buffer.alloc(bytes)) === bytes);
    } catch {
      // Full for pieces of this size.
    }
  }
  closeSync(handle);
}
