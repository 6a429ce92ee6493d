/** A file is mended only when it is still the one that was looked at, and belongs to who asks. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { systemClock } from "../../../../src/platform/clock.ts";
import { systemDisk } from "../../../../src/platform/disk.ts";
import { Files } from "../../../../src/platform/files.ts";
import { lintFile } from "../../../../src/upkeep/agents/lint-file.ts";
import { lintJob, mendedJob } from "../../../../src/upkeep/agents/lint-job.ts";
import { mendFile } from "../../../../src/upkeep/agents/mend-file.ts";
import { goodJob, plantJob } from "../../../support/agent-plists.ts";
import { lintGround } from "../../../support/lint-grounds.ts";
import { put, temporaryFolder, treeOf } from "../../../support/temporary-folder.ts";

const files = new Files(systemDisk, systemClock);
const owner = process.getuid?.() ?? 0;
const ground = { ...lintGround(), userId: owner };

async function looked(userId = owner) {
  const home = temporaryFolder();
  const path = plantJob(home, { name: "job", bends: { KeepAlive: true }, codes: [] });
  return { home, path, one: await lintFile(files, { ...ground, userId }, path) };
}

test("what was changed since is not written over", async () => {
  const { home, path, one } = await looked();
  put(path, `${readFileSync(path, "utf8")}\n`);
  const before = treeOf(home);
  expect(await mendFile(files, ground, one)).toMatchObject({ refused: expect.stringContaining("changed meanwhile") });
  expect(treeOf(home)).toEqual(before);
});

test("another user's file is not written", async () => {
  const { home, one } = await looked();
  const before = treeOf(home);
  const done = await mendFile(files, { ...ground, userId: owner + 1 }, one);
  expect(done).toMatchObject({ refused: expect.stringContaining("another user") });
  expect(treeOf(home)).toEqual(before);
});

test("a file that is mended is so durably, and the old one is beside it", async () => {
  const { home, path, one } = await looked();
  const old = readFileSync(path, "utf8");
  expect(await mendFile(files, ground, one)).toMatchObject({ backup: `${path}.bak` });
  expect(treeOf(join(home, "Library/LaunchAgents"))).toEqual({ "job.plist": one.repair?.text, "job.plist.bak": old });
});

const value = fc.oneof(
  fc.constantFrom(
    true,
    false,
    0,
    1,
    15,
    "15",
    "~",
    "~/x",
    "$HOME",
    "${PATH}:x",
    "/bin/zsh",
    "-lc",
    "node x",
    "/tmp/a",
    "",
  ),
  fc.array(fc.constantFrom("/bin/zsh", "-lc", "-l", "$HOME/x && y", "env", "/usr/bin/env", "~/x", "node", "a b"), {
    maxLength: 4,
  }),
  fc.dictionary(
    fc.constantFrom("PATH", "SuccessfulExit", "Crashed", "PathState", "HOME", "X"),
    fc.constantFrom("~/x", true, false, 5, "$X", "$HOME"),
    {
      noNullPrototype: true,
    },
  ),
);
const KEYS =
  "Label Program ProgramArguments EnvironmentVariables KeepAlive StartInterval ThrottleInterval ExitTimeOut StandardOutPath WorkingDirectory Umask OnDemand Zz".split(
    " ",
  );

test("whatever a job holds, its mends come to an end, and what is mended needs none", () => {
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom(...KEYS), value, { noNullPrototype: true }), (bends) => {
      const mended = mendedJob(goodJob("/Users/me", "x", bends), ground, "x");
      expect(mended).toBeDefined();
      expect(lintJob({ dict: mended ?? {}, ground }, "x").findings.filter(({ mend }) => mend !== undefined)).toEqual(
        [],
      );
    }),
    { numRuns: 2000 },
  );
});

test("a job of a thousand mistakes is judged at once, and left to a person", async () => {
  const names = Array.from({ length: 1000 }, (_none, index) => [`V${index}`, "$HOME/x"] as const);
  const path = plantJob(temporaryFolder(), {
    name: "job",
    bends: { EnvironmentVariables: Object.fromEntries(names) },
    codes: [],
  });
  const startMs = performance.now();
  const { report, repair } = await lintFile(files, ground, path);
  expect(report.findings.length).toBeGreaterThan(1000);
  expect(repair).toBeUndefined();
  // Without an end to its mends it took minutes.
  expect(performance.now() - startMs).toBeLessThan(5000);
});
