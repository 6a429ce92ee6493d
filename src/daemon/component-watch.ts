/**
 * Where something has rung: one watch for each folder that components lie in, and in the base for those above it. Hints
 * get lost, so this only says where to look now.
 */
import { dirname } from "node:path";
import type { Log } from "../platform/log.ts";
import type { Watch } from "../platform/watcher.ts";
import { type HomedBase, isAgentName, placeOf } from "../records/component-place.ts";
import type { Ground } from "./opening.ts";

export interface ComponentWatchOptions {
  readonly ground: Ground;
  readonly log: Log;
  readonly base: HomedBase;
  readonly onRing: () => void;
}

/** What is called so lies in a folder that has rung. */
export type Rung = ReadonlySet<string>;

export class ComponentWatch {
  readonly #options: ComponentWatchOptions;
  /** Folders in which something has rung, by what they are called. */
  #rung = new Set<string>();
  #guarded: ReadonlyMap<string, unknown> | undefined;
  /** What the folders are called, by where they lie. */
  #folders: ReadonlyMap<string, string> = new Map();
  #watch: Watch | undefined;
  #watched = "";
  #closed = false;

  constructor(options: ComponentWatchOptions) {
    this.#options = options;
  }

  /** Watches the folders of these as they are now. A folder that comes or goes rings, in itself or in the one above. */
  async keep(guarded: ReadonlyMap<string, unknown>, isDue: boolean): Promise<void> {
    const isNew = this.#guarded !== guarded;
    if (!isNew && !isDue && this.#rung.size === 0) return;
    const { ground, base, log } = this.#options;
    if (isNew) this.#folders = foldersOf(base, guarded.keys());
    this.#guarded = guarded;
    const there = new Map<string, number>();
    for (const [folder, called] of this.#folders) {
      const info = ground.files.info(folder);
      if (info?.kind === "folder") there.set(folder, info.inode);
      // Gone before anybody watched it, perhaps: it does not ring by itself.
      else this.#rung.add(called);
    }
    const stamp = Array.from(there, ([folder, inode]) => `${folder}:${inode}`)
      .toSorted()
      .join("|");
    if (stamp === this.#watched) return;
    await this.#watch?.close();
    this.#watched = stamp;
    this.#watch = undefined;
    if (there.size === 0) return;
    this.#watch = await ground.system.watchFolders({
      root: base.path,
      folders: [...there.keys()],
      onHint: (folder) => this.#ring(folder),
      onTrouble: (message) => log.warn("watch_refused", { message }),
    });
    // What happened while nobody watched does not ring.
    for (const folder of this.#folders.values()) this.#rung.add(folder);
  }

  /** Where something has rung since this was asked last. */
  take(): Rung {
    const rung = this.#rung;
    this.#rung = new Set();
    return rung;
  }

  /** As if it had rung where this lies. */
  ringFor(name: string): void {
    this.#ring(dirname(placeOf(this.#options.base, name)));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#watch?.close();
  }

  #ring(folder: string): void {
    if (this.#closed) return;
    const called = folder === this.#options.base.path ? "." : this.#folders.get(folder);
    if (called === undefined) return;
    this.#rung.add(called);
    this.#options.onRing();
  }
}

/** True for what lies in one of the folders, or below it. */
export function isBelowAny(name: string, rung: Rung): boolean {
  if (rung.size === 0) return false;
  for (let folder = dirname(name); ; folder = dirname(folder)) {
    if (rung.has(folder)) return true;
    if (folder === ".") return false;
  }
}

function foldersOf(base: HomedBase, names: Iterable<string>): ReadonlyMap<string, string> {
  const folders = new Map<string, string>();
  for (const name of names) {
    // What is above the agents is the whole home's.
    if (isAgentName(name)) folders.set(dirname(placeOf(base, name)), dirname(name));
    else
      for (let folder = dirname(name); !folders.has(placeOf(base, folder)); folder = dirname(folder))
        folders.set(placeOf(base, folder), folder);
  }
  return folders;
}
