/**
 * A file that only grows. A failed append leaves it as long as it was, so that its end is always a whole record. A
 * `shared` file has other writers too: what they append is never cut.
 */
import type { FileInfo } from "./disk.ts";
import { BridgeError, diskError, messageOf, translated } from "./errors.ts";
import type { Files } from "./files.ts";
import { readRange } from "./read-file.ts";

export class AppendFile {
  readonly path: string;
  readonly #files: Files;
  readonly #handle: number;
  readonly #shared: boolean;
  #sizeBytes: number;

  private constructor(files: Files, path: string, handle: number, shared: boolean) {
    this.#files = files;
    this.path = path;
    this.#handle = handle;
    this.#shared = shared;
    this.#sizeBytes = files.disk.statHandle(handle).sizeBytes;
  }

  /** Opens the file for appending, making it when absent; its folder must be there. */
  static open(files: Files, path: string, mode: number, shared = false): AppendFile {
    return new AppendFile(
      files,
      path,
      translated(path, () => files.disk.openAppend(path, mode)),
      shared,
    );
  }

  /** Bytes up to the end of the last whole append. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /**
   * Appends in one write where the system allows it. In the page cache on return, on the medium after `sync`.
   * Throws DISK_FULL or DISK_REFUSED with the file cut back to what it was; SYNC_FAILED when even that was refused.
   */
  async append(bytes: Uint8Array): Promise<void> {
    if (this.#shared) this.#sizeBytes = this.info().sizeBytes;
    const start = this.#sizeBytes;
    try {
      await this.#files.writeAll(this.#handle, bytes);
      this.#sizeBytes += bytes.length;
    } catch (thrown) {
      // In a shared file somebody may have written behind the fragment by now.
      if (!this.#shared || this.info().sizeBytes < start + bytes.length) this.cutTo(start);
      throw diskError(thrown, this.path);
    }
  }

  /** Cuts the file to `sizeBytes`; throws SYNC_FAILED, because a torn end that cannot be cut must stop everything. */
  cutTo(sizeBytes: number): void {
    try {
      this.#files.disk.truncate(this.#handle, sizeBytes);
      this.#sizeBytes = sizeBytes;
    } catch (thrown) {
      const message = `the torn end of ${this.path} could not be cut: ${messageOf(thrown)}`;
      throw new BridgeError("SYNC_FAILED", message, { cause: thrown });
    }
  }

  /** On the medium when it resolves; throws SYNC_FAILED. */
  async sync(): Promise<void> {
    try {
      await this.#files.disk.syncData(this.#handle);
    } catch (thrown) {
      throw new BridgeError("SYNC_FAILED", `the disk did not keep ${this.path}: ${messageOf(thrown)}`, {
        cause: thrown,
      });
    }
  }

  /** `lengthBytes` at most, from `offset` on. */
  read(offset: number, lengthBytes: number): Buffer {
    return translated(this.path, () => readRange(this.#files.disk, this.#handle, offset, lengthBytes));
  }

  /** What the open file is now, whatever its name leads to. */
  info(): FileInfo {
    return translated(this.path, () => this.#files.disk.statHandle(this.#handle));
  }

  close(): void {
    this.#files.disk.close(this.#handle);
  }
}
