/** What git knows of a file, asked of real git: a file that may have come by a pull is never taken for one that was dropped. */
import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { systemClock } from "../../../src/platform/clock.ts";
import { systemDisk } from "../../../src/platform/disk.ts";
import { Files } from "../../../src/platform/files.ts";
import { GitTracking } from "../../../src/platform/git.ts";
import { quickClock } from "../../support/clocks.ts";
import { folderWith, put, temporaryFolder } from "../../support/temporary-folder.ts";

const ENV = { PATH: process.env["PATH"] ?? "", HOME: "/nonexistent", GIT_CONFIG_NOSYSTEM: "1" };
const git = (folder: string, ...words: string[]) => {
  execFileSync("git", ["-C", folder, "-c", "user.name=t", "-c", "user.email=t@t", ...words], {
    env: ENV,
    stdio: "pipe",
  });
};

/** A repository with an inbox; what is in `added` is in the index. */
function repository(added: Readonly<Record<string, string>> = {}) {
  const top = folderWith({ "inbox/.gitkeep": "", ...added });
  git(top, "init", "-q");
  git(top, "add", ".");
  const inbox = join(top, "inbox");
  const tracking = new GitTracking(new Files(systemDisk, systemClock), systemClock, inbox);
  return { top, inbox, knows: (name: string) => tracking.isTracked(join(inbox, name)) };
}

test("a file in the index is tracked, one beside it is not", async () => {
  const { inbox, knows } = repository({ "inbox/CLC/a.yaml": "x", "inbox/CLC/b c 'ü\n.yaml": "x" });
  put(join(inbox, "CLC/new.yaml"), "x");

  expect(await knows("CLC/a.yaml")).toBe(true);
  expect(await knows("CLC/b c 'ü\n.yaml")).toBe(true);
  expect(await knows("CLC/new.yaml")).toBe(false);
  expect(await knows("CLC")).toBe(false);
});

test("a file that is in HEAD alone is tracked", async () => {
  const { top, knows } = repository({ "inbox/a.yaml": "x" });
  git(top, "commit", "-qm", "x");
  git(top, "rm", "-q", "--cached", "inbox/a.yaml");

  expect(await knows("a.yaml")).toBe(true);
});

test("what git learns later is known later: an add, a commit, a reset, a switch", async () => {
  const { top, inbox, knows } = repository();
  put(join(inbox, "a.yaml"), "x");
  const seen = [await knows("a.yaml")];
  const after = async (...words: string[]) => {
    git(top, ...words);
    seen.push(await knows("a.yaml"));
  };
  await after("add", ".");
  await after("commit", "-qm", "x");
  await after("rm", "-q", "--cached", "inbox/a.yaml");
  await after("commit", "-qm", "y");
  await after("reset", "-q", "--soft", "HEAD~1");
  await after("checkout", "-q", "--orphan", "empty");

  expect(seen).toEqual([false, true, true, true, false, true, false]);
});

test("a repository that is removed, or made, under a running daemon is noticed", async () => {
  const { top, knows } = repository({ "inbox/a.yaml": "x" });
  const seen = [await knows("a.yaml")];
  rmSync(join(top, ".git"), { recursive: true });
  seen.push(await knows("a.yaml"));
  git(top, "init", "-q");
  seen.push(await knows("a.yaml"));
  git(top, "add", ".");
  seen.push(await knows("a.yaml"));

  expect(seen).toEqual([true, false, false, true]);
});

test("in a worktree its own index counts", async () => {
  const { top } = repository({ "inbox/a.yaml": "x" });
  git(top, "commit", "-qm", "x");
  const other = join(temporaryFolder(), "other");
  git(top, "worktree", "add", "-q", other);
  put(join(other, "inbox/b.yaml"), "x");
  const tracking = new GitTracking(new Files(systemDisk, systemClock), systemClock, join(other, "inbox"));

  expect(await tracking.isTracked(join(other, "inbox/a.yaml"))).toBe(true);
  expect(await tracking.isTracked(join(other, "inbox/b.yaml"))).toBe(false);
  git(other, "add", ".");
  expect(await tracking.isTracked(join(other, "inbox/b.yaml"))).toBe(true);
});

test("outside of every tree nothing is tracked, and git is not even started", async () => {
  const folder = folderWith({ "inbox/a.yaml": "x" });
  const tracking = new GitTracking(new Files(systemDisk, systemClock), systemClock, join(folder, "inbox"));

  expect(await tracking.isTracked(join(folder, "inbox/a.yaml"))).toBe(false);
});

test("while git writes the tree a file is waited for, and taken for tracked when that does not end", async () => {
  const { top, inbox } = repository();
  put(join(inbox, "a.yaml"), "x");
  const lock = put(join(top, ".git/index.lock"), "");
  const patient = quickClock();
  const relieved = quickClock((count) => (count === 3 ? rmSync(lock) : undefined));
  const knownBy = (clock: typeof patient) => {
    return new GitTracking(new Files(systemDisk, clock), clock, inbox).isTracked(join(inbox, "a.yaml"));
  };

  expect(await knownBy(patient)).toBe(true);
  expect(patient.slept.reduce((sum, one) => sum + one, 0)).toBe(10_000);
  expect(await knownBy(relieved)).toBe(false);
  expect(relieved.slept).toHaveLength(3);
});

test("a broken index is no reason to trust a file", async () => {
  const { top, inbox, knows } = repository();
  put(join(inbox, "a.yaml"), "x");
  put(join(top, ".git/index"), "broken");

  expect(await knows("a.yaml")).toBe(true);
});

test("a repository that git refuses to read is no reason to trust a file", async () => {
  const { top, inbox, knows } = repository();
  put(join(inbox, "a.yaml"), "x");
  put(join(top, ".git/config"), "[core]\n\trepositoryformatversion = 99\n");

  expect(await knows("a.yaml")).toBe(true);
});

test("what the daemon's own environment says of git changes nothing", async () => {
  const { knows } = repository({ "inbox/a.yaml": "x" });
  for (const name of ["GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"]) vi.stubEnv(name, "/nonexistent");
  onTestFinished(() => void vi.unstubAllEnvs());

  expect([await knows("a.yaml"), await knows("b.yaml")]).toEqual([true, false]);
});

test("nothing that a repository configures is run by asking", async () => {
  const { top, inbox, knows } = repository({ "inbox/a.yaml": "x" });
  const ran = join(top, "ran");
  const program = put(join(top, "program"), `#!/bin/sh\ntouch ${ran}\n`);
  execFileSync("chmod", ["+x", program]);
  for (const key of ["core.fsmonitor", "core.pager", "diff.external"]) git(top, "config", key, program);
  put(join(inbox, "b.yaml"), "x");

  expect([await knows("a.yaml"), await knows("b.yaml")]).toEqual([true, false]);
  expect(execFileSync("ls", [top], { encoding: "utf8" })).not.toContain("ran");
});
