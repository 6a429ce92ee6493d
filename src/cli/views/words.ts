/** Small words that several views print. */
import { stripVTControlCharacters } from "node:util";
import stringWidth from "string-width";
import type { Status } from "../../orders/status.ts";
import type { Style, Terminal } from "../../platform/terminal.ts";

const MARKS: Readonly<Record<Status, readonly [string, Style]>> = {
  pending: ["…", "dim"],
  running: ["▸", "cyan"],
  waiting: ["!", "yellow"],
  done: ["✓", "green"],
  failed: ["✗", "red"],
  canceled: ["–", "dim"],
  planned: ["○", "cyan"],
};

/** The status as a mark and a word, never a colour alone. */
export function statusWord(terminal: Terminal, status: Status): string {
  const [mark, style] = MARKS[status];
  return terminal.paint(style, `${mark} ${status}`);
}

/** How long ago an ISO time was: `12 s`, `3 min`, `5 h`, `2 d`. */
export function ago(nowMs: number, iso: string): string {
  const seconds = Math.max(0, Math.round((nowMs - Date.parse(iso)) / 1000));
  if (Number.isNaN(seconds)) return "never";
  if (seconds < 90) return `${seconds} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  return seconds < 129_600 ? `${Math.round(seconds / 3600)} h ago` : `${Math.round(seconds / 86_400)} d ago`;
}

/** Columns as wide as their widest cell; the last one is cut to the terminal. */
export function table(rows: readonly (readonly string[])[], columns: number): string {
  const widths: number[] = [];
  for (const row of rows)
    for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, stringWidth(cell));
  const lines = rows.map((row) => {
    const cells = row.map((cell, index) =>
      index === row.length - 1 ? cell : cell + " ".repeat((widths[index] ?? 0) - stringWidth(cell)),
    );
    return cut(cells.join("  ").trimEnd(), columns);
  });
  return lines.join("\n");
}

/** Cuts a line to the terminal; a coloured one loses its colours then. */
function cut(line: string, columns: number): string {
  if (stringWidth(line) <= columns) return line;
  let short = stripVTControlCharacters(line);
  while (stringWidth(short) > columns - 1) short = short.slice(0, -1);
  return `${short}…`;
}

/** Bytes as people say them. */
export function bytesText(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}
