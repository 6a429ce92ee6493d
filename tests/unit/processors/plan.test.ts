/** A plan says what every file is and what it is to be; nothing is touched, and an order that cannot be done has none. */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { FileWork } from "../../../src/orders/order.ts";
import type { Picture } from "../../../src/processors/plan.ts";
import { move, PlanBench, remove, replace, write } from "../../support/plans.ts";
import { errorOf, thrownBy, valueOf } from "../../support/results.ts";
import { put, treeOf } from "../../support/temporary-folder.ts";

const shown = (picture: Picture | undefined) =>
  picture === undefined ? undefined : `${picture.bytes.toString()} ${picture.mode.toString(8)}`;

async function planned(bench: PlanBench, works: readonly FileWork[]) {
  return valueOf(await bench.plan(works)).map(({ place, before, after }) => [
    place.path.slice(bench.base.length + 1),
    shown(before),
    shown(after),
  ]);
}

const CONTENTS = { "a.txt": "one\n", "d/b.txt": "two\n" };

test.each<[string, readonly FileWork[], readonly unknown[]]>([
  ["a new file", [write("new/x", "x")], [["new/x", undefined, "x 644"]]],
  ["a new file with a mode", [write("x", "x", 0o755)], [["x", undefined, "x 755"]]],
  ["a new content", [write("a.txt", "x")], [["a.txt", "one\n 644", "x 644"]]],
  ["a new mode", [write("a.txt", "one\n", 0o755)], [["a.txt", "one\n 644", "one\n 755"]]],
  ["the same content", [write("a.txt", "one\n")], []],
  ["the same content and mode", [write("a.txt", "one\n", 0o644)], []],
  ["an edit", [replace("a.txt", "one", "1")], [["a.txt", "one\n 644", "1\n 644"]]],
  ["two edits", [replace("a.txt", "one", "1"), replace("a.txt", "1", "2")], [["a.txt", "one\n 644", "2\n 644"]]],
  ["an edit and its reverse", [replace("a.txt", "one", "1"), replace("a.txt", "1", "one")], []],
  ["a deletion", [remove("a.txt")], [["a.txt", "one\n 644", undefined]]],
  ["a deletion and a write", [remove("a.txt"), write("a.txt", "x")], [["a.txt", "one\n 644", "x 644"]]],
  ["a write and a deletion of what was not there", [write("x", "x"), remove("x")], []],
  [
    "a move",
    [move("a.txt", "c")],
    [
      ["c", undefined, "one\n 644"],
      ["a.txt", "one\n 644", undefined],
    ],
  ],
  ["a move there and back", [move("a.txt", "c"), move("c", "a.txt")], []],
  [
    "an exchange",
    [move("a.txt", "t"), move("d/b.txt", "a.txt"), move("t", "d/b.txt")],
    [
      ["a.txt", "one\n 644", "two\n 644"],
      ["d/b.txt", "two\n 644", "one\n 644"],
    ],
  ],
  ["a write and a move of it", [write("x", "x"), move("x", "y")], [["y", undefined, "x 644"]]],
  ["one file by two paths", [write("a.txt", "x"), write("./d/../a.txt", "y")], [["a.txt", "one\n 644", "y 644"]]],
])("%s comes to one change per file, and none where nothing changes", async (_what, works, expected) => {
  const bench = new PlanBench(CONTENTS);

  expect(await planned(bench, works)).toEqual(expected);
  expect(treeOf(bench.base)).toEqual(CONTENTS);
});

const HUNKS = [{ oldStart: 1, oldLines: 1, newStart: 1, newLines: 1, lines: ["-one", "+1"] }];
const diff = (path: string, more: object = {}): FileWork => ({
  kind: "diff",
  path,
  change: "change",
  hunks: HUNKS,
  ...more,
});
const append = (path: string, text: string, more: object = {}): FileWork => ({
  kind: "append",
  path,
  text,
  create: false,
  ...more,
});
const MADE = { change: "create", hunks: [{ oldStart: 1, oldLines: 0, newStart: 1, newLines: 1, lines: ["+new"] }] };
const GONE = { change: "delete", hunks: [{ oldStart: 1, oldLines: 1, newStart: 1, newLines: 0, lines: ["-one"] }] };

test.each<[string, readonly FileWork[], readonly unknown[]]>([
  ["an appended text", [append("a.txt", "x")], [["a.txt", "one\n 644", "one\nx\n 644"]]],
  ["a text that stands there already", [append("a.txt", "x", { unless: "one" })], []],
  ["a text appended to a new file", [append("n", "x", { create: true })], [["n", undefined, "x\n 644"]]],
  ["a diff", [diff("a.txt")], [["a.txt", "one\n 644", "1\n 644"]]],
  ["a diff and a mode", [diff("a.txt", { mode: 0o755 })], [["a.txt", "one\n 644", "1\n 755"]]],
  ["a diff that makes a file", [diff("n", MADE)], [["n", undefined, "new\n 644"]]],
  ["a diff that deletes a file", [diff("a.txt", GONE)], [["a.txt", "one\n 644", undefined]]],
  [
    "a move and a diff of it",
    [move("a.txt", "c"), diff("c")],
    [
      ["c", undefined, "1\n 644"],
      ["a.txt", "one\n 644", undefined],
    ],
  ],
  ["a mode alone", [{ kind: "mode", path: "a.txt", mode: 0o600 }], [["a.txt", "one\n 644", "one\n 600"]]],
  [
    "a value",
    [write("c.json", '{"a": {"b": 1}, "c": 2}\n'), { kind: "set", path: "c.json", keys: ["a", "b"], value: "x" }],
    [["c.json", undefined, '{"a": {"b": "x"}, "c": 2}\n 644']],
  ],
])("%s is planned", async (_what, works, expected) => {
  const bench = new PlanBench(CONTENTS);

  expect(await planned(bench, works)).toEqual(expected);
});

test.each<[string, FileWork, string]>([
  ["appending to nothing", append("n", "x"), "absent"],
  ["a diff of nothing", diff("n"), "absent"],
  ["a diff of other lines", diff("d/b.txt"), "patch_failed"],
  ["a diff that makes what is there", diff("a.txt", MADE), "exists"],
  ["a diff that leaves something", diff("a.txt", { ...GONE, hunks: HUNKS }), "patch_failed"],
  ["a diff that could not be read", diff("a.txt", { fault: "why" }), "bad_patch"],
  ["a mode of nothing", { kind: "mode", path: "n", mode: 0o600 }, "absent"],
  ["a value of a key that is not there", { kind: "set", path: "a.txt", keys: ["k"], value: 1 }, "not_found"],
])("%s is a conflict", async (_what, work, code) => {
  const bench = new PlanBench(CONTENTS);

  expect(errorOf(await bench.plan([work]))).toMatchObject({ class: "conflict", code });
});

test("a written file keeps the mode of what was there", async () => {
  const bench = new PlanBench({ "run.sh": "x" });
  chmodSync(join(bench.base, "run.sh"), 0o750);

  expect(await planned(bench, [write("run.sh", "y")])).toEqual([["run.sh", "x 750", "y 750"]]);
});

test("what moves bring comes before what they take away", async () => {
  const bench = new PlanBench(CONTENTS);
  const order = await planned(bench, [remove("d/b.txt"), move("a.txt", "c"), write("e", "e")]);

  expect(order.map(([path, , after]) => `${path} ${after === undefined ? "goes" : "comes"}`)).toEqual([
    "c comes",
    "e comes",
    "d/b.txt goes",
    "a.txt goes",
  ]);
});

test.each<[string, readonly FileWork[], string, string]>([
  ["an edit of nothing", [replace("none", "a", "b")], "conflict", "absent"],
  ["an edit of a text that is not there", [replace("a.txt", "nine", "b")], "conflict", "not_found"],
  ["an edit of a text that is there twice", [write("x", "aa"), replace("x", "a", "b")], "conflict", "found_twice"],
  ["an edit of binary bytes", [replace("binary", "a", "b")], "conflict", "no_text"],
  ["a deletion of nothing", [remove("none")], "conflict", "absent"],
  ["a second deletion", [remove("a.txt"), remove("a.txt")], "conflict", "absent"],
  ["a move of nothing", [move("none", "x")], "conflict", "absent"],
  ["a move onto a file", [move("a.txt", "d/b.txt")], "conflict", "exists"],
  ["a move onto itself", [move("a.txt", "./a.txt")], "conflict", "same_name"],
  ["two names that differ by case", [write("a.txt", "x"), write("A.TXT", "y")], "conflict", "same_name"],
  ["a write onto a folder", [write("d", "x")], "conflict", "no_file"],
  ["a write onto a link", [write("link", "x")], "conflict", "no_file"],
  ["a write onto a FIFO", [write("fifo", "x")], "conflict", "no_file"],
  ["a path out of the base", [write("ok", "x"), write("../x", "x")], "policy", "path_refused"],
  ["a move out of the base", [move("a.txt", "../x")], "policy", "path_refused"],
  ["a path that is none", [write("x/", "x")], "policy", "bad_path"],
])("%s has no plan", async (_what, works, failureClass, code) => {
  const bench = new PlanBench(CONTENTS);
  put(join(bench.base, "binary"), Buffer.from([0xff, 0x61]));
  symlinkSync("a.txt", join(bench.base, "link"));
  execFileSync("mkfifo", [join(bench.base, "fifo")]);

  expect(errorOf(await bench.plan(works))).toMatchObject({ class: failureClass, code });
});

test("a path that leads through a file has no plan", async () => {
  const bench = new PlanBench(CONTENTS);

  expect(await thrownBy(() => bench.plan([write("a.txt/b", "x")]))).toMatchObject({ code: "NO_FOLDER" });
});

test("a retry sets a mode that an earlier attempt planned and did not set", async () => {
  const bench = new PlanBench({ "run.sh": "x" });
  const works = [write("run.sh", "x", 0o755)];
  const previous = await bench.keep(works);

  expect(valueOf(await bench.plan(works, previous)).map(({ after }) => shown(after))).toEqual(["x 755"]);
});

test("a retry leaves alone what an earlier attempt has done, and does the rest", async () => {
  const bench = new PlanBench(CONTENTS);
  const works = [replace("a.txt", "one", "1"), write("new", "x"), move("d/b.txt", "c"), remove("gone")];
  put(join(bench.base, "gone"), "g");
  const previous = await bench.keep(works);
  put(join(bench.base, "a.txt"), "1\n");
  put(join(bench.base, "c"), "two\n");

  expect(valueOf(await bench.plan(works, previous)).map(({ place }) => place.name)).toEqual(["new", "b.txt", "gone"]);
});

test("a retry of what was all done changes nothing", async () => {
  const bench = new PlanBench(CONTENTS);
  const works = [replace("a.txt", "one", "1"), move("d/b.txt", "c"), remove("c2"), write("n", "x")];
  put(join(bench.base, "c2"), "g");
  const previous = await bench.keep(works);
  valueOf(await bench.apply(previous));

  expect(valueOf(await bench.plan(works, previous))).toEqual([]);
});

test("a retry judges anew what somebody has changed since", async () => {
  const bench = new PlanBench(CONTENTS);
  const works = [write("a.txt", "1\n")];
  const previous = await bench.keep(works);
  put(join(bench.base, "a.txt"), "theirs");

  expect(valueOf(await bench.plan(works, previous)).map(({ before }) => shown(before))).toEqual(["theirs 644"]);
});

test("a LaunchAgent that launchd could not load is no plan, however it would come there", async () => {
  const home = (base: string) => ({ home: base, launchAgents: join(base, "Library/LaunchAgents") });
  const bench = new PlanBench({ "x.plist": "no plist" }, home);
  mkdirSync(join(bench.base, "Library/LaunchAgents"), { recursive: true });
  const path = "Library/LaunchAgents/com.02luka.x.plist";
  for (const work of [write(path, "no plist"), move("x.plist", path)]) {
    expect(errorOf(await bench.plan([work]))).toMatchObject({ class: "policy", code: "path_refused" });
  }
});
