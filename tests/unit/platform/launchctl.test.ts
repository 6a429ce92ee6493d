/** What is read out of `launchctl print`, in the shapes that captures of it have, and what its exit codes are taken for. */
import { chmodSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { systemClock } from "../../../src/platform/clock.ts";
import { systemDisk } from "../../../src/platform/disk.ts";
import { Files } from "../../../src/platform/files.ts";
import { Launchctl, readPrint } from "../../../src/platform/launchctl.ts";
import { fakeMachine } from "../../support/machines.ts";
import { put, temporaryFolder } from "../../support/temporary-folder.ts";

const files = new Files(systemDisk, systemClock);

/** A launchctl that ends with this code, having said this. */
function launchctlThat(code: number, out = "", said = ""): Launchctl {
  const folder = temporaryFolder();
  const path = put(
    join(folder, "launchctl"),
    `#!/bin/sh\ncat <<'EOF'\n${out}\nEOF\nprintf '%s' '${said}' >&2\nexit ${code}\n`,
  );
  chmodSync(path, 0o755);
  return found({ WO_LAUNCHCTL: path });
}

function found(env: Readonly<Record<string, string>>): Launchctl {
  const launchctl = Launchctl.find(files, { ...fakeMachine(), userId: 501, env });
  if (launchctl === undefined) throw new Error("no launchctl was found");
  return launchctl;
}

const CAPTURE = `gui/501/com.02luka.wo-bridge = {
	active count = 1
	path = /Users/a/Library/LaunchAgents/com.02luka.wo-bridge.plist
	type = LaunchAgent
	state = running

	program = /opt/homebrew/bin/node
	arguments = {
		/opt/homebrew/bin/node
		/Users/a/two words/wo.js
	}

	working directory = /Users/a
	stdout path = /Users/a/out.log
	stderr path = /Users/a/err.log
	default environment = {
		PATH => /usr/bin:/bin:/usr/sbin:/sbin
	}

	environment = {
		LANG => en_US.UTF-8
		ODD => a => b
	}

	domain = gui/501 [100005]
	minimum runtime = 10
	exit timeout = 30
	runs = 3
	pid = 4711
	last terminating signal = Killed: 9

	resource coalition = {
		ID = 7000
		state = active
		active count = 9
		pid = 1
	}

	properties = keepalive | runatload
}`;

test("fields of the job are read, and none of the blocks inside of it", () => {
  expect(readPrint(CAPTURE)).toEqual({
    state: "running",
    pid: 4711,
    path: "/Users/a/Library/LaunchAgents/com.02luka.wo-bridge.plist",
    argv: ["/opt/homebrew/bin/node", "/Users/a/two words/wo.js"],
    env: { LANG: "en_US.UTF-8", ODD: "a => b" },
    cwd: "/Users/a",
    stdout: "/Users/a/out.log",
    stderr: "/Users/a/err.log",
    runs: 3,
    lastEnd: { signal: 9 },
    exitTimeoutSec: 30,
    minimumRuntimeSec: 10,
    spawnFailed: false,
  });
});

test.each([
  ["last exit code = 0", { code: 0 }, false],
  ["last exit code = 78: EX_CONFIG\n\tjob state = spawn failed", { code: 78 }, true],
  ["last exit code = (never exited)", "never", false],
  ["last terminating signal = Terminated: 15", { signal: 15 }, false],
  ["something else = 1", undefined, false],
])("%s", (line, lastEnd, spawnFailed) => {
  expect(readPrint(`gui/501/x = {\n\t${line}\n}\n`)).toMatchObject({ lastEnd, spawnFailed });
});

test("what is no print at all is a job of which nothing is known", () => {
  expect(readPrint("launchctl has changed its mind")).toMatchObject({ state: undefined, pid: undefined, argv: [] });
});

test.each([
  [113, "not loaded"],
  [112, "no session"],
  [125, "no session"],
  [5, "unknown"],
  [64, "unknown"],
])("print that ends with %i: the job is %s", async (code, kind) => {
  expect(await launchctlThat(code).job("x")).toMatchObject({ kind });
});

test("a job is known by the exit code, whatever is printed", async () => {
  expect(await launchctlThat(0, CAPTURE).job("x")).toMatchObject({ kind: "loaded", job: { pid: 4711 } });
});

test.each([
  ['"x" => true', true],
  ['"x" => disabled', true],
  ['"x" => false', false],
  ['"x" => enabled', false],
  ['"other.x" => disabled', false],
])("print-disabled says %s", async (line, isDisabled) => {
  expect(await launchctlThat(0, `\tdisabled services = {\n\t\t${line}\n\t}`).isDisabled("x")).toBe(isDisabled);
});

test("where nobody can say whether it is disabled, it is not said", async () => {
  expect(await launchctlThat(1).isDisabled("x")).toBeUndefined();
});

test("a session that is not there, and one of which nothing is said", async () => {
  expect(await launchctlThat(0).session()).toBeUndefined();
  expect(await launchctlThat(112, "", "Bad request.").session()).toEqual({ kind: "no session", said: "Bad request." });
  expect(await launchctlThat(1).session()).toMatchObject({ kind: "unknown" });
});

test("what it does not explain is explained by its code; what does not end is ended", async () => {
  expect(await launchctlThat(119).run(["x"])).toMatchObject({ code: 119, said: "the service is disabled" });
  expect(await launchctlThat(119, "", "its own words").run(["x"])).toMatchObject({ said: "its own words" });
  const folder = temporaryFolder();
  const slow = put(join(folder, "launchctl"), "#!/bin/sh\nexec sleep 100\n");
  chmodSync(slow, 0o755);
  const end = await found({ WO_LAUNCHCTL: slow }).run(["x"], 50);
  expect(end).toMatchObject({ code: undefined, said: expect.stringContaining("did not end in time") });
});

test("a path that is not there, or not absolute, is no launchctl", () => {
  for (const path of ["/no/such/launchctl", "launchctl"])
    expect(Launchctl.find(files, { ...fakeMachine(), env: { WO_LAUNCHCTL: path } })).toBeUndefined();
});
