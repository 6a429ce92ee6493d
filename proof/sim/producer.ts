/** People and agents who drop files: some write beside the name, sync and rename, some write in place, piece by piece. */

import { BASE, type SimulatedMachine } from "./machine.ts";
import type { LiveDrop } from "./orders.ts";
import type { Random } from "./random.ts";

const PIECE_PAUSE_MS = 300;

export class Producer {
  readonly #machine: SimulatedMachine;
  readonly #random: Random;
  /** Whole, and not synced: a power cut may take them. */
  readonly #unsynced = new Set<LiveDrop>();
  /** Counts the power cuts: who was writing then writes no more. */
  #cuts = 0;

  constructor(machine: SimulatedMachine, random: Random) {
    this.#machine = machine;
    this.#random = random;
  }

  /** Drops the file; resolves when it is whole, or its writer was cut off. */
  async drop(drop: LiveDrop): Promise<void> {
    const folder = `${BASE}/bridge/inbox/${drop.lane}`;
    // A folder that its writer had to make is synced by nobody.
    const careful = this.#machine.disk.stat(folder) !== undefined && this.#random.chance(0.5);
    const cuts = this.#cuts;
    const path = `${folder}/${drop.name}`;
    this.#makeFolders(folder);
    try {
      await this.#write(careful ? `${folder}/.${drop.name}.writing` : path, drop.text, careful);
      if (careful) await this.#rename(`${folder}/.${drop.name}.writing`, path, folder);
    } catch {
      // Wiped or cut off while it was written: nobody may count on it.
      return;
    }
    if (cuts !== this.#cuts) return;
    drop.isDurable = true;
    if (!careful) this.#unsynced.add(drop);
  }

  /** The power goes. */
  cutPower(): void {
    this.#cuts += 1;
    for (const drop of this.#unsynced) drop.isDurable = false;
    this.#unsynced.clear();
  }

  async #write(path: string, text: string, sync: boolean): Promise<void> {
    const { disk } = this.#machine;
    const bytes = Buffer.from(text);
    const handle = disk.openNew(path, 0o644);
    for (let from = 0; from < bytes.length; ) {
      const to = Math.min(bytes.length, from + this.#random.int(1, bytes.length));
      from += disk.write(handle, bytes.subarray(from, to));
      if (from < bytes.length) await this.#pause(this.#random.next() * PIECE_PAUSE_MS);
    }
    if (sync) await disk.sync(handle);
    disk.close(handle);
  }

  async #rename(from: string, to: string, folder: string): Promise<void> {
    const { disk } = this.#machine;
    disk.rename(from, to);
    const handle = disk.openFolder(folder);
    await disk.sync(handle);
    disk.close(handle);
  }

  #makeFolders(path: string): void {
    const { disk } = this.#machine;
    if (disk.stat(path) !== undefined) return;
    this.#makeFolders(path.slice(0, path.lastIndexOf("/")));
    disk.makeFolder(path, 0o755);
  }

  #pause(durationMs: number): Promise<void> {
    return new Promise((resolve) => this.#machine.scheduler.after(durationMs, resolve));
  }
}
