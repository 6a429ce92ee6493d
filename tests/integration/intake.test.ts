/** How files come in: lanes and names as people write them, files that take their time, and what is passed over. */
import {
  appendFileSync,
  closeSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import {
  failureOf,
  filing,
  linesTold,
  QUICK,
  running,
  told,
  valueIn,
  workingWorld,
  workOf,
} from "../support/line-kit.ts";
import { until, World } from "../support/world.ts";

/** Files are left alone for longer than any test takes, unless they say themselves that they are whole. */
const SLOW = "intake: {settleMs: 60000, giveUpMs: 60000, rescanMs: 500}\n";

const yaml = (id: string, path: string, end = "...\n") =>
  `wo_id: ${id}\nfiles:\n  - path: ${path}\n    content: ${id}\n${end}`;

test.each([["clc"], ["Clc"]])(
  "a lane that is spelled %s on disk keeps its spelling, in whatever case it is named",
  async (lane) => {
    const world = await World.make({ bare: true });
    mkdirSync(world.path(`bridge/inbox/${lane}`), { recursive: true });
    world.write("wo-bridge.yaml", `${QUICK}lanes:\n  cLC: {mode: hold}\n`);
    await world.wo("init", "--yes");
    await world.startDaemon();
    world.drop(lane, "one.json", filing("WO-1"));
    await world.reaches("WO-1", "waiting");
    expect(world.list("bridge/inbox").filter((name) => name.toLowerCase() === "clc")).toEqual([lane]);
    expect(world.list(`bridge/outbox/${lane}`).filter((name) => !name.startsWith("."))).toContain("WO-1.ack.json");
  },
);

test("wo submit finds a lane in whatever case it is written", async () => {
  const world = await workingWorld();
  const path = join(world.root, "order.json");
  writeFileSync(path, JSON.stringify(filing("WO-1")));
  expect((await world.wo("submit", path, "--lane", "clc")).stdout).toContain("bridge/inbox/CLC/order.json");
  await world.reaches("WO-1", "done");
  expect(world.list("bridge/inbox")).toEqual(["CLC", "ENTRY"]);
});

test("ids are told apart without regard to case, and keep their spelling", async () => {
  const world = await workingWorld();
  world.drop("CLC", "one.json", filing("Wo-Mixed"));
  await world.reaches("Wo-Mixed", "done");
  const end = await world.wo("show", "WO-MIXED", "--json");
  expect(valueIn(JSON.parse(end.stdout), "data", "id")).toBe("Wo-Mixed");
});

test.each(["bridge/inbox", "bridge"])("the folder %s may be a link to somewhere else", async (linked) => {
  const world = await World.make({ bare: true });
  const target = join(world.root, "elsewhere");
  mkdirSync(join(target, linked === "bridge" ? "inbox/CLC" : "CLC"), { recursive: true });
  mkdirSync(world.path("bridge"), { recursive: true });
  if (linked === "bridge") rmSync(world.path("bridge"), { recursive: true });
  symlinkSync(target, world.path(linked));
  world.write("wo-bridge.yaml", QUICK);
  await world.wo("init", "--yes");
  await world.startDaemon();
  world.drop("CLC", "one.json", filing("WO-1"));
  await told(world, "WO-1", "wo_settled");
  expect(world.read("made/WO-1.txt")).toBe("WO-1\n");
  const [month = ""] = world.list("bridge/processed/CLC");
  expect(world.list(`bridge/processed/CLC/${month}`)).toEqual(["one.json"]);
});

test("a lane that is removed comes back and is read again", async () => {
  const world = await workingWorld();
  for (const round of [1, 2, 3]) {
    rmSync(world.path("bridge/inbox"), { recursive: true });
    await until(() => world.list("bridge/inbox").includes("CLC"), 5000, "the lane is back");
    world.drop("CLC", `${round}.json`, filing(`WO-${round}`));
    await world.reaches(`WO-${round}`, "done");
  }
  expect(linesTold(world).filter(({ event }) => event === "wo_pipeline_healed").length).toBeGreaterThanOrEqual(3);
});

test("a lane that somebody makes is read at once", async () => {
  const world = await World.make({ config: "intake: {settleMs: 100, giveUpMs: 300, rescanMs: 600000}\n" });
  await world.startDaemon();
  mkdirSync(world.path("bridge/inbox/NEW"));
  world.drop("NEW", "one.json", filing("WO-1"));
  await world.reaches("WO-1", "done");
});

test("JSON, and YAML that ends with its end mark, are taken at once, whatever the time for settling", async () => {
  const world = await World.make({ config: SLOW });
  await world.startDaemon();
  const drops = [
    ["a.json", JSON.stringify(filing("WO-1"))],
    ["b.yaml", JSON.stringify(filing("WO-2"))],
    ["c.yaml", yaml("WO-3", "made/WO-3.txt")],
    ["d.yml", yaml("WO-4", "made/WO-4.txt", "... \r\n\n")],
    ["E.YAML", yaml("WO-5", "made/WO-5.txt")],
  ] as const;
  for (const [name, text] of drops) world.drop("CLC", name, text);
  for (const index of drops.keys()) await world.reaches(`WO-${index + 1}`, "done");
  expect(Object.keys(workOf(world))).toHaveLength(5);
});

test("YAML without an end mark is taken when it stood still, an old file at once", async () => {
  const world = await World.make({ config: SLOW.replace("settleMs: 60000", "settleMs: 20000") });
  await world.startDaemon();
  const beside = world.path("bridge/inbox/CLC/.old.tmp");
  world.write("bridge/inbox/CLC/.old.tmp", yaml("WO-OLD", "old.txt", ""));
  world.write("bridge/inbox/CLC/young.yaml", yaml("WO-YOUNG", "young.txt", ""));
  utimesSync(beside, new Date(0), new Date(0));
  renameSync(beside, world.path("bridge/inbox/CLC/old.yaml"));
  await world.reaches("WO-OLD", "done");
  expect(workOf(world)).toEqual({ "old.txt": "WO-OLD" });
});

test("what wo submit files is whole, whatever the time for settling", async () => {
  const world = await World.make({ config: SLOW });
  await world.startDaemon();
  const path = join(world.root, "order.yaml");
  writeFileSync(path, yaml("WO-1", "out.txt", ""));
  expect((await world.wo("submit", path, "--watch")).code).toBe(0);
  // It ends with the ledger's word; the state file follows.
  await world.reaches("WO-1", "done");
});

test.each([
  ["nothing", ""],
  ["half", '{"wo_id": "WO'],
])("a file of which %s was there when it was first seen is taken as soon as it is whole", async (_what, first) => {
  const world = await World.make({ config: SLOW });
  await world.startDaemon();
  world.write("bridge/inbox/CLC/a.json", first);
  const seen = async () => valueIn(await world.ask({ call: "status" }), "workers", 0, "waiting") === 1;
  await until(seen, 5000, "it was seen");
  world.write("bridge/inbox/CLC/a.json", JSON.stringify(filing("WO-1")));
  await world.reaches("WO-1", "done");
  expect(workOf(world)).toEqual({ "made/WO-1.txt": "WO-1\n" });
});

/** Writes a text in pieces, each a moment after the other, through one open file. */
async function writeSlowly(path: string, pieces: readonly string[], between: () => Promise<void>): Promise<void> {
  const handle = openSync(path, "w");
  for (const piece of pieces) {
    writeSync(handle, piece);
    await between();
  }
  closeSync(handle);
}

test.each([
  [
    "YAML",
    "slow.yaml",
    `wo_id: WO-1\nfiles:\n${Array.from({ length: 12 }, (_, i) => `  - {path: out/${i}.txt, content: x}\n`).join("")}`,
  ],
  [
    "JSON",
    "slow.json",
    JSON.stringify({
      wo_id: "WO-1",
      files: Array.from({ length: 12 }, (_, i) => ({ path: `out/${i}.txt`, content: "x" })),
    }),
  ],
])("%s that grows slowly is taken whole or not at all", async (_what, name, text) => {
  const world = await workingWorld();
  const pieces = Array.from({ length: 12 }, (_, i) =>
    text.slice(Math.floor((i * text.length) / 12), Math.floor(((i + 1) * text.length) / 12)),
  );
  let turns = 0;
  // Each piece comes well within the time after which a file counts as whole, and all of them take far longer.
  await writeSlowly(world.path(`bridge/inbox/CLC/${name}`), pieces, async () => {
    const end = performance.now() + 60;
    await until(() => performance.now() > end, 1000, "a moment has passed");
    turns += 1;
  });
  await world.reaches("WO-1", "done");
  expect([turns, world.list("out").length, world.list("bridge/error/CLC")]).toEqual([12, 12, []]);
});

test("a source that changes after it was accepted fails the order before it does anything", async () => {
  const world = await workingWorld();
  world.drop("CLC", "first.json", running("WO-FIRST", "while ! test -f go; do sleep 0.02; done"));
  await told(world, "WO-FIRST", "step_started");
  const handle = openSync(world.path("bridge/inbox/CLC/.second.tmp"), "w");
  writeSync(handle, `${JSON.stringify(filing("WO-SECOND"))}\n`);
  renameSync(world.path("bridge/inbox/CLC/.second.tmp"), world.path("bridge/inbox/CLC/second.json"));
  await world.reaches("WO-SECOND", "pending");
  writeSync(handle, "\n\n");
  closeSync(handle);
  world.write("go", "");
  expect(await failureOf(world, "WO-SECOND")).toMatchObject({ class: "conflict", code: "source_changed" });
  expect(workOf(world)).toEqual({ go: "" });
});

test("names that are nobody's business are left where they are, tempting ones are told of once", async () => {
  const world = await workingWorld();
  const ignored =
    ".hidden.yaml a.yaml.tmp a.part a.yaml~ a.yaml.example a.sample a.yaml.retry .DS_Store ._a.yaml .gitkeep README README.md README.txt".split(
      " ",
    );
  const tempting = ["order.md", "order.sh", "order.txt", "order.yaml.txt", "order.zsh"];
  for (const name of [...ignored, ...tempting]) world.write(`bridge/inbox/CLC/${name}`, yaml("WO-NO", "no.txt"));
  world.write("bridge/inbox/CLC/order/other.yaml", yaml("WO-NO", "no.txt"));
  const reports = () => linesTold(world).filter(({ event }) => event === "wo_ignored");
  await until(() => reports().length >= 6, 5000, "they are told of");
  for (const id of ["WO-1", "WO-2"]) {
    appendFileSync(world.path("bridge/inbox/CLC/order.md"), "more");
    world.drop("CLC", `${id}.json`, filing(id));
    await world.reaches(id, "done");
  }
  await world.killAll();
  await world.startDaemon();
  world.drop("CLC", "last.json", filing("WO-3"));
  await world.reaches("WO-3", "done");
  expect(
    reports()
      .map(({ name }) => String(name))
      .toSorted(),
  ).toEqual(["order", ...tempting]);
  expect(world.list("bridge/inbox/CLC")).toEqual([".claimed", ...ignored, "order", ...tempting].toSorted());
});

test.each([["dry_run: true"], ["safety_mode: dry-run"], ["metadata: {dry_run: yes}"]])(
  "an order with %s rests as planned and touches nothing",
  async (asks) => {
    const world = await workingWorld();
    world.write("old.txt", "old");
    const order = `wo_id: WO-1\n${asks}\nfiles:\n  - {path: new.txt, content: new}\n  - {path: old.txt, delete: true}\nsteps:\n  - run: touch ran.txt\n...\n`;
    world.drop("CLC", "dry.yaml", order);
    await world.reaches("WO-1", "planned");
    expect(workOf(world)).toEqual({ "old.txt": "old" });
    await told(world, "WO-1", "wo_settled");
    expect((await world.wo("show", "WO-1")).stdout).toMatch(/\+ new\.txt \(would be\)\n.*- old\.txt \(would be\)/);
    expect(world.read("bridge/outbox/CLC/WO-1_result.yaml")).toContain('{path: "new.txt", status: would create}');
  },
);

test("within a lane the urgent come first, then the first to arrive", async () => {
  const world = await workingWorld();
  world.drop("CLC", "first.json", running("WO-FIRST", "while ! test -f go; do sleep 0.02; done"));
  await told(world, "WO-FIRST", "step_started");
  for (const [id, priority] of [
    ["D", "P3"],
    ["B", "P1"],
    ["C1", "P2"],
    ["C2", "P2"],
    ["A", "critical"],
  ] as const) {
    world.drop("CLC", `${id}.json`, running(`WO-${id}`, `echo ${id} >> order.txt`, { priority }));
    await world.reaches(`WO-${id}`, "pending");
  }
  world.write("go", "");
  await world.reaches("WO-D", "done");
  expect(world.read("order.txt")).toBe("A\nB\nC1\nC2\nD\n");
});
