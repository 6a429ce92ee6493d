/** Drops that become no order: told of, put where they belong, and whoever dropped them gets an answer. */
import type { Claim } from "../bridge/intake.ts";
import type { Outbox } from "../bridge/outbox.ts";
import type { Settler } from "../bridge/settle.ts";
import type { Problem } from "../orders/problems.ts";
import { type Clock, isoTime } from "../platform/clock.ts";
import { typedWord } from "../platform/shell.ts";
import type { Books } from "../records/books.ts";
import type { Event } from "../records/events.ts";
import type { OrderSummary } from "../records/order-index.ts";

export interface RefusalTools {
  readonly clock: Clock;
  readonly books: Books;
  readonly settler: Settler;
  readonly outbox: Outbox;
  readonly onNews: (event: Event) => void;
}

/** What is no order, or must not be one: to error/, its problems beside it. After a crash it is done again. */
export async function rejectClaim(
  { books, settler, outbox, onNews }: RefusalTools,
  claim: Claim,
  problems: readonly Problem[],
  id: string | undefined,
): Promise<void> {
  const sha256 = claim.content?.sha256;
  const event: Event = {
    event: "wo_rejected",
    lane: claim.lane.name,
    claim: claim.claim,
    name: claim.name,
    ...(sha256 === undefined ? {} : { sha256 }),
    ...(id === undefined ? {} : { wo_id: id }),
    problems,
  };
  await books.append([event]);
  const to = await settler.reject(claim, problems);
  await outbox.refuse(claim, {
    wo_id: id,
    status: "rejected",
    error: problems[0]?.message,
    problems,
    moved_to: to,
    next: `wo check ${typedWord(to)}`,
  });
  onNews(event);
}

/** The same order once more: nothing runs, and whoever dropped it hears how the first one fared. */
export async function acknowledgeAgain(
  { books, settler, outbox, clock }: RefusalTools,
  claim: Claim,
  { id, status, sha256 }: OrderSummary,
): Promise<void> {
  await books.append([
    { event: "wo_duplicate", wo_id: id, lane: claim.lane.name, claim: claim.claim, name: claim.name, sha256, status },
  ]);
  const to = await settler.putAside(claim, isoTime(clock.now()));
  const next = status === "failed" || status === "canceled" ? `wo retry ${id}` : `wo show ${id}`;
  await outbox.refuse(claim, { wo_id: id, status: "duplicate", of: status, moved_to: to, next });
}
