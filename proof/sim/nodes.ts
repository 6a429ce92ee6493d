/** Files and folders of the simulated disk: what a reader sees now, and what is on the medium. */
import type { FileInfo, FileKind } from "../../src/platform/disk.ts";

export interface FileNode {
  readonly kind: "file";
  readonly inode: number;
  readonly bornMs: number;
  mode: number;
  modifiedMs: number;
  /** When its bytes were last changed, in milliseconds of the history: the wall's clock may jump. */
  writtenMs: number;
  links: number;
  /** What is read now. */
  data: Buffer;
  /** What the medium holds; undefined: nothing was ever synced. */
  durable: Buffer | undefined;
  durableMode: number;
  /** A sync of it failed: the system believes its pages clean from then on, and they are not. */
  isPoisoned: boolean;
}

export interface FolderNode {
  readonly kind: "folder";
  readonly inode: number;
  readonly bornMs: number;
  mode: number;
  modifiedMs: number;
  links: number;
  /** What is read now. */
  entries: Map<string, Node>;
  /** What the medium holds. */
  durable: Map<string, Node>;
}

export type Node = FileNode | FolderNode;

/** One name that a change of names sets or takes away. */
export interface NameChange {
  readonly folder: FolderNode;
  readonly name: string;
  /** What has the name from now on; undefined: nothing. */
  readonly node: Node | undefined;
  /** What had it before. */
  readonly before: Node | undefined;
}

/** A change that the file system makes as a whole or not at all: a rename changes two names. */
export type Change = readonly NameChange[];

export function newFile(inode: number, mode: number, nowMs: number): FileNode {
  const data = Buffer.alloc(0);
  const file = { inode, mode, durableMode: mode, bornMs: nowMs, modifiedMs: nowMs, writtenMs: 0 };
  return { kind: "file", ...file, links: 1, data, durable: undefined, isPoisoned: false };
}

export function newFolder(inode: number, mode: number, nowMs: number): FolderNode {
  const times = { bornMs: nowMs, modifiedMs: nowMs };
  return { kind: "folder", inode, mode, ...times, links: 2, entries: new Map(), durable: new Map() };
}

const OWNER = 501;

export function infoOf(node: Node): FileInfo {
  const kind: FileKind = node.kind;
  const { mode, modifiedMs, bornMs, inode, links } = node;
  const sizeBytes = node.kind === "file" ? node.data.length : 4096;
  return { kind, sizeBytes, mode, modifiedMs, changedMs: modifiedMs, bornMs, device: 1, inode, owner: OWNER, links };
}
