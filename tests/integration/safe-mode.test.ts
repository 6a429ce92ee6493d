/** A daemon that dies again and again under launchd: it stops spinning, says why, and works again when it is mended or asked. */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { DaemonAgent, type DaemonAgentOptions } from "../support/launchd/daemon-agent.ts";
import { asRecord, MAIN, ROOT, until, World } from "../support/world.ts";

const PATIENCE_MS = 40_000;
const ORDER = { wo_id: "WO-1", files: [{ path: "one.txt", content: "one\n" }] };
/** The daemon whose minutes are short. */
const HASTY = [join(ROOT, "dist-tools", "tests", "support", "programs", "hasty-daemon.js")];

interface Stuck {
  readonly agent: DaemonAgent;
  readonly world: World;
  readonly mend: () => void;
}

/** Not started yet. No start gets over a folder in the place of the reserve. */
async function broken(options: DaemonAgentOptions = {}): Promise<Stuck> {
  const world = await World.make();
  const reserve = join(world.vault, "reserve");
  mkdirSync(reserve);
  world.drop("CLC", "one.json", ORDER);
  return { agent: await DaemonAgent.of(world, options), world, mend: () => rmdirSync(reserve) };
}

/** In safe mode, after five that are counted. */
async function stuck(options: DaemonAgentOptions = {}): Promise<Stuck> {
  const one = await broken(options);
  const { version } = asRecord(JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")));
  const since = "2026-11-01T10:00:00.000Z";
  const counted = { v: 1, version, node: process.versions.node, failures: 5, since, reason: "planted", mayTry: false };
  writeFileSync(join(one.world.vault, "lives.json"), JSON.stringify(counted));
  await one.agent.load();
  await one.agent.says("refused", PATIENCE_MS);
  expect(one.agent.launches).toBe(1);
  return one;
}

const hasCount = (world: World) => existsSync(join(world.vault, "lives.json"));

async function works({ agent, world }: Stuck): Promise<void> {
  await agent.says("running", PATIENCE_MS);
  await world.reaches("WO-1", "done");
}

test("after five fast deaths it answers, says why and what to type, and takes nothing in", async () => {
  const { agent, world } = await broken();
  await agent.load();
  await agent.says("refused", PATIENCE_MS);
  expect(agent.launches).toBe(6);
  const why = /every start since 20\S+Z has died soon: the disk refused \S+\/reserve: EISDIR/;
  for (const [words, code] of [
    ["daemon status", 6],
    ["status", 6],
    ["doctor", 1],
    ["guardrail check --outside", 1],
  ] as const) {
    const end = await world.wo(...words.split(" "));
    expect([words, end.code, end.stdout]).toEqual([words, code, expect.stringMatching(why)]);
    expect(end.stdout).toMatch(
      /wo daemon start {4}\(tries at once; by itself it is tried at 20\S+Z, after 5 that died/,
    );
  }
  expect((await world.wo("approve", "WO-1")).stderr).toMatch(why);
  expect((await world.wo("log")).stdout).toContain("daemon_started");
  expect(world.list("bridge/inbox/CLC")).toContain("one.json");
  await agent.launchd.pass(60);
  expect(agent.launches).toBe(6);
});

test("mended, it works again when a person starts it", async () => {
  const one = await stuck();
  one.mend();
  const start = await one.world.wo("daemon", "start");
  expect([start.code, start.stdout]).toEqual([0, expect.stringContaining("✓ daemon up")]);
  await works(one);
  expect(one.agent.launches).toBe(2);
});

test("not mended, it says so to who starts it, and is in safe mode again after five", async () => {
  const { agent, world } = await stuck();
  const start = await world.wo("daemon", "start");
  expect([start.code, start.stdout]).toEqual([6, expect.stringContaining("refusing to work: every start since")]);
  expect(agent.launches).toBe(7);
});

test("a stop ends safe mode: launchd leaves it down, and kickstart finds nothing counted", async () => {
  const one = await stuck();
  expect((await one.world.wo("daemon", "stop")).code).toBe(0);
  await until(async () => (await one.agent.pid()) === undefined, PATIENCE_MS, "it is down");
  expect([one.agent.launches, hasCount(one.world)]).toEqual([1, false]);
  one.mend();
  await one.agent.ctl("kickstart", one.agent.target);
  await works(one);
});

test("kickstart -k tries at once", async () => {
  const one = await stuck();
  one.mend();
  await one.agent.ctl("kickstart", "-k", one.agent.target);
  await works(one);
});

test("by itself it is tried once in a while, and works when it was mended", async () => {
  const env = { WO_FAST_MS: "60000", WO_SAFE_MS: "1500" };
  const one = await stuck({ entry: HASTY, env });
  const before = one.agent.launches;
  // A try that dies, and safe mode again at once.
  await until(
    () => one.agent.launches >= before + 2,
    PATIENCE_MS,
    "it was tried",
    () => one.agent.said,
  );
  await one.agent.says("refused");
  expect((await one.world.wo("daemon", "status")).stdout).toMatch(/after (?:[6-9]|\d\d) that died/);
  one.mend();
  await works(one);
});

test("kill -9 three times is no reason; nothing is counted once a life has lasted", async () => {
  const world = await World.make();
  const agent = await DaemonAgent.of(world, { entry: HASTY, env: { WO_FAST_MS: "3000", WO_SAFE_MS: "600000" } });
  await agent.load();
  for (let count = 1; count <= 3; count += 1) {
    await agent.says("running");
    process.kill((await agent.pid()) ?? 0, "SIGKILL");
    await until(() => agent.launches === count + 1, PATIENCE_MS, "it is started again");
  }
  await agent.says("running");
  await until(() => !hasCount(world), PATIENCE_MS, "nothing is counted any more");
});

test("without a supervisor nothing is counted, and what `wo daemon start` appends to is cut", async () => {
  const world = await World.make();
  const bootLog = join(world.home, ".local/state/wo-bridge/boot.log");
  writeFileSync(bootLog, "an old line\n".repeat(100_000));
  // Typed in a terminal that launchd itself has started.
  const env = { ...world.env, XPC_SERVICE_NAME: "application.com.example.terminal", WO_AGENT_REV: "an agent's own" };
  const start = await world.run([process.execPath, MAIN, "daemon", "start"], env);
  expect([start.code, hasCount(world)]).toEqual([0, false]);
  expect((await world.wo("daemon", "stop")).code).toBe(0);
  const lines = readFileSync(bootLog, "utf8").split("\n");
  expect([lines.length < 6000, lines[0], lines.at(-2)]).toEqual([true, "an old line", "daemon stopped"]);
});
