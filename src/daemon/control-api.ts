/** What may be asked of a running daemon over its socket, and the form of its answers. */
import { z } from "zod";
import { isRecord } from "../platform/result.ts";

const ids = z.array(z.string().min(1)).min(1).max(10_000);
/** As the ledger takes it: whole characters only. */
const words = z.string().transform((text) => text.toWellFormed());
const path = words.pipe(z.string().min(1).max(4096));
const why = words.pipe(z.string().max(1000));
const by = words.pipe(z.string().min(1).max(200));

export const requestSchema = z.discriminatedUnion("call", [
  /** Is somebody there? */
  z.object({ call: z.literal("health") }),
  /** Everything that `wo status` shows. */
  z.object({ call: z.literal("status") }),
  /** One order. */
  z.object({ call: z.literal("show"), id: z.string() }),
  /** Answers each time the order changes, and last when it is at rest; the caller hangs up when it has waited enough. */
  z.object({ call: z.literal("wait"), id: z.string() }),
  /** The file is whole: whoever wrote it says so. */
  z.object({ call: z.literal("announce"), lane: z.string(), name: z.string() }),
  /** With a lane: passes them on to it. */
  z.object({ call: z.literal("approve"), ids, by, lane: z.string().optional() }),
  z.object({ call: z.literal("cancel"), ids, by, reason: words.pipe(z.string().max(1000)) }),
  z.object({ call: z.literal("retry"), ids, by }),
  z.object({ call: z.literal("accept_config"), by }),
  /** Accepts components as they are now; without paths, all that the configuration names and all that was accepted before. */
  z.object({ call: z.literal("accept_components"), paths: z.array(path).max(10_000), by, why }),
  z.object({ call: z.literal("release_components"), paths: z.array(path).min(1).max(10_000), by, why }),
  /** Keeps files as they are now. */
  z.object({ call: z.literal("snapshot"), paths: z.array(path).min(1).max(10_000), by, why }),
  /** Says which contents of the vault may go by the configuration's limits; with `by`, they go. */
  z.object({ call: z.literal("prune"), by: by.optional() }),
  /** Writes every view again. */
  z.object({ call: z.literal("rebuild") }),
  /** Records how a canary fared. */
  z.object({
    call: z.literal("canary"),
    wo_id: words,
    passed: z.boolean(),
    total_ms: z.number(),
    message: words,
  }),
  z.object({ call: z.literal("stop") }),
]);

export type Request = z.infer<typeof requestSchema>;

export interface ControlError {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  /** What a command should end with. */
  readonly exit: number;
}

export type Answer =
  | { readonly ok: true; readonly data: unknown }
  | { readonly ok: false; readonly error: ControlError };

/** True for what a daemon answers. */
export function isAnswer(value: unknown): value is Answer {
  if (!isRecord(value)) return false;
  if (value["ok"] === true) return "data" in value;
  const error = value["error"];
  return isRecord(error) && typeof error["message"] === "string" && typeof error["exit"] === "number";
}
