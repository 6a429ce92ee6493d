/** `wo guardrail check|list|accept|release`, `wo snapshot`: what is guarded, whether it is as it has to be, and what is kept. */
import { ALERTS } from "../daemon/alerts.ts";
import { type ComponentAnswer, keptFolderOf, type SnapshotAnswer } from "../daemon/component-desk.ts";
import { type GuardrailReport, lookAtComponents } from "../daemon/guarded.ts";
import { examineBooks } from "../daemon/opening.ts";
import { EXIT } from "../platform/errors.ts";
import { unsavedFiles } from "../platform/git.ts";
import { isRecord, ok, type Result } from "../platform/result.ts";
import { placeOf } from "../records/component-place.ts";
import { NO_COMPONENTS } from "../records/components.ts";
import { baseInEffect } from "./config-of-base.ts";
import { answer, type Context, complain } from "./context.ts";
import { askDaemon, boundBase } from "./daemon-client.ts";
import { offline } from "./decide.ts";
import { typedPath } from "./typed-path.ts";
import { componentsText, decidedText, findingsText, snapshotText } from "./views/guardrail-view.ts";

/** Looks at everything now, changing nothing, with or without a daemon; 1 when anything is not as it has to be. */
export async function checkComponents(context: Context): Promise<number> {
  const report = await look(context);
  answer(context, "guardrail", report, () => findingsText(context.terminal, report));
  return report.findings.length === 0 ? EXIT.yes : EXIT.no;
}

/** Everything that is guarded, and how each is. */
export async function listComponents(context: Context): Promise<number> {
  const report = await look(context);
  answer(context, "guardrail", report, () => componentsText(context.terminal, report));
  return EXIT.yes;
}

async function look(context: Context): Promise<GuardrailReport> {
  const { files, clock, machine } = context;
  const bound = boundBase(context);
  return lookAtComponents(files, clock, bound, examineBooks(files, machine, bound).index.facts);
}

/** These, or all that the configuration names, are as they have to be. */
export function acceptComponents(context: Context, paths: readonly string[], why: string): Promise<number> {
  return decide(context, "accept", paths, why);
}

/** These need not be there any more. */
export function releaseComponents(context: Context, paths: readonly string[], why: string): Promise<number> {
  return decide(context, "release", paths, why);
}

async function decide(
  context: Context,
  verb: "accept" | "release",
  typed: readonly string[],
  why: string,
): Promise<number> {
  const done = await decideComponents(context, verb, typed.length === 0 ? "all" : typed, why);
  answer(context, verb, done, () => decidedText(context.terminal, verb, done));
  return done.refused.length === 0 ? EXIT.yes : EXIT.usage;
}

/** Has it recorded, by the daemon or in its place; says nothing. "all" can be accepted: see ComponentDesk. */
export async function decideComponents(
  context: Context,
  verb: "accept" | "release",
  typed: readonly string[] | "all",
  why: string,
): Promise<ComponentAnswer> {
  if (typed.length === 0) return { accepted: [], released: [], unchanged: 0, refused: [] };
  // The daemon takes no path at all for all.
  const paths = typed === "all" ? [] : pathsIn(context, typed);
  const by = context.actor;
  const told = await askDaemon(context, { call: `${verb}_components`, paths, by, why });
  return isAnswer(told) ? told : offline(context, ({ components }) => components[verb](paths, by, why));
}

/** Keeps files as they are now, for `wo undo --path`; without any, all that is guarded and all that git could not bring back. */
export async function takeSnapshot(context: Context, typed: readonly string[], why: string): Promise<number> {
  const usual = typed.length > 0 ? ok([]) : await unsaved(context);
  if (!usual.ok) {
    const hint = "name the files: wo snapshot PATH…";
    complain(context, { code: "cannot_tell", message: `git cannot say what it does not have: ${usual.error}`, hint });
    return EXIT.no;
  }
  const paths = typed.length > 0 ? pathsIn(context, typed) : [...usual.value];
  const by = context.actor;
  const nothing: SnapshotAnswer = { kept: [], refused: [] };
  const told = paths.length === 0 ? nothing : await askDaemon(context, { call: "snapshot", paths, by, why });
  const done = isSnapshot(told)
    ? told
    : await offline(context, ({ components }) => components.snapshot(paths, by, why));
  answer(context, "snapshot", done, () => snapshotText(context.terminal, done));
  return done.refused.length === 0 ? EXIT.yes : EXIT.no;
}

/** What is guarded and is there, and what git does not have; not what the daemon keeps by itself. */
async function unsaved(context: Context): Promise<Result<readonly string[], string>> {
  const here = baseInEffect(context);
  if (!here.ok) throw here.error;
  const { base, config, facts } = here.value;
  const found = await unsavedFiles(context.files, base.path);
  if (!found.ok) return found;
  const views = new Set([...config.projections.followup, ALERTS]);
  const { guarded } = facts.components ?? NO_COMPONENTS;
  const guardedFiles = Object.entries(guarded).flatMap(([path, { kind }]) => (kind === "file" ? [path] : []));
  const all = [...new Set([...guardedFiles, ...(found.value ?? [])])].toSorted();
  const isThere = (path: string) => context.files.info(placeOf(base, path)) !== undefined;
  return ok(all.filter((path) => keptFolderOf(path) === undefined && !views.has(path) && isThere(path)));
}

function isSnapshot(value: unknown): value is SnapshotAnswer {
  return isRecord(value) && Array.isArray(value["kept"]) && Array.isArray(value["refused"]);
}

/** What can be no component is refused by whoever reads it. */
function pathsIn(context: Context, typed: readonly string[]): string[] {
  const base = boundBase(context);
  return typed.map((path) => typedPath(context, base, path) ?? path);
}

function isAnswer(value: unknown): value is ComponentAnswer {
  return isRecord(value) && Array.isArray(value["accepted"]) && Array.isArray(value["refused"]);
}
