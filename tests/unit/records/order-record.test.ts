import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { Event } from "../../../src/records/events.ts";
import { changeOfFile, fold, isOrderRecord, orderKey } from "../../../src/records/order-record.ts";
import { accepted, chainOf, happened, planned, recordAfter, stepFinished, stepStarted } from "../../support/events.ts";
import { given } from "../../support/results.ts";

const { started, applied, completed, failed, canceled, waiting, routed, approved, retried, settled } = happened;
const again = { attempt: 2 } as const;
const { by: _by, ...ROUTED_BY_ITSELF } = routed;

const COURSES: readonly (readonly [string, readonly Event[], object])[] = [
  ["accepted", [], { status: "pending", attempt: 0, approved: false }],
  ["held", [waiting], { status: "waiting", waiting: { reason: "backlog", message: "it is old" }, approved: false }],
  ["held twice", [waiting, { ...waiting, reason: "ledger_gap" }], { waiting: { reason: "ledger_gap" } }],
  ["approved", [waiting, approved], { status: "pending", approved: true }],
  ["routed", [waiting, routed], { status: "pending", lane: "LAC", routedFrom: "CLC", approved: true }],
  ["routed by itself", [waiting, ROUTED_BY_ITSELF], { status: "pending", lane: "LAC", approved: false }],
  [
    "routed to a lane that holds",
    [waiting, { ...routed, reason: "held_lane", message: "it holds" }],
    { status: "waiting", lane: "LAC", routedFrom: "CLC", waiting: { reason: "held_lane", message: "it holds" } },
  ],
  ["routed on and on", [waiting, routed, { ...routed, lane: "ZED" }], { lane: "ZED", routedFrom: "CLC" }],
  ["approved too late", [waiting, canceled, approved], { status: "canceled" }],
  ["approved twice", [waiting, approved, started, approved], { status: "running" }],
  ["tried again twice", [failed, retried, { ...started, ...again }, retried], { status: "running", attempt: 2 }],
  ["routed too late", [waiting, canceled, routed], { status: "canceled", lane: "CLC" }],
  ["routed while it runs", [started, routed], { status: "running", lane: "CLC" }],
  ["routed when it was tried again", [waiting, canceled, retried, routed], { status: "pending", lane: "LAC" }],
  ["started", [started], { status: "running", attempt: 1, steps: [] }],
  ["interrupted and started again", [started, { ...started, ...again }], { status: "running", attempt: 2 }],
  ["held by a repair", [started, { ...waiting, reason: "ledger_gap" }], { status: "waiting" }],
  ["planned", [started, planned()], { status: "running", plan: { attempt: 1, applied: false, changed: 0 } }],
  ["applied", [started, planned(), applied], { plan: { applied: true, changed: 1 } }],
  ["completed", [started, completed], { status: "done" }],
  [
    "failed",
    [started, failed],
    { status: "failed", failure: { class: "command_failed", code: "exit_1", message: "it broke", hint: "mend it" } },
  ],
  ["failed before it ran", [failed], { status: "failed" }],
  ["canceled", [started, canceled], { status: "canceled", canceled: { by: "me", reason: "no more" } }],
  ["canceled while it waited", [waiting, canceled], { status: "canceled" }],
  ["retried", [started, failed, retried], { status: "pending", approved: true, attempt: 1 }],
  ["retried after a cancel", [canceled, retried, { ...started, ...again }], { status: "running", attempt: 2 }],
  [
    "a dry run",
    [started, happened.planned],
    { status: "planned", planned: { changes: [{ path: "a/b.txt", change: "create" }], commands: ["a step"] } },
  ],
];

test.each(COURSES)("an order that was %s says so", (_course, events, expected) => {
  expect(recordAfter(events)).toMatchObject(expected);
});

test("an order begins as what its acceptance says", () => {
  const record = recordAfter([]);
  const { name, claim, lane, sha256 } = accepted();
  expect(record).toMatchObject({ id: "WO-1", name, claim, lane, sha256, sizeBytes: 3, modifiedMs: 1000, commands: 1 });
  expect(record).toMatchObject({ fileActions: 1, firstSeq: 1, acceptedTs: record.updatedTs, onInterrupt: "fail" });
  expect(record.header).toMatchObject({ title: "A title", goal: "A goal", rawPriority: "P2", dueDate: "2025-12-01" });
});

test("an order that was passed on when it was accepted knows where its file lies", () => {
  expect(recordAfter([], accepted({ lane: "LAC", routed_from: "ENTRY" }))).toMatchObject({
    lane: "LAC",
    routedFrom: "ENTRY",
  });
  expect(recordAfter([])).not.toHaveProperty("routedFrom");
});

test.each([
  ["done", [started, completed], started],
  ["done", [started, completed], retried],
  ["planned", [started, happened.planned], retried],
  ["waiting", [waiting], started],
  ["waiting", [waiting], completed],
  ["pending", [], completed],
  ["failed", [failed], started],
  ["canceled", [canceled], completed],
])("an order that is %s does not become what it must not", (_status, events, next: Event) => {
  expect(() => recordAfter([...events, next])).toThrow("broken rule");
});

test("a record tells when it was started, changed and came to rest", () => {
  const record = recordAfter([started, completed]);
  expect(record).toMatchObject({
    acceptedTs: "2026-01-05T00:00:01.000Z",
    startedTs: "2026-01-05T00:00:02.000Z",
    restedTs: "2026-01-05T00:00:03.000Z",
    updatedTs: "2026-01-05T00:00:03.000Z",
    lastSeq: 3,
  });
});

test("settling tells where the file lies, and changes nothing else about the order", () => {
  const before = recordAfter([started, completed]);
  expect(recordAfter([started, completed, settled])).toEqual({ ...before, settledTo: settled.to, settledSeq: 4 });
});

test.each<readonly [string, Event]>([
  [
    "a duplicate",
    { event: "wo_duplicate", wo_id: "WO-1", lane: "CLC", claim: "", name: "", sha256: "", status: "done" },
  ],
  ["a canary", { event: "canary_passed", wo_id: "WO-1", total_ms: 5 }],
])("%s changes nothing about an order", (_what, event) => {
  const record = recordAfter([]);
  const [, recorded] = chainOf([accepted(), event]);
  expect(fold(record, given(recorded))).toBe(record);
});

test("steps are told by their number, also when their beginnings and ends come mixed or are missing", () => {
  const { steps } = recordAfter([
    started,
    stepStarted({ step: 0, name: "first" }),
    stepFinished({ step: 2, name: "third" }),
    stepFinished({ step: 0, name: "first", exit_code: 3, ok: false }),
  ]);
  expect(steps).toHaveLength(3);
  expect(steps).toMatchObject([
    { started: { name: "first", pid: 1234 }, finished: { exit_code: 3, ok: false } },
    {},
    { finished: { name: "third" } },
  ]);
  expect(Object.keys(given(steps[0]?.started))).not.toContain("hash");
});

test("another attempt begins with no steps, and keeps the plan of the one before", () => {
  const record = recordAfter([started, planned(), stepStarted(), { ...started, ...again }]);
  expect(record).toMatchObject({ steps: [], plan: { attempt: 1, applied: false } });
});

test("a record shows the first hundred changes of a plan, and where the plan stands", () => {
  const files = Array.from({ length: 150 }, (_, at) => ({ root: ".", path: `f${at}`, temporary: ".wo-x-0.tmp" }));
  const { plan } = recordAfter([started, planned({ files })]);
  expect(plan?.changes).toHaveLength(100);
  expect(plan).toMatchObject({ at: { segment: 1, offset: 300 } });
});

const image = { sha256: "", size_bytes: 1, mode: 0o644, content: { text: "x" } };
test.each([
  ["create", { after: image }, "a.txt"],
  ["change", { before: image, after: image }, "a.txt"],
  ["delete", { before: image }, "a.txt"],
])("a plan with these images is shown as: %s", (change, images, path) => {
  expect(changeOfFile({ root: ".", path, temporary: "", ...images })).toEqual({ path, change });
  expect(changeOfFile({ root: "/other", path, temporary: "", ...images }).path).toBe("/other/a.txt");
});

test("the same entries give the same record, and any of them survives being written down", () => {
  fc.assert(
    fc.property(fc.constantFrom(...COURSES), ([, events]) => {
      const record = recordAfter(events);
      expect(recordAfter(events)).toEqual(record);
      const read: unknown = JSON.parse(JSON.stringify(record));
      expect(isOrderRecord(read)).toBe(true);
      expect(read).toEqual(record);
    }),
  );
});

test("ids are the same in any case", () => {
  expect(orderKey("WO-ä.B")).toBe(orderKey("wo-Ä.b"));
});
