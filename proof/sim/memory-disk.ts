/**
 * A disk in memory that keeps apart what readers see and what the medium holds. It does what a POSIX file system does
 * with these calls, errors included; how it fails is up to `trouble`.
 */
import { posix } from "node:path";
import type { Disk, FolderEntry } from "../../src/platform/disk.ts";
import type { Random } from "../rig/random.ts";
import { Medium } from "./medium.ts";
import { type FileNode, type FolderNode, infoOf, type NameChange, type Node, newFile, newFolder } from "./nodes.ts";
import type { Scheduler } from "./scheduler.ts";

/** How the disk misbehaves just now. */
export interface Trouble {
  /** Bytes that it takes in all; more is refused. */
  capacityBytes: number;
  /** Share of opens that are refused with EMFILE. */
  refusedOpens: number;
  /** Syncs that fail with EIO from now on. */
  failingSyncs: number;
}

interface Handle {
  readonly node: Node;
  readonly appends: boolean;
  position: number;
}

const SYNC_MS_MAX = 6;
/** Paths below it lead through an open folder. */
const HANDLES = "/.handle";

export class MemoryDisk implements Disk {
  readonly root: FolderNode;
  /** Changes of names reach the medium in their order, as journals have it. */
  readonly isOrdered: boolean;
  readonly trouble: Trouble = { capacityBytes: Number.POSITIVE_INFINITY, refusedOpens: 0, failingSyncs: 0 };
  /** Told of every change of a name in a folder. */
  onChange: (folder: FolderNode, name: string) => void = () => undefined;
  readonly #random: Random;
  readonly #scheduler: Scheduler;
  readonly #medium: Medium;
  readonly #now: () => number;
  readonly #handles = new Map<number, Handle>();
  #lastHandle = 2;
  #lastInode = 1;
  #usedBytes = 0;
  #cuts = 0;

  constructor(random: Random, scheduler: Scheduler, now: () => number) {
    this.#random = random;
    this.#scheduler = scheduler;
    this.#now = now;
    this.isOrdered = random.chance(0.5);
    this.#medium = new Medium(random, this.isOrdered);
    this.root = newFolder(1, 0o755, now());
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Everything open is gone, and so is what was not synced. */
  cut(): void {
    this.#cuts += 1;
    this.#handles.clear();
    this.#medium.cut(this.root, this.#scheduler.nowMs);
    this.#usedBytes = sizeOf(this.root, new Set());
  }

  /** A file that was there before the history, on the medium with its name. */
  place(path: string, text: string): void {
    let folder = this.root;
    const names = path.split("/").filter(Boolean);
    for (const name of names.slice(0, -1)) {
      const next = folder.entries.get(name) ?? newFolder(this.#newInode(), 0o755, this.#now());
      if (next.kind !== "folder") throw errno("ENOTDIR", path);
      folder.entries.set(name, next);
      this.#medium.place(folder, name, next);
      folder = next;
    }
    const file = newFile(this.#newInode(), 0o644, this.#now());
    this.#setData(file, Buffer.from(text));
    file.durable = file.data;
    folder.entries.set(names.at(-1) ?? "", file);
    this.#medium.place(folder, names.at(-1) ?? "", file);
  }

  /** A file's bytes, for whoever looks at the disk from outside. */
  readAll(path: string): Buffer {
    const node = this.#mustFind(path);
    if (node.kind !== "file") throw errno("EISDIR", path);
    return node.data;
  }

  /** Removes what has this path and all below it, as somebody else does. */
  removeTree(path: string): void {
    if (this.stat(path)?.kind !== "folder") {
      this.unlink(path);
      return;
    }
    for (const { name } of this.list(path)) this.removeTree(`${path}/${name}`);
    this.removeFolder(path);
  }

  openRead(path: string): number {
    this.#refuse();
    return this.#open(this.#mustFind(path), false);
  }

  openNew(path: string, mode: number): number {
    this.#refuse();
    const [folder, name] = this.#parent(path);
    if (folder.entries.has(name)) throw errno("EEXIST", path);
    return this.#open(this.#make(folder, name, mode), false);
  }

  openAppend(path: string, mode: number): number {
    this.#refuse();
    const [folder, name] = this.#parent(path);
    const node = folder.entries.get(name) ?? this.#make(folder, name, mode);
    if (node.kind !== "file") throw errno("EISDIR", path);
    return this.#open(node, true);
  }

  openFolder(path: string): number {
    this.#refuse();
    const node = this.#mustFind(path);
    if (node.kind !== "folder") throw errno("ENOTDIR", path);
    return this.#open(node, false);
  }

  close(handle: number): void {
    this.#handles.delete(handle);
  }

  read(handle: number, target: Uint8Array, position: number): number {
    return this.#file(handle).data.copy(target, 0, position);
  }

  write(handle: number, bytes: Uint8Array): number {
    const opened = this.#opened(handle);
    const file = this.#file(handle);
    const start = opened.appends ? file.data.length : opened.position;
    const room = this.trouble.capacityBytes - this.#usedBytes;
    const count = Math.max(0, Math.min(bytes.length, Math.floor(room)));
    if (count === 0 && bytes.length > 0) throw errno("ENOSPC", String(handle));
    this.#setData(file, Buffer.concat([file.data.subarray(0, start), bytes.subarray(0, count)]));
    opened.position = start + count;
    return count;
  }

  truncate(handle: number, sizeBytes: number): void {
    const file = this.#file(handle);
    this.#setData(file, Buffer.from(file.data.subarray(0, sizeBytes)));
  }

  chmod(handle: number, mode: number): void {
    this.#opened(handle).node.mode = mode;
  }

  statHandle(handle: number) {
    return infoOf(this.#opened(handle).node);
  }

  stat(path: string) {
    const node = this.#find(path);
    return node === undefined ? undefined : infoOf(node);
  }

  childPath(folder: number, name: string): string {
    return `${HANDLES}/${folder}/${name}`;
  }

  sync(handle: number): Promise<void> {
    const { node } = this.#opened(handle);
    const cuts = this.#cuts;
    return new Promise((resolve, reject) => {
      // What is written while it is on its way may be on the medium behind it, or not.
      const bytes = node.kind === "file" ? node.data : undefined;
      this.#scheduler.after(this.#random.next() * SYNC_MS_MAX, () => {
        // What was on its way when the power went never arrives.
        if (cuts !== this.#cuts) return;
        if (this.trouble.failingSyncs > 0) {
          this.trouble.failingSyncs -= 1;
          if (node.kind === "file") node.isPoisoned = true;
          reject(errno("EIO", String(handle)));
          return;
        }
        if (node.kind === "folder") this.#medium.syncFolder(node);
        else this.#medium.syncFile(node, bytes ?? node.data);
        resolve();
      });
    });
  }

  syncData(handle: number): Promise<void> {
    return this.sync(handle);
  }

  rename(from: string, to: string): void {
    const [source, sourceName] = this.#parent(from);
    const [target, targetName] = this.#parent(to);
    const node = source.entries.get(sourceName);
    if (node === undefined) throw errno("ENOENT", from);
    const replaced = target.entries.get(targetName);
    if (replaced === node) return;
    if (replaced?.kind === "folder") {
      if (node.kind !== "folder") throw errno("EISDIR", to);
      if (replaced.entries.size > 0) throw errno("ENOTEMPTY", to);
    } else if (replaced !== undefined && node.kind === "folder") throw errno("ENOTDIR", to);
    if (replaced !== undefined) this.#unlinked(replaced);
    this.#change([
      { folder: source, name: sourceName, node: undefined },
      { folder: target, name: targetName, node },
    ]);
  }

  link(from: string, to: string): void {
    const node = this.#mustFind(from);
    const [folder, name] = this.#parent(to);
    if (folder.entries.has(name)) throw errno("EEXIST", to);
    if (node.kind === "folder") throw errno("EPERM", from);
    node.links += 1;
    this.#change([{ folder, name, node }]);
  }

  unlink(path: string): void {
    const [folder, name] = this.#parent(path);
    const node = folder.entries.get(name);
    if (node === undefined) throw errno("ENOENT", path);
    if (node.kind === "folder") throw errno("EISDIR", path);
    this.#unlinked(node);
    this.#change([{ folder, name, node: undefined }]);
  }

  makeFolder(path: string, mode: number): void {
    const [folder, name] = this.#parent(path);
    if (folder.entries.has(name)) throw errno("EEXIST", path);
    this.#change([{ folder, name, node: newFolder(this.#newInode(), mode, this.#now()) }]);
  }

  removeFolder(path: string): void {
    const [folder, name] = this.#parent(path);
    const node = folder.entries.get(name);
    if (node?.kind !== "folder") throw errno(node === undefined ? "ENOENT" : "ENOTDIR", path);
    if (node.entries.size > 0) throw errno("ENOTEMPTY", path);
    node.links = 0;
    this.#change([{ folder, name, node: undefined }]);
  }

  list(path: string): FolderEntry[] {
    const node = this.#mustFind(path);
    if (node.kind !== "folder") throw errno("ENOTDIR", path);
    return [...node.entries].map(([name, { kind }]) => ({ name, kind }));
  }

  async *listInPieces(path: string): AsyncGenerator<readonly string[]> {
    yield this.list(path).map(({ name }) => name);
  }

  realPath(path: string): string {
    this.#mustFind(path);
    return posix.normalize(path);
  }

  readLink(path: string): string {
    throw errno("EINVAL", path);
  }

  freeBytes(): number {
    return Math.max(0, Math.min(this.trouble.capacityBytes - this.#usedBytes, Number.MAX_SAFE_INTEGER));
  }

  /** Before anything is made: no process has more than so many open files. */
  #refuse(): void {
    if (this.#random.chance(this.trouble.refusedOpens)) throw errno("EMFILE", "an open");
  }

  #open(node: Node, appends: boolean): number {
    this.#lastHandle += 1;
    this.#handles.set(this.#lastHandle, { node, appends, position: 0 });
    return this.#lastHandle;
  }

  #opened(handle: number): Handle {
    const opened = this.#handles.get(handle);
    if (opened === undefined) throw errno("EBADF", String(handle));
    return opened;
  }

  #file(handle: number): FileNode {
    const { node } = this.#opened(handle);
    if (node.kind !== "file") throw errno("EISDIR", String(handle));
    return node;
  }

  #make(folder: FolderNode, name: string, mode: number): FileNode {
    const file = newFile(this.#newInode(), mode, this.#now());
    file.writtenMs = this.#scheduler.nowMs;
    this.#change([{ folder, name, node: file }]);
    return file;
  }

  #change(names: readonly Omit<NameChange, "before">[]): void {
    const change = names.map((one) => ({ ...one, before: one.folder.entries.get(one.name) }));
    this.#medium.note(change, this.#scheduler.nowMs);
    for (const { folder, name, node } of change) {
      if (node === undefined) folder.entries.delete(name);
      else folder.entries.set(name, node);
      folder.modifiedMs = this.#now();
      this.onChange(folder, name);
    }
  }

  #setData(file: FileNode, data: Buffer): void {
    this.#usedBytes += data.length - file.data.length;
    file.data = data;
    file.modifiedMs = this.#now();
    file.writtenMs = this.#scheduler.nowMs;
  }

  #unlinked(node: Node): void {
    node.links -= 1;
    if (node.kind === "file" && node.links === 0) this.#usedBytes -= node.data.length;
  }

  #newInode(): number {
    this.#lastInode += 1;
    return this.#lastInode;
  }

  /** The folder that a path lies in, and its name there. */
  #parent(path: string): [FolderNode, string] {
    const normal = posix.normalize(path);
    const node = this.#find(posix.dirname(normal));
    if (node === undefined) throw errno("ENOENT", path);
    if (node.kind !== "folder") throw errno("ENOTDIR", path);
    // Held open by somebody, and removed.
    if (node.links === 0) throw errno("ENOENT", path);
    return [node, posix.basename(normal)];
  }

  #mustFind(path: string): Node {
    const node = this.#find(path);
    if (node === undefined) throw errno("ENOENT", path);
    return node;
  }

  #find(path: string): Node | undefined {
    const names = posix.normalize(path).split("/").filter(Boolean);
    let node: Node | undefined = this.root;
    if (names[0] === HANDLES.slice(1)) node = this.#handles.get(Number(names.splice(0, 2)[1]))?.node;
    for (const name of names) {
      if (node === undefined) return undefined;
      if (node.kind !== "folder") throw errno("ENOTDIR", path);
      node = node.entries.get(name);
    }
    return node;
  }
}

/** Bytes of all files below, each once. */
function sizeOf(folder: FolderNode, seen: Set<Node>): number {
  let bytes = 0;
  for (const node of folder.entries.values()) {
    if (seen.has(node)) continue;
    seen.add(node);
    bytes += node.kind === "folder" ? sizeOf(node, seen) : node.data.length;
  }
  return bytes;
}

/** As Node throws it. */
export function errno(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}
