/**
 * Taking back what was done to files: the order that does it. An undo is an order like any other, so that it is planned,
 * recorded and survives a crash like any other, and can be taken back itself. Pure.
 */
import { isUtf8 } from "node:buffer";
import { posix } from "node:path";
import type { Entry } from "../records/chain.ts";
import { type HomedBase, plannedName } from "../records/component-place.ts";
import type { Content } from "../records/content.ts";
import type { Image, PlannedFile } from "../records/events.ts";

/** What a file was at some time; no image: it was not there. */
export interface Version {
  readonly ts: string;
  /** Who made it so, or found it so. */
  readonly from: string;
  readonly image: Image | undefined;
}

/** A file that is to become what it was. */
export interface Wish {
  /** As orders name it: from the base, or absolute. */
  readonly path: string;
  readonly wanted: Image | undefined;
  /** What whoever is taken back left there. */
  readonly left: Image | undefined;
}

/** What an order changed, to be taken back, from all of its entries; undefined where it has changed no file. */
export function changesOf(entries: Iterable<Entry>): readonly Wish[] | undefined {
  let planned: readonly PlannedFile[] = [];
  let applied: readonly PlannedFile[] | undefined;
  for (const entry of entries) {
    if (entry.event === "patch_planned") planned = entry.files;
    if (entry.event === "patch_applied") applied = planned;
  }
  const changed = applied?.filter(({ before, after }) => !isSame(before, after)) ?? [];
  if (changed.length === 0) return undefined;
  return changed.map(({ root, path, before, after }) => ({ path: named(root, path), wanted: before, left: after }));
}

/** Every version of a path that the ledger knows, oldest first; of a component by what it is called. */
export function versionsOf(entries: Iterable<Entry>, base: HomedBase, path: string): readonly Version[] {
  const found: Version[] = [];
  const planned = new Map<string, PlannedFile>();
  for (const entry of entries) {
    const { ts } = entry;
    if (entry.event === "patch_planned") {
      const file = entry.files.find((one) => (plannedName(base, one) ?? named(one.root, one.path)) === path);
      if (file === undefined) continue;
      planned.set(entry.wo_id, file);
      found.push({ ts, from: `as it was before order ${entry.wo_id}`, image: file.before });
    } else if (entry.event === "patch_applied") {
      const file = planned.get(entry.wo_id);
      if (file !== undefined) found.push({ ts, from: `order ${entry.wo_id}`, image: file.after });
      planned.delete(entry.wo_id);
    } else if (entry.event === "components_accepted" || entry.event === "snapshot_taken") {
      const isSnapshot = entry.event === "snapshot_taken";
      const one = (isSnapshot ? entry.files : entry.components).find((component) => component.path === path);
      if (one?.content === undefined) continue;
      const { sha256 = "", size_bytes = 0, mode, content } = one;
      const from = `${isSnapshot ? "kept" : "accepted"} by ${entry.by}`;
      found.push({ ts, from, image: { sha256, size_bytes, mode, content } });
    }
  }
  return found;
}

/**
 * Without a time the newest version that is not what is there now; with one what it was by then, where nothing is known of
 * that time what was found first.
 */
export function versionAt(
  versions: readonly Version[],
  at: string | undefined,
  now: string | undefined,
): Version | undefined {
  if (at !== undefined) return versions.findLast(({ ts }) => ts <= at) ?? versions[0];
  return versions.findLast(({ image }) => image !== undefined && image.sha256 !== now);
}

export function isSame(one: Image | undefined, other: Image | undefined): boolean {
  return one?.sha256 === other?.sha256 && one?.mode === other?.mode;
}

/** The order as JSON, and paths whose content no order can carry. */
export function undoOrder(
  { id, title }: { readonly id: string; readonly title: string },
  wishes: readonly Wish[],
  load: (content: Content) => Buffer,
): { readonly text: string; readonly binary: readonly string[] } {
  const binary: string[] = [];
  const files = wishes.map(({ path, wanted }) => {
    if (wanted === undefined) return { path, delete: true };
    const bytes = load(wanted.content);
    if (!isUtf8(bytes)) binary.push(path);
    return { path, content: bytes.toString("utf8"), mode: modeText(wanted.mode) };
  });
  const order = { wo_id: id, title, category: "undo", allow_delete: true, files };
  return { text: `${JSON.stringify(order, undefined, 2)}\n`, binary };
}

/** As an order is to write it: a folder of the base that is called ~ is not the home. */
function named(root: string, path: string): string {
  if (root !== ".") return posix.join(root, path);
  return path.startsWith("~/") ? `./${path}` : path;
}

function modeText(mode: number): string {
  return (mode & 0o777).toString(8).padStart(4, "0");
}
