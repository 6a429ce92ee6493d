/**
 * From a path to open books, in the order that keeps two processes apart: the base's lock, its binding, the vault's
 * lock, then the ledger. The daemon opens them for its life; a command that changes something while no daemon runs opens
 * them in the same way, under the same locks.
 */
import { join } from "node:path";
import type { Clock } from "../platform/clock.ts";
import { isoTime } from "../platform/clock.ts";
import { BridgeError } from "../platform/errors.ts";
import type { Files } from "../platform/files.ts";
import type { KernelLock } from "../platform/lock.ts";
import type { Machine } from "../platform/machine.ts";
import type { Processes } from "../platform/processes.ts";
import type { System } from "../platform/system.ts";
import { Books, type Refusal, readBooks } from "../records/books.ts";
import { Checkpoints } from "../records/checkpoint.ts";
import type { OrderIndex } from "../records/order-index.ts";
import { TELEMETRY_PATH, Telemetry } from "../records/telemetry.ts";
import { Vault } from "../records/vault.ts";
import { type BindWish, type BoundBase, bindBase, findBase, lastKnownAt, lookUpBase, type Place } from "./base.ts";

/** What everything here is built on. Tests and simulations bring their own. */
export interface Ground {
  readonly files: Files;
  readonly clock: Clock;
  readonly machine: Machine;
  readonly processes: Processes;
  readonly system: System;
}

/** Why nothing is written, and what can be read all the same. */
export interface StandStill extends Pick<Refusal, "error" | "index">, Partial<Pick<Refusal, "damage">> {
  /** What to do, where there is more to say than the error's own hint. */
  readonly hint?: string;
}

export interface OpenWish extends BindWish {
  /** Absolute path of the base. */
  readonly path: string;
  readonly onFatal: (error: BridgeError) => void;
  readonly onFull: () => void;
  /** Of the reserve; smaller in tests. */
  readonly reserveBytes?: number;
  /** Of a ledger segment; smaller in tests. */
  readonly segmentBytes?: number;
  /** Asked under both locks, before anything in the vault is made or written: why nothing is to be. */
  readonly mayWork?: (vault: Vault) => Promise<StandStill | undefined>;
}

export interface Opened {
  readonly base: BoundBase;
  readonly vault: Vault;
  readonly checkpoints: Checkpoints;
  /** The books; or why they cannot be written, and what can be read of them. */
  readonly books: Books | undefined;
  readonly refusal: StandStill | undefined;
  /** Gives up the locks; the books are closed by whoever uses them. */
  release(): Promise<void>;
}

/** Throws LOCK_HELD with the holder's own words, and what bindBase throws. */
export async function openBase(ground: Ground, wish: OpenWish): Promise<Opened> {
  const { files, clock, machine, processes, system } = ground;
  const place = findBase(files, wish.path);
  const self = `pid ${processes.self.pid}, wo-bridge ${machine.version}, base ${place.path}, since ${isoTime(clock.now())}`;
  const locks: KernelLock[] = [];
  const releases: (() => Promise<void>)[] = [];
  const release = async () => {
    for (const one of releases.toReversed()) await one();
    for (const lock of locks.toReversed()) await lock.release();
  };
  try {
    locks.push(await lockOrThrow(ground, lockName("base", place), self, place.path));
    const base = await bindBase(
      { files, machine, system, sleep: (durationMs) => clock.sleep(durationMs) },
      place,
      wish,
    );
    const vault = new Vault(files, base.vault, wish.reserveBytes);
    files.makeFolders(vault.path, 0o700);
    const info = files.info(vault.path);
    if (info === undefined) throw new BridgeError("DISK_REFUSED", `${vault.path} went away as soon as it was made`);
    locks.push(await lockOrThrow(ground, lockName("vault", info), self, vault.path));
    const checkpoints = checkpointsOf(files, machine, base);
    const refusal = await wish.mayWork?.(vault);
    if (refusal !== undefined) return { base, vault, checkpoints, release, books: undefined, refusal };
    await vault.prepare();
    releases.push(await system.showHolder(join(vault.path, "daemon")));
    const { onFatal, onFull, segmentBytes } = wish;
    const size = segmentBytes === undefined ? {} : { segmentBytes };
    const check = (index: OrderIndex) => rolledBack(files, index, base);
    const options = { files, clock, vault, checkpoints, baseId: base.id, onFatal, onFull, check, ...size };
    const opened = await Books.open(options);
    return {
      base,
      vault,
      checkpoints,
      release,
      books: opened.ok ? opened.value : undefined,
      refusal: opened.ok ? undefined : opened.error,
    };
  } catch (thrown) {
    await release();
    throw thrown;
  }
}

/**
 * What there is of a base that is away: its vault, to be read only. Undefined where no vault is known for the path, or that is
 * away, too. Throws LOCK_HELD.
 */
export async function openAbsent(ground: Ground, path: string, error: BridgeError): Promise<Opened | undefined> {
  const { files, machine, clock, processes } = ground;
  const base = lastKnownAt(files, machine, path);
  const info = base === undefined ? undefined : files.info(base.vault);
  if (base === undefined || info?.kind !== "folder") return undefined;
  const self = `pid ${processes.self.pid}, wo-bridge ${machine.version}, waiting for ${path}, since ${isoTime(clock.now())}`;
  const lock = await lockOrThrow(ground, lockName("vault", info), self, base.vault);
  const vault = new Vault(files, base.vault);
  const refusal = { error, index: indexOnDisk(files, vault) };
  const checkpoints = checkpointsOf(files, machine, base);
  return { base, vault, checkpoints, release: () => lock.release(), books: undefined, refusal };
}

/** Throws LOCK_HELD while somebody holds what a writer of this base needs, with the holder's own words. Keeps nothing. */
export async function refuseHeld(ground: Ground, path: string): Promise<void> {
  const { files, machine, processes } = ground;
  const place = findBase(files, path);
  const self = `pid ${processes.self.pid}, wo-bridge ${machine.version}, about to start on ${place.path}`;
  const lock = await lockOrThrow(ground, lockName("base", place), self, place.path);
  try {
    const vault = lookUpBase(files, machine, path)?.vault;
    const info = vault === undefined ? undefined : files.info(vault);
    if (vault === undefined || info?.kind !== "folder") return;
    await (await lockOrThrow(ground, lockName("vault", info), self, vault)).release();
  } finally {
    await lock.release();
  }
}

/** What can be read of the orders, whatever is wrong with the ledger. */
export function indexOnDisk(files: Files, vault: Vault): OrderIndex {
  const read = readBooks(files, vault);
  return read.ok ? read.value.index : read.error.index;
}

/** What the lock of a base or of a vault is called, whatever way leads to its folder. */
export function lockName(of: "base" | "vault", { device, inode }: Pick<Place, "device" | "inode">): string {
  return `${of}-${device}-${inode}`;
}

async function lockOrThrow({ machine, system }: Ground, name: string, self: string, path: string): Promise<KernelLock> {
  const lock = await system.takeLock(join(machine.stateRoot, "locks"), name, self);
  if (lock.ok) return lock.value;
  throw new BridgeError("LOCK_HELD", `${path} is held by ${lock.error}`);
}

/** A base's checkpoints; their key is this machine's, one for each base. */
export function checkpointsOf(files: Files, { stateRoot }: Machine, { id, vault }: BoundBase): Checkpoints {
  return new Checkpoints(files, vault, join(stateRoot, "keys", `${id}.pem`));
}

/** The books of a base as they are on disk, changing nothing: what can be read, and why they cannot be continued where they cannot. */
export function examineBooks(
  files: Files,
  machine: Machine,
  base: BoundBase,
): { readonly index: OrderIndex; readonly refusal: Refusal | undefined } {
  const read = readBooks(files, new Vault(files, base.vault), checkpointsOf(files, machine, base));
  if (!read.ok) return { index: read.error.index, refusal: read.error };
  return { index: read.value.index, refusal: rolledBack(files, read.value.index, base) };
}

/** Why the books of a base cannot be continued, changing nothing; undefined when they can. */
export function refusalOf(files: Files, machine: Machine, base: BoundBase): Refusal | undefined {
  return examineBooks(files, machine, base).refusal;
}

/** Telemetry knows entries that the ledger lacks: the vault is an older copy, and would do things a second time. */
function rolledBack(files: Files, index: OrderIndex, base: BoundBase): Refusal | undefined {
  const { ledger } = index.facts;
  const told = ledger === "" ? 0 : Telemetry.lastSeq(files, telemetryPath(base.path), ledger);
  const { seq } = index.head;
  if (told <= seq) return undefined;
  const reason = `telemetry tells of entry ${told}, and the ledger ends at entry ${seq}`;
  const error = new BridgeError("VAULT_ROLLED_BACK", `the vault ${base.vault} was set back: ${reason}`);
  return { error, index, damage: { segment: "", atByte: 0, seq: seq + 1, readableTo: told, reason } };
}

export function telemetryPath(base: string): string {
  return join(base, TELEMETRY_PATH);
}
