/** What `wo status` tells: first what needs a person, then who does what, then the orders. Plain data, for any view. */
import { join } from "node:path";
import type { LaneMode } from "../orders/lane-rules.ts";
import { isResting, type Status as OrderStatus } from "../orders/status.ts";
import { isoTime } from "../platform/clock.ts";
import type { Files } from "../platform/files.ts";
import { typedWord } from "../platform/shell.ts";
import { AGENTS, type Agent } from "../records/agents.ts";
import type { Books } from "../records/books.ts";
import { NO_COMPONENTS } from "../records/components.ts";
import type { OrderIndex } from "../records/order-index.ts";
import type { OrderRecord } from "../records/order-record.ts";
import { approvalOf, progressOf, troubleOf } from "../records/state-file.ts";
import type { BoundBase } from "./base.ts";
import { configProblemText, laneRules } from "./config.ts";
import type { Housekeeping } from "./housekeeping.ts";
import type { Parts } from "./parts.ts";
import type { Runtime } from "./runtime.ts";
import type { Settings } from "./settings.ts";
import type { Signs } from "./signs.ts";

const NEEDS_SHOWN = 20;
const ORDERS_SHOWN = 15;
const FAILED_SHOWN_MS = 24 * 3_600_000;

/** Something that a person has to look at, since when, and what to type. */
export interface Need {
  readonly what: string;
  readonly since: string;
  readonly next: string;
}

export interface WorkerStatus {
  readonly name: Agent;
  readonly doing: string;
  /** How much waits for it. */
  readonly waiting: number;
  /** ISO time of the last thing that it told; "" before the first. */
  readonly lastSign: string;
}

export interface OrderLine {
  readonly id: string;
  readonly lane: string;
  readonly title: string;
  readonly status: OrderStatus;
  readonly priority: string;
  readonly progress: number;
  readonly updated: string;
  readonly detail: string;
}

export interface LaneStatus {
  readonly name: string;
  readonly mode: LaneMode;
  readonly waiting: number;
  readonly running: number;
}

export interface Status {
  readonly base: string;
  readonly vault: string;
  /** All of it as last measured; without a daemon, and before the first measure, only its ledger. */
  readonly vaultBytes: number;
  readonly isVaultMeasured: boolean;
  readonly daemon: Runtime | undefined;
  readonly needs: readonly Need[];
  readonly workers: readonly WorkerStatus[];
  readonly lanes: readonly LaneStatus[];
  readonly counts: Readonly<Record<OrderStatus, number>>;
  readonly orders: readonly OrderLine[];
  /** What holds as long as the configuration does. */
  readonly notes: readonly string[];
  readonly ledgerSeq: number;
}

export interface StatusSource {
  readonly files: Files;
  readonly base: BoundBase;
  readonly index: OrderIndex;
  readonly runtime: Runtime | undefined;
  readonly nowMs: number;
  /** Only in a daemon that works. */
  readonly live?: {
    readonly books: Books;
    readonly parts: Parts;
    readonly settings: Settings;
    readonly signs: Signs;
    readonly housekeeping: Housekeeping;
  };
}

/** Why intake is paused, and what a person can do about it, by the pause's reason. */
const PAUSES: Readonly<Record<string, { readonly why: string; readonly next: string }>> = {
  base_missing: { why: "the base is gone", next: "mount its volume, or bring the folder back" },
  too_many_files: { why: "too many open files", next: "close what holds files open, or raise the limit" },
};
const DISK_PAUSE = { why: "no room on the disk", next: "free some space" };

function pauseOf(reason: string | undefined): { readonly why: string; readonly next: string } {
  return PAUSES[reason ?? ""] ?? DISK_PAUSE;
}

/** Gathers it. */
export function statusOf(source: StatusSource): Status {
  const { base, index, live } = source;
  const recent = index.recent();
  const open = index.open.filter(({ status }) => !isResting(status));
  const orders = [...open.toSorted((a, b) => (a.updatedTs < b.updatedTs ? 1 : -1)), ...recent].slice(0, ORDERS_SHOWN);
  return {
    base: base.path,
    vault: base.vault,
    vaultBytes: live?.housekeeping.vaultBytes ?? ledgerBytes(source),
    isVaultMeasured: live?.housekeeping.vaultBytes !== undefined,
    daemon: source.runtime,
    needs: needsOf(source).slice(0, NEEDS_SHOWN),
    workers: live === undefined ? [] : AGENTS.map((name) => workerOf(name, live)),
    lanes: live === undefined ? [] : lanesOf(live),
    counts: index.counts,
    orders: orders.map(orderLine),
    notes: live === undefined ? [] : live.parts.sandbox.notes(),
    ledgerSeq: index.head.seq,
  };
}

export function orderLine(record: OrderRecord): OrderLine {
  return {
    id: record.id,
    lane: record.lane,
    title: record.header.title,
    status: record.status,
    priority: record.header.priority,
    progress: progressOf(record),
    updated: record.updatedTs,
    detail: troubleOf(record),
  };
}

/** Of the ledger's files on disk. */
export function ledgerBytes({ files, base }: Pick<StatusSource, "files" | "base">): number {
  const folder = join(base.vault, "ledger");
  const sizes = (files.list(folder) ?? []).map(({ name }) => files.info(join(folder, name))?.sizeBytes ?? 0);
  return sizes.reduce((sum, bytes) => sum + bytes, 0);
}

function needsOf(source: StatusSource): Need[] {
  const { facts } = source.index;
  const paused =
    facts.paused === undefined
      ? []
      : [
          {
            what: `intake is paused: ${facts.paused.message}`,
            since: facts.paused.since,
            next: `${pauseOf(facts.paused.reason).next}; it resumes by itself`,
          },
        ];
  return [
    ...daemonNeeds(source),
    ...paused,
    ...driftNeeds(source),
    ...settingsNeeds(source),
    ...orderNeeds(source),
    ...fileNeeds(source),
  ];
}

/** Components that are not as they have to be. */
export function driftNeeds({ index }: Pick<StatusSource, "index">): Need[] {
  const { drifts } = index.facts.components ?? NO_COMPONENTS;
  return Object.entries(drifts).map(([path, { reason, message, since }]) => ({
    what: `${path} has drifted (${reason}): ${message}`,
    since,
    next: `wo why ${typedWord(path)}`,
  }));
}

/** Orders that wait for a person, and those that failed within a day. */
export function orderNeeds({ index, nowMs }: Pick<StatusSource, "index" | "nowMs">): Need[] {
  const failedAfter = isoTime(nowMs - FAILED_SHOWN_MS);
  const waiting = index.open
    .filter(({ status }) => status === "waiting")
    .map((record) => ({
      what: `${record.id} ${troubleOf(record)}`,
      since: record.updatedTs,
      next: approvalOf(record) ?? `wo show ${record.id}`,
    }));
  const failed = index
    .recent()
    .filter(({ status, restedTs }) => status === "failed" && (restedTs ?? "") > failedAfter)
    .map((record) => ({
      what: `${record.id} failed: ${troubleOf(record)}`,
      since: record.restedTs ?? record.updatedTs,
      next: `wo show ${record.id}`,
    }));
  return [...waiting, ...failed];
}

function daemonNeeds({ runtime }: StatusSource): Need[] {
  if (runtime?.state === "running") return [];
  const next = runtime?.hint ?? "wo daemon start";
  const what =
    runtime?.state === "refused"
      ? `the daemon refuses to work: ${runtime.reason ?? "unknown"}`
      : "no daemon runs: orders stay in the inbox";
  const since = runtime?.state === "refused" ? runtime.since : runtime?.heartbeat;
  return [{ what, since: since ?? "", next }];
}

function settingsNeeds({ live, nowMs }: StatusSource): Need[] {
  if (live === undefined) return [];
  const since = isoTime(nowMs);
  const { settings, parts } = live;
  const broken = settings.problems.map((problem) => ({
    what: `${configProblemText(problem)}; the last accepted one is in effect`,
    since,
    next: "mend the file",
  }));
  const pending = settings.pending.map((wish) => ({
    what: `the configuration asks for more than was accepted: ${wish}`,
    since,
    next: "wo config accept",
  }));
  const faults = parts.intake.faults.map(({ lane, message }) => ({
    what: `lane ${lane} is not read: ${message}`,
    since,
    next: "mend its owner or mode",
  }));
  return [...broken, ...pending, ...faults];
}

/** Files that were refused or passed over, as long as they are still there. */
export function fileNeeds({ files, base, index }: Pick<StatusSource, "files" | "base" | "index">): Need[] {
  const { rejected, ignored } = index.facts;
  const refused = rejected.toReversed().flatMap(({ ts, lane, name, reason }) => {
    const path = join("bridge", "error", lane, name);
    return files.info(join(base.path, path)) === undefined
      ? []
      : [{ what: `${lane}/${name} was rejected: ${reason}`, since: ts, next: `wo check ${typedWord(path)}` }];
  });
  const passedOver = ignored.toReversed().flatMap(({ ts, lane, name, reason }) => {
    const path = join("bridge", "inbox", lane, name);
    return files.info(join(base.path, path)) === undefined
      ? []
      : [{ what: `${lane}/${name} is no order: ${reason}`, since: ts, next: `rename or remove ${typedWord(path)}` }];
  });
  return [...refused, ...passedOver];
}

type Live = NonNullable<StatusSource["live"]>;

function workerOf(name: Agent, { parts, signs, books }: Live): WorkerStatus {
  const { line, intake, views, pressure } = parts;
  const { running, waiting } = line.lanes;
  const withFiles = waiting.filter(({ order }) => order.files.length > 0).length;
  const names = (jobs: typeof running) =>
    jobs
      .map(({ id }) => id)
      .slice(0, 3)
      .join(", ");
  const writing = running.filter(({ order }) => order.files.length > 0);
  const executing = running.filter(({ order }) => order.steps.length > 0);
  const lastSign = signs.lastOf(name);
  switch (name) {
    case "json_wo_processor": {
      const doing = pressure.isPaused
        ? `paused: ${pauseOf(books.index.facts.paused?.reason).why}`
        : `watching ${intake.lanes.length} lanes`;
      return { name, doing, waiting: intake.seen, lastSign };
    }
    case "apply_patch_processor":
      return {
        name,
        doing: writing.length === 0 ? "idle" : `applying ${names(writing)}`,
        waiting: withFiles,
        lastSign,
      };
    case "wo_executor":
      return {
        name,
        doing: executing.length === 0 ? "idle" : `running ${names(executing)}`,
        waiting: waiting.length,
        lastSign,
      };
    case "followup_tracker":
      return { name, doing: views.behind === 0 ? "up to date" : "writing views", waiting: views.behind, lastSign };
    case "wo_pipeline_guardrail":
      return { name, doing: guardrailDoing(books.index), waiting: driftNeeds(books).length, lastSign };
  }
}

function guardrailDoing(index: OrderIndex): string {
  const { guarded, drifts } = index.facts.components ?? NO_COMPONENTS;
  const [count, wrong] = [Object.keys(guarded).length, Object.keys(drifts).length];
  if (wrong > 0) return `${wrong} of ${count} components have drifted`;
  return count === 0 ? "watching the daemon's own folders" : `watching ${count} components`;
}

function lanesOf({ parts, settings }: Live): LaneStatus[] {
  const { running, waiting } = parts.line.lanes;
  const count = (jobs: typeof running, name: string) =>
    jobs.filter(({ lane }) => lane.toLowerCase() === name.toLowerCase()).length;
  return parts.intake.lanes.map(({ name }) => ({
    name,
    mode: laneRules(settings.config, name).mode,
    waiting: count(waiting, name),
    running: count(running, name),
  }));
}
