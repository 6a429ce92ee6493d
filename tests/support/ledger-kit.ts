/** Small real ledgers in folders of their own. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Clock, systemClock } from "../../src/platform/clock.ts";
import { type Disk, systemDisk } from "../../src/platform/disk.ts";
import type { BridgeError } from "../../src/platform/errors.ts";
import { Files } from "../../src/platform/files.ts";
import type { Result } from "../../src/platform/result.ts";
import type { Entry } from "../../src/records/chain.ts";
import type { Event } from "../../src/records/events.ts";
import { Ledger } from "../../src/records/ledger.ts";
import { CHAIN_BEGIN, type ChainEnd, type Damage, type Recorded, readChain } from "../../src/records/ledger-reading.ts";
import { temporaryFolder } from "./temporary-folder.ts";

export const realFiles = new Files(systemDisk, systemClock);

export interface LedgerWish {
  readonly folder?: string;
  readonly disk?: Disk;
  readonly clock?: Clock;
  readonly onFull?: () => boolean;
  readonly segmentBytes?: number;
}

export interface OpenLedger {
  readonly ledger: Ledger;
  readonly folder: string;
  /** Of the segment that it writes to. */
  readonly path: string;
  readonly end: ChainEnd;
  readonly committed: Recorded[];
  readonly fatal: BridgeError[];
}

/** Opens the ledger of a folder for writing, a new one where nothing is said. */
export async function openLedger(wish: LedgerWish = {}): Promise<OpenLedger> {
  const folder = wish.folder ?? join(temporaryFolder(), "ledger");
  mkdirSync(folder, { recursive: true });
  const clock = wish.clock ?? systemClock;
  const files = new Files(wish.disk ?? systemDisk, clock);
  const end = readChain(files, folder, CHAIN_BEGIN, () => undefined);
  if (!end.ok) throw new Error(`the ledger is damaged: ${end.error.reason}`);
  const committed: Recorded[] = [];
  const fatal: BridgeError[] = [];
  const ledger = await Ledger.continue(
    {
      files,
      clock,
      folder,
      onCommit: (recorded) => committed.push(...recorded),
      onFatal: (error) => fatal.push(error),
      onFull: wish.onFull ?? (() => false),
      ...(wish.segmentBytes === undefined ? {} : { segmentBytes: wish.segmentBytes }),
    },
    end.value,
  );
  const path = join(folder, `${String(end.value.lastSegment + 1).padStart(6, "0")}.jsonl`);
  return { ledger, folder, path, end: end.value, committed, fatal };
}

/** An event without meaning that can be told from others. */
export function note(name: string): Event {
  return { event: "wo_ignored", lane: "CLC", name, reason: "a test" };
}

export interface WrittenLedger {
  readonly folder: string;
  readonly path: string;
  readonly bytes: Buffer;
  /** Its lines, each with its newline. */
  readonly lines: readonly string[];
  readonly entries: readonly Entry[];
}

/** A closed ledger of one segment; each inner list is one group. */
export async function writtenLedger(groups: readonly (readonly Event[])[]): Promise<WrittenLedger> {
  const { ledger, folder, path, committed } = await openLedger();
  for (const group of groups) await ledger.append(group);
  await ledger.close();
  const bytes = readFileSync(path);
  const lines = bytes.toString("utf8").match(/.*\n/g) ?? [];
  return { folder, path, bytes, lines, entries: committed.map(({ entry }) => entry) };
}

export interface ChainSeen {
  readonly read: Result<ChainEnd, Damage>;
  readonly entries: readonly Entry[];
}

/** What reading a ledger from its beginning gives. */
export function seeChain(folder: string): ChainSeen {
  const entries: Entry[] = [];
  const read = readChain(realFiles, folder, CHAIN_BEGIN, ({ entry }) => entries.push(entry));
  return { read, entries };
}

/** What reading gives when the one segment holds these bytes instead. */
export function seeBytes({ folder, path }: WrittenLedger, bytes: Uint8Array | string): ChainSeen {
  writeFileSync(path, bytes);
  return seeChain(folder);
}
