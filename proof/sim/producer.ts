/** People and agents who drop files: some write beside the name, sync and rename, some write in place, piece by piece. */

import type { Random } from "../rig/random.ts";
import { BASE, type SimulatedMachine } from "./machine.ts";
import type { LiveDrop } from "./orders.ts";

const PIECE_PAUSE_MS = 300;

export class Producer {
  readonly #machine: SimulatedMachine;
  readonly #random: Random;
  /** Whole, and not synced: a power cut may take them. */
  readonly #unsynced = new Set<LiveDrop>();
  /** Counts the power cuts and the clocks set: nobody may count on what was being written then. */
  #disturbances = 0;

  constructor(machine: SimulatedMachine, random: Random) {
    this.#machine = machine;
    this.#random = random;
  }

  /** Drops the file; resolves when it is whole, or its writer was cut off. */
  async drop(drop: LiveDrop): Promise<void> {
    const folder = `${BASE}/bridge/inbox/${drop.lane}`;
    // A folder that its writer had to make is synced by nobody.
    const careful = this.#machine.disk.stat(folder) !== undefined && this.#random.chance(0.5);
    const disturbances = this.#disturbances;
    const path = `${folder}/${drop.name}`;
    this.#makeFolders(folder);
    try {
      await this.#write(careful ? `${folder}/.${drop.name}.writing` : path, drop.text, careful);
      if (careful) await this.#rename(`${folder}/.${drop.name}.writing`, path, folder);
    } catch {
      // Wiped or cut off while it was written: nobody may count on it.
      return;
    }
    if (disturbances !== this.#disturbances) return;
    drop.isDurable = true;
    if (!careful) this.#unsynced.add(drop);
  }

  /** The power goes. */
  cutPower(): void {
    this.disturb();
    for (const drop of this.#unsynced) drop.isDurable = false;
    this.#unsynced.clear();
  }

  /** The clock is set: what is half-written looks old to a daemon that starts after it, and is given up. */
  disturb(): void {
    this.#disturbances += 1;
  }

  async #write(path: string, text: string, sync: boolean): Promise<void> {
    const { disk } = this.#machine;
    const bytes = Buffer.from(text);
    const handle = disk.openNew(path, 0o644);
    for (let from = 0; from < bytes.length; ) {
      const to = Math.min(bytes.length, from + this.#random.between(1, bytes.length));
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
