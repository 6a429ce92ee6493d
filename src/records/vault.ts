/**
 * The folder outside of every tree that nothing in a tree can be trusted with: the ledger, the blobs it refers to, what
 * commands printed. Here: its layout and its blobs. A blob is durable before anything refers to it, and is its name:
 * what was damaged is noticed when it is read.
 */
import { dirname, join } from "node:path";
import { assert, BridgeError, translated } from "../platform/errors.ts";
import type { Files } from "../platform/files.ts";
import { randomName, sha256 } from "../platform/ids.ts";
import { type Content, INLINE_BYTES, inlineContent } from "./content.ts";

const DURABLE_MAX = 10_000;
const RESERVE_BYTES = 16 * 1024 * 1024;

export class Vault {
  readonly path: string;
  readonly #files: Files;
  readonly #reserveBytes: number;
  /** Blobs that are on their way to the medium, and some of those that have reached it in this life. */
  readonly #keeping = new Map<string, Promise<void>>();
  readonly #durable = new Set<string>();
  /** Folders of blobs whose names are durable. */
  readonly #folders = new Set<string>();
  /** How often each blob was kept, or is held, for an entry that is not in the ledger yet. */
  readonly #awaited = new Map<string, number>();
  /** Blobs that were given up and are not removed yet. */
  readonly #givenUp = new Set<string>();

  constructor(files: Files, path: string, reserveBytes = RESERVE_BYTES) {
    this.#files = files;
    this.path = path;
    this.#reserveBytes = reserveBytes;
  }

  get ledger(): string {
    return join(this.path, "ledger");
  }

  get runs(): string {
    return join(this.path, "runs");
  }

  get socket(): string {
    return join(this.path, "control.sock");
  }

  get runtime(): string {
    return join(this.path, "runtime.json");
  }

  /** How the lives of a supervised daemon have ended, while there is something to count. */
  get lives(): string {
    return join(this.path, "lives.json");
  }

  /** There while all answers that a wipe may have taken are looked for. */
  get answersMark(): string {
    return join(this.path, "answers.mark");
  }

  /** There while blobs that were given up are being removed. */
  get pruneMark(): string {
    return join(this.path, "prune.mark");
  }

  get log(): string {
    return join(this.path, "daemon.log");
  }

  get #reserve(): string {
    return join(this.path, "reserve");
  }

  /** Makes the folders that are missing, for this user only, durable with their names. */
  async prepare(): Promise<void> {
    for (const folder of [this.path, this.ledger, join(this.path, "blobs"), this.runs])
      this.#files.makeFolders(folder, 0o700);
    this.#files.sweep(this.ledger);
    await this.#files.syncFolder(this.path);
    await this.#files.syncUpwards(this.path);
  }

  /**
   * The bytes as content of an entry; durable as a blob first when they are too many for one. Not given up before that
   * entry is in the ledger; where none comes, not in this life.
   */
  async keep(bytes: Uint8Array, inlineBytes = INLINE_BYTES): Promise<Content> {
    if (bytes.length <= inlineBytes) return inlineContent(bytes);
    const hash = sha256(bytes);
    this.#await(hash);
    // Whoever keeps the same bytes meanwhile waits for the same sync.
    const keeping = this.#keeping.get(hash) ?? this.#write(hash, bytes).finally(() => this.#keeping.delete(hash));
    this.#keeping.set(hash, keeping);
    await keeping;
    return { blob: hash };
  }

  async #write(hash: string, bytes: Uint8Array): Promise<void> {
    const path = this.#blobPath(hash);
    const folder = dirname(path);
    // A blob of another life may be readable without ever having reached the medium: it is written again.
    if (this.#durable.has(hash) && this.#files.info(path)?.sizeBytes === bytes.length) return;
    this.#files.makeFolders(folder, 0o700);
    // Once in each life: another may have made it, and died before its name was on the medium.
    if (!this.#folders.has(folder)) await this.#files.syncFolder(join(this.path, "blobs"));
    this.#folders.add(folder);
    await this.#files.replace(path, bytes, 0o600);
    if (this.#durable.size >= DURABLE_MAX) this.#durable.clear();
    this.#durable.add(hash);
  }

  #blobPath(hash: string): string {
    return join(this.path, "blobs", hash.slice(0, 2), hash.slice(2));
  }

  #await(hash: string): void {
    this.#awaited.set(hash, (this.#awaited.get(hash) ?? 0) + 1);
    this.#givenUp.delete(hash);
  }

  /** True while an entry that refers to some blob is on its way. */
  get isAwaiting(): boolean {
    return this.#awaited.size > 0;
  }

  /** True while an entry that refers to this blob is on its way. */
  isAwaited(hash: string): boolean {
    return this.#awaited.has(hash);
  }

  /** An entry that refers to these is in the ledger: from here on that is what keeps them. */
  referred(hashes: readonly string[]): void {
    for (const hash of hashes) {
      const count = this.#awaited.get(hash) ?? 0;
      if (count > 1) this.#awaited.set(hash, count - 1);
      else this.#awaited.delete(hash);
    }
  }

  /** Does some work during which none of these is given up. */
  async hold<T>(hashes: readonly string[], work: () => Promise<T>): Promise<T> {
    for (const hash of hashes) this.#await(hash);
    return work().finally(() => this.referred(hashes));
  }

  /** False for a blob that is missing, and for one that was given up, also before it is removed. */
  has(hash: string): boolean {
    return !this.#givenUp.has(hash) && this.#files.info(this.#blobPath(hash)) !== undefined;
  }

  /** How large a blob's file is; undefined for one that is missing. */
  sizeOf(hash: string): number | undefined {
    return this.#files.info(this.#blobPath(hash))?.sizeBytes;
  }

  /** From this turn on they are gone for whoever asks, unless they are kept again. */
  giveUp(hashes: readonly string[]): void {
    for (const hash of hashes) {
      assert(!this.isAwaited(hash), "what an entry on its way refers to is not given up");
      this.#givenUp.add(hash);
    }
  }

  /** They stay after all. */
  takeBack(hashes: readonly string[]): void {
    for (const hash of hashes) this.#givenUp.delete(hash);
  }

  /** Removes a blob that was given up, unless it was kept again since; whether it did. Not durable by itself. */
  removeGivenUp(hash: string): boolean {
    if (!this.#givenUp.delete(hash)) return false;
    this.#durable.delete(hash);
    return this.#files.remove(this.#blobPath(hash));
  }

  /** Every blob that is there, in no order, a folder at a time. */
  async *blobs(): AsyncGenerator<{ readonly hash: string; readonly sizeBytes: number }> {
    const blobs = join(this.path, "blobs");
    const slice = this.#files.slices();
    for (const { name: folder } of this.#files.list(blobs) ?? []) {
      for (const { name } of this.#files.list(join(blobs, folder)) ?? []) {
        await slice();
        const info = /^[0-9a-f]{64}$/.test(folder + name) ? this.#files.info(this.#blobPath(folder + name)) : undefined;
        if (info?.kind === "file") yield { hash: folder + name, sizeBytes: info.sizeBytes };
      }
    }
  }

  /** Removes blobs that a crash left unfinished. */
  async sweepBlobs(): Promise<void> {
    const blobs = join(this.path, "blobs");
    const slice = this.#files.slices();
    for (const { name } of this.#files.list(blobs) ?? []) {
      this.#files.sweep(join(blobs, name));
      await slice();
    }
  }

  /** For loops over many contents: see `slices` of clock.ts. */
  slices(): () => Promise<void> {
    return this.#files.slices();
  }

  /** The bytes of a content. Throws LEDGER_DAMAGED when a blob is missing or is not what its name says. */
  load(content: Content): Buffer {
    if ("text" in content) return Buffer.from(content.text, "utf8");
    if ("base64" in content) return Buffer.from(content.base64, "base64");
    const path = this.#blobPath(content.blob);
    const bytes = this.#files.read(path);
    if (bytes === undefined || sha256(bytes) !== content.blob) {
      throw new BridgeError("LEDGER_DAMAGED", `the blob ${path} is ${bytes === undefined ? "missing" : "damaged"}`);
    }
    return bytes;
  }

  /** Keeps some space back, so that on a full disk what was begun can still be recorded. False when it is full already. */
  async reserve(): Promise<boolean> {
    if (this.#files.info(this.#reserve)?.sizeBytes === this.#reserveBytes) return true;
    if (this.#files.freeBytes(this.path) < 2 * this.#reserveBytes) return false;
    this.#files.remove(this.#reserve);
    // Random: some file systems store nothing for zeros.
    const block = Buffer.from(Array.from({ length: 1024 }, randomName).join(""));
    const bytes = Buffer.alloc(this.#reserveBytes, block);
    this.#files.disk.close(await this.#files.writeNew(this.#reserve, bytes, 0o600));
    return true;
  }

  /** Gives the reserved space back to the disk; false when there was none. */
  releaseReserve(): boolean {
    return this.#files.remove(this.#reserve);
  }

  /** True while the space is kept back. */
  get hasReserve(): boolean {
    return translated(this.#reserve, () => this.#files.info(this.#reserve)) !== undefined;
  }
}
