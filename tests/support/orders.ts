/** Orders written as text, and what reading them gives. */
import type { Order } from "../../src/orders/order.ts";
import type { Problem } from "../../src/orders/problems.ts";
import { readOrder } from "../../src/orders/read-order.ts";
import { errorOf, valueOf } from "./results.ts";

const bytesOf = (text: string | Uint8Array): Uint8Array => (typeof text === "string" ? Buffer.from(text) : text);

/** The order in a text that must be taken. */
export function orderIn(text: string | Uint8Array, stem = "WO-1"): Order {
  return valueOf(readOrder(bytesOf(text), stem));
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
