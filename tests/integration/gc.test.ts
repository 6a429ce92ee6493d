/** `wo gc --vault`: contents that nothing needs any more go, and whoever misses them is told since when. */
import { existsSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { sha256 } from "../../src/platform/ids.ts";
import { QUICK } from "../support/line-kit.ts";
import { asRecord, until, World } from "../support/world.ts";

const LIMITS = (days: number, orders: number) =>
  `${QUICK}lanes:\n  HELD: {mode: hold}\nretention: {vaultDays: ${days}, vaultOrders: ${orders}}\n`;
/** More than fits into an entry of the ledger. */
const text = (word: string) => `${word}\n`.repeat(20_000);
const order = (id: string, path: string, word: string, more: object = {}) => ({
  wo_id: id,
  files: { [path]: text(word) },
  ...more,
});

/** A running world in which these orders are done, one after the other: id → path, word. */
async function done(config: string, orders: Readonly<Record<string, readonly [string, string]>>): Promise<World> {
  const world = await World.make({ config });
  await world.startDaemon();
  for (const [id, [path, word]] of Object.entries(orders)) {
    world.drop("CLC", `${id}.json`, order(id, path, word));
    await world.reaches(id, "done");
  }
  return world;
}

const THREE = { "WO-1": ["a.txt", "one"], "WO-2": ["a.txt", "two"], "WO-3": ["a.txt", "three"] } as const;
const blobPath = (world: World, bytes: string) =>
  join(world.vault, "blobs", sha256(bytes).slice(0, 2), sha256(bytes).slice(2));
const has = (world: World, word: string) => existsSync(blobPath(world, text(word)));
const sound = async (world: World) => (await world.wo("ledger", "verify")).code;

test("a plan says how much of which orders, what is kept and why, and removes nothing", async () => {
  const world = await done(LIMITS(0, 1), THREE);
  const shown = await world.wo("gc", "--vault");
  expect(shown.code, shown.stderr).toBe(0);
  for (const words of [
    "3 blobs",
    "would be pruned",
    "of 2 orders at rest",
    "WO-1",
    "that wo undo can count on",
    "next: wo gc --vault --apply",
  ])
    expect(shown.stdout).toContain(words);
  expect(asRecord(JSON.parse((await world.wo("gc", "--vault", "--json")).stdout))).toMatchObject({
    kind: "gc",
    data: {
      applied: false,
      pruned: { blobs: 3 },
      order_count: 2,
      kept: { recent: { blobs: 3 } },
      rules: { vaultOrders: 1 },
    },
  });
  expect([has(world, "one"), has(world, "two"), has(world, "three")]).toEqual([true, true, true]);
});

test("old contents go and the newest stay; undo of these works, and of those says since when", async () => {
  const world = await done(LIMITS(0, 1), THREE);
  const applied = await world.wo("gc", "--vault", "--apply");
  expect([applied.code, has(world, "one"), has(world, "two"), has(world, "three")], applied.stderr).toEqual([
    0,
    false,
    true,
    true,
  ]);
  expect(await sound(world)).toBe(0);

  const late = await world.wo("undo", "WO-2", "--force");
  const since = String(world.telemetry().find(({ event }) => event === "blobs_pruned")?.["ts"]);
  expect([late.code, late.stderr]).toEqual([1, expect.stringContaining(`was pruned from the vault at ${since}`)]);
  expect((await world.wo("show", "WO-1")).stdout).toContain(`pruned from the vault at ${since}`);
  expect((await world.wo("why", "a.txt")).stdout).toMatch(/1 version of it pruned from the vault/);

  const back = await world.wo("undo", "WO-3", "--apply");
  expect([back.code, world.read("a.txt")], back.stderr).toEqual([0, text("two")]);
});

test("what days or too few orders keep is kept", async () => {
  for (const limits of [LIMITS(1, 0), LIMITS(0, 4)]) {
    const world = await done(limits, THREE);
    expect((await world.wo("gc", "--vault", "--apply")).stdout).toContain("nothing to prune");
    expect(has(world, "one")).toBe(true);
  }
});

test("contents of orders that wait and of guarded components stay, whatever their age; and are of use", async () => {
  const world = await done(LIMITS(0, 0), { "WO-1": ["a.txt", "one"] });
  world.drop("HELD", "held.json", order("WO-HELD", "held.txt", "held"));
  await world.reaches("WO-HELD", "waiting");
  world.write("guarded.txt", text("guarded"));
  await world.wo("guardrail", "accept", world.path("guarded.txt"));
  const applied = await world.wo("gc", "--vault", "--apply");
  expect(applied.stdout).toContain("of orders that are not at rest");
  expect(applied.stdout).toContain("that guarded components have to be");
  expect([has(world, "one"), has(world, "guarded")]).toEqual([false, true]);

  await world.wo("approve", "WO-HELD");
  await world.reaches("WO-HELD", "done");
  expect(world.read("held.txt")).toBe(text("held"));
  rmSync(world.path("guarded.txt"));
  await until(() => world.read("guarded.txt") === text("guarded"), 15_000, "the component is put back");
  expect(await sound(world)).toBe(0);
});

test("an order that failed and whose source was pruned is not tried again, and its file can be dropped anew", async () => {
  const world = await done(LIMITS(0, 0), {});
  world.drop("CLC", "bad.json", order("WO-BAD", "b.txt", "bad", { steps: [{ run: "false" }] }));
  await world.reaches("WO-BAD", "failed");
  await world.wo("gc", "--vault", "--apply");
  const retried = await world.wo("retry", "WO-BAD");
  expect([retried.code, retried.stdout]).toEqual([5, expect.stringContaining("it cannot be tried again")]);
  expect(retried.stdout).toContain("next: wo show WO-BAD");
  expect((await world.wo("show", "WO-BAD")).stdout).toContain("it cannot be tried again");
  world.drop("CLC", "again.json", order("WO-AGAIN", "c.txt", "bad"));
  await world.reaches("WO-AGAIN", "done");
  expect([has(world, "bad"), await sound(world)]).toEqual([true, 0]);
});

test("while orders with the same bytes keep coming, none of them misses anything", async () => {
  const world = await done(LIMITS(0, 0), { "WO-0": ["a.txt", "same"] });
  const over = new AbortController();
  const pruning = (async () => {
    while (!over.signal.aborted) await world.ask({ call: "prune", by: "test" });
  })();
  const ids = Array.from({ length: 40 }, (_, index) => `WO-S${index}`);
  for (const [index, id] of ids.entries())
    world.drop("CLC", `${id}.json`, { wo_id: id, files: { [`d/${index}.txt`]: text("same") } });
  for (const id of ids) await world.reaches(id, "done");
  over.abort();
  await pruning;
  expect(ids.map((_, index) => world.read(`d/${index}.txt`) === text("same"))).not.toContain(false);
  expect(await sound(world)).toBe(0);
}, 120_000);

test("what was pruned, kept again, and then lost is damage; so is what was never pruned", async () => {
  const world = await done(LIMITS(0, 0), { "WO-1": ["a.txt", "one"] });
  await world.wo("gc", "--vault", "--apply");
  expect([has(world, "one"), await sound(world)]).toEqual([false, 0]);
  world.drop("CLC", "two.json", order("WO-2", "b.txt", "one"));
  await world.reaches("WO-2", "done");
  expect(has(world, "one")).toBe(true);
  rmSync(blobPath(world, text("one")));
  expect(await sound(world)).toBe(6);
  writeFileSync(blobPath(world, text("one")), text("one"));
  expect(await sound(world)).toBe(0);
  expect((await world.wo("undo", "WO-2")).code).toBe(0);
});

test("without a daemon the same is done under its locks, and a ledger that cannot be read whole keeps everything", async () => {
  const world = await done(LIMITS(0, 1), THREE);
  await world.wo("daemon", "stop");
  expect((await world.wo("gc", "--vault", "--apply")).stdout).toContain("3 blobs");
  expect([has(world, "one"), await sound(world)]).toEqual([false, 0]);
  const [first = ""] = readdirSync(join(world.vault, "ledger"))
    .filter((name) => name.endsWith(".jsonl"))
    .toSorted();
  writeFileSync(join(world.vault, "ledger", first), "damaged\n", { flag: "r+" });
  const before = readdirSync(join(world.vault, "blobs"), { recursive: true }).length;
  const refused = await world.wo("gc", "--vault", "--apply");
  expect([refused.code, refused.stderr]).toEqual([6, expect.stringContaining("the ledger cannot be")]);
  expect(readdirSync(join(world.vault, "blobs"), { recursive: true }).length).toBe(before);
});

test("the tree alone cannot have less kept", async () => {
  const world = await done(LIMITS(30, 100), THREE);
  world.write("wo-bridge.yaml", LIMITS(0, 0));
  await until(async () => (await world.wo("status")).stdout.includes("retention.vaultDays"), 10_000, "it is told");
  expect((await world.wo("gc", "--vault", "--apply")).stdout).toContain("nothing to prune");
  await world.wo("config", "accept");
  expect((await world.wo("gc", "--vault", "--apply")).stdout).toContain("are pruned");
});
