/** Who tells of what: each event is reported by one of five workers, as good news or as bad. */
import type { Event, Notice } from "./events.ts";

/** The five workers, by the names that people search for. */
export const AGENTS = [
  "json_wo_processor",
  "apply_patch_processor",
  "wo_executor",
  "followup_tracker",
  "wo_pipeline_guardrail",
] as const;
export type Agent = (typeof AGENTS)[number];

/** What is told to telemetry only. */
export const NOTICE_EVENTS = [
  "step_heartbeat",
  "wo_pipeline_healed",
  "wo_pipeline_drift",
  "wo_pipeline_healthy",
  "retention_applied",
] as const satisfies readonly Notice["event"][];

/** Which worker an event is reported by, and whether it is good news. */
export function reportOf(event: Event | Notice): { readonly agent: Agent; readonly ok: boolean } {
  switch (event.event) {
    case "patch_planned":
    case "patch_applied":
      return { agent: "apply_patch_processor", ok: true };
    case "wo_started":
    case "step_started":
    case "step_heartbeat":
    case "wo_completed":
    case "wo_planned":
      return { agent: "wo_executor", ok: true };
    case "step_finished":
      return { agent: "wo_executor", ok: event.ok };
    case "wo_failed":
    case "wo_canceled":
    case "step_retry_scheduled":
      return { agent: "wo_executor", ok: false };
    case "wo_rejected":
    case "wo_ignored":
    case "intake_paused":
      return { agent: "json_wo_processor", ok: false };
    case "wo_accepted":
    case "wo_duplicate":
    case "wo_routed":
    case "wo_approved":
    case "wo_retried":
    case "intake_resumed":
      return { agent: "json_wo_processor", ok: true };
    case "wo_waiting":
    case "wo_settled":
      return { agent: "followup_tracker", ok: true };
    case "ledger_tail_truncated":
    case "ledger_repaired":
    case "checkpoint_missing":
    case "wo_pipeline_drift":
    case "canary_failed":
      return { agent: "wo_pipeline_guardrail", ok: false };
    case "ledger_created":
    case "base_attached":
    case "config_accepted":
    case "daemon_started":
    case "daemon_stopped":
    case "wo_pipeline_healed":
    case "wo_pipeline_healthy":
    case "components_accepted":
    case "components_released":
    case "snapshot_taken":
    case "blobs_pruned":
    case "retention_applied":
    case "canary_passed":
      return { agent: "wo_pipeline_guardrail", ok: true };
  }
}
