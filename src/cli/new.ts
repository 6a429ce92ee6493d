/** `wo new`: a small order to go on from, with an id that no other has, and a first line that editors take the schema from. */
import { basename, dirname, join, relative, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { SCHEMA_FILE } from "../daemon/editor-schema.ts";
import { ID } from "../orders/header.ts";
import { isoTime } from "../platform/clock.ts";
import { EXIT } from "../platform/errors.ts";
import { randomName } from "../platform/ids.ts";
import { plainLine } from "../platform/terminal.ts";
import { answer, type Context, complain } from "./context.ts";
import { newOrderText } from "./views/new-order-view.ts";

export interface NewOptions {
  readonly lane?: string;
  readonly id?: string;
}

/** Writes it to a file that is not there yet, or, without one, to standard output. */
export async function newOrder(context: Context, path: string | undefined, options: NewOptions): Promise<number> {
  const { machine, files, clock, basePath } = context;
  const id = options.id ?? `WO-${isoTime(clock.now()).replace(/\.\d+|[-:]/g, "")}-${randomName()}`;
  const target = resolve(machine.currentFolder, path ?? "order.yaml");
  const fault = faultOf(context, id, path === undefined ? undefined : target);
  if (fault !== undefined) {
    complain(context, fault);
    return EXIT.usage;
  }
  const lane = options.lane === undefined ? "" : ` --lane ${options.lane}`;
  // It stands in a comment: a newline in a name would make work of it.
  const command = plainLine(`wo submit ${path ?? "FILE"}${lane}`);
  const text = newOrderText({ id, schema: schemaReference(basePath, dirname(target)), command });
  if (path !== undefined) {
    files.makeFolders(dirname(target), 0o755);
    files.disk.close(await files.writeNew(target, Buffer.from(text), 0o644));
  }
  const data = { wo_id: id, next: command, ...(path === undefined ? { text } : { file: target }) };
  answer(context, "new", data, () => (path === undefined ? text.trimEnd() : writtenText(context, path, id)));
  if (path !== undefined && !context.json) context.terminal.out(`next: ${command}`);
  else context.terminal.err(`next: ${path === undefined ? "save it, then " : ""}${command}`);
  return EXIT.yes;
}

interface Fault {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

function faultOf({ files }: Context, id: string, target: string | undefined): Fault | undefined {
  if (!ID.test(id)) {
    const hint = "letters, digits, dot, dash and underscore, beginning with a letter or digit, 128 at most";
    return { code: "bad_id", message: `${JSON.stringify(id)} cannot be an id`, hint };
  }
  if (target === undefined) return undefined;
  const name = basename(target);
  if (!/\.ya?ml$/i.test(name))
    return { code: "bad_name", message: `${name} is no name for an order in YAML`, hint: "it ends in .yaml or .yml" };
  if (files.info(target) === undefined) return undefined;
  return { code: "exists", message: `${target} is there already`, hint: "nothing was written; choose another name" };
}

/** Within the base a path from the order's folder, the same on every machine; elsewhere an address. */
function schemaReference(base: string, folder: string): string {
  const schema = join(base, SCHEMA_FILE);
  const isInside = !relative(base, folder).startsWith("..");
  return isInside ? relative(folder, schema) : pathToFileURL(schema).href;
}

function writtenText({ terminal, files, basePath }: Context, path: string, id: string): string {
  const line = `${terminal.paint("green", "✓")} written    ${path}  (${id})`;
  if (files.info(join(basePath, SCHEMA_FILE)) !== undefined) return line;
  return `${line}\nyour editor finds no schema yet: \`wo init\` puts it to ${join(basePath, SCHEMA_FILE)}`;
}
