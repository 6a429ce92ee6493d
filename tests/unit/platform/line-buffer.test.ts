/** Lines become the bytes that joining them would have made, however many and however long. */
import { array, assert, property, string } from "fast-check";
import { expect, test } from "vitest";
import { LineBuffer } from "../../../src/platform/line-buffer.ts";

test("the bytes are those of the joined lines, and each line's length is told", () => {
  assert(
    property(array(string({ unit: "binary", maxLength: 40 })), (lines) => {
      const buffer = new LineBuffer(8);
      const lengths = lines.map((line) => buffer.add(line));

      expect(lengths).toEqual(lines.map((line) => Buffer.byteLength(`${line}\n`)));
      expect(buffer.bytes.equals(Buffer.from(lines.map((line) => `${line}\n`).join("")))).toBe(true);
    }),
  );
});

test("cleared, it begins anew in the same memory", () => {
  const buffer = new LineBuffer(4);
  buffer.add("much longer than at first");
  buffer.clear();

  expect(buffer.bytes).toHaveLength(0);
  buffer.add("ä");
  expect(buffer.bytes.toString()).toBe("ä\n");
});
