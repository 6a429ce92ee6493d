/** When the guardrail said that all is well, and when it should have and did not. */
import { join } from "node:path";
import { isoTime } from "../../platform/clock.ts";
import type { Files } from "../../platform/files.ts";
import type { Span } from "../../platform/git-events.ts";
import { linesFromEnd } from "../../platform/lines-from-end.ts";
import { isRecord, parseJson } from "../../platform/result.ts";
import { type Budget, type Clue, spanText } from "./clues.ts";
import type { SourceReport } from "./sightings.ts";

const FOLDER = "g/telemetry";
const NAMES = /^unified(?:\.\d+)?\.jsonl$/;
const HEARTBEAT = '"wo_pipeline_healthy"';
/** So many periods may pass between two. */
const PERIODS = 2;

/** Times in milliseconds, sorted: those in the span, and what is found of up to two periods before it. */
export function heartbeatsIn(
  files: Files,
  base: string,
  { fromMs }: Span,
  { everyMs, budget }: { readonly everyMs: number; readonly budget: Budget },
): { readonly times: readonly number[]; readonly sources: readonly SourceReport[] } {
  const oldestMs = fromMs - PERIODS * everyMs;
  const names = (files.list(join(base, FOLDER)) ?? []).map(({ name }) => name).filter((name) => NAMES.test(name));
  if (names.length === 0) {
    const note = "there is no telemetry: what was told is gone, or nothing ever was";
    return { times: [], sources: [{ name: `${FOLDER}/unified.jsonl`, state: "unread", note }] };
  }
  const times: number[] = [];
  const sources: SourceReport[] = [];
  for (const name of names) {
    const path = join(base, FOLDER, name);
    if ((files.info(path)?.modifiedMs ?? 0) < oldestMs) continue;
    let isCut = false;
    for (const lines of budget.within(linesFromEnd(files, path), () => void (isCut = true))) {
      const found = lines.flatMap((line) => heartbeatOf(line) ?? []);
      times.push(...found.filter((wallMs) => wallMs >= oldestMs));
      if (found.some((wallMs) => wallMs < oldestMs)) break;
    }
    const place = `${FOLDER}/${name}`;
    if (isCut) sources.push({ name: place, state: "unread", note: "not all of it: the budget was used up" });
    else sources.push({ name: place, state: "read" });
  }
  return { times: times.toSorted((a, b) => a - b), sources };
}

function heartbeatOf(line: string): number | undefined {
  if (!line.includes(HEARTBEAT)) return undefined;
  const value = parseJson(line);
  const wallMs = isRecord(value) && typeof value["ts"] === "string" ? Date.parse(value["ts"]) : Number.NaN;
  return Number.isNaN(wallMs) ? undefined : wallMs;
}

/** Stretches in which none came for longer than two periods; `span` is when they were to come. */
export function heartbeatGaps(times: readonly number[], { fromMs, toMs }: Span, everyMs: number): readonly Clue[] {
  const first = times.findLast((wallMs) => wallMs <= fromMs) ?? fromMs;
  const marks = [first, ...times.filter((wallMs) => wallMs > fromMs && wallMs <= toMs), toMs];
  return marks.slice(1).flatMap((endMs, index): Clue[] => {
    const startMs = marks[index] ?? endMs;
    if (endMs - startMs <= PERIODS * everyMs) return [];
    const [start, end] = [isoTime(startMs), isoTime(endMs)];
    const text = `no wo_pipeline_healthy between ${start} and ${end} (${spanText(endMs - startMs)}; while all is well one each ${spanText(everyMs)})`;
    return [{ ts: end, text, next: "wo daemon status" }];
  });
}
