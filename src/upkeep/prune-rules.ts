/** Which blobs may be pruned: those that nothing needs any more, by the order index and the vault as they are at that moment. */

import { isResting } from "../orders/status.ts";
import { type Clock, isoTime } from "../platform/clock.ts";
import type { Files } from "../platform/files.ts";
import { blobsIn, foldPruned, type Pruned } from "../records/blob-references.ts";
import type { Books } from "../records/books.ts";
import type { Entry } from "../records/chain.ts";
import { orderKey } from "../records/order-record.ts";

const DAY_MS = 86_400_000;

export interface PruneRules {
  /** What orders that came to rest since, and snapshots since, refer to is kept for so many days. */
  readonly vaultDays: number;
  /** And what the newest so many orders at rest refer to, and all that is younger than the oldest of these. */
  readonly vaultOrders: number;
  /** Of the rest, the oldest goes until all blobs take up no more than this; undefined: all of the rest goes. */
  readonly vaultBytes?: number | undefined;
}

export const KEEP_REASONS = [
  "open",
  "recent",
  "component",
  "configuration",
  "on_its_way",
  "unknown",
  "within_size",
] as const;
/** Why a blob is kept. `unknown`: the ledger cannot say whose it is. */
export type KeepReason = (typeof KEEP_REASONS)[number];

/** All that refers to a blob. */
export interface References {
  /** Keys of orders. */
  readonly orders: Set<string>;
  /** The newest of what refers to it by itself: a snapshot, what was accepted of a component or replaced in it. */
  newest: string;
  /** Something that is never pruned, or that this version does not know. */
  lasting: "configuration" | "unknown" | undefined;
}

/** What the ledger tells of blobs, up to one entry. */
export interface LedgerLook {
  readonly references: ReadonlyMap<string, References>;
  readonly pruned: ReadonlyMap<string, Pruned>;
  /** Entries of it are lost: what nobody refers to may be theirs. */
  readonly hasGap: boolean;
}

/** Takes in entry by entry what they refer to. */
export class ReferenceFold implements LedgerLook {
  readonly references = new Map<string, References>();
  readonly pruned = new Map<string, Pruned>();
  hasGap = false;

  take(entry: Entry): void {
    if (entry.event === "ledger_repaired") this.hasGap = true;
    foldPruned(this.pruned, entry);
    for (const hash of blobsIn(entry)) {
      const known = this.references.get(hash) ?? { orders: new Set(), newest: "", lasting: undefined };
      this.references.set(hash, known);
      refer(known, entry);
    }
  }
}

function refer(references: References, entry: Entry): void {
  switch (entry.event) {
    case "wo_accepted":
    case "patch_planned":
    case "patch_applied":
      references.orders.add(orderKey(entry.wo_id));
      return;
    case "components_accepted":
    case "snapshot_taken":
    case "wo_pipeline_healed":
      if (entry.ts > references.newest) references.newest = entry.ts;
      return;
    case "config_accepted":
    case "base_attached":
      references.lasting ??= "configuration";
      return;
    default:
      references.lasting = "unknown";
  }
}

/** ISO-8601: what is younger is kept, by the rules; "" while there are too few orders for anything to go. */
export async function keptFrom(
  { files, clock, books }: { readonly files: Files; readonly clock: Clock; readonly books: Books },
  { vaultDays, vaultOrders }: PruneRules,
): Promise<string> {
  const byAge = clock.now() - vaultDays * DAY_MS;
  if (vaultOrders === 0) return isoTime(byAge);
  const slice = files.slices();
  const rested: number[] = [];
  for (const { status, restedTs = "" } of books.index.summaries()) {
    await slice();
    if (isResting(status) && restedTs !== "") rested.push(Date.parse(restedTs));
  }
  const byCount = Float64Array.from(rested).sort().at(-vaultOrders);
  return byCount === undefined ? "" : isoTime(Math.min(byAge, byCount));
}

/** What stands at one moment, in one turn of the process: to be asked anew after each wait. */
export interface Standing {
  /** Keys of orders that are not at rest, or whose file is not where it belongs. */
  readonly open: ReadonlySet<string>;
  /** Of guarded components, as they have to be. */
  readonly components: ReadonlySet<string>;
}

export function standingNow({ index }: Books): Standing {
  return {
    open: new Set(index.open.map(({ id }) => orderKey(id))),
    components: new Set(blobsIn(index.facts.components?.guarded)),
  };
}

export interface Judge {
  readonly books: Books;
  readonly look: LedgerLook;
  readonly keptFrom: string;
  /** Referred to by entries behind the look. */
  readonly since: ReadonlySet<string>;
}

/** Why a blob is kept; undefined when nothing needs it. */
export function reasonToKeep(
  { books, look, keptFrom: from, since }: Judge,
  { open, components }: Standing,
  hash: string,
): KeepReason | undefined {
  const { vault, index } = books;
  if (vault.isAwaited(hash) || since.has(hash)) return "on_its_way";
  if (components.has(hash)) return "component";
  const known = look.references.get(hash);
  if (known === undefined) return look.hasGap ? "unknown" : undefined;
  if (known.lasting !== undefined) return known.lasting;
  for (const key of known.orders) {
    if (open.has(key)) return "open";
    const summary = index.summary(key);
    if (summary === undefined || (summary.restedTs ?? "") === "") return "unknown";
    if ((summary.restedTs ?? "") >= from) return "recent";
  }
  return known.newest >= from && known.newest !== "" ? "recent" : undefined;
}

/** When the youngest of what refers to it came to rest or was taken; "" for what nothing refers to. */
export function ageOf({ books, look }: Judge, hash: string): string {
  const known = look.references.get(hash);
  if (known === undefined) return "";
  const rested = [...known.orders].map((key) => books.index.summary(key)?.restedTs ?? "");
  return [known.newest, ...rested].reduce((newest, ts) => (ts > newest ? ts : newest), "");
}
