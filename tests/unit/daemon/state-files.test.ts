/** State files in trouble: what vanishes is told of once, what is on its way is not missed, a disk that refuses ends nothing. */
import { rmSync } from "node:fs";
import { expect, test, vi } from "vitest";
import { type Disk, systemDisk } from "../../../src/platform/disk.ts";
import { silentLog } from "../../../src/platform/log.ts";
import { moodyDisk, refusal, watchedDisk } from "../../support/disks.ts";
import { happened } from "../../support/events.ts";
import { looks, openViews, toldOf, writing } from "../../support/house-kit.ts";

const { started, completed, settled, waiting } = happened;
const STATE = "g/followup/state/WO-1.json";

const until = (holds: () => boolean) => vi.waitUntil(holds, { timeout: 5000, interval: 1 });

/** A disk that shows folders only when `gate` lets it: their names as they were when it was asked. */
function slowDisk(): { readonly disk: Disk; gate: Promise<void> } {
  const slow = { gate: Promise.resolve(), disk: systemDisk };
  slow.disk = {
    ...systemDisk,
    async *listInPieces(path) {
      const pieces = [];
      for await (const piece of systemDisk.listInPieces(path)) pieces.push(piece);
      await slow.gate;
      yield* pieces;
    },
  };
  return slow;
}

test("a state file that is written for the first time while names are compared was never missing", async () => {
  const slow = slowDisk();
  const house = await openViews({ disk: slow.disk });
  const { views } = house.kit.parts;
  await views.publish(await house.accepted(writing("WO-1"), started, completed, settled));
  let release: () => void = () => undefined;
  slow.gate = new Promise((resolve) => {
    release = resolve;
  });
  rmSync(house.path(STATE));
  views.rescan();
  const ended = [started, completed, settled].map((event) => ({ ...event, wo_id: "WO-2" }));
  await views.publish(await house.accepted(writing("WO-2"), ...ended));
  release();
  await looks(house, () => toldOf(house, "g/followup/state").length > 1);
  expect(toldOf(house, "g/followup/state")).toEqual(["drift", "healed: 1 state files"]);
});

test("the state file of an open order that vanished is told of once, when it is back", async () => {
  const { disk, refuse } = moodyDisk("openNew", "ENOSPC");
  const house = await openViews({ disk });
  const { views } = house.kit.parts;
  await views.publish(await house.accepted(writing("WO-1"), waiting));
  rmSync(house.path(STATE));
  refuse(true);
  for (let round = 0; round < 3; round += 1) {
    views.rescan();
    await house.kit.clock.pass(5000);
  }
  refuse(false);
  await looks(house, () => toldOf(house, "g/followup/state").length > 1);
  for (let round = 0; round < 3; round += 1) await looks(house, () => true);
  expect(toldOf(house, "g/followup/state")).toEqual(["drift", "healed: 1 state files"]);
});

test("a folder of state files that the disk refuses to show is compared in a later round", async () => {
  const { disk, refuse } = moodyDisk("listInPieces", "EMFILE");
  const said: string[] = [];
  const house = await openViews({ disk, log: { ...silentLog, info: (event) => said.push(event) } });
  await until(() => said.includes("state_files_compared"));
  await house.kit.parts.views.publish(await house.accepted(writing("WO-1"), started, completed, settled));
  rmSync(house.path(STATE));
  refuse(true);
  for (let round = 0; round < 3; round += 1) {
    house.kit.parts.views.rescan();
    await house.kit.clock.pass(1000);
  }
  expect(house.read(STATE)).toBeUndefined();
  refuse(false);
  await looks(house, () => house.read(STATE) !== undefined);
});

test("a folder of state files that cannot be looked at while one lags ends nothing", async () => {
  let refuses = false;
  const disk = watchedDisk(({ verb, words: [path] }, go) => {
    if (refuses && verb === "stat" && String(path).endsWith("g/followup/state")) throw refusal("EACCES");
    return go();
  });
  const house = await openViews({ disk });
  await house.accepted(writing("WO-1"));
  refuses = true;
  await house.kit.clock.pass(500);
  await until(() => house.read(STATE) !== undefined);
});

test("a state file that the disk refuses to look for ends nothing, and is looked for again", async () => {
  let refuses = false;
  const disk = watchedDisk(({ verb, words: [path] }, go) => {
    if (refuses && verb === "stat" && String(path).endsWith(STATE)) throw refusal("EACCES");
    return go();
  });
  const house = await openViews({ disk });
  await house.kit.parts.views.publish(await house.accepted(writing("WO-1"), waiting));
  rmSync(house.path(STATE));
  refuses = true;
  for (let round = 0; round < 3; round += 1) {
    house.kit.parts.views.rescan();
    await house.kit.clock.pass(1000);
  }
  refuses = false;
  await looks(house, () => house.read(STATE) !== undefined);
});
