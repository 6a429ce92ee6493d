/**
 * The configuration: one schema, read once, frozen. What the tree says may be stricter than what a person accepted,
 * never looser: whoever can write to the tree (a pull, an agent, an order) must not widen what orders may do.
 */
import { z } from "zod";
import { Collector } from "../orders/collector.ts";
import { decode, openDocument } from "../orders/document.ts";
import { valueAt } from "../orders/header.ts";
import {
  LANE_MODES,
  type LaneMode,
  type LaneRules,
  SANDBOX_WISHES,
  type SandboxWish,
  SIGNATURE_WISHES,
} from "../orders/lane-rules.ts";
import type { Problem } from "../orders/problems.ts";
import { err, ok, type Result } from "../platform/result.ts";
import { guardrailSchema, holdGuardrail } from "./guardrail-config.ts";
import { guardsOf, guardsShape, holdGuards, holdLaneGuards, laneGuardsShape } from "./guards.ts";

const MIB = 1024 * 1024;
const DEFAULT_PATH = "/opt/homebrew/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";

/** What runs gets no longer when the daemon is to stop: after 30 s its supervisor kills it, whatever is open then. */
const STOP_BUDGET_MAX_MS = 20_000;
/** When it kills itself after being told to stop, whatever hangs. */
export const STOP_LIMIT_MS = 25_000;

const count = (least: number, most: number) => z.number().int().min(least).max(most);
const milliseconds = count(0, 24 * 60 * 60 * 1000);

const intakeSchema = z.strictObject({
  settleMs: milliseconds.default(500),
  giveUpMs: milliseconds.default(2000),
  rescanMs: count(100, 3_600_000).default(5000),
  fromGit: z.enum(["hold", "run"]).default("hold"),
});
/** `example.com`, `*.example.com`, `example.com:8443`. */
const HOST = /^(?:\*\.)?[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?$/;
const laneSchema = z.strictObject({
  mode: z.enum(LANE_MODES).default("execute"),
  concurrency: count(1, 64).default(1),
  ...laneGuardsShape,
  /** Whether its orders have to be signed by somebody of allowed_signers. */
  signature: z.enum(SIGNATURE_WISHES).default("off"),
  sandbox: z.enum(SANDBOX_WISHES).default("on"),
  /** Hosts that its commands may reach from their sandbox; none by default. */
  network: z.array(z.string().regex(HOST)).default([]),
});
const commandsSchema = z.strictObject({
  timeoutMs: count(1, 24 * 60 * 60 * 1000).default(600_000),
  graceMs: count(1, 600_000).default(5000),
  outputMaxBytes: count(1024, 1024 * MIB).default(64 * MIB),
  path: z.string().min(1).default(DEFAULT_PATH),
  env: z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.string()).default({}),
});
const policySchema = z.strictObject({
  roots: z.array(z.string().min(1)).default([]),
  protect: z.array(z.string().min(1)).default([]),
  ...guardsShape,
});
const projectionsSchema = z.strictObject({
  followup: z
    .array(z.string().min(1))
    .default(["apps/dashboard/data/followup.json", "g/apps/dashboard/data/followup.json"]),
  staleAfterHours: z.number().positive().default(6),
});
const telemetrySchema = z.strictObject({
  maxBytes: count(64 * 1024, 4096 * MIB).default(64 * MIB),
  keep: count(0, 1000).default(8),
});
const notifySchema = z.strictObject({
  command: z.array(z.string()).default([]),
  minIntervalMs: milliseconds.default(1000),
});
const retentionSchema = z.strictObject({
  runsDays: count(1, 36_500).default(30),
  runsBytes: count(MIB, Number.MAX_SAFE_INTEGER).default(2048 * MIB),
  folderDays: count(1, 36_500).default(90),
  compressAfterDays: count(1, 36_500).default(30),
  /** What `wo undo` can count on: contents of orders at rest and of snapshots, for so long, and of so many orders. */
  vaultDays: count(0, 36_500).default(90),
  vaultOrders: count(0, 10_000_000).default(1000),
  /** Of all contents: with it the daemon prunes by itself, and no more than it takes. */
  vaultBytes: count(0, Number.MAX_SAFE_INTEGER).optional(),
});

export const configSchema = z.strictObject({
  version: z.literal(1).default(1),
  /** Lanes that run at the same time. */
  concurrency: count(1, 64).default(4),
  intake: intakeSchema.prefault({}),
  lanes: z.record(z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/), laneSchema.prefault({})).default({}),
  commands: commandsSchema.prefault({}),
  policy: policySchema.prefault({}),
  projections: projectionsSchema.prefault({}),
  telemetry: telemetrySchema.prefault({}),
  guardrail: guardrailSchema.prefault({}),
  notify: notifySchema.prefault({}),
  retention: retentionSchema.prefault({}),
  // Asking for more is no mistake that would have to keep a daemon from starting.
  stopBudgetMs: count(0, 600_000)
    .default(STOP_BUDGET_MAX_MS)
    .transform((ms) => Math.min(ms, STOP_BUDGET_MAX_MS)),
});

export type Config = z.infer<typeof configSchema>;

export const DEFAULT_CONFIG: Config = Object.freeze(configSchema.parse({}));

const EXAMPLE = { ...DEFAULT_CONFIG, lanes: { CLC: laneSchema.parse({}) } };

/** Reads wo-bridge.yaml: the configuration, or every problem with its place. A file of comments only is the default. */
export function readConfig(bytes: Uint8Array): Result<Config, readonly Problem[]> {
  const text = decode(bytes);
  if (!text.ok) return text.error.code === "empty_order" ? ok(DEFAULT_CONFIG) : err([text.error]);
  if (text.value.split("\n").every((line) => /^\s*(?:#.*)?$/.test(line))) return ok(DEFAULT_CONFIG);
  const document = openDocument(text.value);
  if (!document.ok) return document;
  const problems = new Collector(document.value);
  const config = problems.read(configSchema, document.value.data, []);
  return config === undefined ? err(problems.problems.map(withExample)) : ok(Object.freeze(config));
}

/** One line: where, which key, what was got and wanted, and how it is written. */
export function configProblemText({ place, key, message, hint }: Problem): string {
  const where = `wo-bridge.yaml:${place?.line ?? 1}:${place?.column ?? 1}`;
  return `${where}  ${key === undefined || key === "" ? "" : `${key}: `}${message}${hint === undefined ? "" : ` (${hint})`}`;
}

/** What a key would look like, out of the defaults. */
function withExample(problem: Problem): Problem {
  if (problem.hint !== undefined || problem.key === undefined) return problem;
  const key = problem.key.replace(/^lanes\.[^.]+/, "lanes.CLC");
  const value = valueAt(EXAMPLE, key.split("."));
  if (value === undefined) return problem;
  return { ...problem, hint: `for example ${key.split(".").at(-1) ?? key}: ${JSON.stringify(value)}` };
}

const UNNAMED_LANE = Object.freeze(laneSchema.parse({}));

/** What holds in a lane. */
export interface LaneSettings extends LaneRules {
  readonly concurrency: number;
  readonly sandbox: SandboxWish;
  /** Hosts that its commands may reach from their sandbox. */
  readonly network: readonly string[];
}

/** What a lane's orders may do. A lane that no configuration names executes, sandboxed where that works; ENTRY only passes on. */
export function laneRules(config: Config, lane: string): LaneSettings {
  const named = laneSettings(config, lane);
  const unnamed = { ...UNNAMED_LANE, mode: lane.toLowerCase() === "entry" ? ("route" as const) : ("execute" as const) };
  const { mode, concurrency, signature, sandbox, network } = named ?? unnamed;
  return { mode, concurrency, signature, sandbox, network, guards: guardsOf(config.policy, named) };
}

function laneSettings(config: Config, lane: string): Config["lanes"][string] | undefined {
  return Object.entries(config.lanes).find(([name]) => name.toLowerCase() === lane.toLowerCase())?.[1];
}

export interface EffectiveConfig {
  readonly config: Config;
  /** Wishes of the tree that a person has to accept first, one line each. */
  readonly pending: readonly string[];
}

/** The tree's configuration, held to what was accepted. */
export function holdTo(accepted: Config, wanted: Config): EffectiveConfig {
  const pending: string[] = [];
  const guards = holdGuards(accepted.policy, wanted.policy, pending);
  const lanes: Record<string, Config["lanes"][string]> = {};
  for (const lane of new Set([...Object.keys(accepted.lanes), ...Object.keys(wanted.lanes)])) {
    const [was, is] = [laneRules(accepted, lane), laneRules(wanted, lane)];
    const mode = stricterMode(was.mode, is.mode);
    if (mode !== is.mode) pending.push(`lanes.${lane}.mode: ${was.mode} → ${is.mode}`);
    const signature = was.signature === "required" ? was.signature : is.signature;
    if (signature !== is.signature) pending.push(`lanes.${lane}.signature: ${was.signature} → ${is.signature}`);
    const sandbox = stricterSandbox(was.sandbox, is.sandbox);
    if (sandbox !== is.sandbox) pending.push(`lanes.${lane}.sandbox: ${was.sandbox} → ${is.sandbox}`);
    const network = is.network.filter((host) => was.network.includes(host));
    const hosts = is.network.filter((host) => !was.network.includes(host));
    if (hosts.length > 0) pending.push(`lanes.${lane}.network: + ${hosts.join(", ")}`);
    const named = { was: laneSettings(accepted, lane), is: laneSettings(wanted, lane) };
    const wish = { ...named, accepted: accepted.policy, wanted: wanted.policy, held: guards };
    lanes[lane] = {
      mode,
      concurrency: is.concurrency,
      signature,
      sandbox,
      network,
      ...holdLaneGuards(lane, wish, pending),
    };
  }
  const addedRoots = wanted.policy.roots.filter((root) => !accepted.policy.roots.includes(root));
  if (addedRoots.length > 0) pending.push(`policy.roots: + ${addedRoots.join(", ")}`);
  const lostGuards = accepted.policy.protect.filter((glob) => !wanted.policy.protect.includes(glob));
  if (lostGuards.length > 0) pending.push(`policy.protect: − ${lostGuards.join(", ")}`);
  const fromGit = accepted.intake.fromGit === "hold" ? "hold" : wanted.intake.fromGit;
  if (fromGit !== wanted.intake.fromGit) pending.push("intake.fromGit: hold → run");
  const { path, env } = accepted.commands;
  if (!sameJson({ path, env }, { path: wanted.commands.path, env: wanted.commands.env }))
    pending.push("commands.path or commands.env changed");
  const keepsNotify = wanted.notify.command.length === 0 || sameJson(accepted.notify.command, wanted.notify.command);
  if (!keepsNotify) pending.push(`notify.command: ${wanted.notify.command.join(" ")}`);
  const guardrail = holdGuardrail(accepted.guardrail, wanted.guardrail, pending);
  const config = {
    ...wanted,
    lanes,
    guardrail,
    intake: { ...wanted.intake, fromGit },
    retention: holdRetention(accepted.retention, wanted.retention, pending),
    commands: { ...wanted.commands, path, env },
    policy: {
      roots: wanted.policy.roots.filter((root) => accepted.policy.roots.includes(root)),
      protect: [...new Set([...accepted.policy.protect, ...wanted.policy.protect])],
      ...guards,
    },
    notify: { ...wanted.notify, command: keepsNotify ? wanted.notify.command : accepted.notify.command },
  };
  return { config: Object.freeze(config), pending };
}

/** What the vault keeps is what undoes an order: the tree may have more of it kept, not less. */
function holdRetention(
  accepted: Config["retention"],
  wanted: Config["retention"],
  pending: string[],
): Config["retention"] {
  const vaultDays = Math.max(accepted.vaultDays, wanted.vaultDays);
  const vaultOrders = Math.max(accepted.vaultOrders, wanted.vaultOrders);
  const limits = [accepted.vaultBytes, wanted.vaultBytes].map((limit) => limit ?? Number.POSITIVE_INFINITY);
  const most = Math.max(...limits);
  const vaultBytes = most === Number.POSITIVE_INFINITY ? undefined : most;
  const held = { ...wanted, vaultDays, vaultOrders, vaultBytes };
  for (const key of ["vaultDays", "vaultOrders", "vaultBytes"] as const)
    if (held[key] !== wanted[key]) pending.push(`retention.${key}: ${accepted[key] ?? "no limit"} → ${wanted[key]}`);
  return held;
}

function stricterMode(a: LaneMode, b: LaneMode): LaneMode {
  return LANE_MODES.indexOf(a) < LANE_MODES.indexOf(b) ? a : b;
}

function stricterSandbox(a: SandboxWish, b: SandboxWish): SandboxWish {
  return SANDBOX_WISHES.indexOf(a) > SANDBOX_WISHES.indexOf(b) ? a : b;
}

function sameJson(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
