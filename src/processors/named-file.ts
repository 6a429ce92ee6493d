/** A file of the base that an order names to be read: by the rules for the paths that orders write to, no link followed. */
import type { Fault } from "../orders/document.ts";
import { BridgeError } from "../platform/errors.ts";
import type { Files } from "../platform/files.ts";
import { OpenFolders } from "../platform/folder.ts";
import { err, ok, type Result } from "../platform/result.ts";
import { findPlace, type Place, type PlaceRules } from "./places.ts";
import { rootPath } from "./plan.ts";

export interface NamedFile {
  readonly bytes: Buffer;
  readonly modifiedMs: number;
}

/** Its bytes as they are now, or why an order cannot have them. Throws what waiting may mend: TOO_MANY_FILES. */
export async function readNamedFile(
  files: Files,
  path: string,
  rules: PlaceRules,
  limitBytes: number,
): Promise<Result<NamedFile, Fault>> {
  const open = new OpenFolders(files);
  try {
    // Agents of the machine are written there, and nothing else is.
    const place = findPlace(files, path, { ...rules, launchAgents: undefined });
    if (!place.ok) return place;
    return await readPlace(open, place.value, rules, limitBytes);
  } catch (thrown) {
    if (!(thrown instanceof BridgeError) || !REFUSALS.has(thrown.code)) throw thrown;
    return fault(thrown.message, "give the daemon's user the right to read it");
  } finally {
    open.close();
  }
}

/** Of the path, and nothing that passes. */
const REFUSALS: ReadonlySet<string> = new Set(["DISK_REFUSED", "NO_FOLDER", "PATH_ESCAPED"]);

async function readPlace(
  open: OpenFolders,
  { path, root, folders, name }: Place,
  rules: PlaceRules,
  limitBytes: number,
): Promise<Result<NamedFile, Fault>> {
  const found = (await open.find(rootPath({ root }, rules), folders))?.find(name, limitBytes);
  if (found === undefined) return fault(`${path} is not there`, "put it there first, then drop the order");
  const { info, bytes } = found;
  if (bytes !== undefined) return ok({ bytes, modifiedMs: info.modifiedMs });
  if (info.kind !== "file") return fault(`${path} is a ${info.kind}, not a file`, "name the file itself");
  return fault(`${path} holds ${info.sizeBytes} bytes, ${limitBytes} at most are read`, "split the order");
}

function fault(message: string, hint: string) {
  return err({ code: "bad_operations_file" as const, message, hint });
}
