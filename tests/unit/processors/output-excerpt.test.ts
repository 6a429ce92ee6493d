/** What records hold of a command's output: no secret, whole or cut, and otherwise what was printed. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { loadSecretRules } from "../../../src/platform/secrets.ts";
import { excerptOf } from "../../../src/processors/output-excerpt.ts";
import { leastCpuMs } from "../../support/cpu.ts";
import { GITHUB_TOKEN, PRIVATE_KEY, SAMPLES } from "../../support/secrets.ts";

const rules = await loadSecretRules();
const KEY = String(PRIVATE_KEY);
const TAIL = 4096;

/** As the runner host tells of it: the end of all that was printed, and what stands in front of that. */
function printed(all: string, windowLength = 28 * 1024) {
  const window = all.slice(-windowLength);
  const [lead, tail] = [window.slice(0, -TAIL), window.slice(-TAIL)];
  return { bytes: Buffer.byteLength(all), cut: false, tail, ...(lead === "" ? {} : { lead }) };
}
const shown = (all: string, windowLength?: number) => excerptOf(printed(all, windowLength), rules);

test.each(SAMPLES)("%s in what a command prints is stars in its record", (_kind, text, named) => {
  const value = String(named ?? text);
  const excerpt = shown(`before\n${text}\nafter\n`);
  expect(excerpt).not.toContain(value.split("\n").at(1) ?? value);
  expect(excerpt).toMatch(/^before\n[^]*\*{8,}[^]*\nafter\n$/);
  expect(excerpt).toHaveLength(`before\n${text}\nafter\n`.length);
});

test("what holds no secret is recorded as it was printed, however much it is", () => {
  for (const all of ["", "ok\n", "ä".repeat(3000), "line\n".repeat(500), "line of words\n".repeat(9000)])
    expect(shown(all)).toBe(all.slice(-TAIL));
});

test("a secret as JSON prints it is found as well", () => {
  expect(shown(`${JSON.stringify({ key: KEY, token: GITHUB_TOKEN })}\n`)).not.toMatch(/[A-Za-z0-9+/]{30,}|ghp_/);
});

test("wherever the excerpt cuts a secret, no part of it is recorded", () => {
  for (const [secret, part] of [
    [GITHUB_TOKEN, GITHUB_TOKEN.slice(-6)],
    [KEY, KEY.split("\n").at(-3)?.slice(-8) ?? KEY],
  ] as const)
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: secret.length + 2 }),
        fc.integer({ min: 0, max: 9000 }),
        (behind, before) => {
          const filler = "x y\n".repeat(TAIL / 4).slice(behind);
          return !shown(`${"some words\n".repeat(before)}${secret}\n${filler}`).includes(part);
        },
      ),
      { numRuns: 60 },
    );
});

test("of an older host, which kept no more than the tail, what its cut touches is not recorded", () => {
  const all = `${"words\n".repeat(900)}${GITHUB_TOKEN}\n${"words\n".repeat(680)}`;
  const tail = all.slice(-TAIL);
  expect(tail.startsWith(GITHUB_TOKEN.slice(-15))).toBe(true);
  expect(shown(all, TAIL)).toBe(`${"*".repeat(15)}${tail.slice(15)}`);
  const key = `${"words\n".repeat(900)}${KEY}${"words\n".repeat(655)}`;
  expect(key.slice(-TAIL)).not.toContain("BEGIN");
  expect(shown(key, TAIL)).not.toMatch(/[A-Za-z0-9+/]{20,}/);
});

test("where the middle of an output was left out, the lines that this cut are not recorded", () => {
  const [begun, ended] = [GITHUB_TOKEN.slice(0, 30), GITHUB_TOKEN.slice(12)];
  const text = `a\ntoken ${begun}\n... 99 bytes left out ...\n${ended} b\nc\n`;
  const excerpt = excerptOf({ bytes: 200, cut: true, tail: text }, rules);
  expect(excerpt).toMatch(/^a\n\*+\n\.\.\. 99 bytes left out \.\.\.\n\*+\nc\n$/);
});

test("what was made to cost is looked through in a moment", () => {
  const slow = `https://${"a".repeat(7)}`;
  for (const piece of [slow, "-----BEGIN ", "\\n", "A", " \n"])
    expect(leastCpuMs(() => shown(piece.repeat(200_000 / piece.length)))).toBeLessThan(50);
});
