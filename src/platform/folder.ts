/**
 * A folder held open, so that what is written in it lands in it: a parent that is swapped for a link after the check
 * gains nothing. Opened component by component from a root that the caller trusts, following no link.
 */
import { join } from "node:path";
import type { FileInfo } from "./disk.ts";
import { BridgeError, diskError, errnoOf, refusedWith, translated } from "./errors.ts";
import type { Files } from "./files.ts";

/** What lies under a name in the folder; `bytes` only for a regular file within the limit. */
export interface Found {
  readonly info: FileInfo;
  readonly bytes: Buffer | undefined;
}

export class Folder {
  /** For people; the open handle is what counts. */
  readonly path: string;
  readonly #files: Files;
  readonly #handle: number;

  private constructor(files: Files, path: string, handle: number) {
    this.#files = files;
    this.path = path;
    this.#handle = handle;
  }

  /** Opens `root` and walks down `names`; undefined where one is missing. Throws PATH_ESCAPED at a link, NO_FOLDER at a file. */
  static async open(files: Files, root: string, names: readonly string[]): Promise<Folder | undefined> {
    return Folder.#walk(files, root, names, false);
  }

  /** As `open`; what is missing is made, and its name is durable. Throws DISK_REFUSED when somebody removes it at once. */
  static async make(files: Files, root: string, names: readonly string[]): Promise<Folder> {
    const folder = await Folder.#walk(files, root, names, true);
    if (folder !== undefined) return folder;
    // Removed as soon as it was made.
    throw refusedWith("ENOENT", join(root, ...names));
  }

  static async #walk(
    files: Files,
    root: string,
    names: readonly string[],
    create: boolean,
  ): Promise<Folder | undefined> {
    let folder = new Folder(
      files,
      root,
      translated(root, () => files.disk.openFolder(root)),
    );
    for (const name of names) {
      const parent = folder;
      const child = await parent.#child(name, create).finally(() => parent.close());
      if (child === undefined) return undefined;
      folder = child;
    }
    return folder;
  }

  /** What lies under `name`, not followed; undefined when nothing does. */
  find(name: string, limitBytes: number): Found | undefined {
    const path = this.#at(name);
    if (this.#files.info(path) === undefined) return undefined;
    const reading = this.#files.peek(path, limitBytes);
    switch (reading.kind) {
      case "absent":
        return undefined;
      case "file":
        return { info: reading.info, bytes: reading.bytes };
      case "no file":
      case "too large":
        return { info: reading.info, bytes: undefined };
      case "refused":
        throw refusedWith(reading.errno, join(this.path, name));
    }
  }

  /** Writes a synced, unfinished file beside its target; `finish` gives it its name. A leftover under that name goes. */
  async prepare(temporary: string, bytes: Uint8Array, mode: number): Promise<void> {
    const path = this.#at(temporary);
    const handle = await this.#writeNew(path, bytes, mode);
    try {
      await this.#files.sync(handle, `${this.path}/${temporary}`);
    } finally {
      this.#files.disk.close(handle);
    }
  }

  async #writeNew(path: string, bytes: Uint8Array, mode: number): Promise<number> {
    try {
      return await this.#files.writeNew(path, bytes, mode);
    } catch (thrown) {
      if (!(thrown instanceof BridgeError) || errnoOf(thrown.cause) !== "EEXIST") throw thrown;
      this.#files.remove(path);
      return this.#files.writeNew(path, bytes, mode);
    }
  }

  /** The prepared file takes the name, replacing what had it, in one rename. Durable after `sync`. */
  finish(temporary: string, name: string): void {
    translated(`${this.path}/${name}`, () => this.#files.disk.rename(this.#at(temporary), this.#at(name)));
  }

  /** As `finish`, and false, with nothing changed, where anything has the name. */
  finishNew(temporary: string, name: string): boolean {
    try {
      this.#files.disk.link(this.#at(temporary), this.#at(name));
    } catch (thrown) {
      if (errnoOf(thrown) === "EEXIST") return false;
      throw diskError(thrown, `${this.path}/${name}`);
    }
    this.#files.remove(this.#at(temporary));
    return true;
  }

  /** False when nothing was there. Durable after `sync`. */
  remove(name: string): boolean {
    return this.#files.remove(this.#at(name));
  }

  /** The names in the folder are durable when it resolves. */
  async sync(): Promise<void> {
    await this.#files.syncFolderHandle(this.#handle, this.path);
  }

  close(): void {
    this.#files.disk.close(this.#handle);
  }

  async #child(name: string, create: boolean): Promise<Folder | undefined> {
    const path = `${this.path}/${name}`;
    try {
      return new Folder(this.#files, path, this.#files.disk.openFolder(this.#at(name)));
    } catch (thrown) {
      const errno = errnoOf(thrown);
      if (errno === "ELOOP" || errno === "ENOTDIR") {
        const isLink = this.#files.info(this.#at(name))?.kind === "link";
        throw new BridgeError(isLink ? "PATH_ESCAPED" : "NO_FOLDER", `${path} is no folder`, { cause: thrown });
      }
      if (errno !== "ENOENT") throw diskError(thrown, path);
    }
    if (!create) return undefined;
    this.#files.makeFolders(this.#at(name), 0o755);
    await this.sync();
    return this.#child(name, false);
  }

  #at(name: string): string {
    return this.#files.disk.childPath(this.#handle, name);
  }
}

/** Folders held open for the length of one piece of work, each once. */
export class OpenFolders {
  readonly #files: Files;
  readonly #open = new Map<string, Folder>();

  constructor(files: Files) {
    this.#files = files;
  }

  /** For loops over many files: see `slices` of clock.ts. */
  slices(): () => Promise<void> {
    return this.#files.slices();
  }

  /** The folder; undefined where it is missing. */
  async find(root: string, names: readonly string[]): Promise<Folder | undefined> {
    return this.#open.get(keyOf(root, names)) ?? this.#keep(root, names, await Folder.open(this.#files, root, names));
  }

  /** The folder; made where it is missing. */
  async make(root: string, names: readonly string[]): Promise<Folder> {
    const known = this.#open.get(keyOf(root, names));
    if (known !== undefined) return known;
    const folder = await Folder.make(this.#files, root, names);
    this.#keep(root, names, folder);
    return folder;
  }

  /** Closes all of them. */
  close(): void {
    for (const folder of this.#open.values()) folder.close();
    this.#open.clear();
  }

  #keep(root: string, names: readonly string[], folder: Folder | undefined): Folder | undefined {
    if (folder !== undefined) this.#open.set(keyOf(root, names), folder);
    return folder;
  }
}

function keyOf(root: string, names: readonly string[]): string {
  return [root, ...names].join("/");
}
