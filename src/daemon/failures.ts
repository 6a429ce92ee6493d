/** How an order fails when the world, or a bug of ours, gets in the way of an attempt. */
import type { Failure } from "../orders/status.ts";
import { BridgeError, type ErrorCode, errnoOf, messageOf } from "../platform/errors.ts";
import type { Log } from "../platform/log.ts";
import type { Event } from "../records/events.ts";
import type { Job } from "./lanes.ts";

/** Of an order whose command was lost sight of. */
export function interruptedEnd(job: Job, attempt: number): Event {
  return {
    event: "wo_failed",
    wo_id: job.id,
    lane: job.lane,
    attempt,
    class: "interrupted",
    code: "end_unknown",
    message: "its command was interrupted, and how it ended cannot be known; none of its processes is left",
    hint: `look at what it did, then \`wo retry ${job.id}\`; \`on_interrupt: retry\` in the order does so by itself`,
  };
}

/** True for a file or folder that somebody removed meanwhile. */
export function isVanished(thrown: unknown): boolean {
  return thrown instanceof BridgeError && errnoOf(thrown.cause) === "ENOENT";
}

/** Everything else that the world does may be gone at the next attempt. */
const CLASS_OF: ReadonlyMap<ErrorCode, Failure["class"]> = new Map([
  ["PATH_ESCAPED", "policy"],
  ["NO_FOLDER", "conflict"],
  ["NO_SANDBOX", "policy"],
]);

/** What something thrown during an attempt makes of its order. */
export function failureOf(thrown: unknown): Failure {
  if (thrown instanceof BridgeError) {
    const failureClass = CLASS_OF.get(thrown.code) ?? "transient_infra";
    return { class: failureClass, code: thrown.code.toLowerCase(), message: thrown.message, hint: thrown.hint };
  }
  return {
    class: "internal",
    code: "bug",
    message: `an error of ours: ${messageOf(thrown)}`,
    hint: "see daemon.log in the vault",
  };
}

/**
 * Does what must not end the daemon: what the disk refuses goes to the log under `event`, and is done at the next
 * chance. A sync that failed is thrown on: nothing is certain after it.
 */
export async function tryAndLog(log: Log, event: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (thrown) {
    if (!(thrown instanceof BridgeError) || thrown.code === "SYNC_FAILED") throw thrown;
    log.warn(event, { code: thrown.code, message: thrown.message });
  }
}

/** For the log. */
export function stackOf(thrown: unknown): string {
  return thrown instanceof Error ? (thrown.stack ?? "") : "";
}
