/** `wo check FILE…`: what is wrong with order files, before anybody gets them. */
import { basename, resolve } from "node:path";
import { peekFolder } from "../bridge/folder-drop.ts";
import { stemOf } from "../bridge/names.ts";
import { type WholeOrder, withItsOperations } from "../daemon/operations.ts";
import type { Guards } from "../orders/lane-rules.ts";
import { LIMITS } from "../orders/limits.ts";
import { type PackedOperations, unpackOperations } from "../orders/operations-file.ts";
import { isProse, type Order } from "../orders/order.ts";
import { keyText, type Problem } from "../orders/problems.ts";
import { readOrder } from "../orders/read-order.ts";
import { secretsInFile } from "../orders/secrets.ts";
import { tellerOf } from "../orders/teller.ts";
import { EXIT } from "../platform/errors.ts";
import { err, ok, type Result } from "../platform/result.ts";
import { loadSecretRules } from "../platform/secrets.ts";
import { plainLine } from "../platform/terminal.ts";
import { configOfBase, placeRulesOfBase } from "./config-of-base.ts";
import { answer, type Context } from "./context.ts";
import { problemsText } from "./views/problems-view.ts";

export interface CheckedFile {
  readonly bytes: Buffer;
  readonly order: Order;
}

/**
 * Reads an order file as an intake would, with the file that it names where a base is known, and looks for secrets as it
 * does; `secrets` says what to make of them.
 */
export async function checkFile(
  context: Context,
  path: string,
  secrets: Guards["secrets"],
): Promise<Result<CheckedFile, readonly Problem[]>> {
  const absolute = resolve(context.machine.currentFolder, path);
  const isFolder = context.files.info(absolute)?.kind === "folder";
  const reading = isFolder ? peekFolder(context.files, absolute) : context.files.peek(absolute, LIMITS.sizeBytes + 1);
  if (reading.kind !== "file") {
    const message = reading.kind === "absent" ? `there is no file ${path}` : `${path} is no file that can be read`;
    return err([{ code: "unreadable", message }]);
  }
  const { bytes: source, order } = await readWhole(context, reading.bytes, stemOf(basename(absolute)));
  const rules = await loadSecretRules();
  const packed = unpackOperations(source);
  const texts = packed === undefined ? [{ bytes: source }] : [{ bytes: packed.order }, namedIn(packed)];
  const all = texts.map((text) => ({ ...text, secrets: ok(secretsInFile(text.bytes, rules)) }));
  const problems = tellerOf(all, secrets).told(order.ok ? [] : order.error);
  return order.ok && problems.length === 0 ? ok({ bytes: reading.bytes, order: order.value }) : err(problems);
}

function namedIn({ file }: PackedOperations) {
  return { bytes: file.bytes, named: file.path };
}

/** The order with what the file holds that it names; with a doubt where no base says which file that is. */
async function readWhole(context: Context, bytes: Buffer, stem: string): Promise<WholeOrder> {
  const order = readOrder(bytes, stem);
  const named = order.ok ? order.value.operationsFile : undefined;
  if (!order.ok || named === undefined) return { bytes, order };
  const rules = placeRulesOfBase(context, "");
  const reader = { files: context.files, readOrder: async (all: Buffer) => readOrder(all, stem) };
  if (rules !== undefined) return withItsOperations(reader, { bytes, stem, order: order.value }, rules);
  const message = `what ${named.path} holds was not read: it is a file of a base, and none is attached here`;
  const doubt = { code: "not_read" as const, message, hint: "say which base: -C DIR", key: keyText(named.at) };
  return { bytes, order: ok({ ...order.value, warnings: [...order.value.warnings, doubt] }) };
}

/** Checks each file; 2 when any has a problem. No lane is meant: secrets are what the base says of all lanes. */
export async function checkFiles(context: Context, paths: readonly string[]): Promise<number> {
  const { secrets } = configOfBase(context).policy;
  const checked: { readonly path: string; readonly result: Result<CheckedFile, readonly Problem[]> }[] = [];
  for (const path of paths) checked.push({ path, result: await checkFile(context, path, secrets) });
  const problems = checked.flatMap(({ path, result }) => (result.ok ? [] : [{ path, problems: result.error }]));
  const data = checked.map(({ path, result }) =>
    result.ok ? { file: path, ok: true, order: result.value.order } : { file: path, ok: false, problems: result.error },
  );
  answer(context, "check", data, () => {
    const lines = checked.map(({ path, result }) =>
      result.ok ? goodText(context, path, result.value.order) : problemsText(context.terminal, path, result.error),
    );
    const count = problems.reduce((sum, { problems: found }) => sum + found.length, 0);
    if (count > 0) lines.push(context.terminal.paint("red", `✗ ${count} ${count === 1 ? "problem" : "problems"}`));
    return lines.join("\n");
  });
  return problems.length === 0 ? EXIT.yes : EXIT.usage;
}

function goodText({ terminal }: Context, path: string, order: Order): string {
  const { files, steps, checks } = order;
  const parts = [`${files.length} file actions`, `${steps.length} commands`];
  if (checks.length > 0) parts.push(`${checks.length} files to verify`);
  const prose = isProse(order) ? "; nothing in it can be carried out: it would wait for an assignee" : "";
  const first = `${terminal.paint("green", "✓")} ${plainLine(path)}  ${order.id}  ${order.header.priority}  ${parts.join(", ")}${prose}`;
  return [first, ...(order.warnings.length === 0 ? [] : [problemsText(terminal, path, order.warnings)])].join("\n");
}
