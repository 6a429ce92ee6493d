/** A job is followed through everything that starts something else, to the script that does the work. */
import { expect, test } from "vitest";
import { lintJob, mendedJob } from "../../../../src/upkeep/agents/lint-job.ts";
import { ProgramWalk } from "../../../../src/upkeep/agents/program-walk.ts";
import { lintGround } from "../../../support/lint-grounds.ts";

const ground = lintGround({
  files: {
    "/Users/me/a b/run.zsh": "x #!/bin/zsh",
    "/Users/me/run.js": "x #!/usr/bin/env node",
    "/Users/me/run.py": "",
    "/Users/me/rc": "",
    "/opt/homebrew/bin/node": "x ",
    "/opt/homebrew/bin/jq": "x ",
    "/usr/local/bin/tool": "x ",
    "/Users/me/deep/run.js": "x #!/usr/bin/env -S node --enable-source-maps",
    "/Users/me/closed": "",
  },
  refused: ["/Users/me/closed/x"],
});
const job = (words: readonly string[], more: object = {}) => ({
  ground,
  dict: {
    Label: "x",
    ProgramArguments: words,
    EnvironmentVariables: { PATH: "/opt/homebrew/bin:/usr/bin:/bin" },
    ...more,
  },
});

function walked(words: readonly string[], more: object = {}) {
  const walk = new ProgramWalk(job(words, more)).walk();
  return [walk.hops.at(-1), ...walk.findings.map(({ code }) => code)];
}

test.each<readonly [string, readonly string[], readonly unknown[]]>([
  ["a script", ["/Users/me/a b/run.zsh"], ["/bin/zsh"]],
  ["a script's interpreter on the PATH", ["/Users/me/run.js"], ["/opt/homebrew/bin/node"]],
  ["env with words of its own", ["/Users/me/deep/run.js"], ["/opt/homebrew/bin/node"]],
  ["a shell's command", ["/bin/zsh", "-c", '"$HOME/a b/run.zsh" --x'], ["/bin/zsh"]],
  ["a quoted path with a blank", ["/bin/sh", "-c", "'/Users/me/a b/run.zsh'"], ["/bin/zsh"]],
  [
    "flags drawn together",
    ["/bin/bash", "-euo", "pipefail", "-c", "/Users/me/gone"],
    ["/Users/me/gone", "program_missing"],
  ],
  ["exec", ["/bin/sh", "-c", "exec /Users/me/gone"], ["/Users/me/gone", "program_missing"]],
  ["a shell in a shell", ["/bin/sh", "-c", "zsh -c 'bash /Users/me/gone'"], ["/Users/me/gone", "script_missing"]],
  ["behind &&", ["/bin/sh", "-c", "cd /Users/me && python3 ./gone.py"], ["/Users/me/gone.py", "script_missing"]],
  [
    "behind a redirection",
    ["/bin/sh", "-c", "< /dev/null /Users/me/gone 2>&1 | jq ."],
    ["/opt/homebrew/bin/jq", "program_missing"],
  ],
  ["source", ["/bin/zsh", "-c", ". ~/gone-rc; true"], ["/Users/me/gone-rc", "script_missing"]],
  [
    "a PATH that the command sets",
    ["/bin/sh", "-c", "export PATH=/usr/local/bin:$PATH; tool"],
    ["/usr/local/bin/tool"],
  ],
  ["env that sets a PATH", ["/usr/bin/env", "PATH=/usr/local/bin", "tool"], ["/usr/local/bin/tool"]],
  [
    "nice of env of node",
    ["/usr/bin/nice", "-n", "5", "env", "node", "--no-warnings", "/Users/me/gone.js"],
    ["/Users/me/gone.js", "script_missing"],
  ],
  ["a module of Python is no path", ["/usr/bin/python3", "-u", "-m", "http.server"], ["/usr/bin/python3"]],
  ["a program of its own words", ["/opt/homebrew/bin/node", "-e", "require('./gone')"], ["/opt/homebrew/bin/node"]],
  ["a script from where it works", ["/usr/bin/python3", "run.py"], ["/run.py", "script_missing"]],
  ["a folder", ["/Users/me/a b"], ["/Users/me/a b", "program_missing"]],
  ["a program that nobody may look at", ["/Users/me/closed/x"], ["/Users/me/closed/x", "cannot_look"]],
  ["an interpreter's script that only a shell knows", ["/bin/sh", "-c", "node $SCRIPT"], ["/bin/sh", "not_followed"]],
  ["what a shell works out", ["/bin/sh", "-c", "/Users/*/run"], ["/bin/sh", "not_followed"]],
  ["no words for a shell to follow", ["/bin/sh", "-c", "echo $HOME; [ -n x ]; wait"], ["/bin/sh"]],
])("%s", (_what, words, seen) => {
  expect(walked(words)).toEqual(seen);
});

test("a script is looked for from where the job works", () => {
  expect(walked(["/usr/bin/python3", "run.py"], { WorkingDirectory: "~" })).toEqual(["/Users/me/run.py"]);
});

test("Program is what runs, whatever the first word says", () => {
  expect(walked(["zsh", "-c", "/Users/me/gone"], { Program: "/bin/zsh" })).toEqual([
    "/Users/me/gone",
    "program_missing",
  ]);
});

test("a job that calls itself without end comes to one", () => {
  const words = Array.from({ length: 500 }, () => "/usr/bin/env");
  expect(walked(words)).toEqual(["/usr/bin/env"]);
});

test("Homebrew of another machine is found where it is on this one", () => {
  const { dict } = job(["/opt/homebrew/bin/tool", "x"]);
  expect(lintJob({ dict, ground }, "x").findings.map(({ code }) => code)).toContain("homebrew_elsewhere");
  expect(mendedJob(dict, ground, "x")?.["ProgramArguments"]).toEqual(["/usr/local/bin/tool", "x"]);
});

test("what is missing on the job's PATH is found in Homebrew's folder", () => {
  const { dict } = job(["/bin/sh", "-c", "jq ."], { EnvironmentVariables: { PATH: "/usr/bin" } });
  expect(mendedJob(dict, ground, "x")?.["EnvironmentVariables"]).toEqual({ PATH: "/usr/bin:/opt/homebrew/bin" });
});

test("the mistakes of one job are mended together, each for what the others left", () => {
  const mended = mendedJob(
    {
      Label: "x",
      ProgramArguments: ["/usr/bin/env", "zsh", "-lc", "~/'a b'/run.zsh"],
      KeepAlive: true,
      StartInterval: 15,
      StandardOutPath: "$HOME/Library/Logs/x.log",
    },
    ground,
    "x",
  );
  expect(mended).toMatchObject({
    ProgramArguments: ["/Users/me/a b/run.zsh"],
    EnvironmentVariables: { PATH: "/opt/homebrew/bin:/opt/homebrew/sbin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin" },
    StartInterval: 15,
    ExitTimeOut: 30,
    StandardOutPath: "/Users/me/Library/Logs/x.log",
  });
  expect(mended).not.toHaveProperty("KeepAlive");
});
