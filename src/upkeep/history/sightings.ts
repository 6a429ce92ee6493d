/** What anybody wrote down about paths, from the sources that a base has: when they were there, when they were gone, and who was near. */
import { join } from "node:path";
import { isoTime } from "../../platform/clock.ts";
import type { Files } from "../../platform/files.ts";
import { type GitHistory, type GitMove, SECOND_MS } from "../../platform/git-history.ts";
import { isRecord, parseJson } from "../../platform/result.ts";
import { blobsIn } from "../../records/blob-references.ts";
import type { Entry } from "../../records/chain.ts";
import { type HomedBase, plannedName } from "../../records/component-place.ts";
import type { PlannedFile } from "../../records/events.ts";
import type { PathScope } from "./path-scope.ts";

export type SourceName = "git" | "ledger" | "guardrail" | "mls" | "rollback log" | "LaunchAgent" | "disk";

/** Who may have taken it away. */
export interface Suspect {
  readonly who: string;
  readonly why: string;
  /** 3: it is written down that it did. 2: it names the path, or takes away whatever it finds. 1: it was at work. */
  readonly weight: 1 | 2 | 3;
}

/** One thing that one source says. */
export interface Sighting {
  readonly ts: string;
  readonly source: SourceName;
  readonly text: string;
  /** What it says of the path at that time; absent where it says nothing of that. */
  readonly state?: "there" | "gone" | "broken";
  readonly suspect?: Suspect;
  /** It tells of versions that the vault has no more. */
  readonly isPruning?: true;
}

/** What could be read, and what could not. */
export interface SourceReport {
  readonly name: string;
  readonly state: "read" | "none" | "unread";
  readonly note?: string;
}

export interface Read {
  readonly sightings: readonly Sighting[];
  readonly sources: readonly SourceReport[];
}

/** Moves that change the tree, and may so take away what no commit has. */
export const MAY_TAKE = /^(?:reset|checkout|pull|merge|rebase|am|cherry-pick|revert)/;

/** What git's history says. What it took away was gone by the end of that second. */
export function gitSightings({ commits, moves }: GitHistory): readonly Sighting[] {
  const ofCommits = commits.map(({ hash, wallMs, author, subject, change }): Sighting => {
    const said = {
      ts: isoTime(wallMs),
      source: "git",
      text: `commit ${hash} "${subject}" by ${author} ${change} it`,
    } as const;
    if (change !== "deleted") return { ...said, state: "there" };
    return { ...said, suspect: { who: `commit ${hash} "${subject}" by ${author}`, why: "it deletes it", weight: 2 } };
  });
  // The oldest first: reflogs know the order of what happened within one second.
  const inOrder = moves.toReversed();
  const ofMoves = inOrder.map((move, index) => {
    if (!move.isOwn) return saidOf(move);
    const isBack = inOrder.some(
      ({ isOwn, wallMs, before, after }, at) =>
        at > index && isOwn && wallMs === move.wallMs && before === undefined && after !== undefined,
    );
    return ownMove(move, isBack ? 0 : SECOND_MS);
  });
  return [...ofCommits, ...ofMoves];
}

/** What happens in another worktree takes nothing away in this one. */
function saidOf({ wallMs, worktree, what, from, to }: GitMove) {
  const text = `${what} (${from.slice(0, 7)} → ${to.slice(0, 7)}, ${worktree})`;
  return { ts: isoTime(wallMs), source: "git", text } as const;
}

/** What it took away was gone so long after its time, at the latest. */
function ownMove(move: GitMove, tookMs: number): Sighting {
  const { wallMs, what, from, to, before, after } = move;
  const { ts, source, text } = saidOf(move);
  const who = `git, ${what}`;
  if (before === undefined && after !== undefined)
    return { ts, source, text: `${text}: HEAD has it from here on`, state: "there" };
  if (before !== undefined && after === undefined)
    return {
      ts: isoTime(wallMs + tookMs),
      source,
      text: `${text}: HEAD has it no more`,
      state: "gone",
      suspect: { who, why: `HEAD had it at ${from.slice(0, 7)} and not at ${to.slice(0, 7)}`, weight: 3 },
    };
  const suspect: Suspect = { who, why: "it changed the tree in that time", weight: 1 };
  return { ts, source, text, ...(MAY_TAKE.test(what) ? { suspect } : {}) };
}

/** Commands that take away what they were not told the names of. */
export const WIPE =
  /\bgit\b[^|;&\n]*?\s(?:clean|reset\s+--hard|checkout\s+(?:--\s+)?\.|restore|stash)(?!\w)|\brm\s+-\w*r/;

/** What orders did to them, and what the guardrail saw of them. */
export function ledgerSightings(entries: Iterable<Entry>, base: HomedBase, scope: PathScope): readonly Sighting[] {
  const found: Sighting[] = [];
  const planned = new Map<string, readonly PlannedFile[]>();
  const blobs = new Set<string>();
  const say = ({ ts }: Entry, text: string, more: Partial<Sighting>) =>
    found.push({ ts, source: "ledger", text, ...more });
  for (const entry of entries) {
    for (const hash of blobsAt(entry, base, scope)) blobs.add(hash);
    switch (entry.event) {
      case "blobs_pruned": {
        const count = entry.blobs.filter((hash) => blobs.delete(hash)).length;
        const text = `${count} ${count === 1 ? "version" : "versions"} of it pruned from the vault, by ${entry.by}`;
        if (count > 0) say(entry, text, { isPruning: true });
        break;
      }
      case "patch_planned": {
        const mine = plannedIn(entry.files, base, scope);
        if (mine.length > 0) planned.set(entry.wo_id, mine);
        break;
      }
      case "patch_applied": {
        const [wrote, deleted] = [true, false].map((isThere) =>
          (planned.get(entry.wo_id) ?? [])
            .filter(({ after }) => (after !== undefined) === isThere)
            .map(({ path }) => path),
        );
        planned.delete(entry.wo_id);
        if (wrote !== undefined && wrote.length > 0)
          say(entry, `order ${entry.wo_id} wrote ${scope.called(wrote)}`, { state: "there" });
        // What something was left of is not gone.
        if (deleted === undefined || deleted.length === 0 || (scope.isOne && wrote?.length !== 0)) break;
        const why = `deleted ${scope.called(deleted)}`;
        const suspect: Suspect = { who: `order ${entry.wo_id}`, why: `it ${why}`, weight: 3 };
        say(entry, `order ${entry.wo_id} ${why}`, { state: "gone", suspect });
        break;
      }
      case "step_started": {
        const named = scope.namedIn(entry.name);
        const why = `it ran \`${entry.name}\`${named === undefined ? "" : `, which names ${scope.called([named])}`}`;
        const weight = named !== undefined || WIPE.test(entry.name) ? 2 : 1;
        const suspect: Suspect = { who: `order ${entry.wo_id}`, why, weight };
        say(entry, `order ${entry.wo_id} ran \`${entry.name}\``, { suspect });
        break;
      }
      default:
        found.push(...guardrailSightings(entry, scope));
    }
  }
  return found;
}

/** Those in the scope, by what they are called. */
function plannedIn(files: readonly PlannedFile[], base: HomedBase, scope: PathScope): readonly PlannedFile[] {
  return files.flatMap((file) => {
    const path = plannedName(base, file);
    return path !== undefined && scope.has(path) ? [{ ...file, path }] : [];
  });
}

/** The blobs that hold versions of what is in the scope. */
function blobsAt(entry: Entry, base: HomedBase, scope: PathScope): readonly string[] {
  const isMine = ({ path }: { readonly path: string }) => scope.has(path);
  if (entry.event === "patch_planned") return blobsIn(plannedIn(entry.files, base, scope));
  if (entry.event === "components_accepted") return blobsIn(entry.components.filter(isMine));
  return entry.event === "snapshot_taken" ? blobsIn(entry.files.filter(isMine)) : [];
}

function guardrailSightings(entry: Entry, scope: PathScope): readonly Sighting[] {
  const { ts } = entry;
  const source = "guardrail";
  if (entry.event === "components_accepted" && entry.components.some(({ path }) => scope.has(path)))
    return [{ ts, source, text: `accepted as it was, by ${entry.by}`, state: "there" }];
  if (entry.event === "snapshot_taken" && entry.files.some(({ path }) => scope.has(path)))
    return [{ ts, source: "ledger", text: `kept in a snapshot, by ${entry.by}`, state: "there" }];
  if (entry.event === "components_released" && entry.paths.some((path) => scope.has(path)))
    return [{ ts, source, text: `not guarded any more, by ${entry.by}` }];
  if (entry.event === "wo_pipeline_healed" && scope.has(entry.path))
    return [{ ts, source, text: entry.what, state: "there" }];
  if (entry.event !== "wo_pipeline_drift" || !scope.has(entry.missing)) return [];
  const isGone = ["missing", "moved", "removed_by_git"].includes(entry.reason);
  const drift: Sighting = { ts, source, text: entry.message, state: isGone ? "gone" : "broken" };
  if (entry.last_seen === undefined) return [drift];
  return [{ ts: entry.last_seen, source, text: "as it has to be", state: "there" }, drift];
}

/** Files of lines that people and tools keep beside the work. */
interface Notebook {
  readonly source: SourceName;
  readonly folder: string;
  /** Of its files: as people write it, and as it is looked for. */
  readonly pattern: string;
  readonly names: RegExp;
  readonly read: (line: string) => { readonly ts?: string; readonly text: string } | undefined;
  readonly isSuspect: boolean;
}

const FILE_BYTES_MAX = 16 * 1024 * 1024;
const LINE_SHOWN = 200;
const NOTEBOOKS: readonly Notebook[] = [
  { source: "mls", folder: "mls/ledger", pattern: "*.jsonl", names: /\.jsonl$/, read: readLesson, isSuspect: false },
  {
    source: "rollback log",
    folder: "logs",
    pattern: "rollback_*.log",
    names: /^rollback_.*\.log$/,
    read: readLogLine,
    isSuspect: true,
  },
];

/** What lessons and rollback logs say of them; `wanted` is which of the two, both without. */
export function notebookSightings(files: Files, base: string, scope: PathScope, wanted?: SourceName): Read {
  const sightings: Sighting[] = [];
  const sources: SourceReport[] = [];
  for (const notebook of NOTEBOOKS.filter(({ source }) => wanted === undefined || source === wanted)) {
    const names = (files.list(join(base, notebook.folder)) ?? []).filter(({ name }) => notebook.names.test(name));
    if (names.length === 0) sources.push({ name: `${notebook.folder}/${notebook.pattern}`, state: "none" });
    for (const { name } of names) {
      const place = `${notebook.folder}/${name}`;
      const reading = files.peek(join(base, place), FILE_BYTES_MAX);
      if (reading.kind !== "file") {
        sources.push({ name: place, state: "unread", note: reading.kind });
        continue;
      }
      const lines = reading.bytes.toString("utf8").split("\n");
      const changed = isoTime(reading.info.modifiedMs);
      const { found, bad } = readNotebook(notebook, lines, { scope, place, changed });
      sightings.push(...found);
      sources.push(
        bad > 0 ? { name: place, state: "unread", note: `${bad} lines are no JSON` } : { name: place, state: "read" },
      );
    }
  }
  return { sightings, sources };
}

function readNotebook(
  { source, read, isSuspect }: Notebook,
  lines: readonly string[],
  { scope, place, changed }: { readonly scope: PathScope; readonly place: string; readonly changed: string },
): { readonly found: readonly Sighting[]; readonly bad: number } {
  const found: Sighting[] = [];
  let bad = 0;
  for (const line of lines) {
    const said = line.trim() === "" ? undefined : read(line);
    if (said === undefined) bad += line.trim() === "" ? 0 : 1;
    if (said === undefined || scope.looselyNamedIn(line) === undefined) continue;
    const suspect: Suspect = { who: place, why: `it says: ${said.text}`, weight: 2 };
    const more = isSuspect ? { suspect } : {};
    found.push({ ts: said.ts ?? changed, source, text: `${place}: ${said.text}`, ...more });
  }
  return { found, bad };
}

function readLesson(line: string): { readonly ts?: string; readonly text: string } | undefined {
  const value = parseJson(line);
  if (!isRecord(value)) return undefined;
  const told = ["ts", "timestamp", "date"].map((key) => value[key]).find((one) => typeof one === "string");
  const said = ["title", "summary", "description", "message"]
    .map((key) => value[key])
    .find((one) => typeof one === "string");
  const ts = timeIn(told ?? "");
  return { text: (said ?? line).slice(0, LINE_SHOWN), ...(ts === undefined ? {} : { ts }) };
}

function readLogLine(line: string): { readonly ts?: string; readonly text: string } {
  const ts = timeIn(line);
  return { text: line.trim().slice(0, LINE_SHOWN), ...(ts === undefined ? {} : { ts }) };
}

/** The first time in a text; without a zone it is this machine's. */
export function timeIn(text: string): string | undefined {
  const found = /\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:?\d{2})?)?/.exec(text)?.[0];
  const wallMs = found === undefined ? Number.NaN : Date.parse(found.replace(" ", "T"));
  return Number.isNaN(wallMs) ? undefined : isoTime(wallMs);
}
