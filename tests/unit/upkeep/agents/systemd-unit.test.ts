/** Units of systemd, by systemd's own reader where it is installed. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { systemdUnits } from "../../../../src/upkeep/agents/systemd-unit.ts";
import { agentSpec } from "../../../support/agent-specs.ts";
import { valueOf } from "../../../support/results.ts";
import { put, temporaryFolder } from "../../../support/temporary-folder.ts";

const NO_SYSTEMD =
  spawnSync("systemd-analyze", ["--version"]).status === 0
    ? undefined
    : "NOT TESTED HERE: systemd-analyze is not installed";

test("what systemd would expand or take apart is written so that it stays as it is", () => {
  const argv = ["/bin/echo", '50% "of" $5 \\n', "two words"];
  const text = valueOf(systemdUnits(agentSpec({ argv, env: { A: "50% of $5" }, cwd: "/a %h" })))[
    "com.02luka.worker.service"
  ];
  expect(text).toContain('ExecStart="/bin/echo" "50%% \\"of\\" $$5 \\\\n" "two words"\n');
  expect(text).toContain('Environment="A=50%% of $5"\n');
  expect(text).toContain("WorkingDirectory=/a %%h\n");
});

test.skipIf(NO_SYSTEMD !== undefined)(`systemd finds nothing wrong in them ${NO_SYSTEMD ?? ""}`, () => {
  const folder = temporaryFolder();
  const verify = (text: string, name: string) => {
    const path = put(join(folder, name), text);
    const env = { PATH: process.env["PATH"], XDG_RUNTIME_DIR: folder, HOME: folder };
    // It ends with 0 over keys that it does not know: what it says counts.
    return spawnSync("systemd-analyze", ["--user", "verify", path], { env, encoding: "utf8" }).stderr;
  };
  const life = { kind: "every", intervalSec: 300 } as const;
  for (const spec of [agentSpec({ argv: ["/bin/true", '50% "x" $5'] }), agentSpec({ argv: ["/bin/true"], life })])
    for (const [name, text] of Object.entries(valueOf(systemdUnits(spec)))) expect(verify(text, name)).toBe("");
  expect(verify("[Service]\nExecStart=/bin/true\nKilMode=process\n", "wrong.service")).toContain("KilMode");
});
