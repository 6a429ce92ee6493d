/** `wo status` as text: what needs a person comes first. */
import type { Need, OrderLine, Status, WorkerStatus } from "../../daemon/status.ts";
import { plainLine, type Terminal } from "../../platform/terminal.ts";
import { ago, bytesText, statusWord, table } from "./words.ts";

/** The whole page. */
export function statusText(terminal: Terminal, status: Status, nowMs: number): string {
  const parts = [
    needsText(terminal, status.needs, nowMs),
    headline(terminal, status, nowMs),
    workersText(terminal, status.workers, nowMs),
    ordersText(terminal, status.orders, nowMs),
    notesText(terminal, status),
  ];
  return parts.filter((part) => part !== "").join("\n\n");
}

function needsText(terminal: Terminal, needs: readonly Need[], nowMs: number): string {
  if (needs.length === 0) return terminal.paint("green", "Nothing needs you.");
  const lines = needs.flatMap(({ what, since, next }) => {
    const when = since === "" ? "" : terminal.paint("dim", ` (${ago(nowMs, since)})`);
    return [`  ${terminal.paint("yellow", "!")} ${plainLine(what)}${when}`, `      ${plainLine(next)}`];
  });
  return [terminal.paint("bold", `Needs you (${needs.length})`), ...lines].join("\n");
}

function headline(terminal: Terminal, status: Status, nowMs: number): string {
  const { counts, daemon } = status;
  const state =
    daemon?.state === "running"
      ? `daemon up since ${ago(nowMs, daemon.since).replace(" ago", "")}`
      : `daemon ${daemon?.state ?? "never ran"}`;
  const numbers = [
    `${counts.running} running`,
    `${counts.pending} pending`,
    `${counts.waiting} waiting`,
    `${counts.done} done`,
    `${counts.failed} failed`,
  ];
  return terminal.paint("bold", [state, ...numbers].join(" · "));
}

function workersText(terminal: Terminal, workers: readonly WorkerStatus[], nowMs: number): string {
  if (workers.length === 0) return "";
  const rows = workers.map(({ name, doing, waiting, lastSign }) => [
    name,
    doing,
    String(waiting),
    lastSign === "" ? "no sign yet" : ago(nowMs, lastSign),
  ]);
  return table(
    [["WORKER", "NOW", "WAITING", "LAST SIGN"].map((head) => terminal.paint("dim", head)), ...rows],
    terminal.columns,
  );
}

function ordersText(terminal: Terminal, orders: readonly OrderLine[], nowMs: number): string {
  if (orders.length === 0) return "No orders yet. Drop one into bridge/inbox/CLC/, or try `wo canary`.";
  const rows = orders.map((order) => [
    plainLine(order.id),
    statusWord(terminal, order.status),
    plainLine(order.lane),
    order.priority,
    ago(nowMs, order.updated),
    plainLine(order.detail === "" ? order.title : order.detail),
  ]);
  return table(
    [["ORDER", "STATUS", "LANE", "PRI", "CHANGED", "WHAT"].map((head) => terminal.paint("dim", head)), ...rows],
    terminal.columns,
  );
}

function notesText(terminal: Terminal, status: Status): string {
  const lines = [
    `base ${status.base}`,
    `vault ${status.vault} (${status.isVaultMeasured ? "" : "ledger "}${bytesText(status.vaultBytes)}, ${status.ledgerSeq} entries)`,
    ...status.notes,
  ];
  return lines.map((line) => terminal.paint("dim", line)).join("\n");
}
