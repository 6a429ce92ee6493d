/** The dashboard's list: every open order and the newest ones at rest, in the form that its page reads. A view. */
import { isResting, type Status } from "../orders/status.ts";
import { isoTime } from "../platform/clock.ts";
import type { OrderIndex } from "./order-index.ts";
import type { OrderRecord } from "./order-record.ts";
import { priorityWord, progressOf, troubleOf } from "./state-file.ts";

/** What the dashboard shows. A failed order is never shown as open. */
const SHOWN: Readonly<Record<Status, string>> = {
  pending: "Open",
  running: "In Progress",
  waiting: "Paused",
  done: "Done",
  failed: "Failed",
  canceled: "Canceled",
  planned: "Planned",
};

/** The file's text as of `nowMs`; open orders untouched for `staleAfterMs` are tagged. */
export function followupText(index: OrderIndex, nowMs: number, staleAfterMs: number): string {
  const staleBefore = isoTime(nowMs - staleAfterMs);
  const open = index.open.filter(({ status }) => !isResting(status));
  const items = [...open, ...index.recent()].map((record) => itemOf(record, staleBefore));
  const list = { updated_at: isoTime(nowMs), owner: "Operations Command Center", counts: index.counts, items };
  return `${JSON.stringify(list, undefined, 1)}\n`;
}

function itemOf(record: OrderRecord, staleBefore: string): Readonly<Record<string, unknown>> {
  const { header } = record;
  const stale = !isResting(record.status) && record.updatedTs < staleBefore;
  return {
    id: record.id,
    title: header.title,
    description: header.summary,
    goal: header.goal,
    progress: progressOf(record),
    status: SHOWN[record.status],
    priority: priorityWord(header.priority),
    due_date: header.dueDate,
    owner: header.owner,
    source: "work_order",
    tags: ["Work Order", ...(stale ? ["Stale"] : []), ...header.tags],
    notes: troubleOf(record) || header.notes,
    lane: record.lane,
    updated_at: record.updatedTs,
    related_wo: record.id,
  };
}
