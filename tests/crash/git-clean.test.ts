/** The disaster that this product exists for: `git clean -fdx && git reset --hard` in the base, idle and at work. */
import { writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { until, World } from "../support/world.ts";

const CONFIG = "intake: {rescanMs: 1000}\nlanes:\n  HELD: {mode: hold}\n";

async function repository(config = CONFIG): Promise<World> {
  const world = await World.make({ config });
  world.write("src/code.txt", "code\n");
  await git(world, "init", "-q");
  await git(world, "add", "src");
  await git(world, "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "first");
  return world;
}

async function git(world: World, ...words: string[]): Promise<void> {
  const end = await world.run(["git", "-C", world.base, ...words]);
  if (end.code !== 0) throw new Error(end.stderr);
}

async function wipe(world: World): Promise<void> {
  // It says no when a file that it was about to remove is gone already.
  await world.run(["git", "-C", world.base, "clean", "-fdxq"]);
  await git(world, "reset", "-q", "--hard");
}

function order(id: string, path: string): object {
  return { wo_id: id, files: [{ path, content: `${id}\n` }] };
}

test("a wipe while idle: lanes, open orders, configuration and every view come back by themselves", async () => {
  const world = await repository();
  await world.startDaemon();
  const ids = Array.from({ length: 40 }, (_, index) => `WO-${index}`);
  for (const id of ids) world.drop("CLC", `${id}.json`, order(id, `src/${id}.txt`));
  world.write("bridge/inbox/HELD/wait.json", JSON.stringify(order("WO-HELD", "src/held.txt")));
  for (const id of ids) await world.reaches(id, "done");
  await world.reaches("WO-HELD", "waiting");
  const before = seqs(world);
  await wipe(world);

  await until(
    () => world.list("bridge/inbox").length === 3,
    3000,
    "the lanes are back",
    () => world.list("bridge/inbox").join(),
  );
  await world.reaches("WO-HELD", "waiting", 3000);
  await until(() => ids.every((id) => world.status(id) === "done"), 5000, "the states are back");
  await until(() => seqs(world).length >= before.length, 5000, "telemetry is back");
  expect(seqs(world)).toEqual(Array.from({ length: seqs(world).length }, (_, index) => index + 1));
  // What the wipe took behind a round's back comes with the next one.
  await until(() => world.read("wo-bridge.yaml") === CONFIG, 5000, "the configuration is back");
  await until(() => world.read("bridge/work-order.schema.json") !== undefined, 5000, "the schema for editors is back");
  expect(world.read(".wo-base")).toContain('"id"');
  await until(() => world.read("bridge/outbox/CLC/WO-1_result.yaml") !== undefined, 5000, "results are back");
});

test("a wipe that brings a looser configuration, or none, changes nothing about what is held", async () => {
  const world = await repository();
  await world.startDaemon();
  writeFileSync(world.path("wo-bridge.yaml"), "intake: {rescanMs: 1000}\nlanes:\n  HELD: {mode: execute}\n");
  await git(world, "add", "-f", "wo-bridge.yaml");
  await git(world, "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "loose");
  await wipe(world);
  await until(
    () => world.list("bridge/inbox").length === 3,
    3000,
    "the lanes are back",
    () => world.list("bridge/inbox").join(),
  );
  world.drop("HELD", "late.json", order("WO-LATE", "src/late.txt"));
  await world.reaches("WO-LATE", "waiting");
  expect((await world.wo("status")).stdout).toContain("wo config accept");
});

test.each([
  ["with", "on", "true"],
  ["without", "off", 'echo x >> "$HOME/effects"'],
])(
  "wipes while orders run, %s a sandbox: every order that was accepted comes to rest as done",
  async (_how, sandbox, run) => {
    const lanes = ["A", "B", "C", "D"];
    const world = await repository(CONFIG + lanes.map((lane) => `  ${lane}: {sandbox: ${sandbox}}\n`).join(""));
    await world.startDaemon();
    for (const lane of lanes) world.write(`bridge/inbox/${lane}/.keep`, "");
    // A lane that nobody has seen yet is nobody's to bring back.
    for (const lane of lanes) world.drop(lane, `seen-${lane}.json`, order(`WO-${lane}`, `made/${lane}.txt`));
    for (const lane of lanes) await world.reaches(`WO-${lane}`, "done");
    const accepted = () =>
      new Set(world.telemetry().flatMap((line) => (line["event"] === "wo_accepted" ? [String(line["wo_id"])] : [])));
    for (let round = 0; round < 5; round += 1) {
      for (let index = 0; index < 40; index += 1) {
        const id = `WO-R${round}-${index}`;
        const steps = index % 10 === 0 ? { steps: [{ run }] } : {};
        world.drop(lanes[index % 4] ?? "", `${id}.json`, { ...order(id, `made/${id}/x.txt`), ...steps });
      }
      const isAtWork = () => [...accepted()].some((id) => id.startsWith(`WO-R${round}-`));
      await until(isAtWork, 10_000, `some of round ${round} are accepted`);
      await wipe(world);
      await until(
        () => world.list("bridge/inbox").length >= 6,
        3000,
        "the lanes are back",
        () => world.list("bridge/inbox").join(),
      );
    }
    const ended = () =>
      world.telemetry().flatMap((line) => (/^wo_(?:completed|failed)$/.test(String(line["event"])) ? [line] : []));
    await until(
      () => ended().length === accepted().size,
      30_000,
      "all have ended",
      () => `${ended().length} of ${accepted().size}`,
    );
    expect(ended().filter((line) => line["event"] !== "wo_completed")).toEqual([]);
  },
);

function seqs(world: World): number[] {
  return world.telemetry().flatMap((line) => (typeof line["seq"] === "number" ? [line["seq"]] : []));
}
