/** What `wo gc --vault` shows: what goes, of which orders, and what is kept and why. */
import { plainLine, type Terminal } from "../../platform/terminal.ts";
import type { Amount, PruneReport } from "../../upkeep/prune.ts";
import { KEEP_REASONS, type KeepReason } from "../../upkeep/prune-rules.ts";
import { ago, bytesText } from "./words.ts";

const ORDERS_SHOWN = 10;
const REASONS: Readonly<Record<KeepReason, string>> = {
  open: "of orders that are not at rest, or whose file is not where it belongs",
  recent: "that wo undo can count on",
  component: "that guarded components have to be",
  configuration: "of accepted configurations and of the backlog",
  on_its_way: "that something on its way refers to",
  unknown: "of which the ledger cannot say whose they are",
  within_size: "that could go, and need not: all of it is within retention.vaultBytes",
};

export function pruneText(terminal: Terminal, report: PruneReport, nowMs: number): string {
  const { applied, pruned, held, order_count: count, orders, snapshots, loose, over_bytes: over } = report;
  const mark = terminal.paint("green", "✓");
  const nothing = pruned.blobs === 0;
  const head = nothing
    ? `${mark} nothing to prune`
    : `${applied ? mark : terminal.paint("yellow", "!")} ${amountText(pruned)} ${applied ? "are pruned" : "would be pruned"}`;
  const hidden = count - Math.min(orders.length, ORDERS_SHOWN);
  const lines = [
    `${head}; the vault ${applied && !nothing ? "had" : "holds"} ${amountText(held)}`,
    ...(count > 0 ? [`  of ${count} order${count === 1 ? "" : "s"} at rest:`] : []),
    ...orders
      .slice(0, ORDERS_SHOWN)
      .map(({ id, rested, ...amount }) => `    ${plainLine(id)}  at rest ${ago(nowMs, rested)}  ${amountText(amount)}`),
    ...(hidden > 0 ? [`    and ${hidden} younger ones${orders.length < count ? "" : ": --json lists them"}`] : []),
    ...(snapshots.blobs > 0 ? [`  of old snapshots and of what components were: ${amountText(snapshots)}`] : []),
    ...(loose.blobs > 0 ? [`  that nothing refers to any more: ${amountText(loose)}`] : []),
    ...spanLines(report),
    ...keptLines(report),
  ];
  if (over !== undefined)
    lines.push(
      `${terminal.paint("yellow", "!")} what has to be kept is ${bytesText(over)} over retention.vaultBytes: lower vaultDays or vaultOrders, then wo config accept`,
    );
  if (!nothing) lines.push(nextLine(report));
  return lines.join("\n");
}

function spanLines({ oldest, newest }: PruneReport): string[] {
  return oldest === undefined ? [] : [`  from ${oldest} to ${newest ?? oldest}`];
}

function keptLines({ kept, kept_from: from, rules }: PruneReport): string[] {
  const lines = KEEP_REASONS.flatMap((reason) => {
    const amount = kept[reason];
    return amount === undefined ? [] : [`  kept: ${amountText(amount)} ${REASONS[reason]}`];
  });
  const limits = `${rules.vaultDays} days (retention.vaultDays), and the newest ${rules.vaultOrders} orders at rest (retention.vaultOrders)`;
  const since = from === "" ? "everything: there are no more orders than that" : `everything since ${from}`;
  return [...lines, `  wo undo can count on ${limits}: ${since}`];
}

function nextLine({ applied, loose, pruned }: PruneReport): string {
  if (applied) return "next: wo ledger verify";
  const lost = loose.blobs < pruned.blobs ? "    (wo undo and wo retry of these will not be possible any more)" : "";
  return `next: wo gc --vault --apply${lost}`;
}

function amountText({ blobs, bytes }: Amount): string {
  return `${blobs} blob${blobs === 1 ? "" : "s"} (${bytesText(bytes)})`;
}
