/** Puts an order file into a lane so that nobody ever sees half of it, and tells the daemon that it is whole. */
import { join } from "node:path";
import { writeDrop } from "../bridge/folder-drop.ts";
import { BridgeFolders } from "../bridge/lanes.ts";
import { signatureOf } from "../bridge/names.ts";
import { unpackFolder } from "../orders/folder-order.ts";
import { BridgeError } from "../platform/errors.ts";
import { randomName } from "../platform/ids.ts";
import type { Context } from "./context.ts";
import { askDaemon, boundBase } from "./daemon-client.ts";

export interface Dropped {
  /** As the lane is spelled on disk. */
  readonly lane: string;
  /** What the file is called there. */
  readonly name: string;
  /** A daemon knows of it; without one it lies in the inbox until one runs. */
  readonly isAnnounced: boolean;
}

/**
 * Writes the order beside its name, then gives it its name. One that is taken already is not replaced: a file gets another
 * one, a folder, whose header has its name, is not dropped; undefined then.
 */
export async function dropOrder(
  context: Context,
  lane: string,
  name: string,
  { bytes, signature }: { readonly bytes: Uint8Array | string; readonly signature?: Uint8Array | undefined },
): Promise<Dropped | undefined> {
  const { files, machine } = context;
  const folders = new BridgeFolders(files, boundBase(context).path, machine.userId);
  const known = folders.list().lanes.find((one) => one.name.toLowerCase() === lane.toLowerCase());
  if (known === undefined && !/^[^./\\][^/\\]*$/.test(lane))
    throw new BridgeError("USAGE", `${JSON.stringify(lane)} is no name of a lane`);
  const folder = known?.folder ?? join(folders.inbox, lane);
  const isFolder = unpackFolder(Buffer.from(bytes)) !== undefined;
  if (isFolder && files.info(join(folder, name)) !== undefined) return undefined;
  const temporary = join(folder, `.wo-${randomName()}.tmp`);
  await writeDrop(files, temporary, Buffer.from(bytes));
  const given = (await files.moveNew(temporary, folder, name)) ?? name;
  if (isFolder && given !== name) {
    // Somebody took the name in this moment.
    files.removeTree(join(folder, given));
    return undefined;
  }
  if (signature !== undefined) await files.publish(signatureOf(join(folder, given)), signature);
  const laneName = known?.name ?? lane;
  const told = await askDaemon(context, { call: "announce", lane: laneName, name: given });
  return { lane: laneName, name: given, isAnnounced: told !== undefined };
}
