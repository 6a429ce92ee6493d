/** The parts of a daemon put together in folders of their own, with nothing moving and a clock that stands still. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type BoundBase, bindBase, findBase } from "../../src/daemon/base.ts";
import { Housekeeping } from "../../src/daemon/housekeeping.ts";
import type { Ground } from "../../src/daemon/opening.ts";
import type { FindSecrets, PlaceRefusals } from "../../src/daemon/order-reader.ts";
import { assembleParts, type Parts } from "../../src/daemon/parts.ts";
import { configPath, Settings } from "../../src/daemon/settings.ts";
import { Signs } from "../../src/daemon/signs.ts";
import { readOrder } from "../../src/orders/read-order.ts";
import { placed } from "../../src/orders/refusals.ts";
import { secretsInFile } from "../../src/orders/secrets.ts";
import { type Disk, systemDisk } from "../../src/platform/disk.ts";
import { Files } from "../../src/platform/files.ts";
import { type Log, silentLog } from "../../src/platform/log.ts";
import { systemProcesses } from "../../src/platform/processes.ts";
import { inlinePublisher } from "../../src/platform/publisher.ts";
import { ok } from "../../src/platform/result.ts";
import type { Runner } from "../../src/platform/runner.ts";
import { loadSecretRules } from "../../src/platform/secrets.ts";
import { type System, thisSystem } from "../../src/platform/system.ts";
import type { Books } from "../../src/records/books.ts";
import { newVault, openBooks } from "./books-kit.ts";
import { HandClock, turn } from "./hand-clock.ts";
import { fakeMachine } from "./machines.ts";
import { put, temporaryFolder } from "./temporary-folder.ts";

const nothingRuns = () => Promise.reject(new Error("no command runs in this test"));
const noRunner: Runner = {
  prepare: nothingRuns,
  adopt: nothingRuns,
  endAll: nothingRuns,
  stop: () => undefined,
  close: () => undefined,
};

export interface PartsKit {
  readonly base: BoundBase;
  readonly clock: HandClock;
  readonly files: Files;
  readonly books: Books;
  readonly settings: Settings;
  readonly signs: Signs;
  readonly parts: Parts;
  readonly housekeeping: Housekeeping;
  readonly ground: Ground;
  /** Ends what goes on by itself. */
  readonly ending: AbortController;
}

export interface PartsWish {
  readonly runner?: Runner;
  /** Of everything but the ledger. */
  readonly disk?: Disk;
  /** Of the ledger. */
  readonly ledgerDisk?: Disk;
  /** Whether the ledger's times are those of the clock, too. */
  readonly isLedgerTimed?: boolean;
  readonly log?: Log;
  readonly system?: Partial<System>;
}

const rules = loadSecretRules();

/** As the daemon finds them, without its thread. */
export const place: PlaceRefusals = async (...words) => placed(...words);
export const findSecrets: FindSecrets = async (bytes) => ok(secretsInFile(bytes, await rules));

/** A bound base with one lane, CLC, and this configuration in the tree. */
export async function assembledParts(config = "", wished: PartsWish = {}): Promise<PartsKit> {
  const clock = new HandClock();
  const files = new Files(wished.disk ?? systemDisk, clock);
  const machine = fakeMachine();
  const path = temporaryFolder();
  mkdirSync(join(path, "bridge", "inbox", "CLC"), { recursive: true });
  if (config !== "") put(configPath(path), config);
  const wish = { init: true, vault: undefined, newId: false };
  const system = { ...thisSystem, ...wished.system };
  const base = await bindBase({ files, machine, system, sleep: () => turn() }, findBase(files, path), wish);
  const books = await openBooks(
    await newVault(base.vault),
    wished.ledgerDisk,
    wished.isLedgerTimed === true ? clock : undefined,
  );
  const settings = new Settings(files, books, base.path);
  await settings.reload();
  const signs = new Signs(books);
  const ending = new AbortController();
  const ground = { files, clock, machine, processes: systemProcesses(), system };
  const common = {
    ground,
    log: wished.log ?? silentLog,
    base,
    books,
    settings,
    signal: ending.signal,
  };
  const parts = assembleParts({
    ...common,
    runner: wished.runner ?? noRunner,
    reader: {
      read: async (bytes, stem) => readOrder(bytes, stem),
      findSecrets,
      place,
      secretRules: rules,
      close: async () => undefined,
    },
    publisher: inlinePublisher(files),
    onFatal: (error) => {
      throw error;
    },
  });
  const housekeeping = new Housekeeping({ ...common, telemetry: parts.telemetry });
  return { base, ground, clock, files, books, settings, signs, parts, housekeeping, ending };
}
