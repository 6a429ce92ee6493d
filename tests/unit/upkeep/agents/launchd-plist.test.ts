/** What launchd is given is what was meant, by our own reader and by others. */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { type AgentSpec, specFaults } from "../../../../src/upkeep/agents/agent-spec.ts";
import { launchdPlist, readLaunchdPlist } from "../../../../src/upkeep/agents/launchd-plist.ts";
import { agentSpec, anySpec } from "../../../support/agent-specs.ts";
import { dtdComplaints, NO_PYTHON, NO_XMLLINT, readByPython } from "../../../support/plist-judges.ts";
import { valueOf } from "../../../support/results.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { ROOT } from "../../../support/world.ts";

const SAMPLES = ["com.02luka.wo-bridge.plist", "com.02luka.wo_pipeline_guardrail.plist"];
const sample = (name: string) => readFileSync(join(ROOT, "launchagents", name), "utf8");

test("any agent that can be one reads back from its property list as it was", () => {
  let written = 0;
  fc.assert(
    fc.property(anySpec, (spec) => {
      const text = launchdPlist(spec);
      expect(text.ok).toBe(specFaults(spec).length === 0);
      if (!text.ok) return;
      written += 1;
      expect(readLaunchdPlist(text.value)).toEqual({ ok: true, value: spec });
    }),
    { numRuns: 500 },
  );
  // Seeing nothing is no pass.
  expect(written).toBeGreaterThan(100);
});

test.skipIf(NO_PYTHON !== undefined)(`Python reads the same of awkward texts ${NO_PYTHON ?? ""}`, () => {
  const awkward = "  <a>&amp;'\"\\ é中😀 ]]>  ";
  const text = valueOf(launchdPlist(agentSpec({ argv: ["/bin/x", awkward, ""], env: { A: awkward } })));
  expect(readByPython(text)).toMatchObject({
    ProgramArguments: ["/bin/x", awkward, ""],
    EnvironmentVariables: { A: awkward },
  });
});

test.skipIf(NO_XMLLINT !== undefined)(`the format's DTD has nothing against it ${NO_XMLLINT ?? ""}`, () => {
  for (const name of SAMPLES) expect(dtdComplaints(sample(name))).toBe("");
  const awkward = valueOf(launchdPlist(agentSpec({ argv: ["/bin/x", "<&>", ""], env: {} })));
  expect(dtdComplaints(awkward)).toBe("");
  expect(dtdComplaints(awkward.replace("<string>", "<null/><string>"))).toContain("null");
});

test("the samples are those that the generator writes", () => {
  const folder = temporaryFolder();
  execFileSync(process.execPath, [join(ROOT, "dist-tools/scripts/launchagents.js"), folder]);
  expect(readdirSync(folder).toSorted()).toEqual(SAMPLES);
  for (const name of SAMPLES)
    expect(readFileSync(join(folder, name), "utf8") === sample(name), `${name} is old: npm run launchagents`).toBe(
      true,
    );
});

test.each<readonly [string, Partial<AgentSpec>, string]>([
  ["a relative program", { argv: ["work"] }, "program is no absolute path"],
  ["no program", { argv: [] }, "program is no absolute path"],
  ["a home that nobody expands", { logs: { stdout: "~/a.log", stderr: "/a.log" } }, "~ or a $VARIABLE"],
  ["a variable that nobody expands", { argv: ["/bin/x", "--in=$HOME/y"] }, "~ or a $VARIABLE"],
  ["the user's PATH put in front", { env: { PATH: "/opt/bin:${PATH}" } }, "~ or a $VARIABLE"],
  ["a home in the middle of a PATH", { env: { PATH: "/usr/bin:~/bin" } }, "~ or a $VARIABLE"],
  ["a line's end", { argv: ["/bin/x", "a\nb"] }, "a line's end"],
  ["a control character", { cwd: "/a\u0000" }, "control character U+0000"],
  ["what readers take for a line's end", { env: { A: "a\u2028b" } }, "control character U+2028"],
  ["half a character", { env: { A: "\ud800" } }, "half a character"],
  ["a label with a slash", { label: "a/b" }, "the label"],
  ["a throttle of nothing", { life: { kind: "stays", restart: "always", throttleSec: 0 } }, "throttleSec is 0"],
  ["an interval that is no number", { life: { kind: "every", intervalSec: Number.NaN } }, "intervalSec is NaN"],
  ["no time to stop", { stopGraceSec: 0 }, "stopGraceSec is 0"],
  ["a umask that is none", { umask: 0o1000 }, "umask is 512"],
  ["a variable's name with a blank", { env: { "A B": "x" } }, "is no name of a variable"],
])("%s makes no agent, and the reason is told", (_what, bent, reason) => {
  const text = launchdPlist(agentSpec(bent));
  expect(text.ok ? [] : text.error).toContainEqual(expect.stringContaining(reason));
});

test("what no agent of ours has is not read as one", () => {
  const text = valueOf(launchdPlist(agentSpec()));
  expect(
    readLaunchdPlist(text.replace("<key>Umask", "<key>Nice</key>\n<integer>5</integer>\n<key>Umask")),
  ).toMatchObject({
    ok: false,
  });
});
