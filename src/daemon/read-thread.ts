/** The program of the reading thread: costly orders are parsed and looked through here, so that the daemon never stands still. */
import { readOrder } from "../orders/read-order.ts";
import { secretsInFile } from "../orders/secrets.ts";
import { isRecord } from "../platform/result.ts";
import { loadSecretRules } from "../platform/secrets.ts";
import { answerInThread } from "../platform/thread.ts";

answerInThread(async (input) => {
  if (!isRecord(input) || !(input["bytes"] instanceof Uint8Array)) return undefined;
  if (input["find"] === "secrets") return secretsInFile(input["bytes"], await loadSecretRules());
  return typeof input["stem"] === "string" ? readOrder(input["bytes"], input["stem"]) : undefined;
});
