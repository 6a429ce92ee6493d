/** Who starts the daemon of this base besides whoever types it: said where it is started or stopped by hand. */
import { Launchctl } from "../platform/launchctl.ts";
import { plistPath } from "../upkeep/agents/agent-state.ts";
import { readLaunchdPlist } from "../upkeep/agents/launchd-plist.ts";
import { baseOf, DAEMON_LABEL } from "../upkeep/agents/own-agents.ts";
import type { Context } from "./context.ts";

const FILE_BYTES_MAX = 64 * 1024;

/** By the agent's file alone, launchd is not asked; "no launchd" where the machine has none. */
export function keeperOf({ files, machine, basePath }: Context): "agent" | "nobody" | "no launchd" {
  const reading = files.peek(plistPath(machine.home, DAEMON_LABEL), FILE_BYTES_MAX);
  const spec = reading.kind === "file" ? readLaunchdPlist(reading.bytes.toString("utf8")) : undefined;
  if (spec?.ok === true && baseOf(spec.value) === (files.realPath(basePath) ?? basePath)) return "agent";
  return Launchctl.find(files, machine) === undefined ? "no launchd" : "nobody";
}

/** Behind the word that it was started by hand. */
export function startedByHand(context: Context): string {
  switch (keeperOf(context)) {
    case "agent":
      return "started by hand: its agent does not keep it\nnext: wo agent start gives it back to launchd";
    case "nobody":
      return "not started at login\nnext: wo agent install, where it is to be";
    case "no launchd":
      return "not started at login";
  }
}

/** Behind the word that it was stopped; "" where nobody starts it again. */
export function startsAgain(context: Context): string {
  return keeperOf(context) === "agent"
    ? "\nits agent starts it again at the next login, and `wo agent start` at once"
    : "";
}
