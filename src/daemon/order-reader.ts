/** Reads orders without ever holding up the process: what might take long goes to a thread with limits. */
import type { ReadOrder } from "../bridge/intake.ts";
import { LIMITS } from "../orders/limits.ts";
import type { Order } from "../orders/order.ts";
import type { Problem } from "../orders/problems.ts";
import { isCostly, readOrder } from "../orders/read-order.ts";
import { placed, type Refusal, unplaced } from "../orders/refusals.ts";
import { secretsInFile } from "../orders/secrets.ts";
import type { Clock } from "../platform/clock.ts";
import { err, isRecord, ok, type Result } from "../platform/result.ts";
import { loadSecretRules, type SecretRange, type SecretRules } from "../platform/secrets.ts";
import { Thread } from "../platform/thread.ts";

const THREAD_MS = 8000;
/** Larger ones are looked through for secrets in the thread: this much that was made to be slow takes 20 to 25 ms. */
const SCAN_BYTES = 64 * 1024;

/** The secrets in an order's file, where they stand in its text; a problem when that cannot be found out. */
export type FindSecrets = (bytes: Buffer) => Promise<Result<readonly SecretRange[], Problem>>;

/** Refusals of an order as problems, with their lines where its file can be opened once more. */
export type PlaceRefusals = (refusals: readonly Refusal[], bytes: Buffer, stem: string) => Promise<readonly Problem[]>;

export interface OrderReader {
  readonly read: ReadOrder;
  readonly findSecrets: FindSecrets;
  readonly place: PlaceRefusals;
  /** Loaded once, for all that looks for secrets. */
  readonly secretRules: Promise<SecretRules>;
  close(): Promise<void>;
}

/**
 * A reader with a thread of its own, started when it is first needed. `program` is the built read-thread.js. The rules
 * for secrets are loaded at once, so that the first order does not wait for them.
 */
export function openOrderReader(clock: Clock, program: URL): OrderReader {
  const thread = new Thread(clock, program, THREAD_MS);
  const secretRules = loadSecretRules();
  return {
    read: async (bytes, stem) => {
      if (!isCostly(bytes)) return readOrder(bytes, stem);
      const answer = await thread.ask({ bytes: new Uint8Array(bytes), stem });
      return isReading(answer) ? answer : err([tooSlow(bytes)]);
    },
    findSecrets: async (bytes) => {
      if (bytes.length <= SCAN_BYTES) return ok(secretsInFile(bytes, await secretRules));
      const answer = await thread.ask({ bytes: new Uint8Array(bytes), find: "secrets" });
      return isRanges(answer) ? ok(answer) : err(tooSlow(bytes));
    },
    place: async (refusals, bytes, stem) => {
      // Nobody is told the lines of more: the others need not go there and back.
      const first = refusals.slice(0, LIMITS.problems);
      if (first.every(({ at }) => at === undefined)) return unplaced(refusals);
      if (!isCostly(bytes)) return placed(refusals, bytes, stem);
      const answer = await thread.ask({ bytes: new Uint8Array(bytes), stem, place: first });
      return [...(isProblems(answer) ? answer : unplaced(first)), ...unplaced(refusals.slice(first.length))];
    },
    secretRules,
    close: () => thread.close(),
  };
}

function tooSlow(bytes: Uint8Array): Problem {
  const message = `reading its ${bytes.length} bytes took more than ${THREAD_MS / 1000} s or too much memory`;
  return { code: "too_slow", message, hint: `write large orders as JSON; ${LIMITS.sizeBytes} bytes at most` };
}

/** The thread runs the same code as this process: what it answers has the shape that readOrder returns. */
function isReading(value: unknown): value is Result<Order, readonly Problem[]> {
  return isRecord(value) && typeof value["ok"] === "boolean" && ("value" in value || "error" in value);
}

function isRanges(value: unknown): value is readonly SecretRange[] {
  return Array.isArray(value);
}

function isProblems(value: unknown): value is readonly Problem[] {
  return Array.isArray(value) && value.every((one) => isRecord(one) && "code" in one);
}
