/** One order as text. */
import { isResting } from "../../orders/status.ts";
import { plainLine, type Terminal } from "../../platform/terminal.ts";
import type { OrderRecord } from "../../records/order-record.ts";
import { approvalOf, troubleOf } from "../../records/state-file.ts";
import type { MissingContents } from "../show.ts";
import { ago, statusWord } from "./words.ts";

/** What it is, how it stands, what was done, what of it the vault has no more, and what to type next. */
export function orderText(terminal: Terminal, record: OrderRecord, nowMs: number, contents?: MissingContents): string {
  const { header } = record;
  const lines = [
    `${terminal.paint("bold", plainLine(record.id))}  ${plainLine(header.title)}`,
    `  ${statusWord(terminal, record.status)}  ${header.priority}  lane ${record.lane}${record.routedFrom === undefined ? "" : ` (from ${record.routedFrom})`}  ${ago(nowMs, record.updatedTs)}${record.attempt > 1 ? `  attempt ${record.attempt}` : ""}`,
  ];
  const { signed } = record;
  if (signed !== undefined) lines.push(`  signed by ${plainLine(signed.principal)}  ${plainLine(signed.key)}`);
  const trouble = troubleOf(record);
  if (trouble !== "") lines.push(`  ${plainLine(trouble)}`);
  lines.push(...filesText(terminal, record), ...stepsText(terminal, record));
  if (record.settledTo !== undefined) lines.push(`  file   ${record.settledTo}`);
  if (contents !== undefined) lines.push(`  ${terminal.paint("yellow", "!")} ${contentsText(record, contents)}`);
  const next = nextCommand(record, contents);
  if (next !== "") lines.push(`next: ${next}`);
  return lines.join("\n");
}

function filesText(terminal: Terminal, { plan, planned, status }: OrderRecord): string[] {
  const signs = { create: ["+", "green"], change: ["~", "yellow"], delete: ["-", "red"] } as const;
  const changes = status === "planned" ? (planned?.changes ?? []) : (plan?.changes ?? []);
  const note = status === "planned" ? " (would be)" : plan?.applied === true ? "" : " (not applied)";
  return changes.map(
    ({ path, change }) => `  ${terminal.paint(signs[change][1], signs[change][0])} ${plainLine(path)}${note}`,
  );
}

function stepsText(terminal: Terminal, { steps }: OrderRecord): string[] {
  return steps.flatMap(({ started, finished, tried }) => {
    const tries = tried === undefined ? "" : `  (try ${tried + 1})`;
    if (finished === undefined)
      return started === undefined
        ? []
        : [`  $ ${plainLine(started.name)}  ${terminal.paint("cyan", "running")} pid ${started.pid}${tries}`];
    const mark = finished.ok ? terminal.paint("green", "✓") : terminal.paint(finished.optional ? "yellow" : "red", "✗");
    const why = finished.message === undefined ? "" : `  ${plainLine(finished.message)}`;
    return [
      `  ${mark} ${plainLine(finished.name)}  ${finished.duration_ms} ms${finished.optional && !finished.ok ? " (optional)" : ""}${tries}${why}`,
    ];
  });
}

function contentsText({ status, plan }: OrderRecord, { source, files, pruned }: MissingContents): string {
  if (pruned === undefined) return "contents of it are missing in the vault, and were not pruned: see wo ledger verify";
  const lost = [
    ...(source && (status === "failed" || status === "canceled") ? ["; it cannot be tried again"] : []),
    ...(files && plan?.applied === true ? ["; wo undo has only what is left"] : []),
  ];
  return `contents of it were pruned from the vault at ${pruned.ts}, by ${plainLine(pruned.by)}${lost.join("")}`;
}

function nextCommand(record: OrderRecord, contents: MissingContents | undefined): string {
  const { id, status } = record;
  if (contents?.source === true && (status === "failed" || status === "canceled")) return `wo log ${id}`;
  if (status === "failed" || status === "canceled") return `wo log ${id}    wo retry ${id}`;
  if (status === "waiting") {
    const approval = approvalOf(record);
    return approval === undefined ? `wo cancel ${id}` : `${approval}    wo cancel ${id}`;
  }
  return isResting(status) ? "" : `wo wait ${id}`;
}
