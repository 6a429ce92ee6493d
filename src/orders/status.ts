/**
 * Where an order stands.
 *
 *                 ┌────────────── retry ──────────────┐
 *                 ▼                                   │
 *   accepted ─► pending ─► running ─► done            │
 *                 │ ▲         ├────► failed ──────────┤
 *            hold │ │ approve ├────► canceled ────────┘
 *                 ▼ │         └────► planned
 *              waiting ◄── hold, also out of running when a repair lost the order's end
 *
 * A rejected file never becomes an order: it has no status.
 */

export const STATUSES = ["pending", "running", "waiting", "done", "failed", "canceled", "planned"] as const;
export type Status = (typeof STATUSES)[number];

const TRANSITIONS: Readonly<Record<Status, readonly Status[]>> = {
  pending: ["running", "waiting", "failed", "canceled", "planned"],
  running: ["running", "waiting", "done", "failed", "canceled", "planned"],
  waiting: ["pending", "canceled", "waiting"],
  done: [],
  failed: ["pending"],
  canceled: ["pending"],
  planned: [],
};

/** True when an order may go from one status to the other. */
export function mayBecome(from: Status, to: Status): boolean {
  return TRANSITIONS[from].includes(to);
}

/** At rest: nothing more happens to the order by itself. */
export function isResting(status: Status): boolean {
  return status === "done" || status === "failed" || status === "canceled" || status === "planned";
}

/** Why an order failed, for machines. */
export const FAILURE_CLASSES = [
  "invalid",
  "conflict",
  "policy",
  "check_failed",
  "command_failed",
  "timeout",
  "interrupted",
  "transient_infra",
  "deterministic_cycle",
  "canceled",
  "internal",
] as const;

export type FailureClass = (typeof FAILURE_CLASSES)[number];

/** Why an order waits, for machines. */
export const WAIT_REASONS = [
  "assignee",
  "approval",
  "backlog",
  "from_git",
  "held_lane",
  "no_route",
  "ledger_gap",
  "no_sandbox",
] as const;
export type WaitReason = (typeof WAIT_REASONS)[number];

/** Why it failed: the class for machines, the message and what to do for people. */
export interface Failure {
  readonly class: FailureClass;
  /** A finer word for machines: `source_changed`, a problem's code, a command's exit. */
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}
