/** `wo check FILE…`: what is wrong with order files, before anybody gets them. */
import { isProse, type Order } from "../orders/order.ts";
import { EXIT } from "../platform/errors.ts";
import { plainLine } from "../platform/terminal.ts";
import { baseInEffect } from "./config-of-base.ts";
import { answer, type Context } from "./context.ts";
import { type Examined, examine } from "./examine.ts";
import { problemsText } from "./views/problems-view.ts";

interface Checked extends Examined {
  readonly path: string;
}

/** Checks each file; 2 when any is no order, else 5 when its lane refuses any. */
export async function checkFiles(context: Context, paths: readonly string[]): Promise<number> {
  const here = baseInEffect(context);
  const checked: Checked[] = [];
  for (const path of paths) checked.push({ path, ...(await examine(context, path, here)) });
  answer(context, "check", checked.map(dataOf), () => {
    const lines = checked.map((one) => checkedText(context, one));
    const count = checked.reduce((sum, { problems }) => sum + problems.length, 0);
    if (count > 0) lines.push(context.terminal.paint("red", `✗ ${count} ${count === 1 ? "problem" : "problems"}`));
    return lines.join("\n");
  });
  const exits = new Set(checked.map(({ exit }) => exit));
  return [EXIT.usage, EXIT.refused].find((exit) => exits.has(exit)) ?? EXIT.yes;
}

function dataOf({ path, order, problems, exit }: Checked): object {
  return exit === EXIT.yes ? { file: path, ok: true, order } : { file: path, ok: false, problems };
}

function checkedText(context: Context, { path, order, problems }: Checked): string {
  if (order !== undefined && problems.length === 0) return goodText(context, path, order);
  return problemsText(context.terminal, path, problems);
}

function goodText({ terminal }: Context, path: string, order: Order): string {
  const { files, steps, checks } = order;
  const parts = [`${files.length} file actions`, `${steps.length} commands`];
  if (checks.length > 0) parts.push(`${checks.length} files to verify`);
  const prose = isProse(order) ? "; nothing in it can be carried out: it would wait for an assignee" : "";
  const first = `${terminal.paint("green", "✓")} ${plainLine(path)}  ${order.id}  ${order.header.priority}  ${parts.join(", ")}${prose}`;
  return [first, ...(order.warnings.length === 0 ? [] : [problemsText(terminal, path, order.warnings)])].join("\n");
}
