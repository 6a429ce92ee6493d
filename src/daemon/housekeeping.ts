/** Once a day: lets go of what is old, and measures what the vault takes up, so that nobody waits for it. */
import { repeat } from "../platform/clock.ts";
import type { Log } from "../platform/log.ts";
import type { Books } from "../records/books.ts";
import type { Telemetry } from "../records/telemetry.ts";
import { applyRetention, treeBytes } from "../upkeep/retention.ts";
import type { BoundBase } from "./base.ts";
import { tryAndLog } from "./failures.ts";
import type { Ground } from "./opening.ts";
import type { Settings } from "./settings.ts";

/** Not while a start has better things to do. */
const FIRST_MS = 60_000;
const EVERY_MS = 24 * 60 * 60 * 1000;

export interface HousekeepingOptions {
  readonly ground: Ground;
  readonly log: Log;
  readonly base: BoundBase;
  readonly books: Books;
  readonly telemetry: Telemetry;
  readonly settings: Settings;
  readonly signal: AbortSignal;
}

export class Housekeeping {
  readonly #options: HousekeepingOptions;
  #vaultBytes: number | undefined;

  constructor(options: HousekeepingOptions) {
    this.#options = options;
  }

  /** When last measured; undefined before the first time. */
  get vaultBytes(): number | undefined {
    return this.#vaultBytes;
  }

  /** Resolves when the signal has aborted. */
  async begin(firstMs = FIRST_MS): Promise<void> {
    const { ground, signal } = this.#options;
    const { clock } = ground;
    await this.#guarded(() => this.#measure());
    await clock.sleep(firstMs, signal);
    if (!signal.aborted) await this.#guarded(() => this.#tidy());
    await repeat(clock, EVERY_MS, signal, () => this.#guarded(() => this.#tidy()));
  }

  /** What could not be removed, or looked at, today is tomorrow's. */
  #guarded(work: () => Promise<void>): Promise<void> {
    return tryAndLog(this.#options.log, "housekeeping_refused", work);
  }

  async #tidy(): Promise<void> {
    const { ground, log, books, telemetry, settings, base } = this.#options;
    const done = await applyRetention({
      ...ground,
      vault: books.vault,
      base: base.path,
      rules: settings.config.retention,
      isOpen: (id) => books.index.open.some((record) => record.id === id),
      snapshotSegment: books.snapshotSegment,
    });
    log.info("retention_applied", { ...done });
    if (done.runs + done.files + done.segments > 0) telemetry.notice({ event: "retention_applied", ...done });
    await this.#measure();
  }

  async #measure(): Promise<void> {
    const { ground, books } = this.#options;
    this.#vaultBytes = await treeBytes(ground.files, ground.clock, books.vault.path);
  }
}
