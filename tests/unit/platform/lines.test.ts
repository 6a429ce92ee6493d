/** Lines come whole out of a stream, however it is cut into pieces. */
import { PassThrough, Readable } from "node:stream";
import { finished } from "node:stream/promises";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { onLines } from "../../../src/platform/lines.ts";

async function linesOf(pieces: readonly Uint8Array[]): Promise<string[]> {
  const lines: string[] = [];
  const stream = Readable.from(pieces, { objectMode: false });
  onLines(stream, (line) => lines.push(line));
  await finished(stream);
  return lines;
}

test("any text cut anywhere, also inside of characters, gives the same lines", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ unit: "grapheme" }).map((text) => text.replaceAll("\n", " "))),
      fc.array(fc.nat({ max: 6 }), { minLength: 1 }),
      async (lines, cuts) => {
        const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(""));
        const pieces: Buffer[] = [];
        for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
          const length = 1 + (cuts[turn % cuts.length] ?? 0);
          pieces.push(bytes.subarray(at, at + length));
          at += length;
        }
        expect(await linesOf(pieces)).toEqual(lines);
      },
    ),
    { numRuns: 50 },
  );
});

test("a line without its end is no line", async () => {
  expect(await linesOf([Buffer.from('whole\n{"half":')])).toEqual(["whole"]);
});

test("empty lines are lines", async () => {
  expect(await linesOf([Buffer.from("\n\na\n")])).toEqual(["", "", "a"]);
});

test("a line that grows without end is dropped with its stream", () => {
  const stream = new PassThrough();
  const lines: string[] = [];
  onLines(stream, (line) => lines.push(line));
  const piece = "x".repeat(16 * 1024 * 1024);

  for (let count = 0; count < 4; count += 1) stream.emit("data", piece);
  expect(stream.destroyed).toBe(false);
  stream.emit("data", "x");

  expect([stream.destroyed, lines]).toEqual([true, []]);
});
