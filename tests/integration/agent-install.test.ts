/** `wo agent install` and its sisters, with the built program, real processes and a launchd that is played. */
import { existsSync, lstatSync, mkdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { AgentWorld, codeOf, DAEMON_LABEL, dataIn, GUARDRAIL_LABEL } from "../support/agent-kit.ts";
import { modeOf, put, treeOf } from "../support/temporary-folder.ts";
import { asRecord, type CommandEnd, until } from "../support/world.ts";

const PATIENCE_MS = 30_000;
// Each starts some dozens of processes.
vi.setConfig({ testTimeout: 120_000 });

function list(value: unknown): Readonly<Record<string, unknown>>[] {
  if (!Array.isArray(value)) throw new Error(`no list: ${JSON.stringify(value)}`);
  return value.map(asRecord);
}

const moves = (done: Readonly<Record<string, unknown>>) => list(done["agents"]).map(({ file, move }) => [file, move]);

/** The codes of all that status finds wrong. */
function wrongIn(end: CommandEnd): string[] {
  const data = dataIn(end);
  const all = [...list(data["agents"]).flatMap(({ problems }) => list(problems)), ...list(data["problems"])];
  return all.map(({ code }) => String(code));
}

test("install: the daemon works, as launchd's own process, in a copy that is whole and nobody else's to write", async () => {
  const here = await AgentWorld.make();
  const done = await here.install();
  expect(moves(done)).toEqual([
    ["new", "load"],
    ["new", "load"],
  ]);
  expect(asRecord(done["daemon"])["pid"]).toBe(await here.pid());
  expect(await here.wo("canary")).toMatchObject({ code: 0 });
  expect(await here.agent("status")).toMatchObject({ code: 0, stdout: expect.stringContaining("all is well") });

  const app = join(here.stateRoot, "app");
  expect(here.copies).toEqual(["0.1.0", "current"]);
  expect(readlinkSync(join(app, "current"))).toBe("0.1.0");
  expect(treeOf(join(app, "0.1.0"))).toEqual(treeOf(here.checkout));
  for (const path of Object.keys(treeOf(app)))
    expect(lstatSync(join(app, path)).mode & 0o022, path).toBe(path === "current" ? 0o022 : 0);
  for (const label of [DAEMON_LABEL, GUARDRAIL_LABEL]) expect(modeOf(here.plist(label))).toBe(0o644);
  expect(modeOf(join(here.world.home, "Library/Logs/wo-bridge"))).toBe(0o700);
  expect(await here.agent("lint", here.plist(), here.plist(GUARDRAIL_LABEL))).toMatchObject({ code: 0 });
});

test("installed twice nothing changes, and nothing is loaded or started anew", async () => {
  const here = await AgentWorld.make();
  await here.install();
  const [pid, files] = [await here.pid(), treeOf(join(here.world.home, "Library/LaunchAgents"))];
  const again = await here.install();
  expect(again).toMatchObject({ copied: false });
  expect(moves(again)).toEqual([
    ["unchanged", "none"],
    ["unchanged", "none"],
  ]);
  expect(await here.pid()).toBe(pid);
  expect(here.launchd.launchesOf(DAEMON_LABEL)).toHaveLength(1);
  expect(treeOf(join(here.world.home, "Library/LaunchAgents"))).toEqual(files);
  // From the copy itself nothing is copied either.
  expect(dataIn(await here.installedWo("-C", here.world.base, "agent", "install", "--json"))).toMatchObject({
    copied: false,
  });
});

test("a dry run tells every file and every command, and does nothing", async () => {
  const here = await AgentWorld.make();
  const before = treeOf(here.world.home);
  const end = await here.agent("install", "--dry-run");
  expect(end.code).toBe(0);
  for (const text of [
    here.plist(),
    "<string>com.02luka.wo-bridge</string>",
    "bootstrap",
    "enable",
    "app/0.1.0",
    "Logs/wo-bridge",
  ])
    expect(end.stdout).toContain(text);
  expect(treeOf(here.world.home)).toEqual(before);
  expect(here.launchd.leftovers()).toEqual([]);
});

test("a launchd that is slow to let go, fails twice and was told to keep it off: it works in the end", async () => {
  const here = await AgentWorld.make();
  await here.install();
  const old = await here.pid();
  here.launchd.switchLoginItem(DAEMON_LABEL, false);
  put(here.plist(), readFileSync(here.plist(), "utf8").replace("en_US.UTF-8", "C"));
  Object.assign(here.launchd.faults, { bootoutLingersS: 20, bootstrapFails: 2 });
  const done = await here.install();
  expect(moves(done)[0]).toEqual(["replaces somebody's", "load"]);
  expect(await here.newPid(old)).not.toBe(old);
  expect(await here.agent("status")).toMatchObject({ code: 0 });
});

test("a daemon that was started by hand is stopped first, and said so", async () => {
  const here = await AgentWorld.make();
  await here.world.startDaemon();
  expect(wrongIn(await here.agent("status", "--json"))).toContain("started_by_hand");
  const end = await here.agent("install");
  expect(end).toMatchObject({ code: 0, stdout: expect.stringContaining("started by hand") });
  expect(await here.agent("status")).toMatchObject({ code: 0 });
});

test("who stops or starts the daemon by hand beside its agent is told who keeps it", async () => {
  const here = await AgentWorld.make();
  const nobody = await here.wo("daemon", "start");
  expect(nobody).toMatchObject({ code: 0, stdout: expect.stringContaining("next: wo agent install") });
  await here.install();
  const stopped = await here.wo("daemon", "stop");
  expect(stopped).toMatchObject({ code: 0, stdout: expect.stringContaining("its agent starts it again") });
  const started = await here.wo("daemon", "start");
  expect(started).toMatchObject({ code: 0, stdout: expect.stringContaining("next: wo agent start") });
  expect(await here.agent("start")).toMatchObject({ code: 0, stdout: expect.stringContaining("started by hand") });
  expect(await here.agent("status")).toMatchObject({ code: 0 });
});

test("what is uninstalled is guarded no more: gone by hand before, or with a daemon that cannot be asked", async () => {
  const here = await AgentWorld.make();
  const guarded = async () => (await here.wo("guardrail", "list")).stdout;
  await here.install();
  expect(await guarded()).toContain("com.02luka.wo-bridge.plist");
  await here.agent("stop");
  rmSync(here.plist());
  expect(await here.agent("uninstall")).toMatchObject({ code: 0 });
  expect(await guarded()).toContain("nothing is guarded");
  await here.install();
  await here.agent("stop");
  const silent = await here.world.startDaemon();
  silent.kill("SIGSTOP");
  const end = await here.agent("uninstall", "--json");
  expect([end.code, codeOf(end), existsSync(here.plist())]).toEqual([1, "still_guarded", false]);
  expect(end.stderr).toContain("wo guardrail release '~/Library/LaunchAgents/com.02luka.wo-bridge.plist'");
  silent.kill("SIGCONT");
  expect(await here.agent("uninstall")).toMatchObject({ code: 0 });
  expect(await guarded()).toContain("nothing is guarded");
});

test("somebody else's job of our label is not booted out, loaded from wherever", async () => {
  const here = await AgentWorld.make();
  const path = put(
    join(here.world.home, "repo", `${GUARDRAIL_LABEL}.plist`),
    `<?xml version="1.0"?><plist version="1.0"><dict><key>Label</key><string>${GUARDRAIL_LABEL}</string><key>ProgramArguments</key><array><string>/bin/sleep</string><string>600</string></array><key>RunAtLoad</key><true/></dict></plist>`,
  );
  await here.ctl("bootstrap", `gui/${here.launchd.userId}`, path);
  for (const verb of ["install", "stop", "uninstall"]) {
    const end = await here.agent(verb, "--json");
    expect([verb, end.code, codeOf(end)]).toEqual([verb, 5, "foreign_agent"]);
    expect(end.stderr).toContain("/bin/sleep 600");
  }
  expect(here.launchd.processesOf(GUARDRAIL_LABEL)).toHaveLength(1);
  expect(await here.agent("install", "--force")).toMatchObject({ code: 0 });
});

test("restart waits for another process, also where launchctl does not wait for the end of the old one", async () => {
  const here = await AgentWorld.make();
  await here.install();
  const old = await here.pid();
  const hasty = join(here.world.root, "launchctl");
  const real = here.launchd.launchctl;
  const script = `#!/bin/sh\n[ "$1" = kickstart ] || exec '${real}' "$@"\n'${real}' "$@" >/dev/null 2>&1 &\n`;
  writeFileSync(hasty, script, { mode: 0o755 });
  const argv = [process.execPath, join(here.checkout, "dist/bin/wo.js"), "agent", "restart"];
  const end = await here.world.run(argv, { ...here.env, WO_LAUNCHCTL: hasty });
  expect(end).toMatchObject({ code: 0, stdout: expect.stringMatching(/the daemon answers: pid \d+/) });
  expect(end.stdout).not.toContain(`pid ${old}\n`);
});

test("launchd's own process waits for a daemon that was started by hand, which is told, and takes its place", async () => {
  const here = await AgentWorld.make();
  await here.install();
  await here.agent("stop");
  expect(await here.wo("daemon", "start")).toMatchObject({ code: 0 });
  await here.ctl("bootstrap", `gui/${here.launchd.userId}`, here.plist());
  const log = join(here.world.home, "Library/Logs/wo-bridge", `${DAEMON_LABEL}.err.log`);
  await until(() => readFileSync(log, "utf8").includes("is held by pid "), PATIENCE_MS, "it says whom it waits for");
  const waiting = /waits for pid \d+, which was started by hand: wo agent start/;
  expect(await here.wo("daemon", "status")).toMatchObject({ code: 0, stdout: expect.stringMatching(waiting) });
  const status = await here.agent("status");
  expect(status).toMatchObject({ code: 1, stdout: expect.stringMatching(/process, pid \d+, waits for that one/) });
  const stopped = await here.wo("daemon", "stop");
  expect(stopped).toMatchObject({ code: 0, stdout: expect.stringMatching(/pid \d+, has waited .*takes its place/) });
  await until(() => here.world.daemonAnswers(), PATIENCE_MS, "launchd's daemon answers");
  expect(await here.wo("agent", "start")).toMatchObject({ code: 0 });
  expect(here.launchd.launchesOf(DAEMON_LABEL)).toHaveLength(1);
});

test("a daemon in safe mode goes on as soon as somebody asks for its agent", async () => {
  const here = await AgentWorld.make();
  await here.install();
  await here.agent("stop");
  const reserve = join(here.world.vault, "reserve");
  rmSync(reserve, { force: true });
  mkdirSync(reserve);
  const failed = await here.agent("start");
  expect(failed.code).not.toBe(0);
  const isSafe = async () => (await here.wo("daemon", "status")).stdout.includes("every start since");
  await until(isSafe, PATIENCE_MS, "it is in safe mode");
  rmSync(reserve, { recursive: true });
  const stuck = await here.pid();
  const up = await here.agent("start");
  expect(up).toMatchObject({ code: 0, stdout: expect.stringContaining("the daemon answers") });
  expect(await here.pid()).not.toBe(stuck);
  expect((await here.wo("canary")).code).toBe(0);
});

test("a property list that was changed by hand: status says so, restart loads it, install writes it anew", async () => {
  const here = await AgentWorld.make();
  await here.install();
  const old = await here.pid();
  put(here.plist(), readFileSync(here.plist(), "utf8").replace("en_US.UTF-8", "C"));
  const status = await here.agent("status");
  expect(status).toMatchObject({ code: 1, stdout: expect.stringContaining("reload needed") });
  expect(await here.agent("restart")).toMatchObject({ code: 0, stdout: expect.stringContaining("loaded anew") });
  expect(await here.pid()).not.toBe(old);
  expect(wrongIn(await here.agent("status", "--json"))).toEqual(["edited_file"]);
  await here.install();
  expect(readFileSync(`${here.plist()}.bak`, "utf8")).toContain("<string>C</string>");
  expect(await here.agent("status")).toMatchObject({ code: 0 });
});

test("what people do by hand with unload -w is told, with the way back", async () => {
  const here = await AgentWorld.make();
  await here.install();
  await here.ctl("unload", "-w", here.plist());
  await until(async () => (await here.ctl("print", here.target)).code === 113, PATIENCE_MS, "it is unloaded");
  const status = await here.agent("status");
  expect(status).toMatchObject({ code: 1, stdout: expect.stringMatching(/unload -w[\s\S]*wo agent start/) });
  await here.launchd.reboot();
  expect(await here.pid()).toBeUndefined();
  expect(await here.agent("start")).toMatchObject({ code: 0, stdout: expect.stringContaining("is on again") });
  expect(await here.agent("status")).toMatchObject({ code: 0 });
});

test("stop, start, and restart of what is as its file is", async () => {
  const here = await AgentWorld.make();
  await here.install();
  const first = await here.pid();
  expect(await here.agent("restart")).toMatchObject({ code: 0, stdout: expect.stringContaining("started anew") });
  const second = await here.pid();
  expect(second).not.toBe(first);
  const stopped = await here.agent("stop");
  expect(stopped).toMatchObject({ code: 0, stdout: expect.stringMatching(/next login[\s\S]*disable/) });
  expect(here.launchd.leftovers()).toEqual([]);
  expect(wrongIn(await here.agent("status", "--json"))).toEqual(["not_loaded", "not_loaded"]);
  expect(await here.agent("start")).toMatchObject({ code: 0 });
  expect(await here.agent("start")).toMatchObject({ code: 0, stdout: expect.stringContaining("runs already") });
  expect(await here.agent("status")).toMatchObject({ code: 0 });
});

test("nobody at the screen: refused, nothing is written; what is installed can be taken away", async () => {
  const here = await AgentWorld.make();
  const before = treeOf(here.world.home);
  here.launchd.faults.noGui = true;
  const end = await here.agent("install", "--json");
  expect([end.code, codeOf(end)]).toEqual([5, "no_session"]);
  expect(end.stderr).toContain("log in at the screen");
  expect(treeOf(here.world.home)).toEqual(before);
  here.launchd.faults.noGui = false;
  await here.install();
  expect(await here.agent("uninstall")).toMatchObject({ code: 0 });
});

test("somebody else's property list of our name is left alone, or kept beside when we are told to", async () => {
  const here = await AgentWorld.make();
  const foreign = "<plist><dict><key>Label</key><string>com.02luka.wo-bridge</string></dict></plist>\n";
  put(here.plist(), foreign);
  const end = await here.agent("install", "--json");
  expect([end.code, codeOf(end)]).toEqual([5, "foreign_agent"]);
  for (const verb of ["uninstall", "restart"]) expect(await here.agent(verb)).toMatchObject({ code: 5 });
  expect(readFileSync(here.plist(), "utf8")).toBe(foreign);
  expect(here.copies).toEqual([]);
  await here.install("--force");
  expect(readFileSync(`${here.plist()}.bak`, "utf8")).toBe(foreign);
  expect(await here.agent("status")).toMatchObject({ code: 0 });
});

test("one base has agents at a time: another is told whose they are", async () => {
  const here = await AgentWorld.make();
  await here.install();
  const other = join(here.world.home, "other");
  await here.wo("-C", other, "init", "--yes");
  const end = await here.wo("-C", other, "agent", "install", "--json");
  expect([end.code, codeOf(end)]).toEqual([5, "other_base"]);
  expect(end.stderr).toContain(`wo -C ${here.world.base} agent uninstall`);
  expect(await here.agent("status")).toMatchObject({ code: 0 });
});

test.each([
  ["Documents/base", "protected_place"],
  ["Library/Mobile Documents/base", "protected_place"],
])("a base in %s is refused: no agent may work there", async (folder, code) => {
  const here = await AgentWorld.make({ bare: true });
  const base = join(here.world.home, folder);
  await here.wo("-C", base, "init", "--yes");
  const end = await here.wo("-C", base, "agent", "install", "--json");
  expect([end.code, codeOf(end)]).toEqual([5, code]);
  expect(end.stderr).toContain("move it");
  expect(existsSync(here.plist())).toBe(false);
});

test("a base that is not attached, a program that was not built whole, a machine without launchd, an agent itself", async () => {
  const here = await AgentWorld.make({ bare: true });
  expect(await here.agent("install")).toMatchObject({ code: 5, stderr: expect.stringContaining("wo init") });
  await here.wo("init", "--yes");
  const without = { ...here.env, WO_LAUNCHCTL: "/no/such/launchctl" };
  const main = join(here.checkout, "dist/bin/wo.js");
  const noLaunchd = await here.world.run([process.execPath, main, "agent", "install"], without);
  expect(noLaunchd).toMatchObject({ code: 2, stderr: expect.stringContaining("wo agent print --systemd") });
  const inside = await here.world.run([process.execPath, main, "agent", "restart"], {
    ...here.env,
    XPC_SERVICE_NAME: DAEMON_LABEL,
  });
  expect(inside).toMatchObject({ code: 5, stderr: expect.stringContaining("in a terminal") });
  rmSync(join(here.checkout, "dist/platform/runner-host.js"));
  expect(await here.agent("install")).toMatchObject({ code: 2, stderr: expect.stringContaining("npm run build") });
  expect(here.copies).toEqual([]);
});

test("a program that runs only where it was built is not taken into use", async () => {
  const here = await AgentWorld.make();
  const main = join(here.checkout, "dist/bin/wo.js");
  put(join(here.checkout, "extra.mjs"), "");
  put(main, `import "../../extra.mjs";\n${readFileSync(main, "utf8").replace(/^#!.*\n/, "")}`);
  const end = await here.agent("install", "--json");
  expect([end.code, codeOf(end)]).toEqual([1, "copy_broken"]);
  expect(end.stderr).toContain("extra.mjs");
  expect(here.copies).toEqual([]);
  expect(existsSync(here.plist())).toBe(false);
});

test("a daemon that cannot work is not called installed: what launchd says, the log, and what to type", async () => {
  const here = await AgentWorld.make();
  // As macOS does where it lets no agent write.
  here.launchd.faults.denied = [join(here.world.home, "Library/Logs")];
  const end = await here.agent("install");
  expect(end.code).toBe(3);
  expect(end.stderr).toMatch(/launchd says: .*78/);
  expect(end.stderr).toContain("wo agent status");
});

test("print shows what would be written, for launchd and for systemd, without either", async () => {
  const here = await AgentWorld.make({ bare: true });
  const one = await here.agent("print", DAEMON_LABEL);
  expect(one).toMatchObject({ code: 0, stdout: expect.stringMatching(/^<\?xml[\s\S]*<\/plist>\n$/) });
  expect((await here.agent("print", "--systemd")).stdout).toContain(`# ${GUARDRAIL_LABEL}.timer`);
  expect(await here.agent("print", "nobody")).toMatchObject({ code: 2 });
});
