/** How a folder is known to be the same one as before. */
import type { Files } from "../platform/files.ts";

/** The stamp of a folder that is not there; no folder is the same as this. */
export const ABSENT = "absent:";

/** Changes when the folder is replaced, or a name in it comes or goes. */
export function stampOf(files: Files, folder: string): string {
  const info = files.info(folder);
  // Inode numbers are used again: what was made anew is known by when it was made.
  return info === undefined ? ABSENT : `${info.device}:${info.inode}:${info.bornMs}:${info.modifiedMs}`;
}

/** The part of a stamp that changes only when the folder is replaced. */
export function folderOf(stamp: string): string {
  return stamp.slice(0, stamp.lastIndexOf(":"));
}
