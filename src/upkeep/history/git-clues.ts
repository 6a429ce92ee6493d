/** What git's events of a stretch of time say about paths: what was taken away, by which move or commit. Pure. */
import { isoTime } from "../../platform/clock.ts";
import type { DatedCommit, DatedMove, GitEvents } from "../../platform/git-events.ts";
import { type Clue, counted } from "./clues.ts";
import { type PathScope, someOf } from "./path-scope.ts";
import { MAY_TAKE, type Suspect } from "./sightings.ts";

/** So many files in one commit are told, whatever they are. */
export const MANY_FILES = 20;

/** Newest first; `isThere` tells whether a path is there now. */
export function gitClues(
  { commits, moves }: GitEvents,
  scope: PathScope,
  isThere: (path: string) => boolean,
): readonly Clue[] {
  const known = new Map(commits.map((commit) => [commit.hash, commit]));
  const own = moves.filter(({ isOwn }) => isOwn);
  const here = own.flatMap((move) => moveClue(move, known.get(move.to), scope, isThere) ?? []);
  const elsewhere = moves
    .filter(({ isOwn, what }) => !isOwn && MAY_TAKE.test(what))
    .map(
      (move): Clue => ({ ts: isoTime(move.wallMs), text: `${moveText(move)} in another worktree, ${move.worktree}` }),
    );
  const told = new Set(own.map(({ to }) => to));
  const others = commits.filter(({ hash }) => !told.has(hash)).flatMap((commit) => commitClue(commit, scope) ?? []);
  return [...here, ...elsewhere, ...others].toSorted((a, b) => (a.ts < b.ts ? 1 : Number(a.ts > b.ts) * -1));
}

function moveText({ what, from, to }: DatedMove): string {
  return `git, ${what} (${from.slice(0, 7)} → ${to.slice(0, 7)})`;
}

/** Undefined for a move that took nothing away, and cannot have. */
function moveClue(
  move: DatedMove,
  commit: DatedCommit | undefined,
  scope: PathScope,
  isThere: (path: string) => boolean,
): Clue | undefined {
  const { what, from, to, wallMs, deleted = [] } = move;
  const isCommit = what.startsWith("commit") && commit !== undefined;
  const mine = deleted.filter((path) => scope.has(path));
  const isMany = deleted.length >= MANY_FILES;
  if (mine.length === 0 && !isMany && !MAY_TAKE.test(what)) return undefined;
  const said = isCommit ? commitText(commit) : moveText(move);
  const ts = isoTime(wallMs);
  if (deleted.length === 0) return { ts, text: said, suspect: { who: said, why: whyAtWork(move), weight: 1 } };
  const gone = deleted.filter((path) => !isThere(path));
  const backText = gone.length === deleted.length ? "" : `; ${deleted.length - gone.length} of them are there again`;
  const took = `took away ${tookText(deleted, mine)}${backText}`;
  const suspect: Suspect = { who: said, why: `it ${took}`, weight: mine.length > 0 ? 3 : 2 };
  return { ts, text: `${said} ${took}`, suspect, took: { from, to, gone, isAll: backText === "" } };
}

function whyAtWork({ what, from, to }: DatedMove): string {
  return from === to && what.startsWith("reset")
    ? "it threw away what was not committed"
    : "it changed the tree in that time";
}

/** What lies in other branches took nothing away here, but may have by a way that leaves no trace. */
function commitClue(commit: DatedCommit, scope: PathScope): Clue | undefined {
  const { deleted, wallMs, hash, isMerge } = commit;
  const mine = deleted.filter((path) => scope.has(path));
  const isTold = mine.length > 0 || deleted.length >= MANY_FILES;
  if (!isTold && !isMerge) return undefined;
  const said = commitText(commit);
  const text = deleted.length === 0 ? said : `${said} deleted ${tookText(deleted, mine)}`;
  const clue = { ts: isoTime(wallMs), text, next: `show --stat ${hash.slice(0, 12)}` };
  if (mine.length === 0) return clue;
  return { ...clue, suspect: { who: said, why: `it deleted ${tookText(deleted, mine)}`, weight: 2 } };
}

function commitText({ hash, subject, author, isMerge }: DatedCommit): string {
  return `${isMerge ? "merge" : "commit"} ${hash.slice(0, 7)} "${subject}" by ${author}`;
}

/** The number as a reader has it, and what matters of it. */
function tookText(deleted: readonly string[], mine: readonly string[]): string {
  const count = counted(deleted.length, "file");
  if (mine.length === 0) return `${count} (${someOf(deleted)})`;
  return mine.length === deleted.length ? `${count}: ${someOf(mine)}` : `${count}, among them ${someOf(mine)}`;
}
