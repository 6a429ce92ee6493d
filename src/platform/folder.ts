/**
 * A folder held open, so that what is written in it lands in it: a parent that is swapped for a link after the check
 * gains nothing. Opened component by component from a root that the caller trusts, following no link.
 */
import { join } from "node:path";
import type { FileInfo } from "./disk.ts";
import { assert, BridgeError, diskError, errnoOf } from "./errors.ts";
import { type Files, translated } from "./files.ts";

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

  /** Opens `root` and walks down `names`; undefined where one is missing. Throws PATH_ESCAPED at a link or a file. */
  static async open(files: Files, root: string, names: readonly string[]): Promise<Folder | undefined> {
    return Folder.#walk(files, root, names, false);
  }

  /** As `open`; what is missing is made, and its name is durable. */
  static async make(files: Files, root: string, names: readonly string[]): Promise<Folder> {
    const folder = await Folder.#walk(files, root, names, true);
    assert(folder !== undefined, "a folder that is missing is made");
    return folder;
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
      const child = await folder.#child(name, create);
      folder.close();
      if (child === undefined) return undefined;
      folder = child;
    }
    return folder;
  }

  /** What lies under `name`, not followed; undefined when nothing does. */
  find(name: string, limitBytes: number): Found | undefined {
    const reading = this.#files.peek(this.#at(name), limitBytes);
    switch (reading.kind) {
      case "absent":
        return undefined;
      case "file":
        return { info: reading.info, bytes: reading.bytes };
      case "no file":
      case "too large":
        return { info: reading.info, bytes: undefined };
      case "refused":
        throw diskError(Object.assign(new Error(reading.errno), { code: reading.errno }), join(this.path, name));
    }
  }

  /** Writes a synced, unfinished file beside its target; `finish` gives it its name. A leftover under that name goes. */
  async prepare(temporary: string, bytes: Uint8Array, mode: number): Promise<void> {
    const path = this.#at(temporary);
    this.#files.remove(path);
    const handle = await this.#files.writeNew(path, bytes, mode);
    try {
      await this.#files.sync(handle, join(this.path, temporary));
    } finally {
      this.#files.disk.close(handle);
    }
  }

  /** The prepared file takes the name, replacing what had it, in one rename. Durable after `sync`. */
  finish(temporary: string, name: string): void {
    translated(join(this.path, name), () => this.#files.disk.rename(this.#at(temporary), this.#at(name)));
  }

  /** False when nothing was there. Durable after `sync`. */
  remove(name: string): boolean {
    return this.#files.remove(this.#at(name));
  }

  /** The names in the folder are durable when it resolves. */
  async sync(): Promise<void> {
    await this.#files.sync(this.#handle, this.path);
  }

  close(): void {
    this.#files.disk.close(this.#handle);
  }

  async #child(name: string, create: boolean): Promise<Folder | undefined> {
    const path = join(this.path, name);
    try {
      return new Folder(this.#files, path, this.#files.disk.openFolder(this.#at(name)));
    } catch (thrown) {
      const errno = errnoOf(thrown);
      if (errno === "ELOOP" || errno === "ENOTDIR") {
        throw new BridgeError("PATH_ESCAPED", `${path} is no folder`, { cause: thrown });
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
