/** What the ledger tells of guarded components: what they have to be, who said so, and when they were not. */
import type { Content } from "./content.ts";

/** What a component has to be. Paths are what it is called: component-place.ts. */
export interface AcceptedComponent {
  readonly path: string;
  readonly kind: "file" | "folder";
  /** Permission bits. */
  readonly mode: number;
  /** User id, as it was; nothing is made of it. */
  readonly owner: number;
  /** Of a file. */
  readonly sha256?: string;
  readonly size_bytes?: number;
  readonly content?: Content;
}

/** Somebody said that these are as they have to be; from now on they are guarded. */
export interface ComponentsAccepted {
  readonly event: "components_accepted";
  readonly by: string;
  readonly why: string;
  readonly components: readonly AcceptedComponent[];
}

/** Somebody said that these need not be there any more. */
export interface ComponentsReleased {
  readonly event: "components_released";
  readonly by: string;
  readonly why: string;
  readonly paths: readonly string[];
}

/** Somebody had these kept as they are, so that they can be brought back. */
export interface SnapshotTaken {
  readonly event: "snapshot_taken";
  readonly by: string;
  readonly why: string;
  /** Files, all of them. */
  readonly files: readonly AcceptedComponent[];
}

export const DRIFT_REASONS = [
  "missing",
  "moved",
  "removed_by_git",
  "emptied",
  "content_changed",
  "not_executable",
  "type_changed",
  "symlink",
  "unreadable",
  "not_accepted",
  "nothing_guarded",
] as const;
export type DriftReason = (typeof DRIFT_REASONS)[number];

/** A component is not as it has to be. Told when it begins, when its reason changes, and once a day while it lasts. */
export interface ComponentDrifted {
  readonly event: "wo_pipeline_drift";
  /** Its path, also of one that is there and something else. */
  readonly missing: string;
  readonly reason: DriftReason;
  readonly message: string;
  /** When it was last found as it has to be. */
  readonly last_seen?: string;
  /** When it began, where this is told once more. */
  readonly since?: string;
}

/** A component is as it has to be again. */
export interface ComponentHealed {
  readonly event: "wo_pipeline_healed";
  readonly path: string;
  /** What was done. */
  readonly what: string;
  /** Whether it was put back by us, or came back by itself. */
  readonly restored: boolean;
  /** What was there and had to go. */
  readonly replaced?: Content;
}

/** What an order makes of a component: what it has to be from now on, or nothing any more. */
export interface MovedComponent {
  readonly path: string;
  readonly sha256?: string;
  readonly size_bytes?: number;
  readonly mode?: number;
  readonly content?: Content;
}
