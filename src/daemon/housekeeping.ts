/**
 * Once a day: lets go of what is old, and measures what the vault takes up, so that nobody waits for it. When somebody
 * asks, prunes the vault.
 */
import { repeat } from "../platform/clock.ts";
import type { Log } from "../platform/log.ts";
import type { Books } from "../records/books.ts";
import type { Telemetry } from "../records/telemetry.ts";
import { finishPruning, heldBytes, type PruneReport, type PruneTools, prune } from "../upkeep/prune.ts";
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
  /** One at a time: what is compressed or pruned is not read by another meanwhile. */
  #turn: Promise<unknown> = Promise.resolve();

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
    await this.#guarded(() => this.#inTurn(() => finishPruning(this.#pruneTools)));
    await this.#guarded(() => this.#measure());
    await clock.sleep(firstMs, signal);
    const tidy = () => this.#guarded(() => this.#inTurn(() => this.#tidy()));
    if (!signal.aborted) await tidy();
    await repeat(clock, EVERY_MS, signal, tidy);
  }

  /** Says what of the vault may go; with `by`, it goes. */
  prune(by: string | undefined): Promise<PruneReport> {
    return this.#inTurn(() => prune(this.#pruneTools, by));
  }

  get #pruneTools(): PruneTools {
    const { ground, books, settings, signal } = this.#options;
    return { ...ground, books, rules: settings.config.retention, isOver: () => signal.aborted };
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    // Whoever asked is told what went wrong; the next one has nothing to do with it.
    this.#turn = done.catch(() => undefined);
    return done;
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
    await this.#keepWithinSize();
    await this.#measure();
  }

  /** Only where a limit is set, and only when it is passed: all of the ledger is read for it. */
  async #keepWithinSize(): Promise<void> {
    const { books, settings, log } = this.#options;
    const { vaultBytes } = settings.config.retention;
    if (vaultBytes === undefined || (await heldBytes(books)) <= vaultBytes) return;
    const { pruned, over_bytes } = await prune(this.#pruneTools, "retention");
    log.info("vault_pruned", { ...pruned, over_bytes });
  }

  async #measure(): Promise<void> {
    const { ground, books } = this.#options;
    this.#vaultBytes = await treeBytes(ground.files, ground.clock, books.vault.path);
  }
}
