/** Where the ledger says nothing: entries that are missing, and times in which no daemon was there to write any. */
import { isoTime } from "../../platform/clock.ts";
import type { Span } from "../../platform/git-events.ts";
import type { Entry } from "../../records/chain.ts";
import { type Clue, spanText } from "./clues.ts";

/** A daemon that was away for less was started again. */
const AWAY_MS = 60_000;

/** Told every entry in order; knows the gaps that reach into a stretch of time. */
export class LedgerGaps {
  readonly #span: Span;
  readonly #clues: Clue[] = [];
  #last: Entry | undefined;
  #daemon: { readonly state: "up" | "stopped"; readonly ts: string; readonly reason: string } | undefined;

  constructor(span: Span) {
    this.#span = span;
  }

  see(entry: Entry): void {
    const last = this.#last;
    // Of what a repair gave up, some may be read still.
    if (last !== undefined && entry.seq <= last.seq) return;
    this.#seeChain(entry, last);
    if (entry.event === "daemon_started") this.#seeStart(entry, last);
    if (entry.event === "daemon_stopped") this.#daemon = { state: "stopped", ts: entry.ts, reason: entry.reason };
    this.#last = entry;
  }

  /** In the order of their times. */
  end(nowMs: number): readonly Clue[] {
    const end = isoTime(Math.min(this.#span.toMs, nowMs));
    if (this.#daemon?.state === "stopped") {
      const { ts, reason } = this.#daemon;
      this.#say(ts, end, `the daemon was stopped at ${ts} (${reason}), and not started again by ${end}`);
    }
    return this.#clues;
  }

  #seeChain(entry: Entry, last: Entry | undefined): void {
    const { seq, ts } = entry;
    const lastSeq = last?.seq ?? 0;
    const before = last?.ts ?? "";
    if (entry.event === "ledger_repaired") {
      const lost = `entries ${entry.lost_from} to ${entry.lost_to} were given up by a repair of ${entry.by}`;
      return this.#say(before, ts, lost, "wo ledger verify");
    }
    if (entry.event === "ledger_tail_truncated")
      this.#say(
        before,
        ts,
        `a crash tore ${entry.lost_bytes} bytes off ${entry.segment}; nobody had been told of them`,
      );
    if (seq > lastSeq + 1) {
      const which = seq === lastSeq + 2 ? `entry ${seq - 1} is` : `entries ${lastSeq + 1} to ${seq - 1} are`;
      const since = before === "" ? `before ${ts}` : `between ${before} and ${ts}`;
      this.#say(before, ts, `${which} missing, ${since}`, "wo ledger verify");
    } else if (last !== undefined && entry.prev !== last.hash)
      this.#say(
        before,
        ts,
        `entry ${seq} does not follow entry ${lastSeq}: one of them was changed`,
        "wo ledger verify",
      );
  }

  #seeStart({ ts }: Entry, last: Entry | undefined): void {
    const known = this.#daemon;
    this.#daemon = { state: "up", ts, reason: "" };
    if (known === undefined || last === undefined) return;
    const from = known.state === "stopped" ? known.ts : last.ts;
    const awayMs = Date.parse(ts) - Date.parse(from);
    const span = spanText(awayMs);
    if (known.state === "up")
      this.#say(
        from,
        ts,
        `the daemon ended without a word after ${from}, and was started again at ${ts} (${span} later)`,
      );
    else if (awayMs >= AWAY_MS)
      this.#say(from, ts, `no daemon from ${from} (stopped: ${known.reason}) to ${ts} (${span})`);
  }

  #say(from: string, to: string, text: string, next?: string): void {
    const fromMs = from === "" ? Number.NEGATIVE_INFINITY : Date.parse(from);
    if (fromMs > this.#span.toMs || Date.parse(to) < this.#span.fromMs) return;
    this.#clues.push({ ts: to, text, ...(next === undefined ? {} : { next }) });
  }
}
