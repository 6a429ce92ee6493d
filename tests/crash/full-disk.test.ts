/** A disk that fills up while orders come in: intake pauses and says so, and resumes by itself; nothing is lost or done twice. */
import { renameSync, rmSync } from "node:fs";
import { expect, test } from "vitest";
import { fillDisk } from "../support/fill-disk.ts";
import { NO_SMALL_DISK, smallDisk } from "../support/temporary-folder.ts";
import { until, World } from "../support/world.ts";

const COUNT = 60;

function told(world: World, event: string): boolean {
  return (world.read("g/telemetry/unified.jsonl") ?? "").includes(`"event":"${event}"`);
}

test("a full disk pauses intake, says so, and every order is done once when there is room again", async ({ skip }) => {
  const world = await fullWorld(skip);
  rmSync(world.path("filler"));
  await expectAllDoneOnce(world);
  await until(() => told(world, "intake_paused") && told(world, "intake_resumed"), 10_000, "telemetry tells of both");
});

test("a daemon that is killed and started again on a full disk works as soon as there is room", async ({ skip }) => {
  const world = await fullWorld(skip);
  await world.killAll();
  fillDisk(world.path("filler"));
  // A supervisor would do this again and again.
  let daemon = await world.startDaemon();
  expect(daemon.exitCode).not.toBe(70);
  rmSync(world.path("filler"));
  if (daemon.exitCode !== null) daemon = await world.startDaemon();
  await expectAllDoneOnce(world);
});

const ids = Array.from({ length: COUNT }, (_, index) => `WO-${index}`);

/** A daemon on a full disk that has been given orders, and has said that it cannot go on. */
async function fullWorld(skip: (note: string) => never): Promise<World> {
  const disk = smallDisk(64 * 1024 * 1024) ?? skip(NO_SMALL_DISK);
  const world = await World.make({ root: disk });
  await world.startDaemon();
  for (const id of ids) {
    const files = [{ path: `made/${id}.txt`, content: "x".repeat(100_000) }];
    world.write(
      `ready/${id}.json`,
      JSON.stringify({ wo_id: id, files, steps: [{ run: `echo ${id} >> effects.txt` }] }),
    );
  }
  world.write("effects.txt", "");
  fillDisk(world.path("filler"));
  for (const id of ids) renameSync(world.path(`ready/${id}.json`), world.path(`bridge/inbox/CLC/${id}.json`));

  await until(async () => (await world.wo("status")).stdout.includes("paused"), 20_000, "the pause is told");
  return world;
}

async function expectAllDoneOnce(world: World): Promise<void> {
  for (const id of ids) await world.reaches(id, "done", 60_000);
  expect(world.read("effects.txt")?.trim().split("\n").toSorted()).toEqual(ids.toSorted());
  const accepted = world.telemetry().filter(({ event }) => event === "wo_accepted");
  expect(accepted).toHaveLength(COUNT);
  expect((await world.wo("ledger", "verify")).code).toBe(0);
}
