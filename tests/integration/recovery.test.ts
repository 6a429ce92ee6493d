/** Rows of docs/states.md that no kill can make: what a power cut leaves, which may undo renames that were not synced. */
import { readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { until, World } from "../support/world.ts";

const CONFIG = "lanes:\n  HELD: {mode: hold}\n";
const order = (id: string) => ({ wo_id: id, steps: [{ run: `echo ${id} >> effects.txt` }] });

/** A base whose daemon was killed when this order had this status. */
async function killedAt(lane: string, status: string): Promise<World> {
  const world = await World.make({ config: CONFIG });
  await world.startDaemon();
  world.drop(lane, "one.json", order("WO-1"));
  await world.reaches("WO-1", status);
  if (status === "done") await until(() => world.told("WO-1", "wo_settled"), 5000, "it is settled");
  await world.killAll();
  return world;
}

function claimsIn(world: World, lane: string): string[] {
  return readdirSync(world.path(`bridge/inbox/${lane}/.claimed`));
}

test("an accepted order whose file is in the inbox again is that order, not a duplicate", async () => {
  const world = await killedAt("HELD", "waiting");
  const [claim = ""] = claimsIn(world, "HELD");
  renameSync(world.path(`bridge/inbox/HELD/.claimed/${claim}`), world.path("bridge/inbox/HELD/one.json"));
  await world.startDaemon();
  await until(() => claimsIn(world, "HELD").includes(claim), 5000, "the file has its claim's name again");
  expect((await world.wo("approve", "WO-1")).code).toBe(0);
  await world.reaches("WO-1", "done");
  expect(world.read("effects.txt")).toBe("WO-1\n");
  expect(world.events("WO-1")).not.toContain("wo_duplicate");
});

test("a finished order whose file is claimed again is settled again, and done once", async () => {
  const world = await killedAt("CLC", "done");
  const [month = ""] = world.list("bridge/processed/CLC");
  const claim = world.telemetry().find(({ event }) => event === "wo_accepted")?.["claim"];
  const back = world.path(join("bridge/inbox/CLC/.claimed", String(claim)));
  renameSync(world.path(`bridge/processed/CLC/${month}/one.json`), back);
  await world.startDaemon();
  await until(() => world.list(`bridge/processed/CLC/${month}`).length > 0, 5000, "it is moved again");
  expect(world.list(`bridge/processed/CLC/${month}`)).toEqual(["one.json"]);
  expect(claimsIn(world, "CLC")).toEqual([]);
  expect(world.read("effects.txt")).toBe("WO-1\n");
});

test("an order whose file vanished is finished out of the ledger, its copy in processed/", async () => {
  const world = await killedAt("HELD", "waiting");
  const [claim = ""] = claimsIn(world, "HELD");
  renameSync(world.path(`bridge/inbox/HELD/.claimed/${claim}`), join(world.root, "gone"));
  await world.startDaemon();
  await world.wo("approve", "WO-1");
  await world.reaches("WO-1", "done");
  await until(() => world.told("WO-1", "wo_settled"), 5000, "it is settled");
  const [month = ""] = world.list("bridge/processed/HELD");
  expect(world.read(`bridge/processed/HELD/${month}/one.json`)).toBe(JSON.stringify(order("WO-1")));
});

test("a file that was claimed and not judged yet is judged after a start, whatever it is", async () => {
  const world = await World.make();
  await world.startDaemon();
  await world.killAll();
  world.write("bridge/inbox/CLC/.claimed/01M7Z42YP45VFR9G58VHYD90NA~bad.yaml", "wo_id: ../../x\n");
  world.write("bridge/inbox/CLC/.claimed/01M7Z42YP45VFR9G58VHYD90NB~good.json", JSON.stringify(order("WO-GOOD")));
  await world.startDaemon();
  await world.reaches("WO-GOOD", "done");
  await until(() => world.list("bridge/error/CLC").length === 2, 5000, "the bad one is rejected");
  expect(world.list("bridge/error/CLC")).toEqual(["bad.yaml", "bad.yaml.error.json"]);
});
