/** `wo wait ID`, and following an order for other verbs. */
import { isResting } from "../orders/status.ts";
import { BridgeError, EXIT } from "../platform/errors.ts";
import { onStopSignal } from "../platform/self.ts";
import { isOrderRecord, type OrderRecord } from "../records/order-record.ts";
import { answer, type Context } from "./context.ts";
import { askEach, dataOf } from "./daemon-client.ts";
import { findOrder } from "./show.ts";
import { orderText } from "./views/order-view.ts";

/** `timed out` and `interrupted` end the waiting, never the order. */
export type Followed =
  | { readonly kind: "rested"; readonly record: OrderRecord }
  | { readonly kind: "timed out"; readonly record: OrderRecord | undefined }
  | { readonly kind: "interrupted" };

/** Follows an order to its rest, telling `onChange` of each status on the way. Throws DAEMON_SILENT. */
export async function followOrder(
  context: Context,
  id: string,
  options: { readonly timeoutMs: number | undefined; readonly onChange: (record: OrderRecord) => void },
): Promise<Followed> {
  const hangUp = new AbortController();
  const seen: { record?: OrderRecord; interrupted: boolean } = { interrupted: false };
  const off = onStopSignal(() => {
    seen.interrupted = true;
    hangUp.abort();
  });
  if (options.timeoutMs !== undefined)
    void context.clock.sleep(options.timeoutMs, hangUp.signal).then(() => hangUp.abort());
  try {
    await askEach(
      context,
      { call: "wait", id },
      (one) => {
        const data = dataOf(one);
        if (!isOrderRecord(data)) return;
        if (seen.record?.status !== data.status) options.onChange(data);
        seen.record = data;
      },
      { signal: hangUp.signal },
    );
  } finally {
    off();
  }
  const timedOut = hangUp.signal.aborted;
  hangUp.abort();
  if (seen.record !== undefined && isResting(seen.record.status)) return { kind: "rested", record: seen.record };
  if (seen.interrupted) return { kind: "interrupted" };
  if (timedOut) return { kind: "timed out", record: seen.record };
  throw new BridgeError("DAEMON_SILENT", "the daemon hung up while it was waited for");
}

/** Waits; 0 done, 1 at rest otherwise, 7 when it took too long. */
export async function waitForOrder(context: Context, id: string, timeoutMs: number | undefined): Promise<number> {
  const { terminal } = context;
  const onChange = ({ status, waiting }: OrderRecord) => {
    if (status === "waiting" && waiting !== undefined)
      terminal.err(`${id} waits (${waiting.reason}): ${waiting.message}\n  wo approve ${id}`);
  };
  const followed = await followOrRead(context, id, { timeoutMs, onChange });
  if (followed.kind === "interrupted") return EXIT.interrupted;
  if (followed.kind === "timed out") {
    const status = followed.record?.status ?? "unknown";
    answer(context, "wait", { id, timedOut: true, status }, () =>
      followed.record === undefined
        ? `no order ${id} has come within ${timeoutMs} ms\nnext: wo status`
        : `${id} is ${status} after ${timeoutMs} ms; it goes on\nnext: wo wait ${id}`,
    );
    return EXIT.timedOut;
  }
  answer(context, "wait", followed.record, () => orderText(terminal, followed.record, context.clock.now()));
  return exitOf(followed.record);
}

/** Without a daemon nothing changes: an order at rest is all that can be told. */
async function followOrRead(
  context: Context,
  id: string,
  options: Parameters<typeof followOrder>[2],
): Promise<Followed> {
  try {
    return await followOrder(context, id, options);
  } catch (thrown) {
    if (!(thrown instanceof BridgeError) || thrown.code !== "DAEMON_SILENT") throw thrown;
    const record = await findOrder(context, id);
    if (record === undefined || !isResting(record.status)) throw thrown;
    return { kind: "rested", record };
  }
}

/** What a command ends with that was about this order. */
export function exitOf({ status }: OrderRecord): number {
  return status === "done" || status === "planned" ? EXIT.yes : EXIT.no;
}
