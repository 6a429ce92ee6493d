/**
 * The doorbell: says that something may have changed in a folder. Events get lost on every system and come twice on
 * some, so a hint is never more than a reason to look now instead of at the next scan.
 *
 * chokidar watches the root, so that folders which come and go are noticed on every system; the folders themselves are
 * watched bare, because chokidar lists and stats a whole folder at each of its events (measured: eight times the CPU).
 */
import { type FSWatcher, watch as watchBare } from "node:fs";
import { basename, join } from "node:path";
import { watch } from "chokidar";
import { messageOf } from "./errors.ts";

export interface Watch {
  close(): Promise<void>;
}

/** `folder` is one of those watched, or the root; `name` the entry in it that rang, undefined when nobody said. */
export type OnHint = (folder: string, name: string | undefined) => void;

export interface WatchOptions {
  readonly root: string;
  /** Rung for what happens in them; links are resolved by the caller. */
  readonly folders: readonly string[];
  readonly onHint: OnHint;
  /** The system refuses (too many watches, a vanished folder): scans go on without hints. */
  readonly onTrouble: (message: string) => void;
}

/** Resolves when all of it is watched. */
export async function watchFolders({ root, folders, onHint, onTrouble }: WatchOptions): Promise<Watch> {
  const bare = folders.flatMap((folder) => watchFolder(folder, onHint, onTrouble) ?? []);
  const isBelow = (path: string) =>
    path !== root && (basename(path).startsWith(".") || join(root, basename(path)) !== path);
  const watcher = watch(root, {
    ignored: (path, stats) => isBelow(path) || (stats?.isFile() ?? false),
    ignoreInitial: true,
    followSymlinks: false,
    depth: 0,
  });
  watcher.on("addDir", () => onHint(root, undefined)).on("unlinkDir", () => onHint(root, undefined));
  watcher.on("error", (error) => onTrouble(messageOf(error)));
  await new Promise<void>((resolve) => {
    watcher.once("ready", resolve);
    // At EMFILE during start there is one error and never a ready.
    watcher.once("error", () => resolve());
  });
  return {
    close: async () => {
      for (const one of bare) one.close();
      await watcher.close();
    },
  };
}

function watchFolder(folder: string, onHint: OnHint, onTrouble: (message: string) => void): FSWatcher | undefined {
  try {
    const watcher = watchBare(folder, { persistent: false }, (_event, name) => onHint(folder, name ?? undefined));
    watcher.on("error", (error) => onTrouble(messageOf(error)));
    return watcher;
  } catch (thrown) {
    onTrouble(messageOf(thrown));
    return undefined;
  }
}
