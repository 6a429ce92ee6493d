/** `wo agent status`: each agent by its file, by launchd and by what it does; 0 only when all of it is well. */
import type { Runtime } from "../daemon/runtime.ts";
import { EXIT } from "../platform/errors.ts";
import { keptPid } from "../platform/launchctl.ts";
import { type AgentProblem, agentProblems, servesAnother } from "../upkeep/agents/agent-problems.ts";
import type { AgentState } from "../upkeep/agents/agent-state.ts";
import { installedFolder, versionIn } from "../upkeep/agents/installed-copy.ts";
import { DAEMON_LABEL } from "../upkeep/agents/own-agents.ts";
import { type AgentPlace, agentPlace, refuse } from "./agent-ground.ts";
import { daemonHealth } from "./agent-health.ts";
import { answer, type Context } from "./context.ts";
import { statusText } from "./views/agent-status-view.ts";

interface Told {
  readonly code: string;
  readonly message: string;
  readonly next: string;
}

export interface AgentsStatus {
  readonly base: string;
  readonly agents: readonly { readonly state: AgentState; readonly problems: readonly AgentProblem[] }[];
  /** The copy that is started next; absent when there is none. */
  readonly program?: { readonly folder: string; readonly version: string };
  readonly thisVersion: string;
  /** What the daemon says of itself; absent when none answers. */
  readonly daemon?: Runtime;
  /** About the daemon and the program. */
  readonly problems: readonly Told[];
}

export async function showAgents(context: Context): Promise<number> {
  const found = await agentPlace(context, true);
  if (!found.ok) return refuse(context, found.error);
  const status = await statusOf(context, found.value);
  answer(context, "agents", status, () => statusText(context.terminal, status));
  const isWell = status.problems.length === 0 && status.agents.every(({ problems }) => problems.length === 0);
  return isWell ? EXIT.yes : EXIT.no;
}

async function statusOf(context: Context, { base, agents }: AgentPlace): Promise<AgentsStatus> {
  const { files, machine } = context;
  const folder = installedFolder(files, machine.stateRoot);
  const program = folder === undefined ? undefined : { folder, version: versionIn(files, folder) ?? "unknown" };
  const runtime = await daemonHealth(context);
  const states = agents.map(({ state }) => state);
  const daemon = states.find((state) => state.label === DAEMON_LABEL && !servesAnother(state, base));
  const problems = [
    ...(daemon === undefined ? [] : daemonProblems(daemon, runtime, program?.folder)),
    ...(program === undefined ? [] : programProblems(program.version, machine.version)),
  ];
  return {
    base,
    agents: agents.map(({ state }) => ({ state, problems: agentProblems(state, base) })),
    ...(program === undefined ? {} : { program }),
    thisVersion: machine.version,
    ...(runtime === undefined ? {} : { daemon: runtime }),
    problems,
  };
}

function daemonProblems({ job }: AgentState, runtime: Runtime | undefined, folder: string | undefined): Told[] {
  const pid = keptPid(job);
  if (runtime === undefined) {
    if (pid === undefined) return [];
    const message = `launchd keeps a process (pid ${pid}), and no daemon of this base answers`;
    return [{ code: "daemon_silent", message, next: "wo daemon status, wo agent restart" }];
  }
  if (pid !== runtime.pid) {
    const waits = pid === undefined ? "" : `; its own process, pid ${pid}, waits for that one to end`;
    const message = `the daemon that answers (pid ${runtime.pid}) was started by hand: launchd does not keep it${waits}`;
    return [{ code: "started_by_hand", message, next: "wo agent install, or wo agent start, which takes its place" }];
  }
  if (runtime.state !== "running") {
    const message = `the daemon refuses to work: ${runtime.reason ?? "it does not say why"}`;
    return [{ code: "daemon_refuses", message, next: runtime.hint ?? "wo daemon status" }];
  }
  if (folder === undefined || runtime.program === folder) return [];
  const message = `the daemon runs ${runtime.program ?? "an earlier program"}, and ${folder} is installed`;
  return [{ code: "other_program", message, next: "wo agent restart" }];
}

function programProblems(installed: string, own: string): Told[] {
  if (installed === own) return [];
  const message = `${installed} is installed, and this program is ${own}`;
  return [{ code: "other_version", message, next: "wo agent install (takes this one)" }];
}
