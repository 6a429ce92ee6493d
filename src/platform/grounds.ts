/**
 * Folders that others bring and take away, as a volume is mounted and unmounted. Nothing is made in their place while they
 * are gone: on a Mac a folder under /Volumes keeps the volume from coming back under its name.
 */
import type { Disk } from "./disk.ts";
import { BridgeError, errnoOf } from "./errors.ts";

export class Grounds {
  readonly #disk: Disk;
  /** The device that each of them lies on. */
  readonly #devices = new Map<string, number>();

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  /** From now on the folder is held to be the one that lies there now. */
  hold(path: string): void {
    const device = this.#disk.stat(path)?.device;
    if (device !== undefined) this.#devices.set(path, device);
  }

  /** BASE_MISSING where the held folder that `path` is or lies below is gone, or where another file system's lies there. */
  faultOf(path: string): BridgeError | undefined {
    for (const [ground, device] of this.#devices) {
      if (path !== ground && !path.startsWith(`${ground}/`)) continue;
      const now = this.#deviceOf(ground);
      if (now === undefined) return new BridgeError("BASE_MISSING", `${ground} is gone: unmounted, moved or removed`);
      if (now !== device)
        return new BridgeError("BASE_MISSING", `what lies at ${ground} is on another disk: it was unmounted`);
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
