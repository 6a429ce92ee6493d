/**
 * Pruning the vault: blobs that only old orders at rest, old snapshots or nobody refers to are given up, for whoever holds
 * the books. The ledger names them before the first one is removed, so that a reader who misses one knows since when; what
 * a crash leaves unremoved is removed by `finishPruning`. A blob that is kept again meanwhile stays.
 */
import type { Clock } from "../platform/clock.ts";
import { BridgeError } from "../platform/errors.ts";
import type { Files } from "../platform/files.ts";
import { type BlobsPruned, blobsIn } from "../records/blob-references.ts";
import type { Books } from "../records/books.ts";
import { readChainInSlices } from "../records/ledger-reading.ts";
import {
  ageOf,
  type Judge,
  KEEP_REASONS,
  type KeepReason,
  keptFrom,
  type PruneRules,
  ReferenceFold,
  reasonToKeep,
  standingNow,
} from "./prune-rules.ts";

/** So many in one entry: its line stays small, and a batch is judged in one turn. */
const PER_ENTRY = 200;
const ORDERS_TOLD = 1000;

export interface PruneTools {
  readonly files: Files;
  readonly clock: Clock;
  readonly books: Books;
  readonly rules: PruneRules;
  /** True when the process is about to end: what is left is the next one's. */
  readonly isOver: () => boolean;
}

export interface Amount {
  readonly blobs: number;
  readonly bytes: number;
}

export interface PruneReport {
  readonly applied: boolean;
  readonly rules: PruneRules;
  /** ISO-8601: what is younger is kept; "" while there are too few orders for anything to go. */
  readonly kept_from: string;
  /** All that is there. */
  readonly held: Amount;
  /** What goes, or went. */
  readonly pruned: Amount;
  /** Of that: what nothing refers to, or what was given up before and is still there. */
  readonly loose: Amount;
  /** Of that: what snapshots and components had. */
  readonly snapshots: Amount;
  /** Of that: of these orders, the oldest first; a blob that several have counts for each. The first thousand. */
  readonly orders: readonly (Amount & { readonly id: string; readonly rested: string })[];
  readonly order_count: number;
  readonly oldest?: string;
  readonly newest?: string;
  readonly kept: Readonly<Partial<Record<KeepReason, Amount>>>;
  /** By how much what has to be kept is over `vaultBytes`. */
  readonly over_bytes?: number;
}

interface Candidate {
  readonly hash: string;
  readonly bytes: number;
  readonly age: string;
  /** The ledger names it already, or nothing in it refers to it. */
  readonly isLoose: boolean;
}

interface Plan {
  readonly report: Omit<PruneReport, "applied">;
  readonly candidates: readonly Candidate[];
  readonly judge: Judge;
}

/** Says what would go, and with `by` has it go. Throws LEDGER_DAMAGED, with everything kept, where not all of the ledger can be read. */
export function prune(tools: PruneTools, by: string | undefined): Promise<PruneReport> {
  return withPlan(tools, tools.rules, async ({ report, candidates, judge }) => {
    if (by === undefined || candidates.length === 0) return { ...report, applied: by !== undefined };
    const { files, books } = tools;
    await files.replace(books.vault.pruneMark, "", 0o600);
    const { isDone, pruned } = await removeAll(tools, candidates, judge, by);
    if (isDone) files.remove(books.vault.pruneMark);
    return { ...report, pruned, applied: true };
  });
}

/** Removes what was given up before a crash; nothing where no crash came in between. */
export async function finishPruning(tools: PruneTools): Promise<void> {
  const { files, books } = tools;
  if (files.info(books.vault.pruneMark) === undefined) return;
  const nothingElse = { vaultDays: 0, vaultOrders: 0, vaultBytes: Number.POSITIVE_INFINITY };
  await withPlan(tools, nothingElse, async ({ candidates, judge }) => {
    const left = candidates.filter(({ hash }) => judge.look.pruned.has(hash));
    if ((await removeAll(tools, left, judge, "")).isDone) files.remove(books.vault.pruneMark);
  });
}

/** Blobs that are there; to be measured before anything is read. */
export async function heldBytes({ vault }: Books): Promise<number> {
  let bytes = 0;
  for await (const { sizeBytes } of vault.blobs()) bytes += sizeBytes;
  return bytes;
}

/** Reads everything and works with what may go, while entries that come meanwhile are listened to. */
async function withPlan<T>(tools: PruneTools, rules: PruneRules, work: (plan: Plan) => Promise<T>): Promise<T> {
  const { files, books } = tools;
  const since = new Set<string>();
  const forget = books.listen((entry) => {
    for (const hash of blobsIn(entry)) since.add(hash);
  });
  try {
    const look = new ReferenceFold();
    const read = await readChainInSlices(files, books.vault.ledger, books.index.head.seq, (entry) => look.take(entry));
    if (!read.ok) {
      const message = `nothing is pruned while the ledger cannot be read whole: entry ${read.error.seq}: ${read.error.reason}`;
      throw new BridgeError("LEDGER_DAMAGED", message);
    }
    const from = await keptFrom(tools, rules);
    return await work(await planOf({ books, look, keptFrom: from, since }, rules));
  } finally {
    forget();
  }
}

async function planOf(judge: Judge, rules: PruneRules): Promise<Plan> {
  const { books, look } = judge;
  const kept: Partial<Record<KeepReason, Amount>> = {};
  const may: Candidate[] = [];
  let held: Amount = NONE;
  const standing = standingNow(books);
  for await (const { hash, sizeBytes: bytes } of books.vault.blobs()) {
    held = plus(held, bytes);
    const reason = reasonToKeep(judge, standing, hash);
    const isLoose = look.pruned.has(hash) || !look.references.has(hash);
    if (reason === undefined) may.push({ hash, bytes, age: ageOf(judge, hash), isLoose });
    else kept[reason] = plus(kept[reason], bytes);
  }
  const candidates = withinSize(may, held.bytes, rules.vaultBytes);
  const [within, pruned] = [may.length - candidates.length, sum(candidates)];
  if (within > 0) kept.within_size = { blobs: within, bytes: sum(may).bytes - pruned.bytes };
  const { vaultDays, vaultOrders, vaultBytes } = rules;
  const over = held.bytes - pruned.bytes - (vaultBytes ?? Number.POSITIVE_INFINITY);
  const told = candidates.filter(({ isLoose }) => !isLoose);
  const report = {
    rules: { vaultDays, vaultOrders, ...(vaultBytes === undefined ? {} : { vaultBytes }) },
    kept_from: judge.keptFrom,
    held,
    pruned,
    loose: sum(candidates.filter(({ isLoose }) => isLoose)),
    snapshots: sum(told.filter(({ hash }) => look.references.get(hash)?.orders.size === 0)),
    ...ordersOf(told, judge),
    ...(told.length === 0 ? {} : { oldest: told[0]?.age ?? "", newest: told.at(-1)?.age ?? "" }),
    kept: Object.fromEntries(KEEP_REASONS.flatMap((reason) => (kept[reason] ? [[reason, kept[reason]]] : []))),
    ...(over > 0 ? { over_bytes: over } : {}),
  };
  return { report, candidates, judge };
}

/** All that may go, the oldest first; with a limit only as many as it takes, and what is loose in any case. */
function withinSize(may: readonly Candidate[], heldBytes: number, limit = 0): readonly Candidate[] {
  const rank = ({ isLoose, age }: Candidate) => (isLoose ? "" : age);
  const sorted = may.toSorted((a, b) => (rank(a) < rank(b) ? -1 : Number(rank(a) > rank(b))));
  let left = heldBytes;
  return sorted.filter(({ bytes, isLoose }) => {
    if (!isLoose && left <= limit) return false;
    left -= bytes;
    return true;
  });
}

function ordersOf(told: readonly Candidate[], { books, look }: Judge): Pick<PruneReport, "orders" | "order_count"> {
  const byOrder = new Map<string, Amount>();
  for (const { hash, bytes } of told)
    for (const key of look.references.get(hash)?.orders ?? []) byOrder.set(key, plus(byOrder.get(key), bytes));
  const orders = [...byOrder].map(([key, amount]) => {
    const { id, restedTs = "" } = books.index.summary(key) ?? { id: key };
    return { id, rested: restedTs, ...amount };
  });
  const sorted = orders.toSorted((a, b) => (a.rested < b.rested ? -1 : Number(a.rested > b.rested)));
  return { orders: sorted.slice(0, ORDERS_TOLD), order_count: orders.length };
}

/** Batch by batch; not done when the process ends before it is through. */
async function removeAll(
  { books, files, isOver }: PruneTools,
  candidates: readonly Candidate[],
  judge: Judge,
  by: string,
): Promise<{ readonly isDone: boolean; readonly pruned: Amount }> {
  const slice = files.slices();
  let pruned = NONE;
  for (let at = 0; at < candidates.length; at += PER_ENTRY) {
    if (isOver()) return { isDone: false, pruned };
    // From the judging to the append all in one turn: whoever needs one of them was before it, or finds it given up.
    const standing = standingNow(books);
    const batch = candidates
      .slice(at, at + PER_ENTRY)
      .filter(({ hash }) => reasonToKeep(judge, standing, hash) === undefined);
    const hashes = batch.map(({ hash }) => hash);
    books.vault.giveUp(hashes);
    const told = batch.filter(({ isLoose }) => !isLoose);
    // What the ledger names already, or never did, needs no entry.
    if (told.length > 0)
      await books.append([eventOf(told, judge, by)]).catch((error: unknown) => {
        books.vault.takeBack(hashes);
        throw error;
      });
    // COMMIT POINT: the ledger names them. MAY RUN TWICE: what is removed already is not there.
    for (const { hash, bytes } of batch) {
      await slice();
      if (books.vault.removeGivenUp(hash)) pruned = plus(pruned, bytes);
    }
  }
  return { isDone: true, pruned };
}

function eventOf(told: readonly Candidate[], { keptFrom: from }: Judge, by: string): BlobsPruned {
  const { blobs: count, bytes } = sum(told);
  return { event: "blobs_pruned", by, kept_from: from, blobs: told.map(({ hash }) => hash), count, bytes };
}

const NONE: Amount = { blobs: 0, bytes: 0 };

function plus(amount: Amount = NONE, bytes: number): Amount {
  return { blobs: amount.blobs + 1, bytes: amount.bytes + bytes };
}

function sum(candidates: readonly Candidate[]): Amount {
  return candidates.reduce<Amount>((all, { bytes }) => plus(all, bytes), NONE);
}
