/**
 * What a power cut leaves. Only synced bytes and names are sure; of the rest a cut keeps what it pleases: of changes of
 * names a prefix in their order, as journaling file systems do, or any of them that need none that is lost, as POSIX
 * allows; of unsynced bytes none, some or all. What was written long ago is there: a system writes back by itself.
 */

import type { Random } from "../rig/random.ts";
import type { Change, FileNode, FolderNode, NameChange, Node } from "./nodes.ts";

/** Linux writes back what is older than 30 s, and looks each 5 s. */
const WRITTEN_BACK_MS = 35_000;

export class Medium {
  readonly #random: Random;
  /** Changes of names reach the medium in their order, all together. */
  readonly #isOrdered: boolean;
  /** Changes of names that no sync has covered yet, oldest first. */
  #pending: Change[] = [];
  /** When each of them was made, in milliseconds of the history. */
  readonly #madeMs = new WeakMap<Change, number>();

  constructor(random: Random, isOrdered: boolean) {
    this.#random = random;
    this.#isOrdered = isOrdered;
  }

  /** A change of names that readers see already. */
  note(change: Change, nowMs: number): void {
    this.#madeMs.set(change, nowMs);
    this.#pending.push(change);
  }

  /** The file's bytes are on the medium. */
  syncFile(file: FileNode, bytes: Buffer): void {
    // A journal takes along what came before; POSIX promises nothing for the name.
    if (this.#isOrdered) this.#commit(() => true);
    if (file.isPoisoned) return;
    file.durable = bytes;
    file.durableMode = file.mode;
  }

  /** The folder's names are on the medium. */
  syncFolder(folder: FolderNode): void {
    this.#commit((change) => this.#isOrdered || change.some((one) => one.folder === folder));
  }

  /** This name is on the medium, whatever was on its way to it. */
  place(folder: FolderNode, name: string, node: Node): void {
    const isPlaced = (one: NameChange) => one.folder === folder && one.name === name;
    this.#pending = this.#pending.map((change) =>
      change.some(isPlaced) ? change.filter((one) => !isPlaced(one)) : change,
    );
    folder.durable.set(name, node);
  }

  /** The power goes: from now on readers see what the medium holds. What is in a folder that is lost is lost. */
  cut(root: FolderNode, nowMs: number): void {
    const isOld = (madeMs: number) => madeMs <= nowMs - WRITTEN_BACK_MS;
    this.#commit((change) => isOld(this.#madeMs.get(change) ?? nowMs));
    const kept = this.#random.between(0, this.#pending.length);
    const chosen = new Set(
      this.#pending.filter((_, index) => (this.#isOrdered ? index < kept : this.#random.chance(0.5))),
    );
    const lost = new Set<string>();
    for (const change of this.#pending) {
      const needs = [...needsOf(change), ...change.map(({ folder }) => `${folder.inode}`)];
      const isKept = chosen.has(change) && !needs.some((need) => lost.has(need));
      if (isKept) apply(change);
      else for (const touched of change.flatMap(touchedBy)) lost.add(touched);
    }
    this.#pending = [];
    this.#restore(root, new Set(), isOld);
  }

  #commit(isMeant: (change: Change) => boolean): void {
    const needed = new Set<string>();
    const committed = new Set<Change>();
    for (const change of this.#pending.toReversed()) {
      if (!isMeant(change) && !change.flatMap(touchedBy).some((touched) => needed.has(touched))) continue;
      committed.add(change);
      for (const need of needsOf(change)) needed.add(need);
    }
    for (const change of this.#pending) if (committed.has(change)) apply(change);
    this.#pending = this.#pending.filter((change) => !committed.has(change));
  }

  #restore(folder: FolderNode, seen: Set<number>, isOld: (madeMs: number) => boolean): void {
    if (seen.has(folder.inode)) return;
    seen.add(folder.inode);
    folder.entries = new Map(folder.durable);
    folder.links = 2;
    for (const node of folder.entries.values()) {
      if (node.kind === "folder") this.#restore(node, seen, isOld);
      else if (seen.has(node.inode)) node.links += 1;
      else {
        seen.add(node.inode);
        if (isOld(node.writtenMs) && !node.isPoisoned) [node.durable, node.durableMode] = [node.data, node.mode];
        this.#restoreFile(node);
      }
    }
  }

  #restoreFile(file: FileNode): void {
    file.links = 1;
    file.data = this.#afterCut(file);
    file.durable = file.data;
    file.mode = file.durableMode;
    file.isPoisoned = false;
  }

  /** Of bytes that were not synced: none, all, or those up to some point. */
  #afterCut({ data, durable }: FileNode): Buffer {
    const sure = durable ?? Buffer.alloc(0);
    if (data === sure || data.equals(sure)) return sure;
    const grown = data.length >= sure.length && data.subarray(0, sure.length).equals(sure);
    if (!grown) return this.#random.chance(0.5) ? sure : data;
    const keptLength = this.#random.pick([sure.length, data.length, this.#random.between(sure.length, data.length)]);
    return Buffer.from(data.subarray(0, keptLength));
  }
}

/** A name, and the files and folders that gain or lose it. */
function touchedBy({ folder, name, node, before }: NameChange): string[] {
  return [`${folder.inode}/${name}`, ...[node, before].flatMap((one) => (one === undefined ? [] : [`${one.inode}`]))];
}

/**
 * What a change builds upon: earlier ones of the same name, file or folder. No file system takes a file's last name away
 * before its new one is there, or moves one into a folder that it has forgotten; that a new file's folder has a name,
 * nobody promises.
 */
function needsOf(change: Change): string[] {
  const folders = change.length > 1 ? change.map(({ folder }) => `${folder.inode}`) : [];
  return [...change.flatMap(touchedBy), ...folders];
}

function apply(change: Change): void {
  for (const { folder, name, node } of change) {
    if (node === undefined) folder.durable.delete(name);
    else folder.durable.set(name, node);
  }
}
