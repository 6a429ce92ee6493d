/**
 * Which blobs entries refer to, and which of them were pruned: given up on purpose, with the entry that says so. What an
 * entry refers to is found by its shape alone, so that no event, not even a later version's, is passed over.
 */
import type { Files } from "../platform/files.ts";
import { isRecord } from "../platform/result.ts";
import type { Entry } from "./chain.ts";
import { readEntriesHaving } from "./ledger-reading.ts";
import type { OrderRecord } from "./order-record.ts";
import { readEntryAt } from "./segments.ts";

const HASH = /^[0-9a-f]{64}$/;

/** Many blobs were given up; what a later entry refers to again was kept again by then. */
export interface BlobsPruned {
  readonly event: "blobs_pruned";
  readonly by: string;
  /** ISO-8601: what orders that came to rest, and snapshots, from then on refer to was not given up. */
  readonly kept_from: string;
  /** Their hashes. Once this is durable they may be gone, and are never missed. */
  readonly blobs: readonly string[];
  readonly count: number;
  readonly bytes: number;
}

/** When something was pruned, and who asked for it. */
export interface Pruned {
  readonly ts: string;
  readonly by: string;
}

/** Hashes of the blobs that an entry, or a part of one, refers to: each as often as it does. */
export function blobsIn(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(blobsIn);
  if (!isRecord(value)) return [];
  const { blob } = value;
  if (typeof blob === "string" && HASH.test(blob)) return [blob];
  return Object.values(value).flatMap((one) => (typeof one === "object" ? blobsIn(one) : []));
}

/** Keeps by hash what is pruned by now, with one more entry. */
export function foldPruned(pruned: Map<string, Pruned>, entry: Entry): void {
  if (entry.event === "blobs_pruned") {
    for (const hash of entry.blobs) pruned.set(hash, { ts: entry.ts, by: entry.by });
  } else if (pruned.size > 0) {
    for (const hash of blobsIn(entry)) pruned.delete(hash);
  }
}

/** When a blob that is missing was pruned; undefined when it was not: then it is lost. */
export function prunedAt(files: Files, ledgerFolder: string, hash: string): Pruned | undefined {
  const pruned = new Map<string, Pruned>();
  for (const entry of readEntriesHaving(files, ledgerFolder, `"${hash}"`)) foldPruned(pruned, entry);
  return pruned.get(hash);
}

/** The blobs of an order: of all that it was read from, and of its latest plan. */
export function blobsOf(
  files: Files,
  ledgerFolder: string,
  { acceptedAt, plan }: OrderRecord,
): { readonly source: readonly string[]; readonly plan: readonly string[] } {
  const at = (position: typeof acceptedAt) => blobsIn(readEntryAt(files, ledgerFolder, position));
  return { source: at(acceptedAt), plan: plan === undefined ? [] : at(plan.at) };
}
