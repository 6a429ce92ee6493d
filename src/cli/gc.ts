/** `wo gc --vault`: what of the vault nothing needs any more; with `--apply` it goes. */
import { EXIT } from "../platform/errors.ts";
import { isRecord } from "../platform/result.ts";
import { type PruneReport, prune } from "../upkeep/prune.ts";
import { answer, type Context } from "./context.ts";
import { askDaemon } from "./daemon-client.ts";
import { offline } from "./decide.ts";
import { groundOf } from "./ground.ts";
import { pruneText } from "./views/prune-view.ts";

/** Shows it, or has it done: by the daemon where one runs, else under the base's locks. */
export async function pruneVault(context: Context, apply: boolean): Promise<number> {
  const by = apply ? context.actor : undefined;
  const told = await askDaemon(context, { call: "prune", ...(by === undefined ? {} : { by }) });
  const report = isReport(told)
    ? told
    : await offline(context, ({ books, settings }) => {
        const ground = groundOf(context);
        return prune({ ...ground, books, rules: settings.config.retention, isOver: () => false }, by);
      });
  answer(context, "gc", report, () => pruneText(context.terminal, report, context.clock.now()));
  return EXIT.yes;
}

function isReport(value: unknown): value is PruneReport {
  return isRecord(value) && isRecord(value["held"]) && isRecord(value["pruned"]) && Array.isArray(value["orders"]);
}
