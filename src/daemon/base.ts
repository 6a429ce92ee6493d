/**
 * Which vault belongs to which base. The registry at the user's state root decides, because everything in the tree may
 * be wiped, copied, moved or set back: a wiped `.wo-base` is put back, a moved base keeps its vault, a copied one is
 * refused, and no base ever gets a new, empty vault without somebody asking for it.
 */
import { basename, dirname, join, resolve } from "node:path";
import { z } from "zod";
import { kindOfName } from "../bridge/names.ts";
import { BridgeError, errnoOf } from "../platform/errors.ts";
import type { Files } from "../platform/files.ts";
import { randomName } from "../platform/ids.ts";
import type { Machine } from "../platform/machine.ts";
import { parseJson } from "../platform/result.ts";
import type { System } from "../platform/system.ts";

/** In every base: which one it is. */
export const MARK_FILE = ".wo-base";
const REGISTRY_LOCK_TRIES = 200;
const REGISTRY_LOCK_WAIT_MS = 10;

const entrySchema = z.object({
  id: z.string(),
  path: z.string(),
  device: z.number(),
  inode: z.number(),
  bornMs: z.number(),
  vault: z.string(),
});
const registrySchema = z.object({ v: z.literal(1), bases: z.array(entrySchema) });
const markSchema = z.object({ v: z.literal(1), id: z.string().regex(/^[a-z0-9]{6,26}$/) });

type Entry = z.infer<typeof entrySchema>;

/** A folder, by its real path and by what stays the same when it is moved. */
export interface Place {
  readonly path: string;
  readonly device: number;
  readonly inode: number;
  readonly bornMs: number;
}

/** A base and its vault, as registered. */
export interface BoundBase extends Place {
  readonly id: string;
  readonly vault: string;
  /** Real path of the home of the user whose it is. */
  readonly home: string;
  /** It was attached just now. */
  readonly isNew: boolean;
}

export interface BindTools {
  readonly files: Files;
  readonly machine: Machine;
  readonly system: Pick<System, "takeLock">;
  readonly sleep: (durationMs: number) => Promise<void>;
}

export interface BindWish {
  /** Somebody asked for it: an unknown base with orders in it may be attached. */
  readonly init: boolean;
  /** Where the vault is to be; undefined: where the registry says, else below the state root. */
  readonly vault: string | undefined;
  /** The base is a copy and gets an id of its own. */
  readonly newId: boolean;
}

/** The base's real path and identity. Throws BASE_MISSING. */
export function findBase(files: Files, path: string): Place {
  const place = placeOf(files, path);
  if (place === undefined) throw new BridgeError("BASE_MISSING", `there is no folder ${path}`);
  return place;
}

function placeOf(files: Files, path: string): Place | undefined {
  const real = files.realPath(resolve(path));
  const info = real === undefined ? undefined : files.info(real);
  if (real === undefined || info?.kind !== "folder") return undefined;
  return { path: real, device: info.device, inode: info.inode, bornMs: info.bornMs };
}

/**
 * Why the base cannot be worked on before somebody brings it, its volume perhaps; undefined where there is a folder that may
 * be it. A folder that a volume is mounted on is empty, and on another disk than the base was. What the disk does not let
 * anybody look at is away, too, whatever it says. Throws DISK_REFUSED for a registry that cannot be read.
 */
export function absenceOf(files: Files, machine: Machine, path: string): BridgeError | undefined {
  let place: Place | undefined;
  let isEmpty: boolean;
  try {
    place = placeOf(files, path);
    // Looked into each time: macOS shows an agent folders that it may not open.
    isEmpty = place !== undefined && (files.list(place.path) ?? []).length === 0;
  } catch (thrown) {
    if (!(thrown instanceof BridgeError)) throw thrown;
    return refusedLook(path, thrown);
  }
  if (place === undefined) return new BridgeError("BASE_MISSING", `there is no folder ${path}`);
  const { path: real, device } = place;
  const known = readRegistry(files, machine).findLast((entry) => entry.path === real);
  if (known === undefined || known.device === device || !isEmpty) return undefined;
  return new BridgeError("BASE_MISSING", `${path} is empty, and on another disk than its base was`);
}

function refusedLook(path: string, thrown: BridgeError): BridgeError {
  const errno = errnoOf(thrown.cause);
  const isKeptOut = errno === "EPERM" || errno === "EACCES";
  const why = isKeptOut ? "; macOS may keep agents out of there (System Settings, Privacy & Security)" : "";
  return new BridgeError(thrown.code, `${path} cannot be looked at: ${thrown.message}${why}`, { cause: thrown });
}

/** What the registry says of a base whose folder may be away, by its path alone; undefined when it knows none there. */
export function lastKnownAt(files: Files, machine: Machine, path: string): BoundBase | undefined {
  const target = targetOf(files, resolve(path));
  const entry = readRegistry(files, machine).findLast((one) => one.path === target);
  return entry === undefined ? undefined : { ...entry, home: homeOf(files, machine), isNew: false };
}

/** Through a link that may lead nowhere; the path itself where nobody may look. */
function targetOf(files: Files, absolute: string): string {
  try {
    const isLink = files.info(absolute)?.kind === "link";
    return realTarget(files, isLink ? resolve(dirname(absolute), files.disk.readLink(absolute)) : absolute);
  } catch (thrown) {
    if (!(thrown instanceof BridgeError)) throw thrown;
    return absolute;
  }
}

/** What the registry says of a base, changing nothing; undefined when it is not registered. For readers. */
export function lookUpBase(files: Files, machine: Machine, path: string): BoundBase | undefined {
  const place = findBase(files, path);
  const entry = match(readRegistry(files, machine), readMark(files, place.path), place);
  if (entry === undefined) return undefined;
  return { ...place, id: entry.id, vault: entry.vault, home: homeOf(files, machine), isNew: false };
}

/**
 * Binds the base to its vault and keeps registry and `.wo-base` true. The caller holds the base's lock. Throws
 * BASE_UNKNOWN, BASE_TWICE, VAULT_DIFFERS, VAULT_IN_TREE.
 */
export async function bindBase(tools: BindTools, place: Place, wish: BindWish): Promise<BoundBase> {
  const release = await lockRegistry(tools);
  try {
    const registry = readRegistry(tools.files, tools.machine);
    const mark = wish.newId ? undefined : readMark(tools.files, place.path);
    const known = wish.newId ? undefined : match(registry, mark, place);
    if (known !== undefined) refuseTwin(tools.files, known, place);
    const bound = known === undefined ? await attach(tools, place, mark, wish) : keep(tools, known, place, wish);
    const { id, vault } = bound;
    // One that had this path may have been moved elsewhere: it is found by its mark, or as the folder that it is.
    const others = registry.filter((entry) => entry.id !== id);
    await writeRegistry(tools, [...others, { ...place, id, vault }]);
    await restoreMark(tools.files, place.path, id);
    return bound;
  } finally {
    await release();
  }
}

/** Puts `.wo-base` back when it was wiped; true when it had to. */
export async function restoreMark(files: Files, base: string, id: string): Promise<boolean> {
  if (readMark(files, base) === id) return false;
  await files.publish(join(base, MARK_FILE), `${JSON.stringify({ v: 1, id })}\n`);
  return true;
}

/**
 * The registry before the mark, because git may bring another base's mark; the mark before the path alone, because
 * folders are moved onto each other.
 */
function match(registry: readonly Entry[], mark: string | undefined, place: Place): Entry | undefined {
  return (
    registry.find((entry) => entry.path === place.path && isSameFolder(entry, place)) ??
    registry.find((entry) => entry.id === mark) ??
    registry.find((entry) => isSameFolder(entry, place)) ??
    // The newest that was here: its folder was made anew.
    registry.findLast((entry) => entry.path === place.path)
  );
}

function isSameFolder(a: Omit<Place, "path">, b: Omit<Place, "path">): boolean {
  return a.device === b.device && a.inode === b.inode && a.bornMs === b.bornMs;
}

/** Another registered folder that carries the same id, changing nothing; undefined when there is none. */
export function twinOf(files: Files, machine: Machine, base: BoundBase): string | undefined {
  for (const entry of readRegistry(files, machine)) {
    const other = entry.id === base.id ? twinAt(files, entry, base) : undefined;
    if (other !== undefined) return other;
  }
  return undefined;
}

/** One id at two live folders: one of them is a copy, and nobody can tell which. */
function refuseTwin(files: Files, entry: Entry, place: Place): void {
  const other = twinAt(files, entry, place);
  if (other !== undefined)
    throw new BridgeError("BASE_TWICE", `${place.path} and ${other} carry the same base id ${entry.id}`);
}

function twinAt(files: Files, entry: Entry, place: Place): string | undefined {
  if (entry.path === place.path) return undefined;
  const other = files.realPath(entry.path);
  const info = other === undefined ? undefined : files.info(other);
  if (other === undefined || info === undefined || isSameFolder(info, place)) return undefined;
  return readMark(files, other) === entry.id || isSameFolder(info, entry) ? other : undefined;
}

function keep(tools: BindTools, entry: Entry, place: Place, wish: BindWish): BoundBase {
  const wanted = wish.vault === undefined ? undefined : realTarget(tools.files, wish.vault);
  if (wanted !== undefined && wanted !== entry.vault && !wish.init) {
    throw new BridgeError("VAULT_DIFFERS", `${place.path} is bound to the vault ${entry.vault}, not to ${wanted}`);
  }
  const vault = wanted ?? entry.vault;
  refuseTree(tools.files, vault, place.path);
  return { ...place, id: entry.id, vault, home: homeOf(tools.files, tools.machine), isNew: false };
}

async function attach(tools: BindTools, place: Place, mark: string | undefined, wish: BindWish): Promise<BoundBase> {
  if (!wish.init && (mark !== undefined || holdsOrders(tools.files, place.path))) {
    const why = mark === undefined ? "it holds orders" : `it carries the id ${mark}`;
    throw new BridgeError("BASE_UNKNOWN", `${place.path} is not attached here, and ${why}`);
  }
  const id = mark ?? randomName();
  const name = basename(place.path)
    .replace(/[^A-Za-z0-9._-]/g, "_")
    .slice(0, 24);
  const vault = realTarget(tools.files, wish.vault ?? join(tools.machine.stateRoot, "vaults", `${name}-${id}`));
  refuseTree(tools.files, vault, place.path);
  return { ...place, id, vault, home: homeOf(tools.files, tools.machine), isNew: true };
}

/** True when somebody has used the base before: it has orders in its inbox or state files. */
function holdsOrders(files: Files, base: string): boolean {
  const inbox = join(base, "bridge", "inbox");
  const lanes = (files.list(inbox) ?? []).filter(({ kind }) => kind === "folder" || kind === "link");
  const folders = [
    ...lanes.map(({ name }) => files.realPath(join(inbox, name)) ?? ""),
    join(base, "g", "followup", "state"),
  ];
  return folders.some((folder) => (files.list(folder) ?? []).some(({ name }) => kindOfName(name) === "order"));
}

/** The vault must not lie where a clean, a reset or a checkout reaches it. */
function refuseTree(files: Files, vault: string, base: string): void {
  for (let folder = vault; ; folder = dirname(folder)) {
    if (folder === base) throw new BridgeError("VAULT_IN_TREE", `the vault ${vault} lies in the base`);
    if (files.info(join(folder, ".git")) !== undefined) {
      throw new BridgeError("VAULT_IN_TREE", `the vault ${vault} lies in the git tree ${folder}`);
    }
    if (folder === dirname(folder)) return;
  }
}

function homeOf(files: Files, { home }: Machine): string {
  return files.realPath(home) ?? home;
}

/** The real path of a folder that may not exist yet. */
function realTarget(files: Files, path: string): string {
  const absolute = resolve(path);
  const real = files.realPath(absolute);
  if (real !== undefined || absolute === dirname(absolute)) return real ?? absolute;
  return join(realTarget(files, dirname(absolute)), basename(absolute));
}

function readMark(files: Files, base: string): string | undefined {
  const reading = files.peek(join(base, MARK_FILE), 4096);
  const mark = markSchema.safeParse(reading.kind === "file" ? parseJson(reading.bytes.toString("utf8")) : undefined);
  return mark.success ? mark.data.id : undefined;
}

function registryPath(machine: Machine): string {
  return join(machine.stateRoot, "bases.json");
}

function readRegistry(files: Files, machine: Machine): readonly Entry[] {
  const path = registryPath(machine);
  const bytes = files.read(path);
  if (bytes === undefined) return [];
  const registry = registrySchema.safeParse(parseJson(bytes.toString("utf8")));
  // An unreadable registry must not make every base look new.
  if (!registry.success) throw new BridgeError("DISK_REFUSED", `${path} cannot be read: ${registry.error.message}`);
  return registry.data.bases;
}

async function writeRegistry({ files, machine }: BindTools, bases: readonly Entry[]): Promise<void> {
  const before = files.read(registryPath(machine))?.toString("utf8");
  const text = `${JSON.stringify({ v: 1, bases }, undefined, 2)}\n`;
  if (text === before) return;
  await files.replace(registryPath(machine), text, 0o600);
  await files.syncUpwards(machine.stateRoot);
}

async function lockRegistry({ files, machine, system, sleep }: BindTools): Promise<() => Promise<void>> {
  files.makeFolders(machine.stateRoot, 0o700);
  for (let tries = 0; tries < REGISTRY_LOCK_TRIES; tries += 1) {
    const lock = await system.takeLock(
      join(machine.stateRoot, "locks"),
      `registry-${machine.stateRoot}`,
      "another command",
    );
    if (lock.ok) return () => lock.value.release();
    await sleep(REGISTRY_LOCK_WAIT_MS);
  }
  throw new BridgeError("LOCK_HELD", `another process holds ${registryPath(machine)}`);
}
