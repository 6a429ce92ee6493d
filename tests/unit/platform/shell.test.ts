/** What people are told to type does what it says, whatever the names in it hold. */
import { execFileSync } from "node:child_process";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { typedWord } from "../../../src/platform/shell.ts";
import { anyText } from "../../support/texts.ts";

test.each([
  ["bridge/error/CLC/WO-1.yaml", "bridge/error/CLC/WO-1.yaml"],
  ["$(touch x).yaml", "'$(touch x).yaml'"],
  ["it's.yaml", "'it'\\''s.yaml'"],
  ["-rf", "'-rf'"],
  ["a\n", "'a\n'"],
  ["", "''"],
])("%j is typed as %s", (word, typed) => {
  expect(typedWord(word)).toBe(typed);
});

test("any word is one word for a shell, with nothing in it done", () => {
  const words = fc.oneof(
    anyText,
    fc.array(fc.constantFrom("$(echo x)", "`", "'", '"', "\\", " ", "*", "~", "-", "a")).map((parts) => parts.join("")),
  );
  fc.assert(
    fc.property(
      words.filter((word) => !word.includes("\0")),
      (word) => {
        const printed = execFileSync("/bin/sh", ["-c", `printf %s ${typedWord(word)}`], { cwd: "/", encoding: "utf8" });
        expect(printed).toBe(word);
      },
    ),
    { numRuns: 50 },
  );
});
