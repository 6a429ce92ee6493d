/** `wo show ID`. */
import { EXIT } from "../platform/errors.ts";
import { readBooks } from "../records/books.ts";
import { isOrderRecord, type OrderRecord } from "../records/order-record.ts";
import { Vault } from "../records/vault.ts";
import { answer, type Context, complain } from "./context.ts";
import { askDaemon, boundBase, ControlRefusal } from "./daemon-client.ts";
import { orderText } from "./views/order-view.ts";

/** Shows one order; 2 when nobody knows it. */
export async function showOrder(context: Context, id: string): Promise<number> {
  const record = await findOrder(context, id);
  if (record === undefined) {
    complain(context, { code: "unknown_order", message: `no order has the id ${id}`, hint: "wo status" });
    return EXIT.usage;
  }
  answer(context, "order", record, () => orderText(context.terminal, record, context.clock.now()));
  return EXIT.yes;
}

/** As a running daemon knows it, or as the books on disk have it. */
export async function findOrder(context: Context, id: string): Promise<OrderRecord | undefined> {
  try {
    const data = await askDaemon(context, { call: "show", id });
    if (isOrderRecord(data)) return data;
  } catch (thrown) {
    if (thrown instanceof ControlRefusal && thrown.error.code === "unknown_order") return undefined;
    throw thrown;
  }
  const read = readBooks(context.files, new Vault(context.files, boundBase(context).vault));
  return (read.ok ? read.value.index : read.error.index).get(id);
}
