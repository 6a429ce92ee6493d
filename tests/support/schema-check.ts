/** What an editor's schema has against an order, by a validator of its own. */
import { Ajv, type ValidateFunction } from "ajv";
import { schemaText } from "../../src/orders/order-schema.ts";

let compiled: ValidateFunction | undefined;

/** Its complaints about an order as plain data, each with its place; none when it is flawless. */
export function schemaComplaints(data: unknown): readonly string[] {
  // Keywords for editors (errorMessage, doNotSuggest) are no part of the standard.
  compiled ??= new Ajv({ strict: false, allErrors: true }).compile(JSON.parse(schemaText()));
  compiled(data);
  return (compiled.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message ?? ""}`);
}
