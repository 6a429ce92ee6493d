/** The least that a LaunchAgent has to be before an order may put it where launchd reads it. */

/** Why launchd could not load the file; undefined when it can be read and carries its own name. */
export async function checkAgentFile(name: string, bytes: Buffer): Promise<string | undefined> {
  // Loaded when first needed: few daemons ever see such a file, and it costs a tenth of their start.
  const { isDict, readPropertyList } = await import("../platform/property-list.ts");
  const read = readPropertyList(bytes);
  const fault = read.ok ? read.value.flaws[0] : read.error;
  if (fault !== undefined) {
    const line = fault.line === undefined ? "" : ` (line ${fault.line})`;
    return `${name} is no property list that launchd is sure to read: ${fault.message}${line}`;
  }
  const value = read.ok ? read.value.value : undefined;
  if (!isDict(value)) return `${name} holds no dictionary`;
  const label = value["Label"];
  if (label === name.replace(/\.plist$/, "")) return undefined;
  const shown = typeof label === "string" ? label : JSON.stringify(label);
  return `${name} carries the label ${shown}, not its own name`;
}
