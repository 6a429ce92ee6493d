/** Files as people type them. */
import { resolve } from "node:path";
import { pathBelow } from "../platform/path-below.ts";
import type { Context } from "./context.ts";

/**
 * Below the base, as a shell completes it from where the user is; what is not there is meant from the base. Undefined
 * where it is neither.
 */
export function typedPath({ files, machine }: Context, base: string, typed: string): string | undefined {
  return pathBelow(files, base, resolve(machine.currentFolder, typed)) ?? pathBelow(files, base, resolve(base, typed));
}
