/**
 * The state file of an order: what people's dashboards and scripts read, with the names that they know. A view: it holds
 * nothing that the ledger does not, and nothing that changes with time alone, so that `updated_at` means something.
 */
import type { Priority } from "../orders/order.ts";
import { isResting } from "../orders/status.ts";
import { entryLaneOf, type OrderRecord } from "./order-record.ts";

const SCHEMA_VERSION = 1;

/** High, Medium or Low: the words that readers of state files know. */
export function priorityWord(priority: Priority): "High" | "Medium" | "Low" {
  if (priority === "P0" || priority === "P1") return "High";
  return priority === "P2" ? "Medium" : "Low";
}

/** Whole percent: actions that are through, of all that the order asks for; 100 only when it is done. */
export function progressOf(record: OrderRecord): number {
  if (record.status === "done") return 100;
  const total = record.fileActions + record.commands;
  if (total === 0) return 0;
  const files = record.plan?.applied === true && record.plan.attempt === record.attempt ? record.fileActions : 0;
  const steps = record.steps.filter((step) => step.finished?.ok === true).length;
  return Math.min(99, Math.floor((100 * (files + steps)) / total));
}

/** What went wrong or is waited for, in one line; "" when nothing is. */
export function troubleOf(record: OrderRecord): string {
  switch (record.status) {
    case "failed":
      return record.failure === undefined ? "failed" : `${record.failure.class}: ${record.failure.message}`;
    case "waiting":
      return record.waiting === undefined ? "waiting" : `waits (${record.waiting.reason}): ${record.waiting.message}`;
    case "canceled":
      return record.canceled === undefined
        ? "canceled"
        : `canceled by ${record.canceled.by}: ${record.canceled.reason}`;
    case "planned":
      return record.planned?.finding?.message ?? "";
    case "pending":
    case "running":
    case "done":
      return "";
  }
}

/** What a person types to let a waiting order go; undefined where that would change nothing. */
export function approvalOf({ id, waiting, fileActions, commands }: OrderRecord): string | undefined {
  if (waiting?.reason === "no_route") return `wo approve ${id} --lane LANE`;
  return fileActions + commands === 0 ? undefined : `wo approve ${id}`;
}

/** The file's content as an object. */
export function stateOf(record: OrderRecord): Readonly<Record<string, unknown>> {
  const { header } = record;
  return {
    id: record.id,
    title: header.title,
    summary: header.summary,
    description: header.summary,
    owner: header.owner,
    category: header.category,
    priority: priorityWord(header.priority),
    status: record.status,
    created_at: header.createdAt || record.acceptedTs,
    updated_at: record.updatedTs,
    due_date: header.dueDate,
    goal: header.goal,
    progress: progressOf(record),
    tags: header.tags,
    notes: header.notes,
    last_error: record.status === "failed" ? troubleOf(record) : "",
    source: "work_order",
    meta: {
      state_schema_version: SCHEMA_VERSION,
      ledger_seq: record.lastSeq,
      lane: record.lane,
      ...(record.routedFrom === undefined ? {} : { routed_from: record.routedFrom }),
      inbox_path: `bridge/inbox/${entryLaneOf(record)}/${record.name}`,
      raw_filename: record.name,
      raw_priority: header.rawPriority,
      priority_score: { High: 3, Medium: 2, Low: 1 }[priorityWord(header.priority)],
      status_bucket: isResting(record.status) ? "closed" : "open",
      status_detail: troubleOf(record),
      sha256: record.sha256,
      attempt: record.attempt,
      accepted_at: record.acceptedTs,
      last_execution: record.startedTs ?? "",
      rested_at: isResting(record.status) ? (record.restedTs ?? "") : "",
      files_changed: record.plan?.changed ?? 0,
      steps: record.steps.flatMap(({ finished }) => (finished === undefined ? [] : [stepOf(finished)])),
    },
  };
}

function stepOf(finished: NonNullable<OrderRecord["steps"][number]["finished"]>): Readonly<Record<string, unknown>> {
  const { name, kind, ok, optional, exit_code, signal, duration_ms, message } = finished;
  return { name, kind, ok, optional, exit_code, signal, duration_ms, message };
}

/** The file's bytes. */
export function stateText(record: OrderRecord): string {
  return `${JSON.stringify(stateOf(record), undefined, 2)}\n`;
}
