/** What git remembers of one path: the commits of all branches, and every move of a worktree's HEAD. */
import { isAbsolute } from "node:path";
import type { Files } from "./files.ts";
import { folderWithGit, runGit } from "./git.ts";
import { err, ok, type Result } from "./result.ts";

const COMMITS_MAX = 500;
const MOVES_MAX = 500;
const WORKTREES_MAX = 20;
const LOG = [
  "log",
  "--all",
  "--reflog",
  "--full-history",
  "--no-renames",
  "--name-status",
  "--format=%x1e%h%x1f%ct%x1f%an%x1f%s",
] as const;
/** Git's times are whole ones. */
const SECOND_MS = 1000;

/** A commit that touched the path, in any branch, also one that only a reflog still knows. */
export interface GitCommit {
  readonly hash: string;
  readonly wallMs: number;
  readonly author: string;
  readonly subject: string;
  /** "deleted": nothing of it was left by this commit. */
  readonly change: "made" | "changed" | "deleted";
}

/** A move of a HEAD, as its reflog has it. */
export interface GitMove {
  readonly wallMs: number;
  readonly worktree: string;
  /** As git writes it: `reset: moving to HEAD~3`. */
  readonly what: string;
  /** Commits. */
  readonly from: string;
  readonly to: string;
  /** What the commits have under the path: an object's name, or nothing. */
  readonly before: string | undefined;
  readonly after: string | undefined;
}

export interface GitHistory {
  /** Newest first, as all lists here. */
  readonly commits: readonly GitCommit[];
  readonly moves: readonly GitMove[];
  readonly isInHead: boolean;
  /** Worktrees whose moves could not be read, and why. */
  readonly unread: readonly string[];
}

/** Undefined where the base is in no git tree; what git says where it could not be asked. */
export async function gitHistory(
  files: Files,
  base: string,
  path: string,
): Promise<Result<GitHistory | undefined, string>> {
  if (folderWithGit(files, base) === undefined) return ok(undefined);
  // Asked line by line.
  if (path.includes("\n")) return err("git cannot be asked about a name with a line break");
  const prefix = await runGit(["rev-parse", "--show-prefix"], base);
  if (prefix.exitCode !== 0) return err(firstLine(prefix.stderr));
  const log = await runGit([...LOG, `-n${COMMITS_MAX}`, "--", path], base);
  if (log.exitCode !== 0) return err(firstLine(log.stderr));
  const below = `${prefix.stdout.trimEnd()}${path}`;
  const { moves, unread } = await movesOf(base, below);
  const [inHead] = await objectsAt(base, ["HEAD"], below);
  return ok({ commits: log.stdout.split("\x1e").flatMap(commitIn), moves, unread, isInHead: inHead !== undefined });
}

function commitIn(text: string): readonly GitCommit[] {
  const [head = "", ...lines] = text.split("\n");
  const [hash = "", seconds = "", author = "", subject = ""] = head.split("\x1f");
  if (hash === "") return [];
  const letters = lines.filter((line) => line.includes("\t")).map((line) => line[0]);
  if (letters.length === 0) return [];
  const isAll = (letter: string) => letters.every((one) => one === letter);
  const change = isAll("D") ? "deleted" : isAll("A") ? "made" : "changed";
  return [{ hash, wallMs: Number(seconds) * SECOND_MS, author, subject, change }];
}

async function movesOf(
  base: string,
  below: string,
): Promise<{ readonly moves: readonly GitMove[]; readonly unread: readonly string[] }> {
  const list = await runGit(["worktree", "list", "--porcelain", "-z"], base);
  const trees = list.stdout.split("\0").flatMap((line) => (line.startsWith("worktree ") ? [line.slice(9)] : []));
  const unread: string[] = trees.length > WORKTREES_MAX ? [`${trees.length - WORKTREES_MAX} of its worktrees`] : [];
  const moves: GitMove[] = [];
  for (const tree of trees.slice(0, WORKTREES_MAX)) {
    const found = await movesIn(tree, below);
    if (found === undefined) unread.push(`the moves of ${tree}`);
    else moves.push(...found);
  }
  return { moves: moves.toSorted((one, other) => other.wallMs - one.wallMs), unread };
}

async function movesIn(worktree: string, below: string): Promise<readonly GitMove[] | undefined> {
  if (!isAbsolute(worktree)) return undefined;
  const log = await runGit(
    ["log", "-g", "--date=unix", `-n${MOVES_MAX}`, "--format=%H%x1f%gd%x1f%gs", "HEAD", "--"],
    worktree,
  );
  // A repository without a commit has not moved.
  if (log.exitCode !== 0)
    return /does not have any commits|unknown revision|bad revision/.test(log.stderr) ? [] : undefined;
  const entries = log.stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.split("\x1f"));
  const hashes = entries.map(([hash = ""]) => hash);
  const objects = await objectsAt(worktree, hashes, below);
  return entries.slice(0, -1).map(([to = "", at = "", what = ""], index) => ({
    wallMs: Number(/\{(\d+)\}/.exec(at)?.[1] ?? 0) * SECOND_MS,
    worktree,
    what,
    to,
    from: hashes[index + 1] ?? "",
    before: objects[index + 1],
    after: objects[index],
  }));
}

/** What each commit has under the path. */
async function objectsAt(cwd: string, commits: readonly string[], below: string): Promise<(string | undefined)[]> {
  const path = below.replace(/\/$/, "");
  const asked = commits.map((commit) => `${commit}:${path}\n`).join("");
  const end = await runGit(["cat-file", "--batch-check=%(objectname)"], cwd, asked);
  const lines = end.stdout.split("\n");
  return commits.map((_, index) => (/^[0-9a-f]{40,64}$/.test(lines[index] ?? "") ? lines[index] : undefined));
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0] ?? "";
}
