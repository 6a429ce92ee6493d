/** `tail -F g/telemetry/unified.jsonl`: each line whole, valid and once, whatever happens to the file. */
import { appendFileSync, closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { filing, linesTold, QUICK, told, valueIn, workingWorld } from "../support/line-kit.ts";
import { exited, type JsonLine, until, World } from "../support/world.ts";

const PATH = "g/telemetry/unified.jsonl";
const SMALL = "telemetry: {maxBytes: 65536, keep: 100}\n";

/**
 * Reads as `tail -F` does: follows the name, finishes the file that it has open before it takes the one that has the
 * name now, and keeps what has no newline yet.
 */
class Tail {
  readonly lines: string[] = [];
  readonly #path: string;
  #handle: number | undefined;
  #pending = "";
  #ended = false;

  constructor(path: string) {
    this.#path = path;
    onTestFinished(() => {
      this.#ended = true;
    });
    void this.#follow();
  }

  get parsed(): readonly JsonLine[] {
    return this.lines.map((line) => {
      const value: unknown = JSON.parse(line);
      if (typeof value !== "object" || value === null) throw new Error(`no object: ${line}`);
      return { ...value };
    });
  }

  /** The numbers of ledger entries, in the order in which they were read. */
  get seqs(): readonly unknown[] {
    return this.parsed.flatMap(({ seq }) => (seq === undefined ? [] : [seq]));
  }

  has(id: string): boolean {
    return this.lines.some((line) => line.includes('"wo_settled"') && line.includes(`"${id}"`));
  }

  async #follow(): Promise<void> {
    while (!this.#ended) {
      this.#read();
      await pause(5);
    }
    if (this.#handle !== undefined) closeSync(this.#handle);
  }

  #read(): void {
    const named = statSync(this.#path, { throwIfNoEntry: false });
    const isOther = this.#handle !== undefined && named !== undefined && fstatSync(this.#handle).ino !== named.ino;
    this.#drain();
    if (isOther && this.#handle !== undefined) {
      closeSync(this.#handle);
      this.#handle = undefined;
    }
    if (this.#handle === undefined && named !== undefined) {
      this.#handle = openSync(this.#path, "r");
      this.#drain();
    }
  }

  #drain(): void {
    const buffer = Buffer.alloc(65_536);
    for (;;) {
      const count = this.#handle === undefined ? 0 : readSync(this.#handle, buffer);
      if (count === 0) return;
      const pieces = (this.#pending + buffer.toString("latin1", 0, count)).split("\n");
      this.#pending = pieces.pop() ?? "";
      this.lines.push(...pieces.map((piece) => Buffer.from(piece, "latin1").toString("utf8")));
    }
  }
}

function upTo(seq: number): readonly number[] {
  return Array.from({ length: seq }, (_, index) => index + 1);
}

/** Drops orders and waits until all of them are told of to their end. */
async function busy(world: World, tail: Tail, prefix: string, count: number): Promise<void> {
  const ids = Array.from({ length: count }, (_, index) => `WO-${prefix}-${index}`);
  for (const [index, id] of ids.entries()) world.drop(`L${index % 4}`, `${id}.json`, filing(id));
  await until(
    () => ids.every((id) => tail.has(id)),
    20_000,
    "all of them are told of",
    () => ids.filter((id) => !tail.has(id)).join(),
  );
}

test("a reader from before the first start sees every event once, in order, each line whole and flat", async () => {
  const world = await World.make({ config: QUICK });
  const tail = new Tail(world.path(PATH));
  await world.startDaemon();
  await busy(world, tail, "A", 40);
  expect(tail.seqs).toEqual(upTo(tail.seqs.length));
  expect(tail.seqs.length).toBeGreaterThan(240);
  const head = {
    ts: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{3}Z$/),
    agent: expect.any(String),
    event: expect.any(String),
    ok: expect.any(Boolean),
  };
  expect(tail.parsed).toEqual(tail.parsed.map(() => expect.objectContaining(head)));
});

test("rotation loses no line and repeats none, and the current file keeps its name", async () => {
  const world = await workingWorld(SMALL);
  const tail = new Tail(world.path(PATH));
  // A reader follows names: of two rotations at once it could only see the second.
  for (const round of ["A", "B", "C", "D", "E", "F", "G", "H"]) await busy(world, tail, round, 20);
  expect(world.list("g/telemetry").length).toBeGreaterThan(2);
  expect(world.list("g/telemetry")).toContain("unified.jsonl");
  expect(tail.seqs).toEqual(upTo(tail.seqs.length));
});

test("no more files that were put aside are kept than the configuration says", async () => {
  const world = await workingWorld("telemetry: {maxBytes: 65536, keep: 1}\n");
  for (let index = 0; index < 120; index += 1) world.drop("CLC", `${index}.json`, filing(`WO-${index}`));
  await until(() => world.list("g/followup/state").length === 120, 20_000, "all have a state");
  const last = () => world.list("g/telemetry").find((name) => /\d/.test(name)) ?? "";
  await until(() => Number(/\d+/.exec(last())?.[0] ?? 0) > 300, 10_000, "it was put aside more than once");
  expect(world.list("g/telemetry")).toEqual([expect.stringMatching(/^unified\.\d+\.jsonl$/), "unified.jsonl"]);
});

test.each([["SIGTERM"], ["SIGKILL"]] as const)(
  "a restart after %s at work loses no line and repeats none",
  async (signal) => {
    const world = await workingWorld();
    await world.killAll();
    const tail = new Tail(world.path(PATH));
    for (const round of ["A", "B", "C"]) {
      const daemon = await world.startDaemon();
      const working = busy(world, tail, round, 40);
      await until(() => tail.lines.some((line) => line.includes(`WO-${round}-`)), 5000, "it is at work");
      daemon.kill(signal);
      await exited(daemon);
      await world.startDaemon();
      await working;
      await world.killAll();
    }
    expect(tail.seqs).toEqual(upTo(tail.seqs.length));
  },
);

/** Commits telemetry as it is now. */
async function commit(world: World): Promise<void> {
  const git = (...words: string[]) =>
    world.run(["git", "-C", world.base, "-c", "user.name=t", "-c", "user.email=t@t", ...words]);
  await git("init", "-q");
  await git("add", "-f", PATH);
  const end = await git("commit", "-qm", "telemetry");
  if (end.code !== 0) throw new Error(end.stderr);
}

test("when git puts an older file in its place, what is missing is written again behind it", async () => {
  const world = await workingWorld();
  const tail = new Tail(world.path(PATH));
  await busy(world, tail, "A", 5);
  await commit(world);
  await busy(world, tail, "B", 20);
  const checkout = await world.run(["git", "-C", world.base, "checkout", "-q", "--", PATH]);
  expect(checkout.code).toBe(0);
  world.drop("CLC", "last.json", filing("WO-LAST"));
  await told(world, "WO-LAST", "wo_settled");
  const seqs = linesTold(world).flatMap(({ seq }) => (seq === undefined ? [] : [seq]));
  expect(seqs).toEqual(upTo(seqs.length));
  expect(seqs.length).toBeGreaterThan(150);
});

test("when the file is removed, all of it is written again", async () => {
  const world = await workingWorld();
  world.drop("CLC", "one.json", filing("WO-1"));
  await told(world, "WO-1", "wo_settled");
  await world.run(["rm", "-r", world.path("g")]);
  await told(world, "WO-1", "wo_settled");
  const seqs = linesTold(world).flatMap(({ seq }) => (seq === undefined ? [] : [seq]));
  expect(seqs).toEqual(upTo(seqs.length));
});

test("lines of others are kept where they are, whole or not, and ours stay whole beside them", async () => {
  const world = await workingWorld();
  const path = world.path(PATH);
  world.drop("CLC", "one.json", filing("WO-1"));
  await told(world, "WO-1", "wo_settled");
  appendFileSync(path, '{"agent":"other","event":"theirs"}\nno json at all\n{"torn": ');
  world.drop("CLC", "two.json", filing("WO-2"));
  await until(() => (world.read(PATH) ?? "").includes('"WO-2"'), 5000, "ours go on");
  await world.killAll();
  await world.startDaemon();
  world.drop("CLC", "three.json", filing("WO-3"));
  const settled = () => (world.read(PATH) ?? "").split("\n").filter((line) => line.includes('"wo_settled"'));
  await until(() => settled().length === 3, 10_000, "all three are told of");
  const lines = (world.read(PATH) ?? "").split("\n");
  for (const theirs of ['{"agent":"other","event":"theirs"}', "no json at all"])
    expect(lines.filter((line) => line === theirs)).toHaveLength(1);
  const ours = lines.filter((line) => line.includes('"seq"') && !line.startsWith('{"torn"'));
  const seqs = ours.map((line) => valueIn(JSON.parse(line), "seq"));
  expect(new Set(seqs).size).toBe(seqs.length);
});
