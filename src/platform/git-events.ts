/** What git did to a tree in a stretch of time: the commits of all branches, the moves of every HEAD, and what each took away. */
import type { Files } from "./files.ts";
import { complaintOf, folderWithGit, runGit } from "./git.ts";
import { type HeadMove, headMoves, isTime, MOVES_MAX, recordsIn, SECOND_MS } from "./git-history.ts";
import { err, ok, type Result } from "./result.ts";

const COMMITS_MAX = 500;
/** Names as they are, but for what would break a line. */
const PLAIN_NAMES = ["-c", "core.quotePath=false"] as const;
const LOG = [
  ...PLAIN_NAMES,
  "log",
  "--all",
  "--reflog",
  "--relative",
  "--no-renames",
  "--name-status",
  // Of a merge what it did to the branch that it was made on.
  "--diff-merges=first-parent",
  // A line begins with NUL where it is a commit's own: no name and no message can hold one.
  "--format=%x00%H%x00%ct%x00%an%x00%s%x00%P%x00",
] as const;

/** A commit of any branch, also one that only a reflog still knows. */
export interface DatedCommit {
  readonly hash: string;
  readonly wallMs: number;
  readonly author: string;
  readonly subject: string;
  readonly isMerge: boolean;
  /** What it deleted below the base, called from there. */
  readonly deleted: readonly string[];
}

/** A move of a HEAD, and what of the base it took away; undefined where git cannot say, or it was not looked at. */
export interface DatedMove extends HeadMove {
  readonly deleted: readonly string[] | undefined;
}

/** Newest first. */
export interface GitEvents {
  readonly commits: readonly DatedCommit[];
  readonly moves: readonly DatedMove[];
  /** What could not be read, and why. */
  readonly unread: readonly string[];
}

export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/**
 * Undefined where the base is in no git tree; what git says where it could not be asked. `leftMs` tells how long this may
 * still take: what is not looked at by then is named.
 */
export async function gitEvents(
  files: Files,
  base: string,
  { fromMs, toMs }: Span,
  leftMs: () => number,
): Promise<Result<GitEvents | undefined, string>> {
  if (folderWithGit(files, base) === undefined) return ok(undefined);
  const span = [`--since=@${Math.floor(fromMs / SECOND_MS)}`, `--until=@${Math.ceil(toMs / SECOND_MS)}`];
  const log = await runGit([...LOG, `-n${COMMITS_MAX}`, ...span, "--", "."], base, "", leftMs());
  if (log.exitCode !== 0) return err(complaintOf(log));
  const commits = commitsIn(log.stdout);
  const heads = await headMoves(base, leftMs);
  const unread = [...heads.unread];
  if (commits.length === COMMITS_MAX) unread.push(`commits before the newest ${COMMITS_MAX}`);
  const trees = [...new Set(heads.moves.map(({ worktree }) => worktree))];
  for (const tree of trees) {
    const known = heads.moves.filter(({ worktree }) => worktree === tree);
    if (known.length >= MOVES_MAX - 1 && (known.at(-1)?.wallMs ?? 0) > fromMs)
      unread.push(`moves of ${tree} before the newest ${known.length}`);
  }
  const moves: DatedMove[] = [];
  // A reflog's seconds are whole: what happened in the span's last one is in it.
  for (const move of heads.moves.filter(({ wallMs }) => wallMs > fromMs - SECOND_MS && wallMs <= toMs)) {
    const deleted = leftMs() <= 0 ? undefined : await deletedBy(move, base, leftMs());
    if (deleted === undefined) unread.push(`what ${move.what} (${move.to.slice(0, 7)}) took away`);
    moves.push({ ...move, deleted });
  }
  return ok({ commits, moves, unread });
}

function commitsIn(text: string): readonly DatedCommit[] {
  return recordsIn(text, 6).flatMap(
    ([hash = "", seconds = "", author = "", subject = "", parents = "", lines = ""]) => {
      const wallMs = Number(seconds) * SECOND_MS;
      if (!/^[0-9a-f]{40,64}$/.test(hash) || !isTime(wallMs)) return [];
      const deleted = lines.split("\n").flatMap((line) => (line.startsWith("D\t") ? [line.slice(2)] : []));
      return [{ hash, wallMs, author, subject, isMerge: parents.includes(" "), deleted }];
    },
  );
}

async function deletedBy({ from, to }: HeadMove, base: string, leftMs: number): Promise<readonly string[] | undefined> {
  if (from === to) return [];
  const words = ["diff", "--relative", "--name-only", "--no-renames", "--diff-filter=D", from, to, "--"];
  const end = await runGit([...PLAIN_NAMES, ...words], base, "", leftMs);
  return end.exitCode === 0 ? end.stdout.split("\n").filter((line) => line !== "") : undefined;
}
