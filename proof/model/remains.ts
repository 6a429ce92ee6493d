/** What is left of a base and its vault when nobody writes any more, as the model looks at it: read only. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export interface Remains {
  /** The base, absolute. */
  readonly base: string;
  readonly vault: string;
  /** A regular file's bytes; undefined when there is none. */
  read(path: string): Buffer | undefined;
  /** The names in a folder, sorted; none when it is absent. */
  list(path: string): readonly { readonly name: string; readonly isFolder: boolean }[];
}

/** On this machine's disk. */
export function realRemains(base: string, vault: string): Remains {
  return {
    base,
    vault,
    read: (path) => orNothing(() => readFileSync(path)),
    list: (path) =>
      (orNothing(() => readdirSync(path, { withFileTypes: true })) ?? [])
        .map((entry) => ({ name: entry.name, isFolder: entry.isDirectory() }))
        .toSorted((a, b) => (a.name < b.name ? -1 : 1)),
  };
}

/** Paths of all files below a folder. */
export function filesBelow(remains: Remains, folder: string): string[] {
  return remains.list(folder).flatMap(({ name, isFolder }) => {
    const path = join(folder, name);
    return isFolder ? filesBelow(remains, path) : [path];
  });
}

function orNothing<T>(call: () => T): T | undefined {
  try {
    return call();
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT" || code === "ENOTDIR" || code === "EISDIR") return undefined;
    throw error;
  }
}
