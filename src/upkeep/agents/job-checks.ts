/** What launchd has loaded, against the files and against what answers as the daemon. */
import { join } from "node:path";
import { BridgeError } from "../../platform/errors.ts";
import type { Files } from "../../platform/files.ts";
import { keptPid, LAUNCHCTL, type Launchctl } from "../../platform/launchctl.ts";
import { agentsFolder } from "../../platform/machine.ts";
import { isDict, readPropertyList, textsIn } from "../../platform/property-list.ts";
import type { Result } from "../../platform/result.ts";
import { typedWord } from "../../platform/shell.ts";
import type { Finding, Mark, Mend } from "../doctor.ts";
import type { Looked } from "./agent-patient.ts";
import { type AgentProblem, agentProblems, servesAnother } from "./agent-problems.ts";
import type { AgentState } from "./agent-state.ts";
import { textOf, textsOf } from "./job.ts";
import { type LoadTrouble, loadAgent, reloadAgent, shown } from "./load-agent.ts";
import { DAEMON_LABEL } from "./own-agents.ts";

const FILE_BYTES_MAX = 64 * 1024;

export async function jobFindings(looked: Looked): Promise<readonly Finding[]> {
  const { launchctl, machine, basePath } = looked;
  const labels = looked.wanted.map(({ label }) => label);
  const [states, live, ...doubles] = await Promise.all([
    looked.states(),
    looked.answering(),
    ...labels.map((label) => secondDomain(launchctl, machine.userId, label)),
  ]);
  const known = states.filter(({ file, job }) => file.kind !== "absent" || job.kind !== "not loaded");
  if (known.length === 0) return [{ mark: "not_here", seen: "no agent is installed, and none is loaded" }];
  const found: Finding[] = [];
  for (const state of states) found.push(...stateFindings(looked, state));
  const doubled = states.flatMap((state, at) => (servesAnother(state, basePath) ? [] : (doubles[at] ?? [])));
  found.push(...doubled, ...keeperFindings(looked, states, live), ...secondFiles(looked, states));
  if (found.length > 0) return found;
  return [
    {
      mark: "ok",
      seen: `${known.map(({ label }) => label).join(" and ")}: loaded as their files are, for ${basePath}`,
    },
  ];
}

const MARKS: Readonly<Record<AgentProblem["code"], Mark | undefined>> = {
  not_installed: "warning",
  foreign_file: "warning",
  other_base: "warning",
  edited_file: "warning",
  outdated_file: "warning",
  no_session: "unknown",
  cannot_tell: "unknown",
  not_loaded: "error",
  reload_needed: "warning",
  disabled: "warning",
  // Told with the last words of its log: end-checks.ts.
  start_failed: undefined,
  not_running: undefined,
};

function stateFindings(looked: Looked, state: AgentState): readonly Finding[] {
  const isLoaded = state.job.kind === "loaded";
  return agentProblems(state, looked.basePath).flatMap(({ code, message, next }) => {
    const mark = code === "disabled" && !isLoaded ? "error" : MARKS[code];
    if (mark === undefined) return [];
    const mend = mendOf(looked, state, code);
    return [{ mark, seen: `${state.label}: ${message}`, next, ...(mend === undefined ? {} : { mend }) }];
  });
}

function mendOf({ launchctl, clock }: Looked, state: AgentState, code: AgentProblem["code"]): Mend | undefined {
  const { label, path, file, job } = state;
  const tools = { launchctl, clock };
  if (code === "reload_needed" && file.kind === "ours") {
    const { stopGraceSec } = file.spec;
    const apply = () => done(reloadAgent(tools, { label, path, stopGraceSec }), `loaded ${path} anew`);
    return { would: `load ${path} anew`, apply };
  }
  if (code === "disabled" && job.kind === "loaded") return enabling(launchctl, launchctl.target(label));
  if (code === "not_loaded" || (code === "disabled" && file.kind === "ours"))
    return { would: `load ${path}`, apply: () => done(loadAgent(tools, label, path), `loaded ${path}`) };
  return undefined;
}

function enabling(launchctl: Launchctl, target: string): Mend {
  const would = shown(launchctl, ["enable", target]);
  const apply = async () => {
    const { code, said } = await launchctl.run(["enable", target]);
    if (code !== LAUNCHCTL.done) throw new BridgeError("DISK_REFUSED", `${would}: ${said}`);
    return would;
  };
  return { would, apply };
}

async function done(work: Promise<Result<void, LoadTrouble>>, did: string): Promise<string> {
  const end = await work;
  if (!end.ok) throw new BridgeError("DISK_REFUSED", `${end.error.message}; ${end.error.hint}`);
  return did;
}

/** The same label in the domain that is there without a screen. */
async function secondDomain(launchctl: Launchctl, userId: number, label: string): Promise<readonly Finding[]> {
  const target = `user/${userId}/${label}`;
  if ((await launchctl.run(["print", target])).code !== LAUNCHCTL.done) return [];
  const seen = `${label} is loaded a second time, as ${target}`;
  return [{ mark: "warning", seen, next: shown(launchctl, ["bootout", target]) }];
}

/** Who answers has to be who launchd keeps, where it keeps one for this base. */
function keeperFindings(
  { basePath }: Looked,
  states: readonly AgentState[],
  live: { readonly pid: number } | undefined,
): readonly Finding[] {
  const state = states.find(({ label }) => label === DAEMON_LABEL);
  if (live === undefined || state === undefined || servesAnother(state, basePath)) return [];
  const { job } = state;
  if (job.kind !== "loaded" && job.kind !== "not loaded") return [];
  const pid = keptPid(job);
  if (pid === live.pid) return [];
  const kept = pid === undefined ? "none" : `pid ${pid}, which waits for it to end`;
  const seen = `the daemon that answers (pid ${live.pid}) is not the one that launchd keeps (${kept}): it was started by hand`;
  return [{ mark: "warning", seen, next: "wo daemon stop && wo agent start" }];
}

/** Another file with one of the labels, or with the same words to the same daemon. */
function secondFiles({ files, machine, basePath }: Looked, states: readonly AgentState[]): readonly Finding[] {
  const own = new Set(states.map(({ path }) => path));
  const others = new Set(states.filter((state) => servesAnother(state, basePath)).map(({ label }) => label));
  const folders = [agentsFolder(machine.home), "/Library/LaunchAgents"];
  return folders.flatMap((folder) =>
    (files.list(folder) ?? []).flatMap(({ name }) => {
      const path = join(folder, name);
      return name.endsWith(".plist") && !own.has(path) ? secondFile(files, path, states, others) : [];
    }),
  );
}

function secondFile(
  files: Files,
  path: string,
  states: readonly AgentState[],
  others: ReadonlySet<string>,
): readonly Finding[] {
  const reading = files.peek(path, FILE_BYTES_MAX);
  const text = reading.kind === "file" ? reading.bytes.toString("utf8") : "";
  if (!/wo-bridge|wo_pipeline|wo\.js/.test(text)) return [];
  const read = readPropertyList(Buffer.from(text));
  const dict = read.ok && isDict(read.value.value) ? read.value.value : {};
  const twin = states.find(({ label }) => label === textOf(dict["Label"]));
  const next = `launchctl bootout gui/$(id -u) ${typedWord(path)}    (and take the file away)`;
  if (twin !== undefined && others.has(twin.label)) return [];
  if (twin !== undefined)
    return [{ mark: "warning", seen: `${path} has the label ${twin.label}, too: launchd loads one of them`, next }];
  const words = textsOf(dict["ProgramArguments"]).join(" ");
  const base = textsIn(dict["EnvironmentVariables"])["LUKA_SOT"];
  const isDaemon = /\bdaemon run\b/.test(words) && /\bwo(?:\.js)?\b/.test(words);
  if (!isDaemon) return [];
  return [
    {
      mark: "warning",
      seen: `${path} starts a daemon, too${base === undefined ? "" : `, for ${base}`}: only one can hold a base`,
      next,
    },
  ];
}
