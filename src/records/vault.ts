/**
 * The folder outside of every tree that nothing in a tree can be trusted with: the ledger, the blobs it refers to, what
 * commands printed. Here: its layout and its blobs. A blob is durable before anything refers to it, and is its name:
 * what was damaged is noticed when it is read.
 */
import { join } from "node:path";
import { BridgeError, translated } from "../platform/errors.ts";
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

  /** There while all answers that a wipe may have taken are looked for. */
  get answersMark(): string {
    return join(this.path, "answers.mark");
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

  /** The bytes as content of an entry; durable as a blob first when they are too many for one. */
  async keep(bytes: Uint8Array, inlineBytes = INLINE_BYTES): Promise<Content> {
    if (bytes.length <= inlineBytes) return inlineContent(bytes);
    const hash = sha256(bytes);
    // Whoever keeps the same bytes meanwhile waits for the same sync.
    const keeping = this.#keeping.get(hash) ?? this.#write(hash, bytes).finally(() => this.#keeping.delete(hash));
    this.#keeping.set(hash, keeping);
    await keeping;
    return { blob: hash };
  }

  async #write(hash: string, bytes: Uint8Array): Promise<void> {
    const folder = join(this.path, "blobs", hash.slice(0, 2));
    const path = join(folder, hash.slice(2));
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
    const path = join(this.path, "blobs", content.blob.slice(0, 2), content.blob.slice(2));
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
