import { expect, test } from "vitest";
import type { Event } from "../../../src/records/events.ts";
import { followupText } from "../../../src/records/followup.ts";
import { OrderIndex } from "../../../src/records/order-index.ts";
import { accepted, chainOf, happened } from "../../support/events.ts";
import { realFiles } from "../../support/ledger-kit.ts";

const HOUR_MS = 3_600_000;
/** The first entry of chainOf. */
const START_MS = Date.UTC(2026, 0, 5, 0, 0, 1);
const { started, completed, failed, canceled, waiting } = happened;

function listOf(events: readonly Event[], nowMs = START_MS): unknown {
  const index = OrderIndex.empty(realFiles, "/nowhere");
  for (const one of chainOf(events)) index.apply(one);
  return JSON.parse(followupText(index, nowMs, HOUR_MS));
}

test.each([
  ["pending", [], "Open"],
  ["running", [started], "In Progress"],
  ["waiting", [waiting], "Paused"],
  ["done", [started, completed], "Done"],
  ["failed", [failed], "Failed"],
  ["canceled", [canceled], "Canceled"],
  ["planned", [started, happened.planned], "Planned"],
])("the dashboard shows an order that is %s, once, in its own word", (status, events, shown) => {
  expect(listOf([accepted(), ...events])).toMatchObject({
    counts: { [status]: 1 },
    items: [{ id: "WO-1", status: shown }],
  });
});

test("an order that is tried again is shown once, as open", () => {
  const list = listOf([accepted(), started, failed, happened.retried]);
  expect(list).toMatchObject({ counts: { pending: 1, failed: 0 }, items: [{ id: "WO-1", status: "Open" }] });
  expect(list).toHaveProperty("items.length", 1);
});

test("the dashboard gets every field that its page reads", () => {
  expect(listOf([accepted()])).toEqual({
    updated_at: "2026-01-05T00:00:01.000Z",
    owner: "Operations Command Center",
    counts: { pending: 1, running: 0, waiting: 0, done: 0, failed: 0, canceled: 0, planned: 0 },
    items: [
      {
        id: "WO-1",
        title: "A title",
        description: "A summary",
        goal: "A goal",
        progress: 0,
        status: "Open",
        priority: "Medium",
        due_date: "2025-12-01",
        owner: "someone",
        source: "work_order",
        tags: ["Work Order", "one"],
        notes: "A note",
        lane: "CLC",
        updated_at: "2026-01-05T00:00:01.000Z",
        related_wo: "WO-1",
      },
    ],
  });
});

test("trouble stands where notes would stand", () => {
  expect(listOf([accepted(), failed])).toMatchObject({ items: [{ notes: "command_failed: it broke" }] });
});

test.each([
  ["untouched for as long as is allowed", [], HOUR_MS, ["Work Order", "one"]],
  ["untouched for longer", [], HOUR_MS + 1, ["Work Order", "Stale", "one"]],
  ["at rest for longer", [failed], 2 * HOUR_MS, ["Work Order", "one"]],
])("an order that is %s is tagged as stale, or not", (_what, events, agoMs, tags) => {
  expect(listOf([accepted(), ...events], START_MS + agoMs)).toMatchObject({ items: [{ tags }] });
});
