/** Where files go in the end: processed/ for orders, error/ for what is none. Done again after a crash it changes nothing. */
import { basename, dirname, join, relative } from "node:path";
import type { Problem } from "../orders/problems.ts";
import { type Files, numbered } from "../platform/files.ts";
import { sha256 } from "../platform/ids.ts";
import type { Publisher } from "../platform/publisher.ts";
import { dropHashOf, entryLaneOf, type OrderRecord } from "../records/order-record.ts";
import { peekDrop, writeDrop } from "./folder-drop.ts";
import type { Claim } from "./intake.ts";
import { type BridgeFolders, CLAIMED, type Lane } from "./lanes.ts";
import { kindOfName, signatureOf } from "./names.ts";
import { errorText } from "./outbox.ts";

export class Settler {
  readonly #files: Files;
  readonly #publisher: Publisher;
  readonly #folders: BridgeFolders;

  constructor(files: Files, publisher: Publisher, folders: BridgeFolders) {
    this.#files = files;
    this.#publisher = publisher;
    this.#folders = folders;
  }

  /** Where the claimed file of an order lies, or would lie. */
  claimPath(record: OrderRecord): string {
    return `${this.#folders.inbox}/${entryLaneOf(record)}/${CLAIMED}/${record.claim}`;
  }

  /**
   * Moves the file of an order at rest to processed/; returns where it lies, relative to the base. When it vanished, a
   * copy of `drop`, its file's bytes, is put there, unless an earlier settling left one.
   */
  async settle(record: OrderRecord, drop: () => Buffer): Promise<string> {
    const to = await this.#settleOrder(record, drop);
    await this.#moveSignature(this.claimPath(record), to);
    return to;
  }

  async #settleOrder(record: OrderRecord, drop: () => Buffer): Promise<string> {
    const folder = this.#folders.processed(record.lane, record.restedTs ?? record.updatedTs);
    const { settledTo: earlier, name } = record;
    const claimed = this.claimPath(record);
    if (
      earlier !== undefined &&
      this.#holds(claimed, record) &&
      this.#holds(join(this.#folders.base, earlier), record)
    ) {
      // A power cut brought the claimed file back, and a copy took its place meanwhile: one of the two is enough.
      this.#files.removeTree(claimed);
      return earlier;
    }
    const moved = await this.#move(claimed, folder, name, drop);
    if (moved !== undefined) return this.#relative(join(folder, moved));
    // A power cut undid the claim: the file is in the inbox again.
    const dropped = join(this.#folders.inbox, entryLaneOf(record), name);
    const again = this.#holds(dropped, record) ? await this.#move(dropped, folder, name, drop) : undefined;
    if (again !== undefined) return this.#relative(join(folder, again));
    if (earlier !== undefined && this.#files.info(join(this.#folders.base, earlier)) !== undefined) return earlier;
    // A crash between the move and the word of it: the file is there, under one of its names.
    const found = this.#findSettled(folder, record);
    if (found !== undefined) return this.#relative(join(folder, found));
    const copied = await this.#write(drop(), folder, name, record.claim);
    return this.#relative(join(folder, copied));
  }

  /** Brings the file of an order that waits once more back to its claim, from where it was settled. */
  async takeBack(record: OrderRecord): Promise<void> {
    const claimed = this.claimPath(record);
    const settled = record.settledTo === undefined ? undefined : join(this.#folders.base, record.settledTo);
    if (settled === undefined || !this.#holds(settled, record)) return;
    // A power cut brought the claimed file back: one of the two is enough.
    if (this.#holds(claimed, record)) this.#files.removeTree(claimed);
    if (this.#files.info(claimed) !== undefined) return;
    const signature = signatureOf(settled);
    const target = signatureOf(claimed);
    // First what nobody misses: a crash between the two is followed by this once more.
    if (this.#files.info(signature) !== undefined)
      await this.#publisher.moveNew(signature, dirname(target), basename(target));
    await this.#publisher.moveNew(settled, dirname(claimed), basename(claimed));
  }

  /** True for the order's own file, or another of the same content. */
  #holds(path: string, record: OrderRecord): boolean {
    const reading = peekDrop(this.#files, path, record.name);
    return reading.kind === "file" && sha256(reading.bytes) === dropHashOf(record);
  }

  /** Moves what is no order to error/, its problems beside it; returns where it lies, relative to the base. */
  async reject(claim: Claim, problems: readonly Problem[]): Promise<string> {
    const folder = this.#folders.error(claim.lane.name);
    const name = await this.#moveClaim(claim, folder);
    await this.#publisher.publish(join(folder, `${name}.error.json`), errorText(claim, problems));
    const to = this.#relative(join(folder, name));
    await this.#moveSignature(claim.path, to);
    return to;
  }

  /** Moves a drop that was a duplicate to processed/. */
  async putAside(claim: Claim, iso: string): Promise<string> {
    const folder = this.#folders.processed(claim.lane.name, iso);
    const to = this.#relative(join(folder, await this.#moveClaim(claim, folder)));
    await this.#moveSignature(claim.path, to);
    return to;
  }

  /** A signature whose order is not there any more: a crash came between the two. To error/, where nothing is lost. */
  async setAside(lane: Lane, claim: string, name: string): Promise<void> {
    await this.#publisher.moveNew(`${this.#folders.claimed(lane)}/${claim}`, this.#folders.error(lane.name), name);
  }

  /** Beside the order, wherever that came to lie. */
  async #moveSignature(claimPath: string, to: string): Promise<void> {
    const from = signatureOf(claimPath);
    if (this.#files.info(from) === undefined) return;
    const target = signatureOf(join(this.#folders.base, to));
    await this.#publisher.moveNew(from, dirname(target), basename(target));
  }

  /** The name under which the claim lies in `folder` now. */
  async #moveClaim({ path, name, content }: Claim, folder: string): Promise<string> {
    const source = content === undefined ? undefined : () => content.bytes;
    return (await this.#move(path, folder, name, source)) ?? name;
  }

  /** One move that replaces nothing. A folder cannot go to another file system: there it is written anew. */
  async #move(
    from: string,
    folder: string,
    name: string,
    source: (() => Buffer) | undefined,
  ): Promise<string | undefined> {
    const info = kindOfName(name) === "order" ? undefined : this.#files.info(from);
    if (info?.kind !== "folder" || source === undefined) return this.#publisher.moveNew(from, folder, name);
    this.#files.makeFolders(folder, 0o755);
    if (this.#files.info(folder)?.device === info.device) return this.#publisher.moveNew(from, folder, name);
    const written = await this.#write(source(), folder, name, basename(from));
    this.#files.removeTree(from);
    return written;
  }

  #findSettled(folder: string, record: OrderRecord): string | undefined {
    for (let count = 1; ; count += 1) {
      const name = numbered(record.name, count);
      if (this.#files.info(join(folder, name)) === undefined) return undefined;
      if (this.#holds(join(folder, name), record)) return name;
    }
  }

  /** Writes a copy under its claim's name first, so that its last step is the same move as ever. */
  async #write(source: Buffer, folder: string, name: string, claim: string): Promise<string> {
    const temporary = join(folder, `.${claim}`);
    await writeDrop(this.#files, temporary, source);
    return (await this.#publisher.moveNew(temporary, folder, name)) ?? name;
  }

  #relative(path: string): string {
    return relative(this.#folders.base, path);
  }
}
