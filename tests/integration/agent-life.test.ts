/** The life of the agents: installed, killed, robbed of checkout and base, upgraded at work, booted, and taken away. */
import { existsSync, mkdirSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test, vi } from "vitest";
import { AgentWorld, DAEMON_LABEL, GUARDRAIL_LABEL } from "../support/agent-kit.ts";
import { pidsIn, running } from "../support/line-kit.ts";
import { run, until } from "../support/world.ts";

const PATIENCE_MS = 30_000;
// Each starts some dozens of processes.
vi.setConfig({ testTimeout: 120_000 });
const CONFIG = "lanes: {CLC: {sandbox: off}}\nintake: {rescanMs: 1000}\n";
/** Says its process id in `pids`, waits for the file `go`, and leaves one line in `effects.txt`. */
const PATIENT = "echo $$ >> pids; while ! test -f go; do sleep 0.05; done; echo ran >> effects.txt";

async function git(folder: string, ...words: readonly string[]): Promise<void> {
  const env = { PATH: process.env["PATH"], HOME: folder };
  const end = await run(["git", "-C", folder, "-c", "user.name=t", "-c", "user.email=t@t", ...words], env);
  if (end.code !== 0) throw new Error(`git ${words.join(" ")}: ${end.stderr}`);
}

async function cleaned(folder: string): Promise<void> {
  await git(folder, "init", "-q");
  await git(folder, "commit", "-q", "--allow-empty", "-m", "first");
  await git(folder, "clean", "-fdxq");
}

async function canaryPasses(here: AgentWorld): Promise<void> {
  const end = await here.installedWo("-C", here.world.base, "canary");
  expect(end, end.stdout + end.stderr).toMatchObject({ code: 0 });
}

/** Kills the daemon; what runs then, once it answers. */
async function killed(here: AgentWorld): Promise<number> {
  const pid = await here.pid();
  if (pid !== undefined) process.kill(pid, "SIGKILL");
  return here.newPid(pid);
}

test("installed, it comes back from kill -9, from a wiped checkout and base, and from a boot, until it is uninstalled", async () => {
  const here = await AgentWorld.make({ config: CONFIG });
  await here.install();
  await canaryPasses(here);

  await killed(here);
  const [first = 0, second = 0] = here.launchd.launchesOf(DAEMON_LABEL);
  expect(second - first).toBeGreaterThanOrEqual(9.99);
  await canaryPasses(here);

  await cleaned(here.checkout);
  await cleaned(here.world.base);
  expect(existsSync(`${here.checkout}/dist`)).toBe(false);
  await killed(here);
  await canaryPasses(here);

  await here.launchd.reboot();
  await here.newPid(undefined);
  await canaryPasses(here);

  const end = await here.installedWo("-C", here.world.base, "agent", "uninstall", "--purge-program");
  expect(end, end.stdout + end.stderr).toMatchObject({ code: 0 });
  for (const label of [DAEMON_LABEL, GUARDRAIL_LABEL]) {
    expect(existsSync(here.plist(label))).toBe(false);
    expect((await here.ctl("print", `gui/${here.launchd.userId}/${label}`)).code).toBe(113);
  }
  expect(here.launchd.leftovers()).toEqual([]);
  expect(here.copies).toEqual([]);
  expect(existsSync(here.world.vault)).toBe(true);
});

test("an upgrade in place: the new daemon adopts the command that runs, which runs once", async () => {
  const here = await AgentWorld.make({ config: CONFIG });
  await here.install();
  const old = await here.pid();
  here.world.drop("CLC", "one.json", running("WO-1", PATIENT));
  await until(() => pidsIn(here.world, "pids").length > 0, PATIENCE_MS, "the command runs");

  here.becomeVersion("0.2.0");
  const done = await here.install();
  expect(done).toMatchObject({ copied: true, daemon: { version: "0.2.0" } });
  expect(await here.pid()).not.toBe(old);
  expect(here.copies).toEqual(["0.1.0", "0.2.0", "current"]);
  expect(await here.agent("status")).toMatchObject({ code: 0 });

  here.world.write("go", "");
  await here.world.reaches("WO-1", "done", PATIENCE_MS);
  expect(here.world.read("effects.txt")).toBe("ran\n");
  expect(pidsIn(here.world, "pids")).toHaveLength(1);
});

test("copies: another build of the same version has a name of its own; two are kept, and those that commands run under", async () => {
  const here = await AgentWorld.make({ config: CONFIG });
  await here.install();
  here.world.drop("CLC", "one.json", running("WO-1", PATIENT));
  await until(() => pidsIn(here.world, "pids").length > 0, PATIENCE_MS, "the command runs");
  here.bendBuild();
  await here.install();
  expect(here.copies).toEqual(["0.1.0", expect.stringMatching(/^0\.1\.0\+[0-9a-f]{8}$/), "current"]);
  here.becomeVersion("0.2.0");
  await here.install();
  // The command's host is of the first.
  expect(here.copies).toHaveLength(4);
  here.world.write("go", "");
  await here.world.reaches("WO-1", "done", PATIENCE_MS);
  here.becomeVersion("0.3.0");
  await here.install();
  expect(here.copies).toEqual(["0.2.0", "0.3.0", "current"]);
});

test("a state folder behind a link works; what another base's daemon may have begun in is kept", async () => {
  const here = await AgentWorld.make({ bare: true });
  const real = join(here.world.root, "elsewhere");
  mkdirSync(real, { mode: 0o700 });
  mkdirSync(dirname(here.stateRoot), { recursive: true });
  symlinkSync(real, here.stateRoot);
  await here.wo("init", "--yes");
  await here.install();
  expect(await here.agent("status")).toMatchObject({ code: 0 });

  const other = join(here.world.home, "other");
  await here.wo("-C", other, "init", "--yes");
  expect(await here.installedWo("-C", other, "daemon", "start")).toMatchObject({ code: 0 });
  for (const version of ["0.2.0", "0.3.0"]) {
    here.becomeVersion(version);
    await here.install();
  }
  expect(here.copies).toEqual(["0.1.0", "0.2.0", "0.3.0", "current"]);
  const kept = await here.agent("uninstall", "--purge-program");
  expect(kept).toMatchObject({ code: 0, stdout: expect.stringContaining("a process was started from it") });
  await here.installedWo("-C", other, "daemon", "stop");
  expect(await here.agent("uninstall", "--purge-program")).toMatchObject({ code: 0 });
  expect(here.copies).toEqual([]);
});
