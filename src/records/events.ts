/**
 * Everything that can have happened. The ledger, telemetry, the log and every view speak these words and no others.
 * Names are past facts; they are never renamed and never mean something new: add, and keep reading the old.
 *
 * `wo_id` is the order, `lane` its lane as it is spelled on disk, `attempt` counts from 1. Absent fields are left out.
 */
import type { Priority } from "../orders/order.ts";
import type { Problem } from "../orders/problems.ts";
import type { Failure, Status, WaitReason } from "../orders/status.ts";
import type { BlobsPruned } from "./blob-references.ts";
import type {
  ComponentDrifted,
  ComponentHealed,
  ComponentsAccepted,
  ComponentsReleased,
  MovedComponent,
  SnapshotTaken,
} from "./component-events.ts";
import type { Content } from "./content.ts";

interface OfOrder {
  readonly wo_id: string;
  readonly lane: string;
}

interface OfAttempt extends OfOrder {
  readonly attempt: number;
}

/** One state of one file. */
export interface Image {
  readonly sha256: string;
  readonly size_bytes: number;
  /** Permission bits. */
  readonly mode: number;
  readonly content: Content;
}

/** One file of a plan: what it was when the plan was made, and what it is to be. Absent image: no file. */
export interface PlannedFile {
  /** "." is the base; otherwise an absolute folder that the policy allows. */
  readonly root: string;
  /** Below the root, with every link resolved. */
  readonly path: string;
  /** The name of the unfinished file beside it. */
  readonly temporary: string;
  readonly before?: Image;
  readonly after?: Image;
}

/** What a planned order would do to one file. */
export interface PlannedChange {
  readonly path: string;
  readonly change: "create" | "change" | "delete";
}

/** The ledger begins; `ledger` is its own id, `base` that of the tree it belongs to. */
export interface LedgerCreated {
  readonly event: "ledger_created";
  readonly ledger: string;
  readonly base: string;
}

/** The base was attached; what lay in its inbox by then must not run unasked. `backlog` holds one file per line. */
export interface BaseAttached {
  readonly event: "base_attached";
  readonly path: string;
  readonly backlog: Content;
}

/** A person accepted this configuration; the tree's own may only be stricter. */
export interface ConfigAccepted {
  readonly event: "config_accepted";
  readonly by: string;
  readonly sha256: string;
  readonly config: Content;
  /** Who may sign orders, accepted with it; absent: nobody. */
  readonly signers_sha256?: string;
  readonly signers?: Content;
}

export interface DaemonStarted {
  readonly event: "daemon_started";
  readonly pid: number;
  readonly version: string;
  readonly boot_id: string;
}

export interface DaemonStopped {
  readonly event: "daemon_stopped";
  readonly pid: number;
  readonly reason: string;
}

/** The end of the last group was torn by a crash; nobody had been told that it was durable. */
export interface LedgerTailTruncated {
  readonly event: "ledger_tail_truncated";
  readonly segment: string;
  readonly at_byte: number;
  readonly lost_bytes: number;
}

/** A person repaired the ledger: entries `lost_from` to `lost_to` cannot be read any more. */
export interface LedgerRepaired {
  readonly event: "ledger_repaired";
  readonly segment: string;
  readonly sha256: string;
  readonly lost_from: number;
  readonly lost_to: number;
  readonly by: string;
}

/** The checkpoint was gone, or this machine could not prove it; a new one is made. */
export interface CheckpointMissing {
  readonly event: "checkpoint_missing";
  readonly message: string;
}

/** New orders stay in the inbox until `intake_resumed`. */
export interface IntakePaused {
  readonly event: "intake_paused";
  readonly reason: string;
  readonly message: string;
}

export interface IntakeResumed {
  readonly event: "intake_resumed";
  readonly paused_ms: number;
}

/** The order is ours from here on: its source is in this entry or in a synced blob. */
export interface OrderAccepted extends OfOrder {
  readonly event: "wo_accepted";
  /** Its name in `.claimed/`. */
  readonly claim: string;
  /** Its name as it was dropped. */
  readonly name: string;
  /** Of its source. */
  readonly sha256: string;
  /** Of an order that names a file with its operations: of the order's own file. The source holds both. */
  readonly drop_sha256?: string;
  readonly size_bytes: number;
  /** When it was last changed, in milliseconds since the epoch: what tells whether it changes later. */
  readonly modified_ms: number;
  readonly source: Content;
  readonly title: string;
  readonly summary: string;
  readonly owner: string;
  readonly category: string;
  readonly priority: Priority;
  readonly raw_priority: string;
  readonly tags: readonly string[];
  readonly goal: string;
  readonly notes: string;
  /** These two as they were written. */
  readonly created_at: string;
  readonly due_date: string;
  readonly file_actions: number;
  readonly commands: number;
  readonly dry_run: boolean;
  readonly on_interrupt: "retry" | "fail";
  readonly supersedes?: string;
  /** The lane that its file was dropped into and lies claimed in, where that is another one. */
  readonly routed_from?: string;
  /** Who signed it, as allowed_signers had them, and the fingerprint of the key: both or none. */
  readonly signed_by?: string;
  readonly signing_key?: string;
}

/** The file is no order; it lies in error/ with its problems. */
export interface OrderRejected {
  readonly event: "wo_rejected";
  readonly lane: string;
  readonly claim: string;
  readonly name: string;
  readonly sha256?: string;
  readonly wo_id?: string;
  readonly problems: readonly Problem[];
}

/** The same order came again; nothing was done. */
export interface OrderDuplicated extends OfOrder {
  readonly event: "wo_duplicate";
  readonly claim: string;
  readonly name: string;
  readonly sha256: string;
  /** Of the order that is there. */
  readonly status: Status;
}

/** Something in an inbox looks like an order and is none. Said once. */
export interface FileIgnored {
  readonly event: "wo_ignored";
  readonly lane: string;
  readonly name: string;
  readonly reason: string;
}

export interface OrderWaiting extends OfOrder {
  readonly event: "wo_waiting";
  readonly reason: WaitReason;
  readonly message: string;
}

/** An order that waited for its lane got this one, from a person or by itself. With a reason it goes on waiting there. */
export interface OrderRouted extends OfOrder {
  readonly event: "wo_routed";
  readonly from: string;
  readonly by?: string;
  readonly reason?: WaitReason;
  readonly message?: string;
}

/** A person let a waiting order go. */
export interface OrderApproved extends OfOrder {
  readonly event: "wo_approved";
  readonly by: string;
}

/** A person asked for another attempt. */
export interface OrderRetried extends OfOrder {
  readonly event: "wo_retried";
  readonly by: string;
}

export interface OrderStarted extends OfAttempt {
  readonly event: "wo_started";
}

/** From here to `patch_applied` every file is at its before or its after. */
export interface PatchPlanned extends OfAttempt {
  readonly event: "patch_planned";
  readonly files: readonly PlannedFile[];
}

/** Every file of the plan is at its after, durably. From here on nobody judges them again. */
export interface PatchApplied extends OfAttempt {
  readonly event: "patch_applied";
  readonly changed: number;
  /** Guarded ones among them: what they have to be from now on. */
  readonly components?: readonly MovedComponent[];
}

/** The command waits behind its gate; it runs once this is durable. */
export interface StepStarted extends OfAttempt {
  readonly event: "step_started";
  /** From 0. */
  readonly step: number;
  readonly name: string;
  /** Also its process group. */
  readonly pid: number;
  readonly start_time: string;
  readonly host_pid: number;
  readonly host_start_time: string;
  readonly boot_id: string;
  /** Below the vault's `runs`. */
  readonly folder: string;
  readonly mark: string;
  readonly grace_ms: number;
  /** Whether it runs in a sandbox; absent in entries from before there were any. */
  readonly sandboxed?: boolean;
}

/** The command has ended. `ok` is whether it did what was asked of it. */
export interface StepFinished extends OfAttempt {
  readonly event: "step_finished";
  readonly step: number;
  readonly name: string;
  readonly kind: "command" | "check";
  readonly ok: boolean;
  readonly optional: boolean;
  readonly exit_code?: number;
  readonly signal?: string;
  readonly timed_out: boolean;
  /** Processes that it left behind were ended. */
  readonly leftovers: boolean;
  readonly duration_ms: number;
  readonly stdout_bytes: number;
  readonly stderr_bytes: number;
  readonly stdout_tail: string;
  readonly stderr_tail: string;
  /** Why it was not ok. */
  readonly message?: string;
}

/** A command failed, and is run once more after a while. Its output is kept. */
export interface StepRetryScheduled extends OfAttempt {
  readonly event: "step_retry_scheduled";
  readonly step: number;
  readonly name: string;
  /** How often it was run so far, and how often it may be. */
  readonly tried: number;
  readonly tries: number;
  readonly delay_ms: number;
}

/** Every action was applied and every check passed. `steps` are those that were run. */
export interface OrderCompleted extends OfAttempt {
  readonly event: "wo_completed";
  readonly changed: number;
  readonly steps: number;
  readonly optional_failures: number;
}

export interface OrderFailed extends Failure, OfAttempt {
  readonly event: "wo_failed";
}

export interface OrderCanceled extends OfAttempt {
  readonly event: "wo_canceled";
  readonly by: string;
  readonly reason: string;
}

/** A dry run: what would be done, and nothing was. */
export interface OrderPlanned extends OfAttempt {
  readonly event: "wo_planned";
  readonly changes: readonly PlannedChange[];
  readonly commands: readonly string[];
  /** The plan cannot be carried out as things are. */
  readonly finding?: Failure;
}

/** The order's file is where it belongs. Told for completeness: nothing is ever inferred from it. */
export interface OrderSettled extends OfOrder {
  readonly event: "wo_settled";
  readonly to: string;
}

/** An order was sent through the whole line and found where it had to be. */
export interface CanaryPassed {
  readonly event: "canary_passed";
  readonly wo_id: string;
  readonly total_ms: number;
}

export interface CanaryFailed {
  readonly event: "canary_failed";
  readonly wo_id: string;
  readonly message: string;
}

export type Event =
  | LedgerCreated
  | BaseAttached
  | ConfigAccepted
  | DaemonStarted
  | DaemonStopped
  | LedgerTailTruncated
  | LedgerRepaired
  | CheckpointMissing
  | IntakePaused
  | IntakeResumed
  | OrderAccepted
  | OrderRejected
  | OrderDuplicated
  | FileIgnored
  | OrderWaiting
  | OrderRouted
  | OrderApproved
  | OrderRetried
  | OrderStarted
  | PatchPlanned
  | PatchApplied
  | StepStarted
  | StepFinished
  | StepRetryScheduled
  | OrderCompleted
  | OrderFailed
  | OrderCanceled
  | OrderPlanned
  | OrderSettled
  | CanaryPassed
  | CanaryFailed
  | ComponentsAccepted
  | ComponentsReleased
  | SnapshotTaken
  | BlobsPruned
  | ComponentDrifted
  | ComponentHealed;

/** What is told to telemetry only: signs of life and repairs of views. No facts about orders, so no place in the ledger. */
export type Notice =
  | { readonly event: "step_heartbeat"; readonly wo_id: string; readonly step: number; readonly running_ms: number }
  | { readonly event: "wo_pipeline_healed"; readonly path: string; readonly what: string }
  | { readonly event: "wo_pipeline_drift"; readonly missing: string; readonly reason: string }
  /** All that is guarded was looked at and is as it has to be. `gap_ms`: nobody had looked for so long. */
  | {
      readonly event: "wo_pipeline_healthy";
      readonly components: number;
      readonly took_ms: number;
      readonly gap_ms?: number;
    }
  /** What was old has gone: output of commands by orders, files of the bridge's folders; ledger segments compressed. */
  | { readonly event: "retention_applied"; readonly runs: number; readonly files: number; readonly segments: number };
