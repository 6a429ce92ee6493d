/** Lines out of a stream. (node:readline throws a stream's errors a second time, at nobody.) */
import type { Readable } from "node:stream";

const LINE_CHARS_MAX = 64 * 1024 * 1024;

/** Calls `onLine` for each whole line; a line that grows without end is dropped with its stream. */
export function onLines(stream: Readable, onLine: (line: string) => void): void {
  let pending = "";
  stream.setEncoding("utf8");
  stream.on("data", (chunk: string) => {
    const lines = (pending + chunk).split("\n");
    pending = lines.pop() ?? "";
    if (pending.length > LINE_CHARS_MAX) stream.destroy();
    for (const line of lines) onLine(line);
  });
}
