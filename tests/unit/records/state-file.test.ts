import * as fc from "fast-check";
import { expect, test } from "vitest";
import { priorityWord, progressOf, stateOf, stateText, troubleOf } from "../../../src/records/state-file.ts";
import { accepted, happened, planned, recordAfter, stepFinished } from "../../support/events.ts";

const { started, applied, completed, failed, canceled, waiting, retried } = happened;

test("a state file has the names that dashboards and scripts read", () => {
  expect(JSON.parse(stateText(recordAfter([started, planned(), applied, stepFinished(), completed])))).toEqual({
    id: "WO-1",
    title: "A title",
    summary: "A summary",
    description: "A summary",
    owner: "someone",
    category: "test",
    priority: "Medium",
    status: "done",
    created_at: "2025-11-13",
    updated_at: "2026-01-05T00:00:06.000Z",
    due_date: "2025-12-01",
    goal: "A goal",
    progress: 100,
    tags: ["one"],
    notes: "A note",
    last_error: "",
    source: "work_order",
    meta: {
      state_schema_version: 1,
      ledger_seq: 6,
      lane: "CLC",
      inbox_path: "bridge/inbox/CLC/WO-1.yaml",
      raw_filename: "WO-1.yaml",
      raw_priority: "P2",
      priority_score: 2,
      status_bucket: "closed",
      status_detail: "",
      sha256: "ab".repeat(32),
      attempt: 1,
      accepted_at: "2026-01-05T00:00:01.000Z",
      last_execution: "2026-01-05T00:00:02.000Z",
      rested_at: "2026-01-05T00:00:06.000Z",
      files_changed: 1,
      steps: [{ name: "a step", kind: "command", ok: true, optional: false, exit_code: 0, duration_ms: 5 }],
    },
  });
});

test("the state of an order that was passed on tells its lane, where it came in, and where its file was dropped", () => {
  expect(stateOf(recordAfter([], accepted({ lane: "LAC", routed_from: "ENTRY" })))).toMatchObject({
    meta: { lane: "LAC", routed_from: "ENTRY", inbox_path: "bridge/inbox/ENTRY/WO-1.yaml" },
  });
});

test("an order without a date of its own was created when it was accepted", () => {
  expect(stateOf(recordAfter([], accepted({ created_at: "" })))).toMatchObject({
    created_at: "2026-01-05T00:00:01.000Z",
  });
});

test.each([
  ["P0", "High", 3],
  ["P1", "High", 3],
  ["P2", "Medium", 2],
  ["P3", "Low", 1],
] as const)("the priority %s is shown as %s", (priority, word, score) => {
  expect(priorityWord(priority)).toBe(word);
  expect(stateOf(recordAfter([], accepted({ priority })))).toMatchObject({
    priority: word,
    meta: { priority_score: score },
  });
});

const finding = { class: "conflict", code: "x", message: "it cannot be done" } as const;
test.each([
  ["pending", [], ""],
  ["running", [started], ""],
  ["done", [started, completed], ""],
  ["waiting", [waiting], "waits (backlog): it is old"],
  ["failed", [failed], "command_failed: it broke"],
  ["canceled", [canceled], "canceled by me: no more"],
  ["planned", [started, happened.planned], ""],
  ["planned", [started, { ...happened.planned, finding }], "it cannot be done"],
])("an order that is %s tells what is the matter in one line", (status, events, trouble) => {
  const record = recordAfter(events);
  expect(record.status).toBe(status);
  expect(troubleOf(record)).toBe(trouble);
  expect(stateOf(record)).toMatchObject({ last_error: status === "failed" ? trouble : "" });
});

test.each([
  ["nothing yet", [started], 0],
  ["its files", [started, planned(), applied], 33],
  ["its files and a step", [started, planned(), applied, stepFinished()], 66],
  ["all, and is not recorded as done", [started, planned(), applied, stepFinished(), stepFinished({ step: 1 })], 99],
  ["all, but one step failed", [started, planned(), applied, stepFinished({ ok: false })], 33],
  ["a plan that is not applied", [started, planned()], 0],
  ["the files of an earlier attempt", [started, planned(), applied, { ...started, attempt: 2 }], 0],
  ["everything", [started, completed], 100],
])("an order of one file and two commands that is through with %s shows its progress", (_what, events, percent) => {
  expect(progressOf(recordAfter(events, accepted({ file_actions: 1, commands: 2 })))).toBe(percent);
});

test("an order in prose makes no progress by itself", () => {
  expect(progressOf(recordAfter([waiting], accepted({ file_actions: 0, commands: 0 })))).toBe(0);
});

test("an order that is tried again is open, and tells of no error and no rest", () => {
  expect(stateOf(recordAfter([failed, retried]))).toMatchObject({
    status: "pending",
    last_error: "",
    meta: { status_bucket: "open", status_detail: "", rested_at: "" },
  });
});

test("any order that is not done shows less than 100 percent", () => {
  const count = fc.integer({ min: 0, max: 5 });
  fc.assert(
    fc.property(count, count, count, (files, commands, through) => {
      const steps = Array.from({ length: through }, (_, step) => stepFinished({ step }));
      const first = accepted({ file_actions: files, commands });
      const progress = progressOf(recordAfter([started, planned(), applied, ...steps], first));
      expect(progress).toBeGreaterThanOrEqual(0);
      expect(progress).toBeLessThan(100);
    }),
  );
});
