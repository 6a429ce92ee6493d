/** Whether git took a file away, asked of real git: what it did before a time is no cause of what happened after. */
import { execFileSync } from "node:child_process";
import { statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { systemClock } from "../../../src/platform/clock.ts";
import { systemDisk } from "../../../src/platform/disk.ts";
import { Files } from "../../../src/platform/files.ts";
import { GitRest } from "../../../src/platform/git-rest.ts";
import { folderWith, put } from "../../support/temporary-folder.ts";

const ENV = { PATH: process.env["PATH"] ?? "", HOME: "/nonexistent", GIT_CONFIG_NOSYSTEM: "1" };
const TOOL = "tool.sh";

/** What git does to take the file away; the file that it writes last, and what is said of it. */
const REMOVALS: readonly (readonly [string, readonly string[], string, RegExp])[] = [
  ["a reset", ["reset", "-q", "--hard", "HEAD~1"], "logs/HEAD", /^HEAD has it no more, since reset: moving to HEAD~1/],
  ["git rm", ["rm", "-q", TOOL], "index", /^removed from git's index/],
];

/** A tree that git has taken the tool out of, at a time that `written` has. */
function treeAfter(removal: readonly string[], written: string) {
  const top = folderWith({ README: "readme\n" });
  const git = (...words: readonly string[]) =>
    execFileSync("git", ["-C", top, "-c", "user.name=t", "-c", "user.email=t@t", ...words], {
      env: ENV,
      stdio: "pipe",
    });
  git("init", "-q");
  git("add", ".");
  git("commit", "-qm", "the first");
  put(join(top, TOOL), "echo a tool\n");
  git("add", ".");
  git("commit", "-qm", "with a tool");
  git(...removal);
  const path = join(top, ".git", written);
  const rest = new GitRest(new Files(systemDisk, systemClock), systemClock, top);
  return { path, atMs: statSync(path).mtimeMs, whyGone: (sinceMs: number) => rest.whyGone(TOOL, sinceMs) };
}

test.each(REMOVALS)(
  "%s is the cause of what went after it began, and of nothing later",
  async (_how, words, written, said) => {
    const { atMs, whyGone } = treeAfter(words, written);

    expect(await whyGone(atMs - 200)).toMatch(said);
    expect(await whyGone(atMs)).toMatch(said);
    expect(await whyGone(atMs + 100)).toBeUndefined();
  },
);

test.each(REMOVALS)(
  "%s on a file system that keeps whole seconds may be the cause within that second",
  async (_how, words, written, said) => {
    const { path, atMs, whyGone } = treeAfter(words, written);
    const second = Math.floor(atMs / 1000);
    utimesSync(path, second, second);

    expect(await whyGone(second * 1000 + 900)).toMatch(said);
    expect(await whyGone(second * 1000 + 1100)).toBeUndefined();
  },
);
