/** The first time that a base is attached: what lies in its inbox by then is old, and must not run because we came. */
import { join } from "node:path";
import { dropInfo, isOrderFolder } from "../bridge/folder-drop.ts";
import type { BridgeFolders } from "../bridge/lanes.ts";
import { kindOfName, nameInClaim } from "../bridge/names.ts";
import type { FileInfo } from "../platform/disk.ts";
import type { Files } from "../platform/files.ts";
import type { Books } from "../records/books.ts";
import type { Event } from "../records/events.ts";
import type { Vault } from "../records/vault.ts";

/** Lanes that a new base gets. */
export const FIRST_LANES = ["CLC", "ENTRY"] as const;

/** Records what is in the inbox now; how many orders that is. Does nothing for a base that was attached before. */
export async function attachBase(files: Files, books: Books, folders: BridgeFolders): Promise<number> {
  if (books.index.facts.backlog !== undefined) return 0;
  const backlog = inboxLines(files, folders);
  await books.append([await attachedEvent(books.vault, folders.base, backlog)]);
  return backlog.length;
}

/** The event that holds these files back. */
export async function attachedEvent(vault: Vault, path: string, backlog: readonly string[]): Promise<Event> {
  return { event: "base_attached", path, backlog: await vault.keep(Buffer.from(backlog.join("\n"))) };
}

/** One line per file in the inbox, or claimed out of it, that looks like an order. */
export function inboxLines(files: Files, folders: BridgeFolders): string[] {
  return folders.list().lanes.flatMap((lane) => {
    const dropped = (files.list(lane.folder) ?? []).map(({ name }) => ({ name, path: join(lane.folder, name) }));
    const claimed = (files.list(folders.claimed(lane)) ?? []).map(({ name }) => ({
      name: nameInClaim(name) ?? "",
      path: join(folders.claimed(lane), name),
    }));
    return [...dropped, ...claimed].flatMap(({ name, path }) => {
      const isFile = kindOfName(name) === "order";
      if (!isFile && !isOrderFolder(files, path, name)) return [];
      const info = isFile ? files.info(path) : dropInfo(files, path);
      return info === undefined ? [] : [backlogLine(lane.name, name, info)];
    });
  });
}

/** What tells a file from a later one of the same name. */
export function backlogLine(
  lane: string,
  name: string,
  { sizeBytes, modifiedMs }: Pick<FileInfo, "sizeBytes" | "modifiedMs">,
): string {
  return `${lane}/${name}\t${sizeBytes}\t${modifiedMs}`;
}
