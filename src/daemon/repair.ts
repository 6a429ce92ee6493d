/**
 * Mending a ledger that refuses to be continued. What is damaged stays where it is; a new segment takes over behind the
 * last sound entry and says what is lost. Nothing is ever run again because of a repair: whatever may have come to its
 * end in the gap waits for a person.
 */
import { join } from "node:path";
import { BridgeFolders } from "../bridge/lanes.ts";
import { isResting } from "../orders/status.ts";
import { isoTime } from "../platform/clock.ts";
import type { BridgeError } from "../platform/errors.ts";
import type { Files } from "../platform/files.ts";
import { sha256 } from "../platform/ids.ts";
import type { Machine } from "../platform/machine.ts";
import type { Refusal } from "../records/books.ts";
import { encode, type Head } from "../records/chain.ts";
import type { Event } from "../records/events.ts";
import { Ledger } from "../records/ledger.ts";
import { listSegments } from "../records/segments.ts";
import { attachedEvent, inboxLines } from "./attach.ts";
import type { BoundBase } from "./base.ts";
import { type Ground, openBase, refusalOf } from "./opening.ts";

export interface RepairPlan {
  readonly reason: string;
  readonly segment: string;
  readonly lostFrom: number;
  readonly lostTo: number;
  /** Ids of orders that would wait for a person. */
  readonly held: readonly string[];
}

/** What a repair would do, changing nothing; undefined when the ledger needs none. */
export function planRepair(files: Files, machine: Machine, base: BoundBase): RepairPlan | undefined {
  const refusal = refusalOf(files, machine, base);
  return refusal === undefined ? undefined : planOf(refusal);
}

/** Does it; undefined when the ledger needs none. Throws LOCK_HELD while a daemon holds the base. */
export async function repairLedger(
  ground: Ground,
  wish: { readonly path: string; readonly vault: string | undefined; readonly by: string },
): Promise<RepairPlan | undefined> {
  const fail = (error: BridgeError) => {
    throw error;
  };
  const opened = await openBase(ground, { ...wish, init: false, newId: false, onFatal: fail, onFull: () => undefined });
  try {
    await opened.books?.close();
    const { refusal: found, vault, base } = opened;
    if (found?.damage === undefined) return undefined;
    const refusal = { ...found, damage: found.damage };
    const { files, clock, machine } = ground;
    const plan = planOf(refusal);
    const inbox = inboxLines(files, new BridgeFolders(files, base.path, machine.userId));
    const bytes =
      plan.segment === "" ? Buffer.alloc(0) : (files.read(join(vault.ledger, plan.segment)) ?? Buffer.alloc(0));
    const { lostFrom, lostTo, segment } = plan;
    const repaired: Event = {
      event: "ledger_repaired",
      segment,
      sha256: sha256(bytes),
      lost_from: lostFrom,
      lost_to: lostTo,
      by: wish.by,
    };
    const events = [repaired, await attachedEvent(vault, base.path, inbox), ...heldEvents(refusal)];
    const end = segmentOf(events, plan, refusal.index.head, isoTime(clock.now()));
    const lastSegment = listSegments(files, vault.ledger).at(-1)?.number ?? 0;
    const onFull = () => vault.releaseReserve();
    const options = { files, clock, folder: vault.ledger, onCommit: () => undefined, onFatal: fail, onFull };
    // The segment appears whole: the gap is never named without all that has to wait because of it.
    const ledger = await Ledger.continue(options, {
      ...end,
      tail: { ...end.tail, start: refusal.index.start },
      torn: undefined,
      lastSegment,
    });
    await ledger.close();
    // What it had seen may be in the gap. A crash before this refuses once more, and is repaired once more.
    await opened.checkpoints.write(refusal.index.facts.ledger, end.head, isoTime(clock.now()));
    return plan;
  } finally {
    await opened.release();
  }
}

/** The events as the lines of one group, behind the gap. */
function segmentOf(
  events: readonly Event[],
  plan: RepairPlan,
  before: Head,
  ts: string,
): { readonly head: Head; readonly tail: { readonly lines: readonly string[] } } {
  const lines: string[] = [];
  const group = plan.lostTo + 1;
  let head = before;
  for (const [index, event] of events.entries()) {
    const { line, entry } = encode(event, { seq: group + index, group, ts, prev: head.hash });
    lines.push(line);
    head = { seq: entry.seq, hash: entry.hash };
  }
  return { head, tail: { lines } };
}

function planOf({ damage, index }: Refusal): RepairPlan {
  const lostFrom = index.head.seq + 1;
  return {
    reason: damage.reason,
    segment: damage.segment,
    lostFrom,
    lostTo: Math.max(lostFrom, damage.readableTo),
    held: openOrders(index).map(({ id }) => id),
  };
}

function openOrders(index: Refusal["index"]) {
  return index.open.filter(({ status }) => !isResting(status));
}

function heldEvents({ index }: Refusal): Event[] {
  const message = "entries of the ledger are lost: whether it was carried out meanwhile cannot be known";
  return openOrders(index).map(({ id, lane }) => ({
    event: "wo_waiting" as const,
    wo_id: id,
    lane,
    reason: "ledger_gap" as const,
    message,
  }));
}
