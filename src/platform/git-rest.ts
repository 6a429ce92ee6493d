/** Whether git is at work in a tree, and what it says of a file that is gone. */
import { join, resolve } from "node:path";
import type { Clock } from "./clock.ts";
import type { Files } from "./files.ts";
import { folderWithGit, runGit } from "./git.ts";
import { ReadFile } from "./read-file.ts";

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
const TAIL_BYTES = 64 * 1024;
/** Git's times are whole ones, and so are those of some file systems. */
const SECOND_MS = 1000;
/** So late a kernel may be with the time that it gives a file, against the clock that we read. */
const TICK_MS = 20;
/** So many of the newest moves are asked whether the file went with them. */
const MOVES_ASKED = 20;

/** One thing that git's reflog tells of HEAD. */
export interface HeadMove {
  readonly wallMs: number;
  /** As git writes it: `reset: moving to HEAD~3`. */
  readonly what: string;
  /** The commit that it was at before. */
  readonly from: string;
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

  /** Whether git is in the middle of something, or has just been. */
  isAtWork(): boolean {
    const folder = this.#gitFolder();
    if (folder === undefined) return false;
    if (BUSY.some((name) => this.#files.info(join(folder, name)) !== undefined)) return true;
    const now = this.#clock.now();
    return WRITTEN.some((name) => {
      const info = this.#files.info(join(folder, name));
      return info !== undefined && Math.abs(now - info.modifiedMs) < REST_MS;
    });
  }

  /**
   * Whether git took a file away since then (wall milliseconds), and how: by moving HEAD from a commit that had it to one
   * that has not, or out of the index. Undefined where git has done neither: somebody else removed it.
   */
  async whyGone(path: string, sinceMs: number): Promise<string | undefined> {
    const folder = this.#gitFolder();
    if (folder === undefined) return undefined;
    const head = await runGit(["ls-tree", "--name-only", "HEAD", "--", path], this.#base);
    if (head.exitCode !== 0) return undefined;
    const isInHead = head.stdout.trim() !== "";
    // The time of what git has to write for it says to the tick whether that came later; git's own times are whole seconds.
    if (this.#isOlder(join(folder, isInHead ? "index" : "logs/HEAD"), sinceMs)) return undefined;
    if (!isInHead) return this.#whyNotInHead(path, sinceMs);
    const index = await runGit(["ls-files", "--", path], this.#base);
    const isRemoved = index.exitCode === 0 && index.stdout.trim() === "";
    return isRemoved ? "removed from git's index (git rm), not committed" : undefined;
  }

  /** Whether nothing was written to the file at that time (wall milliseconds) or after it. */
  #isOlder(path: string, sinceMs: number): boolean {
    const { modifiedMs = 0 } = this.#files.info(path) ?? {};
    const isWhole = modifiedMs % SECOND_MS === 0;
    return modifiedMs < sinceMs - (isWhole ? SECOND_MS : TICK_MS);
  }

  async #whyNotInHead(path: string, sinceMs: number): Promise<string | undefined> {
    const moves = this.moves().filter(({ wallMs }) => wallMs >= sinceMs - SECOND_MS);
    for (const { from, what } of moves.slice(0, MOVES_ASKED)) {
      const before = await runGit(["ls-tree", "--name-only", from, "--", path], this.#base);
      if (before.exitCode !== 0 || before.stdout.trim() === "") continue;
      const removal = await runGit(
        ["log", "-1", "--diff-filter=D", "--format=%h %s", `${from}..HEAD`, "--", path],
        this.#base,
      );
      const commit = removal.stdout.trim().slice(0, 200);
      if (commit !== "") return `removed by commit ${commit}`;
      const had = await runGit(["log", "-1", "--format=%h %s", from], this.#base);
      return `HEAD has it no more, since ${what}; commit ${had.stdout.trim().slice(0, 200)} has`;
    }
    return undefined;
  }

  /** What git's reflog tells of HEAD, the newest first; as much of it as its last bytes hold. */
  moves(): readonly HeadMove[] {
    const folder = this.#gitFolder();
    const path = join(folder ?? "", "logs", "HEAD");
    const info = folder === undefined ? undefined : this.#files.info(path);
    if (info?.kind !== "file") return [];
    const file = new ReadFile(this.#files.disk, path);
    try {
      const tail = file.range(Math.max(0, info.sizeBytes - TAIL_BYTES), TAIL_BYTES).toString("utf8");
      return tail
        .split("\n")
        .flatMap((line) => {
          const [, from = "", seconds = "", what = ""] =
            /^([0-9a-f]+) [0-9a-f]+ .* (\d+) [+-]\d{4}\t(.*)$/.exec(line) ?? [];
          return from === "" ? [] : [{ wallMs: Number(seconds) * SECOND_MS, what, from }];
        })
        .toReversed();
    } finally {
      file.close();
    }
  }

  /** Of the tree that the base is in; in a worktree a file says where it is. */
  #gitFolder(): string | undefined {
    const folder = folderWithGit(this.#files, this.#base);
    if (folder === undefined) return undefined;
    const path = join(folder, ".git");
    if (this.#files.info(path)?.kind === "folder") return path;
    const named = /^gitdir: (.+)$/m.exec(this.#files.read(path, TAIL_BYTES)?.toString("utf8") ?? "")?.[1];
    return named === undefined ? undefined : resolve(folder, named.trim());
  }
}
