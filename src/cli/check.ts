/** `wo check FILE…`: what is wrong with order files, before anybody gets them. */
import { basename, resolve } from "node:path";
import { peekFolder } from "../bridge/folder-drop.ts";
import { stemOf } from "../bridge/names.ts";
import { decode } from "../orders/document.ts";
import type { Guards } from "../orders/lane-rules.ts";
import { LIMITS } from "../orders/limits.ts";
import { isProse, type Order } from "../orders/order.ts";
import type { Problem } from "../orders/problems.ts";
import { readOrder } from "../orders/read-order.ts";
import { secretProblems, secretsIn, withoutSecrets } from "../orders/secrets.ts";
import { EXIT } from "../platform/errors.ts";
import { err, ok, type Result } from "../platform/result.ts";
import { loadSecretRules } from "../platform/secrets.ts";
import { plainLine } from "../platform/terminal.ts";
import { configOfBase } from "./config-of-base.ts";
import { answer, type Context } from "./context.ts";
import { problemsText } from "./views/problems-view.ts";

export interface CheckedFile {
  readonly bytes: Buffer;
  readonly order: Order;
}

/** Reads an order file as an intake would, and looks for secrets as it does; `secrets` says what to make of them. */
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
  const order = readOrder(reading.bytes, stemOf(basename(absolute)));
  const text = decode(reading.bytes);
  const found = text.ok ? secretsIn(text.value, await loadSecretRules()) : [];
  const refused = text.ok && secrets === "refuse" ? secretProblems(text.value, found) : [];
  const others = order.ok || !text.ok ? [] : withoutSecrets(order.error, text.value, found);
  if (order.ok && refused.length === 0) return ok({ bytes: reading.bytes, order: order.value });
  return text.ok || order.ok ? err([...refused, ...others]) : order;
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
