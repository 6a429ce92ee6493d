/** Whose a LaunchAgent of ours is: all bases of a user have agents of the same names, and only one has them installed. */
import type { Files } from "../platform/files.ts";
import { type HomedBase, placeOf } from "../records/component-place.ts";
import { COMPONENT_BYTES_MAX } from "./component-check.ts";

/** False for a file that names another base, or none; what is no file is nobody else's. */
export async function isAgentOf(files: Files, base: HomedBase, name: string): Promise<boolean> {
  const reading = files.peek(placeOf(base, name), COMPONENT_BYTES_MAX);
  if (reading.kind !== "file") return true;
  // Loaded when first needed, as for orders that write one.
  const { isDict, readPropertyList } = await import("../platform/property-list.ts");
  const read = readPropertyList(reading.bytes);
  const dict = read.ok ? read.value.value : undefined;
  const variables = isDict(dict) ? dict["EnvironmentVariables"] : undefined;
  const named = isDict(variables) ? variables["LUKA_SOT"] : undefined;
  return typeof named === "string" && files.realPath(named) === base.path;
}
