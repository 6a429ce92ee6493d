/**
 * After a start: every order goes on from where the ledger says it is, by the same ways that orders take otherwise. One
 * row of docs/states.md per case; each row has a test.
 */
import { join } from "node:path";
import type { BridgeFolders, Lane } from "../bridge/lanes.ts";
import { nameInClaim } from "../bridge/names.ts";
import type { Settler } from "../bridge/settle.ts";
import { signedClaim } from "../bridge/signature-drop.ts";
import { isResting } from "../orders/status.ts";
import { isoTime } from "../platform/clock.ts";
import type { Files } from "../platform/files.ts";
import type { Books } from "../records/books.ts";
import type { OrderSummary } from "../records/order-index.ts";
import { entryLaneOf } from "../records/order-record.ts";
import type { Parts } from "./parts.ts";

/** No file system leaves anything unwritten for so long. */
const UNSYNCED_MS = 60_000;
/** Nor are so many entries older than that, wherever somebody has set the clock meanwhile. */
const UNSYNCED_ENTRIES = 5000;

export interface RecoveryReport {
  /** Orders that were on their way. */
  readonly resumed: number;
  /** Orders that were at rest, and whose file was not where it belongs. */
  readonly finished: number;
  /** Claimed files that no order was made of yet. */
  readonly reclaimed: number;
}

/** Puts everything back on its way; resolves when all of it is on the line or where it belongs. */
export async function recover(
  files: Files,
  books: Books,
  { line, folders, intake, settler, temporary }: Parts,
): Promise<RecoveryReport> {
  const open = books.index.open;
  const byClaim = new Set(open.map(({ claim }) => claim));
  const claims = folders.list().lanes.flatMap((lane) => {
    return (files.list(folders.claimed(lane)) ?? []).map(({ name }) => ({ lane, claim: name }));
  });
  sweepUnfinished(files, books, folders);
  await temporary.sweep(open.filter(({ status }) => status === "running"));
  let [resumed, finished, reclaimed] = [0, 0, 0];
  for (const record of open) {
    await line.supersede(record);
    if (isResting(record.status)) {
      await line.finish(record);
      finished += 1;
    } else if (record.status !== "waiting") {
      await line.resume(record);
      resumed += 1;
    }
  }
  for (const { lane, claim } of claims) {
    const name = nameInClaim(claim);
    if (name === undefined || byClaim.has(claim)) continue;
    if (signedClaim(files, `${folders.claimed(lane)}/${claim}`, name) !== undefined) continue;
    const found = await intake.reclaim(lane, claim, name);
    if (found === undefined) continue;
    await line.takeIn(found);
    reclaimed += 1;
  }
  for (const lane of folders.list().lanes)
    await setLoneSignaturesAside(files, settler, { lane, folder: folders.claimed(lane) }, byClaim);
  return { resumed, finished, reclaimed };
}

/**
 * Afterwards, beside the work: what was told of orders on their way, and of those that came to rest shortly before the
 * last life ended, was never synced. What is missing of it is told again, and a file that is not in processed/ any more
 * is put there. Whatever is older was on the medium, and whoever removed it meant to; what was fetched and removed within
 * that minute is given once more.
 */
export async function retell(files: Files, books: Books, parts: Parts, isOver = () => false): Promise<number> {
  const { line, intake } = parts;
  // In the background, because there may be any number of them.
  await line.withRoom(() => books.vault.sweepBlobs());
  // What a power cut has put back into the inbox comes to rest by itself.
  await intake.idle();
  const slice = files.slices();
  let told = 0;
  for (const { id } of lately([...books.index.summaries()], books.headSeq)) {
    await slice();
    // The rest is the next start's.
    if (isOver()) break;
    if ((await line.withRoom(() => retellOne(files, books, parts, id))) === true) told += 1;
  }
  return told;
}

/** True when something of it was missing. */
async function retellOne(
  files: Files,
  books: Books,
  { line, views, outbox, folders }: Parts,
  id: string,
): Promise<boolean> {
  const isThere = (path: string) => files.info(path) !== undefined;
  const record = books.index.get(id);
  if (record === undefined) return false;
  const isAcknowledged = outbox.isAcknowledged(files, record);
  const { status, settledTo, name } = record;
  // Its file is on its way there by now: claimed, or back in the inbox and about to be.
  const isMoving = settledTo === undefined || isThere(join(folders.inbox, entryLaneOf(record), name));
  const isAnswered = !isResting(status) || outbox.isReported(files, record);
  const isTold = isAnswered && (!isResting(status) || isMoving || isThere(join(folders.base, settledTo)));
  if (!isAcknowledged) await views.acknowledge(record);
  if (isMoving && !isAnswered) await views.publish(record);
  else if (!isTold) await line.finish(record);
  return !isAcknowledged || !isTold;
}

/** Open orders, and those that came to rest not long before the newest of them did, by the clock or by the ledger. */
export function lately(summaries: readonly OrderSummary[], headSeq: number): readonly OrderSummary[] {
  const newest = summaries.reduce((latest, { restedTs = "" }) => (restedTs > latest ? restedTs : latest), "");
  const since = newest === "" ? "" : isoTime(Date.parse(newest) - UNSYNCED_MS);
  const isLate = ({ status, restedTs = "", lastSeq }: OrderSummary) =>
    !isResting(status) || restedTs >= since || lastSeq > headSeq - UNSYNCED_ENTRIES;
  return summaries.filter(isLate);
}

/** Of orders that were put where they belong; a signature goes there a moment after its order. */
async function setLoneSignaturesAside(
  files: Files,
  settler: Settler,
  { lane, folder }: { readonly lane: Lane; readonly folder: string },
  open: ReadonlySet<string>,
): Promise<void> {
  for (const { name: claim } of files.list(folder) ?? []) {
    const name = nameInClaim(claim);
    const order = name === undefined ? undefined : signedClaim(files, `${folder}/${claim}`, name);
    if (name === undefined || order === undefined || open.has(order)) continue;
    if (files.info(`${folder}/${order}`) === undefined) await settler.setAside(lane, claim, name);
  }
}

/** What a crash left of files that were being written beside their names. */
function sweepUnfinished(files: Files, books: Books, folders: BridgeFolders): void {
  const bridge = join(folders.base, "bridge");
  const below = (folder: string) =>
    (files.list(folder) ?? []).flatMap(({ name, kind }) => (kind === "folder" ? [join(folder, name)] : []));
  const processed = below(join(bridge, "processed")).flatMap(below);
  const inside = [
    ...below(join(bridge, "outbox")),
    ...below(join(bridge, "error")),
    ...folders.list().lanes.map(({ folder }) => folder),
  ];
  for (const folder of [folders.base, bridge, books.vault.path, ...inside, ...processed]) files.sweep(folder);
}
