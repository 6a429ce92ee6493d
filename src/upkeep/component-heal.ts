/**
 * Puts a component back as it was accepted: bytes and rights, under its name in one step, durably. What lies there is
 * replaced only where that is asked for, and is in the vault by then.
 */

import { dirname, join } from "node:path";
import type { Files } from "../platform/files.ts";
import { Folder } from "../platform/folder.ts";
import { sha256 } from "../platform/ids.ts";
import { type HomedBase, placeOf, type Way, wayTo } from "../records/component-place.ts";
import type { Fingerprint } from "../records/components.ts";
import type { Content } from "../records/content.ts";
import type { Vault } from "../records/vault.ts";
import { COMPONENT_BYTES_MAX } from "./component-check.ts";

export interface HealRequest {
  readonly files: Files;
  readonly vault: Vault;
  readonly base: HomedBase;
  /** As the component is called. */
  readonly path: string;
  readonly fingerprint: Fingerprint;
  /** Whether what lies there may go. */
  readonly replaces: boolean;
}

export type Healed =
  | { readonly kind: "restored"; readonly replaced?: Content }
  /** Something lies there that must not be touched, or cannot be. */
  | { readonly kind: "taken"; readonly message: string };

/** Throws what the disk refuses, and LEDGER_DAMAGED where the vault has lost what the component held. */
export async function heal(request: HealRequest): Promise<Healed> {
  const { files, base, path, fingerprint } = request;
  const way = wayTo(base, path);
  const { root, names } = deepest(files, way);
  // Whoever may write in the base may lay a link there: it must not lead the daemon to where they may not write.
  if (way.root === base.path && root !== base.path && !root.startsWith(`${base.path}/`))
    return { kind: "taken", message: `a folder on the way is a link that leads out of the base, to ${root}` };
  if (fingerprint.kind === "folder") {
    (await Folder.make(files, root, names)).close();
    return { kind: "restored" };
  }
  const name = names.at(-1) ?? path;
  const folder = await Folder.make(files, root, names.slice(0, -1));
  try {
    return await healIn(folder, name, request);
  } finally {
    folder.close();
  }
}

/** One name for each component: what a crash leaves is known by it. */
function temporaryName(path: string): string {
  return `.wo-heal-${sha256(path).slice(0, 20)}.tmp`;
}

/** Removes what a crash left beside these components; how many there were. */
export async function sweepHeals(files: Files, base: HomedBase, paths: Iterable<string>): Promise<number> {
  const slice = files.slices();
  let count = 0;
  for (const path of paths) {
    await slice();
    if (files.remove(join(dirname(placeOf(base, path)), temporaryName(path)))) count += 1;
  }
  return count;
}

/** The deepest folder on the way that is there, links resolved, and the names below it. */
function deepest(files: Files, { root, names }: Way): Way {
  for (let depth = names.length - 1; depth > 0; depth -= 1) {
    const real = files.realPath(join(root, ...names.slice(0, depth)));
    if (real !== undefined && files.info(real)?.kind === "folder") return { root: real, names: names.slice(depth) };
  }
  return { root, names };
}

async function healIn(folder: Folder, name: string, request: HealRequest): Promise<Healed> {
  const { vault, path, fingerprint, replaces } = request;
  if (fingerprint.content === undefined) return { kind: "taken", message: "nobody knows what it held" };
  const bytes = vault.load(fingerprint.content);
  const there = folder.find(name, COMPONENT_BYTES_MAX);
  if (there !== undefined && !replaces) return { kind: "taken", message: "something lies there by now" };
  if (there !== undefined && there.bytes === undefined && there.info.kind !== "link")
    return { kind: "taken", message: "what lies there is no file that could be kept" };
  const temporary = temporaryName(path);
  await folder.prepare(temporary, bytes, fingerprint.mode);
  if (there === undefined) {
    // COMMIT POINT: the name; it never replaces what somebody puts there in this moment.
    if (!folder.finishNew(temporary, name)) {
      folder.remove(temporary);
      return { kind: "taken", message: "something lies there by now" };
    }
    await folder.sync();
    return { kind: "restored" };
  }
  const replaced = there.bytes === undefined ? undefined : await vault.keep(there.bytes);
  folder.finish(temporary, name);
  await folder.sync();
  return { kind: "restored", ...(replaced === undefined ? {} : { replaced }) };
}
