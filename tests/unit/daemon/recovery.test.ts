/** After a start every order goes on from where the ledger says it is; nothing is done twice, nothing is left lying. */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { lately, recover, retell } from "../../../src/daemon/recovery.ts";
import { sha256 } from "../../../src/platform/ids.ts";
import { moodyDisk } from "../../support/disks.ts";
import { happened, planned, stepFinished, stepStarted } from "../../support/events.ts";
import { doing, ended, House, scriptedRunner, writing } from "../../support/house-kit.ts";
import { given } from "../../support/results.ts";
import { put } from "../../support/temporary-folder.ts";

const { started, completed, failed, waiting, settled } = happened;

function recovered({ kit }: House) {
  return recover(kit.files, kit.books, kit.parts);
}

/** A plan for one new file with the content "x". */
const PLAN = planned({
  files: [
    {
      root: ".",
      path: "WO-1.txt",
      temporary: ".wo-a-0.tmp",
      after: { sha256: sha256(Buffer.from("x")), size_bytes: 1, mode: 0o644, content: { text: "x" } },
    },
  ],
});

test("an order that was accepted and not begun is begun", async () => {
  const house = await House.open();
  await house.accepted(writing("WO-1"));
  expect(await recovered(house)).toEqual({ resumed: 1, finished: 0, reclaimed: 0 });
  expect(await house.rest("WO-1")).toMatchObject({ status: "done", attempt: 1 });
  expect(house.read("WO-1.txt")).toBe("x");
  expect(house.list("bridge/inbox")).toEqual(["CLC/.claimed/"]);
});

test.each([
  ["nothing of it was done", () => undefined],
  ["all of it was done", (house: House) => void put(house.path("WO-1.txt"), "x")],
])("an order that was planned goes on with the same plan when %s", async (_what, done) => {
  const house = await House.open();
  await house.accepted(writing("WO-1"), started, PLAN);
  done(house);
  await recovered(house);
  expect(await house.rest("WO-1")).toMatchObject({ status: "done", attempt: 1 });
  expect(house.told("WO-1").filter((event) => event === "patch_planned")).toHaveLength(1);
  expect(house.read("WO-1.txt")).toBe("x");
});

test("files that were changed since they were planned are not written over", async () => {
  const house = await House.open();
  await house.accepted(writing("WO-1"), started, PLAN);
  put(house.path("WO-1.txt"), "somebody's");
  await recovered(house);
  expect(await house.rest("WO-1")).toMatchObject({ failure: { class: "conflict", code: "changed_meanwhile" } });
  expect(house.read("WO-1.txt")).toBe("somebody's");
});

test("files that the ledger has as done are not done again", async () => {
  const house = await House.open();
  await house.accepted(writing("WO-1"), started, PLAN, happened.applied);
  await recovered(house);
  expect(await house.rest("WO-1")).toMatchObject({ status: "done" });
  expect(house.read("WO-1.txt")).toBeUndefined();
});

test("a command that has ended is not run again, the next one is", async () => {
  const runner = scriptedRunner(() => ended(0));
  const house = await House.open("", { runner });
  await house.accepted(doing("WO-1", ["a", "b"]), started, stepStarted(), stepFinished());
  await recovered(house);
  expect(await house.rest("WO-1")).toMatchObject({ status: "done", attempt: 1 });
  expect(runner.ran).toEqual(["b"]);
});

test.each([
  ["has ended meanwhile counts, and is not run again", ended(0), { status: "done" }, []],
  ["failed meanwhile fails the order", ended(1), { status: "failed", failure: { code: "exit_1" } }, []],
  ["was never let go is run now", "never ran" as const, { status: "done" }, ["a"]],
  ["left no end leaves the order to a person", "unknown" as const, { failure: { class: "interrupted" } }, []],
])("a command that %s", async (_what, end, expected, ran) => {
  const runner = scriptedRunner(() => ended(0), end);
  const house = await House.open("", { runner });
  await house.accepted(doing("WO-1", ["a"]), started, stepStarted());
  await recovered(house);
  expect(await house.rest("WO-1")).toMatchObject(expected);
  expect(runner.ran).toEqual(ran);
});

test("an order whose command left no end is begun again when it says so", async () => {
  const runner = scriptedRunner(() => ended(0), "unknown");
  const house = await House.open("", { runner });
  await house.accepted(doing("WO-1", ["a"], { on_interrupt: "retry" }), started, stepStarted());
  await recovered(house);
  expect(await house.rest("WO-1")).toMatchObject({ status: "done", attempt: 2 });
});

test.each([
  ["done", [started, completed]],
  ["failed", [started, failed]],
])("an order that is %s gets its result, its state, and its file put where it belongs", async (status, events) => {
  const house = await House.open();
  await house.accepted(writing("WO-1"), ...events);
  expect(await recovered(house)).toEqual({ resumed: 0, finished: 1, reclaimed: 0 });
  expect((await house.rest("WO-1")).status).toBe(status);
  expect(house.list("bridge/processed/CLC")).toEqual(["202311/WO-1.json"]);
  expect(house.list("bridge/outbox/CLC")).toContain("WO-1_result.yaml");
  expect(house.json("g/followup/state/WO-1.json")).toMatchObject({ status });
});

test("an order at rest whose file is gone gets a copy of it from the ledger", async () => {
  const house = await House.open();
  const { claim } = await house.accepted(writing("WO-1"), started, completed);
  rmSync(house.path(`bridge/inbox/CLC/.claimed/${claim}`));
  await recovered(house);
  await house.rest("WO-1");
  expect(house.json("bridge/processed/CLC/202311/WO-1.json")).toEqual(writing("WO-1"));
});

test("an order that waits for a person goes on waiting", async () => {
  const house = await House.open();
  const { claim } = await house.accepted(writing("WO-1"), waiting);
  expect(await recovered(house)).toEqual({ resumed: 0, finished: 0, reclaimed: 0 });
  expect(house.status("WO-1")).toBe("waiting");
  expect(house.list("bridge/inbox/CLC/.claimed")).toEqual([claim]);
});

test("a claimed file that no order was made of is taken in", async () => {
  const house = await House.open();
  house.kit.parts.intake.scan();
  house.claim("WO-1.json", writing("WO-1"));
  put(house.path("bridge/inbox/CLC/.claimed/no-claim.json"), "{}");
  expect(await recovered(house)).toEqual({ resumed: 0, finished: 0, reclaimed: 1 });
  expect((await house.rest("WO-1")).status).toBe("done");
  expect(house.list("bridge/inbox/CLC/.claimed")).toEqual(["no-claim.json"]);
});

test("a claimed file of an order that is settled already is put aside", async () => {
  const house = await House.open();
  await house.carryOut(writing("WO-1"));
  house.claim("WO-1.json", writing("WO-1"));
  await recovered(house);
  expect(house.told("WO-1").at(-1)).toBe("wo_duplicate");
  expect(house.list("bridge/inbox")).toEqual(["CLC/.claimed/"]);
});

test("what a crash left half-written beside its name is swept away, everywhere", async () => {
  const house = await House.open();
  const folders = [
    "",
    "bridge",
    "bridge/outbox/CLC",
    "bridge/error/CLC",
    "bridge/inbox/CLC",
    "bridge/processed/CLC/202601",
  ];
  const paths = folders.map((folder) => join(folder, ".wo-abc-1.tmp"));
  const blob = join(house.kit.books.vault.path, "blobs/ab/.wo-abc-1.tmp");
  for (const path of [...paths, "work/.wo-abc-1.tmp"]) put(house.path(path), "half");
  put(blob, "half");
  await recovered(house);
  await retell(house.kit.files, house.kit.books, house.kit.parts);
  expect(paths.map((path) => house.read(path))).toEqual(paths.map(() => undefined));
  expect(existsSync(blob)).toBe(false);
  expect(house.read("work/.wo-abc-1.tmp")).toBe("half");
});

test("several orders go on at once, each from its own place, in the order of their arrival within a lane", async () => {
  const house = await House.open();
  await house.accepted(writing("WO-1"), started, completed);
  await house.accepted(writing("WO-2"), started);
  await house.accepted({ ...writing("WO-3"), edits: [{ path: "WO-2.txt", find: "x", replace: "y" }] });
  expect(await recovered(house)).toEqual({ resumed: 2, finished: 1, reclaimed: 0 });
  const ends = await Promise.all(["WO-1", "WO-2", "WO-3"].map((id) => house.rest(id)));
  expect(ends.map(({ status }) => status)).toEqual(["done", "done", "done"]);
  expect(given(house.read("WO-2.txt"))).toBe("y");
});

test.each([
  ["is missing", undefined],
  ["was left empty by a power cut", ""],
  ["was cut off by one", "wo_id: x"],
])("an answer that %s is given again, also of an order that rests", async (_what, left) => {
  const house = await House.open();
  await house.accepted(writing("WO-1"), started, completed, settled);
  await house.accepted(writing("WO-2"), waiting);
  const answers = ["WO-1.ack.json", "WO-1_result.yaml", "WO-2.ack.json"];
  for (const name of answers) if (left !== undefined) put(house.path(`bridge/outbox/CLC/${name}`), left);
  expect(await retell(house.kit.files, house.kit.books, house.kit.parts)).toBe(2);
  expect(house.list("bridge/outbox/CLC")).toEqual(answers);
  for (const name of answers) expect(house.read(`bridge/outbox/CLC/${name}`)).toMatch(/\n$/);
  expect(await retell(house.kit.files, house.kit.books, house.kit.parts)).toBe(0);
});

test("a result of an earlier try, which a power cut brought back, gives way to the last one's", async () => {
  const house = await House.open();
  await house.accepted(writing("WO-1"), started, completed, settled);
  const path = put(house.path("bridge/outbox/CLC/WO-1_result.yaml"), 'wo_id: "WO-1"\nstatus: failed\n');
  await retell(house.kit.files, house.kit.books, house.kit.parts);
  expect(readFileSync(path, "utf8")).toContain("status: done");
});

test("answers are given as soon as files can be opened, where they cannot be just now", async () => {
  const { disk, refuse } = moodyDisk("openRead", "EMFILE");
  const house = await House.open("", { disk });
  await house.accepted(writing("WO-1"), started, completed, settled);
  refuse(true);
  const retelling = retell(house.kit.files, house.kit.books, house.kit.parts);
  await house.kit.clock.pass(1000);
  refuse(false);
  await expect(house.through(retelling)).resolves.toBe(1);
});

test("a daemon that leaves tells no more of them: the rest is the next start's", async () => {
  const house = await House.open();
  await house.accepted(writing("WO-1"), started, completed, settled);
  const stopped = () => true;
  expect(await retell(house.kit.files, house.kit.books, house.kit.parts, stopped)).toBe(0);
  expect(house.list("bridge/outbox")).toEqual([]);
});

test("a file that a power cut took out of processed/ is put there again, once", async () => {
  const house = await House.open();
  await house.carryOut(writing("WO-1"));
  const { settledTo } = await house.rest("WO-1");
  rmSync(house.path(given(settledTo)));
  await Promise.all([1, 2].map(() => retell(house.kit.files, house.kit.books, house.kit.parts)));
  expect(house.list("bridge/processed").filter((path) => path.endsWith(".json"))).toHaveLength(1);
});

test("answers are looked after of orders on their way, and of those that rest since the last minute or a few thousand entries", () => {
  const rested = (id: string, restedTs: string, lastSeq: number) => {
    return { id, status: "done" as const, sha256: "", lastSeq, lane: "A", restedTs };
  };
  const waits = { id: "WAITS", status: "waiting" as const, sha256: "", lastSeq: 1, lane: "A" };
  const old = rested("OLD", "2026-01-01T00:00:00.000Z", 2);
  const setBack = rested("CLOCK-SET-BACK", "2025-01-01T00:00:00.000Z", 9000);
  const last = [rested("NEAR", "2026-01-02T00:00:01.000Z", 3), rested("LAST", "2026-01-02T00:01:00.000Z", 4)];
  expect(lately([old, waits, setBack, ...last], 10_000).map(({ id }) => id)).toEqual([
    "WAITS",
    "CLOCK-SET-BACK",
    "NEAR",
    "LAST",
  ]);
});

test("what an accepted order supersedes is canceled, although a crash came between the two", async () => {
  const house = await House.open();
  await house.accepted(writing("WO-1"), waiting);
  await house.accepted(writing("WO-2", { supersedes: "WO-1" }), waiting);
  await recovered(house);
  expect(house.record("WO-1")).toMatchObject({ status: "canceled", canceled: { by: "WO-2" } });
});

test("files are staged under the order's name, whatever its claim is called: a second taking writes over them", async () => {
  const staged = async () => {
    const house = await House.open();
    await house.carryOut(writing("WO-1"));
    return house.entries.flatMap((entry) => (entry.event === "patch_planned" ? entry.files[0]?.temporary : []));
  };
  expect(await staged()).toEqual(await staged());
});
