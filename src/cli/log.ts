/** `wo log [ID]`: what happened, from the ledger. */
import { durationMs } from "../orders/shapes.ts";
import { isoTime } from "../platform/clock.ts";
import { BridgeError, EXIT } from "../platform/errors.ts";
import { onStopSignal } from "../platform/self.ts";
import { readBooks } from "../records/books.ts";
import type { Entry } from "../records/chain.ts";
import { readEntriesAfter, readEntriesOf } from "../records/ledger-reading.ts";
import { Vault } from "../records/vault.ts";
import { type Context, complain } from "./context.ts";
import { knownBase } from "./daemon-client.ts";
import { entryText } from "./views/entry-view.ts";

const FOLLOW_MS = 200;
const DAY_MS = 86_400_000;

export interface LogOptions {
  readonly follow?: boolean;
  /** `10m`, or an ISO time. */
  readonly since?: string;
  /** How many entries at most, the newest. */
  readonly lines: number;
}

/** Prints the entries of one order, or the newest of all; with `follow` also those that come. */
export async function showLog(context: Context, id: string | undefined, options: LogOptions): Promise<number> {
  const vault = new Vault(context.files, knownBase(context).vault);
  const read = readBooks(context.files, vault);
  const index = read.ok ? read.value.index : read.error.index;
  const record = id === undefined ? undefined : index.get(id);
  if (id !== undefined && record === undefined) {
    complain(context, { code: "unknown_order", message: `no order has the id ${id}`, hint: "wo status" });
    return EXIT.usage;
  }
  const since = sinceTime(context, options.since);
  const headSeq = index.head.seq;
  const all =
    record === undefined
      ? readEntriesAfter(
          context.files,
          vault.ledger,
          options.since === undefined ? Math.max(0, headSeq - options.lines) : 0,
        )
      : readEntriesOf(context.files, vault.ledger, record.id, {
          from: record.acceptedAt,
          toSeq: record.settledSeq ?? record.lastSeq,
        });
  const shown = [...all].filter(({ ts, seq }) => ts >= since && seq <= headSeq).slice(-options.lines);
  for (const entry of shown) print(context, entry);
  return options.follow === true ? follow(context, vault, record?.id, headSeq) : EXIT.yes;
}

async function follow(context: Context, vault: Vault, id: string | undefined, fromSeq: number): Promise<number> {
  const ending = new AbortController();
  const off = onStopSignal(() => ending.abort());
  let seq = fromSeq;
  while (!ending.signal.aborted) {
    for (const entry of readEntriesAfter(context.files, vault.ledger, seq)) {
      seq = entry.seq;
      if (id === undefined || ("wo_id" in entry && entry.wo_id === id)) print(context, entry);
    }
    await context.clock.sleep(FOLLOW_MS, ending.signal);
  }
  off();
  return EXIT.yes;
}

function print({ terminal, json }: Context, entry: Entry): void {
  terminal.out(json ? JSON.stringify(entry) : entryText(terminal, entry));
}

/** A time as it is typed, in ISO. */
export function sinceTime({ clock }: Pick<Context, "clock">, since: string | undefined, option = "--since"): string {
  if (since === undefined) return "";
  const days = /^(\d{1,4})d$/.exec(since)?.[1];
  const duration = days === undefined ? durationMs(since) : Number(days) * DAY_MS;
  if (duration !== undefined) return isoTime(clock.now() - duration);
  const wallMs = Date.parse(since);
  if (Number.isNaN(wallMs))
    throw new BridgeError("USAGE", `${option} takes a duration such as 10m, 24h or 7d, or an ISO time, not "${since}"`);
  return isoTime(wallMs);
}
