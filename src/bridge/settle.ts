/** Where files go in the end: processed/ for orders, error/ for what is none. Done again after a crash it changes nothing. */
import { join, relative } from "node:path";
import type { Problem } from "../orders/problems.ts";
import { type Files, numbered } from "../platform/files.ts";
import { sha256 } from "../platform/ids.ts";
import type { Publisher } from "../platform/publisher.ts";
import { entryLaneOf, type OrderRecord } from "../records/order-record.ts";
import type { Claim } from "./intake.ts";
import { type BridgeFolders, CLAIMED } from "./lanes.ts";
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
   * copy of `source` is put there, unless an earlier settling left one.
   */
  async settle(record: OrderRecord, source: () => Buffer): Promise<string> {
    const folder = this.#folders.processed(record.lane, record.restedTs ?? record.updatedTs);
    const name = await this.#publisher.moveNew(this.claimPath(record), folder, record.name);
    if (name !== undefined) return this.#relative(join(folder, name));
    const earlier = record.settledTo;
    if (earlier !== undefined && this.#files.info(join(this.#folders.base, earlier)) !== undefined) return earlier;
    // A crash between the move and the word of it: the file is there, under one of its names.
    const moved = this.#findSettled(folder, record);
    if (moved !== undefined) return this.#relative(join(folder, moved));
    const copied = await this.#copy(source(), folder, record);
    return this.#relative(join(folder, copied));
  }

  /** Moves what is no order to error/, its problems beside it; returns where it lies, relative to the base. */
  async reject(claim: Claim, problems: readonly Problem[]): Promise<string> {
    const folder = this.#folders.error(claim.lane.name);
    const name = (await this.#publisher.moveNew(claim.path, folder, claim.name)) ?? claim.name;
    await this.#publisher.publish(join(folder, `${name}.error.json`), errorText(claim, problems));
    return this.#relative(join(folder, name));
  }

  /** Moves a drop that was a duplicate to processed/. */
  async putAside(claim: Claim, iso: string): Promise<string> {
    const folder = this.#folders.processed(claim.lane.name, iso);
    const name = (await this.#publisher.moveNew(claim.path, folder, claim.name)) ?? claim.name;
    return this.#relative(join(folder, name));
  }

  #findSettled(folder: string, record: OrderRecord): string | undefined {
    for (let count = 1; ; count += 1) {
      const name = numbered(record.name, count);
      const reading = this.#files.peek(join(folder, name), record.sizeBytes);
      if (reading.kind === "absent") return undefined;
      if (reading.kind === "file" && sha256(reading.bytes) === record.sha256) return name;
    }
  }

  /** Writes the copy under its claim's name first, so that its last step is the same move as ever. */
  async #copy(source: Buffer, folder: string, record: OrderRecord): Promise<string> {
    const temporary = join(folder, `.${record.claim}`);
    await this.#publisher.publish(temporary, source);
    return (await this.#publisher.moveNew(temporary, folder, record.name)) ?? record.name;
  }

  #relative(path: string): string {
    return relative(this.#folders.base, path);
  }
}
