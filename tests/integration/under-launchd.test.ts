/** The daemon under launchd: started before its base is there, and ended while a command runs. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { DaemonAgent } from "../support/launchd/daemon-agent.ts";
import { asRecord, ROOT, until, World } from "../support/world.ts";

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
