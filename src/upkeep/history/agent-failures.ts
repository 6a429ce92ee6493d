/** LaunchAgents that could not do their work: what their logs say, and what launchctl says of their last end. */
import { join } from "node:path";
import { isoTime } from "../../platform/clock.ts";
import type { Files } from "../../platform/files.ts";
import type { Span } from "../../platform/git-events.ts";
import type { Launchctl } from "../../platform/launchctl.ts";
import { linesFromEnd } from "../../platform/lines-from-end.ts";
import { agentsFolder } from "../../platform/machine.ts";
import { typedWord } from "../../platform/shell.ts";
import { type Budget, type Clue, counted } from "./clues.ts";
import { type PathScope, someOf } from "./path-scope.ts";
import { type Read, type Sighting, type SourceReport, timeIn } from "./sightings.ts";

const AGENT = /^(com\.02luka\.[\w.-]+)\.plist$/;
const LOG_KEY = /<key>Standard(?:Error|Out)Path<\/key>\s*<string>([^<]*)<\/string>/g;
const PLIST_BYTES_MAX = 1024 * 1024;
const LOGS = /\.(?:err|log)$/;
/** Read as sources of their own. */
const OTHER_LOGS = /^(?:guardrail_alerts|rollback_.*)\.log$/;
/** Of each log its end. */
const LOG_BYTES_MAX = 8 * 1024 * 1024;
const LOGS_MAX = 1000;
/** A date alone is often a part of a path. */
const CLOCK_TIME = /\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}/;
/** Told of each log. */
const KINDS_MAX = 5;
const LINE_SHOWN = 160;
const LAUNCHCTL_MS = 5000;
const FAILURES = [
  /\b(?:exit(?:ed)?|status|code|rc)\b[^\d\n]{0,20}(?:126|127|78)\b/i,
  /no such file/i,
  /command not found/i,
  /can't open input file/i,
  /bad interpreter/i,
  /\bEX_CONFIG\b/,
];
const MEANINGS: Readonly<Record<number, string>> = {
  126: "the program is there and could not be executed",
  127: "a shell did not find the program",
  78: "launchd could not start it: a path in its plist, its log or its program",
};

/** An agent's file, and the logs that it names. */
interface Agent {
  readonly label: string;
  readonly logs: readonly string[];
}

export interface AgentSearch {
  readonly files: Files;
  readonly base: string;
  readonly home: string;
  readonly span: Span;
  readonly budget: Budget;
}

export interface Found {
  readonly clues: readonly Clue[];
  readonly sources: readonly SourceReport[];
}

/** What the logs say of it: those that plists name, those of the base, and those with an agent's name in ~/Library/Logs. */
export function logFailures(search: AgentSearch): Found {
  const { files, base, home, budget } = search;
  const { agents, sources: ofPlists } = agentsOf(search);
  const names = agents.map(({ label }) => label.split(".").at(-1) ?? label);
  const inFolder = (folder: string, isWanted: (name: string) => boolean) =>
    (files.list(folder) ?? []).flatMap(({ name }) => (LOGS.test(name) && isWanted(name) ? [join(folder, name)] : []));
  const logs = new Set([
    ...agents.flatMap((agent) => agent.logs),
    ...inFolder(join(base, "logs"), (name) => !OTHER_LOGS.test(name)),
    ...inFolder(join(home, "Library/Logs"), (name) => names.some((one) => name.includes(one))),
  ]);
  const clues: Clue[] = [];
  const sources: SourceReport[] = [];
  let read = 0;
  const cut = (note: string) => sources.push({ name: "logs of LaunchAgents", state: "unread", note });
  for (const log of budget.within([...logs].slice(0, LOGS_MAX), () => cut("not all of them: the budget was used up"))) {
    const found = failuresIn(search, log);
    clues.push(...found.clues);
    if (found.unread !== undefined) sources.push({ name: log, state: "unread", note: found.unread });
    read += 1;
  }
  if (logs.size > LOGS_MAX) cut(`only the first ${LOGS_MAX} of ${logs.size}`);
  if (sources.length === 0) {
    const note = `${counted(read, "log")}, ${counted(agents.length, "agent")}`;
    sources.push({ name: "logs of LaunchAgents", state: "read", note });
  }
  return { clues, sources: [...ofPlists, ...sources] };
}

/** The files of our agents; the text of one that cannot be read is "". */
function agentFiles({ files, home }: Pick<AgentSearch, "files" | "home">) {
  const folder = agentsFolder(home);
  return (files.list(folder) ?? []).flatMap(({ name }) => {
    const label = AGENT.exec(name)?.[1];
    if (label === undefined) return [];
    const reading = files.peek(files.realPath(join(folder, name)) ?? join(folder, name), PLIST_BYTES_MAX);
    return [{ name, label, text: reading.kind === "file" ? reading.bytes.toString("utf8") : "" }];
  });
}

function agentsOf(search: AgentSearch): {
  readonly agents: readonly Agent[];
  readonly sources: readonly SourceReport[];
} {
  const sources: SourceReport[] = [];
  const agents = agentFiles(search).map(({ name, label, text }): Agent => {
    // Not parsed: a file that launchd refuses names its logs all the same.
    const logs = [...text.matchAll(LOG_KEY)].map(([, path = ""]) => plain(path)).filter((path) => path.startsWith("/"));
    const note = "its logs are not known: it is no XML property list that can be read";
    if (!text.includes("<plist")) sources.push({ name: `~/Library/LaunchAgents/${name}`, state: "unread", note });
    return { label, logs };
  });
  return { agents, sources };
}

function plain(text: string): string {
  const letters: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };
  return text.trim().replaceAll(/&(amp|lt|gt|quot|apos);/g, (_, name: string) => letters[name] ?? "");
}

/** What one log says in the span, the same lines together, the newest first; why it, or a part of it, could not be read. */
function failuresIn(
  { files, span, base, home }: AgentSearch,
  path: string,
): { clues: readonly Clue[]; unread?: string } {
  const real = files.realPath(path);
  const info = real === undefined ? undefined : files.info(real);
  // Without a log nothing was written; before the span neither.
  if (real === undefined || info === undefined || info.modifiedMs < span.fromMs) return { clues: [] };
  if (info.kind !== "file") return { clues: [], unread: "it is no file" };
  const [from, to] = [isoTime(span.fromMs), isoTime(span.toMs)];
  const kinds = new Map<string, { text: string; count: number; times: string[] }>();
  // Of the nearest line behind that tells one: what is above it is older.
  let nextTs = isoTime(info.modifiedMs);
  for (const lines of linesFromEnd(files, real, { fragment: true, lastBytes: LOG_BYTES_MAX })) {
    for (const line of lines.toReversed()) {
      const ts = CLOCK_TIME.test(line) ? timeIn(line) : undefined;
      nextTs = ts ?? nextTs;
      if (nextTs < from || (ts ?? from) > to || !FAILURES.some((pattern) => pattern.test(line))) continue;
      const key = line.replaceAll(/\d+/g, "0");
      const kind = kinds.get(key) ?? { text: line.trim().slice(0, LINE_SHOWN), count: 0, times: [] };
      kinds.set(key, kind);
      kind.count += 1;
      if (ts !== undefined) kind.times.push(ts);
    }
  }
  const name = path.startsWith(`${base}/`) ? path.slice(base.length + 1) : path.replace(`${home}/`, "~/");
  const clues = [...kinds.values()].slice(0, KINDS_MAX).map(({ text, count, times }): Clue => {
    const sorted = times.toSorted();
    const [first, last] = [sorted[0], sorted.at(-1)];
    const often = count === 1 ? "" : ` (${count} times${first === undefined ? "" : `, first ${first}`})`;
    const undated =
      last === undefined ? `; the line has no time, the log was last written ${isoTime(info.modifiedMs)}` : "";
    return { ts: last ?? "", text: `${name}: ${text}${often}${undated}`, next: `tail -n 50 ${typedWord(path)}` };
  });
  if (info.sizeBytes <= LOG_BYTES_MAX) return { clues };
  return { clues, unread: `only its last ${LOG_BYTES_MAX / 1024 / 1024} MiB were read` };
}

/** What launchctl says of the last end of each, as of now. Agents without launchctl are agents that were not asked about. */
export async function launchctlFailures(search: AgentSearch, launchctl: Launchctl | undefined): Promise<Found> {
  const { rows, source } = await launchctlRows(search, launchctl);
  const clues = rows.flatMap(({ label, status, isRunning }): readonly Clue[] => {
    if (!(status > 0)) return [];
    const now = isRunning ? "it is running again" : "it is not running";
    const next = `launchctl print gui/$(id -u)/${label}`;
    return [{ ts: "", text: `${label} last ended with ${statusText(status)} (as launchctl has it now; ${now})`, next }];
  });
  return { clues, sources: [source] };
}

/** Of the agents whose files name one of the paths, how launchctl has them now. */
export async function agentSightings(
  search: Omit<AgentSearch, "span">,
  scope: PathScope,
  { launchctl, nowMs }: { readonly launchctl: Launchctl | undefined; readonly nowMs: number },
): Promise<Read> {
  const naming = agentFiles(search).flatMap(({ label, text }) =>
    scope.namedIn(plain(text).replaceAll(`${search.base}/`, " ")) === undefined ? [] : [label],
  );
  if (naming.length === 0) return { sightings: [], sources: [{ name: "LaunchAgents", state: "none" }] };
  const { rows, source } = await launchctlRows(search, launchctl);
  const sightings = naming.map((label): Sighting => {
    const row = rows.find((one) => one.label === label);
    const loaded = row === undefined ? "it is not loaded" : rowText(row);
    const now = source.state === "read" ? loaded : "nobody could be asked how it is";
    return { ts: isoTime(nowMs), source: "LaunchAgent", text: `${label} names it; ${now}` };
  });
  return { sightings, sources: [source] };
}

interface Row {
  readonly label: string;
  /** Of the last end; negative for a signal, not a number where there was none. */
  readonly status: number;
  readonly isRunning: boolean;
}

function rowText({ status, isRunning }: Row): string {
  if (isRunning) return "it is running";
  if (status === 0) return "it is loaded, and ended with 0";
  return Number.isNaN(status) ? "it is loaded, and has not run" : `it last ended with ${statusText(status)}`;
}

function statusText(status: number): string {
  const meaning = status < 0 ? `signal ${-status}` : MEANINGS[status];
  return meaning === undefined ? String(status) : `${status}: ${meaning}`;
}

async function launchctlRows(
  { files, home, budget }: Omit<AgentSearch, "span">,
  launchctl: Launchctl | undefined,
): Promise<{ readonly rows: readonly Row[]; readonly source: SourceReport }> {
  const name = "launchctl list";
  if (launchctl === undefined) {
    const agents = agentFiles({ files, home });
    const note = `not asked: this machine has no launchctl${agents.length > 0 ? `, and there are agents: ${someOf(agents.map((one) => one.name))}` : ""}`;
    return { rows: [], source: { name, state: agents.length > 0 ? "unread" : "none", note } };
  }
  const { code, stdout, said } = await launchctl.run(["list"], Math.min(LAUNCHCTL_MS, budget.leftMs()));
  if (code !== 0) return { rows: [], source: { name, state: "unread", note: said } };
  // PID, status of the last end, label.
  const rows = stdout.split("\n").flatMap((line): readonly Row[] => {
    const [pid = "", status = "", label = ""] = line.split("\t");
    if (!label.startsWith("com.02luka.")) return [];
    return [{ label, status: /^-?\d+$/.test(status) ? Number(status) : Number.NaN, isRunning: pid !== "-" }];
  });
  return { rows, source: { name, state: "read", note: `${counted(rows.length, "agent")} of com.02luka` } };
}
