/** Who starts the daemon of this base besides whoever types it: said where it is started or stopped by hand. */
import { keptPid, Launchctl } from "../platform/launchctl.ts";
import { isInstalledFor } from "../upkeep/agents/agent-state.ts";
import { DAEMON_LABEL } from "../upkeep/agents/own-agents.ts";
import type { Context } from "./context.ts";

export type Keeper =
  | {
      readonly kind: "agent";
      /** The process that launchd has for it now; undefined while it has none. */
      readonly pid: number | undefined;
      /** Undefined where launchd does not say. */
      readonly isOff: boolean | undefined;
    }
  | { readonly kind: "nobody" | "no launchd" };

/** By the agent's file, and by what launchd says of it; "no launchd" where the machine has none. */
export async function keeperOf({ files, machine, basePath }: Context): Promise<Keeper> {
  const launchctl = Launchctl.find(files, machine);
  if (launchctl === undefined) return { kind: "no launchd" };
  // A base whose folder is away, or cannot be looked at, is known by its path as it was given.
  if (!isInstalledFor(files, machine.home, files.realPath(basePath) ?? basePath)) return { kind: "nobody" };
  const [job, isOff] = await Promise.all([launchctl.job(DAEMON_LABEL), launchctl.isDisabled(DAEMON_LABEL)]);
  return { kind: "agent", pid: keptPid(job), isOff };
}

/** Behind the word that it was started by hand. */
export async function startedByHand(context: Context): Promise<string> {
  switch ((await keeperOf(context)).kind) {
    case "agent":
      return "started by hand: its agent does not keep it\nnext: wo agent start gives it back to launchd";
    case "nobody":
      return "not started at login\nnext: wo agent install, where it is to be";
    case "no launchd":
      return "not started at login";
  }
}

/** Of a daemon that is not launchd's own process, which has nothing to do but to wait for it; "" where there is none. */
export function waitingText(keeper: Keeper, pid: number): string {
  if (keeper.kind !== "agent" || keeper.pid === undefined || keeper.pid === pid) return "";
  return `its agent's process, pid ${keeper.pid}, waits for pid ${pid}, which was started by hand: wo agent start`;
}

/** Behind the word that this process was stopped; "" where nobody starts it again. `keeper` is from before. */
export function afterStop(keeper: Keeper, pid: number): string {
  if (keeper.kind !== "agent") return "";
  if (keeper.pid !== undefined && keeper.pid !== pid)
    return `\nits agent's process, pid ${keeper.pid}, has waited for that and takes its place: \`wo agent stop\` stops that, too`;
  if (keeper.isOff === true) return "\nits agent is switched off: nobody starts it again before `wo agent start`";
  const unless = keeper.isOff === undefined ? ", unless it is switched off" : "";
  return `\nits agent starts it again at the next login${unless}, and \`wo agent start\` at once`;
}
