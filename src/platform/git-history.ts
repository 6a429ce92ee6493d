/** What git remembers of one path: the commits of all branches, and every move of a worktree's HEAD. */
import { isAbsolute } from "node:path";
import type { Files } from "./files.ts";
import { complaintOf, folderWithGit, runGit } from "./git.ts";
import { err, ok, type Result } from "./result.ts";

const COMMITS_MAX = 500;
/** Of one worktree; older ones are not read. */
export const MOVES_MAX = 500;
const WORKTREES_MAX = 20;
const LOG = [
  "log",
  "--all",
  "--reflog",
  "--full-history",
  "--no-renames",
  "--name-status",
  // A line begins with NUL where it is a commit's own: no name and no message can hold one.
  "--format=%x00%h%x00%ct%x00%an%x00%s%x00",
] as const;
/** Git's times are whole ones. */
export const SECOND_MS = 1000;

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
export interface HeadMove {
  readonly wallMs: number;
  readonly worktree: string;
  /** Of the worktree that the base is in. */
  readonly isOwn: boolean;
  /** As git writes it: `reset: moving to HEAD~3`. */
  readonly what: string;
  /** Commits. */
  readonly from: string;
  readonly to: string;
}

export interface GitMove extends HeadMove {
  /** What the commits have under the path: an object's name, or nothing. */
  readonly before: string | undefined;
  readonly after: string | undefined;
}

export interface GitHistory {
  /** Newest first, as all lists here. */
  readonly commits: readonly GitCommit[];
  readonly moves: readonly GitMove[];
  readonly isInHead: boolean;
  readonly isInIndex: boolean;
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
  if (prefix.exitCode !== 0) return err(complaintOf(prefix));
  const log = await runGit([...LOG, `-n${COMMITS_MAX}`, "--", path], base);
  if (log.exitCode !== 0) return err(complaintOf(log));
  const below = `${prefix.stdout.trimEnd()}${path}`;
  const { moves, unread } = await movesOf(base, below);
  const inHead = await objectsAt(base, ["HEAD"], below);
  const index = await runGit(["ls-files", "--", path], base);
  return ok({
    commits: commitsIn(log.stdout),
    moves,
    unread,
    isInHead: inHead?.[0] !== undefined,
    isInIndex: index.exitCode === 0 && index.stdout !== "",
  });
}

/** Of each commit five fields, between NULs: hash, time, author, subject, and the lines of what it did. */
function commitsIn(text: string): readonly GitCommit[] {
  return recordsIn(text, 5).flatMap(([hash = "", seconds = "", author = "", subject = "", lines = ""]) => {
    const wallMs = Number(seconds) * SECOND_MS;
    if (!/^[0-9a-f]{4,64}$/.test(hash) || !isTime(wallMs)) return [];
    const letters = lines.split("\n").flatMap((line) => (line.includes("\t") ? [line[0]] : []));
    if (letters.length === 0) return [];
    const isAll = (letter: string) => letters.every((one) => one === letter);
    const change = isAll("D") ? "deleted" : isAll("A") ? "made" : "changed";
    return [{ hash, wallMs, author, subject, change }];
  });
}

/** What was printed with a NUL in front of each record and behind each of its fields but the last, `width` fields each. */
export function recordsIn(text: string, width: number): readonly (readonly string[])[] {
  const fields = text.split("\0").slice(1);
  return Array.from({ length: Math.floor(fields.length / width) }, (_, index) =>
    fields.slice(index * width, index * width + width),
  );
}

/** One that can be told. */
export function isTime(wallMs: number): boolean {
  return wallMs >= 0 && wallMs < 8.64e15;
}

async function movesOf(
  base: string,
  below: string,
): Promise<{ readonly moves: readonly GitMove[]; readonly unread: readonly string[] }> {
  const { moves, unread } = await headMoves(base);
  const hashes = [...new Set(moves.flatMap(({ from, to }) => [from, to]))];
  const objects = await objectsAt(base, hashes, below);
  if (objects === undefined) return { moves: [], unread: [...unread, "what the moves of HEAD changed"] };
  const at = new Map(hashes.map((hash, index) => [hash, objects[index]]));
  return { moves: moves.map((move) => ({ ...move, before: at.get(move.from), after: at.get(move.to) })), unread };
}

/** The moves of every worktree's HEAD, newest first, and what could not be read of them, as long as there is time left. */
export async function headMoves(
  base: string,
  leftMs: () => number = () => Number.POSITIVE_INFINITY,
): Promise<{ readonly moves: readonly HeadMove[]; readonly unread: readonly string[] }> {
  const list = await runGit(["worktree", "list", "--porcelain"], base);
  if (list.exitCode !== 0) return { moves: [], unread: [`the worktrees (${complaintOf(list)})`] };
  const trees = list.stdout.split("\n").flatMap((line) => (line.startsWith("worktree ") ? [line.slice(9)] : []));
  const top = (await runGit(["rev-parse", "--show-toplevel"], base)).stdout.trimEnd();
  const unread: string[] = trees.length > WORKTREES_MAX ? [`${trees.length - WORKTREES_MAX} of its worktrees`] : [];
  const moves: HeadMove[] = [];
  for (const tree of trees.slice(0, WORKTREES_MAX)) {
    const found = leftMs() > 0 ? await movesIn(tree, tree === top, leftMs()) : undefined;
    if (found === undefined) unread.push(`the moves of ${tree}`);
    else moves.push(...found);
  }
  return { moves: moves.toSorted((one, other) => other.wallMs - one.wallMs), unread };
}

async function movesIn(worktree: string, isOwn: boolean, leftMs: number): Promise<readonly HeadMove[] | undefined> {
  if (!isAbsolute(worktree)) return undefined;
  const log = await runGit(
    ["log", "-g", "--date=unix", `-n${MOVES_MAX}`, "--format=%x00%H%x00%gd%x00%gs", "HEAD", "--"],
    worktree,
    "",
    leftMs,
  );
  // A repository without a commit has not moved.
  if (log.exitCode !== 0)
    return /does not have any commits|unknown revision|bad revision/.test(log.stderr) ? [] : undefined;
  const entries = recordsIn(log.stdout, 3).map((fields) => fields.map((field) => field.trim()));
  return entries.slice(0, -1).map(([to = "", at = "", what = ""], index) => ({
    wallMs: Number(/\{(\d+)\}/.exec(at)?.[1] ?? 0) * SECOND_MS,
    worktree,
    isOwn,
    what,
    to,
    from: entries[index + 1]?.[0] ?? "",
  }));
}

/** What each commit has under the path; undefined where git cannot say. */
async function objectsAt(
  cwd: string,
  commits: readonly string[],
  below: string,
): Promise<readonly (string | undefined)[] | undefined> {
  const path = below.replace(/\/$/, "");
  const asked = commits.map((commit) => `${commit}:${path}\n`).join("");
  const end = await runGit(["cat-file", "--batch-check=%(objectname)"], cwd, asked);
  if (end.exitCode !== 0) return undefined;
  const lines = end.stdout.split("\n");
  return commits.map((_, index) => (/^[0-9a-f]{40,64}$/.test(lines[index] ?? "") ? lines[index] : undefined));
}
