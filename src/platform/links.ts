/** Symbolic links that name what is in use. */
import { symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { diskError, errnoOf, translated } from "./errors.ts";
import type { Files } from "./files.ts";
import { TemporaryNames } from "./ids.ts";

/** Where the link at `path` leads, as it was written; undefined when no link is there. */
export function linkTarget(files: Files, path: string): string | undefined {
  try {
    return files.disk.readLink(path);
  } catch (thrown) {
    if (["ENOENT", "ENOTDIR", "EINVAL"].includes(errnoOf(thrown) ?? "")) return undefined;
    throw diskError(thrown, path);
  }
}

/**
 * Points the link at another target in one rename: whoever follows it meanwhile comes to the old one or to the new. Durable on
 * return. Throws DISK_REFUSED where a folder has its name.
 */
export async function replaceLink(files: Files, path: string, target: string): Promise<void> {
  // What a crash leaves of it `files.sweep` removes.
  const temporary = join(dirname(path), new TemporaryNames().next());
  translated(path, () => symlinkSync(target, temporary));
  try {
    translated(path, () => files.disk.rename(temporary, path));
  } catch (thrown) {
    files.remove(temporary);
    throw thrown;
  }
  await files.syncFolder(dirname(path));
}
