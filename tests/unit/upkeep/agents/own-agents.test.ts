/** The two agents of this program: what launchd is told of them, and that they really run as they are told. */
import { spawn } from "node:child_process";
import { mkdirSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { readConfig } from "../../../../src/daemon/config.ts";
import { LIFE_LIMITS } from "../../../../src/daemon/lives.ts";
import { readPropertyList } from "../../../../src/platform/property-list.ts";
import type { AgentSpec } from "../../../../src/upkeep/agents/agent-spec.ts";
import { launchdPlist, readLaunchdPlist } from "../../../../src/upkeep/agents/launchd-plist.ts";
import { type AgentGround, agentPath, DAEMON_LABEL, ownAgents } from "../../../../src/upkeep/agents/own-agents.ts";
import { systemdUnits } from "../../../../src/upkeep/agents/systemd-unit.ts";
import { valueOf } from "../../../support/results.ts";
import { exited, ROOT, until, World } from "../../../support/world.ts";

const GROUND: AgentGround = {
  home: "/Users/a b",
  base: "/Users/a b/02luka",
  stateRoot: "/Users/a b/Library/Application Support/wo-bridge",
  node: { path: "/opt/homebrew/opt/node/bin/node", version: "22.1.0" },
};

/** What launchd reads of them. */
const dicts = (ground = GROUND) =>
  ownAgents(ground).map((spec) => valueOf(readPropertyList(Buffer.from(valueOf(launchdPlist(spec))))).value);

test("the daemon stays, and is not started again when it ended with 0", () => {
  const [daemon] = dicts();
  expect(daemon).toMatchObject({
    Label: "com.02luka.wo-bridge",
    KeepAlive: { SuccessfulExit: false },
    ThrottleInterval: 10,
    ExitTimeOut: 30,
    ProcessType: "Interactive",
    Umask: 63,
    EnvironmentVariables: { LUKA_SOT: "/Users/a b/02luka", LANG: "en_US.UTF-8", WO_NODE_VERSION: "22.1.0" },
  });
  expect(daemon).not.toHaveProperty("StartInterval");
});

test("launchd waits 5 s longer than the daemon takes to stop, whatever hangs and whatever was configured", () => {
  const graceMs = (ownAgents(GROUND)[0]?.stopGraceSec ?? 0) * 1000;
  const { stopBudgetMs } = valueOf(readConfig(Buffer.from("stopBudgetMs: 600000\n")));
  expect([LIFE_LIMITS.stopMs, stopBudgetMs]).toEqual([graceMs - 5000, graceMs - 10_000]);
});

test("the look from outside comes every 300 s, and is never kept alive", () => {
  const [, guardrail] = dicts();
  expect(guardrail).toMatchObject({ Label: "com.02luka.wo_pipeline_guardrail", StartInterval: 300 });
  expect(guardrail).not.toHaveProperty("KeepAlive");
});

test("both run the installed copy, with no shell, and write nothing below the base", () => {
  for (const { argv, logs, env, cwd } of ownAgents(GROUND)) {
    expect(argv.slice(0, 2)).toEqual([GROUND.node.path, `${GROUND.stateRoot}/app/current/dist/bin/wo.js`]);
    for (const path of [...Object.values(logs), cwd]) expect(path.startsWith(GROUND.base)).toBe(false);
    expect(dirname(logs.stdout)).toBe("/Users/a b/Library/Logs/wo-bridge");
    expect(env["PATH"]).toBe(agentPath(GROUND.node.path));
  }
});

test("a path names each folder once", () => {
  expect(
    agentPath("/usr/bin/node")
      .split(":")
      .filter((folder) => folder === "/usr/bin"),
  ).toHaveLength(1);
});

test("the daemon runs with the words and the surroundings that its property list gives it, and no others", async () => {
  const world = await World.make();
  const stateRoot = join(world.home, ".local/state/wo-bridge");
  mkdirSync(join(stateRoot, "app"));
  symlinkSync(ROOT, join(stateRoot, "app/current"));
  const node = { path: process.execPath, version: process.versions.node };
  const [spec] = ownAgents({ home: world.home, base: world.base, stateRoot, node });
  const child = launched(world, valueOf(readLaunchdPlist(valueOf(launchdPlist(spec ?? never())))));
  await until(() => world.daemonAnswers(), 20_000, "the daemon answers");
  child.kill("SIGTERM");
  await exited(child);
  expect(child.exitCode).toBe(0);
});

test("as a unit of systemd it is started again on failure, and its commands are left alone when it is stopped", () => {
  const [daemon, guardrail] = ownAgents(GROUND);
  const service = valueOf(systemdUnits(daemon ?? never()))[`${DAEMON_LABEL}.service`];
  for (const line of ["Restart=on-failure", "KillMode=process", "TimeoutStopSec=30s", "UMask=0077", "Type=exec"])
    expect(service?.split("\n")).toContain(line);
  const units = valueOf(systemdUnits(guardrail ?? never()));
  expect(Object.keys(units)).toEqual([
    "com.02luka.wo_pipeline_guardrail.service",
    "com.02luka.wo_pipeline_guardrail.timer",
  ]);
  expect(units["com.02luka.wo_pipeline_guardrail.timer"]).toContain("OnUnitActiveSec=300s");
  expect(units["com.02luka.wo_pipeline_guardrail.service"]).not.toContain("Restart");
});

/** As launchd starts it: nothing of the tests' own surroundings. */
function launched(world: World, { argv, env }: AgentSpec) {
  const [program = "", ...words] = argv;
  const child = spawn(program, words, { cwd: "/", env: { HOME: world.home, USER: "you", ...env }, stdio: "ignore" });
  onTestFinished(() => void child.kill("SIGKILL"));
  return child;
}

function never(): never {
  throw new Error("there is no such agent");
}
