/**
 * Files by what still holds after a power cut. `replace` and `AppendFile` are durable when they resolve; `publish`,
 * `rename` and `moveNew` are atomic but may be undone by a power cut, so nothing may rest on them alone. No verb here
 * ever leaves a mix of old and new bytes under a name, and none follows a link in its last component.
 */
import { dirname, join, parse } from "node:path";
import { type Clock, slices } from "./clock.ts";
import type { Disk, FileInfo, FolderEntry } from "./disk.ts";
import { BridgeError, diskError, errnoOf, messageOf, refusedWith, translated } from "./errors.ts";
import { Grounds } from "./grounds.ts";
import { TemporaryNames } from "./ids.ts";
import { readRange } from "./read-file.ts";

const CHUNK_BYTES = 1024 * 1024;
const MOVE_NAMES_MAX = 10_000;

/** What lies under a path, read through one descriptor; the bytes only for a regular file within the limit. */
export type Reading =
  | { readonly kind: "absent" }
  | { readonly kind: "no file"; readonly info: FileInfo }
  | { readonly kind: "too large"; readonly info: FileInfo }
  | { readonly kind: "refused"; readonly errno: string }
  | { readonly kind: "file"; readonly info: FileInfo; readonly bytes: Buffer };

/** A sync of a folder on its way, and the one that has been asked for since. */
interface SharedSync {
  readonly running: Promise<void>;
  next: Promise<void> | undefined;
}

export class Files {
  readonly disk: Disk;
  readonly #clock: Clock;
  readonly #names = new TemporaryNames();
  readonly #folderSyncs = new Map<string, SharedSync>();
  readonly #grounds: Grounds;

  constructor(disk: Disk, clock: Clock) {
    this.disk = disk;
    this.#clock = clock;
    this.#grounds = new Grounds(disk);
  }

  /** From now on nothing is made in the place of this folder, should it go away whole. It is known by the name `sign` in it. */
  standOn(path: string, sign: string): void {
    this.#grounds.hold(path, sign);
  }

  /** BASE_MISSING where the ground of `path` is gone. */
  groundFault(path: string): BridgeError | undefined {
    return this.#grounds.faultOf(path);
  }

  /** For loops over many files: see `slices` of clock.ts. */
  slices(): () => Promise<void> {
    return slices(this.#clock);
  }

  /** What a stat of the path itself (never of a link's target) tells; undefined when nothing is there. */
  info(path: string): FileInfo | undefined {
    return this.#orAbsent(path, () => this.disk.stat(path));
  }

  /** The folder's entries in no order; undefined when it is absent or no folder. */
  list(path: string): FolderEntry[] | undefined {
    return this.#orAbsent(path, () => this.disk.list(path));
  }

  /** The names in a folder that may be huge, in pieces, letting other work go on; nothing when it is absent. */
  async *namesIn(path: string): AsyncGenerator<readonly string[]> {
    if (this.info(path)?.kind !== "folder") return;
    try {
      yield* this.disk.listInPieces(path);
    } catch (thrown) {
      throw diskError(thrown, path);
    }
  }

  /** The path with every link resolved; undefined when it leads nowhere. */
  realPath(path: string): string | undefined {
    return this.#orAbsent(path, () => this.disk.realPath(path));
  }

  /** Bytes that may still be written near `path`. */
  freeBytes(path: string): number {
    return translated(path, () => this.disk.freeBytes(path));
  }

  /** Looks without trusting: a FIFO does not block, a link is not followed, a large file is not read. Throws TOO_MANY_FILES. */
  peek(path: string, limitBytes: number): Reading {
    let handle: number;
    try {
      handle = this.disk.openRead(path);
    } catch (thrown) {
      return this.#unopened(path, errnoOf(thrown) ?? String(thrown));
    }
    try {
      const info = this.disk.statHandle(handle);
      if (info.kind !== "file") return { kind: "no file", info };
      if (info.sizeBytes > limitBytes) return { kind: "too large", info };
      return { kind: "file", info, bytes: readRange(this.disk, handle, 0, info.sizeBytes) };
    } catch (thrown) {
      return { kind: "refused", errno: errnoOf(thrown) ?? String(thrown) };
    } finally {
      this.disk.close(handle);
    }
  }

  /** The file's bytes; undefined when absent. Throws DISK_REFUSED for anything but a readable file within the limit. */
  read(path: string, limitBytes = 512 * CHUNK_BYTES): Buffer | undefined {
    const reading = this.peek(path, limitBytes);
    switch (reading.kind) {
      case "absent":
        return undefined;
      case "file":
        return reading.bytes;
      case "refused":
        throw refusedWith(reading.errno, path);
      case "no file":
      case "too large":
        throw new BridgeError("DISK_REFUSED", `${path} is no file that can be read here: ${reading.kind}`);
    }
  }

  /**
   * Replaces the whole file: a reader sees the old bytes or the new, never a mix. Durable on return, its name too.
   * Throws DISK_FULL, DISK_REFUSED, or SYNC_FAILED, with the old file untouched.
   */
  async replace(path: string, bytes: Uint8Array | string, mode: number): Promise<void> {
    const temporary = join(dirname(path), this.#names.next());
    const handle = await this.writeNew(temporary, toBytes(bytes), mode);
    try {
      await this.sync(handle, path);
    } finally {
      this.disk.close(handle);
    }
    this.#finish(temporary, path);
    await this.syncFolder(dirname(path));
  }

  /** As `replace`, but a power cut may bring the old file back: for what can be rebuilt. Makes missing folders. */
  async publish(path: string, bytes: Uint8Array | string, mode = 0o644): Promise<void> {
    const temporary = join(dirname(path), this.#names.next());
    let handle: number;
    try {
      handle = await this.writeNew(temporary, toBytes(bytes), mode);
    } catch (thrown) {
      if (!(thrown instanceof Error) || errnoOf(thrown.cause) !== "ENOENT") throw thrown;
      this.makeFolders(dirname(path), 0o755);
      handle = await this.writeNew(temporary, toBytes(bytes), mode);
    }
    this.disk.close(handle);
    this.#finish(temporary, path);
  }

  /**
   * Writes a new file and leaves it open, unsynced. The size is checked, because a full disk may take fewer bytes than
   * it says; on any failure the file is gone again.
   */
  async writeNew(path: string, bytes: Uint8Array, mode: number): Promise<number> {
    const handle = translated(path, () => this.disk.openNew(path, mode));
    try {
      await this.writeAll(handle, bytes);
      const written = this.disk.statHandle(handle);
      // The mode given to open is cut by the umask, and a mode set after the sync is lost in a power cut.
      if (written.mode !== mode) this.disk.chmod(handle, mode);
      if (written.sizeBytes === bytes.length) return handle;
      throw new BridgeError("DISK_FULL", `the disk kept ${written.sizeBytes} of ${bytes.length} bytes of ${path}`);
    } catch (thrown) {
      this.disk.close(handle);
      this.disk.unlink(path);
      throw diskError(thrown, path);
    }
  }

  /** Writes every byte, or throws what the disk said. */
  async writeAll(handle: number, bytes: Uint8Array): Promise<void> {
    let done = 0;
    while (done < bytes.length) {
      const count = this.disk.write(handle, bytes.subarray(done, done + CHUNK_BYTES));
      if (count === 0) throw new BridgeError("DISK_FULL", "the disk takes no more bytes");
      done += count;
      if (count === CHUNK_BYTES) await this.#clock.breathe();
    }
  }

  /** Throws SYNC_FAILED: after that nobody knows what is on the medium, and asking again would lie. */
  async sync(handle: number, path: string): Promise<void> {
    try {
      await this.disk.sync(handle);
    } catch (thrown) {
      throw new BridgeError("SYNC_FAILED", `the disk did not keep ${path}: ${messageOf(thrown)}`, {
        cause: thrown,
      });
    }
  }

  /** Makes the folder's names durable: what was created, renamed or removed in it before this call. */
  async syncFolder(path: string): Promise<void> {
    const handle = translated(path, () => this.disk.openFolder(path));
    try {
      await this.syncFolderHandle(handle, path);
    } finally {
      this.disk.close(handle);
    }
  }

  /**
   * Makes the folder's own name durable, and those of the folders above it, as far up as they are of the same owner and
   * on the same device: who made them may have died before their names were on the medium.
   */
  async syncUpwards(path: string): Promise<void> {
    const own = this.info(dirname(path));
    for (let folder = dirname(path); ; folder = dirname(folder)) {
      const info = this.info(folder);
      if (info?.kind !== "folder" || info.owner !== own?.owner || info.device !== own.device) return;
      await this.syncFolder(folder);
      if (folder === dirname(folder)) return;
    }
  }

  /**
   * The same of an open folder; `path` is its real path. Whoever asks while a sync of the folder is on its way shares
   * the next one.
   */
  async syncFolderHandle(handle: number, path: string): Promise<void> {
    const shared = this.#folderSyncs.get(path);
    if (shared === undefined) return this.#syncShared(handle, path);
    // The sync on its way may have missed what was changed meanwhile: one more, begun when it has ended, has it all.
    shared.next ??= shared.running.catch(() => undefined).then(() => this.#syncShared(handle, path));
    return shared.next;
  }

  async #syncShared(handle: number, path: string): Promise<void> {
    const running = this.sync(handle, path);
    this.#folderSyncs.set(path, { running, next: undefined });
    try {
      await running;
    } finally {
      if (this.#folderSyncs.get(path)?.next === undefined) this.#folderSyncs.delete(path);
    }
  }

  /** Makes the folder and what is missing above it; not durable by itself. Throws BASE_MISSING where its ground is gone. */
  makeFolders(path: string, mode: number): void {
    const fault = this.groundFault(path);
    if (fault !== undefined) throw fault;
    if (this.#makeFolder(path, mode) || dirname(path) === path) return;
    this.makeFolders(dirname(path), mode);
    // Asked once more only: what is above may be removed as fast as it is made, or be an open folder that is gone.
    if (!this.#makeFolder(path, mode)) throw refusedWith("ENOENT", path);
  }

  /** False when what is above is missing. */
  #makeFolder(path: string, mode: number): boolean {
    try {
      this.disk.makeFolder(path, mode);
    } catch (thrown) {
      const errno = errnoOf(thrown);
      if (errno === "ENOENT") return false;
      if (errno !== "EEXIST") throw diskError(thrown, path);
    }
    return true;
  }

  /** One rename; false when `from`, or the folder of `to`, is not there. The caller names a target that cannot exist. */
  rename(from: string, to: string): boolean {
    return this.#orAbsent(to, () => this.disk.rename(from, to) ?? true) ?? false;
  }

  /**
   * Moves `from` into `folder` under `name`, or `name~2`, `name~3` … where that is taken: it never replaces anything.
   * Returns the name it got, undefined when nothing lies at `from`. Asked again after a crash it ends in one place.
   */
  async moveNew(from: string, folder: string, name: string): Promise<string | undefined> {
    const source = this.info(from);
    if (source === undefined) return undefined;
    for (let count = 1; count <= MOVE_NAMES_MAX; count += 1) {
      const candidate = numbered(name, count);
      const target = join(folder, candidate);
      if (await this.#moveTo(from, source, target)) return candidate;
      const there = this.info(target);
      if (there !== undefined && there.inode === source.inode && there.device === source.device) {
        // A crash came between link and unlink: the file has both names.
        this.remove(from);
        return candidate;
      }
    }
    throw new BridgeError("DISK_REFUSED", `${folder} holds ${MOVE_NAMES_MAX} files named ${name} already`);
  }

  /** False when nothing was there. */
  remove(path: string): boolean {
    return this.#orAbsent(path, () => this.disk.unlink(path) ?? true) ?? false;
  }

  /** Removes a file, or a folder with all that is in it; links are removed, not followed. */
  removeTree(path: string): void {
    const info = this.info(path);
    if (info === undefined) return;
    if (info.kind !== "folder") {
      this.remove(path);
      return;
    }
    for (const entry of this.list(path) ?? []) this.removeTree(join(path, entry.name));
    this.#orAbsent(path, () => this.disk.removeFolder(path));
  }

  /** Removes what a crash left unfinished in this one folder; returns how many. */
  sweep(folder: string): number {
    const left = (this.list(folder) ?? []).filter((entry) => this.#names.isOthers(entry.name));
    return left.filter((entry) => this.remove(join(folder, entry.name))).length;
  }

  #finish(temporary: string, path: string): void {
    try {
      this.disk.rename(temporary, path);
    } catch (thrown) {
      this.remove(temporary);
      throw diskError(thrown, path);
    }
  }

  /** False when the name is taken. */
  async #moveTo(from: string, source: FileInfo, target: string): Promise<boolean> {
    try {
      // A link never replaces anything; what cannot be linked is looked at first.
      if (source.kind === "file") this.disk.link(from, target);
      else if (this.info(target) === undefined) this.disk.rename(from, target);
      else return false;
    } catch (thrown) {
      return this.#moveOtherwise(from, source, target, thrown);
    }
    if (source.kind === "file") this.remove(from);
    return true;
  }

  async #moveOtherwise(from: string, source: FileInfo, target: string, thrown: unknown): Promise<boolean> {
    switch (errnoOf(thrown)) {
      case "EEXIST":
        return false;
      case "ENOENT":
        if (this.info(dirname(target)) !== undefined) break;
        this.makeFolders(dirname(target), 0o755);
        return this.#moveTo(from, source, target);
      case "EXDEV":
        if (source.kind !== "file" || this.info(target) !== undefined) break;
        return this.#copyTo(from, source, target);
      case "EPERM":
      case "ENOTSUP":
      case "EMLINK":
        // File systems without hard links.
        return this.info(target) === undefined && this.rename(from, target);
      default:
        break;
    }
    throw diskError(thrown, target);
  }

  async #copyTo(from: string, source: FileInfo, target: string): Promise<boolean> {
    const bytes = this.read(from);
    if (bytes === undefined) return false;
    await this.replace(target, bytes, source.mode);
    this.remove(from);
    return true;
  }

  #unopened(path: string, errno: string): Reading {
    if (errno === "ENOENT" || errno === "ENOTDIR") return { kind: "absent" };
    // Says nothing about the file.
    if (errno === "EMFILE" || errno === "ENFILE") throw refusedWith(errno, path);
    const info = this.info(path);
    if (info === undefined) return { kind: "absent" };
    return info.kind === "file" ? { kind: "refused", errno } : { kind: "no file", info };
  }

  #orAbsent<T>(path: string, call: () => T): T | undefined {
    try {
      return call();
    } catch (thrown) {
      const errno = errnoOf(thrown);
      if (errno === "ENOENT" || errno === "ENOTDIR") return undefined;
      throw diskError(thrown, path);
    }
  }
}

function toBytes(bytes: Uint8Array | string): Uint8Array {
  return typeof bytes === "string" ? Buffer.from(bytes, "utf8") : bytes;
}

/** `name` for the first, then `name~2`, `name~3` … in front of its ending: "X.yaml", 2 → "X~2.yaml". */
export function numbered(name: string, count: number): string {
  if (count === 1) return name;
  const { name: stem, ext } = parse(name);
  return `${stem}~${count}${ext}`;
}
