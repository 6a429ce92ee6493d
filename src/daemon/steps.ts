/**
 * The commands of one attempt: which of them run, how often each is tried, and who follows one that an earlier daemon
 * started. What the ledger knows of a step is not done again.
 */
import type { Failure } from "../orders/status.ts";
import { repeat } from "../platform/clock.ts";
import { assert, BridgeError } from "../platform/errors.ts";
import { adoptStep, endStep, failureOfStep, prepareStep, type StepEnd, type StepOf } from "../processors/executor.ts";
import type { StepStarted } from "../records/events.ts";
import type { OrderRecord } from "../records/order-record.ts";
import type { Attempt, AttemptEnd, AttemptTools, Ref, Wishes } from "./attempt.ts";
import type { Journal } from "./journal.ts";

const HEARTBEAT_MS = 30_000;
const START_TRIES = 3;
/** How soon a wait for the next try sees that the order was canceled. */
const WISH_POLL_MS = 100;

/** An attempt that is going on. `resumed`: what an earlier daemon did of it. */
export interface Going {
  readonly tools: AttemptTools;
  readonly attempt: Attempt;
  readonly ref: Ref;
  readonly resumed: OrderRecord | undefined;
}

type StepsEnd =
  | { readonly kind: "ended"; readonly end: AttemptEnd }
  | {
      readonly kind: "gone through";
      readonly run: number;
      /** Failures that do not fail the order. */
      readonly forgiven: number;
      readonly failure: Failure | undefined;
    };

/** Goes through one half of the order's steps; which of them run depends on how those before them ended, and on that only. */
export async function carryOutSteps(
  { tools, attempt, ref, resumed }: Going,
  half: "before files" | "after files",
): Promise<StepsEnd> {
  const { job, journal } = attempt;
  const ended = (end: AttemptEnd): StepsEnd => ({ kind: "ended", end });
  let [run, forgiven] = [0, 0];
  let failure: Failure | undefined;
  for (const [index, step] of job.order.steps.entries()) {
    const isDue = (step.when === "before") === (half === "before files");
    if (!isDue || step.when === (failure === undefined ? "failed" : "normal")) continue;
    const { cancel, leaving } = attempt.wishes;
    if (cancel !== undefined) return ended({ event: "wo_canceled", ...ref, ...cancel });
    if (leaving) return ended(await leave(journal));
    const end = await carryOutStep(tools, attempt, { ...ref, index, step, tried: 0 }, resumed?.steps[index]);
    if (end === "unknown") return ended("interrupted");
    if (end === "left") return ended(await leave(journal));
    const { cancel: canceled } = attempt.wishes;
    if (canceled !== undefined && (end === "never ran" || !end.ok))
      return ended({ event: "wo_canceled", ...ref, ...canceled });
    assert(end !== "never ran", "a command that nobody canceled is run");
    run += 1;
    if (end.ok) continue;
    if (end.optional || step.when === "failed") forgiven += 1;
    else failure ??= failureOfStep(end);
    if (failure !== undefined && half === "before files") break;
  }
  return { kind: "gone through", run, forgiven, failure };
}

/** What is done so far is recorded before the order is left to the next daemon. */
async function leave(journal: Journal): Promise<"left"> {
  await journal.commit();
  return "left";
}

/** Runs one command as often as it may be tried. */
async function carryOutStep(
  tools: AttemptTools,
  attempt: Attempt,
  of: StepOf,
  known: OrderRecord["steps"][number] | undefined,
): Promise<StepEnd | "left"> {
  const { journal, wishes } = attempt;
  const { count, delayMs } = of.step.retries ?? { count: 0, delayMs: 0 };
  const { wo_id, lane, attempt: number, index, step } = of;
  const ref = { wo_id, lane, attempt: number, step: index, name: step.name };
  for (let tried = known?.tried ?? 0, first = known; ; first = undefined) {
    const end = await carryOutTry(tools, attempt, { ...of, tried }, first);
    if (typeof end === "string" || end.ok || tried >= count || wishes.cancel !== undefined) return end;
    tried += 1;
    await journal.commit({ event: "step_retry_scheduled", ...ref, tried, tries: count + 1, delay_ms: delayMs });
    for (let leftMs = delayMs; leftMs > 0; leftMs -= WISH_POLL_MS) {
      if (wishes.leaving) return "left";
      if (wishes.cancel !== undefined) return "never ran";
      await tools.clock.sleep(Math.min(leftMs, WISH_POLL_MS));
    }
  }
}

/** Runs it once, or follows the one that an earlier daemon started, or takes its end from the ledger. */
async function carryOutTry(
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
