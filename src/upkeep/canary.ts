/**
 * The health check: one unique order through the whole line, and then a look at everything that has to be there: the
 * file, the state, both telemetry events, the result. Nothing is called healthy that was not seen. Each canary has a
 * file of its own, gone once it was seen: any number of them may be on their way.
 */
import { join } from "node:path";
import type { Clock } from "../platform/clock.ts";
import { isoTime } from "../platform/clock.ts";
import type { Files } from "../platform/files.ts";
import { randomName } from "../platform/ids.ts";
import { ReadFile } from "../platform/read-file.ts";
import { isRecord, parseJson } from "../platform/result.ts";

const TELEMETRY_BYTES = 1024 * 1024;
const VIEWS_MS = 3000;
const POLL_MS = 10;

export interface CanaryTools {
  readonly files: Files;
  readonly clock: Clock;
  /** Real path of the base. */
  readonly base: string;
  readonly lane: string;
  /** Drops the order's text into the lane under the name, whole. */
  readonly drop: (name: string, text: string) => Promise<void>;
  /** Resolves with the status in which the order came to rest; undefined when it did not in time. */
  readonly follow: (id: string) => Promise<string | undefined>;
}

export interface CanaryReport {
  readonly woId: string;
  readonly passed: boolean;
  readonly totalMs: number;
  /** What was seen, with milliseconds since the drop. */
  readonly stages: readonly { readonly stage: string; readonly atMs: number }[];
  /** What was not as it has to be. */
  readonly problems: readonly string[];
}

interface Canary {
  readonly woId: string;
  readonly path: string;
  readonly content: string;
}

/** Sends a canary through. */
export async function runCanary(tools: CanaryTools): Promise<CanaryReport> {
  const { clock } = tools;
  const woId = `WO-CANARY-${isoTime(clock.now()).replace(/[-:.]/g, "")}-${randomName()}`;
  const canary: Canary = { woId, path: `tmp/wo-canary/${woId}.txt`, content: `canary ${woId}\n` };
  const droppedMs = clock.now();
  const startMs = clock.elapsed();
  await tools.drop(`${woId}.json`, orderText(canary));
  const status = await tools.follow(woId);
  const totalMs = Math.round(clock.elapsed() - startMs);
  const problems =
    status === "done"
      ? []
      : [status === undefined ? "it did not come to rest in time" : `it came to rest as ${status}`];
  problems.push(...fileProblems(tools, canary), ...(await viewProblems(tools, canary)));
  const told = telemetryOf(tools, woId).map(({ event, ts }) => ({
    stage: event,
    atMs: Math.max(0, Date.parse(ts) - droppedMs),
  }));
  return {
    woId,
    passed: problems.length === 0,
    totalMs,
    stages: [...told, { stage: "seen at rest", atMs: totalMs }],
    problems,
  };
}

function orderText({ woId, path, content }: Canary): string {
  const order = {
    wo_id: woId,
    title: "Canary: is the line open?",
    priority: "P0",
    owner: "wo canary",
    tags: ["canary"],
    files: [{ path, content }],
  };
  return `${JSON.stringify(order, undefined, 2)}\n`;
}

/** Looks at the file and, when it is as it has to be, removes it. */
function fileProblems({ files, base }: CanaryTools, { path, content }: Canary): string[] {
  const found = files.read(join(base, path))?.toString("utf8");
  if (found !== content) return [`${path} ${found === undefined ? "is not there" : "holds something else"}`];
  files.remove(join(base, path));
  return [];
}

/** Views are written a moment after the fact: they are given that moment. */
async function viewProblems(tools: CanaryTools, { woId }: Canary): Promise<string[]> {
  const { clock } = tools;
  const endMs = clock.elapsed() + VIEWS_MS;
  for (;;) {
    const problems = [...stateProblems(tools, woId), ...telemetryProblems(tools, woId), ...resultProblems(tools, woId)];
    if (problems.length === 0 || clock.elapsed() > endMs) return problems;
    await clock.sleep(POLL_MS);
  }
}

function stateProblems({ files, base }: CanaryTools, woId: string): string[] {
  const path = join("g", "followup", "state", `${woId}.json`);
  const state = parseJson(files.read(join(base, path))?.toString("utf8") ?? "");
  if (!isRecord(state)) return [`${path} is not there`];
  return state["status"] === "done" ? [] : [`${path} says ${String(state["status"])}`];
}

function telemetryProblems(tools: CanaryTools, woId: string): string[] {
  const events = telemetryOf(tools, woId).map(({ event }) => event);
  const wanted = ["wo_started", "wo_completed"];
  return wanted.flatMap((event) => {
    const count = events.filter((one) => one === event).length;
    return count === 1 ? [] : [`telemetry tells ${event} ${count} times`];
  });
}

function resultProblems({ files, base, lane }: CanaryTools, woId: string): string[] {
  const path = join("bridge", "outbox", lane, `${woId}_result.yaml`);
  const result = files.read(join(base, path))?.toString("utf8");
  if (result === undefined) return [`${path} is not there`];
  return result.includes("\nstatus: done\n") ? [] : [`${path} does not say done`];
}

/** The order's lines in the newest part of telemetry. */
function telemetryOf({ files, base }: CanaryTools, woId: string): { readonly event: string; readonly ts: string }[] {
  const path = join(base, "g", "telemetry", "unified.jsonl");
  const info = files.info(path);
  if (info === undefined) return [];
  const file = new ReadFile(files.disk, path);
  const text = file.range(Math.max(0, info.sizeBytes - TELEMETRY_BYTES), TELEMETRY_BYTES).toString("utf8");
  file.close();
  return text.split("\n").flatMap((line) => {
    const value = line.includes(woId) ? parseJson(line) : undefined;
    if (!isRecord(value) || typeof value["event"] !== "string" || typeof value["ts"] !== "string") return [];
    return value["wo_id"] === woId ? [{ event: value["event"], ts: value["ts"] }] : [];
  });
}
