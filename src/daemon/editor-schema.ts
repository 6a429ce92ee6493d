/**
 * The schema of orders in the tree, where the first line of an order leads editors to. In the tree, because that path is
 * the same on every machine, for every version and without a network; a copy, put back and brought up to date like
 * every view, because the tree may be wiped. Nothing reads it to decide what an order does.
 */
import { join } from "node:path";
import type { Files } from "../platform/files.ts";
import type { Machine } from "../platform/machine.ts";

/** Below the base. */
export const SCHEMA_FILE = "bridge/work-order.schema.json";

/** Puts this program's own there; true when it had to. */
export async function restoreSchema(
  files: Files,
  { schemaPath }: Pick<Machine, "schemaPath">,
  base: string,
): Promise<boolean> {
  const path = join(base, SCHEMA_FILE);
  const wanted = files.read(schemaPath);
  if (wanted === undefined || files.read(path)?.equals(wanted) === true) return false;
  await files.publish(path, wanted);
  return true;
}
