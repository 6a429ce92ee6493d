/** Input made to cost much is refused by counting, before or while it is parsed; what may take long is known beforehand. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { LIMITS, THREAD_TOKENS } from "../../../src/orders/limits.ts";
import { isCostly } from "../../../src/orders/read-order.ts";
import { yamlCost } from "../../../src/orders/yaml-text.ts";
import { orderIn, problemIn, problemsIn } from "../../support/orders.ts";

const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;

test.each([
  ["JSON", (depth: number) => `{"x": ${nested(depth - 1)}}`],
  ["YAML", (depth: number) => `x: ${nested(depth - 1)}\n`],
])("%s nests as deep as the limit and no deeper", (_what, text) => {
  expect(orderIn(text(LIMITS.depth)).id).toBe("WO-1");
  expect(problemIn(text(LIMITS.depth + 1))).toMatchObject({ code: "too_deep" });
});

test.each([
  ["brackets that never close", "[".repeat(3000)],
  ["braces that never close", `x: ${"{a: ".repeat(900)}`],
  ["dashes", `x:\n  ${"- ".repeat(3000)}\n`],
  ["JSON brackets", `{"x": ${nested(100_000)}}`],
])("a depth of thousands of %s is refused without growing the stack", (_what, text) => {
  expect(problemsIn(text)[0]?.code).toBe("too_deep");
});

test("aliases are counted: a few are taken, more than the limit are not", () => {
  const text = (count: number) => `a: &a x\nb: [${Array.from({ length: count }, () => "*a").join(", ")}]\n`;

  expect(orderIn(text(LIMITS.aliases)).id).toBe("WO-1");
  expect(problemIn(text(LIMITS.aliases + 1))).toMatchObject({ code: "too_many_aliases", place: { line: 2 } });
});

test("an alias bomb below that count is not expanded", () => {
  const levels = "bcdefghi".split("").map((name, index) => {
    const one = `*${String.fromCharCode(97 + index)}`;
    return `${name}: &${name} [${Array.from({ length: 9 }, () => one).join(",")}]`;
  });

  expect(problemIn(`a: &a [x]\n${levels.join("\n")}\n`)).toMatchObject({ code: "too_many_aliases" });
});

test.each(["tags: &a [*a]\n", "x: &a {b: *a}\n"])("an alias inside of itself does no harm: %j", (text) => {
  expect(orderIn(text)).toMatchObject({ files: [], steps: [] });
});

test("more YAML tokens than the limit are refused, and the line is named", () => {
  const line = `- ${"{},".repeat(33_332)}\n`;
  const problem = problemIn(`x:\n${line.repeat(6)}`);

  expect(problem).toMatchObject({ code: "too_many_tokens", place: { line: 7, column: 1 } });
});

test("what stands in a block scalar is content, whatever it looks like", () => {
  const line = "  [[[[{{{{!!!!&&&&****\n";
  const text = `wo_id: A\nfiles:\n a.txt: |\n${line.repeat(40_000)}`;

  expect(orderIn(text).files).toMatchObject([{ path: "a.txt", content: line.trimStart().repeat(40_000) }]);
  expect(isCostly(Buffer.from(text))).toBe(true);
});

test.each([
  ["a flat list", `x:\n${"- a\n".repeat(THREAD_TOKENS)}`, true],
  ["one token a line", `x: |\n${" a\n".repeat(THREAD_TOKENS)}`, true],
  ["few tokens in many bytes", `x: ${"word ".repeat(THREAD_TOKENS)}\n`, false],
  ["JSON, which costs nothing", JSON.stringify({ x: Array.from({ length: THREAD_TOKENS }, () => "a") }), false],
  ["what only begins like JSON", `{x: [${"a, ".repeat(THREAD_TOKENS)}]}`, true],
  ["binary bytes", Buffer.alloc(THREAD_TOKENS + 1, 0xff), false],
])("%s: whether parsing may take long is known without parsing", (_what, text, costly) => {
  expect(isCostly(Buffer.from(text))).toBe(costly);
});

test("any text of brackets, dashes and lines has at least as many tokens as it is counted for outside of scalars", () => {
  const parts = fc.array(fc.constantFrom("[", "]", "{", "}", "- ", "a", ": ", "\n", "  ", ","), { maxLength: 60 });
  fc.assert(
    fc.property(parts, (words) => {
      const structure = words.filter((word) => /[[\]{}:,-]/.test(word)).length;
      expect(yamlCost(words.join("")).tokensAtMost).toBeGreaterThanOrEqual(structure);
    }),
  );
});

test("an order holds as many actions as the limit, and not one more", () => {
  const text = (count: number) =>
    JSON.stringify({ files: Object.fromEntries(Array.from({ length: count }, (_, index) => [`f${index}`, ""])) });

  expect(orderIn(text(LIMITS.actions)).files.length).toBe(LIMITS.actions);
  expect(problemIn(text(LIMITS.actions + 1))).toMatchObject({ code: "too_many_actions" });
});

test("files and commands are counted together", () => {
  const files = Object.fromEntries(Array.from({ length: LIMITS.actions }, (_, index) => [`f${index}`, ""]));

  expect(problemIn(JSON.stringify({ files, steps: [{ run: "ls" }] })).code).toBe("too_many_actions");
});

test.each([
  ["a broken file", `x: [${"!tag a, ".repeat(50)}]\n`],
  [
    "an order of many wrong actions",
    JSON.stringify({ files: Array.from({ length: 3000 }, () => ({ path: "a.txt" })) }),
  ],
])("%s names twenty of its faults at most: each costs a walk through the text", (_what, text) => {
  expect(problemsIn(text)).toHaveLength(20);
});
