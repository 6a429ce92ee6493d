/**
 * Folders that others bring and take away, as a volume is mounted and unmounted. Nothing is made in their place while they
 * are gone: on a Mac a folder under /Volumes keeps the volume from coming back under its name.
 */
import { join } from "node:path";
import type { Disk } from "./disk.ts";
import { BridgeError, errnoOf } from "./errors.ts";

export class Grounds {
  readonly #disk: Disk;
  /** The device that each of them lies on, and a name in it that a folder of somebody else does not have. */
  readonly #grounds = new Map<string, { readonly device: number; readonly sign: string }>();

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  /** From now on the folder is held to be the one that lies there now, or one on another device that has `sign` in it. */
  hold(path: string, sign: string): void {
    const device = this.#deviceOf(path);
    if (device !== undefined) this.#grounds.set(path, { device, sign });
  }

  /** BASE_MISSING where the held folder that `path` is or lies below is gone, or where another file system's lies there. */
  faultOf(path: string): BridgeError | undefined {
    for (const [ground, { device, sign }] of this.#grounds) {
      if (path !== ground && !path.startsWith(`${ground}/`)) continue;
      const now = this.#deviceOf(ground);
      if (now === undefined) return new BridgeError("BASE_MISSING", `${ground} is gone: unmounted, moved or removed`);
      if (now === device) continue;
      // A volume that comes back may be another device than before.
      if (this.#deviceOf(join(ground, sign)) === undefined)
        return new BridgeError("BASE_MISSING", `what lies at ${ground} is on another disk: it was unmounted`);
      this.#grounds.set(ground, { device: now, sign });
    }
    return undefined;
  }

  #deviceOf(path: string): number | undefined {
    try {
      return this.#disk.stat(path)?.device;
    } catch (thrown) {
      if (errnoOf(thrown) === "ENOTDIR") return undefined;
      throw thrown;
    }
  }
}
