/** A file that is read in parts. */
import type { Disk } from "./disk.ts";
import { translated } from "./errors.ts";

export class ReadFile {
  readonly #disk: Disk;
  readonly #path: string;
  readonly #handle: number;

  /** Throws what `diskError` makes of a file that cannot be opened, an absent one too. */
  constructor(disk: Disk, path: string) {
    this.#disk = disk;
    this.#path = path;
    this.#handle = translated(path, () => disk.openRead(path));
  }

  /** `lengthBytes` at most, from `offset` on; fewer at the file's end. */
  range(offset: number, lengthBytes: number): Buffer {
    return translated(this.#path, () => readRange(this.#disk, this.#handle, offset, lengthBytes));
  }

  close(): void {
    this.#disk.close(this.#handle);
  }
}

/** The same of an open handle; throws what the disk says. */
export function readRange(disk: Disk, handle: number, offset: number, lengthBytes: number): Buffer {
  const target = Buffer.allocUnsafe(lengthBytes);
  let filled = 0;
  while (filled < lengthBytes) {
    const count = disk.read(handle, target.subarray(filled), offset + filled);
    if (count === 0) break;
    filled += count;
  }
  return target.subarray(0, filled);
}
