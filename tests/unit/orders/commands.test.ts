/** What an order asks to be run: which words become which command, with which limits. Prose is never run. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { LIMITS } from "../../../src/orders/limits.ts";
import { orderIn, problemIn, problemsIn } from "../../support/orders.ts";

const bash = (text: string) => ["bash", "-c", text];

test.each([
  ["steps: [{run: make test}]\n", bash("make test")],
  ["steps: [{skill: bash, code: make test}]\n", bash("make test")],
  ["steps: [{skill: python, code: print(1)}]\n", ["python3", "-c", "print(1)"]],
  ["steps: [{skill: node, code: f()}]\n", ["node", "-e", "f()"]],
  ["run: make\n", bash("make")],
  ["commands: [make]\n", bash("make")],
  ["steps: [{cmd: make test}]\n", bash("make test")],
  ["steps: [{command: make test}]\n", bash("make test")],
  ["steps: [{skill: zsh, cmd: make}]\n", ["zsh", "-c", "make"]],
  ["steps: [{skill: sh, args: [-e, run.sh, 3]}]\n", ["sh", "-e", "run.sh", "3"]],
  ["skill: bash\ncmd: ls -l\n", bash("ls -l")],
  ["cmd: ls -l\n", bash("ls -l")],
  ["skill: bash\nargs: [run.sh, a b]\n", ["bash", "run.sh", "a b"]],
  ["steps:\n  - run: |\n      cd x\n      make\n", bash("cd x\nmake\n")],
])("%j runs %j", (text, argv) => {
  expect(orderIn(text).steps).toMatchObject([{ kind: "command", argv, optional: false }]);
});

test.each([
  ["post_verify: [test -f a]\n", bash("test -f a")],
  ["post_verify: [{run: test -f a}]\n", bash("test -f a")],
  ["tests: [{name: there, command: test -f a}]\n", bash("test -f a")],
])("%j is a check", (text, argv) => {
  expect(orderIn(text).steps).toMatchObject([{ kind: "check", argv }]);
});

test("commands come before checks, wherever they stand in the file", () => {
  const order = orderIn("tests: [{run: d}]\npost_verify: [c]\ncmd: b\nsteps: [{run: a}]\n");

  expect(order.steps.map(({ argv, kind, at }) => [argv.at(-1), kind, at])).toEqual([
    ["a", "command", ["steps", 0]],
    ["b", "command", ["cmd"]],
    ["c", "check", ["post_verify", 0]],
    ["d", "check", ["tests", 0]],
  ]);
});

test.each([
  ["name: N, description: D", "N"],
  ["description: D", "D"],
  ["optional: false", "make all"],
])("a step with {%s} is called %s", (more, name) => {
  expect(orderIn(`steps: [{run: "  make all\\nmake more", ${more}}]\n`).steps).toMatchObject([{ name }]);
});

test("a long command is shown by its beginning", () => {
  const [step] = orderIn(JSON.stringify({ steps: [{ run: "x".repeat(200) }] })).steps;

  expect(step?.name).toBe(`${"x".repeat(79)}…`);
});

test.each([79, 78])("a name that is cut at the %ith letter holds no half of a character", (length) => {
  const [step] = orderIn(JSON.stringify({ steps: [{ run: `${"x".repeat(length)}😀 and more text` }] })).steps;

  expect(step?.name.isWellFormed()).toBe(true);
  expect(step?.name.startsWith("x".repeat(length))).toBe(true);
});

test.each([
  ["timeout: 60s", 60_000],
  ["timeout: 500ms", 500],
  ["timeout: 1.5s", 1500],
  ["timeout: 5m", 300_000],
  ["timeout: 24h", 86_400_000],
  ["timeout: 2500", 2500],
  ["timeout_ms: 2500", 2500],
  ["timeout_sec: 3", 3000],
])("%s is %d ms", (timeout, timeoutMs) => {
  expect(orderIn(`steps: [{run: ls, ${timeout}}]\n`).steps).toMatchObject([{ timeoutMs }]);
});

test("a step that names no limit has none of its own", () => {
  expect(orderIn("steps: [{run: ls}]\n").steps[0]).not.toHaveProperty("timeoutMs");
});

test.each([
  ["timeout", "25h"],
  ["timeout", "0s"],
  ["timeout", "0.2ms"],
  ["timeout_ms", "0.2"],
  ["timeout_sec", "0.0001"],
  ["timeout_ms", `${LIMITS.timeoutMs + 1}`],
  ["timeout_sec", `${LIMITS.timeoutMs}`],
  ["timeout_sec", "86401"],
])("{%s: %s} is no time limit, and the key that was written is told", (key, value) => {
  expect(problemIn(`steps: [{run: ls, ${key}: ${value}}]\n`)).toMatchObject({
    code: "wrong_value",
    key: `steps[0].${key}`,
    message: `${value} is no time limit: more than nothing, and at most 24 hours`,
  });
});

test.each(["timeout: soon", "timeout: 5 s", "timeout: -5", "timeout_ms: 0", "timeout: 1d", "timeout: [5]"])(
  "%s rejects the order",
  (timeout) => {
    expect(problemIn(`steps: [{run: ls, ${timeout}}]\n`).code).toMatch(/^wrong_(value|type)$/);
  },
);

test("any whole number of seconds up to a day is the same in seconds and in milliseconds", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 86_400 }), (seconds) => {
      const [a, b, c] = orderIn(
        `steps: [{run: a, timeout: ${seconds}s}, {run: b, timeout: ${seconds * 1000}}, {run: c, timeout_sec: ${seconds}}]\n`,
      ).steps;
      expect([a?.timeoutMs, b?.timeoutMs, c?.timeoutMs]).toEqual([seconds, seconds, seconds].map((one) => one * 1000));
    }),
    { numRuns: 30 },
  );
});

test.each([
  ["expected: ' 42 '", "42"],
  ["expected: 42", "42"],
  ["expected: true", "true"],
  ["expected: ''", ""],
])("{%s} asks for the output %j", (expected, text) => {
  expect(orderIn(`tests: [{command: ls, ${expected}}]\n`).steps).toMatchObject([{ expected: text }]);
});

test("a test that names no output asks for none, and may be optional", () => {
  const [step] = orderIn("tests: [{command: ls, optional: true}]\n").steps;

  expect(step).not.toHaveProperty("expected");
  expect(step?.optional).toBe(true);
});

test.each([
  ["prose in steps", "steps: [Open the page and look]\n", "wrong_type", "steps[0]"],
  ["prose in tests", "tests: [it works]\n", "wrong_type", "tests[0]"],
  ["steps that are a text", "steps: make\n", "wrong_type", "steps"],
  ["steps that are a map", "steps: {run: make}\n", "wrong_type", "steps"],
  ["a step that is a list", "steps: [[make]]\n", "wrong_value", "steps[0]"],
  ["a step that is nothing", "steps: [~]\n", "wrong_value", "steps[0]"],
  ["a step without a command", "steps: [{name: x}]\n", "missing_value", "steps[0]"],
  ["a blank command", "steps: [{run: ' '}]\n", "missing_value", "steps[0]"],
  ["two commands in one step", "steps: [{run: a, cmd: b}]\n", "missing_value", "steps[0]"],
  ["a command and arguments", "steps: [{run: a, args: [b]}]\n", "missing_value", "steps[0]"],
  ["a skill without a command", "skill: bash\n", "missing_value", ""],
  ["an unknown skill", "steps: [{skill: perl, run: x}]\n", "unknown_action", "steps[0].skill"],
  ["an unknown key", "steps: [{run: a, user: root}]\n", "unknown_key", "steps[0].user"],
  ["a command that is a number", "steps: [{run: 5}]\n", "wrong_type", "steps[0].run"],
  ["optional as a text", "steps: [{run: a, optional: 'no'}]\n", "wrong_type", "steps[0].optional"],
  ["a NUL in a command", 'steps: [{run: "a\\0b"}]\n', "wrong_value", "steps[0]"],
  ["a NUL in an argument", 'steps: [{skill: sh, args: ["a\\0b"]}]\n', "wrong_value", "steps[0]"],
  ["an empty check", "post_verify: ['']\n", "wrong_value", "post_verify[0]"],
])("%s rejects the order", (_what, text, code, key) => {
  expect(problemIn(text)).toMatchObject({ code, key });
});

test("every step that is wrong is told of", () => {
  expect(problemsIn("steps: [{run: a}, {rum: b}, prose]\n").map(({ key }) => key)).toEqual([
    "steps[1].rum",
    "steps[2]",
  ]);
});

test("the lists around the steps run in their order, each when it is its turn", () => {
  const order = orderIn(`
environment: {required: [TOKEN], optional: [X], validation: [command -v git]}
steps: [{run: deploy, always_run: true}, {run: check}]
post_deploy: {success: [echo ok], failure: [echo bad]}
rollback: {enabled: true, strategy: container, steps: [undo]}
rollback_on_failure: true
post_verify: [test -f a]
`);

  expect(order.steps.map(({ argv, kind, when }) => [argv.at(-1), kind, when])).toEqual([
    ["command -v git", "check", "before"],
    ["deploy", "command", "always"],
    ["check", "command", "normal"],
    ["test -f a", "check", "normal"],
    ["echo ok", "command", "normal"],
    ["echo bad", "command", "failed"],
    ["undo", "command", "failed"],
  ]);
  expect(order.requires).toEqual(["TOKEN"]);
});

test("a rollback that is listed and not asked for is not run, and that is said", () => {
  const order = orderIn("steps: [{run: a}]\nrollback: {steps: [b]}\n");

  expect(order.steps).toHaveLength(1);
  expect(order.warnings).toMatchObject([{ code: "not_done", key: "rollback.steps" }]);
});

test("a rollback that is asked for and not listed rejects the order", () => {
  expect(problemIn("steps: [{run: a}]\nrollback_on_failure: true\n")).toMatchObject({ code: "missing_value" });
});

test.each([
  ["retry_on_failure: true", { count: 1, delayMs: 0 }],
  ["retry_on_failure: true, max_retries: 3, retry_delay: 10s", { count: 3, delayMs: 10_000 }],
  ["max_retries: 2", { count: 2, delayMs: 0 }],
  ["retry_on_failure: false, max_retries: 2", undefined],
  ["max_retries: 0", undefined],
])("{%s} is tried again %j", (more, retries) => {
  expect(orderIn(`steps: [{run: a, ${more}}]\n`).steps[0]?.retries).toEqual(retries);
});

test("artifacts of a step are left where they are, and that is said", () => {
  const order = orderIn("steps: [{run: a, artifacts: [x.log], cache_key: k}]\n");

  expect(order.warnings).toMatchObject([{ code: "not_done", key: "steps[0].artifacts" }]);
});

test("the order's own limit holds for commands that have none", () => {
  const order = orderIn("timeout_sec: 900\nsteps: [{run: a}, {run: b, timeout: 5s}]\n");

  expect(order.steps.map(({ timeoutMs }) => timeoutMs)).toEqual([900_000, 5000]);
});

test("a bare number that can only have meant seconds is not taken for milliseconds", () => {
  expect(problemIn("steps: [{run: a, timeout: 60}]\n")).toMatchObject({
    code: "wrong_value",
    hint: "write 60s, or timeout_ms: 60",
  });
});

test.each(["environment: {required: NODE}\n", "environment: {required: [a b]}\n", "environment: {required: [1]}\n"])(
  "%j names no variables",
  (text) => {
    expect(problemIn(text)).toMatchObject({ code: "wrong_type", key: "environment.required" });
  },
);
