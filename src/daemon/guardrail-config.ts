/** The part of the configuration that says what is guarded, how often it is looked at, and what is put back. */
import picomatch from "picomatch";
import { z } from "zod";
import { agentName, isAgentName } from "../records/component-place.ts";
import { DAEMON_LABEL, GUARDRAIL_LABEL } from "../upkeep/agents/own-agents.ts";

const COMPONENTS_MAX = 10_000;
const HEALS = ["off", "missing", "all"] as const;
export type HealWish = (typeof HEALS)[number];

const path = z
  .string()
  .min(1)
  .refine(
    (text) => isAgentName(text) || /^(?!\/)(?!~)(?!(?:.*\/)?\.\.(?:\/|$))/.test(text),
    `a path below the base, such as tools/build.sh, agents/ or tools/*.zsh, or ${agentName("NAME")}`,
  );
const componentSchema = z.union([path, z.strictObject({ path, executable: z.boolean().default(false) })]);

export const guardrailSchema = z.strictObject({
  /** How often everything is looked at. */
  everyMs: z.number().int().min(1000).max(86_400_000).default(300_000),
  /** What is put back: nothing, what is missing, or also what holds something else. */
  heal: z.enum(HEALS).default("missing"),
  /** How long something has to be wrong before it is told and healed. */
  graceMs: z.number().int().min(0).max(600_000).default(1500),
  /** Files, folders (`agents/`) and globs; what is in none of them can be guarded, too, with `wo guardrail accept PATH`. */
  components: z.array(componentSchema).max(COMPONENTS_MAX).optional(),
});
export type GuardrailConfig = z.infer<typeof guardrailSchema>;

/** What the founders found gone: guarded once it is there and accepted, and not missed before. */
const USUAL_SCRIPTS = [
  "agents/apply_patch_processor/apply_patch_processor.zsh",
  "agents/json_wo_processor/json_wo_processor.zsh",
  "agents/wo_executor/wo_executor.zsh",
  "tools/followup_tracker_update.zsh",
  "tools/check_component_history.zsh",
  "tools/wo_pipeline_guardrail.zsh",
];

/** What has launchd start us. */
export const OWN_AGENTS = [DAEMON_LABEL, GUARDRAIL_LABEL].map((label) => agentName(label));
const USUAL = [
  ...USUAL_SCRIPTS.map((path) => ({ path, executable: true })),
  ...OWN_AGENTS.map((path) => ({ path, executable: false })),
];

/** One line of `guardrail.components`. */
export interface GuardRule {
  readonly pattern: string;
  readonly executable: boolean;
  /** Nobody asked for it: before it is accepted it is not installed, and not missed. */
  readonly isUsual: boolean;
  readonly matches: (path: string) => boolean;
}

export function guardRules({ components }: GuardrailConfig): readonly GuardRule[] {
  return (components ?? USUAL).map((one) => {
    const { path: written, executable } = typeof one === "string" ? { path: one, executable: false } : one;
    const pattern = written.replace(/^\.\//, "").replace(/\/+$/, "");
    const isMatch = isGlob(pattern) ? picomatch(pattern, { dot: true }) : undefined;
    // Globs are for the base.
    const matches = (name: string) => (isMatch === undefined ? name === pattern : !isAgentName(name) && isMatch(name));
    return { pattern, executable, isUsual: components === undefined, matches };
  });
}

/** True for a pattern that stands for any number of paths. */
export function isGlob(pattern: string): boolean {
  return /[*?[{]/.test(pattern);
}

/** The tree's wishes, held to what was accepted: it may look more often, and change nothing of what is put back. */
export function holdGuardrail(accepted: GuardrailConfig, wanted: GuardrailConfig, pending: string[]): GuardrailConfig {
  const everyMs = Math.min(accepted.everyMs, wanted.everyMs);
  if (everyMs !== wanted.everyMs) pending.push(`guardrail.everyMs: ${accepted.everyMs} → ${wanted.everyMs}`);
  for (const key of ["heal", "graceMs"] as const)
    if (accepted[key] !== wanted[key]) pending.push(`guardrail.${key}: ${accepted[key]} → ${wanted[key]}`);
  const { heal, graceMs } = accepted;
  return { ...wanted, everyMs, heal, graceMs };
}
