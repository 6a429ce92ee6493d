/** Events as they are in a healthy ledger, to be bent by tests; and chains of them, as reading a ledger gives them. */
import { EMPTY_HEAD, encode, type Head } from "../../src/records/chain.ts";
import type { Event, OrderAccepted, PatchPlanned, StepFinished, StepStarted } from "../../src/records/events.ts";
import type { Recorded } from "../../src/records/ledger-reading.ts";
import { fold, newRecord, type OrderRecord } from "../../src/records/order-record.ts";

export const ULID = "01JGYWQ2V0000000000000000A";

export function accepted(bend: Partial<OrderAccepted> = {}): OrderAccepted {
  const id = bend.wo_id ?? "WO-1";
  return {
    event: "wo_accepted",
    wo_id: id,
    lane: "CLC",
    claim: `${ULID}~${id}.yaml`,
    name: `${id}.yaml`,
    sha256: "ab".repeat(32),
    size_bytes: 3,
    modified_ms: 1000,
    source: { text: "a:1" },
    title: "A title",
    summary: "A summary",
    owner: "someone",
    category: "test",
    priority: "P2",
    raw_priority: "P2",
    tags: ["one"],
    goal: "A goal",
    notes: "A note",
    created_at: "2025-11-13",
    due_date: "2025-12-01",
    file_actions: 1,
    commands: 1,
    dry_run: false,
    on_interrupt: "fail",
    ...bend,
  };
}

export function planned(bend: Partial<PatchPlanned> = {}): PatchPlanned {
  const after = { sha256: "cd".repeat(32), size_bytes: 1, mode: 0o644, content: { text: "x" } };
  const files = [{ root: ".", path: "a/b.txt", temporary: ".wo-x-0.tmp", after }];
  return { event: "patch_planned", wo_id: "WO-1", lane: "CLC", attempt: 1, files, ...bend };
}

export function stepStarted(bend: Partial<StepStarted> = {}): StepStarted {
  return {
    event: "step_started",
    wo_id: "WO-1",
    lane: "CLC",
    attempt: 1,
    step: 0,
    name: "a step",
    pid: 1234,
    start_time: "99",
    host_pid: 1233,
    host_start_time: "98",
    boot_id: "boot",
    folder: "WO-1/1/0",
    mark: "mark",
    grace_ms: 5000,
    ...bend,
  };
}

export function stepFinished(bend: Partial<StepFinished> = {}): StepFinished {
  return {
    event: "step_finished",
    wo_id: "WO-1",
    lane: "CLC",
    attempt: 1,
    step: 0,
    name: "a step",
    kind: "command",
    ok: true,
    optional: false,
    exit_code: 0,
    timed_out: false,
    leftovers: false,
    duration_ms: 5,
    stdout_bytes: 3,
    stderr_bytes: 0,
    stdout_tail: "hi\n",
    stderr_tail: "",
    ...bend,
  };
}

const OF = { wo_id: "WO-1", lane: "CLC", attempt: 1 } as const;

/** Short events of one order, the first attempt's. */
export const happened = {
  started: { event: "wo_started", ...OF },
  applied: { event: "patch_applied", ...OF, changed: 1 },
  completed: { event: "wo_completed", ...OF, changed: 1, steps: 1, optional_failures: 0 },
  failed: { event: "wo_failed", ...OF, class: "command_failed", code: "exit_1", message: "it broke", hint: "mend it" },
  canceled: { event: "wo_canceled", ...OF, by: "me", reason: "no more" },
  planned: {
    event: "wo_planned",
    ...OF,
    changes: [{ path: "a/b.txt", change: "create" }],
    commands: ["a step"],
  },
  waiting: { event: "wo_waiting", wo_id: "WO-1", lane: "CLC", reason: "backlog", message: "it is old" },
  routed: { event: "wo_routed", wo_id: "WO-1", lane: "LAC", from: "CLC", by: "me" },
  approved: { event: "wo_approved", wo_id: "WO-1", lane: "CLC", by: "me" },
  retried: { event: "wo_retried", wo_id: "WO-1", lane: "CLC", by: "me" },
  settled: { event: "wo_settled", wo_id: "WO-1", lane: "CLC", to: "bridge/processed/CLC/202601/WO-1.yaml" },
} as const satisfies Record<string, Event>;

/** The events as entries of one ledger: one group and one second each. */
export function chainOf(events: readonly Event[], after: Head = EMPTY_HEAD): Recorded[] {
  let head = after;
  return events.map((event) => {
    const seq = head.seq + 1;
    const ts = new Date(Date.UTC(2026, 0, 5) + seq * 1000).toISOString();
    const { entry } = encode(event, { seq, group: seq, ts, prev: head.hash });
    head = entry;
    return { entry, position: { segment: 1, offset: seq * 100 } };
  });
}

/** What is known of an order after an acceptance and these events. */
export function recordAfter(events: readonly Event[], first: OrderAccepted = accepted()): OrderRecord {
  const [acceptance, ...rest] = chainOf([first, ...events]);
  if (acceptance?.entry.event !== "wo_accepted") throw new Error("a record begins with an acceptance");
  return rest.reduce(fold, newRecord(acceptance.entry, acceptance.position));
}
