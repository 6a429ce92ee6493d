/** Reads the whole ledger and everything it refers to, changing nothing: is every line sound, and every blob there? */

import { messageOf } from "../platform/errors.ts";
import type { Files } from "../platform/files.ts";
import { blobsIn, foldPruned, type Pruned } from "../records/blob-references.ts";
import { type Checkpoints, CheckpointWatch, doubtOf } from "../records/checkpoint.ts";
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

/** Looks at all of it; with checkpoints also whether it passes through its own. */
export function verifyLedger(files: Files, vault: Vault, checkpoints?: Checkpoints): LedgerReport {
  const findings: LedgerFinding[] = [];
  const state = checkpoints?.read();
  const watch = new CheckpointWatch(state ?? { kind: "none", isGone: false });
  let [entries, headSeq, blobs] = [0, 0, 0];
  /** By hash, the first entry that refers to it. */
  const named = new Map<string, number>();
  const pruned = new Map<string, Pruned>();
  const end = readChain(files, vault.ledger, CHAIN_BEGIN, ({ entry }) => {
    entries += 1;
    watch.see(entry);
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
  if (fault !== undefined) findings.push({ code: "rewritten", message: fault, isDamage: true });
  else if (state !== undefined && (state.kind === "none" || state.kind === "unproven")) {
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
