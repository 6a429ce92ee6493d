/**
 * One process's life on the simulated machine. It gets disk and clock through this; when it dies nothing it still does
 * has any effect, and nothing it waits for ever comes.
 */
import { setMaxListeners } from "node:events";
import type { Clock } from "../../src/platform/clock.ts";
import type { Disk } from "../../src/platform/disk.ts";
import type { Random } from "../rig/random.ts";
import type { MemoryDisk } from "./memory-disk.ts";
import type { Scheduler } from "./scheduler.ts";

/** Thrown into a dead process, to end what it is doing. */
export class Dead extends Error {}

export interface LifeGround {
  readonly disk: MemoryDisk;
  readonly scheduler: Scheduler;
  readonly random: Random;
  /** Wall time in milliseconds since the epoch. */
  readonly now: () => number;
  /** Told when it dies, whatever of. */
  readonly onDeath: (life: Life) => void;
}

/** A few milliseconds late, as timers are. */
const LATE_MS = 3;

export class Life {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly pid: number;
  readonly #ground: LifeGround;
  #isDead = false;
  readonly #handles = new Set<number>();
  /** How many more calls of the disk it lives for. */
  #callsLeft = Number.POSITIVE_INFINITY;

  constructor(pid: number, ground: LifeGround) {
    this.pid = pid;
    this.#ground = ground;
    this.disk = this.#mortalDisk();
    this.clock = this.#mortalClock();
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  /** Files and folders that it has opened and not closed. */
  get openHandles(): number {
    return this.#handles.size;
  }

  /** It dies in the middle of the `calls`-th call of the disk from now on. */
  dieWithin(calls: number): void {
    this.#callsLeft = calls;
  }

  die(): void {
    if (this.#isDead) return;
    this.#isDead = true;
    this.#ground.onDeath(this);
  }

  /** The promise as this process sees it: it never hears of it once it is dead. */
  hear<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      promise.then(
        (value) => (this.#isDead ? undefined : resolve(value)),
        (error: unknown) => (this.#isDead ? undefined : reject(error)),
      );
    });
  }

  /** A call that changes something: it may be the last one, done or not. */
  #change<T>(work: () => T): T {
    this.#breath();
    if (this.#callsLeft > 0) return work();
    if (this.#ground.random.chance(0.5)) work();
    this.die();
    throw new Dead();
  }

  #opened(handle: number): number {
    this.#handles.add(handle);
    return handle;
  }

  #close(handle: number): void {
    if (this.#isDead) return;
    this.#handles.delete(handle);
    this.#ground.disk.close(handle);
  }

  #breath(): void {
    if (this.#isDead) throw new Dead();
    this.#callsLeft -= 1;
  }

  #alive<T>(work: () => T): T {
    if (this.#isDead) throw new Dead();
    return work();
  }

  #write(handle: number, bytes: Uint8Array): number {
    this.#breath();
    const { disk, random } = this.#ground;
    if (this.#callsLeft > 0) return disk.write(handle, bytes);
    // Torn: some of it was taken.
    const taken = bytes.subarray(0, random.between(0, bytes.length));
    if (taken.length > 0) disk.write(handle, taken);
    this.die();
    throw new Dead();
  }

  #sync(handle: number): Promise<void> {
    const sync = () => {
      const synced = this.#ground.disk.sync(handle);
      // Who dies of this call hears of no failure, and none may be heard elsewhere.
      synced.catch(() => undefined);
      return synced;
    };
    return this.hear(this.#change(sync));
  }

  #mortalDisk(): Disk {
    const { disk } = this.#ground;
    return {
      openRead: (path) => this.#opened(this.#alive(() => disk.openRead(path))),
      openNew: (path, mode) => this.#opened(this.#change(() => disk.openNew(path, mode))),
      openAppend: (path, mode) => this.#opened(this.#change(() => disk.openAppend(path, mode))),
      openFolder: (path) => this.#opened(this.#alive(() => disk.openFolder(path))),
      close: (handle) => this.#close(handle),
      read: (handle, target, position) => this.#alive(() => disk.read(handle, target, position)),
      write: (handle, bytes) => this.#write(handle, bytes),
      truncate: (handle, sizeBytes) => this.#change(() => disk.truncate(handle, sizeBytes)),
      chmod: (handle, mode) => this.#change(() => disk.chmod(handle, mode)),
      statHandle: (handle) => this.#alive(() => disk.statHandle(handle)),
      stat: (path) => this.#alive(() => disk.stat(path)),
      childPath: (folder, name) => disk.childPath(folder, name),
      sync: (handle) => this.#sync(handle),
      syncData: (handle) => this.#sync(handle),
      rename: (from, to) => this.#change(() => disk.rename(from, to)),
      link: (from, to) => this.#change(() => disk.link(from, to)),
      unlink: (path) => this.#change(() => disk.unlink(path)),
      makeFolder: (path, mode) => this.#change(() => disk.makeFolder(path, mode)),
      removeFolder: (path) => this.#change(() => disk.removeFolder(path)),
      list: (path) => this.#alive(() => disk.list(path)),
      listInPieces: (path) => this.#alive(() => disk.listInPieces(path)),
      realPath: (path) => this.#alive(() => disk.realPath(path)),
      readLink: (path) => this.#alive(() => disk.readLink(path)),
      freeBytes: () => this.#alive(() => disk.freeBytes()),
    };
  }

  #mortalClock(): Clock {
    const { scheduler, random, now } = this.#ground;
    return {
      now,
      elapsed: () => scheduler.nowMs,
      breathe: () => this.#later(0),
      sleep: (durationMs, signal) => {
        if (signal?.aborted === true) return Promise.resolve();
        const slept = this.#later(durationMs + random.next() * LATE_MS);
        if (signal === undefined) return slept;
        // As the machine's own clock has it: any number of waits may end with one signal.
        setMaxListeners(0, signal);
        return new Promise((resolve) => {
          signal.addEventListener("abort", () => (this.#isDead ? undefined : resolve()), { once: true });
          void slept.then(resolve);
        });
      },
    };
  }

  #later(durationMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#ground.scheduler.after(durationMs, () => (this.#isDead ? undefined : resolve()));
    });
  }
}
