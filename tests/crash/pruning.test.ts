/** kill -9 at every step of pruning the vault, while an order comes that holds the same bytes: nothing is missed, and it goes on. */
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { sweep } from "../../proof/kills.ts";
import { Random } from "../../proof/rig/random.ts";
import { FAULTY_DAEMON, PRUNING, Scene } from "../../proof/rig/scenes.ts";
import { verdict } from "../../proof/rig/verdict.ts";
import { exited, until, type World } from "../support/world.ts";

/** Of 110 and more: `npm run proof -- kills` tries them all. */
const POINTS = 24;

test("whichever step the power goes at, nothing is missed that the ledger does not name as pruned", async () => {
  const tally = await sweep(PRUNING, POINTS, new Random(1));
  expect(tally).toMatchObject({ lost: 0, twice: 0, hand: 0 });
  expect(tally.tried).toBeGreaterThan(POINTS / 2);
});

const blobs = (world: World): string[] =>
  readdirSync(join(world.vault, "blobs"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));

/** A world in which the daemon died when the ledger named what goes, and nothing had gone. */
async function diedBetween(): Promise<Scene> {
  const scene = await Scene.make(PRUNING);
  await PRUNING.before?.(scene);
  const { world } = scene;
  const env = { WO_FAULT: `unlink ${world.vault}/blobs:before`, WO_ARM: "" };
  const daemon = await world.startDaemon({ entry: [FAULTY_DAEMON], env });
  await world.ask({ call: "prune", by: "rig" });
  await exited(daemon);
  return scene;
}

test("killed between the ledger's word and the removal, the next start goes on; what is lost otherwise is still found", async () => {
  const { world, observer } = await diedBetween();
  const before = blobs(world).length;
  expect(existsSync(join(world.vault, "prune.mark"))).toBe(true);
  expect((await world.wo("ledger", "verify")).stdout).toContain("7 blobs, 6 of them pruned");

  const daemon = await world.startDaemon();
  await until(() => !existsSync(join(world.vault, "prune.mark")), 10_000, "it goes on");
  await world.kill(daemon, "SIGTERM");
  expect([before, blobs(world).length]).toEqual([7, 1]);
  observer.look();
  expect(await verdict(world, observer)).toEqual([]);

  for (const path of blobs(world)) rmSync(path);
  expect(await world.wo("ledger", "verify")).toMatchObject({
    code: 6,
    stdout: expect.stringContaining("missing_blob"),
  });
});
