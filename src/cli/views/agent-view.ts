/** What `wo agent` shows. */
import { plainCode, plainLine, type Style, type Terminal } from "../../platform/terminal.ts";
import type { LintMark } from "../../upkeep/agents/lint-codes.ts";
import type { ToldFinding } from "../../upkeep/agents/lint-file.ts";
import { type FileAnswer, remaining } from "../../upkeep/agents/mend-file.ts";

const MARKS: Readonly<Record<LintMark, readonly [string, Style]>> = {
  error: ["✗", "red"],
  warning: ["!", "yellow"],
  unknown: ["?", "yellow"],
};

type Counts = Readonly<Record<LintMark, number>>;

/** Each file as compilers tell of it, its mended text, and what to type next. */
export function lintText(terminal: Terminal, answers: readonly FileAnswer[], counts: Counts): string {
  const texts = answers.map((one) => fileText(terminal, one));
  return [...texts, verdict(terminal, answers, counts)].join("\n");
}

function fileText(terminal: Terminal, one: FileAnswer): string {
  const path = plainLine(one.path);
  const lines: string[] = [];
  if (one.backup !== undefined) {
    const mended = one.findings.flatMap(({ code, mended: text }) => (text === undefined ? [] : [code]));
    lines.push(`${terminal.paint("green", "✓")} ${path}  mended: ${[...new Set(mended)].join(", ")}`);
    lines.push(`  as it was: ${plainLine(one.backup)}`);
  }
  const left = remaining(one);
  lines.push(...left.flatMap((finding) => findingLines(terminal, path, finding, one.backup !== undefined)));
  if (one.refused !== undefined) lines.push(`${terminal.paint("red", "✗")} ${path}  not written: ${one.refused}`);
  if (left.length === 0 && one.backup === undefined)
    lines.push(`${terminal.paint("green", "✓")} ${path}  ${one.runs.map(plainLine).join(" → ")}`);
  if (one.mended !== undefined && one.backup === undefined) {
    lines.push(`${terminal.paint("bold", path)}  mended it would be:`);
    lines.push(
      ...one.mended
        .trimEnd()
        .split("\n")
        .map((line) => `  ${plainCode(line)}`),
    );
  }
  if (one.commentsLost > 0)
    lines.push(
      `  its comments are ${one.backup === undefined ? "not kept" : "in the old file only"}: ${one.commentsLost}`,
    );
  return lines.join("\n");
}

function findingLines(terminal: Terminal, path: string, finding: ToldFinding, isWritten: boolean): string[] {
  const { code, mark, key, line, why, next, mended } = finding;
  const [sign, style] = MARKS[mark];
  const where = terminal.paint("bold", line === undefined ? path : `${path}:${line}`);
  const about = key === undefined ? "" : `${plainLine(key)}: `;
  const head = `${terminal.paint(style, sign)} ${where}  ${about}${plainLine(why)} ${terminal.paint("dim", `[${code}]`)}`;
  if (mended === "" && !isWritten) return [head, "    mended: without it"];
  if (mended !== undefined && !isWritten) return [head, `    mended: ${plainLine(mended.replaceAll(/\n\s*/g, ""))}`];
  return next === undefined ? [head] : [head, `    next: ${plainLine(next)}`];
}

function verdict(terminal: Terminal, answers: readonly FileAnswer[], { error, warning, unknown }: Counts): string {
  const files = `${answers.length} ${answers.length === 1 ? "file" : "files"}`;
  const parts = [
    [error, error === 1 ? "error" : "errors"],
    [warning, warning === 1 ? "warning" : "warnings"],
    [unknown, "that nobody can tell"],
  ].flatMap(([count, word]) => (count === 0 ? [] : [`${count} ${word}`]));
  if (parts.length === 0) return terminal.paint("green", `✓ nothing is wrong in ${files}`);
  const bad = answers.filter((one) => remaining(one).length > 0).length;
  const canMend = answers.some(({ mended, backup }) => mended !== undefined && backup === undefined);
  const next = canMend ? "\nnext: wo agent lint --fix FILE…" : "";
  return `${terminal.paint("bold", `${parts.join(", ")} in ${bad} of ${files}`)}${next}`;
}
