/** Paths as they are called from a folder on. */
import { basename, dirname, join, relative } from "node:path";
import type { Files } from "./files.ts";

/**
 * Where an absolute path leads, from a real folder on; undefined for the folder itself and all that is outside of it.
 * Links on the way are the user's own: a path is what it is called.
 */
export function pathBelow(files: Files, folder: string, absolute: string): string | undefined {
  const parent = files.realPath(dirname(absolute));
  return [absolute, ...(parent === undefined ? [] : [join(parent, basename(absolute))])]
    .map((one) => relative(folder, one))
    .find((one) => one !== "" && one !== ".." && !one.startsWith("../"));
}
