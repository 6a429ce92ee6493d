/** What the ledger tells that is not about one order: whose it is, what configuration was accepted, what was refused. */
import { z } from "zod";
import { componentsSchema, foldComponents, NO_COMPONENTS } from "./components.ts";
import { contentSchema } from "./content.ts";
import type { ConfigAccepted } from "./events.ts";
import type { Recorded } from "./ledger-reading.ts";

const KEPT = 200;

const noteSchema = z.object({
  ts: z.string(),
  lane: z.string(),
  name: z.string(),
  reason: z.string(),
});

export const factsSchema = z.object({
  ledger: z.string(),
  base: z.string(),
  config: z.object({ sha256: z.string(), content: contentSchema }).optional(),
  /** Who may sign orders, accepted together with the configuration. */
  signers: z.object({ sha256: z.string(), content: contentSchema }).optional(),
  /** One line per file that lay in the inbox when the base was attached, or when the ledger was repaired. */
  backlog: contentSchema.optional(),
  /** The newest files that were rejected, and those that were passed over; a file may have gone since. */
  rejected: z.array(noteSchema),
  ignored: z.array(noteSchema),
  /** Set while intake is paused. */
  paused: z.object({ since: z.string(), reason: z.string(), message: z.string() }).optional(),
  /** The newest canary; `fault` when it did not come through. Absent before the first. */
  canary: z.object({ ts: z.string(), wo_id: z.string(), fault: z.string().optional() }).optional(),
  /** False in what is left of a snapshot that was written before canaries were kept here: there may have been some. */
  knowsCanaries: z.boolean().default(false),
  /** What is guarded; absent before anything is. */
  components: componentsSchema.optional(),
});

export type Facts = z.infer<typeof factsSchema>;

export const NO_FACTS: Facts = { ledger: "", base: "", rejected: [], ignored: [], knowsCanaries: true };

/** The facts with one more entry. */
export function foldFacts(facts: Facts, { entry }: Recorded): Facts {
  switch (entry.event) {
    case "ledger_created":
      return { ...facts, ledger: entry.ledger, base: entry.base };
    case "base_attached":
      return { ...facts, backlog: entry.backlog };
    case "config_accepted":
      return { ...withoutSigners(facts), config: { sha256: entry.sha256, content: entry.config }, ...signersOf(entry) };
    case "wo_rejected": {
      const reason = entry.problems[0]?.message ?? "rejected";
      return { ...facts, rejected: [...facts.rejected, noteOf(entry, reason)].slice(-KEPT) };
    }
    case "wo_ignored":
      return { ...facts, ignored: [...facts.ignored, noteOf(entry, entry.reason)].slice(-KEPT) };
    case "intake_paused":
      return { ...facts, paused: { since: entry.ts, reason: entry.reason, message: entry.message } };
    case "intake_resumed":
    case "daemon_started": {
      const { paused: _paused, ...rest } = facts;
      return rest;
    }
    case "canary_passed":
      return { ...facts, canary: { ts: entry.ts, wo_id: entry.wo_id } };
    case "canary_failed":
      return { ...facts, canary: { ts: entry.ts, wo_id: entry.wo_id, fault: entry.message } };
    default: {
      const before = facts.components ?? NO_COMPONENTS;
      const components = foldComponents(before, entry);
      return components === before ? facts : { ...facts, components };
    }
  }
}

function withoutSigners({ signers: _signers, ...facts }: Facts): Facts {
  return facts;
}

function signersOf({ signers: content, signers_sha256: hash }: ConfigAccepted): Pick<Facts, "signers"> {
  return content === undefined || hash === undefined ? {} : { signers: { sha256: hash, content } };
}

function noteOf(
  entry: { readonly ts: string; readonly lane: string; readonly name: string },
  reason: string,
): z.infer<typeof noteSchema> {
  return { ts: entry.ts, lane: entry.lane, name: entry.name, reason };
}
