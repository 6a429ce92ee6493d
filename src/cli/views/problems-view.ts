/** Problems as compilers print them. */
import type { Problem } from "../../orders/problems.ts";
import type { Terminal } from "../../platform/terminal.ts";

/** `file:line:column  message`, the lines in question, and what to do. */
export function problemsText(terminal: Terminal, file: string, problems: readonly Problem[]): string {
  return problems.map((problem) => problemText(terminal, file, problem)).join("\n");
}

function problemText(
  terminal: Terminal,
  dropped: string,
  { code, message, hint, key, place, frame, file: inner }: Problem,
): string {
  const file = inner === undefined ? dropped : `${dropped}/${inner}`;
  const where = place === undefined ? file : `${file}:${place.line}:${place.column}`;
  const about = key === undefined || key === "" ? "" : `${key}: `;
  const lines = [`${terminal.paint("bold", where)}  ${about}${message} ${terminal.paint("dim", `[${code}]`)}`];
  if (frame !== undefined) lines.push(...frame.split("\n").map((line) => `  ${line}`));
  if (hint !== undefined) lines.push(`  ${terminal.paint("cyan", "hint:")} ${hint}`);
  return lines.join("\n");
}
