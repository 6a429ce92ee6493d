/** Orders that are dropped as folders: looked at like a file, read whole into one text, written out of it again. */
import { basename, dirname, join } from "node:path";
import { headerPath, packFolder, unpackFolder } from "../orders/folder-order.ts";
import { LIMITS } from "../orders/limits.ts";
import type { FileInfo } from "../platform/disk.ts";
import type { Files, Reading } from "../platform/files.ts";

/** True for a folder that holds a header named after it. */
export function isOrderFolder(files: Files, path: string, name = basename(path)): boolean {
  if (name.startsWith(".") || files.info(path)?.kind !== "folder") return false;
  const inside = (files.list(path) ?? []).map((entry) => entry.name);
  return headerPath(inside, name) !== undefined;
}

/**
 * The folder as `Files.peek` tells of a file: its bytes are all of it in one text, its time the newest in it. Links and
 * pipes in it make it "no file", and so does a name that nobody can type.
 */
export function peekFolder(files: Files, path: string): Reading {
  const info = files.info(path);
  if (info === undefined) return { kind: "absent" };
  const found: { path: string; bytes: Buffer }[] = [];
  const folders = [""];
  let [count, sizeBytes, modifiedMs] = [0, 0, info.modifiedMs];
  for (let below = folders.shift(); below !== undefined; below = folders.shift()) {
    for (const { name, kind } of files.list(join(path, below)) ?? []) {
      const inner = below === "" ? name : `${below}/${name}`;
      if (kind === "folder") {
        folders.push(inner);
        modifiedMs = Math.max(modifiedMs, files.info(join(path, inner))?.modifiedMs ?? 0);
      }
      count += isFinderFile(name) ? 0 : 1;
      if (count > LIMITS.folderFiles || sizeBytes > LIMITS.sizeBytes)
        return { kind: "too large", info: { ...info, sizeBytes } };
      if (kind === "folder" || isFinderFile(name)) continue;
      const reading = files.peek(join(path, inner), LIMITS.sizeBytes);
      if (reading.kind === "absent") continue;
      if (reading.kind !== "file") return reading;
      found.push({ path: inner, bytes: reading.bytes });
      sizeBytes += reading.bytes.length;
      modifiedMs = Math.max(modifiedMs, reading.info.modifiedMs);
    }
  }
  const bytes = packFolder(found);
  if (bytes.length > LIMITS.sizeBytes) return { kind: "too large", info: { ...info, sizeBytes: bytes.length } };
  return { kind: "file", info: { ...info, sizeBytes: bytes.length, modifiedMs }, bytes };
}

/** Looks at what was dropped, whether it is a file or a folder that is an order. `name` is what it was dropped as. */
export function peekDrop(files: Files, path: string, name: string): Reading {
  const reading = files.peek(path, LIMITS.sizeBytes);
  return reading.kind === "no file" && isOrderFolder(files, path, name) ? peekFolder(files, path) : reading;
}

/** Size and time of what was dropped; of a folder, what its files add up to. Undefined: nothing is there. */
export function dropInfo(files: Files, path: string): FileInfo | undefined {
  const info = files.info(path);
  if (info?.kind !== "folder") return info;
  const reading = peekFolder(files, path);
  return reading.kind === "file" ? reading.info : info;
}

/**
 * True for what a power cut may leave of a drop that its producer did not sync: each file of it missing, or cut off, with
 * zeros in place of what is lost.
 */
export function isRemnant(files: Files, path: string, whole: Buffer): boolean {
  const isFolder = files.info(path)?.kind === "folder";
  const reading = isFolder ? peekFolder(files, path) : files.peek(path, LIMITS.sizeBytes);
  if (reading.kind !== "file") return false;
  const filesOf = (bytes: Buffer) => unpackFolder(bytes) ?? [{ path: "", bytes }];
  const dropped = new Map(filesOf(whole).map((file) => [file.path, file.bytes]));
  return filesOf(reading.bytes).every(({ path: name, bytes }) => {
    const kept = bytes.subarray(0, bytes.findLastIndex((byte) => byte !== 0) + 1);
    return (
      bytes.length <= (dropped.get(name)?.length ?? -1) &&
      kept.equals(dropped.get(name)?.subarray(0, kept.length) ?? bytes)
    );
  });
}

/** Writes a dropped order where nothing lies: the file, or the folder with all its files. */
export async function writeDrop(files: Files, path: string, bytes: Buffer): Promise<void> {
  const folder = unpackFolder(bytes);
  if (folder === undefined) return files.publish(path, bytes);
  files.removeTree(path);
  for (const file of folder) {
    const target = join(path, file.path);
    files.makeFolders(dirname(target), 0o755);
    await files.publish(target, file.bytes);
  }
}

/** Left by the Mac's Finder wherever it looks. */
function isFinderFile(name: string): boolean {
  return name === ".DS_Store" || name.startsWith("._");
}
