/** `wo schema`: the schema of orders for editors and other programs. */
import { resolve } from "node:path";
import { schemaText } from "../orders/order-schema.ts";
import { EXIT } from "../platform/errors.ts";
import { parseJson } from "../platform/result.ts";
import { answer, type Context } from "./context.ts";

/** Prints it, or writes it to a file. */
export async function showSchema(context: Context, out: string | undefined): Promise<number> {
  const text = schemaText();
  if (out === undefined) {
    answer(context, "schema", parseJson(text), () => text.trimEnd());
    return EXIT.yes;
  }
  const path = resolve(context.machine.currentFolder, out);
  await context.files.publish(path, text);
  answer(context, "schema", { file: path }, () => `${context.terminal.paint("green", "✓")} written    ${out}`);
  return EXIT.yes;
}
