/** What a wiped tree took from whoever dropped orders is given again, by the next life where this one ends before. */
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { expect, test } from "vitest";
import { refusal, watchedDisk } from "../../support/disks.ts";
import { happened } from "../../support/events.ts";
import { House, looks, writing } from "../../support/house-kit.ts";
import { put } from "../../support/temporary-folder.ts";

const { started, completed, settled } = happened;
const OUTBOX = "bridge/outbox/CLC";
const BOTH = ["WO-1.ack.json", "WO-1_result.yaml"];

/** A house with an order at rest, its answers given, and where the mark of a wipe lies. */
async function answered(wish: Parameters<typeof House.open>[1] = {}) {
  const house = await House.open("", wish);
  // There from the beginning: one that is made at the start is a wiped one, whose answers are looked for in the background.
  mkdirSync(house.path("g/followup/state"), { recursive: true });
  house.kit.parts.views.start();
  await house.kit.clock.pass(2000);
  const record = await house.accepted(writing("WO-1"), started, completed, settled);
  await house.kit.parts.views.acknowledge(record);
  await house.kit.parts.views.publish(record);
  return { house, mark: house.kit.books.vault.answersMark };
}

function wipe(house: House): void {
  for (const path of ["g", "bridge/outbox"]) rmSync(house.path(path), { recursive: true });
}

test("after a wipe all answers are given again, and then nothing is marked any more", async () => {
  const { house, mark } = await answered();
  wipe(house);
  await looks(house, () => house.list(OUTBOX).length === 2 && !existsSync(mark));
  expect(house.list(OUTBOX)).toEqual(BOTH);
});

test("while answers are missing the vault says so", async () => {
  let refuses = false;
  const disk = watchedDisk(({ verb, words: [path] }, go) => {
    if (refuses && verb === "openNew" && String(path).includes("/outbox/")) throw refusal("EACCES");
    return go();
  });
  const { house, mark } = await answered({ disk });
  wipe(house);
  refuses = true;
  await looks(house, () => existsSync(mark));
  expect([existsSync(mark), house.list(OUTBOX)]).toEqual([true, []]);
  refuses = false;
  await looks(house, () => house.list(OUTBOX).length === 2 && !existsSync(mark));
});

test("a life that ended before it had looked at all answers is gone on with by the next", async () => {
  const { house, mark } = await answered();
  for (const name of BOTH) rmSync(house.path(`${OUTBOX}/${name}`));
  put(mark, "");
  house.kit.parts.views.start();
  await looks(house, () => house.list(OUTBOX).length === 2 && !existsSync(mark));
});

test("without a mark what somebody has fetched does not come back with the next life", async () => {
  const { house } = await answered();
  for (const name of BOTH) rmSync(house.path(`${OUTBOX}/${name}`));
  house.kit.parts.views.start();
  await house.kit.clock.pass(20_000);
  house.kit.parts.views.rescan();
  await house.kit.clock.pass(20_000);
  expect(house.list(OUTBOX)).toEqual([]);
});

test("answers that go after the states, or alone with their folder, come back", async () => {
  const { house, mark } = await answered();
  const state = "g/followup/state/WO-1.json";
  rmSync(house.path("g"), { recursive: true });
  await looks(house, () => house.read(state) !== undefined && !existsSync(mark));
  rmSync(house.path("bridge/outbox"), { recursive: true });
  // As rounds make it again.
  put(house.path("bridge/outbox/CLC/other"), "");
  await looks(house, () => house.list(OUTBOX).length === 3 && !existsSync(mark));
});

test("an answer that the disk refuses for ever keeps only its own order in doubt, also for the next life", async () => {
  const { house, mark } = await answered();
  const other = await house.accepted(writing("WO-2"), { ...started, wo_id: "WO-2" }, { ...completed, wo_id: "WO-2" });
  await house.kit.parts.views.publish(other);
  wipe(house);
  put(house.path(`${OUTBOX}/WO-1.ack.json/x`), "");
  await looks(house, () => existsSync(mark) && readFileSync(mark, "utf8") === '["WO-1"]');
  expect(house.list(OUTBOX)).toContain("WO-2_result.yaml");
  rmSync(house.path(`${OUTBOX}/WO-2_result.yaml`));
  house.kit.parts.views.start();
  rmSync(house.path(`${OUTBOX}/WO-1.ack.json`), { recursive: true });
  await looks(house, () => !existsSync(mark));
  expect(house.list(OUTBOX)).not.toContain("WO-2_result.yaml");
});
