/**
 * What may go when it is old: what commands printed, and the files that orders left in the bridge's folders. Ledger
 * segments never go; old ones are compressed. Nothing that an open order needs is touched, and nothing that is not ours.
 * May run twice, and may be stopped anywhere: each removal stands for itself.
 */
import { join } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { Clock } from "../platform/clock.ts";
import type { Files } from "../platform/files.ts";
import { listSegments } from "../records/segments.ts";
import type { Vault } from "../records/vault.ts";

const DAY_MS = 86_400_000;
/** Entries looked at before other work has its turn. */
const AT_ONCE = 200;
const compress = promisify(gzip);

export interface RetentionRules {
  /** What commands printed. */
  readonly runsDays: number;
  readonly runsBytes: number;
  /** Files in processed/, error/ and outbox/. */
  readonly folderDays: number;
  readonly compressAfterDays: number;
}

export interface RetentionTools {
  readonly files: Files;
  readonly clock: Clock;
  readonly vault: Vault;
  /** Absolute. */
  readonly base: string;
  readonly rules: RetentionRules;
  /** True while an order needs what its commands printed. */
  readonly isOpen: (orderId: string) => boolean;
  /** Segments before this one are behind the index snapshot. */
  readonly snapshotSegment: number;
}

export interface RetentionReport {
  /** Orders whose commands' output was removed. */
  readonly runs: number;
  /** Files removed from the bridge's folders. */
  readonly files: number;
  /** Ledger segments compressed. */
  readonly segments: number;
}

/** Does it; returns what was done. */
export async function applyRetention(tools: RetentionTools): Promise<RetentionReport> {
  const runs = await trimRuns(tools);
  const files = await trimFolders(tools);
  const segments = await compressSegments(tools);
  return { runs, files, segments };
}

/** The bytes of all files below a folder. */
export async function treeBytes(files: Files, clock: Clock, folder: string): Promise<number> {
  return (await measure(files, clock, folder)).bytes;
}

/** Oldest first: those that are too old, then as many as it takes to be within the limit. */
async function trimRuns({ files, clock, vault, rules, isOpen }: RetentionTools): Promise<number> {
  const runs: { readonly path: string; readonly id: string; readonly bytes: number; readonly newestMs: number }[] = [];
  for (const { name } of files.list(vault.runs) ?? []) {
    const path = join(vault.runs, name);
    runs.push({ path, id: name, ...(await measure(files, clock, path)) });
  }
  const oldestMs = clock.now() - rules.runsDays * DAY_MS;
  let bytes = runs.reduce((sum, run) => sum + run.bytes, 0);
  let count = 0;
  for (const run of runs.toSorted((a, b) => a.newestMs - b.newestMs)) {
    if (run.newestMs >= oldestMs && bytes <= rules.runsBytes) break;
    if (isOpen(run.id)) continue;
    files.removeTree(run.path);
    bytes -= run.bytes;
    count += 1;
    await clock.breathe();
  }
  return count;
}

async function trimFolders({ files, clock, base, rules }: RetentionTools): Promise<number> {
  const beforeMs = clock.now() - rules.folderDays * DAY_MS;
  const bridge = join(base, "bridge");
  let count = 0;
  for (const lane of foldersIn(files, join(bridge, "processed"))) count += trimProcessed(files, lane, beforeMs);
  for (const lane of foldersIn(files, join(bridge, "error"))) count += await trimErrors(files, clock, lane, beforeMs);
  for (const lane of foldersIn(files, join(bridge, "outbox"))) count += await trimOutbox(files, clock, lane, beforeMs);
  return count;
}

/** By the month that a folder is named after: a moved file keeps its own time, which says nothing. */
function trimProcessed(files: Files, lane: string, beforeMs: number): number {
  let count = 0;
  for (const folder of foldersIn(files, lane)) {
    const month = /\/(\d{4})(\d{2})$/.exec(folder);
    if (month === null || Date.UTC(Number(month[1]), Number(month[2])) > beforeMs) continue;
    count += files.list(folder)?.length ?? 0;
    files.removeTree(folder);
  }
  return count;
}

/** By the report beside the file: it was written when the file came. */
async function trimErrors(files: Files, clock: Clock, lane: string, beforeMs: number): Promise<number> {
  return trimWhere(files, clock, lane, (name) => {
    if (!name.endsWith(".error.json") || !isOlder(files, join(lane, name), beforeMs)) return [];
    return [name.slice(0, -".error.json".length), name];
  });
}

async function trimOutbox(files: Files, clock: Clock, lane: string, beforeMs: number): Promise<number> {
  return trimWhere(files, clock, lane, (name) => {
    const isOurs = name.endsWith(".ack.json") || name.endsWith("_result.yaml");
    return isOurs && isOlder(files, join(lane, name), beforeMs) ? [name] : [];
  });
}

async function trimWhere(
  files: Files,
  clock: Clock,
  folder: string,
  namesToRemove: (name: string) => readonly string[],
): Promise<number> {
  let count = 0;
  for await (const names of files.namesIn(folder)) {
    for (const name of names.flatMap(namesToRemove)) {
      const path = join(folder, name);
      if (files.info(path) === undefined) continue;
      files.removeTree(path);
      count += 1;
    }
    await clock.breathe();
  }
  return count;
}

/** A segment is whole under its new name before the old one goes; both are read as one. */
async function compressSegments(tools: RetentionTools): Promise<number> {
  const { files, clock, vault, rules, snapshotSegment } = tools;
  const beforeMs = clock.now() - rules.compressAfterDays * DAY_MS;
  let count = 0;
  for (const { name, number, compressed } of listSegments(files, vault.ledger)) {
    const path = join(vault.ledger, name);
    if (compressed || number >= snapshotSegment || !isOlder(files, path, beforeMs)) continue;
    const bytes = files.read(path);
    if (bytes === undefined) continue;
    await files.replace(`${path}.gz`, await compress(bytes), 0o600);
    files.remove(path);
    count += 1;
  }
  return count;
}

function foldersIn(files: Files, folder: string): string[] {
  return (files.list(folder) ?? []).flatMap(({ name, kind }) => (kind === "folder" ? [join(folder, name)] : []));
}

function isOlder(files: Files, path: string, beforeMs: number): boolean {
  const info = files.info(path);
  return info?.kind === "file" && info.modifiedMs < beforeMs;
}

async function measure(
  files: Files,
  clock: Clock,
  folder: string,
): Promise<{ readonly bytes: number; readonly newestMs: number }> {
  const open = [folder];
  let [bytes, newestMs, seen] = [0, 0, 0];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    for (const { name, kind } of files.list(path) ?? []) {
      if (kind === "folder") open.push(join(path, name));
      const info = files.info(join(path, name));
      if (info?.kind !== "file") continue;
      bytes += info.sizeBytes;
      newestMs = Math.max(newestMs, info.modifiedMs);
      seen += 1;
      if (seen % AT_ONCE === 0) await clock.breathe();
    }
  }
  return { bytes, newestMs };
}
