/**
 * All orders, so that none has to be looked up in the ledger: those that are open in memory, those at rest as rows of a
 * file with only their id, status and content hash in memory. A view of the ledger: what is missing or does not fit is
 * thrown away and read again from there.
 */
import { createHash, type Hash } from "node:crypto";
import { join } from "node:path";
import { z } from "zod";
import { isResting, STATUSES, type Status } from "../orders/status.ts";
import { AppendFile } from "../platform/append-file.ts";
import type { Files } from "../platform/files.ts";
import { ReadFile } from "../platform/read-file.ts";
import { parseJson } from "../platform/result.ts";
import { EMPTY_HEAD, type Head } from "./chain.ts";
import { type Facts, factsSchema, foldFacts, NO_FACTS } from "./facts.ts";
import { CHAIN_BEGIN, type ChainStart, type Recorded } from "./ledger-reading.ts";
import { fold, isOrderRecord, moved, newRecord, type OrderRecord, orderKey } from "./order-record.ts";

const ROWS_FILE = "orders.rows";
const SNAPSHOT_FILE = "index.json";
const READ_BYTES = 1024 * 1024;
/** How many orders at rest are kept at hand for views. */
const RECENT = 500;

/** What every known order has at hand. */
export interface OrderSummary {
  readonly id: string;
  readonly status: Status;
  readonly sha256: string;
  readonly lastSeq: number;
  readonly lane: string;
  /** When it came to rest; undefined before. */
  readonly restedTs?: string;
}

interface Row extends OrderSummary {
  readonly offset: number;
  readonly lengthBytes: number;
}

const headSchema = z.object({ seq: z.number(), hash: z.string() });
const snapshotSchema = z.object({
  v: z.literal(1),
  head: headSchema,
  start: z.object({ head: headSchema, position: z.object({ segment: z.number(), offset: z.number() }) }),
  rowsBytes: z.number(),
  rowsSha256: z.string(),
  open: z.array(z.custom<OrderRecord>(isOrderRecord)),
  facts: factsSchema,
});

export class OrderIndex {
  readonly #files: Files;
  readonly #folder: string;
  readonly #open = new Map<string, OrderRecord>();
  readonly #rows = new Map<string, Row>();
  /** At rest, and not in the rows file yet. */
  readonly #unwritten = new Map<string, OrderRecord>();
  /** The newest orders at rest, oldest first; those of an earlier life are read when they are asked for. */
  readonly #recent = new Map<string, OrderRecord | undefined>();
  readonly #counts = { pending: 0, running: 0, waiting: 0, done: 0, failed: 0, canceled: 0, planned: 0 };
  #rowsBytes = 0;
  #rowsHash: Hash = createHash("sha256");
  #facts: Facts = NO_FACTS;
  #head: Head = EMPTY_HEAD;
  #start: ChainStart = CHAIN_BEGIN;

  private constructor(files: Files, folder: string) {
    this.#files = files;
    this.#folder = folder;
  }

  /** What the last snapshot in `folder` holds; empty when there is none that fits. */
  static load(files: Files, folder: string): OrderIndex {
    const index = new OrderIndex(files, folder);
    const bytes = files.read(join(folder, SNAPSHOT_FILE));
    const snapshot = snapshotSchema.safeParse(bytes === undefined ? undefined : parseJson(bytes.toString("utf8")));
    if (!snapshot.success) return index;
    if (index.#loadRows(snapshot.data.rowsBytes) !== snapshot.data.rowsSha256) return new OrderIndex(files, folder);
    for (const record of snapshot.data.open) {
      index.#count(orderKey(record.id), record.status);
      index.#open.set(orderKey(record.id), record);
    }
    index.#facts = snapshot.data.facts;
    index.#head = snapshot.data.head;
    index.#start = snapshot.data.start;
    return index;
  }

  /** An index that knows nothing. */
  static empty(files: Files, folder: string): OrderIndex {
    return new OrderIndex(files, folder);
  }

  /** Where the ledger has to be read from. */
  get start(): ChainStart {
    return this.#start;
  }

  /** The last entry that is in here. */
  get head(): Head {
    return this.#head;
  }

  get facts(): Facts {
    return this.#facts;
  }

  /** Orders that are not at rest, or whose file is not where it belongs; by acceptance. */
  get open(): readonly OrderRecord[] {
    return [...this.#open.values()];
  }

  /** The newest orders at rest, newest first. */
  recent(): OrderRecord[] {
    const recent: OrderRecord[] = [];
    for (const [key, known] of this.#recent) {
      const record = known ?? this.get(key);
      if (record === undefined) continue;
      if (known === undefined) this.#recent.set(key, record);
      recent.push(record);
    }
    return recent.toReversed();
  }

  /** How many orders have each status. */
  get counts(): Readonly<Record<Status, number>> {
    return this.#counts;
  }

  /** Every order, in no order. */
  *summaries(): Generator<OrderSummary> {
    yield* this.#open.values();
    yield* this.#unwritten.values();
    for (const [key, row] of this.#rows) if (!this.#open.has(key) && !this.#unwritten.has(key)) yield row;
  }

  /** What is at hand of an order; the id in any case. */
  summary(id: string): OrderSummary | undefined {
    const key = orderKey(id);
    return this.#open.get(key) ?? this.#unwritten.get(key) ?? this.#rows.get(key);
  }

  /** All that is known of an order; the id in any case. */
  get(id: string): OrderRecord | undefined {
    const key = orderKey(id);
    const known = this.#open.get(key) ?? this.#unwritten.get(key);
    if (known !== undefined) return known;
    const row = this.#rows.get(key);
    return row === undefined ? undefined : this.#readRow(row);
  }

  /** Takes in one entry; the order that it changed, if any. Entries that are in already are passed over. */
  apply(recorded: Recorded): OrderRecord | undefined {
    const { entry, position } = recorded;
    if (entry.seq <= this.#head.seq) return undefined;
    this.#head = { seq: entry.seq, hash: entry.hash };
    this.#facts = foldFacts(this.#facts, recorded);
    if (entry.event === "wo_accepted") return this.#put(newRecord(entry, position));
    if (!("wo_id" in entry) || entry.wo_id === undefined) return undefined;
    const record = this.get(entry.wo_id);
    if (record === undefined) return undefined;
    const next = fold(record, recorded);
    return next === record ? undefined : this.#put(next);
  }

  /** An entry that is in already counts at another place from now on. */
  move(recorded: Recorded): void {
    const { entry } = recorded;
    const record = "wo_id" in entry && entry.wo_id !== undefined ? this.get(entry.wo_id) : undefined;
    const next = record && moved(record, recorded);
    if (next !== undefined && next !== record) this.#put(next);
  }

  #put(record: OrderRecord): OrderRecord {
    const key = orderKey(record.id);
    const settled = isResting(record.status) && record.settledTo !== undefined;
    this.#count(key, record.status);
    if (settled) {
      this.#open.delete(key);
      this.#unwritten.set(key, record);
    } else {
      this.#open.set(key, record);
      this.#unwritten.delete(key);
    }
    this.#recent.delete(key);
    // One that is tried again is open.
    if (isResting(record.status)) this.#remember(key, record);
    return record;
  }

  #remember(key: string, record: OrderRecord): void {
    this.#recent.set(key, record);
    for (const oldest of this.#recent.keys()) {
      if (this.#recent.size <= RECENT) return;
      this.#recent.delete(oldest);
    }
  }

  /** Counts the order under its new status, to be called before it is put. */
  #count(key: string, status: Status): void {
    const before = this.summary(key)?.status;
    if (before !== undefined) this.#counts[before] -= 1;
    this.#counts[status] += 1;
  }

  /**
   * Writes what came to rest and remembers where the chain was: `start` is the group that the last entry is in. Not
   * needed for anything but speed; losing it costs a longer start. `before` is waited for before it counts.
   */
  async snapshot(start: ChainStart, before: () => Promise<void> = () => Promise.resolve()): Promise<void> {
    const head = this.#head;
    const open = [...this.#open.values()];
    const facts = this.#facts;
    await this.#writeRows();
    const rowsSha256 = this.#rowsHash.copy().digest("hex");
    const snapshot = { v: 1, head, start, rowsBytes: this.#rowsBytes, rowsSha256, open, facts };
    await before();
    await this.#files.publish(join(this.#folder, SNAPSHOT_FILE), JSON.stringify(snapshot), 0o600);
  }

  async #writeRows(): Promise<void> {
    const file = AppendFile.open(this.#files, join(this.#folder, ROWS_FILE), 0o600);
    try {
      // Rows behind the snapshot's end are of another life: their orders come to rest again by the ledger.
      if (file.sizeBytes !== this.#rowsBytes) file.cutTo(this.#rowsBytes);
      const records = [...this.#unwritten];
      const lines = records.map(([, record]) => rowText(record));
      await file.append(Buffer.from(lines.join("")));
      await file.sync();
      for (const [position, [key, record]] of records.entries()) {
        const bytes = Buffer.from(lines[position] ?? "");
        this.#addRow(key, bytes.length, record);
        this.#rowsHash.update(bytes);
        // What changed while the file was written goes into the next snapshot.
        if (this.#unwritten.get(key) === record) this.#unwritten.delete(key);
      }
    } finally {
      file.close();
    }
  }

  #addRow(key: string, lengthBytes: number, { id, status, sha256, lastSeq, lane, restedTs = "" }: OrderSummary): void {
    // Deleted first, so that the map's order stays the order in which orders came to rest.
    this.#rows.delete(key);
    this.#rows.set(key, {
      id,
      status,
      sha256,
      lastSeq,
      lane,
      restedTs,
      offset: this.#rowsBytes,
      lengthBytes,
    });
    this.#rowsBytes += lengthBytes;
  }

  /** Reads the first `bytes` of the rows file; returns their hash, undefined when the file is shorter. */
  #loadRows(bytes: number): string | undefined {
    const path = join(this.#folder, ROWS_FILE);
    if (bytes === 0) return this.#rowsHash.copy().digest("hex");
    if ((this.#files.info(path)?.sizeBytes ?? 0) < bytes) return undefined;
    const file = new ReadFile(this.#files.disk, path);
    let rest: Buffer = Buffer.alloc(0);
    try {
      for (let at = 0; at < bytes; ) {
        const chunk = file.range(at, Math.min(READ_BYTES, bytes - at));
        if (chunk.length === 0) return undefined;
        at += chunk.length;
        rest = this.#takeRows(rest.length === 0 ? chunk : Buffer.concat([rest, chunk]));
      }
    } finally {
      file.close();
    }
    // A row that cannot be read would be an order forgotten.
    if (this.#rowsBytes !== bytes) return undefined;
    for (const key of [...this.#rows.keys()].slice(-RECENT)) this.#recent.set(key, undefined);
    return this.#rowsHash.copy().digest("hex");
  }

  /** Takes the whole rows out of a chunk; returns what is left of it. */
  #takeRows(chunk: Buffer): Buffer {
    let from = 0;
    for (let newline = chunk.indexOf(10); newline !== -1; newline = chunk.indexOf(10, from)) {
      const line = chunk.subarray(from, newline + 1);
      const summary = rowSummary(line);
      if (summary !== undefined) {
        const key = orderKey(summary.id);
        this.#count(key, summary.status);
        this.#addRow(key, line.length, summary);
      }
      from = newline + 1;
    }
    // All at once: a call for each of a hundred thousand rows takes longer than the hashing.
    this.#rowsHash.update(chunk.subarray(0, from));
    return chunk.subarray(from);
  }

  #readRow(row: Row): OrderRecord | undefined {
    const file = new ReadFile(this.#files.disk, join(this.#folder, ROWS_FILE));
    try {
      const line = file.range(row.offset, row.lengthBytes).toString("utf8");
      const record = parseJson(line.slice(line.indexOf("{")));
      return isOrderRecord(record) ? record : undefined;
    } finally {
      file.close();
    }
  }
}

const OPENING_BRACE = 123;

/** `id ⇥ status ⇥ sha256 ⇥ lastSeq ⇥ lane ⇥ restedTs ⇥ record as JSON ⏎`: what start-up needs is in front. */
function rowText(record: OrderRecord): string {
  const { id, status, sha256, lastSeq, lane, restedTs = "" } = record;
  return `${[id, status, sha256, lastSeq, encodeURIComponent(lane), restedTs].join("\t")}\t${JSON.stringify(record)}\n`;
}

function rowSummary(line: Buffer): OrderSummary | undefined {
  // What stands in front is plain ASCII.
  const [id, status, sha256, lastSeq, lane, restedTs] = line
    .toString("latin1", 0, line.indexOf(OPENING_BRACE))
    .split("\t");
  const known = STATUSES.find((one) => one === status);
  if (id === undefined || known === undefined || sha256 === undefined || lane === undefined || restedTs === undefined)
    return undefined;
  return { id, status: known, sha256, lastSeq: Number(lastSeq), lane: decodeURIComponent(lane), restedTs };
}
