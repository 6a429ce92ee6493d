/** Orders written as text, and what reading them gives. */
import { decode, openDocument } from "../../src/orders/document.ts";
import { unpackFolder } from "../../src/orders/folder-order.ts";
import type { Order } from "../../src/orders/order.ts";
import type { Problem } from "../../src/orders/problems.ts";
import { readOrder } from "../../src/orders/read-order.ts";
import { errorOf, valueOf } from "./results.ts";
import { schemaComplaints } from "./schema-check.ts";

const bytesOf = (text: string | Uint8Array): Uint8Array => (typeof text === "string" ? Buffer.from(text) : text);

/** The order in a text that must be taken; and what the reader takes, the schema for editors has nothing against. */
export function orderIn(text: string | Uint8Array, stem = "WO-1"): Order {
  const order = valueOf(readOrder(bytesOf(text), stem));
  // Nobody sees a packed folder in an editor.
  const complaints = unpackFolder(bytesOf(text)) === undefined ? schemaComplaints(dataIn(text)) : [];
  if (complaints.length > 0) throw new Error(`the reader takes what the schema flags: ${complaints.join("; ")}`);
  return order;
}

/** The text as plain data, as the reader sees it. */
export function dataIn(text: string | Uint8Array): unknown {
  return valueOf(openDocument(valueOf(decode(bytesOf(text))))).data;
}

/** The problems of a text that must be refused. */
export function problemsIn(text: string | Uint8Array, stem = "WO-1"): readonly Problem[] {
  return errorOf(readOrder(bytesOf(text), stem));
}

/** The one problem of a text that must be refused for nothing else. */
export function problemIn(text: string | Uint8Array, stem = "WO-1"): Problem {
  const [first, ...more] = problemsIn(text, stem);
  if (first === undefined || more.length > 0) throw new Error(`not one problem but ${more.length + 1}`);
  return first;
}
