/** A plan is carried out as a whole or not at all; carried out again after a crash it goes on where it stopped. */
import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { FileWork } from "../../../src/orders/order.ts";
import { everyCut, powerCutDisk, recordingDisk, refusingDisk, watchedDisk } from "../../support/disks.ts";
import { move, PlanBench, remove, replace, write } from "../../support/plans.ts";
import { errorOf, thrownBy, valueOf } from "../../support/results.ts";
import { modeOf, put, setUmask, temporaryFolder, treeOf } from "../../support/temporary-folder.ts";

const CONTENTS = { "a.txt": "one\n", "d/b.txt": "two\n", "d/c.txt": "three\n" };
const WORKS: readonly FileWork[] = [
  write("new/deep/x.sh", "x", 0o755),
  replace("a.txt", "one", "1"),
  move("d/b.txt", "moved.txt"),
  remove("d/c.txt"),
];
const DONE = { "a.txt": "1\n", "new/deep/x.sh": "x", "moved.txt": "two\n", "d/": "" };

test("all kinds of changes are made, and nothing else", async () => {
  const bench = new PlanBench(CONTENTS);
  setUmask(0o077);

  expect(valueOf(await bench.apply(await bench.keep(WORKS)))).toEqual({ changed: 5 });
  expect(treeOf(bench.base)).toEqual(DONE);
  expect([modeOf(join(bench.base, "new/deep/x.sh")), modeOf(join(bench.base, "a.txt"))]).toEqual([0o755, 0o644]);
});

test("nothing can be seen of a plan that is staged, and nothing is left of one that is dropped", async () => {
  const bench = new PlanBench(CONTENTS);
  const staged = await bench.stage(await bench.keep(WORKS));
  const visible = Object.keys(treeOf(bench.base)).filter((path) => !/(^|\/)\.wo-[^/]+\.tmp$/.test(path));
  expect(visible.toSorted()).toEqual(Object.keys(CONTENTS).toSorted());
  staged.drop();

  expect(treeOf(bench.base)).toEqual({ ...CONTENTS, "new/deep/": "" });
});

test("every new content is synced before the first name changes, every folder after the last", async () => {
  const bench = new PlanBench(CONTENTS);
  const { disk, calls } = recordingDisk();
  await bench.apply(await bench.keep(WORKS), disk);
  const verbs = calls.map((call) => call.split(" ")[0] ?? "");
  const renames = verbs.flatMap((verb, index) => (verb === "rename" ? [index] : []));
  const syncedAfter = calls.slice(verbs.lastIndexOf("unlink")).filter((call) => call.startsWith("sync "));

  expect(calls.slice(0, renames[0]).filter((call) => call === "sync TEMP")).toHaveLength(3);
  expect(calls.slice(renames[0]).filter((call) => call === "sync TEMP" || call.startsWith("write"))).toEqual([]);
  expect(new Set(syncedAfter)).toEqual(new Set([`sync ${bench.base.split("/").at(-1)}`, "sync deep", "sync d"]));
});

test("at whatever call the power goes, the plan carried out again ends as if nothing had been", async () => {
  const counting = powerCutDisk(undefined);
  const first = new PlanBench(CONTENTS);
  await first.apply(await first.keep(WORKS), counting.disk);
  for (const cut of everyCut(counting.calls)) {
    const bench = new PlanBench(CONTENTS);
    const plan = await bench.keep(WORKS);
    await bench.apply(plan, powerCutDisk(cut).disk).catch(() => undefined);

    expect(valueOf(await bench.apply(plan)), JSON.stringify(cut)).toEqual({ changed: 5 });
    expect(treeOf(bench.base), JSON.stringify(cut)).toEqual(DONE);
  }
  expect(counting.calls.length).toBeGreaterThan(15);
}, 60_000);

test.each<[string, (base: string) => unknown]>([
  ["changed", (base) => put(join(base, "a.txt"), "theirs")],
  ["removed", (base) => rmSync(join(base, "a.txt"))],
  ["made where none was", (base) => put(join(base, "moved.txt"), "theirs")],
  ["changed that was to go", (base) => put(join(base, "d/c.txt"), "theirs")],
  ["replaced by a folder", (base) => (rmSync(join(base, "a.txt")), mkdirSync(join(base, "a.txt")))],
  [
    "replaced by a link to the same bytes",
    (base) => (renameSync(join(base, "a.txt"), join(base, "a2")), symlinkSync("a2", join(base, "a.txt"))),
  ],
])("when a file was %s after the plan was made, nothing is changed at all", async (_what, meddle) => {
  const bench = new PlanBench(CONTENTS);
  const plan = await bench.keep(WORKS);
  meddle(bench.base);
  const before = treeOf(bench.base);

  const failure = errorOf(await bench.apply(plan));

  expect(failure).toMatchObject({ class: "conflict", code: "changed_meanwhile" });
  expect(failure.message).toContain("nothing was changed");
  expect(treeOf(bench.base)).toEqual({ ...before, "new/deep/": "" });
});

test("a file that is changed while others are brought to their after stops the plan, which says how far it got", async () => {
  const bench = new PlanBench({ a: "1", b: "2", c: "3" });
  const plan = await bench.keep([write("a", "x"), write("b", "y"), write("c", "z")]);
  const meddling = watchedDisk(({ verb }, go) => {
    const done = go();
    if (verb === "rename") put(join(bench.base, "c"), "theirs");
    return done;
  });
  const failure = errorOf(await bench.apply(plan, meddling));

  expect(failure.message).toContain("2 of 3 files were changed by then");
  expect(treeOf(bench.base)).toEqual({ a: "x", b: "y", c: "theirs" });
});

test("a change of the mode alone is made, made once, and its loss is seen", async () => {
  const bench = new PlanBench({ "run.sh": "x" });
  const plan = await bench.keep([write("run.sh", "x", 0o755)]);
  valueOf(await bench.apply(plan));
  expect(modeOf(join(bench.base, "run.sh"))).toBe(0o755);
  valueOf(await bench.apply(plan));
  chmodSync(join(bench.base, "run.sh"), 0o700);

  expect(errorOf(await bench.apply(plan))).toMatchObject({ class: "conflict" });
});

test("a folder that was swapped for a link between plan and apply gains nothing", async () => {
  const bench = new PlanBench(CONTENTS);
  const outside = temporaryFolder();
  const plan = await bench.keep([write("d/b.txt", "x")]);
  renameSync(join(bench.base, "d"), join(bench.base, "d2"));
  symlinkSync(outside, join(bench.base, "d"));

  expect(await thrownBy(() => bench.apply(plan))).toMatchObject({ code: "PATH_ESCAPED" });
  expect(treeOf(outside)).toEqual({});
});

test("a folder that is swapped for a link between staging and finish gains nothing", async () => {
  const bench = new PlanBench(CONTENTS);
  const outside = temporaryFolder();
  put(join(outside, "b.txt"), "two\n");
  const staged = await bench.stage(await bench.keep([write("d/b.txt", "x")]));
  renameSync(join(bench.base, "d"), join(bench.base, "d2"));
  symlinkSync(outside, join(bench.base, "d"));
  valueOf(await staged.finish());

  expect(treeOf(outside)).toEqual({ "b.txt": "two\n" });
  expect(treeOf(bench.base)["d2/b.txt"]).toBe("x");
});

test.each([
  ["openNew", "ENOSPC", "DISK_FULL"],
  ["write", "ENOSPC", "DISK_FULL"],
  ["openNew", "EMFILE", "TOO_MANY_FILES"],
  ["sync", "EIO", "SYNC_FAILED"],
])("staging that is refused at %s with %s leaves everything as it was", async (verb, errno, code) => {
  const bench = new PlanBench({ a: "1", b: "2", c: "3" });
  const plan = await bench.keep([write("a", "x"), write("b", "y"), write("c", "z")]);

  expect(await thrownBy(() => bench.stage(plan, refusingDisk(verb, errno, { nth: 2 })))).toMatchObject({ code });
  expect(treeOf(bench.base)).toEqual({ a: "1", b: "2", c: "3" });
});

test("images are kept in the entry while they are small, and as blobs beyond", async () => {
  const big = "x".repeat(70_000);
  const bench = new PlanBench({ big, small: "s" });
  const plan = await bench.keep([
    write("big", `${big}y`),
    write("small", "t"),
    write("half", "h".repeat(40_000)),
    write("other", "o".repeat(40_000)),
  ]);

  const kinds = plan.map(({ path, after }) => [path, Object.keys(after?.content ?? {})[0]]);
  expect(kinds).toEqual([
    ["big", "blob"],
    ["small", "text"],
    ["half", "text"],
    ["other", "blob"],
  ]);
  expect(plan.map(({ temporary }) => temporary)).toEqual([0, 1, 2, 3].map((index) => `.wo-01abc-1-${index}.tmp`));
  valueOf(await bench.apply(plan));
  expect(treeOf(bench.base)["big"]).toBe(`${big}y`);
});

test("a blob that is damaged is noticed before anything is changed", async () => {
  const bench = new PlanBench({ a: "1" });
  const plan = await bench.keep([write("a", "x"), write("big", "y".repeat(70_000))]);
  const [blob] = Object.keys(treeOf(join(bench.vault.path, "blobs")));
  put(join(bench.vault.path, "blobs", blob ?? ""), "y".repeat(69_999));

  expect(await thrownBy(() => bench.apply(plan))).toMatchObject({ code: "LEDGER_DAMAGED" });
  expect(treeOf(bench.base)).toEqual({ a: "1" });
});

test("files outside of the base are changed below their own root", async () => {
  const root = temporaryFolder();
  const bench = new PlanBench({ a: "1" }, () => ({ roots: [root] }));
  const plan = await bench.keep([write(join(root, "d/x"), "x")]);

  expect(plan).toMatchObject([{ root, path: "d/x" }]);
  valueOf(await bench.apply(plan));
  expect([treeOf(root), treeOf(bench.base)]).toEqual([{ "d/x": "x" }, { a: "1" }]);
});
