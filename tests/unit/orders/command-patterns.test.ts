/** Which commands a lane lets through: by patterns, one simple command at a time, in time that grows with the text. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  COMPARED_LENGTH,
  type CommandRules,
  matchesPattern,
  PATTERN_LENGTH,
  refusalsOf,
  simpleCommands,
} from "../../../src/orders/command-patterns.ts";
import { leastCpuMs, mostWhenLinear } from "../../support/cpu.ts";

test.each([
  ["git push *", "git push origin main", true],
  ["git push *", "git push", true],
  ["git push *", "git pushy", false],
  ["git push", "git push", true],
  ["git push", "git push now", false],
  ["*--force*", "git push --force", true],
  ["*", "", true],
  ["a*b*c", "axxbyyc", true],
  ["a*b*c", "axxbyy", false],
  ["a*a", "a", false],
  ["*ab*ab", "ab", false],
  ["*ab*ab", "abab", true],
  ["rm [a-z].*", "rm x.y", false],
  ["rm [a-z].*", "rm [a-z].c", true],
  ["Make *", "make x", false],
])("the pattern %j matches %j: %s", (pattern, text, expected) => {
  expect(matchesPattern(text, pattern)).toBe(expected);
});

test("any pattern matches what a plain reading of its stars matches", () => {
  const letters = fc.stringMatching(/^[ab]{0,6}$/);
  fc.assert(
    fc.property(fc.stringMatching(/^[ab*]{1,6}$/), letters, (pattern, text) => {
      const plain = new RegExp(`^${pattern.split("*").join(".*")}$`);
      expect(matchesPattern(text, pattern)).toBe(plain.test(text));
    }),
  );
});

test.each([
  ["a && b || c; d | e & f\ng", ["a", "b", "c", "d", "e", "f", "g"]],
  ["npm   test\t-- -x", ["npm test -- -x"]],
  ["echo 'a; b' \"c && d\" e\\;f", ["echo 'a; b' \"c && d\" e\\;f"]],
  ['echo $(git push) `date` "$(rm x; ls)"', ["git push", "date", "rm x", "ls", 'echo ""']],
  ["(cd x; ls)", ["cd x", "ls"]],
  ["make 2>&1 &> log", ["make 2>&1 &> log"]],
  ["# words; more\nls # git push\n", ["ls"]],
  ["echo a#b; ls", ["echo a#b", "ls"]],
  ["if test -f a; then git push; else ls; fi", ["test -f a", "git push", "ls"]],
  ["for f in *; do npm x; done", ["npm x"]],
  ["A=1 B='x y' git push", ["git push"]],
  ["A=1", []],
  ["ls \\\n  -l", ["ls -l"]],
  ["echo 'open", ["echo 'open"]],
  ["", []],
])("a shell runs of %j: %j", (script, expected) => {
  expect(simpleCommands(script)).toEqual(expected);
});

const PUSH = { pattern: "git push *", reason: "pushing is for people" };
const NPM = { pattern: "npm *", reason: "the project's own scripts" };
const refused = (run: string, rules: Partial<CommandRules>) =>
  refusalsOf(["bash", "-c", run], { deny: [], allow: [], ...rules })[0];

test.each([
  "git push",
  "git   push origin",
  "cd x && git push",
  "ls; sudo git push",
  "GIT_DIR=x git push",
  "/usr/bin/git push -f",
  "echo $(git push)",
  "if true; then\n  git push\nfi",
])("%j is refused by what is denied, with its reason", (run) => {
  expect(refused(run, { deny: [PUSH] })).toBe('it matches "git push *": pushing is for people');
});

test.each(["git pull", "echo 'git push'", "git commit -m 'git push'", "ls # git push"])(
  "%j is let through beside what is denied",
  (run) => {
    expect(refused(run, { deny: [PUSH] })).toBeUndefined();
  },
);

test.each<readonly [string, Partial<CommandRules>, string | undefined]>([
  ["npm test", { allow: [[NPM]] }, undefined],
  ["npm test && npm run x", { allow: [[NPM]] }, undefined],
  [
    "npm test && rm x",
    { allow: [[NPM]] },
    '"rm x" matches nothing that is allowed: "npm *" (the project\'s own scripts)',
  ],
  [
    "sudo npm i",
    { allow: [[NPM]] },
    '"sudo npm i" matches nothing that is allowed: "npm *" (the project\'s own scripts)',
  ],
  ["ls", { allow: [[]] }, '"ls" matches nothing that is allowed: the list is empty'],
  [
    "npm test",
    { allow: [[NPM], [PUSH]] },
    '"npm test" matches nothing that is allowed: "git push *" (pushing is for people)',
  ],
  [
    "npm publish",
    { allow: [[NPM]], deny: [{ pattern: "npm publish*", reason: "no" }] },
    'it matches "npm publish*": no',
  ],
])("%j under %j: %s", (run, rules, expected) => {
  expect(refused(run, rules)).toBe(expected);
});

test("a command that no shell takes apart is its words", () => {
  const rules = { deny: [{ pattern: "bash deploy.sh *", reason: "by hand" }], allow: [] };
  expect(refusalsOf(["bash", "deploy.sh", "a; b"], rules)).toEqual(['it matches "bash deploy.sh *": by hand']);
});

test("every denial that a script meets is told once, and everything in it that no list allows", () => {
  const force = { pattern: "git * -f", reason: "never by force" };
  const rules = { deny: [PUSH, force, PUSH], allow: [[NPM], []] };
  expect(refusalsOf(["bash", "-c", "git push -f && npm ci; ls"], rules)).toEqual([
    'it matches "git push *": pushing is for people',
    'it matches "git * -f": never by force',
    '"git push -f", "ls" match nothing that is allowed: "npm *" (the project\'s own scripts)',
    '"git push -f", "npm ci", "ls" match nothing that is allowed: the list is empty',
  ]);
});

const MANY = 400_000;
test.each([
  ["stars", "a".repeat(MANY), `${"*a".repeat(PATTERN_LENGTH / 2 - 1)}*b`],
  ["a piece that nearly fits", "a".repeat(MANY), `*${"a".repeat(PATTERN_LENGTH - 3)}b*`],
])("%s cost no more than a walk through the text", (_what, text, pattern) => {
  expect(matchesPattern(text, pattern)).toBe(false);
  expect(leastCpuMs(() => matchesPattern(text, pattern))).toBeLessThan(1000);
});

test.each([
  ["$(", "$("],
  ["back quotes", "`"],
  ["quotes", "\"'"],
  ["brackets", "("],
  ["words that carry", "env "],
  ["settings", "a=b "],
  ["one setting", "a=b"],
  ["comments", "#\n"],
  ["closing", ") "],
  ["escapes", "\\"],
])("a command made of %s is judged in time that grows with it", (_what, piece) => {
  const timeOf = (length: number) => {
    const argv = ["bash", "-c", piece.repeat(Math.ceil(length / piece.length))];
    return leastCpuMs(() => refusalsOf(argv, { deny: [PUSH], allow: [[NPM]] }));
  };
  timeOf(COMPARED_LENGTH / 4);
  const [small, large] = [timeOf(COMPARED_LENGTH / 8), timeOf(COMPARED_LENGTH)];
  expect(large).toBeLessThan(mostWhenLinear(small));
});
