/** Whether git is at work in a tree, and what it says of a file that is gone. */
import { dirname, join, resolve } from "node:path";
import type { Clock } from "./clock.ts";
import type { Files } from "./files.ts";
import { runProgram } from "./program.ts";

const TIMEOUT_MS = 5000;
/** So long nothing may have been written by git. */
const REST_MS = 2000;
const BUSY = [
  "index.lock",
  "HEAD.lock",
  "rebase-merge",
  "rebase-apply",
  "MERGE_HEAD",
  "CHERRY_PICK_HEAD",
  "REVERT_HEAD",
];
const WRITTEN = ["index", "HEAD", "logs/HEAD"];
const QUIET = ["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"];
const TAIL_BYTES = 64 * 1024;

/** The newest thing that git's reflog tells of HEAD. */
export interface HeadMove {
  readonly wallMs: number;
  /** As git writes it: `reset: moving to HEAD~3`. */
  readonly what: string;
  readonly commit: string;
}

export class GitRest {
  readonly #files: Files;
  readonly #clock: Clock;
  readonly #base: string;

  /** `base` is a real path. */
  constructor(files: Files, clock: Clock, base: string) {
    this.#files = files;
    this.#clock = clock;
    this.#base = base;
  }

  /** What git is in the middle of, in words; undefined when it is at rest, and where there is no git. */
  busyWith(): string | undefined {
    const folder = this.#gitFolder();
    if (folder === undefined) return undefined;
    const mark = BUSY.find((name) => this.#files.info(join(folder, name)) !== undefined);
    if (mark !== undefined) return `git is at work (${mark})`;
    const now = this.#clock.now();
    const isFresh = WRITTEN.some((name) => {
      const info = this.#files.info(join(folder, name));
      return info !== undefined && Math.abs(now - info.modifiedMs) < REST_MS;
    });
    return isFresh ? "git has just been at work" : undefined;
  }

  /**
   * Why git says that a file is gone: a commit that removed it, a removal that is not committed, a branch that never had
   * it. Undefined when git knows of nothing that would have: somebody else removed it.
   */
  async whyGone(path: string): Promise<string | undefined> {
    if (this.#gitFolder() === undefined) return undefined;
    const head = await this.#git(["ls-tree", "--name-only", "HEAD", "--", path]);
    if (head.exitCode !== 0) return undefined;
    if (head.stdout.trim() !== "") {
      const index = await this.#git(["ls-files", "--", path]);
      const isRemoved = index.exitCode === 0 && index.stdout.trim() === "";
      return isRemoved ? "removed from git's index (git rm), not committed" : undefined;
    }
    const removal = await this.#git(["log", "-1", "--diff-filter=D", "--format=%h %s", "HEAD", "--", path]);
    if (removal.stdout.trim() !== "") return `removed by commit ${removal.stdout.trim().slice(0, 200)}`;
    const elsewhere = await this.#git([
      "log",
      "-1",
      "--all",
      "--reflog",
      "--diff-filter=A",
      "--format=%h %s",
      "--",
      path,
    ]);
    if (elsewhere.stdout.trim() === "") return undefined;
    const move = this.lastMove();
    const how = move === undefined ? "" : `, since ${move.what}`;
    return `HEAD has never had it${how}; commit ${elsewhere.stdout.trim().slice(0, 200)} has`;
  }

  /** The newest line of HEAD's reflog. */
  lastMove(): HeadMove | undefined {
    const folder = this.#gitFolder();
    const info = folder === undefined ? undefined : this.#files.info(join(folder, "logs", "HEAD"));
    if (folder === undefined || info === undefined || info.sizeBytes === 0) return undefined;
    const reading = this.#files.peek(join(folder, "logs", "HEAD"), Math.max(info.sizeBytes, TAIL_BYTES));
    if (reading.kind !== "file") return undefined;
    const line = reading.bytes.toString("utf8").trimEnd().split("\n").at(-1) ?? "";
    const match = /^[0-9a-f]+ ([0-9a-f]+) .* (\d+) [+-]\d{4}\t(.*)$/.exec(line);
    const [, commit = "", seconds = "", what = ""] = match ?? [];
    return match === null ? undefined : { wallMs: Number(seconds) * 1000, what, commit: commit.slice(0, 9) };
  }

  /** Of the tree that the base is in; in a worktree a file says where it is. */
  #gitFolder(): string | undefined {
    for (let folder = this.#base; ; folder = dirname(folder)) {
      const path = join(folder, ".git");
      const kind = this.#files.info(path)?.kind;
      if (kind === "folder") return path;
      if (kind === "file") {
        const named = /^gitdir: (.+)$/m.exec(this.#files.read(path, TAIL_BYTES)?.toString("utf8") ?? "")?.[1];
        return named === undefined ? undefined : resolve(folder, named.trim());
      }
      if (folder === dirname(folder)) return undefined;
    }
  }

  #git(words: readonly string[]): ReturnType<typeof runProgram> {
    return runProgram(["git", ...QUIET, ...words], {
      cwd: this.#base,
      env: { LC_ALL: "C", GIT_OPTIONAL_LOCKS: "0" },
      timeoutMs: TIMEOUT_MS,
    });
  }
}
