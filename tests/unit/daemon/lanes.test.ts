/** Who may run when; jobs are puppets that end when they are told to. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { type Job, Lanes, type LanesOptions } from "../../../src/daemon/lanes.ts";
import { readOrder } from "../../../src/orders/read-order.ts";
import { turn } from "../../support/hand-clock.ts";
import { valueOf } from "../../support/results.ts";

interface JobWish {
  readonly lane?: string;
  readonly priority?: string;
  readonly paths?: readonly string[];
  readonly runs?: boolean;
}

let arrivals = 0;

function job(id: string, { lane = "CLC", priority = "P2", paths = [id], runs = false }: JobWish = {}): Job {
  const text = {
    wo_id: id,
    priority,
    files: paths.map((path) => ({ path, content: "x" })),
    ...(runs ? { steps: [{ run: "true" }] } : {}),
  };
  const places = paths.map((path) => [path, { root: ".", folders: [], name: path, path: `/base/${path}` }] as const);
  arrivals += 1;
  return {
    id,
    lane,
    order: valueOf(readOrder(Buffer.from(JSON.stringify(text)), id)),
    arrival: String(arrivals).padStart(8, "0"),
    source: { path: "/x", sizeBytes: 1, modifiedMs: 1 },
    places: new Map(places),
    acceptance: [],
  };
}

class Stage {
  readonly started: string[] = [];
  readonly #ends = new Map<string, () => void>();
  readonly lanes: Lanes;

  constructor({ concurrency = 4, perLane = 1 } = {}) {
    const run: LanesOptions["run"] = ({ id }) => {
      this.started.push(id);
      return new Promise((resolve) => this.#ends.set(id, resolve));
    };
    this.lanes = new Lanes({ concurrency: () => concurrency, laneConcurrency: () => perLane, run });
  }

  add(...jobs: readonly Job[]): this {
    for (const one of jobs) this.lanes.add(one);
    return this;
  }

  /** Ends a job, and lets what follows begin. */
  async end(id: string): Promise<void> {
    this.#ends.get(id)?.();
    await turn();
  }

  /** Ends one job after the other; returns the order in which they began. */
  async playOut(): Promise<readonly string[]> {
    for (let at = 0; at < this.started.length; at += 1) await this.end(this.started[at] ?? "");
    return this.started;
  }
}

test("within a lane one order runs at a time", async () => {
  const stage = new Stage().add(job("a"), job("b"), job("c", { lane: "clc" }));
  expect(stage.started).toEqual(["a"]);
  await stage.end("a");
  expect(stage.started).toEqual(["a", "b"]);
});

test("in a lane the more urgent come first, and among equals who came first", async () => {
  const jobs = [job("running"), job("low", { priority: "P3" }), job("a"), job("b"), job("urgent", { priority: "P0" })];
  expect(await new Stage().add(...jobs).playOut()).toEqual(["running", "urgent", "a", "b", "low"]);
});

test("who came first is told by the arrival, not by who was added first", async () => {
  const [a, b, c] = [job("a"), job("b"), job("c")];
  expect(await new Stage().add(job("running", { priority: "P0" }), c, b, a).playOut()).toEqual([
    "running",
    "a",
    "b",
    "c",
  ]);
});

test("any jobs run in the order of priority and arrival, each once", async () => {
  const priorities = fc.array(fc.constantFrom("P0", "P1", "P2", "P3"), { maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(priorities, async (given) => {
      const jobs = given.map((priority, at) => job(`${priority}-${String(at).padStart(2, "0")}`, { priority }));
      const order = await new Stage().add(job("running"), ...jobs).playOut();
      expect(order).toEqual(["running", ...jobs.map(({ id }) => id).toSorted()]);
    }),
    { numRuns: 50 },
  );
});

test("lanes run in parallel, up to the limit over all of them", async () => {
  const stage = new Stage({ concurrency: 2 }).add(...["A", "B", "C"].map((lane) => job(lane, { lane })));
  expect(stage.started).toEqual(["A", "B"]);
  await stage.end("B");
  expect(stage.started).toEqual(["A", "B", "C"]);
});

test("no lane waits while another is served again and again", async () => {
  const busy = [1, 2, 3, 4].map((at) => job(`A${at}`, { lane: "A" }));
  const stage = new Stage({ concurrency: 1 }).add(...busy, job("B1", { lane: "B" }), job("C1", { lane: "C" }));
  const order = await stage.playOut();
  expect(order.slice(0, 4).toSorted()).toEqual(["A1", "A2", "B1", "C1"]);
});

test.each<readonly [string, JobWish, JobWish, boolean]>([
  ["write other files", { paths: ["a/b"] }, { paths: ["a/c"] }, true],
  ["have names that begin alike", { paths: ["a/b"] }, { paths: ["a/bc"] }, true],
  ["have names that begin alike, the longer one first", { paths: ["a/bc"] }, { paths: ["a/b"] }, true],
  ["write the same file", { paths: ["x", "a/b"] }, { paths: ["a/b"] }, false],
  ["write the same file in another spelling", { paths: ["a/B"] }, { paths: ["a/b"] }, false],
  ["write below what the other writes", { paths: ["a"] }, { paths: ["a/b"] }, false],
  ["write above what the other writes", { paths: ["a/b"] }, { paths: ["a"] }, false],
  ["come second and run a command", { paths: ["a"] }, { paths: ["b"], runs: true }, false],
  ["come behind one that runs a command", { paths: ["a"], runs: true }, { paths: ["b"] }, false],
])("in a lane of two, orders run beside each other or not, when they %s", (_when, first, second, beside) => {
  const stage = new Stage({ perLane: 2 }).add(job("first", first), job("second", second));
  expect(stage.started).toEqual(beside ? ["first", "second"] : ["first"]);
});

test("a lane of two runs no third, and nobody overtakes who has to wait", () => {
  const full = new Stage({ perLane: 2 }).add(job("a"), job("b"), job("c"));
  expect(full.started).toEqual(["a", "b"]);
  const blocked = new Stage({ perLane: 2 }).add(job("a"), job("a2", { paths: ["a"] }), job("free"));
  expect(blocked.started).toEqual(["a"]);
});

test("a job starts in the same turn when nothing is before it, and never before one that waits", async () => {
  const stage = new Stage();
  expect(stage.lanes.startNow(job("a"))).toBe(true);
  expect(stage.lanes.startNow(job("b"))).toBe(false);
  stage.add(job("c"));
  expect(stage.lanes.startNow(job("d", { priority: "P0" }))).toBe(false);
  expect({ started: stage.started, waiting: stage.lanes.waiting.map(({ id }) => id) }).toEqual({
    started: ["a"],
    waiting: ["c"],
  });
});

test("a job that could run does not start in front of one that waits", () => {
  const stage = new Stage({ perLane: 2 }).add(job("a"), job("a2", { paths: ["a"] }));
  expect(stage.lanes.startNow(job("free"))).toBe(false);
});

test("a job that waits can be taken out, by its id in any case; one that runs cannot", async () => {
  const stage = new Stage().add(job("WO-1"), job("WO-2"), job("WO-3"));
  expect([stage.lanes.remove("wo-2"), stage.lanes.remove("WO-2"), stage.lanes.remove("WO-1")]).toEqual([
    true,
    false,
    false,
  ]);
  expect(await stage.playOut()).toEqual(["WO-1", "WO-3"]);
});

test("lanes tell what runs and what waits", async () => {
  const stage = new Stage().add(job("a"), job("b"), job("c", { lane: "OTHER" }));
  const now = () => [stage.lanes.running, stage.lanes.waiting].map((jobs) => jobs.map(({ id }) => id));
  expect(now()).toEqual([["a", "c"], ["b"]]);
  await stage.playOut();
  expect(now()).toEqual([[], []]);
});

test("lanes that are stopped start nothing any more, and keep what waits", async () => {
  const stage = new Stage().add(job("a"), job("b"));
  stage.lanes.stop();
  await stage.end("a");
  expect(stage.lanes.startNow(job("c", { lane: "OTHER" }))).toBe(false);
  expect({ started: stage.started, waiting: stage.lanes.waiting.length }).toEqual({ started: ["a"], waiting: 1 });
});
