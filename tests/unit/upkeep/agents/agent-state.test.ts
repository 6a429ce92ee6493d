/** How an agent is said to be, against a launchd with real processes: its file, what is loaded, and what differs. */
import { appendFileSync, chmodSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../../../src/platform/clock.ts";
import { systemDisk } from "../../../../src/platform/disk.ts";
import { Files } from "../../../../src/platform/files.ts";
import { Launchctl } from "../../../../src/platform/launchctl.ts";
import { agentProblems } from "../../../../src/upkeep/agents/agent-problems.ts";
import type { AgentSpec } from "../../../../src/upkeep/agents/agent-spec.ts";
import { agentState, plistPath } from "../../../../src/upkeep/agents/agent-state.ts";
import { launchdPlist } from "../../../../src/upkeep/agents/launchd-plist.ts";
import { loadAgent, unloadAgent } from "../../../../src/upkeep/agents/load-agent.ts";
import { ownAgents } from "../../../../src/upkeep/agents/own-agents.ts";
import { LaunchdDouble } from "../../../support/launchd/double.ts";
import { fakeMachine } from "../../../support/machines.ts";
import { valueOf } from "../../../support/results.ts";
import { put, temporaryFolder } from "../../../support/temporary-folder.ts";

const files = new Files(systemDisk, systemClock);
const BASE = "/base";

interface Stage {
  readonly launchd: LaunchdDouble;
  readonly tools: Parameters<typeof agentState>[0] & { readonly clock: typeof systemClock };
  readonly spec: AgentSpec;
  readonly path: string;
  readonly see: (wanted?: AgentSpec) => ReturnType<typeof agentState>;
  readonly codes: (base?: string) => Promise<string[]>;
}

/** An agent of ours whose program is a shell that waits. */
async function stage(): Promise<Stage> {
  const home = temporaryFolder();
  const launchd = await LaunchdDouble.start({ home });
  onTestFinished(() => launchd.stop());
  const machine = { ...fakeMachine(home), env: { WO_LAUNCHCTL: launchd.launchctl } };
  const launchctl = Launchctl.find(files, machine) ?? never();
  const node = put(join(home, "node"), "#!/bin/sh\nexec sleep 1000\n");
  chmodSync(node, 0o755);
  const [spec = never()] = ownAgents({
    home,
    base: BASE,
    stateRoot: join(home, "state"),
    node: { path: node, version: "1" },
  });
  const tools = { files, clock: systemClock, launchctl, home, userId: machine.userId };
  const see = (wanted = spec) => agentState(tools, wanted);
  const codes = async (base = BASE) => agentProblems(await see(), base).map(({ code }) => code);
  return { launchd, tools, spec, path: plistPath(home, spec.label), see, codes };
}

function never(): never {
  throw new Error("nothing there");
}

function write({ path, spec }: Stage): void {
  put(path, valueOf(launchdPlist(spec)));
  chmodSync(path, 0o644);
}

async function installed(): Promise<Stage> {
  const one = await stage();
  write(one);
  valueOf(await loadAgent(one.tools, one.spec.label, one.path));
  return one;
}

test("nothing is there", async () => {
  const one = await stage();
  expect(await one.see()).toMatchObject({
    file: { kind: "absent" },
    job: { kind: "not loaded" },
    reload: "not loaded",
  });
  expect(await one.codes()).toEqual(["not_installed"]);
});

test("written and loaded: nothing differs, nothing is wrong", async () => {
  const one = await installed();
  const state = await one.see();
  expect(state).toMatchObject({
    file: { kind: "ours", isCurrent: true, isEdited: false },
    fileDrift: [],
    loadedDrift: [],
    reload: "not needed",
    isDisabled: false,
  });
  expect(await one.codes()).toEqual([]);
});

test("a file that was written and never loaded", async () => {
  const one = await stage();
  write(one);
  expect(await one.codes()).toEqual(["not_loaded"]);
});

test("what was changed by hand is told by its key, and that what is loaded is older", async () => {
  const one = await installed();
  put(one.path, readFileSync(one.path, "utf8").replace("en_US.UTF-8", "C"));
  const state = await one.see();
  expect(state.fileDrift).toEqual([{ key: "EnvironmentVariables.LANG", is: "C", wanted: "en_US.UTF-8" }]);
  expect(state.loadedDrift).toEqual([{ key: "EnvironmentVariables.LANG", is: "en_US.UTF-8", wanted: "C" }]);
  expect(state.reload).toBe("needed");
  expect(await one.codes()).toEqual(["edited_file", "reload_needed"]);
});

test("of a change that launchd does not show nobody can tell whether it is loaded", async () => {
  const one = await installed();
  put(one.path, readFileSync(one.path, "utf8").replace("<integer>10<", "<integer>11<"));
  expect(await one.see()).toMatchObject({ reload: "cannot tell", loadedDrift: [] });
  expect(await one.codes()).toEqual(["edited_file"]);
});

test("a newer program that would write another agent: the file is outdated, not edited", async () => {
  const one = await installed();
  const state = await one.see({ ...one.spec, stopGraceSec: 60 });
  expect(state.fileDrift).toEqual([{ key: "ExitTimeOut", is: "30", wanted: "60" }]);
  expect(state).toMatchObject({ file: { isCurrent: false, isEdited: false } });
});

test.each([
  [
    "a key that no agent of ours has",
    (path: string) =>
      put(path, readFileSync(path, "utf8").replace("<dict>", "<dict><key>Nice</key><integer>1</integer>")),
  ],
  ["no property list", (path: string) => put(path, "launch me")],
  [
    "a link",
    (path: string) => {
      systemDisk.rename(path, `${path}.real`);
      symlinkSync(`${path}.real`, path);
    },
  ],
])("%s is somebody else's", async (_what, bend) => {
  const one = await stage();
  write(one);
  bend(one.path);
  expect(await one.codes()).toEqual(["foreign_file"]);
});

test("an agent of another base is said to be that base's, and nothing else, however it is", async () => {
  const one = await installed();
  expect(await one.codes("/other")).toEqual(["other_base"]);
  put(one.path, readFileSync(one.path, "utf8").replace("en_US.UTF-8", "C"));
  expect([await one.codes(), await one.codes("/other")]).toEqual([["edited_file", "reload_needed"], ["other_base"]]);
  await one.tools.launchctl.run(["disable", one.tools.launchctl.target(one.spec.label)]);
  valueOf(await unloadAgent(one.tools, one.spec.label, 5));
  expect([await one.codes(), await one.codes("/other")]).toEqual([["edited_file", "disabled"], ["other_base"]]);
});

test("unload -w by hand: switched off, and the way back", async () => {
  const one = await installed();
  await one.tools.launchctl.run(["unload", "-w", one.path]);
  valueOf(await unloadAgent(one.tools, one.spec.label, 5));
  const [problem] = agentProblems(await one.see(), BASE);
  expect(problem).toMatchObject({ code: "disabled", next: expect.stringContaining("wo agent start") });
});

test("rights that launchd refuses make a file that has to be written anew", async () => {
  const one = await installed();
  chmodSync(one.path, 0o664);
  expect(await one.codes()).toEqual(["outdated_file"]);
});

test("text behind the property list makes it nobody's of ours, or not current", async () => {
  const one = await installed();
  appendFileSync(one.path, "\n");
  expect(await one.see()).toMatchObject({ file: { isCurrent: false, isEdited: false } });
});

test("no session: said so, and nothing else is", async () => {
  const one = await installed();
  one.launchd.faults.noGui = true;
  expect(await one.codes()).toEqual(["no_session"]);
});
