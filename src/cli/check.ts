/** `wo check FILE…`: what is wrong with order files, before anybody gets them. */
import { basename, resolve } from "node:path";
import { stemOf } from "../bridge/names.ts";
import { LIMITS } from "../orders/limits.ts";
import { isProse, type Order } from "../orders/order.ts";
import type { Problem } from "../orders/problems.ts";
import { readOrder } from "../orders/read-order.ts";
import { EXIT } from "../platform/errors.ts";
import { err, type Result } from "../platform/result.ts";
import { answer, type Context } from "./context.ts";
import { problemsText } from "./views/problems-view.ts";

export interface CheckedFile {
  readonly bytes: Buffer;
  readonly order: Order;
}

/** Reads an order file as an intake would. */
export function checkFile(context: Context, path: string): Result<CheckedFile, readonly Problem[]> {
  const absolute = resolve(context.machine.currentFolder, path);
  const reading = context.files.peek(absolute, LIMITS.sizeBytes + 1);
  if (reading.kind !== "file") {
    const message = reading.kind === "absent" ? `there is no file ${path}` : `${path} is no file that can be read`;
    return err([{ code: "unreadable", message }]);
  }
  const order = readOrder(reading.bytes, stemOf(basename(absolute)));
  return order.ok ? { ok: true, value: { bytes: reading.bytes, order: order.value } } : order;
}

/** Checks each file; 2 when any has a problem. */
export function checkFiles(context: Context, paths: readonly string[]): number {
  const checked = paths.map((path) => ({ path, result: checkFile(context, path) }));
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
  const first = `${terminal.paint("green", "✓")} ${path}  ${order.id}  ${order.header.priority}  ${parts.join(", ")}${prose}`;
  return [first, ...(order.warnings.length === 0 ? [] : [problemsText(terminal, path, order.warnings)])].join("\n");
}
