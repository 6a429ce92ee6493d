/** The same order again, another one under its name, one that takes another's place, and what people do with orders. */
import { expect, test } from "vitest";
import {
  awaitRefusals,
  failureOf,
  filing,
  isRunning,
  pidsIn,
  problemsOf,
  refusalsOf,
  running,
  told,
  unconfinedWorld,
  workingWorld,
  workOf,
} from "../support/line-kit.ts";
import { until, type World } from "../support/world.ts";

const HOLD = "lanes:\n  HELD: {mode: hold}\n";

/** Drops it and waits until it has come to rest and its file lies where it belongs. */
async function settled(world: World, name: string, order: object, id: string): Promise<void> {
  world.drop("CLC", name, order);
  await told(world, id, "wo_settled");
}

test("the same order again is acknowledged as a duplicate and nothing runs", async () => {
  const world = await workingWorld();
  const order = running("WO-1", "echo ran >> effects.txt");
  await settled(world, "first.json", order, "WO-1");
  const ack = world.read("bridge/outbox/CLC/WO-1.ack.json");
  world.drop("CLC", "again.json", order);
  expect(await awaitRefusals(world, "CLC", 1)).toEqual([
    expect.objectContaining({ wo_id: "WO-1", status: "duplicate", of: "done", next: "wo show WO-1" }),
  ]);
  expect(world.read("effects.txt")).toBe("ran\n");
  expect(world.read("bridge/outbox/CLC/WO-1.ack.json")).toBe(ack);
  const [month = ""] = world.list("bridge/processed/CLC");
  expect(world.list(`bridge/processed/CLC/${month}`)).toEqual(["again.json", "first.json"]);
});

test("an order whose name is taken in processed/ keeps its name with a number", async () => {
  const world = await workingWorld();
  await settled(world, "same.json", filing("WO-1"), "WO-1");
  await settled(world, "same.json", filing("WO-2"), "WO-2");
  const [month = ""] = world.list("bridge/processed/CLC");
  expect(world.list(`bridge/processed/CLC/${month}`)).toEqual(["same.json", "same~2.json"]);
});

test.each([
  ["the same spelling", "WO-1"],
  ["another case", "wo-1"],
])("other content under a known id in %s is refused with both hashes and what to write instead", async (_what, id) => {
  const world = await workingWorld();
  await settled(world, "first.json", filing("WO-1", "first.txt"), "WO-1");
  world.drop("CLC", "second.json", filing(id, "second.txt"));
  const [problem] = await problemsOf(world, "CLC", "second.json");
  expect(problem).toMatchObject({
    code: "content_conflict",
    message: expect.stringMatching(/sha256 [0-9a-f]{12}…, this file [0-9a-f]{12}…/),
    hint: expect.stringContaining(`supersedes: ${id}`),
  });
  const [ack] = await awaitRefusals(world, "CLC", 1);
  expect(ack).toMatchObject({ status: "rejected", next: "wo check bridge/error/CLC/second.json" });
  expect(workOf(world)).toEqual({ "first.txt": "WO-1\n" });
});

test("a file name is no promise: other content under a used stem is another order with a longer id", async () => {
  const world = await workingWorld();
  const nameless = (path: string) => ({ files: [{ path, content: "x" }] });
  await settled(world, "report.json", nameless("a.txt"), "report");
  world.drop("CLC", "report.json", nameless("b.txt"));
  const states = () => world.list("g/followup/state").filter((name) => name.endsWith(".json"));
  await until(() => states().length === 2, 10_000, "both have a state");
  const id = states()[0]?.replace(/\.json$/, "") ?? "";
  expect(id).toMatch(/^report\.[0-9a-f]{8}$/);
  await told(world, id, "wo_settled");
  expect(world.read(`bridge/outbox/CLC/${id}.ack.json`)).toContain(`"wo_id": "${id}"`);
  world.drop("CLC", "report.json", nameless("b.txt"));
  expect(await awaitRefusals(world, "CLC", 1)).toEqual([expect.objectContaining({ wo_id: id, status: "duplicate" })]);
});

test("an order that supersedes another one cancels it while it waits", async () => {
  const world = await workingWorld(HOLD);
  world.drop("HELD", "old.json", filing("WO-OLD", "out.txt"));
  await world.reaches("WO-OLD", "waiting");
  world.drop("CLC", "new.json", { ...filing("WO-NEW", "out.txt"), supersedes: "WO-OLD" });
  await world.reaches("WO-OLD", "canceled");
  await world.reaches("WO-NEW", "done");
  expect(await told(world, "WO-OLD", "wo_canceled")).toMatchObject({ by: "WO-NEW", reason: "superseded by WO-NEW" });
  expect(workOf(world)).toEqual({ "out.txt": "WO-NEW\n" });
});

test("an order that supersedes a running one ends its command before its own begins", async () => {
  const world = await unconfinedWorld();
  world.drop("CLC", "old.json", running("WO-OLD", "echo $$ > old.pid; sleep 60; echo old >> effects.txt"));
  await until(() => pidsIn(world, "old.pid").length === 1, 10_000, "the old command runs");
  world.drop("CLC", "new.json", { ...running("WO-NEW", "echo new >> effects.txt"), supersedes: "WO-OLD" });
  await world.reaches("WO-NEW", "done");
  expect(world.status("WO-OLD")).toBe("canceled");
  expect(world.read("effects.txt")).toBe("new\n");
  expect(pidsIn(world, "old.pid").filter(isRunning)).toEqual([]);
});

test("a retry is a new attempt at the same order, and only what failed or was canceled has one", async () => {
  const world = await workingWorld();
  const order = running("WO-1", "test -f ready.txt", { files: [{ path: "out.txt", content: "out" }] });
  world.drop("CLC", "one.json", order);
  expect(await failureOf(world, "WO-1")).toMatchObject({ class: "command_failed", attempt: 1 });
  world.drop("CLC", "again.json", order);
  expect(await awaitRefusals(world, "CLC", 1)).toEqual([expect.objectContaining({ next: "wo retry WO-1" })]);
  world.write("ready.txt", "");
  expect((await world.wo("retry", "WO-1")).code).toBe(0);
  await world.reaches("WO-1", "done");
  expect(await told(world, "WO-1", "wo_completed")).toMatchObject({ attempt: 2 });
  const refused = await world.wo("retry", "WO-1");
  expect(refused).toMatchObject({ code: 5, stdout: expect.stringContaining("it is done") });
});

test.each([
  ["waits for a person", "HELD", "waiting"],
  ["waits for its turn", "CLC", "pending"],
])("a canceled order that %s never runs, and its file comes to rest", async (_what, lane, status) => {
  const world = await workingWorld(HOLD);
  world.drop("CLC", "first.json", running("WO-FIRST", "while ! test -f go; do sleep 0.02; done"));
  await told(world, "WO-FIRST", "step_started");
  world.drop(lane, "second.json", filing("WO-SECOND"));
  await world.reaches("WO-SECOND", status);
  const end = await world.wo("--actor", "kim", "cancel", "WO-SECOND", "--reason", "no longer wanted");
  expect(end.code).toBe(0);
  expect(await told(world, "WO-SECOND", "wo_canceled")).toMatchObject({ by: "kim", reason: "no longer wanted" });
  world.write("go", "");
  await world.reaches("WO-FIRST", "done");
  await told(world, "WO-SECOND", "wo_settled");
  expect(world.status("WO-SECOND")).toBe("canceled");
  expect(workOf(world)).toEqual({ go: "" });
});

test("canceling an order ends the whole group of its command, also what ignores TERM", async () => {
  const world = await unconfinedWorld("commands: {graceMs: 200}\n");
  const stubborn =
    "(trap '' TERM; sh -c 'echo $$ >> pids; trap \"\" TERM; while :; do sleep 0.1; done') & echo $$ >> pids; wait";
  world.drop("CLC", "long.json", running("WO-LONG", stubborn, { post_verify: ["echo never > after.txt"] }));
  await until(() => pidsIn(world, "pids").length === 2, 10_000, "both processes run");
  expect((await world.wo("cancel", "WO-LONG")).code).toBe(0);
  await world.reaches("WO-LONG", "canceled");
  expect(pidsIn(world, "pids").filter(isRunning)).toEqual([]);
  expect(world.read("after.txt")).toBeUndefined();
});

test("of two files with one id in two lanes one becomes the order, the other is refused", async () => {
  const world = await workingWorld();
  for (let round = 0; round < 10; round += 1) {
    world.write(`bridge/inbox/A/.a-${round}.tmp`, "");
    world.drop("A", `${round}.json`, filing(`WO-${round}`, `out-${round}.txt`));
    world.drop("B", `${round}.json`, filing(`wo-${round}`, `other-${round}.txt`));
  }
  const refusals = () => [...refusalsOf(world, "A"), ...refusalsOf(world, "B")];
  await until(() => refusals().length === 10, 10_000, "ten are refused");
  const dones = () =>
    Array.from({ length: 10 }, (_, round) => [`WO-${round}`, `wo-${round}`].map((id) => world.status(id)));
  await until(() => dones().every((pair) => pair.includes("done")), 10_000, "ten are done");
  expect(dones().map((pair) => pair.toSorted())).toEqual(Array.from({ length: 10 }, () => ["done", "unknown"]));
  expect(Object.keys(workOf(world))).toHaveLength(10);
});
