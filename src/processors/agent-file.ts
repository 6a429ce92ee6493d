/** The least that a LaunchAgent has to be before an order may put it where launchd reads it. */
import { messageOf } from "../platform/errors.ts";
import { isRecord } from "../platform/result.ts";

/** Why launchd could not load the file; undefined when it can be read and carries its own name. */
export async function checkAgentFile(name: string, bytes: Buffer): Promise<string | undefined> {
  // Loaded when first needed: few daemons ever see such a file, and it costs a tenth of their start.
  const { parse } = await import("plist");
  let value: unknown;
  try {
    value = parse(bytes.toString("utf8"));
  } catch (thrown) {
    return `${name} is no property list: ${messageOf(thrown)}`;
  }
  if (!isRecord(value)) return `${name} holds no dictionary`;
  const label = name.replace(/\.plist$/, "");
  return value["Label"] === label ? undefined : `${name} carries the label ${String(value["Label"])}, not its own name`;
}
