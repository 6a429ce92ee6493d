/** What people and programs drop that is no order: refused by name and kept, or waited for, and nobody else is held up. */
import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, readdirSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { dropBytes, filing, linesTold, problemsOf, told, valueIn, workingWorld, workOf } from "../support/line-kit.ts";
import { ordinaryWorld } from "../support/ordinary-world.ts";
import { until, type World } from "../support/world.ts";

/** An order for one path, complete at once. */
const writing = (path: string) => `wo_id: WO-BAD\nfiles:\n  - path: ${path}\n    content: bad\n...\n`;

const BOMB = [
  "wo_id: WO-BOMB",
  "a: &a [x, x, x, x, x, x, x, x, x, x]",
  ..."bcdefgh".split("").map((key, index) => {
    const alias = `*${"abcdefgh"[index]}`;
    return `${key}: &${key} [${Array.from({ length: 10 }, () => alias).join(", ")}]`;
  }),
  "...",
  "",
].join("\n");

interface Row {
  readonly name: string;
  readonly bytes: string | Uint8Array;
  readonly code: string;
  /** In the message or the hint. */
  readonly says: RegExp;
}

const row = (name: string, bytes: string | Uint8Array, code: string, says: RegExp): Row => ({
  name,
  bytes,
  code,
  says,
});

const NO_DOCUMENTS = [
  row("empty.yaml", "", "empty_order", /is empty/),
  row("blank.json", " \n\n", "empty_order", /is empty/),
  row("binary.yaml", Uint8Array.of(0x77, 0xff, 0xfe, 0x80, 0x00), "no_text", /UTF-8/),
  row("nul.yaml", "wo_id: \0", "no_text", /NUL/),
  row("large.yaml", Buffer.alloc(20_000_000, "a"), "too_large", /20000000 bytes, 5242880 at most/),
  row("list.yaml", "- a\n- b\n...\n", "no_map", /a map of keys/),
  row("list.json", "[1, 2]", "no_map", /a map of keys/),
  row("two.yaml", "wo_id: A\n---\nwo_id: B\n...\n", "several_documents", /one order per file/),
  row("twice.yaml", "wo_id: A\nwo_id: B\n...\n", "duplicate_key", /"wo_id" stands twice/),
  row("twice.json", '{"wo_id": "A", "wo_id": "B"}', "duplicate_key", /"wo_id" stands twice/),
  row("bomb.yaml", BOMB, "too_many_aliases", /100/),
  row("torn.json", '{"wo_id": "WO-TORN", "files": [{"pa', "syntax", /no JSON/),
  row("torn.yaml", "wo_id: [\n...\n", "syntax", /flow sequence/),
] as const;

const NO_ORDERS = [
  row("climb-id.yaml", "wo_id: ../../x\n...\n", "bad_id", /letters, digits/),
  row("proto-id.yaml", "wo_id: __proto__\n...\n", "bad_id", /letters, digits/),
  row("__proto__.yaml", "title: by its name\n...\n", "bad_id", /add a line `wo_id/),
  row("shell-id.json", '{"wo_id": "WO-$(date)"}', "bad_id", /never filled in/),
  row("climb.yaml", writing("../x"), "path_refused", /out of the base.*policy\.roots/),
  row("absolute.yaml", writing("/etc/wo-bridge-test"), "path_refused", /out of the base/),
  row("way.yaml", writing("way/x"), "path_refused", /out of the base/),
  row("hook.yaml", writing(".git/hooks/x"), "path_refused", /\.git folder/),
  row("hook-case.yaml", writing("sub/.GIT/hooks/x"), "path_refused", /\.git folder/),
  row("own.yaml", writing("bridge/inbox/CLC/x.yaml"), "path_refused", /machinery/),
  row("config.yaml", writing("wo-bridge.yaml"), "path_refused", /machinery/),
  row(
    "unknown-key.yaml",
    "wo_id: A\nfiles:\n  - path: a\n    contnet: x\n...\n",
    "unknown_key",
    /did you mean "content"/,
  ),
  row("unknown-op.json", '{"operations": [{"op": "explode", "path": "a"}]}', "unknown_action", /explode.*write_file/),
  row("unknown-skill.json", '{"steps": [{"skill": "perl", "cmd": "1"}]}', "unknown_action", /perl.*bash/),
  row("no-content.yaml", "files:\n  - path: a\n...\n", "missing_value", /what to do with a.*content/),
  row("disaster.json", '{"steps": [{"run": "sudo rm -rf /"}]}', "command_refused", /everything below/),
] as const;

/** What became of every row, each in a lane of its own with a good order behind it. */
async function verdictsOn(world: World, rows: readonly Row[]): Promise<Record<string, unknown>> {
  for (const [index, { name, bytes }] of rows.entries()) {
    dropBytes(world, `L${index}`, name, bytes);
    world.drop(`L${index}`, "next.json", filing(`WO-NEXT-${index}`));
  }
  const verdicts: Record<string, unknown> = {};
  for (const [index, { name, bytes }] of rows.entries()) {
    const [problem] = await problemsOf(world, `L${index}`, name);
    await world.reaches(`WO-NEXT-${index}`, "done");
    const kept = world.read(`bridge/error/L${index}/${name}`) === Buffer.from(bytes).toString("utf8");
    verdicts[name] = {
      code: problem?.["code"],
      says: `${String(problem?.["message"])} ${String(problem?.["hint"])}`,
      kept,
    };
  }
  return verdicts;
}

function expected(rows: readonly Row[]): Record<string, unknown> {
  return Object.fromEntries(
    rows.map(({ name, code, says }) => [name, { code, says: expect.stringMatching(says), kept: true }]),
  );
}

function nextFiles(rows: readonly Row[]): Record<string, string> {
  return Object.fromEntries(rows.map((_, index) => [`made/WO-NEXT-${index}.txt`, `WO-NEXT-${index}\n`]));
}

test.each([
  ["no document", NO_DOCUMENTS],
  ["no order that may be taken", NO_ORDERS],
] as const)("what is %s is refused by name and kept, touches nothing, and holds up nobody", async (_what, rows) => {
  const world = await workingWorld();
  const outside = join(world.root, "outside");
  mkdirSync(outside);
  symlinkSync(outside, world.path("way"));
  expect(await verdictsOn(world, rows)).toEqual(expected(rows));
  expect(workOf(world)).toEqual({ way: `-> ${outside}`, ...nextFiles(rows) });
  expect(readdirSync(outside)).toEqual([]);
  expect(readdirSync(world.home).toSorted()).toEqual([".local", "02luka"]);
});

test("what is no regular file is refused and kept as it is", async () => {
  const world = await workingWorld();
  const target = join(world.root, "target.yaml");
  writeFileSync(target, writing("linked.txt"));
  mkdirSync(world.path("bridge/inbox/CLC/folder.yaml"));
  execFileSync("mkfifo", [world.path("bridge/inbox/CLC/pipe.yaml")]);
  symlinkSync(target, world.path("bridge/inbox/CLC/link.yaml"));
  const codes: unknown[] = [];
  for (const name of ["folder.yaml", "pipe.yaml", "link.yaml"]) {
    const [problem] = await problemsOf(world, "CLC", name);
    codes.push([problem?.["code"], problem?.["hint"]]);
  }
  expect(codes).toEqual(Array.from({ length: 3 }, () => ["no_file", expect.stringContaining("the file itself")]));
  world.drop("CLC", "next.json", filing("WO-NEXT"));
  await world.reaches("WO-NEXT", "done");
  const kept = ["folder.yaml", "link.yaml", "pipe.yaml"];
  expect(world.list("bridge/error/CLC").filter((name) => !name.endsWith(".json"))).toEqual(kept);
  expect(workOf(world)).toEqual({ "made/WO-NEXT.txt": "WO-NEXT\n" });
});

test.each([
  ["a byte order mark", `\uFEFF${writing("made.txt")}`],
  ["a carriage return before every newline", writing("made.txt").replaceAll("\n", "\r\n")],
])("%s is no fault", async (_what, text) => {
  const world = await workingWorld();
  world.drop("CLC", "odd.yaml", text);
  await world.reaches("WO-BAD", "done");
  expect(world.read("made.txt")).toBe("bad");
});

test("a file that may not be read is refused, and the next one is done", async ({ skip }) => {
  const world = await ordinaryWorld();
  if (world === undefined) return skip("NOT TESTED HERE: no ordinary user can be had");
  const beside = world.path("bridge/inbox/CLC/.secret.writing");
  writeFileSync(beside, writing("secret.txt"));
  chmodSync(beside, 0o000);
  execFileSync("mv", [beside, world.path("bridge/inbox/CLC/secret.yaml")]);
  const [problem] = await problemsOf(world, "CLC", "secret.yaml");
  expect(problem).toMatchObject({ code: "unreadable", hint: expect.stringContaining("right to read") });
  world.drop("CLC", "next.json", filing("WO-NEXT"));
  chownSync(world.path("bridge/inbox/CLC/next.json"), process.getuid?.() ?? 0, process.getgid?.() ?? 0);
  await world.reaches("WO-NEXT", "done");
  expect(world.read("secret.txt")).toBeUndefined();
});

test("a file that is gone before it is read leaves no trace", async () => {
  const world = await workingWorld();
  for (let count = 0; count < 20; count += 1) {
    // No end mark: it has to stand still first, and by then it is gone.
    writeFileSync(world.path(`bridge/inbox/CLC/gone-${count}.yaml`), "wo_id: WO-GONE\nfiles: {gone.txt: gone}\n");
    unlinkSync(world.path(`bridge/inbox/CLC/gone-${count}.yaml`));
  }
  world.drop("CLC", "next.json", filing("WO-NEXT"));
  await told(world, "WO-NEXT", "wo_settled");
  const ids = linesTold(world).flatMap((line) => (line["wo_id"] === undefined ? [] : [line["wo_id"]]));
  expect(new Set(ids)).toEqual(new Set(["WO-NEXT"]));
  expect(world.list("bridge/error/CLC")).toEqual([]);
  expect(workOf(world)).toEqual({ "made/WO-NEXT.txt": "WO-NEXT\n" });
});

const MANY = 5_000_000;
const FLAT_MAP = Array.from({ length: 360_000 }, (_, index) => `k${index}: 1`).join("\n");

test.each([
  ["a list of small values", "a.yaml", `a: [${"1,".repeat(MANY / 2 - 10)}1]\n...\n`],
  ["a flat map", "b.yaml", `${FLAT_MAP}\n...\n`],
  ["one line of quotes", "d.yaml", `a: "${'\\"'.repeat(MANY / 2 - 10)}\n...\n`],
  ["a JSON map of lists", "c.json", `{"a": [${"[1],".repeat(MANY / 4 - 10)}[1]]}`],
  ["an order without end", "e.json", `{"files": [${'{"path": "a", "content": ""},'.repeat(MANY / 30)}`],
])("while 5 MB of %s are read, the daemon answers within 250 ms more than an idle one", async (_what, name, text) => {
  const [world, idle] = [await workingWorld(), await workingWorld()];
  dropBytes(world, "CLC", name, text);
  world.drop("OTHER", "next.json", filing("WO-NEXT"));
  const slowestMs = { world: 0, idle: 0 };
  const isOver = async () => {
    slowestMs.world = Math.max(slowestMs.world, await answerMs(world));
    // What the machine itself makes everybody wait for meanwhile.
    slowestMs.idle = Math.max(slowestMs.idle, await answerMs(idle));
    return world.list("bridge/inbox/CLC").join() === ".claimed" && world.status("WO-NEXT") === "done";
  };
  await until(isOver, 20_000, "the file is judged and the other lane's order is done");
  expect(slowestMs.world).toBeLessThan(250 + 3 * slowestMs.idle);
});

async function answerMs(world: World): Promise<number> {
  const startMs = performance.now();
  expect(valueIn(await world.ask({ call: "health" }), "state")).toBe("running");
  return performance.now() - startMs;
}

test.each([
  ["brackets", "[".repeat(5000)],
  ["brackets behind a key", `a: ${"[".repeat(20_000)}`],
  ["lists in lists", `${"- ".repeat(20_000)}x`],
])("nested %s are refused, and the daemon lives", async (_what, text) => {
  const world = await workingWorld();
  dropBytes(world, "CLC", "deep.yaml", text);
  expect((await problemsOf(world, "CLC", "deep.yaml")).map(({ code }) => code)).toContain("too_deep");
  expect(await world.daemonAnswers()).toBe(true);
});
