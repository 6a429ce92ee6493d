/** `wo agent start|stop|restart|uninstall`: what launchd keeps is started, stopped, started anew, and taken away. */
import { dirname } from "node:path";
import { EXIT } from "../platform/errors.ts";
import { keptPid } from "../platform/launchctl.ts";
import { systemProcesses } from "../platform/processes.ts";
import { err, ok, type Result } from "../platform/result.ts";
import { agentName } from "../records/component-place.ts";
import { plistPath } from "../upkeep/agents/agent-state.ts";
import { installedFolder, removeCopies } from "../upkeep/agents/installed-copy.ts";
import { enableAgent, kickAgent, loadAgent, reloadAgent, shown, unloadAgent } from "../upkeep/agents/load-agent.ts";
import { DAEMON_LABEL } from "../upkeep/agents/own-agents.ts";
import { releaseAgentFiles } from "./agent-components.ts";
import {
  type AgentPlace,
  agentPlace,
  alone,
  changeRefusal,
  type OwnAgent,
  ownerRefusal,
  type Refusal,
  refusalOf,
  refuse,
} from "./agent-ground.ts";
import { awaitDaemon, clearTheWay } from "./agent-health.ts";
import { answer, type Context } from "./context.ts";

export interface UninstallOptions {
  readonly purgeProgram?: boolean;
}

/** What was done to one agent. */
interface Done {
  readonly label: string;
  readonly done: string;
}

type Doing = Promise<Result<readonly Done[], Refusal>>;

export function startAgents(context: Context): Promise<number> {
  return run(context, "agent_start", start, () => "next: wo agent status");
}

export function restartAgents(context: Context): Promise<number> {
  return run(context, "agent_restart", restart, () => "next: wo agent status");
}

export function stopAgents(context: Context): Promise<number> {
  return run(context, "agent_stop", stop, ({ tools, agents }) => {
    const off = agents.map(({ spec }) => shown(tools.launchctl, ["disable", tools.launchctl.target(spec.label)]));
    const lines = ["they start again at the next login; to keep them off until `wo agent start`:", ...off];
    return `${lines.join("\n  ")}\nnext: wo agent start`;
  });
}

/** Never the vault, nothing in the base; the copies of the program on demand alone. */
export function uninstallAgents(context: Context, { purgeProgram }: UninstallOptions): Promise<number> {
  return run(
    context,
    "agent_uninstall",
    (_context, place) => uninstall(context, place, purgeProgram === true),
    () => {
      const { files, machine } = context;
      const program = installedFolder(files, machine.stateRoot);
      const left = program === undefined ? "" : `the program stays: ${dirname(program)} (--purge-program removes it)\n`;
      return `${left}the base, its vault and its records are as they were\nnext: wo daemon start, or wo agent install`;
    },
  );
}

async function run(
  context: Context,
  kind: string,
  work: (context: Context, place: AgentPlace) => Doing,
  rest: (place: AgentPlace) => string,
): Promise<number> {
  const held = await alone(context, async (): Promise<Result<readonly [AgentPlace, readonly Done[]], Refusal>> => {
    const found = await agentPlace(context, true);
    if (!found.ok) return found;
    const place = found.value;
    // Without a session nothing is loaded: what is to go can go all the same.
    const refusal = await changeRefusal(context, place);
    const isInTheWay = refusal !== undefined && !(kind === "agent_uninstall" && refusal.code === "no_session");
    const whose = ownerRefusal(place, false);
    if (isInTheWay) return err(refusal);
    if (whose !== undefined) return err(whose);
    const done = await work(context, place);
    return done.ok ? ok([place, done.value] as const) : done;
  });
  const end = held.ok ? held.value : held;
  if (!end.ok) return refuse(context, end.error);
  const [place, done] = end.value;
  const { terminal } = context;
  const line = (one: Done) => `${terminal.paint("green", "✓")} ${one.label}    ${one.done}`;
  answer(context, kind, { base: place.base, agents: done }, () => [...done.map(line), rest(place)].join("\n"));
  return EXIT.yes;
}

function notInstalled({ agents }: AgentPlace): Refusal | undefined {
  const absent = agents.find(({ state }) => state.file.kind === "absent");
  if (absent === undefined) return undefined;
  const message = `there is no ${absent.state.path}`;
  return { code: "not_installed", message, hint: "wo agent install", exit: EXIT.no };
}

function start(context: Context, place: AgentPlace): Doing {
  return each(context, place, startOne);
}

/** Nothing that runs is killed: to be loaded is to be started. */
async function startOne(tools: AgentPlace["tools"], { state }: OwnAgent): Promise<Result<string, Refusal>> {
  const { label, path, job, isDisabled } = state;
  const was =
    isDisabled === true ? "; it had been switched off (disable, unload -w or Login Items), and is on again" : "";
  if (job.kind !== "loaded") {
    const loaded = await loadAgent(tools, label, path);
    return loaded.ok ? ok(`loaded${was}`) : err(refusalOf(loaded.error));
  }
  const on = isDisabled === false ? ok(undefined) : await enableAgent(tools.launchctl, label);
  if (!on.ok) return err(refusalOf(on.error));
  if (job.job.pid !== undefined) return ok(`runs already: pid ${job.job.pid}${was}`);
  // The look from outside comes at its own time.
  if (label !== DAEMON_LABEL) return ok(`is loaded already${was}`);
  const kicked = await kickAgent(tools.launchctl, label);
  return kicked.ok ? ok(`started${was}`) : err(refusalOf(kicked.error));
}

function restart(context: Context, place: AgentPlace): Doing {
  return each(context, place, restartOne);
}

/** What is loaded as the file is needs no more than a new process: there is no moment in which the label is not there. */
async function restartOne(tools: AgentPlace["tools"], { spec, state }: OwnAgent): Promise<Result<string, Refusal>> {
  const { label, path, reload, isDisabled, file } = state;
  const stopGraceSec = file.kind === "ours" ? file.spec.stopGraceSec : spec.stopGraceSec;
  if (reload === "not needed") {
    if (label !== DAEMON_LABEL) return ok("is loaded as its file is");
    const on = isDisabled === false ? ok(undefined) : await enableAgent(tools.launchctl, label);
    const kicked = on.ok ? await kickAgent(tools.launchctl, label, { stopGraceSec }) : on;
    return kicked.ok ? ok("started anew") : err(refusalOf(kicked.error));
  }
  const loaded = await reloadAgent(tools, { label, path, stopGraceSec });
  const why = reload === "not loaded" ? "it was not loaded" : "its file had changed";
  return loaded.ok ? ok(`loaded anew: ${why}`) : err(refusalOf(loaded.error));
}

/** One after the other; the daemon has answered before the look from outside is loaded. */
async function each(context: Context, seen: AgentPlace, work: typeof startOne): Doing {
  const missing = notInstalled(seen);
  if (missing !== undefined) return err(missing);
  const way = await clearTheWay(context, seen);
  if (!way.ok) return way;
  const stopped = way.value;
  const all: Done[] = [];
  if (stopped !== undefined) all.push({ label: "wo daemon", done: `started by hand (pid ${stopped}), is stopped` });
  // What was in the way may have been launchd's own.
  const cleared = await agentPlace(context, true);
  if (!cleared.ok) return cleared;
  const place = cleared.value;
  for (const agent of place.agents) {
    const done = await work(place.tools, agent);
    if (!done.ok) return done;
    const { label } = agent.spec;
    if (label !== DAEMON_LABEL) {
      all.push({ label, done: done.value });
      continue;
    }
    const ended = work === restartOne ? keptPid(agent.state.job) : undefined;
    const up = await awaitDaemon(context, place, { not: ended });
    if (!up.ok) return up;
    all.push({ label, done: `${done.value}; the daemon answers: pid ${up.value.pid}` });
  }
  return ok(all);
}

/** The look from outside first: it would tell of a daemon that is stopped. */
async function unloadAll({ tools, agents }: AgentPlace): Promise<Result<readonly Done[], Refusal>> {
  const all: Done[] = [];
  for (const { spec, state } of agents.toReversed()) {
    const { label } = spec;
    const gone = await unloadAgent(tools, label, spec.stopGraceSec);
    if (!gone.ok) return err(refusalOf(gone.error));
    all.push({ label, done: state.job.kind === "loaded" ? "stopped" : "was not loaded" });
  }
  return ok(all);
}

function stop(_context: Context, place: AgentPlace): Doing {
  return unloadAll(place);
}

async function uninstall(context: Context, place: AgentPlace, purge: boolean): Doing {
  const { files, machine } = context;
  const labels = place.agents.map(({ spec }) => spec.label);
  const paths = place.agents.filter(({ state }) => state.file.kind !== "absent").map(({ state }) => state.path);
  // The daemon first, and whatever keeps it from answering: what is guarded and gone is put back.
  const unloaded = await unloadAll(place);
  if (!unloaded.ok) return unloaded;
  const kept = await releaseAgentFiles(context, labels, "agents uninstalled");
  for (const path of paths) files.remove(path);
  const [folder] = paths.map((path) => dirname(path));
  if (folder !== undefined) await files.syncFolder(folder);
  const isRemoved = (label: string) => paths.includes(plistPath(machine.home, label));
  const done = unloaded.value.map(({ label, done: how }) => {
    return { label, done: `${how}, ${isRemoved(label) ? "its file is removed" : "no file was there"}` };
  });
  if (kept.length > 0) return err(stillGuarded(labels, kept));
  if (!purge) return ok(done);
  const purged = await removeCopies(files, machine.stateRoot, { own: [systemProcesses().self.pid] });
  return ok([...done, { label: "program", done: purged.ok ? "every copy is removed" : `stays: ${purged.error}` }]);
}

function stillGuarded(labels: readonly string[], why: readonly string[]): Refusal {
  const message = `both are out of launchd and their files are removed, but still guarded: ${why.join("; ")}`;
  const names = labels.map((label) => `'${agentName(label)}'`).join(" ");
  const hint = `a daemon that works would put them back: wo guardrail release ${names}, then wo agent uninstall`;
  return { code: "still_guarded", message, hint, exit: EXIT.no };
}
