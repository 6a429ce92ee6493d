/** The launchd double as an installer of agents meets it: a script of Node's as the agent, and the built daemon. */
import { chmodSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { build } from "plist";
import { expect, onTestFinished, test } from "vitest";
import { LaunchdDouble } from "../support/launchd/double.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { type CommandEnd, MAIN, run, until, World } from "../support/world.ts";

const LABEL = "com.example.agent";
const PATIENCE_MS = 20_000;

async function launchdOf(home: string): Promise<LaunchdDouble> {
  const launchd = await LaunchdDouble.start({ home });
  onTestFinished(() => launchd.stop());
  return launchd;
}

/** An installer's view of it: one agent, one label, and nothing but launchctl. */
class Installer {
  readonly launchd: LaunchdDouble;
  readonly #path: string;
  readonly #argv: readonly string[];

  constructor(launchd: LaunchdDouble, argv: readonly string[]) {
    this.launchd = launchd;
    this.#argv = argv;
    this.#path = join(launchd.home, "Library", "LaunchAgents", `${LABEL}.plist`);
  }

  ctl(...words: readonly string[]): Promise<CommandEnd> {
    return run(["launchctl", ...words], this.launchd.env);
  }

  get domain(): string {
    return `gui/${this.launchd.userId}`;
  }

  get target(): string {
    return `${this.domain}/${LABEL}`;
  }

  write(): void {
    const { home } = this.launchd;
    mkdirSync(dirname(this.#path), { recursive: true });
    const list = {
      Label: LABEL,
      ProgramArguments: [...this.#argv],
      EnvironmentVariables: { PATH: "/usr/local/bin:/usr/bin:/bin", LUKA_SOT: join(home, "02luka") },
      KeepAlive: { SuccessfulExit: false },
      ExitTimeOut: 30,
      StandardOutPath: join(home, "Library", "Logs", "agent.log"),
      StandardErrorPath: join(home, "Library", "Logs", "agent.log"),
    };
    writeFileSync(this.#path, build(list));
    chmodSync(this.#path, 0o644);
  }

  async isLoaded(): Promise<boolean> {
    return (await this.ctl("print", this.target)).code !== 113;
  }

  async remove(): Promise<void> {
    await this.ctl("bootout", this.target);
    await until(async () => !(await this.isLoaded()), PATIENCE_MS, "the label is free");
  }

  /** As recipes have it. */
  async install(): Promise<void> {
    this.write();
    await this.remove();
    await this.ctl("enable", this.target);
    await until(
      async () => (await this.ctl("bootstrap", this.domain, this.#path)).code === 0,
      PATIENCE_MS,
      "it is loaded",
    );
    await this.ctl("kickstart", this.target);
  }

  /** The pid of the main process, by `print`. */
  async pid(): Promise<number | undefined> {
    const pid = /^\tpid = (\d+)$/m.exec((await this.ctl("print", this.target)).stdout)?.[1];
    return pid === undefined ? undefined : Number(pid);
  }

  /** Waits for a main process that is another than this one. */
  async newPid(old?: number): Promise<number> {
    let pid: number | undefined;
    const isNew = async () => {
      pid = await this.pid();
      return pid !== undefined && pid !== old;
    };
    await until(isNew, PATIENCE_MS, "a new process runs");
    return pid ?? 0;
  }
}

async function withScript(lines: string): Promise<Installer> {
  const home = temporaryFolder();
  const script = join(home, "agent.mjs");
  writeFileSync(script, lines);
  return new Installer(await launchdOf(home), [process.execPath, script]);
}

const POLITE = `process.on("SIGTERM", () => process.exit(0)); setInterval(() => {}, 1000);`;

test("an agent is installed, installed again over itself, and taken away", async () => {
  const agent = await withScript(POLITE);
  Object.assign(agent.launchd.faults, { bootstrapFails: 2, bootoutLingersS: 3 });
  agent.launchd.switchLoginItem(LABEL, false);

  await agent.install();
  const first = await agent.newPid();
  await agent.install();
  const second = await agent.newPid(first);
  expect(agent.launchd.processesOf(LABEL)).toEqual([second]);

  await agent.remove();
  expect(agent.launchd.processesOf(LABEL)).toEqual([]);
  expect(agent.launchd.leftovers()).toEqual([]);
});

test("kill -9 is followed by a start, 10 s after the last one and not before", async () => {
  const agent = await withScript(POLITE);
  agent.write();
  await agent.launchd.reboot();
  // No launchctl here: a busy machine lets seconds pass in it.
  for (const pid of agent.launchd.processesOf(LABEL)) process.kill(pid, "SIGKILL");
  await until(() => agent.launchd.launchesOf(LABEL).length === 2, PATIENCE_MS, "it is started again");

  const [first = 0, second = 0] = agent.launchd.launchesOf(LABEL);
  expect(second - first).toBeGreaterThanOrEqual(9.99);
  expect((await agent.ctl("print", agent.target)).stdout).toContain("\tlast terminating signal = Killed: 9\n");
});

const LEAVES = `import { spawn } from "node:child_process";
  spawn("/bin/sh", ["-c", "trap '' TERM; while :; do sleep 1; done"], { detached: true, stdio: "ignore" });
  ${POLITE}`;

/** The agent's processes, once its child has come. */
async function withChild({ launchd }: Installer): Promise<readonly number[]> {
  await until(() => launchd.processesOf(LABEL).length > 1, PATIENCE_MS, "the child runs");
  return launchd.processesOf(LABEL);
}

test("a boot starts what is installed, and nothing of before is alive", async () => {
  const agent = await withScript(LEAVES);
  await agent.install();
  const before = await withChild(agent);
  await agent.launchd.reboot();

  await agent.newPid();
  expect(agent.launchd.processesOf(LABEL).filter((pid) => before.includes(pid))).toEqual([]);
});

test("a boot leaves what is disabled", async () => {
  const agent = await withScript(POLITE);
  await agent.install();
  await agent.ctl("disable", agent.target);
  await agent.launchd.reboot();

  expect(agent.launchd.leftovers()).toEqual([]);
  expect(await agent.isLoaded()).toBe(false);
});

test("what an agent leaves in sessions of its own is found, and gone in the end", async () => {
  const agent = await withScript(LEAVES);
  await agent.install();
  await withChild(agent);
  const main = await agent.newPid();
  await agent.remove();
  expect(agent.launchd.processesOf(LABEL)).not.toContain(main);
  expect(agent.launchd.processesOf(LABEL)).not.toEqual([]);

  await agent.launchd.stop();
  expect(agent.launchd.leftovers()).toEqual([]);
});

test("a home that is somebody's own is refused", async () => {
  await expect(LaunchdDouble.start({ home: homedir() })).rejects.toThrow("no throwaway home");
});

test("a key that is not played ends bootstrap with 70 and its name", async () => {
  const launchd = await launchdOf(temporaryFolder());
  const path = join(launchd.home, "x.plist");
  writeFileSync(path, build({ Label: "x", ProgramArguments: ["/bin/ls"], WatchPaths: ["/tmp"] }));

  const end = await run([launchd.launchctl, "bootstrap", `gui/${launchd.userId}`, path], launchd.env);
  expect(end).toMatchObject({ code: 70, stderr: expect.stringContaining("does not play WatchPaths") });
});

async function withDaemon(): Promise<{ readonly world: World; readonly agent: Installer }> {
  const world = await World.make();
  const argv = [process.execPath, MAIN, "-C", world.base, "daemon", "run"];
  return { world, agent: new Installer(await launchdOf(world.home), argv) };
}

function runs(world: World): Promise<void> {
  return until(
    () => world.daemonAnswers(),
    PATIENCE_MS,
    "the daemon answers",
    () => world.said,
  );
}

const order = (id: string) => ({ wo_id: id, files: [{ path: `${id}.txt`, content: "here\n" }] });

test("the built daemon works under it, is killed, and works again", async () => {
  const { world, agent } = await withDaemon();
  await agent.install();
  await runs(world);
  world.drop("CLC", "WO-1.json", order("WO-1"));
  await world.reaches("WO-1", "done");

  const first = await agent.newPid();
  process.kill(first, "SIGKILL");
  world.drop("CLC", "WO-2.json", order("WO-2"));
  await world.reaches("WO-2", "done", PATIENCE_MS);
  expect(agent.launchd.launchesOf(LABEL)).toHaveLength(2);

  await agent.remove();
  expect(agent.launchd.leftovers()).toEqual([]);
});

test("the built daemon that is started before its base is there works once it is", async () => {
  const { world, agent } = await withDaemon();
  agent.write();
  renameSync(world.base, `${world.base}.away`);
  await agent.launchd.reboot();
  await until(() => agent.launchd.launchesOf(LABEL).length > 0, PATIENCE_MS, "it is started");

  renameSync(`${world.base}.away`, world.base);
  await runs(world);
});
