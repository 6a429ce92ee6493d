/** Files in memory, to be read and never written: a hundred thousand damaged ledgers need no disk. */

import { systemClock } from "../../src/platform/clock.ts";
import { type Disk, type FileInfo, systemDisk } from "../../src/platform/disk.ts";
import { Files } from "../../src/platform/files.ts";
import { refusal } from "./disks.ts";

/** Path → bytes. Folders are whatever a path goes through. */
export type Shelf = ReadonlyMap<string, Buffer>;

const PLAIN = { mode: 0o600, modifiedMs: 0, changedMs: 0, bornMs: 0, device: 1, inode: 1, owner: 0, links: 1 };

/** The product's files over a shelf. */
export function shelfFiles(shelf: Shelf): Files {
  return new Files(shelfDisk(shelf), systemClock);
}

function shelfDisk(shelf: Shelf): Disk {
  const open = new Map<number, Buffer>();
  let handles = 0;
  const bytesOf = (handle: number) => open.get(handle) ?? Buffer.alloc(0);
  return {
    ...systemDisk,
    openRead: (path) => {
      const bytes = shelf.get(path);
      if (bytes === undefined) throw refusal("ENOENT");
      handles += 1;
      open.set(handles, bytes);
      return handles;
    },
    close: (handle) => void open.delete(handle),
    read: (handle, target, position) => bytesOf(handle).copy(target, 0, position),
    statHandle: (handle) => fileInfo(bytesOf(handle)),
    stat: (path) => {
      const bytes = shelf.get(path);
      if (bytes !== undefined) return fileInfo(bytes);
      return namesIn(shelf, path).length === 0 ? undefined : { ...PLAIN, kind: "folder", sizeBytes: 0 };
    },
    list: (path) => namesIn(shelf, path).map((name) => ({ name, kind: "file" })),
  };
}

function fileInfo(bytes: Buffer): FileInfo {
  return { ...PLAIN, kind: "file", sizeBytes: bytes.length };
}

function namesIn(shelf: Shelf, folder: string): string[] {
  return [...shelf.keys()].flatMap((path) => (path.startsWith(`${folder}/`) ? [path.slice(folder.length + 1)] : []));
}
