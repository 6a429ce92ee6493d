/** What `wo forensics` shows: what was found by source, the likely cause, what was not looked at, and what to type. */
import { plainLine, type Terminal } from "../../platform/terminal.ts";
import { spanText } from "../../upkeep/history/clues.ts";
import type { ForensicReport } from "../../upkeep/history/forensic-report.ts";
import type { Kept } from "../forensics.ts";

const LINES_MAX = 12;

/** The whole page. */
export function forensicsText(
  terminal: Terminal,
  report: ForensicReport,
  { kept, count, isWhole }: { readonly kept: Kept; readonly count: number; readonly isWhole: boolean },
): string {
  const { scope, since, until, findings, suspects, looked_at: looked, not_looked_at: rest } = report;
  const { likely_cause: cause, ...lists } = findings;
  const span = spanText(Date.parse(until) - Date.parse(since));
  const sections = Object.entries(lists).flatMap(([name, lines]) =>
    section(terminal, name.replaceAll("_", " "), lines),
  );
  const mark =
    count > 0 ? terminal.paint("red", "✗") : isWhole ? terminal.paint("green", "✓") : terminal.paint("yellow", "?");
  return [
    terminal.paint("bold", `forensics of ${plainLine(scope)}: ${since} to ${until} (${span})`),
    ...sections,
    `${mark} likely cause: ${plainLine(cause)}`,
    ...suspects
      .slice(1)
      .map(({ who, why, ts, sure }, index) => `  ${index + 2}. ${plainLine(`${who} (${ts}): ${why} (${sure})`)}`),
    `looked at: ${looked.length === 0 ? "nothing" : looked.map(plainLine).join(", ")}`,
    ...rest.map((one) => `${terminal.paint("yellow", "!")} not looked at: ${plainLine(one)}`),
    `leaves no trace: ${report.leaves_no_trace}`,
    `report: ${kept.report ?? `not kept: ${plainLine(kept.why ?? "")}`}`,
    `lesson: ${lessonText(kept.lesson)}`,
    ...report.recommendation.split("\n").map((line) => `next: ${plainLine(line)}`),
  ].join("\n");
}

function section(terminal: Terminal, name: string, lines: readonly string[]): readonly string[] {
  if (lines.length === 0) return [];
  const more = lines.length - LINES_MAX;
  return [
    terminal.paint("cyan", name),
    ...lines.slice(0, LINES_MAX).map((line) => `  ${plainLine(line)}`),
    ...(more > 0 ? [`  ${more} more are in the report`] : []),
  ];
}

function lessonText({ state, path, why }: Kept["lesson"]): string {
  if (state === "written") return path ?? "";
  return `not written: ${plainLine(why)}${path === undefined ? "" : ` (${path})`}`;
}
