/** The program of the reading thread: costly orders are parsed here, so that the daemon never stands still. */
import { readOrder } from "../orders/read-order.ts";
import { isRecord } from "../platform/result.ts";
import { answerInThread } from "../platform/thread.ts";

answerInThread((input) => {
  if (!isRecord(input) || !(input["bytes"] instanceof Uint8Array) || typeof input["stem"] !== "string")
    return undefined;
  return readOrder(input["bytes"], input["stem"]);
});
