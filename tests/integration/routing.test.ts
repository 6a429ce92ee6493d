/** Orders that are dropped where orders are passed on: into the lane that they ask for, or waiting until they get one. */
import { mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { filing, lastLine, QUICK, running, told, valueIn, workingWorld, workOf } from "../support/line-kit.ts";
import { asRecord, exited, until, World } from "../support/world.ts";

const LANES = "lanes:\n  SHELL: {}\n  HELD: {mode: hold}\n  FILES: {mode: files-only}\n  FRONT: {mode: route}\n";

const monthOf = (world: World, lane: string): string => world.list(`bridge/processed/${lane}`)[0] ?? "none";

function ackOf(world: World, lane: string, id = "WO-1"): Readonly<Record<string, unknown>> {
  return asRecord(JSON.parse(world.read(`bridge/outbox/${lane}/${id}.ack.json`) ?? "{}"));
}

function settled(world: World, id = "WO-1"): Promise<void> {
  return until(() => world.told(id, "wo_settled"), 10_000, `${id} is settled`);
}

const claimsIn = (world: World, lane: string): string[] => readdirSync(world.path(`bridge/inbox/${lane}/.claimed`));

test("an order is passed on by each key that names a lane, whatever its case, out of ENTRY and any lane that routes", async () => {
  const world = await workingWorld(LANES);
  const wishes: readonly object[] = [
    { target: "shell" },
    { strict_target: "Shell", target: "held" },
    { strict_target: true, target: "SHELL" },
    { target_candidates: ["lac", "shell", "held"], strict_target: false },
    { route_hints: { preferred_executor: "lac", fallback_order: ["shell"] } },
    { assignee: "shell" },
  ];
  for (const [index, wish] of wishes.entries())
    world.drop(index % 2 === 0 ? "ENTRY" : "FRONT", `${index}.json`, { ...filing(`WO-${index}`), ...wish });
  for (const index of wishes.keys()) await world.reaches(`WO-${index}`, "done");
  for (const index of wishes.keys()) await settled(world, `WO-${index}`);
  expect(world.list("bridge/processed")).toEqual(["SHELL"]);
  expect(world.list(`bridge/processed/SHELL/${monthOf(world, "SHELL")}`)).toHaveLength(wishes.length);
  expect([...claimsIn(world, "ENTRY"), ...claimsIn(world, "FRONT")]).toEqual([]);
  expect(await told(world, "WO-0", "wo_accepted")).toMatchObject({ lane: "SHELL", routed_from: "ENTRY", ok: true });
});

test("every view carries the lane that an order got, and says where it came in", async () => {
  const world = await workingWorld(LANES);
  world.drop("ENTRY", "one.json", running("WO-1", 'echo "$WO_LANE" > lane.txt', { target: "shell" }));
  await world.reaches("WO-1", "done");
  expect(world.read("lane.txt")).toBe("SHELL\n");
  expect(world.state("WO-1")).toMatchObject({
    meta: { lane: "SHELL", routed_from: "ENTRY", inbox_path: "bridge/inbox/ENTRY/one.json" },
  });
  expect((await world.wo("show", "WO-1")).stdout).toContain("lane SHELL (from ENTRY)");
  expect((await world.wo("status")).stdout).toMatch(/WO-1 .* SHELL /);
  expect((await world.wo("log", "WO-1")).stdout).toContain("ENTRY/one.json, passed on to SHELL");
  for (const lane of ["ENTRY", "SHELL"])
    expect(ackOf(world, lane)).toMatchObject({ status: "accepted", lane: "SHELL", routed_from: "ENTRY" });
  const list = () => JSON.parse(world.read("apps/dashboard/data/followup.json") ?? "{}");
  await until(() => valueIn(list(), "items", 0, "lane") === "SHELL", 5000, "the dashboard's list has it");
});

test("the rules of the lane that an order is passed on to hold for it", async () => {
  const world = await workingWorld(LANES);
  world.drop("ENTRY", "hold.json", { ...filing("WO-HOLD", "hold.txt"), target: "held" });
  world.drop("ENTRY", "run.json", running("WO-RUN", "echo ran > ran.txt", { target: "files" }));
  world.drop("ENTRY", "write.json", { ...filing("WO-WRITE", "a.txt"), target: "files" });
  await world.reaches("WO-WRITE", "done");
  await world.reaches("WO-HOLD", "waiting");
  expect(valueIn(world.state("WO-HOLD"), "meta", "status_detail")).toContain("held_lane");
  await until(() => world.read("bridge/error/ENTRY/run.json.error.json") !== undefined, 5000, "it is refused");
  expect(world.read("bridge/error/ENTRY/run.json.error.json")).toMatch(/lane_refuses_commands.*lane FILES/s);
  expect(workOf(world)).toEqual({ "a.txt": "WO-WRITE\n" });
  expect((await world.wo("approve", "WO-HOLD")).code).toBe(0);
  await world.reaches("WO-HOLD", "done");
});

test("an order whose lane is not there waits, says what it asked for and what to type, and never runs where it waits", async () => {
  const world = await workingWorld(LANES);
  world.drop("ENTRY", "one.json", running("WO-1", "echo ran >> ran.txt", { strict_target: "lac", target: "shell" }));
  await world.reaches("WO-1", "waiting");
  const wait = 'waits (no_route): it asks for "lac" and no other; it can be passed on to CLC, FILES, HELD, SHELL';
  expect(ackOf(world, "ENTRY")).toMatchObject({ message: wait, next: "wo approve WO-1 --lane LANE" });
  expect((await world.wo("status")).stdout).toContain(`WO-1 ${wait}`);
  const refused = await world.wo("approve", "WO-1");
  expect(refused).toMatchObject({ code: 5, stdout: expect.stringContaining('it asks for "lac" and no other') });
  expect(lastLine(refused)).toBe("next: wo approve WO-1 --lane LANE");
  expect((await world.wo("approve", "WO-1", "--lane", "entry")).code).toBe(5);
  expect(world.read("ran.txt")).toBeUndefined();

  expect((await world.wo("--actor", "kim", "approve", "WO-1", "--lane", "shell")).code).toBe(0);
  await world.reaches("WO-1", "done");
  expect(await told(world, "WO-1", "wo_routed")).toMatchObject({ lane: "SHELL", from: "ENTRY", by: "kim" });
  await settled(world);
  expect(world.list(`bridge/processed/SHELL/${monthOf(world, "SHELL")}`)).toEqual(["one.json"]);
  expect(world.read("ran.txt")).toBe("ran\n");
});

test("an order is passed on without a daemon, and runs in its lane when one starts", async () => {
  const world = await World.make({ config: QUICK + LANES });
  const daemon = await world.startDaemon();
  world.drop("ENTRY", "one.json", filing("WO-1", "a.txt"));
  await world.reaches("WO-1", "waiting");
  await world.kill(daemon, "SIGTERM");
  expect(await world.wo("approve", "WO-1", "--lane", "shell")).toMatchObject({
    code: 0,
    stdout: expect.stringContaining("passed on to SHELL; no daemon runs"),
  });
  expect(ackOf(world, "ENTRY")).toMatchObject({ status: "accepted", lane: "SHELL" });
  await world.startDaemon();
  await world.reaches("WO-1", "done");
  await settled(world);
  expect(world.list("bridge/processed")).toEqual(["SHELL"]);
});

test("an order goes on by itself when its lane appears, also while no daemon runs", async () => {
  const world = await World.make({ config: QUICK + LANES });
  const daemon = await world.startDaemon();
  world.drop("ENTRY", "one.json", { ...filing("WO-1", "a.txt"), target: "Late" });
  world.drop("ENTRY", "two.json", { ...filing("WO-2", "b.txt"), target: "Later" });
  await world.reaches("WO-1", "waiting");
  await world.reaches("WO-2", "waiting");
  mkdirSync(world.path("bridge/inbox/LATE"));
  await world.reaches("WO-1", "done");
  expect(world.status("WO-2")).toBe("waiting");
  await world.kill(daemon);
  mkdirSync(world.path("bridge/inbox/later"));
  await world.startDaemon();
  await world.reaches("WO-2", "done");
  await settled(world, "WO-2");
  expect(world.list("bridge/processed")).toEqual(["LATE", "later"]);
});

test("commands that came by git do not go by themselves when their lane appears", async () => {
  const world = await World.make({ config: QUICK + LANES });
  const git = (...words: string[]) => world.run(["git", "-C", world.base, ...words]);
  await git("init", "-q");
  world.write("bridge/inbox/ENTRY/one.json", JSON.stringify(running("WO-1", "echo ran > ran.txt", { target: "late" })));
  await git("add", "-f", "bridge/inbox/ENTRY/one.json");
  await world.startDaemon();
  await world.reaches("WO-1", "waiting");
  mkdirSync(world.path("bridge/inbox/LATE"));
  world.drop("ENTRY", "two.json", { ...filing("WO-2", "b.txt"), target: "late" });
  await world.reaches("WO-2", "done");
  expect(valueIn(world.state("WO-1"), "meta", "status_detail")).toContain("from_git");
  expect((await world.wo("approve", "WO-1")).code).toBe(0);
  await world.reaches("WO-1", "done");
  expect(valueIn(world.state("WO-1"), "meta", "lane")).toBe("LATE");
});

test("the same order in the lane that passes it on and in its own lane is one order and a duplicate", async () => {
  const world = await workingWorld(LANES);
  const order = { ...filing("WO-1", "a.txt"), target: "shell" };
  world.drop("ENTRY", "one.json", order);
  await settled(world);
  world.drop("SHELL", "one.json", order);
  await told(world, "WO-1", "wo_duplicate");
  world.drop("ENTRY", "one.json", { ...order, title: "other" });
  const report = () => world.read("bridge/error/ENTRY/one.json.error.json");
  await until(() => report() !== undefined, 5000, "other content is rejected");
  expect(report()).toContain("content_conflict");
});

test("what an order would do is shown for the lane that it would be passed on to", async () => {
  const world = await World.make({ config: QUICK + LANES });
  world.write("one.json", JSON.stringify({ ...filing("WO-1", "a.txt"), target: "held" }));
  world.write("two.json", JSON.stringify({ ...filing("WO-2", "a.txt"), target: "lac" }));
  const dry = async (name: string) =>
    (await world.wo("submit", world.path(name), "--lane", "ENTRY", "--dry-run")).stdout;
  expect(await dry("one.json")).toMatch(/for ENTRY → HELD\n[^]*would wait \(held_lane\)/);
  expect(await dry("two.json")).toMatch(/for ENTRY\n[^]*would wait \(no_route\): it asks for "lac"/);
});

/** A base whose daemon was killed when an order that came in by ENTRY had this status. */
async function killedAt(target: string, status: string): Promise<World> {
  const world = await World.make({ config: QUICK + LANES });
  await world.startDaemon();
  world.drop("ENTRY", "one.json", running("WO-1", "echo ran >> ran.txt", { target }));
  await world.reaches("WO-1", status);
  if (status === "done") await settled(world);
  await world.killAll();
  return world;
}

async function doneOnceIn(world: World, lane: string): Promise<void> {
  await world.reaches("WO-1", "done");
  await settled(world);
  await until(() => claimsIn(world, "ENTRY").length === 0, 5000, "its file is settled");
  expect(world.list("bridge/processed")).toEqual([lane]);
  expect(world.list(`bridge/processed/${lane}/${monthOf(world, lane)}`)).toEqual(["one.json"]);
  expect(world.read("ran.txt")).toBe("ran\n");
  expect(world.events("WO-1").filter((event) => event === "wo_accepted")).toHaveLength(1);
}

test("a file that was claimed and not accepted is passed on after a start", async () => {
  const world = await World.make({ config: QUICK + LANES });
  const order = running("WO-1", "echo ran >> ran.txt", { target: "shell" });
  world.write("bridge/inbox/ENTRY/.claimed/01M7Z42YP45VFR9G58VHYD90NA~one.json", JSON.stringify(order));
  await world.startDaemon();
  await doneOnceIn(world, "SHELL");
});

test("an order that was passed on and runs when the daemon is killed is adopted and settled in its lane", async () => {
  const world = await World.make({ config: QUICK + LANES });
  const daemon = await world.startDaemon();
  world.drop(
    "ENTRY",
    "one.json",
    running("WO-1", "echo ran >> ran.txt; while [ ! -f go ]; do sleep 0.05; done", { target: "shell" }),
  );
  await until(() => world.read("ran.txt") !== undefined, 10_000, "it runs");
  await world.kill(daemon);
  await exited(daemon);
  world.write("go", "");
  await world.startDaemon();
  await doneOnceIn(world, "SHELL");
});

test("an order that waits in the lane that it was passed on to is let go after a kill, its file back in the inbox or not", async () => {
  for (const isBack of [false, true]) {
    const world = await killedAt("held", "waiting");
    const [claim = ""] = claimsIn(world, "ENTRY");
    if (isBack)
      renameSync(world.path(`bridge/inbox/ENTRY/.claimed/${claim}`), world.path("bridge/inbox/ENTRY/one.json"));
    await world.startDaemon();
    await until(() => claimsIn(world, "ENTRY").includes(claim), 5000, "the file has its claim's name");
    expect((await world.wo("approve", "WO-1")).code).toBe(0);
    await doneOnceIn(world, "HELD");
    expect(world.events("WO-1")).not.toContain("wo_duplicate");
  }
});

test("a finished order whose file is claimed again where it was dropped is settled again in its lane", async () => {
  const world = await killedAt("shell", "done");
  const claim = String((await told(world, "WO-1", "wo_accepted"))["claim"]);
  const from = world.path(`bridge/processed/SHELL/${monthOf(world, "SHELL")}/one.json`);
  renameSync(from, world.path(join("bridge/inbox/ENTRY/.claimed", claim)));
  await world.startDaemon();
  await doneOnceIn(world, "SHELL");
});

test("a wiped inbox loses no order that was passed on, nor one that waits for its lane", async () => {
  const world = await killedAt("held", "waiting");
  await world.startDaemon();
  world.drop("ENTRY", "two.json", { ...filing("WO-2", "b.txt"), target: "lac" });
  await world.reaches("WO-2", "waiting");
  rmSync(world.path("bridge"), { recursive: true });
  await until(() => world.list("bridge/inbox").includes("ENTRY"), 5000, "the lanes are back");
  expect((await world.wo("approve", "WO-1")).code).toBe(0);
  expect((await world.wo("approve", "WO-2", "--lane", "shell")).code).toBe(0);
  await world.reaches("WO-1", "done");
  await world.reaches("WO-2", "done");
  for (const id of ["WO-1", "WO-2"]) await settled(world, id);
  expect(world.read(`bridge/processed/HELD/${monthOf(world, "HELD")}/one.json`)).toContain("WO-1");
  expect(world.read(`bridge/processed/SHELL/${monthOf(world, "SHELL")}/two.json`)).toContain("WO-2");
});
