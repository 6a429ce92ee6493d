/**
 * One attempt at an order: its files in one plan, then its commands, then its checks, in the order's own order. What the
 * ledger knows to be done already is not done again: starting afresh, going on after a crash and trying again are the
 * same way through here.
 */
import { dropInfo } from "../bridge/folder-drop.ts";
import type { Failure } from "../orders/status.ts";
import type { Clock } from "../platform/clock.ts";
import { assert } from "../platform/errors.ts";
import type { Files } from "../platform/files.ts";
import { OpenFolders } from "../platform/folder.ts";
import { sha256 } from "../platform/ids.ts";
import { err, ok, type Result } from "../platform/result.ts";
import { type ApplyRequest, keepPlan, type StagedPlan, stagePlan } from "../processors/apply-patch.ts";
import type { ExecutorTools } from "../processors/executor.ts";
import { checkFiles } from "../processors/file-checks.ts";
import { findPlace, type PlaceRules } from "../processors/places.ts";
import { type PlanRequest, planFiles } from "../processors/plan.ts";
import { type Components, movedComponents } from "../records/components.ts";
import type { Event, Notice, PlannedFile, StepStarted } from "../records/events.ts";
import { changeOfFile, type OrderRecord, orderKey } from "../records/order-record.ts";
import { readEntryAt } from "../records/segments.ts";
import type { Vault } from "../records/vault.ts";
import type { Journal } from "./journal.ts";
import type { Job } from "./lanes.ts";
import { carryOutSteps } from "./steps.ts";

export interface AttemptTools {
  readonly files: Files;
  readonly clock: Clock;
  readonly vault: Vault;
  readonly executor: ExecutorTools;
  /** Where the orders of a lane may write. */
  readonly placeRules: (lane: string) => PlaceRules;
  readonly notice: (notice: Notice) => void;
  /** What is guarded now. */
  readonly components: () => Components;
}

/** What is asked of an order while it runs, looked at between its steps; and what can be told of it meanwhile. */
export interface Wishes {
  attempt: number;
  /** How often folders vanished under it. */
  vanished: number;
  /** Set when somebody canceled the order. */
  cancel: { readonly by: string; readonly reason: string } | undefined;
  /** The daemon is stopping: nothing new is begun, what runs is left to the next daemon. */
  leaving: boolean;
  /** The command that runs, for whoever cancels. */
  step: StepStarted | undefined;
}

export interface Attempt {
  readonly job: Job;
  readonly journal: Journal;
  /** What the ledger knows; undefined for an order whose acceptance is not durable yet. */
  readonly known: OrderRecord | undefined;
  /** Begin a new attempt, although one is running. */
  readonly anew: boolean;
  readonly wishes: Wishes;
}

/** `left`: the next daemon goes on. `interrupted`: a command's end is unknown; none of its processes is left. */
export type AttemptEnd = Event | "left" | "interrupted";

/** Which attempt. */
export interface Ref {
  readonly wo_id: string;
  readonly lane: string;
  readonly attempt: number;
}

/** Carries the order out as far as it goes; returns the event that ends it, not recorded yet. */
export async function attemptOrder(tools: AttemptTools, attempt: Attempt): Promise<AttemptEnd> {
  const { job, journal } = attempt;
  const resumed = attempt.known?.status === "running" && !attempt.anew ? attempt.known : undefined;
  const ref: Ref = { wo_id: job.id, lane: job.lane, attempt: resumed?.attempt ?? (attempt.known?.attempt ?? 0) + 1 };
  attempt.wishes.attempt = ref.attempt;
  if (resumed === undefined) journal.add({ event: "wo_started", ...ref });

  // An order that is being accepted just now was compared when it was claimed.
  const early = attempt.known === undefined ? undefined : sourceFault(tools.files, job);
  if (early !== undefined) return failed(ref, early);
  if (job.order.dryRun) return dryRun(tools, attempt, ref);
  const missing = resumed === undefined ? missingVariables(tools.executor, job.order.requires) : undefined;
  if (missing !== undefined) return failed(ref, missing);

  const before = await carryOutSteps({ tools, attempt, ref, resumed }, "before files");
  if (before.kind === "ended") return before.end;
  if (before.failure !== undefined) return failed(ref, before.failure);
  const files = await carryOutFiles(tools, attempt, ref, resumed);
  if (!files.ok) return failed(ref, files.error);
  // What the commands make of these files is their business.
  const isPast = job.order.steps.some(({ when }, index) => when !== "before" && resumed?.steps[index] !== undefined);
  const unproved = isPast ? undefined : await checkFiles(tools.files, job.order.checks, tools.placeRules(job.lane));
  if (unproved !== undefined) return failed(ref, unproved);
  const after = await carryOutSteps({ tools, attempt, ref, resumed }, "after files");
  if (after.kind === "ended") return after.end;
  if (after.failure !== undefined) return failed(ref, after.failure);

  const late = sourceFault(tools.files, job);
  if (late !== undefined) return failed(ref, late);
  const [steps, optional_failures] = [before.run + after.run, before.forgiven + after.forgiven];
  return { event: "wo_completed", ...ref, changed: files.value, steps, optional_failures };
}

/** What the order needs of its commands' environment, and is not there. */
function missingVariables({ env }: ExecutorTools, required: readonly string[]): Failure | undefined {
  const missing = required.filter((name) => (env[name] ?? "") === "");
  if (missing.length === 0) return undefined;
  const message = `environment.required: ${missing.join(", ")} ${missing.length === 1 ? "is" : "are"} not set for commands`;
  return {
    class: "check_failed",
    code: "missing_environment",
    message,
    hint: "set it under commands.env in wo-bridge.yaml, then wo config accept",
  };
}

function failed(ref: Ref, failure: Failure): Event {
  return { event: "wo_failed", ...ref, ...failure };
}

/** Whoever wrote the order went on writing after it was taken: what was accepted is not what they meant. */
function sourceFault(files: Files, { source }: Job): Failure | undefined {
  const info = dropInfo(files, source.path);
  // Vanished is no trouble: the ledger has the source.
  if (info === undefined || (info.sizeBytes === source.sizeBytes && info.modifiedMs === source.modifiedMs))
    return undefined;
  const message = "the order's file was changed after it was accepted";
  return { class: "conflict", code: "source_changed", message, hint: "drop the whole order again under a new id" };
}

/** Plans and applies the order's files; how many were changed. */
async function carryOutFiles(
  tools: AttemptTools,
  attempt: Attempt,
  ref: Ref,
  resumed: OrderRecord | undefined,
): Promise<Result<number, Failure>> {
  if (attempt.job.order.files.length === 0) return ok(0);
  const planIsOurs = resumed?.plan !== undefined && resumed.plan.attempt === ref.attempt;
  if (planIsOurs && resumed.plan.applied) return ok(resumed.plan.changed);
  const folders = new OpenFolders(tools.files);
  try {
    const { base, home } = tools.placeRules(attempt.job.lane);
    const staging = { folders, vault: tools.vault, base };
    // MAY RUN TWICE: after a crash the same plan is applied again, and files at their after are left alone.
    const staged = planIsOurs
      ? ok(await stagePlan({ ...staging, plan: loadPlan(tools, resumed), begun: true }))
      : await makePlan(tools, attempt, ref, staging);
    if (!staged.ok) return staged;
    const applied = await staged.value?.finish();
    if (staged.value === undefined || applied === undefined) return ok(0);
    if (!applied.ok) return applied;
    const { changed } = applied.value;
    const components = movedComponents(tools.components(), { path: base, home }, staged.value.plan);
    attempt.journal.add({
      event: "patch_applied",
      ...ref,
      changed,
      ...(components.length === 0 ? {} : { components }),
    });
    return ok(changed);
  } finally {
    folders.close();
  }
}

/** Plans and stages; the plan is in the ledger when this resolves. Undefined when every file is as it is to be. */
async function makePlan(
  tools: AttemptTools,
  { job, journal, known }: Attempt,
  ref: Ref,
  staging: Omit<ApplyRequest, "plan" | "begun">,
): Promise<Result<StagedPlan | undefined, Failure>> {
  const previous = known?.plan === undefined ? [] : loadPlan(tools, known);
  const changes = await planFiles(staging.folders, { ...planBasis(tools, job), previous });
  if (!changes.ok) return changes;
  const plan = await keepPlan(tools.vault, changes.value, temporaryPrefix(ref));
  if (plan.length === 0) return ok(undefined);
  const guarded = guardedDeletion(tools, job, plan);
  if (guarded !== undefined) return err(guarded);
  // Side by side: the new contents are on the medium by the time the plan is.
  const planned = journal.commit({ event: "patch_planned", ...ref, files: plan });
  const [staged, committed] = await Promise.allSettled([stagePlan({ ...staging, plan, begun: false }), planned]);
  if (staged.status === "rejected") throw staged.reason;
  if (committed.status === "rejected") {
    staged.value.drop();
    throw committed.reason;
  }
  return ok(staged.value);
}

/** Why a plan must not be carried out: it takes a guarded file away, and the order does not say that it may. */
function guardedDeletion(
  { components, placeRules }: AttemptTools,
  { order, lane }: Job,
  plan: readonly PlannedFile[],
): Failure | undefined {
  if (order.allowDelete) return undefined;
  const { base, home } = placeRules(lane);
  const deleted = plan.filter(({ after }) => after === undefined);
  const [gone] = movedComponents(components(), { path: base, home }, deleted);
  if (gone === undefined) return undefined;
  return {
    class: "policy",
    code: "component_guarded",
    message: `${gone.path} is guarded, and the order would take it away`,
    hint: "`allow_delete: true` in the order lets it; or `wo guardrail release` it first",
  };
}

/**
 * Of the order, not of its claim: what was staged when a power cut undid the claim is written over when the order is taken
 * again.
 */
function temporaryPrefix({ wo_id, attempt }: Ref): string {
  return `${sha256(orderKey(wo_id)).slice(0, 20)}-${attempt}`;
}

function planBasis({ files, placeRules }: AttemptTools, { order, lane, places }: Job): Omit<PlanRequest, "previous"> {
  const rules = placeRules(lane);
  const place = (path: string) => {
    const known = places.get(path);
    return known === undefined ? findPlace(files, path, rules) : ok(known);
  };
  return { actions: order.files, rules, place };
}

function loadPlan(tools: AttemptTools, record: OrderRecord): readonly PlannedFile[] {
  assert(record.plan !== undefined, "a plan is loaded of an order that has one");
  const entry = readEntryAt(tools.files, tools.vault.ledger, record.plan.at);
  assert(entry?.event === "patch_planned" && entry.wo_id === record.id, "a record knows where its plan is");
  return entry.files;
}

async function dryRun(tools: AttemptTools, { job }: Attempt, ref: Ref): Promise<Event> {
  const folders = new OpenFolders(tools.files);
  const plan = await planFiles(folders, { ...planBasis(tools, job), previous: [] });
  folders.close();
  const commands = job.order.steps.map(({ name }) => name);
  if (!plan.ok) return { event: "wo_planned", ...ref, changes: [], commands, finding: plan.error };
  const changes = (await keepPlan(tools.vault, plan.value, "dry-run")).map(changeOfFile);
  return { event: "wo_planned", ...ref, changes, commands };
}
