/** What a command printed: all of it while it is little, head and tail of it with the gap named when it is much. */
import { appendFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { OutputFile } from "../../../src/platform/output-file.ts";
import { folderWith, modeOf, temporaryFolder, treeOf } from "../../support/temporary-folder.ts";

test("output within its limit is kept as it is", () => {
  const path = join(temporaryFolder(), "out");
  const output = new OutputFile(path, 10);
  appendFileSync(path, "0123456789");
  output.watch();

  expect(output.finish()).toEqual({ bytes: 10, cut: false, tail: "0123456789" });
  expect([readFileSync(path, "utf8"), modeOf(path)]).toEqual(["0123456789", 0o600]);
});

test("what an earlier run left in the file is emptied", () => {
  const path = join(folderWith({ out: "old" }), "out");

  expect(new OutputFile(path, 10).finish()).toEqual({ bytes: 0, cut: false, tail: "" });
  expect(readFileSync(path, "utf8")).toBe("");
});

test("of output beyond its limit head and tail are kept, and the gap is named", () => {
  const folder = temporaryFolder();
  const path = join(folder, "out");
  const output = new OutputFile(path, 8);
  appendFileSync(path, "abcdefghijklmnopqrstuvwxyz");

  expect(output.finish()).toEqual({ bytes: 26, cut: true, tail: "abcd\n... 18 bytes left out ...\nwxyz" });
  expect(treeOf(folder)).toEqual({ out: "abcd\n... 18 bytes left out ...\nwxyz" });
});

test("the tail of a record is its last four KiB", () => {
  const path = join(temporaryFolder(), "out");
  const output = new OutputFile(path, 100_000);
  appendFileSync(path, `${"a".repeat(5000)}${"b".repeat(4096)}`);

  expect(output.finish()).toMatchObject({ tail: "b".repeat(4096), lead: "a".repeat(5000) });
});

test("what stands in front of the tail is kept as far as the longest secret reaches", () => {
  const path = join(temporaryFolder(), "out");
  const output = new OutputFile(path, 100_000);
  appendFileSync(path, `${"a".repeat(60_000)}${"b".repeat(4096)}`);

  expect(output.finish().lead).toBe("a".repeat(24 * 1024));
});

test("any output written in any pieces, watched now and then, ends as its head and its tail", () => {
  const pieces = fc.array(fc.tuple(fc.string({ unit: "binary-ascii", minLength: 1, maxLength: 30 }), fc.boolean()));
  fc.assert(
    fc.property(pieces, fc.integer({ min: 2, max: 60 }), (written, maxBytes) => {
      const path = join(temporaryFolder(), "out");
      const output = new OutputFile(path, maxBytes);
      for (const [piece, watched] of written) {
        appendFileSync(path, piece);
        if (watched) output.watch();
      }
      const all = written.map(([piece]) => piece).join("");
      const half = Math.floor(maxBytes / 2);
      const { bytes, cut } = output.finish();
      const gap = `\n... ${all.length - 2 * half} bytes left out ...\n`;
      expect([bytes, cut]).toEqual([all.length, all.length > maxBytes]);
      expect(readFileSync(path, "utf8")).toBe(cut ? all.slice(0, half) + gap + all.slice(-half) : all);
    }),
    { numRuns: 60 },
  );
});
