/** `wo forensics`: what happened to the base in a stretch of time; keeps a report, and the lesson that is drawn from it. */
import { dirname, join } from "node:path";
import type { BoundBase } from "../daemon/base.ts";
import { examineBooks } from "../daemon/opening.ts";
import { configInEffect, configPath } from "../daemon/settings.ts";
import { hidden } from "../orders/secrets.ts";
import { AppendFile } from "../platform/append-file.ts";
import { isoTime } from "../platform/clock.ts";
import { BridgeError, EXIT } from "../platform/errors.ts";
import { randomName } from "../platform/ids.ts";
import { Launchctl } from "../platform/launchctl.ts";
import { err, isRecord, ok, parseJson, type Result } from "../platform/result.ts";
import { loadSecretRules } from "../platform/secrets.ts";
import { placeOf } from "../records/component-place.ts";
import { NO_COMPONENTS } from "../records/components.ts";
import { Vault } from "../records/vault.ts";
import { Budget } from "../upkeep/history/clues.ts";
import { countOf, type ForensicReport, isWhole, lessonOf, reportOf } from "../upkeep/history/forensic-report.ts";
import { readNotes } from "../upkeep/history/git-hooks.ts";
import { type Evidence, inquire, WHOLE_PIPELINE } from "../upkeep/history/inquiry.ts";
import { answer, type Context } from "./context.ts";
import { boundBase } from "./daemon-client.ts";
import { sinceTime } from "./log.ts";
import { forensicsText } from "./views/forensics-view.ts";

const DAY_MS = 86_400_000;
const SCOPE_MAX = 64;
const REPORTS = "g/reports";
/** Of one whose writer has died; no other takes so long. */
const UNFINISHED = /^\.forensic-.*\.tmp$/;
const LEFT_MS = 3_600_000;
const LESSONS = "mls/ledger";
const LESSONS_BYTES_MAX = 16 * 1024 * 1024;

export interface ForensicsOptions {
  /** A duration such as 24h, or an ISO time. */
  readonly since?: string;
  readonly until?: string;
  readonly scope?: string;
  readonly budget: number;
  readonly dryRun?: boolean;
}

/** What was written beside the answer. */
export interface Kept {
  /** Below the base; undefined where `why` says why there is none. */
  readonly report: string | undefined;
  readonly why?: string;
  readonly lesson: {
    readonly path?: string;
    readonly state: "written" | "known" | "none" | "refused";
    readonly why: string;
  };
}

/** 0 when all was looked at and nothing was found; 1 when something was, or could not be looked at, or kept. */
export async function forensics(context: Context, options: ForensicsOptions): Promise<number> {
  const { clock, files } = context;
  const bound = boundBase(context);
  const [nowMs, startMs] = [clock.now(), clock.elapsed()];
  const span = spanOf(context, options, nowMs);
  const word = options.scope ?? WHOLE_PIPELINE;
  if (word.trim() === "" || word.length > SCOPE_MAX)
    throw new BridgeError("USAGE", `--scope takes a word of ${SCOPE_MAX} letters at most that paths have in them`);
  const { guarded, ...known } = knownOf(context, bound);
  const evidence = await inquire({
    ...known,
    files,
    base: bound.path,
    home: bound.home,
    launchctl: Launchctl.find(files, context.machine),
    span,
    word,
    nowMs,
    guarded,
    budget: new Budget(clock, options.budget),
    notes: readNotes(files, bound.vault) ?? [],
    ledgerFolder: new Vault(files, bound.vault).ledger,
  });
  const missing = [...guarded.keys()].filter((path) => files.info(placeOf(bound, path)) === undefined);
  const tookMs = Math.round(clock.elapsed() - startMs);
  const found = reportOf(evidence, { base: bound.path, word, span, nowMs, budgetMs: options.budget, tookMs, missing });
  const report = await withoutSecrets(found);
  const kept = await keep(context, bound.path, { report, evidence, nowMs }, options.dryRun === true);
  answer(context, "forensics", { ...report, kept }, () =>
    forensicsText(context.terminal, report, { kept, count: countOf(evidence), isWhole: isWhole(evidence) }),
  );
  const isKept = kept.report !== undefined || options.dryRun === true;
  return countOf(evidence) === 0 && isWhole(evidence) && isKept ? EXIT.yes : EXIT.no;
}

function spanOf({ clock }: Context, { since, until }: ForensicsOptions, nowMs: number) {
  // One now for both ends.
  const at = { clock: { ...clock, now: () => nowMs } };
  const toMs = until === undefined ? nowMs : Date.parse(sinceTime(at, until, "--until"));
  const fromMs = since === undefined ? toMs - DAY_MS : Date.parse(sinceTime(at, since));
  if (fromMs < toMs) return { fromMs, toMs };
  throw new BridgeError("USAGE", `--since ${isoTime(fromMs)} is not before --until ${isoTime(toMs)}`);
}

/** What the base itself knows, as far as it can be read. */
function knownOf(context: Context, bound: BoundBase) {
  const { index, refusal } = examineBooks(context.files, context.machine, bound);
  const { guarded } = index.facts.components ?? NO_COMPONENTS;
  const vault = new Vault(context.files, bound.vault);
  const { config } = configInEffect(context.files, vault, index.facts, configPath(bound.path));
  return {
    guarded: new Map(Object.entries(guarded).map(([path, { since }]) => [path, since])),
    isKnown: index.head.seq > 0,
    refusal: refusal?.error.message,
    everyMs: config.guardrail.everyMs,
  };
}

/** Subjects of commits and lines of logs are anybody's words. */
async function withoutSecrets(report: ForensicReport): Promise<ForensicReport> {
  const rules = await loadSecretRules();
  const hide = (text: string) => hidden(text, rules);
  const { findings, suspects } = report;
  return {
    ...report,
    findings: {
      git_events: findings.git_events.map(hide),
      rollback_scripts: findings.rollback_scripts.map(hide),
      launchagent_failures: findings.launchagent_failures.map(hide),
      likely_cause: hide(findings.likely_cause),
      drifts: findings.drifts.map(hide),
      orders: findings.orders.map(hide),
      ledger_gaps: findings.ledger_gaps.map(hide),
      guardrail_gaps: findings.guardrail_gaps.map(hide),
    },
    recommendation: hide(report.recommendation),
    suspects: suspects.map((one) => ({ ...one, who: hide(one.who), why: hide(one.why) })),
  };
}

interface Finished {
  readonly report: ForensicReport;
  readonly evidence: Evidence;
  readonly nowMs: number;
}

async function keep(context: Context, base: string, finished: Finished, isDry: boolean): Promise<Kept> {
  const nothing = (why: string): Kept["lesson"] => ({ state: "none", why });
  if (isDry) return { report: undefined, why: "a dry run", lesson: nothing("a dry run") };
  const report = await orRefused(() => keepReport(context, base, finished));
  if (!report.ok) return { report: undefined, why: report.error, lesson: nothing("there is no report to point to") };
  const path = report.value;
  if (countOf(finished.evidence) === 0) return { report: path, lesson: nothing("there is nothing to learn") };
  const lesson = await orRefused(() => keepLesson(context, base, finished, path));
  return { report: path, lesson: lesson.ok ? lesson.value : { state: "refused", why: lesson.error } };
}

/** What was found is told, also where nothing of it can be written: the disk's refusal is told beside it. */
async function orRefused<T>(write: () => Promise<T>): Promise<Result<T, string>> {
  try {
    return ok(await write());
  } catch (thrown) {
    if (!(thrown instanceof BridgeError)) throw thrown;
    return err(thrown.message);
  }
}

/** Whole under its name from the first moment on, and never in the place of another one. */
async function keepReport({ files }: Context, base: string, { report, nowMs }: Finished): Promise<string> {
  files.makeFolders(join(base, REPORTS), 0o755);
  // People keep reports elsewhere, behind a link.
  const folder = files.realPath(join(base, REPORTS)) ?? join(base, REPORTS);
  const day = isoTime(nowMs).slice(0, 10).replaceAll("-", "");
  for (const { name } of files.list(folder) ?? []) {
    const left = join(folder, name);
    if (UNFINISHED.test(name) && (files.info(left)?.modifiedMs ?? nowMs) < nowMs - LEFT_MS) files.remove(left);
  }
  const unfinished = join(folder, `.forensic-${randomName()}.tmp`);
  await files.publish(unfinished, `${JSON.stringify(report, undefined, 2)}\n`);
  const name = `forensic_${report.scope.replaceAll(/[^\w.-]+/g, "-")}_${day}.json`;
  const kept = await files.moveNew(unfinished, folder, name);
  await files.syncFolder(folder);
  return join(REPORTS, kept ?? name);
}

/** One line, in one write; none where the day has this lesson already. */
async function keepLesson(
  { files, actor }: Context,
  base: string,
  { report, evidence, nowMs }: Finished,
  artifact: string,
): Promise<Kept["lesson"]> {
  const { lesson, fileName } = lessonOf(report, { artifact, actor, nowMs }, evidence.suspects);
  const path = join(LESSONS, fileName);
  const place = join(base, path);
  files.makeFolders(dirname(place), 0o755);
  const cause = `${report.findings.likely_cause}. In `;
  const known = files.read(files.realPath(place) ?? place, LESSONS_BYTES_MAX)?.toString("utf8") ?? "";
  const isKnown = known.split("\n").some((line) => {
    const value = line.includes(JSON.stringify(lesson.title)) ? parseJson(line) : undefined;
    return isRecord(value) && value["title"] === lesson.title && String(value["summary"]).startsWith(cause);
  });
  if (isKnown) return { path, state: "known", why: "the same lesson is there already" };
  const file = AppendFile.open(files, files.realPath(place) ?? place, 0o644, true);
  try {
    // Whoever wrote the last line may not have ended it.
    const start = known === "" || known.endsWith("\n") ? "" : "\n";
    await file.append(Buffer.from(`${start}${JSON.stringify(lesson)}\n`));
    await file.sync();
  } finally {
    file.close();
  }
  return { path, state: "written", why: "" };
}
