/** However an order is broken, reading it ends soon, as an order or with problems that say where: nothing else ever comes out. */
import { type Arbitrary, array, constantFrom, integer, nat, oneof, record, string } from "fast-check";
import { expect, test } from "vitest";
import { isProse, type Order } from "../../src/orders/order.ts";
import { readOrder } from "../../src/orders/read-order.ts";
import { fuzz } from "../support/fuzz.ts";
import { orderCorpus } from "../support/order-corpus.ts";

const CORPUS = orderCorpus();
const READ_MS = 50;

type Mutation = (bytes: Buffer) => Buffer;

const place = nat(100_000);
const cut: Arbitrary<Mutation> = place.map((at) => (bytes) => bytes.subarray(0, at % (bytes.length + 1)));
const splice: Arbitrary<Mutation> = record({ at: place, from: place, length: nat(200) }).map(
  ({ at, from, length }) =>
    (bytes) => {
      const piece = bytes.subarray(from % bytes.length, (from % bytes.length) + length);
      return Buffer.concat([bytes.subarray(0, at % bytes.length), piece, bytes.subarray(at % bytes.length)]);
    },
);
const graft: Arbitrary<Mutation> = record({ at: place, other: nat(CORPUS.length - 1), from: place }).map(
  ({ at, other, from }) =>
    (bytes) => {
      const donor = CORPUS[other] ?? bytes;
      return Buffer.concat([bytes.subarray(0, at % bytes.length), donor.subarray(from % donor.length)]);
    },
);
const flip: Arbitrary<Mutation> = record({ at: place, byte: integer({ min: 0, max: 255 }) }).map(
  ({ at, byte }) =>
    (bytes) => {
      const copy = Buffer.from(bytes);
      copy[at % copy.length] = byte;
      return copy;
    },
);
const ODD = [
  "{",
  "[",
  "- ",
  ": ",
  "\n",
  "\t",
  "&a ",
  "*a",
  "!t ",
  "|",
  "'",
  '"',
  "\\",
  "\u0000",
  "\u202e",
  "%",
  "---\n",
  "...\n",
];
const insert: Arbitrary<Mutation> = record({
  at: place,
  text: oneof(
    constantFrom(...ODD),
    string({ unit: "binary", maxLength: 8 }),
    constantFrom("[".repeat(90), "- ".repeat(90)),
  ),
}).map(
  ({ at, text }) =>
    (bytes) =>
      Buffer.concat([bytes.subarray(0, at % bytes.length), Buffer.from(text), bytes.subarray(at % bytes.length)]),
);
const doubled: Arbitrary<Mutation> = place.map((at) => (bytes) => {
  const lines = bytes.toString("utf8").split("\n");
  const line = lines[at % lines.length] ?? "";
  return Buffer.from([...lines.slice(0, at % lines.length), line, ...lines.slice(at % lines.length)].join("\n"));
});
const WORDS = ["null", "true", "0", "-1e999", "[]", "{}", '""', "__proto__", "constructor", "../../x", "${x}", "~"];
const swapped: Arbitrary<Mutation> = record({ at: place, word: constantFrom(...WORDS) }).map(
  ({ at, word }) =>
    (bytes) => {
      const words = bytes.toString("utf8").split(/(\b[\w.]+\b)/);
      words[at % words.length] = word;
      return Buffer.from(words.join(""));
    },
);

const mutations = array(oneof(cut, splice, graft, flip, insert, doubled, swapped), { minLength: 1, maxLength: 4 });

test("any broken order is an order, or refused with a place and a reason, within its time", async () => {
  const input = record({ which: nat(CORPUS.length - 1), works: mutations });
  const tally = await fuzz("orders", 0.4, input, ({ which, works }, tally) => {
    const bytes = works.reduce((all, work) => (all.length === 0 ? all : work(all)), CORPUS[which] ?? Buffer.alloc(0));
    const { result, costMs } = read(bytes);

    expect(costMs).toBeLessThan(READ_MS);
    tally.add(result.ok ? "taken" : "refused");
    if (result.ok) expectSound(result.value);
    else for (const problem of result.error) expect(problem.message).not.toBe("");
  });
  expect(tally.share("taken")).toBeGreaterThan(0.05);
  expect(tally.share("refused")).toBeGreaterThan(0.05);
});

/** What it comes to, and the CPU time that it takes: the least of three where the first was long, for compilers and collectors. */
function read(bytes: Buffer) {
  let costMs = Number.POSITIVE_INFINITY;
  for (let tries = 0; ; tries += 1) {
    const before = process.cpuUsage();
    const result = readOrder(bytes, "stem");
    const { user, system } = process.cpuUsage(before);
    costMs = Math.min(costMs, (user + system) / 1000);
    if (costMs < READ_MS || tries === 2) return { result, costMs };
  }
}

/** What everything behind the reader relies on. */
function expectSound(order: Order): void {
  expect(order.id).toMatch(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/);
  expect(isProse(order)).toBe(
    order.files.length + order.steps.length === 0 && order.checks.every((one) => one.sha256 === undefined),
  );
  for (const action of order.files) {
    expect(action.path).not.toBe("");
    if (action.kind === "write") expect(typeof action.content).toBe("string");
    if (action.kind === "edit") expect(action.find).not.toBe("");
    if (action.kind === "diff" && !order.dryRun) expect(action.fault).toBeUndefined();
  }
  for (const { argv, timeoutMs } of order.steps) {
    expect(argv.length).toBeGreaterThan(0);
    expect(argv.every((word) => typeof word === "string" && !word.includes("\0"))).toBe(true);
    if (timeoutMs !== undefined) expect(timeoutMs).toBeGreaterThan(0);
  }
}
