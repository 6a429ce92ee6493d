/** `wo approve|cancel|retry ID…`, `wo config accept`, `wo rebuild`: what changes something, with a daemon or without. */
import { Desk, type DeskResult } from "../daemon/desk.ts";
import { type OfflineDesk, withOfflineBase } from "../daemon/offline.ts";
import type { Problem } from "../orders/problems.ts";
import { EXIT } from "../platform/errors.ts";
import { isRecord } from "../platform/result.ts";
import { answer, type Context } from "./context.ts";
import { askDaemon, boundBase } from "./daemon-client.ts";
import { groundOf, newRunner } from "./ground.ts";
import { problemsText } from "./views/problems-view.ts";

export type Decision =
  | { readonly call: "approve"; readonly ids: readonly string[]; readonly lane?: string }
  | { readonly call: "retry"; readonly ids: readonly string[] }
  | { readonly call: "cancel"; readonly ids: readonly string[]; readonly reason: string };

/** Decides about orders; the exit code of the first that was refused. */
export async function decide(context: Context, decision: Decision): Promise<number> {
  const ids = [...decision.ids];
  const by = context.actor;
  const told = await askDaemon(context, { ...decision, ids, by });
  const results = isResults(told)
    ? told
    : await offline(context, ({ books, parts, settings }) =>
        decideOn(new Desk({ books, ...parts, settings, isDaemon: false }), decision, by),
      );
  const isOffline = !isResults(told);
  answer(context, decision.call, results, () =>
    results.map((result) => resultText(context, result, isOffline)).join("\n"),
  );
  return results.find(({ ok }) => !ok)?.exit ?? EXIT.yes;
}

function decideOn(desk: Desk, decision: Decision, by: string): Promise<readonly DeskResult[]> {
  if (decision.call === "cancel") return desk.cancel(decision.ids, by, decision.reason);
  return decision.call === "approve" ? desk.approve(decision.ids, by, decision.lane) : desk.retry(decision.ids, by);
}

function resultText({ terminal }: Context, { id, ok, message, next }: DeskResult, isOffline: boolean): string {
  const mark = ok ? terminal.paint("green", "✓") : terminal.paint("red", "✗");
  const later = ok && isOffline ? "; no daemon runs, so it goes on when one does" : "";
  return `${mark} ${id}: ${message}${later}${next === undefined ? "" : `\nnext: ${isOffline && ok ? "wo daemon start" : next}`}`;
}

/** Accepts the tree's configuration. */
export async function acceptConfig(context: Context): Promise<number> {
  const told = await askDaemon(context, { call: "accept_config", by: context.actor });
  const result = isAcceptance(told)
    ? told
    : await offline(context, async ({ settings }) => {
        const accepted = await settings.accept(context.actor);
        return accepted.ok ? { ...accepted.value, problems: [] } : { changed: false, problems: accepted.error };
      });
  answer(context, "config", result, () => {
    if (result.problems.length > 0) return problemsText(context.terminal, "wo-bridge.yaml", result.problems);
    return result.changed
      ? `${context.terminal.paint("green", "✓")} the configuration is accepted and in effect`
      : "the configuration was accepted already";
  });
  return result.problems.length > 0 ? EXIT.usage : EXIT.yes;
}

/** Writes every view again. */
export async function rebuildViews(context: Context): Promise<number> {
  const told = await askDaemon(context, { call: "rebuild" });
  const counts = told ?? (await offline(context, ({ parts }) => parts.views.rebuild()));
  const words = isRecord(counts) ? `${Number(counts["states"])} state files, ${Number(counts["results"])} results` : "";
  answer(
    context,
    "rebuild",
    counts,
    () => `${context.terminal.paint("green", "✓")} every view is written again: ${words}, telemetry, dashboard list`,
  );
  return EXIT.yes;
}

/** Does the work under the base's locks, because no daemon answered. */
export function offline<T>(context: Context, work: (desk: OfflineDesk) => Promise<T>): Promise<T> {
  const ground = groundOf(context);
  const wish = { path: boundBase(context).path, vault: context.machine.env["WO_VAULT"], init: false, newId: false };
  return withOfflineBase(ground, wish, newRunner(ground), work);
}

function isResults(value: unknown): value is readonly DeskResult[] {
  return (
    Array.isArray(value) &&
    value.every((one) => isRecord(one) && typeof one["id"] === "string" && typeof one["ok"] === "boolean")
  );
}

function isAcceptance(value: unknown): value is { readonly changed: boolean; readonly problems: readonly Problem[] } {
  return isRecord(value) && typeof value["changed"] === "boolean" && Array.isArray(value["problems"]);
}
