/** Reads the whole ledger and everything it refers to, changing nothing: is every line sound, and every blob there? */

import { messageOf } from "../platform/errors.ts";
import type { Files } from "../platform/files.ts";
import { blobsIn, foldPruned, type Pruned } from "../records/blob-references.ts";
import { type CheckpointState, type Checkpoints, CheckpointWatch, doubtOf } from "../records/checkpoint.ts";
import { CHAIN_BEGIN, readChain } from "../records/ledger-reading.ts";
import type { Vault } from "../records/vault.ts";

export interface LedgerFinding {
  readonly code: "damaged_line" | "missing_blob" | "torn_tail" | "rewritten" | "no_checkpoint";
  readonly message: string;
  /** A torn tail is what a crash leaves: the next start mends it. A missing checkpoint is made anew by the next start. */
  readonly isDamage: boolean;
}

export interface LedgerReport {
  /** Entries whose chain holds, from the first on. */
  readonly entries: number;
  readonly headSeq: number;
  /** How often entries refer to one. */
  readonly blobs: number;
  /** Blobs that were given up on purpose; whether they are there is not asked. */
  readonly pruned: number;
  readonly findings: readonly LedgerFinding[];
}

/** A checkpoint that is kept elsewhere than in the vault, and what it is called. */
export interface KeptCheckpoint {
  readonly name: string;
  readonly state: CheckpointState;
}

/** What was not read of the contents that are there. */
interface Unread {
  readonly count: number;
  readonly bytes: number;
}

/** Looks at all of it; with checkpoints also whether it passes through its own, and through those that are kept elsewhere. */
export function verifyLedger(
  files: Files,
  vault: Vault,
  checkpoints?: Checkpoints,
  kept: readonly KeptCheckpoint[] = [],
): LedgerReport {
  const { report, needed, findings } = readLines(files, vault, checkpoints, kept);
  const missing = [...needed].flatMap(([hash, seq]) => blobFaults(vault, hash, seq));
  return { ...report, findings: [...missing, ...findings] };
}

/**
 * The same for who cannot wait for gigabytes: every content has to be there, and contents are read as long as they sum below
 * `contentBytes`. Lets other work go on between two of them.
 */
export async function lookOverLedger(
  files: Files,
  vault: Vault,
  checkpoints: Checkpoints,
  contentBytes: number,
): Promise<LedgerReport & { readonly unread: Unread }> {
  const { report, needed, findings } = readLines(files, vault, checkpoints, []);
  const slice = files.slices();
  const missing: LedgerFinding[] = [];
  let [readBytes, count, bytes] = [0, 0, 0];
  for (const [hash, seq] of needed) {
    await slice();
    const sizeBytes = vault.sizeOf(hash) ?? 0;
    if (readBytes + sizeBytes > contentBytes) {
      count += 1;
      bytes += sizeBytes;
      continue;
    }
    readBytes += sizeBytes;
    missing.push(...blobFaults(vault, hash, seq));
  }
  return { ...report, findings: [...missing, ...findings], unread: { count, bytes } };
}

interface ReadLines {
  readonly report: Omit<LedgerReport, "findings">;
  /** Blobs that have to be there, with the first entry that refers to each. */
  readonly needed: ReadonlyMap<string, number>;
  readonly findings: readonly LedgerFinding[];
}

function readLines(
  files: Files,
  vault: Vault,
  checkpoints: Checkpoints | undefined,
  kept: readonly KeptCheckpoint[],
): ReadLines {
  const findings: LedgerFinding[] = [];
  const state = checkpoints?.read();
  const watch = new CheckpointWatch(state ?? { kind: "none", isGone: false });
  const others = kept.map(({ state: one, name }) => new CheckpointWatch(one, name));
  let [entries, headSeq, blobs] = [0, 0, 0];
  const needed = new Map<string, number>();
  const pruned = new Map<string, Pruned>();
  const end = readChain(files, vault.ledger, CHAIN_BEGIN, ({ entry }) => {
    entries += 1;
    for (const one of [watch, ...others]) one.see(entry);
    headSeq = entry.seq;
    foldPruned(pruned, entry);
    for (const hash of blobsIn(entry)) {
      blobs += 1;
      if (!needed.has(hash)) needed.set(hash, entry.seq);
    }
  });
  for (const hash of pruned.keys()) needed.delete(hash);
  if (!end.ok) {
    const { segment, atByte, seq, reason, readableTo } = end.error;
    const message = `entry ${seq} at byte ${atByte} of ${segment}: ${reason}; sound entries follow up to ${readableTo}`;
    findings.push({ code: "damaged_line", message, isDamage: true });
  } else if (end.value.torn !== undefined) {
    const { segment, atByte, lostBytes } = end.value.torn;
    const message = `${lostBytes} bytes at byte ${atByte} of ${segment} are no whole entries`;
    findings.push({ code: "torn_tail", message, isDamage: false });
  }
  const fault = watch.fault(headSeq);
  for (const message of [fault, ...others.map((one) => one.fault(headSeq))])
    if (message !== undefined) findings.push({ code: "rewritten", message, isDamage: true });
  if (fault === undefined && state !== undefined && (state.kind === "none" || state.kind === "unproven")) {
    const message = doubtOf(state) ?? "the ledger has no checkpoint yet";
    findings.push({ code: "no_checkpoint", message, isDamage: false });
  }
  return { report: { entries, headSeq, blobs, pruned: pruned.size }, needed, findings };
}

function blobFaults(vault: Vault, hash: string, seq: number): readonly LedgerFinding[] {
  try {
    vault.load({ blob: hash });
    return [];
  } catch (thrown) {
    return [{ code: "missing_blob", message: `entry ${seq}: ${messageOf(thrown)}`, isDamage: true }];
  }
}
