/**
 * The doorbell: says that something may have changed in a folder. Events get lost on every system and come twice on
 * some, so a hint is never more than a reason to look now instead of at the next scan.
 *
 * chokidar opens one watch per file by default; told to ignore files it keeps one per folder, and its raw events still
 * name the file that rang.
 */
import { basename } from "node:path";
import { watch } from "chokidar";
import { messageOf } from "./errors.ts";
import { isRecord } from "./result.ts";

export interface Watch {
  close(): Promise<void>;
}

/** `folder` is a path below the root; `name` the entry in it that rang, undefined when the system did not say. */
export type OnHint = (folder: string, name: string | undefined) => void;

/**
 * Watches `root` and the folders directly in it, also those that come later. Hidden folders are not watched. Resolves
 * when all that is there is watched. `onTrouble` is told when the system refuses (too many watches, a vanished root):
 * scans go on without hints.
 */
export async function watchFolders(root: string, onHint: OnHint, onTrouble: (message: string) => void): Promise<Watch> {
  const watcher = watch(root, {
    ignored: (path, stats) => (stats?.isFile() ?? false) || (path !== root && basename(path).startsWith(".")),
    ignoreInitial: true,
    followSymlinks: false,
    depth: 1,
  });
  watcher.on("raw", (_event: string, path: string | undefined, details: unknown) => {
    const folder = isRecord(details) ? details["watchedPath"] : undefined;
    if (typeof folder === "string")
      onHint(folder, typeof path === "string" && path !== "" ? basename(path) : undefined);
  });
  watcher.on("error", (error) => onTrouble(messageOf(error)));
  await new Promise<void>((resolve) => {
    watcher.once("ready", resolve);
    // At EMFILE during start there is one error and never a ready.
    watcher.once("error", () => resolve());
  });
  return { close: () => watcher.close() };
}
