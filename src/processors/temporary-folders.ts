/** One folder for temporary files per attempt at an order, made when its first command needs it, gone when it has ended. */
import { join } from "node:path";
import { BridgeError } from "../platform/errors.ts";
import type { Files } from "../platform/files.ts";

export interface TemporaryFoldersOptions {
  readonly files: Files;
  /** Where they are made; others may make theirs there too. */
  readonly root: string;
  /** Of the base: tells its folders from those of others. */
  readonly baseId: string;
  readonly userId: number;
}

export class TemporaryFolders {
  readonly #options: TemporaryFoldersOptions;
  readonly #prefix: string;

  constructor(options: TemporaryFoldersOptions) {
    this.#options = options;
    this.#prefix = `wo-${options.baseId}-`;
  }

  /** The attempt's folder, there when this returns. Throws DISK_REFUSED where somebody else has put something there. */
  make(id: string, attempt: number): string {
    const { files, userId } = this.#options;
    const path = join(this.#root(), this.#nameOf(id, attempt));
    files.makeFolders(path, 0o700);
    const info = files.info(path);
    if (info?.kind !== "folder" || info.owner !== userId || (info.mode & 0o077) !== 0)
      throw new BridgeError("DISK_REFUSED", `${path} is not ours: remove it`);
    return path;
  }

  /** Removes it, if it is there; what cannot be removed is left to the next sweep. */
  async remove(id: string, attempt: number): Promise<void> {
    await this.#removeTree(join(this.#root(), this.#nameOf(id, attempt)), this.#options.files.slices());
  }

  /** Removes what a crash left of all attempts but these. */
  async sweep(running: readonly { readonly id: string; readonly attempt: number }[]): Promise<void> {
    const { files } = this.#options;
    const kept = new Set(running.map(({ id, attempt }) => this.#nameOf(id, attempt)));
    const slice = files.slices();
    for (const { name } of files.list(this.#root()) ?? [])
      if (name.startsWith(this.#prefix) && !kept.has(name)) await this.#removeTree(join(this.#root(), name), slice);
  }

  #nameOf(id: string, attempt: number): string {
    return `${this.#prefix}${id}-${attempt}`;
  }

  #root(): string {
    return this.#options.files.realPath(this.#options.root) ?? this.#options.root;
  }

  async #removeTree(path: string, slice: () => Promise<void>): Promise<void> {
    const { files } = this.#options;
    await slice();
    try {
      if (files.info(path)?.kind === "folder")
        for (const { name } of files.list(path) ?? []) await this.#removeTree(join(path, name), slice);
      files.removeTree(path);
    } catch (thrown) {
      // A folder that the command has closed to us: no reason to hold up the order.
      if (!(thrown instanceof BridgeError)) throw thrown;
    }
  }
}
