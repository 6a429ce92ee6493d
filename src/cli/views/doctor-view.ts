/** `wo doctor` as text: what to look at first, then what is wrong, what is well, each with what to type below it. */
import stringWidth from "string-width";
import { plainLine, type Style, type Terminal } from "../../platform/terminal.ts";
import { type CodedFinding, countsOf, type Mark, type Mended } from "../../upkeep/doctor.ts";
import { ago } from "./words.ts";

const MARKS: Readonly<Record<Mark, readonly [string, Style]>> = {
  error: ["✗", "red"],
  unknown: ["?", "yellow"],
  warning: ["!", "yellow"],
  ok: ["✓", "green"],
  not_here: ["·", "dim"],
};
const GROUPS = ["error", "unknown", "warning", "ok", "not_here"] as const;
const MARGIN = 2;
/** Who reads lines reads whole ones. */
const PIPE_COLUMNS = 100_000;

export interface DoctorPage {
  readonly findings: readonly CodedFinding[];
  readonly cause: CodedFinding | undefined;
  /** Codes of what rests on the cause. */
  readonly follows: ReadonlySet<string>;
  readonly done: readonly Mended[];
  readonly nowMs: number;
}

/** The whole page. */
export function doctorText(terminal: Terminal, page: DoctorPage): string {
  const { findings, cause, follows, done, nowMs } = page;
  const rows = GROUPS.flatMap((mark) => together(findings.filter((one) => one.mark === mark)));
  const width = Math.max(...rows.map(({ code }) => code.length));
  const lines = rows.flatMap((row) => {
    const { code, mark, seen, since, next } = row;
    const [sign, style] = MARKS[mark];
    const follower =
      follows.has(code) && mark !== "ok" && mark !== "not_here" ? `  (may follow from ${cause?.code ?? ""})` : "";
    const when = since === undefined ? "" : ` (${ago(nowMs, since)})`;
    const said = `${mark === "unknown" ? "cannot tell: " : ""}${plainLine(seen)}${when}${follower}`;
    const [head = "", ...rest] = wrapped(said, (terminal.isTty ? terminal.columns : PIPE_COLUMNS) - width - MARGIN * 2);
    const indent = " ".repeat(width + MARGIN * 2);
    const line = `${terminal.paint(style, sign)} ${code.padEnd(width)}  ${head}`;
    const more = rest.map((one) => `${indent}${one}`);
    // What is typed is never broken.
    return next === undefined || mark === "ok" ? [line, ...more] : [line, ...more, `${indent}next: ${plainLine(next)}`];
  });
  return [
    ...done.map((one) => doneLine(terminal, one)),
    ...causeLines(terminal, cause),
    ...lines,
    verdict(terminal, findings),
  ].join("\n");
}

function doneLine(terminal: Terminal, { code, did, refused }: Mended): string {
  if (did !== undefined) return `${terminal.paint("green", "✓")} ${code}: ${plainLine(did)}`;
  return `${terminal.paint("yellow", "!")} ${code}: nothing was done: ${plainLine(refused ?? "")}`;
}

function causeLines(terminal: Terminal, cause: CodedFinding | undefined): readonly string[] {
  if (cause === undefined) return [];
  const { mark, seen, next } = cause;
  const told = `${mark === "unknown" ? "cannot tell: " : ""}${plainLine(seen)}`;
  return [
    `${terminal.paint("bold", "First:")} ${told}`,
    ...(next === undefined ? [] : [`  next: ${terminal.paint("bold", plainLine(next))}`]),
    "",
  ];
}

/** What is the same of several checks, because there is nothing to look at or through, is one line. */
function together(findings: readonly CodedFinding[]): readonly CodedFinding[] {
  if (findings.every(({ mark }) => mark !== "unknown" && mark !== "not_here")) return findings;
  return [...new Set(findings.map(({ seen }) => seen))].flatMap((reason) => {
    const alike = findings.filter(({ seen }) => seen === reason);
    const [first] = alike;
    if (first === undefined || alike.length === 1) return alike;
    const codes = alike.map(({ code }) => code).join(", ");
    const { next: _next, ...rest } = first;
    return [{ ...rest, code: "others", seen: `${reason} (${codes})` }];
  });
}

/** Broken at blanks; a word that is too long stays whole. */
function wrapped(text: string, columns: number): readonly string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && stringWidth(`${last} ${word}`) <= columns) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

function verdict(terminal: Terminal, findings: readonly CodedFinding[]): string {
  const { error, warning, unknown, not_here: apart } = countsOf(findings);
  const parts = [
    [error, error === 1 ? "error" : "errors"],
    [warning, warning === 1 ? "warning" : "warnings"],
    [unknown, "that nobody can tell"],
  ].flatMap(([count, word]) => (count === 0 ? [] : [`${count} ${word}`]));
  const rest = apart === 0 ? "" : ` (${apart} checks had nothing to look at)`;
  if (parts.length === 0) return `${terminal.paint("green", "All is well.")}${rest}`;
  return terminal.paint("bold", `${parts.join(", ")}; wo doctor --explain CODE says what a check looks at`);
}
