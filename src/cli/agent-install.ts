/**
 * `wo agent install`: the copy, the two files, what launchd is asked, and the look at whether it works. Every step may run any
 * number of times; what a crash left half done the next install finds and finishes, because it goes by what is there.
 */
import { basename, dirname, join } from "node:path";
import type { Runtime } from "../daemon/runtime.ts";
import { assert, EXIT } from "../platform/errors.ts";
import { keptPid } from "../platform/launchctl.ts";
import { systemProcesses } from "../platform/processes.ts";
import { err, ok, type Result } from "../platform/result.ts";
import { pruneCopies, takeCopy } from "../upkeep/agents/installed-copy.ts";
import { thisGround } from "../upkeep/agents/lint-ground.ts";
import { enableAgent, kickAgent, reloadAgent } from "../upkeep/agents/load-agent.ts";
import { lintFiles } from "../upkeep/agents/mend-file.ts";
import { acceptAgentFiles } from "./agent-components.ts";
import { alone, type Refusal, refusalOf, refuse } from "./agent-ground.ts";
import { awaitDaemon, clearTheWay } from "./agent-health.ts";
import { type AgentPlan, type InstallOptions, type InstallPlan, type Move, planInstall } from "./agent-plan.ts";
import { answer, type Context } from "./context.ts";
import { installedText, plannedData, planText } from "./views/agent-install-view.ts";

/** What came of it. */
export interface Installed {
  readonly base: string;
  readonly program: string;
  readonly copied: boolean;
  readonly daemon: { readonly pid: number; readonly version: string };
  readonly agents: readonly {
    readonly label: string;
    readonly path: string;
    readonly file: AgentPlan["file"];
    readonly move: Move;
    readonly backup?: string;
  }[];
  /** The pid of the daemon that was started by hand, and stopped. */
  readonly stopped?: number;
  readonly notGuarded: readonly string[];
  readonly removedCopies: readonly string[];
  readonly warnings: readonly string[];
}

/** 0 only when the daemon of this base answered, as the process that launchd keeps. */
export async function installAgents(context: Context, options: InstallOptions): Promise<number> {
  if (options.dryRun === true) {
    const plan = await planInstall(context, options);
    if (!plan.ok) return refuse(context, plan.error);
    answer(context, "agent_install", plannedData(plan.value), () => planText(context.terminal, plan.value));
    return EXIT.yes;
  }
  const held = await alone(context, async () => {
    const plan = await planInstall(context, options);
    return plan.ok ? carryOut(context, plan.value) : plan;
  });
  const done = held.ok ? held.value : held;
  if (!done.ok) return refuse(context, done.error);
  answer(context, "agent_install", done.value, () => installedText(context.terminal, done.value));
  return EXIT.yes;
}

async function carryOut(context: Context, plan: InstallPlan): Promise<Result<Installed, Refusal>> {
  const { files, terminal, machine } = context;
  const { place, source, copy } = plan;
  const labels = plan.agents.map(({ label }) => label);
  const say = (text: string) => terminal.err(terminal.paint("dim", text));
  if (copy.isNew) say(`copying ${copy.files} files to ${plan.program}`);
  const copied = await takeCopy(source, copy, place.node.path);
  if (!copied.ok) return err({ code: "copy_broken", message: copied.error, hint: "npm run build", exit: EXIT.no });
  for (const [path, mode] of plan.folders) files.makeFolders(path, mode);
  const backups = await writeFiles(context, plan);
  const guard = () => acceptAgentFiles(context, labels, "agents of wo-bridge");
  // At once: a daemon that runs would take what was written for somebody's change.
  const early = await guard();
  const warnings = await lintWritten(context, plan);
  if (!warnings.ok) return warnings;
  const stopped = await clearTheWay(context, place);
  if (!stopped.ok) return stopped;
  if (stopped.value !== undefined) say(`stopped the daemon that was started by hand: pid ${stopped.value}`);
  const up = await moveAll(context, plan, say);
  if (!up.ok) return up;
  const { pid, version } = up.value;
  return ok({
    base: place.base,
    program: plan.program,
    copied: copy.isNew,
    daemon: { pid, version },
    agents: plan.agents.map(({ label, path, file, move: how }) => {
      const backup = backups.get(path);
      return { label, path, file, move: how, ...(backup === undefined ? {} : { backup }) };
    }),
    ...(stopped.value === undefined ? {} : { stopped: stopped.value }),
    // Of a daemon that could not, or that knew no agents yet, another one is asked.
    notGuarded: early.length === 0 ? [] : await guard(),
    removedCopies: await pruneCopies(files, machine.stateRoot, { own: [pid, systemProcesses().self.pid] }),
    warnings: warnings.value,
  });
}

/** Commit point: each file is replaced in one rename. What somebody else wrote or changed is kept beside it first. Where, by path. */
async function writeFiles({ files }: Context, { agents }: InstallPlan): Promise<ReadonlyMap<string, string>> {
  const backups = new Map<string, string>();
  for (const { path, text, file } of agents) {
    if (file === "unchanged") continue;
    // launchd reads no file of this ending.
    const aside = file === "replaces somebody's" ? `${basename(path)}.bak` : undefined;
    const kept = aside === undefined ? undefined : await files.moveNew(path, dirname(path), aside);
    if (kept !== undefined) backups.set(path, join(dirname(path), kept));
    await files.replace(path, text, 0o644);
  }
  // What a crash left of a file that was being written.
  for (const folder of new Set(agents.map(({ path }) => dirname(path)))) files.sweep(folder);
  const first = agents.find(({ file }) => file !== "unchanged");
  // The folder may have been made just now.
  if (first !== undefined) await files.syncUpwards(dirname(first.path));
  return backups;
}

/** What our own linter says of the files on this machine: errors end it before launchd is asked. */
async function lintWritten(context: Context, plan: InstallPlan): Promise<Result<readonly string[], Refusal>> {
  const { files, machine } = context;
  const paths = plan.agents.map(({ path }) => path);
  const linted = await lintFiles(files, await thisGround(files, machine), paths);
  const findings = linted.flatMap(({ report }) => report.findings);
  // Refused before, or somebody said that they know it better.
  const worst = findings.find(({ mark, code }) => mark === "error" && code !== "protected_place");
  if (worst !== undefined) {
    const message = `the files are written, and would not work: ${worst.why} [${worst.code}]`;
    const hint = `${worst.next ?? "mend it"}; see \`wo agent lint ~/Library/LaunchAgents/*.plist\``;
    return err({ code: "lint", message, hint, exit: EXIT.no });
  }
  return ok(findings.map(({ why, code, next }) => `${why} [${code}]${next === undefined ? "" : `; next: ${next}`}`));
}

/** The look from outside comes behind the daemon: it would tell of one that is not there yet. */
async function moveAll(
  context: Context,
  plan: InstallPlan,
  say: (text: string) => void,
): Promise<Result<Runtime, Refusal>> {
  let up: Result<Runtime, Refusal> | undefined;
  for (const agent of plan.agents) {
    if (agent.move !== "none") say(`${agent.move === "load" ? "loading" : "restarting"} ${agent.label}`);
    const moved = await move(plan, agent);
    if (!moved.ok) return moved;
    up ??= await awaitDaemon(context, plan.place, { program: plan.program, not: endedPid(agent) });
    if (!up.ok) return up;
  }
  assert(up !== undefined, "the daemon is one of the agents");
  return up;
}

/** The process that the move has ended. */
function endedPid({ move: how, state }: AgentPlan): number | undefined {
  return how === "none" ? undefined : keptPid(state.job);
}

async function move({ place }: InstallPlan, agent: AgentPlan): Promise<Result<void, Refusal>> {
  const { launchctl } = place.tools;
  const { label, path, spec, enable } = agent;
  const { stopGraceSec } = spec;
  switch (agent.move) {
    case "load": {
      const done = await reloadAgent(place.tools, { label, path, stopGraceSec });
      return done.ok ? done : err(refusalOf(done.error));
    }
    case "restart":
    case "none": {
      const on = enable ? await enableAgent(launchctl, label) : ok(undefined);
      const done = on.ok && agent.move === "restart" ? await kickAgent(launchctl, label, { stopGraceSec }) : on;
      return done.ok ? done : err(refusalOf(done.error));
    }
  }
}
