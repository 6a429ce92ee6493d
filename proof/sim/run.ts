/** Histories one after the other, and what a living process left uncaught in any of them. */
import { BridgeError } from "../../src/platform/errors.ts";
import { type HistoryEnd, runHistory, type Span } from "./history.ts";
import { Dead } from "./life.ts";

/** The histories of `count` seeds, from `first` on. */
export async function* histories(
  first: number,
  count: number,
  span?: Span,
): AsyncGenerator<HistoryEnd & { readonly seed: number }> {
  const uncaught: string[] = [];
  // What a dead process was in the middle of has nobody to catch it; of a living one it would be the end.
  const listen = (error: unknown) => {
    if (!isDeath(error)) uncaught.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
  };
  process.on("unhandledRejection", listen);
  try {
    for (let seed = first; seed < first + count; seed += 1) {
      const end = await runHistory(seed, span);
      const bugs = uncaught.splice(0).map((message) => ({ rule: "nothing is uncaught", message }));
      yield { seed, ...end, violations: [...bugs, ...end.violations] };
    }
  } finally {
    process.off("unhandledRejection", listen);
  }
}

/** A disk that lies is the death of the process, too: it has ended by the time that anybody hears of it. */
function isDeath(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause)
    if (at instanceof Dead || (at instanceof BridgeError && at.code === "SYNC_FAILED")) return true;
  return false;
}
