/**
 * Work that is asked for again and again and must not overlap itself: whatever asks while it runs makes it run once more.
 * Nothing that asks is ever forgotten, also not in the moment in which the work comes to its end.
 */
import type { Clock } from "./clock.ts";

export class Drain {
  readonly #work: () => Promise<void>;
  #running: Promise<void> | undefined;
  #again = false;

  /** What `work` rejects with is nobody's to handle: a bug. */
  constructor(work: () => Promise<void>) {
    this.#work = work;
  }

  /** The work begins now, or once more when what runs has ended. */
  request(): void {
    this.#again = true;
    this.#running ??= this.#run();
  }

  /** Resolves when nothing runs and nothing is asked for. */
  async settled(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #run(): Promise<void> {
    try {
      while (this.#again) {
        this.#again = false;
        await this.#work();
      }
    } finally {
      // In the same turn as the last look at `#again`: no request falls in between.
      this.#running = undefined;
    }
  }
}

/** Work that is done a moment after it is asked for, once for all who ask until then; not any more once `signal` has aborted. */
export class Delay {
  readonly #clock: Clock;
  readonly #durationMs: number;
  readonly #signal: AbortSignal;
  readonly #work: () => void;
  #isPlanned = false;

  /** What `work` throws is nobody's to handle: a bug. */
  constructor(
    { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
    durationMs: number,
    work: () => void,
  ) {
    this.#clock = clock;
    this.#signal = signal;
    this.#durationMs = durationMs;
    this.#work = work;
  }

  request(): void {
    if (this.#isPlanned) return;
    this.#isPlanned = true;
    void this.#clock.sleep(this.#durationMs, this.#signal).then(() => {
      this.#isPlanned = false;
      if (!this.#signal.aborted) this.#work();
    });
  }
}
