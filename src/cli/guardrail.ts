/** `wo guardrail check|list|accept|release`, `wo snapshot`: what is guarded, whether it is as it has to be, and what is kept. */
import { relative, resolve } from "node:path";
import type { ComponentAnswer, SnapshotAnswer } from "../daemon/component-desk.ts";
import { type GuardrailReport, lookAtComponents } from "../daemon/guarded.ts";
import { examineBooks } from "../daemon/opening.ts";
import { EXIT } from "../platform/errors.ts";
import { isRecord } from "../platform/result.ts";
import { answer, type Context } from "./context.ts";
import { askDaemon, boundBase } from "./daemon-client.ts";
import { offline } from "./decide.ts";
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
  const paths = pathsIn(context, typed);
  const by = context.actor;
  const told = await askDaemon(context, { call: `${verb}_components`, paths, by, why });
  const done = isAnswer(told) ? told : await offline(context, ({ components }) => components[verb](paths, by, why));
  answer(context, verb, done, () => decidedText(context.terminal, verb, done));
  return done.refused.length === 0 ? EXIT.yes : EXIT.usage;
}

/** Keeps files as they are now, for `wo undo --path`. */
export async function takeSnapshot(context: Context, typed: readonly string[], why: string): Promise<number> {
  const paths = pathsIn(context, typed);
  const by = context.actor;
  const told = await askDaemon(context, { call: "snapshot", paths, by, why });
  const done = isSnapshot(told)
    ? told
    : await offline(context, ({ components }) => components.snapshot(paths, by, why));
  answer(context, "snapshot", done, () => snapshotText(context.terminal, done));
  return done.refused.length === 0 ? EXIT.yes : EXIT.usage;
}

function isSnapshot(value: unknown): value is SnapshotAnswer {
  return isRecord(value) && Array.isArray(value["kept"]) && Array.isArray(value["refused"]);
}

/** As a shell completes them, from where it is; what is not there is meant from the base. */
function pathsIn(context: Context, typed: readonly string[]): string[] {
  const base = boundBase(context).path;
  const here = typed.map((path) => relative(base, resolve(path)));
  return typed.map((path, index) => (here[index]?.startsWith("..") === false ? (here[index] ?? path) : path));
}

function isAnswer(value: unknown): value is ComponentAnswer {
  return isRecord(value) && Array.isArray(value["accepted"]) && Array.isArray(value["refused"]);
}
