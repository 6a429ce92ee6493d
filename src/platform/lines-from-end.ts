/** Files of lines of which the newest are wanted, however long they are. */
import type { Files } from "./files.ts";
import { ReadFile } from "./read-file.ts";

const PIECE_BYTES = 256 * 1024;

export interface LinesWish {
  /** What stands behind the last newline is a line, too. */
  readonly fragment?: boolean;
  /** No more of the file's end is read than this. */
  readonly lastBytes?: number;
}

/** The file's whole lines in pieces, the last piece first, each line in one piece however long it is. */
export function* linesFromEnd(
  files: Files,
  path: string,
  { fragment = false, lastBytes = Number.POSITIVE_INFINITY }: LinesWish = {},
): Generator<readonly string[]> {
  const sizeBytes = files.info(path)?.sizeBytes ?? 0;
  if (sizeBytes === 0) return;
  const file = new ReadFile(files.disk, path);
  try {
    let rest: Buffer[] = [];
    for (let end = sizeBytes; end > 0 && sizeBytes - end < lastBytes; ) {
      const start = Math.max(0, end - PIECE_BYTES);
      const piece = file.range(start, end - start);
      const newline = start === 0 ? 0 : piece.indexOf(10) + 1;
      // In the middle of a long line nothing ends and nothing begins.
      if (start > 0 && newline === 0) rest.unshift(piece);
      else {
        const lines = Buffer.concat([piece.subarray(newline), ...rest])
          .toString("utf8")
          .split("\n");
        yield fragment && lines.at(-1) !== "" ? lines : lines.slice(0, -1);
        rest = [piece.subarray(0, newline)];
      }
      end = start;
    }
  } finally {
    file.close();
  }
}
