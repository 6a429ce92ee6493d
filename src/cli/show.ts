/** `wo show ID`. */
import { EXIT } from "../platform/errors.ts";
import { blobsOf, type Pruned, prunedAt } from "../records/blob-references.ts";
import { readBooks } from "../records/books.ts";
import { isOrderRecord, type OrderRecord } from "../records/order-record.ts";
import { Vault } from "../records/vault.ts";
import { answer, type Context, complain } from "./context.ts";
import { askDaemon, ControlRefusal, knownBase } from "./daemon-client.ts";
import { orderText } from "./views/order-view.ts";

/** Shows one order; 2 when nobody knows it. */
export async function showOrder(context: Context, id: string): Promise<number> {
  const record = await findOrder(context, id);
  if (record === undefined) {
    complain(context, { code: "unknown_order", message: `no order has the id ${id}`, hint: "wo status" });
    return EXIT.usage;
  }
  const contents = contentsOf(context, record);
  const shown = contents === undefined ? record : { ...record, contents };
  answer(context, "order", shown, () => orderText(context.terminal, record, context.clock.now(), contents));
  return EXIT.yes;
}

/** What of an order is not in the vault any more, and why; undefined where all is there. */
export interface MissingContents {
  /** What it was read from, without which it cannot be tried again. */
  readonly source: boolean;
  /** What files were before and after it, without which it cannot be undone. */
  readonly files: boolean;
  /** When it was pruned, and who asked for it; absent: it was not, and is lost. */
  readonly pruned?: Pruned;
}

function contentsOf(context: Context, record: OrderRecord): MissingContents | undefined {
  const { files } = context;
  const vault = new Vault(files, knownBase(context).vault);
  const { source, plan } = blobsOf(files, vault.ledger, record);
  const isGone = (hash: string) => !vault.has(hash);
  const gone = source.find(isGone) ?? plan.find(isGone);
  if (gone === undefined) return undefined;
  const pruned = prunedAt(files, vault.ledger, gone);
  const missing = { source: source.some(isGone), files: plan.some(isGone) };
  return { ...missing, ...(pruned === undefined ? {} : { pruned }) };
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
  const read = readBooks(context.files, new Vault(context.files, knownBase(context).vault));
  return (read.ok ? read.value.index : read.error.index).get(id);
}
