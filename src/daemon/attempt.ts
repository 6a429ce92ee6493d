/**
 * One attempt at an order: its files in one plan, then its commands, then its checks, in the order's own order. What the
 * ledger knows to be done already is not done again: starting afresh, going on after a crash and trying again are the
 * same way through here.
 */
import type { Failure } from "../orders/status.ts";
import { type Clock, repeat } from "../platform/clock.ts";
import { assert, BridgeError } from "../platform/errors.ts";
import type { Files } from "../platform/files.ts";
import { OpenFolders } from "../platform/folder.ts";
import { ok, type Result } from "../platform/result.ts";
import { type ApplyRequest, keepPlan, type StagedPlan, stagePlan } from "../processors/apply-patch.ts";
import {
  adoptStep,
  type ExecutorTools,
  endStep,
  failureOfStep,
  prepareStep,
  type StepEnd,
  type StepOf,
} from "../processors/executor.ts";
import { findPlace, type PlaceRules } from "../processors/places.ts";
import { type PlanRequest, planFiles } from "../processors/plan.ts";
import type { Event, Notice, PlannedFile, StepStarted } from "../records/events.ts";
import { changeOfFile, type OrderRecord } from "../records/order-record.ts";
import { readEntryAt } from "../records/segments.ts";
import type { Vault } from "../records/vault.ts";
import type { Journal } from "./journal.ts";
import type { Job } from "./lanes.ts";

const HEARTBEAT_MS = 30_000;
const START_TRIES = 3;

export interface AttemptTools {
  readonly files: Files;
  readonly clock: Clock;
  readonly vault: Vault;
  readonly executor: ExecutorTools;
  /** Where the orders of a lane may write. */
  readonly placeRules: (lane: string) => PlaceRules;
  readonly notice: (notice: Notice) => void;
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

interface Ref {
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

  const files = await carryOutFiles(tools, attempt, ref, resumed);
  if (!files.ok) return failed(ref, files.error);

  let optionalFailures = 0;
  for (const [index, step] of job.order.steps.entries()) {
    const { cancel, leaving } = attempt.wishes;
    if (cancel !== undefined) return { event: "wo_canceled", ...ref, ...cancel };
    if (leaving) return leave(journal);
    const end = await carryOutStep(tools, attempt, { ...ref, index, step }, resumed?.steps[index]);
    if (end === "unknown") return "interrupted";
    if (end === "left") return leave(journal);
    const { cancel: canceled } = attempt.wishes;
    if (canceled !== undefined && (end === "never ran" || !end.ok))
      return { event: "wo_canceled", ...ref, ...canceled };
    assert(end !== "never ran", "a command that nobody canceled is run");
    if (!end.ok && !end.optional) return failed(ref, failureOfStep(end));
    if (!end.ok) optionalFailures += 1;
  }
  const late = sourceFault(tools.files, job);
  if (late !== undefined) return failed(ref, late);
  const steps = job.order.steps.length;
  return { event: "wo_completed", ...ref, changed: files.value, steps, optional_failures: optionalFailures };
}

function failed(ref: Ref, failure: Failure): Event {
  return { event: "wo_failed", ...ref, ...failure };
}

/** What is done so far is recorded before the order is left to the next daemon. */
async function leave(journal: Journal): Promise<"left"> {
  await journal.commit();
  return "left";
}

/** Whoever wrote the order went on writing after it was taken: what was accepted is not what they meant. */
function sourceFault(files: Files, { source }: Job): Failure | undefined {
  const info = files.info(source.path);
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
    const { base } = tools.placeRules(attempt.job.lane);
    const staging = { folders, vault: tools.vault, base };
    // MAY RUN TWICE: after a crash the same plan is applied again, and files at their after are left alone.
    const staged = planIsOurs
      ? ok(await stagePlan({ ...staging, plan: loadPlan(tools, resumed), begun: true }))
      : await makePlan(tools, attempt, ref, staging);
    if (!staged.ok) return staged;
    const applied = await staged.value?.finish();
    if (applied === undefined) return ok(0);
    if (!applied.ok) return applied;
    attempt.journal.add({ event: "patch_applied", ...ref, changed: applied.value.changed });
    return ok(applied.value.changed);
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
  const plan = await keepPlan(tools.vault, changes.value, `${job.arrival.split("~", 1)[0] ?? ""}-${ref.attempt}`);
  if (plan.length === 0) return ok(undefined);
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

/** Runs one command, or follows the one that an earlier daemon started, or takes its end from the ledger. */
async function carryOutStep(
  tools: AttemptTools,
  { journal, wishes }: Attempt,
  of: StepOf,
  known: OrderRecord["steps"][number] | undefined,
): Promise<StepEnd | "left"> {
  const ref = { wo_id: of.wo_id, lane: of.lane, attempt: of.attempt };
  if (known?.finished !== undefined) return { event: "step_finished", ...ref, ...known.finished };
  const started = known?.started;
  let end: StepEnd = "never ran";
  if (started !== undefined) end = await follow(tools, wishes, started, () => adoptStep(tools.executor, of, started));
  for (let tries = 0; end === "never ran"; tries += 1) {
    if (tries === START_TRIES)
      throw new BridgeError("RUNNER_FAILED", `${of.step.name} ended before it was let go, ${tries} times`);
    if (wishes.leaving) return "left";
    const prepared = await prepareStep(tools.executor, of);
    try {
      await journal.commit(prepared.started);
    } catch (thrown) {
      prepared.drop();
      throw thrown;
    }
    if (wishes.cancel !== undefined) {
      prepared.drop();
      return end;
    }
    // The command runs from here on: its pid is in the ledger, whatever happens to this process.
    end = await follow(tools, wishes, prepared.started, () => prepared.go());
    if (end === "unknown") await endStep(tools.executor, prepared.started);
  }
  if (end !== "unknown") journal.add(end);
  return end;
}

async function follow<T>(tools: AttemptTools, wishes: Wishes, started: StepStarted, run: () => Promise<T>): Promise<T> {
  const done = new AbortController();
  const startMs = tools.clock.elapsed();
  void repeat(tools.clock, HEARTBEAT_MS, done.signal, async () => {
    const running = Math.round(tools.clock.elapsed() - startMs);
    tools.notice({ event: "step_heartbeat", wo_id: started.wo_id, step: started.step, running_ms: running });
  });
  wishes.step = started;
  try {
    return await run();
  } finally {
    wishes.step = undefined;
    done.abort();
  }
}
