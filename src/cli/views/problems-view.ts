/** What is wrong with a file, as compilers print it, and what its lane makes of it. */
import type { Verdict } from "../../orders/lane-rules.ts";
import type { Problem } from "../../orders/problems.ts";
import { plainCode, plainLine, type Terminal } from "../../platform/terminal.ts";

/** `file:line:column  message`, the lines in question, and what to do. Nothing that a file holds reaches the terminal as it is. */
export function problemsText(terminal: Terminal, file: string, problems: readonly Problem[]): string {
  return problems.map((problem) => problemText(terminal, file, problem)).join("\n");
}

function problemText(
  terminal: Terminal,
  dropped: string,
  { code, message, hint, key, place, frame, file: inner, named }: Problem,
): string {
  const file = plainLine(named ?? (inner === undefined ? dropped : `${dropped}/${inner}`));
  const where = place === undefined ? file : `${file}:${place.line}:${place.column}`;
  const about = key === undefined || key === "" ? "" : `${plainLine(key)}: `;
  const lines = [
    `${terminal.paint("bold", where)}  ${about}${plainLine(message)} ${terminal.paint("dim", `[${code}]`)}`,
  ];
  if (frame !== undefined) lines.push(...frame.split("\n").map((line) => `  ${plainCode(line)}`));
  if (hint !== undefined) lines.push(`  ${terminal.paint("cyan", "hint:")} ${plainLine(hint)}`);
  return lines.join("\n");
}

/** "CLC", or "ENTRY → CLC" of an order that is passed on. */
export function wayText({ entry, lane }: { readonly entry: string; readonly lane: string }): string {
  return lane === entry ? lane : `${entry} → ${lane}`;
}

/** What would become of an order; why it is refused is told with its problems. */
export function verdictText(verdict: Verdict): string {
  switch (verdict.kind) {
    case "run":
      return "it would run";
    case "wait":
      return `it would wait (${verdict.reason}): ${verdict.message}`;
    case "refuse":
      return "it would be rejected";
  }
}
