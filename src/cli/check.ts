/** `wo check FILE…`: what is wrong with order files, and what their lane has against them, before anybody gets them. */
import { isProse, type Order } from "../orders/order.ts";
import { EXIT } from "../platform/errors.ts";
import { plainLine } from "../platform/terminal.ts";
import { baseInEffect } from "./config-of-base.ts";
import { answer, type Context } from "./context.ts";
import { type Examined, examine, type JudgedInLane } from "./examine.ts";
import { problemsText, verdictText, wayText } from "./views/problems-view.ts";

interface Checked extends Examined {
  readonly path: string;
}

/** Checks each file, for the lane `entry` where one is named; 2 when any is no order, else 5 when its lane refuses any. */
export async function checkFiles(context: Context, paths: readonly string[], entry?: string): Promise<number> {
  const here = baseInEffect(context);
  const checked: Checked[] = [];
  for (const path of paths) checked.push({ path, ...(await examine(context, path, here, entry)) });
  const alone = here.ok ? undefined : `only the order itself was checked, no lane's rules: ${here.error.message}`;
  answer(context, "check", checked.map(dataOf), () => {
    const lines = checked.map((one) => checkedText(context, one));
    const count = checked.reduce((sum, { problems }) => sum + problems.length, 0);
    if (count > 0) lines.push(context.terminal.paint("red", `✗ ${count} ${count === 1 ? "problem" : "problems"}`));
    if (alone !== undefined) lines.push(alone);
    return lines.join("\n");
  });
  const exits = new Set(checked.map(({ exit }) => exit));
  return [EXIT.usage, EXIT.refused].find((exit) => exits.has(exit)) ?? EXIT.yes;
}

function dataOf({ path, order, judged, problems, exit }: Checked): object {
  const way = judged === undefined ? {} : { lane: judged.lane, verdict: judged.verdict.kind };
  return exit === EXIT.yes ? { file: path, ok: true, order, ...way } : { file: path, ok: false, problems, ...way };
}

function checkedText(context: Context, { path, order, judged, problems }: Checked): string {
  const { terminal } = context;
  if (order !== undefined && problems.length === 0) return goodText(context, path, order, judged);
  const text = problemsText(terminal, path, problems);
  if (judged?.verdict.kind !== "refuse") return text;
  return `${text}\n${terminal.paint("bold", plainLine(path))}  lane ${plainLine(wayText(judged))} refuses it`;
}

function goodText({ terminal }: Context, path: string, order: Order, judged: JudgedInLane | undefined): string {
  const { files, steps, checks } = order;
  const parts = [`${files.length} file actions`, `${steps.length} commands`];
  if (checks.length > 0) parts.push(`${checks.length} files to verify`);
  const prose = isProse(order) ? "; nothing in it can be carried out: it would wait for an assignee" : "";
  const first = `${terminal.paint("green", "✓")} ${plainLine(path)}  ${order.id}  ${order.header.priority}  ${parts.join(", ")}${prose}`;
  return [
    first,
    ...(judged === undefined
      ? []
      : [`  lane ${plainLine(wayText(judged))}: ${plainLine(verdictText(judged.verdict))}`]),
    ...(order.warnings.length === 0 ? [] : [problemsText(terminal, path, order.warnings)]),
  ].join("\n");
}
