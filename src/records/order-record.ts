/** What is known of one order: the sum of its entries, in order, and nothing else. The same entries give the same record. */
import type { OrderHeader } from "../orders/order.ts";
import { type Failure, isResting, mayBecome, type Status, type WaitReason } from "../orders/status.ts";
import { assert } from "../platform/errors.ts";
import { isRecord } from "../platform/result.ts";
import type { Signer } from "../platform/ssh-keygen.ts";
import type { Entry } from "./chain.ts";
import type { OrderAccepted, OrderRouted, PlannedChange, PlannedFile, StepFinished, StepStarted } from "./events.ts";
import type { Recorded } from "./ledger-reading.ts";
import type { Position } from "./segments.ts";

const CHANGES_SHOWN = 100;

/** One command of the latest attempt. Without `finished` it is running, or was when everything stopped. */
export interface StepRecord {
  readonly started?: StepStarted;
  readonly finished?: Omit<StepFinished, "event" | "wo_id" | "lane" | "attempt">;
  /** How often it was run before, and failed. */
  readonly tried?: number;
}

export interface OrderRecord {
  readonly id: string;
  readonly lane: string;
  /** The lane that its file was dropped into, where that passed it on. */
  readonly routedFrom?: string;
  /** Who signed it, where somebody did. */
  readonly signed?: Signer;
  readonly name: string;
  readonly claim: string;
  readonly sha256: string;
  /** Of its file, where its source holds another file, too. */
  readonly dropSha256?: string;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  readonly header: OrderHeader;
  readonly fileActions: number;
  readonly commands: number;
  readonly dryRun: boolean;
  readonly onInterrupt: "retry" | "fail";
  /** The order whose place it takes. */
  readonly supersedes?: string;
  readonly status: Status;
  /** Why it waits, while it does. */
  readonly waiting?: { readonly reason: WaitReason; readonly message: string };
  readonly failure?: Failure;
  readonly canceled?: { readonly by: string; readonly reason: string };
  /** What a dry run found. */
  readonly planned?: {
    readonly changes: readonly PlannedChange[];
    readonly commands: readonly string[];
    readonly finding?: Failure;
  };
  /** 0 before the first. */
  readonly attempt: number;
  /** A person let it go, or nothing held it. */
  readonly approved: boolean;
  /** Of the latest plan, in this attempt or an earlier one. */
  readonly plan?: {
    readonly attempt: number;
    readonly at: Position;
    readonly applied: boolean;
    readonly changed: number;
    /** The first of its files. */
    readonly changes: readonly PlannedChange[];
  };
  readonly steps: readonly StepRecord[];
  /** Where its file came to lie, and the entry that told it: nothing about the order itself. */
  readonly settledTo?: string;
  readonly settledSeq?: number;
  readonly firstSeq: number;
  /** Of the last entry that changed something about it. */
  readonly lastSeq: number;
  readonly acceptedAt: Position;
  /** ISO-8601, from the ledger. */
  readonly acceptedTs: string;
  readonly updatedTs: string;
  readonly startedTs?: string;
  readonly restedTs?: string;
}

/** Shape enough to be trusted, of what this program wrote itself. */
export function isOrderRecord(value: unknown): value is OrderRecord {
  return (
    isRecord(value) &&
    typeof value["id"] === "string" &&
    typeof value["status"] === "string" &&
    isRecord(value["header"])
  );
}

/** Ids are compared like file names on a file system that folds case. */
export function orderKey(id: string): string {
  return id.toLowerCase();
}

/** The lane that its file was dropped into: until it is settled it lies in that one's `.claimed/`. */
export function entryLaneOf({ lane, routedFrom }: OrderRecord): string {
  return routedFrom ?? lane;
}

/** Of the file as it was dropped. */
export function dropHashOf({ sha256, dropSha256 }: OrderRecord): string {
  return dropSha256 ?? sha256;
}

/** The record that an acceptance begins. */
export function newRecord(entry: Entry & OrderAccepted, position: Position): OrderRecord {
  return {
    id: entry.wo_id,
    lane: entry.lane,
    ...(entry.routed_from === undefined ? {} : { routedFrom: entry.routed_from }),
    ...(entry.signed_by === undefined ? {} : { signed: { principal: entry.signed_by, key: entry.signing_key ?? "" } }),
    name: entry.name,
    claim: entry.claim,
    sha256: entry.sha256,
    ...(entry.drop_sha256 === undefined ? {} : { dropSha256: entry.drop_sha256 }),
    sizeBytes: entry.size_bytes,
    modifiedMs: entry.modified_ms,
    header: headerOf(entry),
    fileActions: entry.file_actions,
    commands: entry.commands,
    dryRun: entry.dry_run,
    onInterrupt: entry.on_interrupt,
    ...(entry.supersedes === undefined ? {} : { supersedes: entry.supersedes }),
    status: "pending",
    attempt: 0,
    approved: false,
    steps: [],
    firstSeq: entry.seq,
    lastSeq: entry.seq,
    acceptedAt: position,
    acceptedTs: entry.ts,
    updatedTs: entry.ts,
  };
}

function headerOf(entry: OrderAccepted): OrderHeader {
  const { title, summary, owner, category, priority, tags, goal, notes } = entry;
  return {
    title,
    summary,
    owner,
    category,
    priority,
    rawPriority: entry.raw_priority,
    tags,
    goal,
    notes,
    createdAt: entry.created_at,
    dueDate: entry.due_date,
  };
}

/** The record with one more entry of its order. Entries that tell nothing about an order leave it as it is. */
export function fold(record: OrderRecord, { entry, position }: Recorded): OrderRecord {
  // Settling moves the file of an order that is at rest already: nothing about the order changes.
  if (entry.event === "wo_settled") return { ...record, settledTo: entry.to, settledSeq: entry.seq };
  const change = changeOf(record, entry, position);
  if (change === undefined) return record;
  const status = change.status ?? record.status;
  assert(
    status === record.status || mayBecome(record.status, status),
    `an order goes from ${record.status} to ${status}`,
  );
  const rested = isResting(status) && !isResting(record.status) ? { restedTs: entry.ts } : {};
  return { ...record, ...change, ...rested, lastSeq: entry.seq, updatedTs: entry.ts };
}

/** The record after one of its entries was written again elsewhere. */
export function moved(record: OrderRecord, { entry, position }: Recorded): OrderRecord {
  if (entry.event === "wo_accepted") return { ...record, acceptedAt: position };
  const isPlan = entry.event === "patch_planned" && entry.attempt === record.plan?.attempt;
  return isPlan ? { ...record, plan: { ...record.plan, at: position } } : record;
}

type Change = Partial<OrderRecord>;

function changeOf(record: OrderRecord, entry: Entry, position: Position): Change | undefined {
  switch (entry.event) {
    case "wo_waiting":
      return { status: "waiting", waiting: { reason: entry.reason, message: entry.message } };
    case "wo_routed":
      return routed(record, entry);
    // Behind a cancel, or a second time, a person's word changes nothing: two may have spoken in the same moment.
    case "wo_approved":
      return record.status === "canceled" || isOnItsWay(record) ? undefined : { status: "pending", approved: true };
    case "wo_retried":
      return record.status === "waiting" || isOnItsWay(record) ? undefined : { status: "pending", approved: true };
    case "wo_started":
      return { status: "running", attempt: entry.attempt, startedTs: entry.ts, steps: [] };
    case "patch_planned":
      return {
        plan: {
          attempt: entry.attempt,
          at: position,
          applied: false,
          changed: 0,
          changes: entry.files.slice(0, CHANGES_SHOWN).map(changeOfFile),
        },
      };
    case "patch_applied":
      return record.plan === undefined ? {} : { plan: { ...record.plan, applied: true, changed: entry.changed } };
    case "step_retry_scheduled":
      return { steps: withStep(record.steps, entry.step, { tried: entry.tried }) };
    case "step_started":
      return { steps: withStep(record.steps, entry.step, { ...tried(record, entry.step), started: bare(entry) }) };
    case "step_finished":
      return {
        steps: withStep(record.steps, entry.step, { ...record.steps[entry.step], finished: finishedOf(entry) }),
      };
    case "wo_completed":
      return { status: "done" };
    case "wo_failed":
      return { status: "failed", failure: failureOf(entry) };
    case "wo_canceled":
      return { status: "canceled", canceled: { by: entry.by, reason: entry.reason } };
    case "wo_planned":
      return { status: "planned", planned: plannedOf(entry) };
    default:
      return undefined;
  }
}

/** One that somebody canceled in the same moment stays where it is: told of too late, and nothing comes of it. */
function routed(record: OrderRecord, { lane, by, reason, message = "" }: OrderRouted): Change | undefined {
  if (record.status !== "waiting" && record.status !== "pending") return undefined;
  const way = { lane, routedFrom: entryLaneOf(record) };
  if (reason !== undefined) return { ...way, status: "waiting", waiting: { reason, message } };
  return { ...way, status: "pending", ...(by === undefined ? {} : { approved: true }) };
}

function isOnItsWay({ status }: OrderRecord): boolean {
  return status === "pending" || status === "running";
}

/** What a plan does to one file, in words. */
export function changeOfFile({ root, path, before, after }: PlannedFile): PlannedChange {
  const shown = root === "." ? path : `${root}/${path}`;
  if (after === undefined) return { path: shown, change: "delete" };
  return { path: shown, change: before === undefined ? "create" : "change" };
}

function withStep(steps: readonly StepRecord[], index: number, step: StepRecord): readonly StepRecord[] {
  const all = [...steps];
  while (all.length <= index) all.push({});
  all[index] = step;
  return all;
}

function tried({ steps }: OrderRecord, index: number): StepRecord {
  const before = steps[index]?.tried;
  return before === undefined ? {} : { tried: before };
}

function bare(entry: Entry & StepStarted): StepStarted {
  const { v: _v, seq: _seq, group: _group, ts: _ts, prev: _prev, hash: _hash, ...event } = entry;
  return event;
}

function finishedOf(entry: Entry & StepFinished): NonNullable<StepRecord["finished"]> {
  const {
    event: _event,
    wo_id: _id,
    lane: _lane,
    attempt: _attempt,
    v: _v,
    seq: _seq,
    group: _group,
    ts: _ts,
    prev: _prev,
    hash: _hash,
    ...rest
  } = entry;
  return rest;
}

function failureOf(entry: Failure): Failure {
  const { class: failureClass, code, message, hint } = entry;
  return { class: failureClass, code, message, ...(hint === undefined ? {} : { hint }) };
}

function plannedOf(entry: NonNullable<OrderRecord["planned"]>): NonNullable<OrderRecord["planned"]> {
  const { changes, commands, finding } = entry;
  return { changes, commands, ...(finding === undefined ? {} : { finding }) };
}
