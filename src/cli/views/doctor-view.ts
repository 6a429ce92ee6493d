/** `wo doctor` as text: a line per check, and below it what to type. */
import { plainLine, type Style, type Terminal } from "../../platform/terminal.ts";
import { type CodedFinding, countsOf, type Mark } from "../../upkeep/doctor.ts";
import { ago } from "./words.ts";

const MARKS: Readonly<Record<Mark, readonly [string, Style]>> = {
  ok: ["✓", "green"],
  warning: ["!", "yellow"],
  error: ["✗", "red"],
  unknown: ["?", "yellow"],
};

/** The whole page. */
export function doctorText(terminal: Terminal, findings: readonly CodedFinding[], nowMs: number): string {
  const rows = together(findings);
  const width = Math.max(...rows.map(({ code }) => code.length));
  const lines = rows.flatMap(({ code, mark, seen, since, next }) => {
    const [sign, style] = MARKS[mark];
    const when = since === undefined ? "" : terminal.paint("dim", ` (${ago(nowMs, since)})`);
    const told = mark === "unknown" ? `cannot tell: ${seen}` : seen;
    const line = `${terminal.paint(style, sign)} ${code.padEnd(width)}  ${plainLine(told)}${when}`;
    return next === undefined || mark === "ok" ? [line] : [line, `  ${" ".repeat(width)}  next: ${plainLine(next)}`];
  });
  return [...lines, verdict(terminal, findings)].join("\n");
}

/** What cannot be told for one and the same reason is one line. */
function together(findings: readonly CodedFinding[]): CodedFinding[] {
  const known = findings.filter(({ mark }) => mark !== "unknown");
  const unknown = findings.filter(({ mark }) => mark === "unknown");
  const reasons = [...new Set(unknown.map(({ seen }) => seen))].flatMap((reason) => {
    const alike = unknown.filter(({ seen }) => seen === reason);
    const codes = alike.map(({ code }) => code).join(", ");
    return alike.length === 1 ? alike : [{ code: "others", mark: "unknown" as const, seen: `${reason} (${codes})` }];
  });
  return [...known, ...reasons];
}

function verdict(terminal: Terminal, findings: readonly CodedFinding[]): string {
  const { error, warning, unknown } = countsOf(findings);
  const parts = [
    [error, error === 1 ? "error" : "errors"],
    [warning, warning === 1 ? "warning" : "warnings"],
    [unknown, "that nobody can tell"],
  ].flatMap(([count, word]) => (count === 0 ? [] : [`${count} ${word}`]));
  if (parts.length === 0) return terminal.paint("green", "All is well.");
  return terminal.paint("bold", `${parts.join(", ")}; wo doctor --explain CODE says what a check looks at`);
}
