/**
 * The system calls that the product makes on files, one method each, nothing added. Files (files.ts) builds its
 * promises out of them; crash tests wrap them, a simulation replaces them. Calls that only touch the page cache are
 * synchronous (measured: 3 to 20 times cheaper than a round trip through the thread pool); those that wait for the
 * medium return promises.
 */

import * as fs from "node:fs";
import { constants, fdatasync, fsync } from "node:fs";
import { promisify } from "node:util";

export type FileKind = "file" | "folder" | "link" | "other";

/** What a stat tells; times in milliseconds since the epoch with fractions, sizes in bytes. */
export interface FileInfo {
  readonly kind: FileKind;
  readonly sizeBytes: number;
  readonly mode: number;
  readonly modifiedMs: number;
  /** When anything about it was changed, names and rights included: nobody can set this one. */
  readonly changedMs: number;
  /** When the inode was made: inode numbers are used again. 0 where the file system does not keep it. */
  readonly bornMs: number;
  readonly device: number;
  readonly inode: number;
  readonly owner: number;
  readonly links: number;
}

export interface FolderEntry {
  readonly name: string;
  readonly kind: FileKind;
}

/** Every method throws Node's errno errors as they are. A `handle` is a file descriptor. */
export interface Disk {
  /** For reading; never follows a link, never waits for a FIFO's writer. */
  openRead(path: string): number;
  /** A new file for writing; throws EEXIST where anything has that name. */
  openNew(path: string, mode: number): number;
  /** For reading and appending; made when absent. */
  openAppend(path: string, mode: number): number;
  /** A folder; never follows a link (ENOTDIR or ELOOP there). */
  openFolder(path: string): number;
  close(handle: number): void;
  read(handle: number, target: Uint8Array, position: number): number;
  /** Writes at the handle's own position, perhaps less than given; returns how many bytes were taken. */
  write(handle: number, bytes: Uint8Array): number;
  truncate(handle: number, sizeBytes: number): void;
  chmod(handle: number, mode: number): void;
  statHandle(handle: number): FileInfo;
  /** Of the name itself, a link is not followed; undefined when nothing has it (throwing costs more than asking). */
  stat(path: string): FileInfo | undefined;
  /** The name of a child that goes through the open folder, whatever the folder's path leads to by now. */
  childPath(folder: number, name: string): string;
  sync(handle: number): Promise<void>;
  syncData(handle: number): Promise<void>;
  rename(from: string, to: string): void;
  link(from: string, to: string): void;
  unlink(path: string): void;
  makeFolder(path: string, mode: number): void;
  removeFolder(path: string): void;
  list(path: string): FolderEntry[];
  listInPieces(path: string): AsyncIterable<readonly string[]>;
  realPath(path: string): string;
  readLink(path: string): string;
  /** Bytes that an ordinary user may still write on the path's file system. */
  freeBytes(path: string): number;
}

function infoOf(stats: fs.Stats): FileInfo {
  return {
    kind: kindOf(stats),
    sizeBytes: stats.size,
    mode: stats.mode & 0o7777,
    modifiedMs: stats.mtimeMs,
    changedMs: stats.ctimeMs,
    bornMs: stats.birthtimeMs,
    device: stats.dev,
    inode: stats.ino,
    owner: stats.uid,
    links: stats.nlink,
  };
}

function kindOf(entry: fs.Stats | fs.Dirent): FileKind {
  if (entry.isFile()) return "file";
  if (entry.isDirectory()) return "folder";
  return entry.isSymbolicLink() ? "link" : "other";
}

const PIECE = 1000;
const O_READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const O_NEW = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const O_APPEND = constants.O_RDWR | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW;
const O_FOLDER = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

function childPath(folder: number, name: string): string {
  if (process.platform === "linux") return `/proc/self/fd/${folder}/${name}`;
  // macOS: the volume file system names a folder by device and inode, whatever it is called by now.
  const stats = fs.fstatSync(folder);
  return `/.vol/${stats.dev}/${stats.ino}/${name}`;
}

async function* listInPieces(path: string): AsyncGenerator<readonly string[]> {
  let names: string[] = [];
  for await (const entry of await fs.promises.opendir(path, { bufferSize: PIECE })) {
    names.push(entry.name);
    if (names.length < PIECE) continue;
    yield names;
    names = [];
  }
  yield names;
}

/** The machine's own disk. */
export const systemDisk: Disk = {
  openRead: (path) => fs.openSync(path, O_READ),
  openNew: (path, mode) => fs.openSync(path, O_NEW, mode),
  openAppend: (path, mode) => fs.openSync(path, O_APPEND, mode),
  openFolder: (path) => fs.openSync(path, O_FOLDER),

  close: (handle) => fs.closeSync(handle),
  read: (handle, target, position) => fs.readSync(handle, target, 0, target.length, position),
  write: (handle, bytes) => fs.writeSync(handle, bytes, 0, bytes.length, null),
  truncate: (handle, sizeBytes) => fs.ftruncateSync(handle, sizeBytes),
  chmod: (handle, mode) => fs.fchmodSync(handle, mode),
  statHandle: (handle) => infoOf(fs.fstatSync(handle)),
  stat: (path) => {
    const stats = fs.lstatSync(path, { throwIfNoEntry: false });
    return stats === undefined ? undefined : infoOf(stats);
  },
  childPath,
  sync: promisify(fsync),
  syncData: promisify(fdatasync),
  rename: (from, to) => fs.renameSync(from, to),
  link: (from, to) => fs.linkSync(from, to),
  unlink: (path) => fs.unlinkSync(path),
  makeFolder: (path, mode) => fs.mkdirSync(path, mode),
  removeFolder: (path) => fs.rmdirSync(path),
  list: (path) => fs.readdirSync(path, { withFileTypes: true }).map((e) => ({ name: e.name, kind: kindOf(e) })),
  listInPieces,
  realPath: (path) => fs.realpathSync.native(path),
  readLink: (path) => fs.readlinkSync(path),
  freeBytes: (path) => {
    const stats = fs.statfsSync(path);
    return stats.bavail * stats.bsize;
  },
};
