/** What an inquiry comes to: the report that is kept, and the lesson that is drawn from it. Pure. */
import { join } from "node:path";
import { isoTime } from "../../platform/clock.ts";
import type { Span } from "../../platform/git-events.ts";
import { typedWord } from "../../platform/shell.ts";
import { type Clue, spanText } from "./clues.ts";
import type { Evidence } from "./inquiry.ts";
import type { DatedSuspect } from "./path-verdict.ts";

const CLUES_MAX = 200;
const COMMANDS_MAX = 12;
/** More names are no command that a person types. */
const NAMES_MAX = 20;
const SURE = { 3: "written down", 2: "likely", 1: "possible" } as const;
const CONFIDENCE = { 3: 0.9, 2: 0.6, 1: 0.3 } as const;
const NO_CONFIDENCE = 0.1;

/** As it is kept in g/reports; times in ISO. Its first five fields are those of the first report that was ever asked for. */
export interface ForensicReport {
  readonly investigation_date: string;
  readonly time_window: string;
  readonly findings: {
    /** A line each, with its time where it has one. */
    readonly git_events: readonly string[];
    readonly rollback_scripts: readonly string[];
    readonly launchagent_failures: readonly string[];
    readonly likely_cause: string;
    readonly drifts: readonly string[];
    readonly orders: readonly string[];
    readonly ledger_gaps: readonly string[];
    readonly guardrail_gaps: readonly string[];
  };
  /** Commands, a line each. */
  readonly recommendation: string;
  readonly v: 1;
  readonly scope: string;
  readonly since: string;
  readonly until: string;
  /** The likeliest first. */
  readonly suspects: readonly {
    readonly who: string;
    readonly why: string;
    readonly ts: string;
    readonly sure: (typeof SURE)[keyof typeof SURE];
  }[];
  readonly looked_at: readonly string[];
  readonly not_looked_at: readonly string[];
  /** What no source can tell. */
  readonly leaves_no_trace: string;
  readonly budget_ms: number;
  readonly took_ms: number;
}

export interface Circumstances {
  readonly base: string;
  readonly word: string;
  readonly span: Span;
  readonly nowMs: number;
  readonly budgetMs: number;
  readonly tookMs: number;
  /** Guarded paths that are not there now. */
  readonly missing: readonly string[];
}

export function reportOf(evidence: Evidence, circumstances: Circumstances): ForensicReport {
  const { word, span, nowMs, budgetMs, tookMs } = circumstances;
  const { sources, suspects } = evidence;
  const [since, until] = [isoTime(span.fromMs), isoTime(span.toMs)];
  const read = sources.filter(({ state }) => state === "read");
  const others = sources.filter(({ state, note }) => state === "unread" || (state === "none" && note !== undefined));
  return {
    investigation_date: isoTime(nowMs),
    time_window: `${since} - ${until}`,
    findings: {
      git_events: linesOf(evidence.git),
      rollback_scripts: linesOf(evidence.scripts),
      launchagent_failures: linesOf(evidence.agents),
      likely_cause: likelyCause(evidence),
      drifts: linesOf(evidence.drifts),
      orders: linesOf(evidence.orders),
      ledger_gaps: linesOf(evidence.ledger),
      guardrail_gaps: linesOf(evidence.guardrail),
    },
    recommendation: commandsOf(evidence, circumstances).join("\n"),
    v: 1,
    scope: word,
    since,
    until,
    suspects: suspects.map(({ who, why, ts, weight }) => ({ who, why, ts, sure: SURE[weight] })),
    looked_at: read.map(({ name, note }) => (note === undefined ? name : `${name} (${note})`)),
    not_looked_at: others.map(({ name, note }) => (note === undefined ? name : `${name}: ${note}`)),
    leaves_no_trace: "git clean, git checkout -- PATH, git restore, rm and editors, typed by hand",
    budget_ms: budgetMs,
    took_ms: tookMs,
  };
}

/** Everything that was found, in one count. */
export function countOf({ git, scripts, agents, drifts, orders, ledger, guardrail }: Evidence): number {
  return [git, scripts, agents, drifts, orders, ledger, guardrail].reduce((sum, clues) => sum + clues.length, 0);
}

/** True when no source that could be there was left out, in whole or in part. */
export function isWhole({ sources }: Evidence): boolean {
  return sources.every(({ state }) => state !== "unread") && sources.some(({ state }) => state === "read");
}

function linesOf(clues: readonly Clue[]): readonly string[] {
  const lines = clues.slice(0, CLUES_MAX).map(({ ts, text }) => (ts === "" ? text : `${ts} ${text}`));
  return clues.length > CLUES_MAX ? [...lines, `${clues.length - CLUES_MAX} more, left out here`] : lines;
}

function likelyCause(evidence: Evidence): string {
  const { sources, suspects, drifts } = evidence;
  const [first] = suspects;
  if (first !== undefined) return `${first.who} (${first.ts}): ${first.why} (${SURE[first.weight]})`;
  const unread = sources.filter(({ state }) => state === "unread").length;
  const rest = unread === 0 ? "" : `; ${unread} ${unread === 1 ? "source was" : "sources were"} not looked at`;
  if (!sources.some(({ state }) => state === "read")) return "unknown: nothing was looked at";
  if (drifts.length > 0) return `unknown: nobody was seen at work when it happened${rest}`;
  if (countOf(evidence) > 0) return `unknown: nothing that was looked at took anything away${rest}`;
  return unread === 0 ? "none: nothing was found" : `unknown: nothing was found in what was looked at${rest}`;
}

/** What to type, the most urgent first. */
function commandsOf(evidence: Evidence, { base, word, span, budgetMs, missing }: Circumstances): readonly string[] {
  const { git, scripts, agents, ledger, guardrail, sources, suspects } = evidence;
  const wo = `wo -C ${typedWord(base)}`;
  const at = `git -C ${typedWord(base)}`;
  const named = new Set(suspects.map(({ who }) => who));
  const guilty = git.filter(({ suspect }) => suspect !== undefined && named.has(suspect.who));
  const restored = new Set(guilty.flatMap(({ took }) => (took === undefined ? [] : took.gone)));
  const orders = suspects.flatMap(({ who, weight }) => {
    const id = /^order (\S+)$/.exec(who)?.[1];
    // What a command did is not known to the ledger, and cannot be undone by it.
    return id === undefined ? [] : [`${wo} ${weight === 3 ? "undo" : "show"} ${typedWord(id)}`];
  });
  const inBase = [...scripts.filter(({ suspect }) => suspect && named.has(suspect.who)), ...ledger, ...guardrail];
  const commands = [
    ...guilty.slice(0, 3).flatMap(({ took }) => (took === undefined ? [] : restoring(at, took))),
    ...missing
      .filter((path) => !restored.has(path))
      .map((path) => `${wo} undo --path ${typedWord(join(base, path))} --apply`),
    ...orders,
    ...guilty.flatMap(({ next }) => (next === undefined ? [] : [`${at} ${next}`])),
    ...inBase.flatMap(({ next }) => (next === undefined ? [] : [next.replace(/^wo /, `${wo} `)])),
    ...agents.flatMap(({ next }) => next ?? []),
  ];
  const again = sources.some(({ note }) => note?.includes("budget") === true)
    ? [
        `${wo} forensics --since ${isoTime(span.fromMs)} --until ${isoTime(span.toMs)} --scope ${typedWord(word)} --budget ${moreThan(budgetMs)}`,
      ]
    : [];
  const all = [...new Set([...again, ...commands])].slice(0, COMMANDS_MAX);
  if (all.length > 0) return all;
  return [countOf(evidence) === 0 && isWhole(evidence) ? "nothing to do" : `${wo} doctor`];
}

/** Brings back what is not there, and touches nothing that is. */
function restoring(git: string, { from, to, gone, isAll }: NonNullable<Clue["took"]>): readonly string[] {
  const [before, after] = [from.slice(0, 12), to.slice(0, 12)];
  if (gone.length === 0) return [];
  if (gone.length <= NAMES_MAX) return [`${git} restore --source=${before} -- ${gone.map(typedWord).join(" ")}`];
  const deleted = `${git} diff --relative --no-renames --name-only -z --diff-filter=D ${before} ${after}`;
  // Git forgets what no branch has.
  const kept = `${git} branch before-${after} ${before}`;
  if (!isAll) return [kept, deleted.replace(" -z", "")];
  return [kept, `${deleted} | ${git} restore --source=${before} --pathspec-from-file=- --pathspec-file-nul`];
}

function moreThan(budgetMs: number): string {
  return `${Math.max(60, Math.ceil(budgetMs / 1000) * 5)}s`;
}

/** A line of mls/ledger: a pattern that was seen. */
export interface Lesson {
  readonly ts: string;
  readonly type: "pattern";
  readonly title: string;
  readonly summary: string;
  readonly source: {
    readonly producer: string;
    readonly context: "local";
    readonly artifact: string;
    readonly artifact_path: string;
  };
  readonly links: { readonly followup_id: string | null; readonly wo_id: string | null };
  readonly tags: readonly string[];
  readonly author: string;
  readonly confidence: number;
}

/** Who may write lessons; whoever else asks is told as the author. */
const PRODUCERS = new Set(["cls", "codex", "clc", "gemini"]);
const SUMMARY_MAX = 1000;
/** Where the ledger of lessons is at home: its days and times are those of UTC+7, the whole year. */
const LESSON_ZONE = { offsetMs: 7 * 3_600_000, text: "+0700" } as const;

/** What the ledger of lessons keeps of the report, and the name of its file. */
export function lessonOf(
  report: ForensicReport,
  { artifact, actor, nowMs }: { readonly artifact: string; readonly actor: string; readonly nowMs: number },
  [first]: readonly DatedSuspect[],
): { readonly lesson: Lesson; readonly fileName: string } {
  const local = isoTime(nowMs + LESSON_ZONE.offsetMs).slice(0, 19);
  const { findings, scope, since, until } = report;
  const counts = Object.entries(findings).flatMap(([name, lines]) =>
    Array.isArray(lines) && lines.length > 0 ? [`${lines.length} ${name.replaceAll("_", " ")}`] : [],
  );
  const span = spanText(Date.parse(until) - Date.parse(since));
  const summary = `${findings.likely_cause}. In ${span} from ${since}: ${counts.join(", ")}. Next: ${report.recommendation.split("\n")[0]}`;
  const producer = PRODUCERS.has(actor.toLowerCase()) ? actor.toLowerCase() : "clc";
  const lesson: Lesson = {
    ts: `${local}${LESSON_ZONE.text}`,
    type: "pattern",
    title: `Forensics of ${scope}: ${first === undefined ? "cause unknown" : first.who}`,
    summary: summary.slice(0, SUMMARY_MAX),
    source: { producer, context: "local", artifact: artifact.split("/").at(-1) ?? artifact, artifact_path: artifact },
    links: { followup_id: null, wo_id: /^order (\S+)$/.exec(first?.who ?? "")?.[1] ?? null },
    tags: ["forensics", scope, "wo-bridge"],
    author: actor,
    confidence: first === undefined ? NO_CONFIDENCE : CONFIDENCE[first.weight],
  };
  return { lesson, fileName: `${local.slice(0, 10)}.jsonl` };
}
