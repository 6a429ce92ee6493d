/** Reads the whole ledger and everything it refers to, changing nothing: is every line sound, and every blob there? */

import { messageOf } from "../platform/errors.ts";
import type { Files } from "../platform/files.ts";
import { blobsIn, foldPruned, type Pruned } from "../records/blob-references.ts";
import { type CheckpointState, type Checkpoints, CheckpointWatch, doubtOf } from "../records/checkpoint.ts";
import type { Content } from "../records/content.ts";
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

/** Looks at all of it; with checkpoints also whether it passes through its own, and through those that are kept elsewhere. */
export function verifyLedger(
  files: Files,
  vault: Vault,
  checkpoints?: Checkpoints,
  kept: readonly KeptCheckpoint[] = [],
): LedgerReport {
  const findings: LedgerFinding[] = [];
  const state = checkpoints?.read();
  const watch = new CheckpointWatch(state ?? { kind: "none", isGone: false });
  const others = kept.map(({ state: one, name }) => new CheckpointWatch(one, name));
  let [entries, headSeq, blobs] = [0, 0, 0];
  /** By hash, the first entry that refers to it. */
  const named = new Map<string, number>();
  const pruned = new Map<string, Pruned>();
  const end = readChain(files, vault.ledger, CHAIN_BEGIN, ({ entry }) => {
    entries += 1;
    for (const one of [watch, ...others]) one.see(entry);
    headSeq = entry.seq;
    foldPruned(pruned, entry);
    for (const hash of blobsIn(entry)) {
      blobs += 1;
      if (!named.has(hash)) named.set(hash, entry.seq);
    }
  });
  for (const [hash, seq] of named) {
    const message = pruned.has(hash) ? undefined : blobFault(vault, { blob: hash });
    if (message !== undefined)
      findings.push({ code: "missing_blob", message: `entry ${seq}: ${message}`, isDamage: true });
  }
  if (!end.ok) {
    const { segment, atByte, seq, reason, readableTo } = end.error;
    const message = `entry ${seq} at byte ${atByte} of ${segment}: ${reason}; sound entries follow up to ${readableTo}`;
    findings.push({ code: "damaged_line", message, isDamage: true });
  } else if (end.value.torn !== undefined) {
    const { segment, atByte, lostBytes } = end.value.torn;
    findings.push({
      code: "torn_tail",
      message: `${lostBytes} bytes at byte ${atByte} of ${segment} are no whole entries`,
      isDamage: false,
    });
  }
  const fault = watch.fault(headSeq);
  for (const message of [fault, ...others.map((one) => one.fault(headSeq))])
    if (message !== undefined) findings.push({ code: "rewritten", message, isDamage: true });
  if (fault === undefined && state !== undefined && (state.kind === "none" || state.kind === "unproven")) {
    const message = doubtOf(state) ?? "the ledger has no checkpoint yet";
    findings.push({ code: "no_checkpoint", message, isDamage: false });
  }
  return { entries, headSeq, blobs, pruned: pruned.size, findings };
}

function blobFault(vault: Vault, content: Content): string | undefined {
  try {
    vault.load(content);
    return undefined;
  } catch (thrown) {
    return messageOf(thrown);
  }
}
