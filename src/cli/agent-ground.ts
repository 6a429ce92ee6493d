/** What every verb about our own agents asks first: is there a launchd, may it be changed from here, and which agents are meant. */
import { join } from "node:path";
import { lastKnownAt } from "../daemon/base.ts";
import { EXIT } from "../platform/errors.ts";
import { Launchctl } from "../platform/launchctl.ts";
import { err, ok, type Result } from "../platform/result.ts";
import { thisNode } from "../platform/self.ts";
import { typedWord } from "../platform/shell.ts";
import { thisSystem } from "../platform/system.ts";
import { servedBase } from "../upkeep/agents/agent-problems.ts";
import type { AgentSpec } from "../upkeep/agents/agent-spec.ts";
import { type AgentState, type AgentTools, agentFile, agentState } from "../upkeep/agents/agent-state.ts";
import { type LoadTools, type LoadTrouble, noSession } from "../upkeep/agents/load-agent.ts";
import { DAEMON_LABEL, GUARDRAIL_LABEL, nodeOf, ownAgents, PROGRAM_END } from "../upkeep/agents/own-agents.ts";
import { type NodeChoice, stableNode } from "../upkeep/agents/stable-node.ts";
import { type Context, complain } from "./context.ts";

/** Why a verb does nothing: what, why, and what to type. */
export interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly exit: number;
}

/** An agent as it would be if it were installed now, and as it is. */
export interface OwnAgent {
  readonly spec: AgentSpec;
  readonly state: AgentState;
}

export interface AgentPlace {
  /** Real path, where the folder is there. */
  readonly base: string;
  readonly tools: AgentTools & LoadTools;
  readonly node: NodeChoice;
  /** The daemon's first. */
  readonly agents: readonly OwnAgent[];
}

/** The agents of this base, seen without changing anything. `keepNode`: a Node that is installed and there is meant, not this one. */
export async function agentPlace(context: Context, keepNode: boolean): Promise<Result<AgentPlace, Refusal>> {
  const { files, clock, machine } = context;
  const launchctl = Launchctl.find(files, machine);
  if (launchctl === undefined) return err(noLaunchd(context));
  const { home, userId } = machine;
  const tools = { files, clock, launchctl, home, userId };
  const { basePath } = context;
  // A link to a volume that is away still leads to the base that was there.
  const base = files.realPath(basePath) ?? lastKnownAt(files, machine, basePath)?.path ?? basePath;
  const fresh = usualNode(context);
  const node = (keepNode ? installedNode(context, base, fresh) : undefined) ?? fresh;
  const agents: OwnAgent[] = [];
  for (const spec of specsOf(context, base, node)) agents.push({ spec, state: await agentState(tools, spec) });
  return ok({ base, tools, node, agents });
}

/** Both agents of a base, as this program would install them. */
export function specsOf({ machine }: Context, base: string, node: NodeChoice): readonly AgentSpec[] {
  return ownAgents({ home: machine.home, base, stateRoot: machine.stateRoot, node });
}

/** The Node that runs this, by the name that lasts longest. */
export function usualNode({ files }: Context): NodeChoice {
  const { path, version } = thisNode();
  return stableNode(path, version, (one) => files.realPath(one) !== undefined);
}

function installedNode(context: Context, base: string, fresh: NodeChoice): NodeChoice | undefined {
  const { files, machine } = context;
  const [daemon] = specsOf(context, base, fresh);
  if (daemon === undefined) return undefined;
  const file = agentFile({ files, home: machine.home, userId: machine.userId }, daemon);
  const node = file.kind === "ours" ? nodeOf(file.spec) : undefined;
  return node !== undefined && files.realPath(node.path) !== undefined ? node : undefined;
}

function noLaunchd({ machine }: Context): Refusal {
  const named = machine.env["WO_LAUNCHCTL"];
  const message =
    named === undefined
      ? "this machine has no launchd (no /bin/launchctl)"
      : `WO_LAUNCHCTL names ${named}, and no launchctl is there`;
  const hint = "`wo daemon start` runs it until you log out; for systemd: `wo agent print --systemd`";
  return { code: "no_launchd", message, hint, exit: EXIT.usage };
}

/** Why nobody may change agents from here; undefined when they may. Changes nothing. */
export async function changeRefusal(
  { machine }: Pick<Context, "machine">,
  { tools }: { readonly tools: Pick<AgentPlace["tools"], "launchctl"> },
): Promise<Refusal | undefined> {
  // Another launchctl is one for tests, which run as anybody.
  if (machine.userId === 0 && machine.env["WO_LAUNCHCTL"] === undefined) {
    const message = "agents belong to the user at the screen, and this is root: launchd would look for them elsewhere";
    return { code: "root", message, hint: "type it as yourself, without sudo", exit: EXIT.refused };
  }
  const inside = machine.env["XPC_SERVICE_NAME"];
  if (inside === DAEMON_LABEL || inside === GUARDRAIL_LABEL) {
    const message = `this runs inside of ${inside}: stopping it would end this command half way`;
    return { code: "inside_agent", message, hint: "type it in a terminal", exit: EXIT.refused };
  }
  const session = await tools.launchctl.session();
  if (session === undefined) return undefined;
  if (session.kind === "no session") return refusalOf(noSession(session.said));
  const message = `launchctl does not say whether ${tools.launchctl.domain} is there: ${session.said}`;
  return {
    code: "cannot_tell",
    message,
    hint: `${tools.launchctl.program} print ${tools.launchctl.domain}`,
    exit: EXIT.no,
  };
}

/** Another base, or somebody else, has the names of our agents; undefined when nobody else has. */
export function ownerRefusal({ base, tools, agents }: AgentPlace, isForced: boolean): Refusal | undefined {
  for (const { state } of agents) {
    const served = servedBase(state);
    if (served !== undefined && served !== base) {
      const message = `${state.label} serves another base: ${served}`;
      const hint = `one base has agents at a time: \`wo -C ${typedWord(served)} agent uninstall\` first`;
      return { code: "other_base", message, hint, exit: EXIT.refused };
    }
    const stranger = strangerOf(state);
    if (stranger !== undefined && !isForced) {
      const message = `launchd has loaded a ${state.label} that is not ours: ${stranger}`;
      const hint = `look at it (${tools.launchctl.program} print ${tools.launchctl.target(state.label)}), then \`wo agent install --force\` takes its place`;
      return { code: "foreign_agent", message, hint, exit: EXIT.refused };
    }
    if (state.file.kind === "foreign" && !isForced) {
      const message = `${state.path} is there and not ours: ${state.file.why}`;
      const hint = "look at it, then move it away, or `wo agent install --force`, which keeps it beside as .bak";
      return { code: "foreign_agent", message, hint, exit: EXIT.refused };
    }
  }
  return undefined;
}

/** What runs under a label of ours, loaded from a file that is not where ours are; undefined when it is ours, or none is. */
function strangerOf({ file, job }: AgentState): string | undefined {
  if (file.kind !== "absent" || job.kind !== "loaded") return undefined;
  const { argv, path } = job.job;
  if (argv.some((word) => word.endsWith(PROGRAM_END))) return undefined;
  return `${argv.join(" ")}${path === undefined ? "" : `, from ${path}`}`;
}

export function refusalOf({ code, message, hint }: LoadTrouble): Refusal {
  return { code, message, hint, exit: code === "no_session" ? EXIT.refused : EXIT.no };
}

/** Tells it; the exit code. */
export function refuse(context: Context, { exit, ...said }: Refusal): number {
  complain(context, said);
  return exit;
}

/** One command at a time changes the agents of a user. */
export async function alone<T>(context: Context, work: () => Promise<T>): Promise<Result<T, Refusal>> {
  const { stateRoot } = context.machine;
  const lock = await thisSystem.takeLock(join(stateRoot, "locks"), `agents-${stateRoot}`, "another `wo agent`");
  if (!lock.ok) {
    const message = `${lock.error} is at work on the agents`;
    return err({ code: "busy", message, hint: "wait for it, then type this again", exit: EXIT.busy });
  }
  try {
    return ok(await work());
  } finally {
    await lock.value.release();
  }
}
