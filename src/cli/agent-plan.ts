/** What `wo agent install` would do, found out without doing any of it: so that `--dry-run` and the deed are of one mind. */
import { dirname } from "node:path";
import { EXIT } from "../platform/errors.ts";
import type { Files } from "../platform/files.ts";
import { err, ok, type Result } from "../platform/result.ts";
import type { AgentSpec } from "../upkeep/agents/agent-spec.ts";
import { type AgentState, loadedDriftFrom, plistPath } from "../upkeep/agents/agent-state.ts";
import { type CopyPlan, type CopySource, planCopy } from "../upkeep/agents/installed-copy.ts";
import { protectionOf } from "../upkeep/agents/job.ts";
import { launchdPlist } from "../upkeep/agents/launchd-plist.ts";
import { DAEMON_LABEL } from "../upkeep/agents/own-agents.ts";
import { type AgentPlace, agentPlace, changeRefusal, ownerRefusal, type Refusal } from "./agent-ground.ts";
import { daemonHealth, handStarted } from "./agent-health.ts";
import type { Context } from "./context.ts";
import { boundBase } from "./daemon-client.ts";

export interface InstallOptions {
  readonly force?: boolean;
  readonly dryRun?: boolean;
}

/** load: out, if it is in, and in. restart: killed and started as it is loaded. */
export type Move = "load" | "restart" | "none";

export interface AgentPlan {
  readonly label: string;
  readonly path: string;
  readonly spec: AgentSpec;
  readonly text: string;
  readonly file: "new" | "changed" | "unchanged" | "replaces somebody's";
  readonly state: AgentState;
  readonly move: Move;
  /** An override keeps it off, or nobody can tell. */
  readonly enable: boolean;
}

export interface InstallPlan {
  readonly place: AgentPlace;
  readonly source: CopySource;
  readonly copy: CopyPlan;
  /** Where the agents' program lies then; its real path. */
  readonly program: string;
  readonly folders: readonly (readonly [path: string, mode: number])[];
  readonly agents: readonly AgentPlan[];
  /** The daemon that was started by hand. */
  readonly stops: number | undefined;
}

/** Everything that install would do, or why it does nothing. Throws BASE_MISSING, BASE_UNKNOWN. */
export async function planInstall(context: Context, options: InstallOptions): Promise<Result<InstallPlan, Refusal>> {
  const { files, machine } = context;
  const { stateRoot, packageFolder, version } = machine;
  const found = await agentPlace(context, false);
  if (!found.ok) return found;
  const place = found.value;
  const refusal =
    (await changeRefusal(context, place)) ??
    placeRefusal(context, boundBase(context).path, place, options.force === true) ??
    ownerRefusal(place, options.force === true);
  if (refusal !== undefined) return err(refusal);
  const source: CopySource = { files, stateRoot, packageFolder, version };
  const copy = await planCopy(source);
  if (!copy.ok) {
    const hint = "in the checkout: `npm ci && npm run build`";
    return err({ code: "not_built", message: copy.error, hint, exit: EXIT.usage });
  }
  const program = copy.value.folder;
  const runtime = await daemonHealth(context);
  const isRunning = ({ job }: AgentState) =>
    job.kind === "loaded" && job.job.pid === runtime?.pid && runtime?.program === program;
  const agents: AgentPlan[] = [];
  for (const { spec, state } of place.agents) {
    const text = launchdPlist(spec);
    if (!text.ok) return err(unfit(text.error));
    agents.push(planAgent({ spec, state, text: text.value, isRunning: isRunning(state) }));
  }
  const folders = missingFolders(files, machine.home, place);
  const stops = await handStarted(context, place.tools.launchctl);
  return ok({ place, source, copy: copy.value, program, folders, agents, stops });
}

function unfit(faults: readonly string[]): Refusal {
  const hint = "give the base a path of ordinary letters: move it, then `wo init` there";
  return { code: "unfit_path", message: `launchd cannot be told: ${faults.join("; ")}`, hint, exit: EXIT.refused };
}

function missingFolders(files: Files, home: string, { agents }: AgentPlace): InstallPlan["folders"] {
  const wanted = new Map<string, number>();
  for (const { spec } of agents) for (const log of Object.values(spec.logs)) wanted.set(dirname(log), 0o700);
  wanted.set(dirname(plistPath(home, DAEMON_LABEL)), 0o755);
  return [...wanted].filter(([path]) => files.info(path) === undefined);
}

interface Wanted {
  readonly spec: AgentSpec;
  readonly state: AgentState;
  readonly text: string;
  /** It is the process that answers for the base, in the program that is to run. */
  readonly isRunning: boolean;
}

function planAgent({ spec, state, text, isRunning }: Wanted): AgentPlan {
  const { label, path, file, job, isDisabled } = state;
  const change = fileChange(file);
  const isLoaded = job.kind === "loaded" && loadedDriftFrom(job.job, path, spec).length === 0;
  // What is loaded does not show all that somebody may have changed by hand.
  const isSure = file.kind === "ours" && !file.isEdited;
  const move: Move = !isLoaded || !isSure ? "load" : label === DAEMON_LABEL && !isRunning ? "restart" : "none";
  return { label, path, spec, text, file: change, state, move, enable: isDisabled !== false };
}

function fileChange(file: AgentState["file"]): AgentPlan["file"] {
  if (file.kind === "absent") return "new";
  if (file.kind === "foreign") return "replaces somebody's";
  if (file.isCurrent) return "unchanged";
  return file.isEdited ? "replaces somebody's" : "changed";
}

/** A place in which macOS lets no agent work. A volume may be one inside of the machine: who knows that, says so. */
function placeRefusal(
  { machine }: Context,
  base: string,
  { node }: AgentPlace,
  isForced: boolean,
): Refusal | undefined {
  const { home, stateRoot } = machine;
  const places = [
    [
      "the base",
      base,
      "move it: `wo daemon stop`, `mv` it to ~ (its id goes with it), then `wo -C THERE agent install`",
    ],
    ["the state folder", stateRoot, "a home folder on this machine's own disk is needed"],
    ["the home folder", home, "a home folder on this machine's own disk is needed"],
    ["Node", node.path, "install Node where every program may read it: brew install node"],
  ] as const;
  for (const [what, path, hint] of places) {
    const why = protectionOf(home, path);
    const isVolume = path.startsWith("/Volumes/");
    if (why === undefined || (isVolume && isForced)) continue;
    const more = isVolume ? "; or, when it is a disk inside of this machine, `--force`" : "";
    return { code: "protected_place", message: `${what}: ${why}`, hint: `${hint}${more}`, exit: EXIT.refused };
  }
  return undefined;
}
