/** The program of the reading thread: costly orders are parsed and looked through here, so that the daemon never stands still. */
import { readOrder } from "../orders/read-order.ts";
import { placed, type Refusal } from "../orders/refusals.ts";
import { secretsInFile } from "../orders/secrets.ts";
import { isRecord } from "../platform/result.ts";
import { loadSecretRules } from "../platform/secrets.ts";
import { answerInThread } from "../platform/thread.ts";

answerInThread(async (input) => {
  if (!isRecord(input) || !(input["bytes"] instanceof Uint8Array)) return undefined;
  const { bytes, stem, find, place } = input;
  if (find === "secrets") return secretsInFile(bytes, await loadSecretRules());
  if (typeof stem !== "string") return undefined;
  return isRefusals(place) ? placed(place, bytes, stem) : readOrder(bytes, stem);
});

/** The daemon runs the same code: a list that it sends is one of refusals. */
function isRefusals(value: unknown): value is readonly Refusal[] {
  return Array.isArray(value);
}
