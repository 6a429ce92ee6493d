/** A file that others poll, replaced whole by write-file-atomic, for views that are written again anyway. */

import { basename, dirname, join } from "node:path";
import writeFileAtomic from "write-file-atomic";
import { BridgeError, diskError } from "./errors.ts";
import type { Files } from "./files.ts";

/**
 * Replaces the file without syncing it. Its size is checked afterwards, because on a full disk the package reports
 * success over a file that it has cut: then DISK_FULL is thrown, and the caller writes again when there is space.
 */
export async function writeView(files: Files, path: string, text: string): Promise<void> {
  try {
    await writeFileAtomic(path, text, { fsync: false, mode: 0o644 });
  } catch (thrown) {
    throw diskError(thrown, path);
  }
  const wanted = Buffer.byteLength(text);
  const kept = files.info(path)?.sizeBytes;
  if (kept !== wanted) throw new BridgeError("DISK_FULL", `the disk kept ${kept ?? 0} of ${wanted} bytes of ${path}`);
}

/** Removes what crashes left of the package's unfinished files for this view. */
export function sweepView(files: Files, path: string): void {
  const prefix = `${basename(path)}.`;
  for (const { name } of files.list(dirname(path)) ?? []) {
    if (name.startsWith(prefix) && /^\d+$/.test(name.slice(prefix.length))) files.remove(join(dirname(path), name));
  }
}
