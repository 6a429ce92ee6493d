/** The daemon under launchd: started before its base is there, and ended while a command runs. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { type KernelLock, takeLock } from "../../src/platform/lock.ts";
import { DaemonAgent } from "../support/launchd/daemon-agent.ts";
import { asRecord, MAIN, ROOT, until, World } from "../support/world.ts";

const PATIENCE_MS = 20_000;
/** The daemon whose limits can be given. */
const HASTY = [join(ROOT, "dist-tools", "tests", "support", "programs", "hasty-daemon.js")];
const order = (id: string) => ({ wo_id: id, files: [{ path: `${id}.txt`, content: "here\n" }] });

test("a base that is away at boot is waited for and said to be, and its orders are done within seconds", async () => {
  const world = await World.make();
  world.drop("CLC", "early.json", order("WO-EARLY"));
  const away = `${world.base}.away`;
  renameSync(world.base, away);
  const agent = await DaemonAgent.of(world);
  await agent.load();
  await agent.says("refused");

  const status = await world.wo("daemon", "status");
  expect([status.code, status.stdout]).toEqual([
    6,
    expect.stringMatching(/daemon refused[\s\S]*there is no folder \S+02luka\nnext: mount its volume or bring/),
  ]);
  expect((await world.wo("status")).stdout).toMatch(/refuses to work: there is no folder/);
  expect(readFileSync(join(world.vault, "runtime.json"), "utf8")).toContain("there is no folder");
  const start = await world.wo("daemon", "start");
  expect([start.code, start.stdout]).toEqual([6, expect.stringMatching(/✗ daemon up, refusing[\s\S]*next: mount/)]);
  await agent.launchd.pass(60);

  const backMs = Date.now();
  renameSync(away, world.base);
  await world.reaches("WO-EARLY", "done");
  expect(Date.now() - backMs).toBeLessThan(10_000);
  expect(agent.launches).toBe(1);
});

test("a folder where no base was ever is lasting: launchd leaves it down, and is told what to type", async () => {
  const world = await World.make({ bare: true });
  renameSync(world.base, `${world.base}.never`);
  const agent = await DaemonAgent.of(world);
  await agent.load();
  await until(() => agent.said.includes("none was ever attached there"), PATIENCE_MS, "it says so");
  await until(async () => (await agent.pid()) === undefined, PATIENCE_MS, "it has ended");
  await agent.launchd.pass(30);
  expect(agent.launches).toBe(1);
  expect(agent.said).toContain("wo init");
});

/** Links that lead to each other: the disk refuses to look, and says neither that the base is there nor that it is not. */
function refuseLook({ base }: World): () => void {
  symlinkSync(`${base}.other`, base);
  symlinkSync(base, `${base}.other`);
  return () => {
    for (const link of [base, `${base}.other`]) unlinkSync(link);
  };
}

test("a base that the disk refuses to look at is away, too: at the start, and while it is waited for", async () => {
  const world = await World.make();
  world.drop("CLC", "early.json", order("WO-EARLY"));
  const away = `${world.base}.away`;
  renameSync(world.base, away);
  let allow = refuseLook(world);
  const agent = await DaemonAgent.of(world);
  await agent.load();
  const refused = () => expect.stringMatching(/daemon refused[\s\S]*02luka cannot be looked at: .*ELOOP/);
  await agent.says("refused");
  expect((await world.wo("daemon", "status")).stdout).toEqual(refused());
  allow();
  await until(() => agent.said.includes("waiting: there is no folder"), PATIENCE_MS, "it says what it sees now");
  await agent.says("refused");
  allow = refuseLook(world);
  await until(
    async () => /ELOOP/.test((await world.wo("daemon", "status")).stdout),
    PATIENCE_MS,
    "it answers",
    () => agent.said,
  );
  allow();
  renameSync(away, world.base);
  await world.reaches("WO-EARLY", "done");
  expect(agent.launches).toBe(1);
});

/** Somebody else's lock, as another process of the base would hold it. */
async function holdLock(world: World, name: "base" | "vault"): Promise<KernelLock> {
  const { dev, ino } = statSync(name === "base" ? world.base : world.vault);
  const folder = join(world.home, ".local/state/wo-bridge/locks");
  const taken = await takeLock(folder, `${name}-${dev}-${ino}`, "pid 1, a passing command");
  if (!taken.ok) throw new Error(taken.error);
  return taken.value;
}

test.each([["base"], ["vault"]] as const)(
  "a lock of the %s that somebody holds for a moment is waited for",
  async (name) => {
    const world = await World.make();
    const lock = await holdLock(world, name);
    const agent = await DaemonAgent.of(world);
    await agent.load();
    await until(() => agent.said.includes("is held by pid 1, a passing command"), PATIENCE_MS, "it says who holds it");
    const typed = { ...world.env, WO_LAUNCHCTL: agent.launchd.launchctl };
    const stop = await world.run([process.execPath, MAIN, "daemon", "stop"], typed);
    expect([stop.code, stop.stderr]).toEqual([
      4,
      expect.stringMatching(/launchd keeps a process for it, pid \d+[\s\S]*wo agent stop/),
    ]);
    await agent.launchd.pass(60);
    await lock.release();
    await agent.says("running");
    expect([agent.launches, agent.said.match(/waiting: /g)?.length]).toEqual([1, 1]);
  },
);

test("a held vault of a base that is away is waited for, and to be told to stop ends that with 0", async () => {
  const world = await World.make();
  const lock = await holdLock(world, "vault");
  const away = `${world.base}.away`;
  renameSync(world.base, away);
  const agent = await DaemonAgent.of(world);
  await agent.load();
  await until(() => agent.said.includes("is held by pid 1, a passing command"), PATIENCE_MS, "it says who holds it");
  await agent.ctl("kill", "TERM", agent.target);
  await until(async () => (await agent.pid()) === undefined, PATIENCE_MS, "it is down");
  expect((await agent.ctl("print", agent.target)).stdout).toContain("last exit code = 0");
  await agent.ctl("kickstart", agent.target);
  await until(() => agent.said.split("waiting: ").length === 3, PATIENCE_MS, "it waits again");
  await lock.release();
  await agent.says("refused");
  renameSync(away, world.base);
  await agent.says("running");
  expect(agent.launches).toBe(2);
});

test("a registry that cannot be read is waited for, and launchd starts nothing again and again", async () => {
  const world = await World.make();
  const registry = join(world.home, ".local/state/wo-bridge/bases.json");
  renameSync(registry, `${registry}.away`);
  writeFileSync(registry, "{");
  const agent = await DaemonAgent.of(world);
  await agent.load();
  await until(() => /waiting: .*bases\.json cannot be read/.test(agent.said), PATIENCE_MS, "it says so");
  await agent.launchd.pass(60);
  expect(agent.launches).toBe(1);
  renameSync(`${registry}.away`, registry);
  await agent.says("running");
  expect(agent.launches).toBe(1);
});

test("what a terminal's variables say is no supervisor, and no command of an order finds ours", async () => {
  const world = await World.make({ config: "version: 1\nlanes: {CLC: {sandbox: off}}\n" });
  const terminal = { ...world.env, XPC_SERVICE_NAME: "application.com.example.terminal", INVOCATION_ID: "0123" };
  renameSync(world.base, `${world.base}.away`);
  const typed = await world.run([process.execPath, MAIN, "daemon", "run"], terminal);
  expect([typed.code, typed.stderr]).toEqual([2, expect.stringContaining("there is no folder")]);
  renameSync(`${world.base}.away`, world.base);
  const agent = await DaemonAgent.of(world);
  await agent.load();
  await agent.says("running");
  const run = "echo ${WO_AGENT_REV-none} > found.txt; env >> found.txt";
  world.drop("CLC", "one.json", { wo_id: "WO-ENV", steps: [{ run }] });
  await world.reaches("WO-ENV", "done");
  expect(world.read("found.txt")).toMatch(/^none\n/);
  expect(world.read("found.txt")).not.toContain("WO_AGENT_REV");
});

test("while it waits for its base it is stopped like any other", async () => {
  const world = await World.make();
  renameSync(world.base, `${world.base}.away`);
  const agent = await DaemonAgent.of(world);
  await agent.load();
  await agent.says("refused");
  expect((await world.wo("daemon", "stop")).code).toBe(0);
  await until(async () => (await agent.pid()) === undefined, PATIENCE_MS, "it is down");
  expect(agent.launches).toBe(1);
});

test("its own log is cut at the start when it has grown long, and keeps its end", async () => {
  const world = await World.make();
  const agent = await DaemonAgent.of(world);
  mkdirSync(dirname(agent.errLog), { recursive: true });
  writeFileSync(agent.errLog, `${"x".repeat(99)}\n`.repeat(20_000) + "its last words\n");
  await agent.load();
  await agent.says("running");
  await until(() => agent.said.includes("✓ daemon up"), PATIENCE_MS, "it has said so");
  const lines = agent.said.split("\n");
  expect([lines.length < 700, lines[0]?.length]).toEqual([true, 99]);
  expect(lines.slice(-3)).toEqual(["its last words", expect.stringContaining("✓ daemon up"), ""]);
});

const SLOW =
  "echo $$ > pid; echo ran >> effects.txt; while [ ! -e go ]; do sleep 0.05; done; echo ended >> effects.txt";

/** A daemon under launchd, with a command that runs until `go` is there. */
async function withCommand(): Promise<{ readonly agent: DaemonAgent; readonly world: World }> {
  const world = await World.make({ config: "version: 1\nlanes: {CLC: {sandbox: off}}\nstopBudgetMs: 300\n" });
  const agent = await DaemonAgent.of(world, { secondsScale: 0.1 });
  await agent.load();
  await agent.says("running");
  world.drop("CLC", "slow.json", { wo_id: "WO-SLOW", steps: [{ run: SLOW }] });
  await until(
    () => world.read("pid") !== undefined,
    PATIENCE_MS,
    "the command runs",
    () => agent.said,
  );
  return { agent, world };
}

test.each([
  [
    "bootout and bootstrap",
    async (agent: DaemonAgent) => {
      await agent.ctl("bootout", agent.target);
      await until(async () => (await agent.ctl("print", agent.target)).code === 113, 30_000, "it is gone");
      await agent.load();
    },
  ],
  ["kill -9", async (agent: DaemonAgent) => void process.kill((await agent.pid()) ?? 0, "SIGKILL")],
  ["kickstart -k", async (agent: DaemonAgent) => void (await agent.ctl("kickstart", "-k", agent.target))],
])("a command outlives its daemon's %s and is done once", async (_name, end) => {
  const { agent, world } = await withCommand();
  const before = await agent.pid();
  await end(agent);
  const isOther = async () => {
    const pid = await agent.pid();
    return pid !== undefined && pid !== before && (await world.daemonAnswers());
  };
  await until(isOther, PATIENCE_MS, "another daemon answers", () => agent.said);
  // The shell that wrote its pid is still there: nothing was signalled.
  expect(process.kill(Number(world.read("pid")), 0)).toBe(true);
  world.write("go", "");
  await world.reaches("WO-SLOW", "done");
  expect(world.read("effects.txt")).toBe("ran\nended\n");
  expect(asRecord(world.state("WO-SLOW") ?? {})["status"]).toBe("done");
});

/** Once `hang` is there, a sync waits in the kernel for ever, and an exit would wait for it. */
const HANGS = `import fs from "node:fs";
  import { syncBuiltinESMExports } from "node:module";
  const sync = fs.fdatasync;
  const folder = process.env.LUKA_SOT;
  fs.fdatasync = (handle, done) =>
    fs.existsSync(folder + "/hang") ? fs.open(folder + "/fifo", "r", () => undefined) : sync(handle, done);
  syncBuiltinESMExports();`;

test("who stops a daemon that hangs is told that it was killed, and that launchd starts it again", async () => {
  const world = await World.make();
  world.write("hangs.mjs", HANGS);
  execFileSync("mkfifo", [world.path("fifo")]);
  const env = { WO_STOP_MS: "1500", NODE_OPTIONS: `--import=${world.path("hangs.mjs")}` };
  const agent = await DaemonAgent.of(world, { entry: [...HASTY, "-C", world.base], env });
  await agent.load();
  await agent.says("running");
  world.write("hang", "");
  const typed = { ...world.env, WO_LAUNCHCTL: agent.launchd.launchctl };
  const stop = await world.run([process.execPath, MAIN, "daemon", "stop"], typed);
  expect([stop.code, stop.stdout]).toEqual([
    4,
    expect.stringMatching(/! daemon gone .*killed[\s\S]*launchd starts it again.*`wo agent stop`/),
  ]);
  await until(() => agent.launches === 2, PATIENCE_MS, "launchd starts it again");
});

/** Once the daemon listens no folder gets to the disk before `slow` is gone. */
const SLOW_RECOVERY = `import fs from "node:fs";
  import { syncBuiltinESMExports } from "node:module";
  const sync = fs.fsync;
  const { LUKA_SOT, SOCKET } = process.env;
  fs.fsync = (handle, done) => {
    const isHeld = () => fs.existsSync(LUKA_SOT + "/slow") && fs.existsSync(SOCKET);
    const look = () => (isHeld() ? setTimeout(look, 20) : sync(handle, done));
    look();
  };
  syncBuiltinESMExports();`;

test("a daemon that has not put back yet what the last life left is not up for who starts it", async () => {
  // The folders of this lane are put back.
  const world = await World.make({ config: "version: 1\nlanes: {EXTRA: {}}\n" });
  world.write("slow.mjs", SLOW_RECOVERY);
  world.write("slow", "");
  onTestFinished(async () => void (await world.wo("daemon", "stop")));
  const NODE_OPTIONS = `--import=${world.path("slow.mjs")}`;
  const env = { ...world.env, NODE_OPTIONS, SOCKET: join(world.vault, "control.sock") };
  let isStarted = false;
  const start = world.run([process.execPath, MAIN, "daemon", "start"], env).finally(() => (isStarted = true));
  const isStarting = async () => asRecord((await world.ask({ call: "health" })) ?? {})["starting"] === true;
  await until(isStarting, PATIENCE_MS, "it answers that it is starting");
  expect((await world.wo("daemon", "status")).stdout).toContain("takes no orders yet");
  expect(isStarted).toBe(false);
  rmSync(world.path("slow"));
  expect((await start).code).toBe(0);
  expect(await isStarting()).toBe(false);
});

test("whatever hangs, it is gone soon after it was told to stop", async () => {
  const world = await World.make();
  world.write("hangs.mjs", HANGS);
  execFileSync("mkfifo", [world.path("fifo")]);
  const env = { WO_STOP_MS: "1500", NODE_OPTIONS: `--import=${world.path("hangs.mjs")}` };
  const daemon = await world.startDaemon({ entry: HASTY, env });
  world.write("hang", "");
  daemon.kill("SIGTERM");
  await until(() => daemon.signalCode !== null || daemon.exitCode !== null, PATIENCE_MS, "it is gone");
  expect([daemon.signalCode, daemon.exitCode]).toEqual(["SIGKILL", null]);
});
