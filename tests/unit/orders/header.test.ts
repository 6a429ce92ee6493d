/** Who, what and how urgent: told in many words, kept as written, shown on one line. Nothing here rejects an order but its id. */
import { expect, test } from "vitest";
import { LIMITS } from "../../../src/orders/limits.ts";
import { isProse } from "../../../src/orders/order.ts";
import { orderIn, problemIn } from "../../support/orders.ts";

test.each([
  ["wo_id: A", "A"],
  ["id: A", "A"],
  ["work_order_id: A", "A"],
  ["task_id: A", "A"],
  ["task_spec: {task_id: A}", "A"],
  ["id: B\nwo_id: A", "A"],
  ["wo_id: 42", "42"],
  ["wo_id: 007", "007"],
  ["wo_id: 1.10", "1.10"],
  ["wo_id: 0x1F", "0x1F"],
  ["wo_id: 12345678901234567890", "12345678901234567890"],
  ["wo_id: 2025-11-13", "2025-11-13"],
  ["wo_id: 'yes'", "yes"],
])("%j is the order %s", (text, id) => {
  expect(orderIn(`${text}\n`)).toMatchObject({ id, idFromName: false });
});

test("a number as id in JSON is a text", () => {
  expect(orderIn('{"wo_id": 42}').id).toBe("42");
});

test("a number that JSON does not keep to the last digit is no id, rather than another one's", () => {
  expect(problemIn('{"wo_id": 12345678901234567890}')).toMatchObject({ code: "bad_id", hint: "write it in quotes" });
  expect(orderIn('{"wo_id": 9007199254740991}').id).toBe("9007199254740991");
});

test("an order without an id is called after its file", () => {
  expect(orderIn("title: x\n", "WO-7.b")).toMatchObject({ id: "WO-7.b", idFromName: true });
});

test.each([
  ["P0", "P0"],
  ["p1", "P1"],
  ["urgent", "P0"],
  ["CRITICAL", "P0"],
  ["High", "P1"],
  ["medium", "P2"],
  ["normal", "P2"],
  ["low", "P3"],
  ["P3", "P3"],
  ["whenever", "P2"],
  ["1", "P2"],
])("the priority %s is %s, and is kept as written", (written, priority) => {
  expect(orderIn(`priority: ${written}\n`).header).toMatchObject({ priority, rawPriority: written });
  expect(orderIn(`metadata: {priority: ${written}}\n`).header.priority).toBe(priority);
});

test("an order that says nothing of its priority is in the middle", () => {
  expect(orderIn("wo_id: A\n").header).toMatchObject({ priority: "P2", rawPriority: "" });
});

test.each([
  ["title: T\nsummary: S\n", "title", "T"],
  ["context: {title: T}\nname: N\n", "title", "T"],
  ["objective: O\n", "title", "O"],
  ["title: ' '\nsummary: S\n", "title", "S"],
  ["wo_id: A\n", "title", "A"],
  ["description: D\n", "summary", "D"],
  ["assignee: a\ncreated_by: c\n", "owner", "a"],
  ["route_hints: {preferred_executor: e}\n", "owner", "e"],
  ["task_type: t\n", "category", "t"],
  ["goal: G\nobjective: O\n", "goal", "G"],
  ["objectives: [x, y]\ngoal: G\n", "goal", "x; y"],
  ["notes: N\n", "notes", "N"],
  ["created: 2025-11-13T10:00:00+07:00\n", "createdAt", "2025-11-13T10:00:00+07:00"],
  ["timestamp: 1763000000\n", "createdAt", "1763000000"],
  ["created_at: $(date -u +%F)\n", "createdAt", "$(date -u +%F)"],
  ["deadline: 13 Nov 2025\n", "dueDate", "13 Nov 2025"],
] as const)("%j says the %s", (text, field, expected) => {
  expect(orderIn(text).header[field]).toBe(expected);
});

test.each([
  ["tags: [a, b, 3]\n", ["a", "b", "3"]],
  ["tags: a, b,,\n", ["a", "b"]],
  ["metadata: {tags: [x]}\n", ["x"]],
  ["tags: [[a], {b: c}, '']\n", []],
  ["tags: 5\n", []],
])("%j has the tags %j", (text, tags) => {
  expect(orderIn(text).header.tags).toEqual(tags);
});

test("a title is one short line that moves no cursor, and is well formed when it was cut inside of a character", () => {
  const header = orderIn(
    JSON.stringify({ title: `a\u001b[31m\n\u202eb`, summary: `${"x".repeat(LIMITS.titleLength - 1)}😀` }),
  ).header;

  expect(header.title).toBe("a [31m b");
  expect(header.summary).toHaveLength(LIMITS.titleLength);
  expect(header.summary.isWellFormed()).toBe(true);
});

test.each([
  "dry_run: true\n",
  "dry_run: yes\n",
  "dry_run: 'true'\n",
  "dry_run: On\n",
  "metadata: {dry_run: true}\n",
  "safety_mode: dry-run\n",
  "safety_mode: dry_run\n",
  "safety_mode: DRYRUN\n",
  "dry_run: false\nsafety_mode: dry-run\n",
])("%j only asks", (text) => {
  expect(orderIn(`files: {a: x}\n${text}`).dryRun).toBe(true);
});

test.each(["dry_run: maybe\n", "dry_run: 1\n", "dry_run: [true]\n", "metadata: {dry_run: y}\n"])(
  "%j might ask for a dry run, and is refused rather than guessed at",
  (text) => {
    expect(problemIn(`files: {a: x}\n${text}`)).toMatchObject({ code: "wrong_value" });
  },
);

test.each([
  ["wo_id: A\n", { dryRun: false, allowDelete: false, onInterrupt: "fail" }],
  ["dry_run: false\nsafety_mode: live\n", { dryRun: false }],
  ["allow_delete: true\n", { allowDelete: true }],
  ["allow_delete: 'true'\n", { allowDelete: false }],
  ["on_interrupt: retry\n", { onInterrupt: "retry" }],
  ["on_interrupt: maybe\n", { onInterrupt: "fail" }],
  ["supersedes: WO-0\n", { supersedes: "WO-0" }],
])("%j means %j", (text, expected) => {
  expect(orderIn(text)).toMatchObject(expected);
});

test.each(["supersedes: ../x\n", "supersedes: [A, B]\n", "supersedes: 5\n"])("%j names no order", (text) => {
  expect(problemIn(text)).toMatchObject({ code: "bad_id", key: "supersedes" });
});

test("prose and unknown metadata make an order that no machine can carry out", () => {
  const order = orderIn("wo_id: A\ntitle: Look at the logs\nfavourite_colour: blue\nplan: [look, think]\n");

  expect(isProse(order)).toBe(true);
  expect(isProse(orderIn("files: {a: x}\n"))).toBe(false);
  expect(isProse(orderIn("steps: [{run: ls}]\n"))).toBe(false);
});
