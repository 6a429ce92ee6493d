/**
 * The part of the configuration that says what orders may ask for at most: command patterns, caps, secrets. For all
 * lanes under `policy`, for one under its name. Patterns add up: a command has to pass both. Of the rest, what a lane
 * says for itself counts.
 */
import { z } from "zod";
import { type CommandPattern, type CommandRules, PATTERN_LENGTH } from "../orders/command-patterns.ts";
import { DEFAULT_GUARDS, type Guards, SECRET_RULES } from "../orders/lane-rules.ts";
import { LIMITS } from "../orders/limits.ts";

const PATTERNS_MAX = 200;

const patternSchema = z.strictObject({
  pattern: z
    .string()
    .max(PATTERN_LENGTH)
    .regex(/^\S+(?: \S+)*$/, 'a pattern is words with one blank between them, such as "git push *"'),
  reason: z.string().trim().min(1).max(200),
});
const commandsSchema = z.strictObject({
  deny: z.array(patternSchema).max(PATTERNS_MAX).default([]),
  allow: z.array(patternSchema).max(PATTERNS_MAX).optional(),
});
const actionCount = z.number().int().min(0).max(LIMITS.actions);
const byteCount = z.number().int().min(0).max(LIMITS.sizeBytes);
const secrets = z.enum(SECRET_RULES);

/** Keys of `policy`. */
export const guardsShape = {
  commands: commandsSchema.prefault({}),
  maxFiles: actionCount.default(DEFAULT_GUARDS.maxFiles),
  maxFileBytes: byteCount.default(DEFAULT_GUARDS.maxFileBytes),
  maxCommands: actionCount.default(DEFAULT_GUARDS.maxCommands),
  secrets: secrets.default(DEFAULT_GUARDS.secrets),
};

/** The same keys of a lane; what is not there is as `policy` has it. */
export const laneGuardsShape = {
  commands: commandsSchema.optional(),
  maxFiles: actionCount.optional(),
  maxFileBytes: byteCount.optional(),
  maxCommands: actionCount.optional(),
  secrets: secrets.optional(),
};

type Commands = z.infer<typeof commandsSchema>;
type PolicyGuards = z.infer<z.ZodObject<typeof guardsShape>>;
type LaneGuards = z.infer<z.ZodObject<typeof laneGuardsShape>>;

const SCALARS = ["maxFiles", "maxFileBytes", "maxCommands", "secrets"] as const;

/** What holds in a lane. */
export function guardsOf(policy: PolicyGuards, lane: LaneGuards | undefined): Guards {
  return {
    commands: joined(policy.commands, lane?.commands),
    maxFiles: lane?.maxFiles ?? policy.maxFiles,
    maxFileBytes: lane?.maxFileBytes ?? policy.maxFileBytes,
    maxCommands: lane?.maxCommands ?? policy.maxCommands,
    secrets: lane?.secrets ?? policy.secrets,
  };
}

function joined(all: Commands, lane: Commands | undefined): CommandRules {
  const allow = [all.allow, lane?.allow].filter((list) => list !== undefined);
  return { deny: [...all.deny, ...(lane?.deny ?? [])], allow };
}

/** The tree's guards for all lanes, held to the accepted ones; what would be looser is added to `pending`. */
export function holdGuards(accepted: PolicyGuards, wanted: PolicyGuards, pending: string[]): PolicyGuards {
  const held = stricter(accepted, wanted);
  for (const key of SCALARS)
    if (held[key] !== wanted[key]) pending.push(`policy.${key}: ${accepted[key]} → ${wanted[key]}`);
  return { ...held, commands: holdCommands("policy", accepted.commands, wanted.commands, pending) };
}

/** What two configurations say of a lane, undefined where it is not named, and what they say of all lanes. */
export interface LaneWish {
  readonly was: LaneGuards | undefined;
  readonly is: LaneGuards | undefined;
  readonly accepted: PolicyGuards;
  readonly wanted: PolicyGuards;
  /** What was made of the two for all lanes. */
  readonly held: PolicyGuards;
}

/** The same for one lane: no more than it had, whether its own settings gave it that or those for all. */
export function holdLaneGuards(lane: string, wish: LaneWish, pending: string[]): LaneGuards {
  const { was, is, accepted, wanted, held } = wish;
  const [had, asks] = [guardsOf(accepted, was), guardsOf(wanted, is)];
  const gets = stricter(had, asks);
  const isOwn = (key: (typeof SCALARS)[number]) => is?.[key] !== undefined || gets[key] !== held[key];
  for (const key of SCALARS) {
    const named = was?.[key] !== undefined || is?.[key] !== undefined;
    // What is looser for all lanes is told once, for all.
    if (named && gets[key] !== asks[key]) pending.push(`lanes.${lane}.${key}: ${had[key]} → ${asks[key]}`);
  }
  const noRules: Commands = { deny: [] };
  const commands =
    was?.commands === undefined && is?.commands === undefined
      ? undefined
      : holdCommands(`lanes.${lane}`, was?.commands ?? noRules, is?.commands ?? noRules, pending);
  return {
    ...(commands === undefined ? {} : { commands }),
    ...(isOwn("maxFiles") ? { maxFiles: gets.maxFiles } : {}),
    ...(isOwn("maxFileBytes") ? { maxFileBytes: gets.maxFileBytes } : {}),
    ...(isOwn("maxCommands") ? { maxCommands: gets.maxCommands } : {}),
    ...(isOwn("secrets") ? { secrets: gets.secrets } : {}),
  };
}

type Scalars = Pick<Guards, (typeof SCALARS)[number]>;

function stricter(a: Scalars, b: Scalars): Scalars {
  return {
    maxFiles: Math.min(a.maxFiles, b.maxFiles),
    maxFileBytes: Math.min(a.maxFileBytes, b.maxFileBytes),
    maxCommands: Math.min(a.maxCommands, b.maxCommands),
    secrets: a.secrets === "refuse" ? a.secrets : b.secrets,
  };
}

/** Every denial of either; what both allow. A denial that is gone and a permission that is new are looser. */
function holdCommands(where: string, accepted: Commands, wanted: Commands, pending: string[]): Commands {
  const lost = without(accepted.deny, wanted.deny);
  if (lost.length > 0) pending.push(`${where}.commands.deny: − ${textOf(lost)}`);
  const deny = [...wanted.deny, ...lost];
  if (accepted.allow === undefined) return { deny, ...(wanted.allow === undefined ? {} : { allow: wanted.allow }) };
  if (wanted.allow === undefined) {
    pending.push(`${where}.commands.allow: the list is gone, everything would be allowed`);
    return { deny, allow: accepted.allow };
  }
  const added = without(wanted.allow, accepted.allow);
  if (added.length > 0) pending.push(`${where}.commands.allow: + ${textOf(added)}`);
  return { deny, allow: without(wanted.allow, added) };
}

function without(list: readonly CommandPattern[], others: readonly CommandPattern[]): CommandPattern[] {
  const patterns = new Set(others.map(({ pattern }) => pattern));
  return list.filter(({ pattern }) => !patterns.has(pattern));
}

function textOf(list: readonly CommandPattern[]): string {
  return list.map(({ pattern }) => pattern).join(", ");
}
