/** Tells the user's own command what a person may have to look at: JSON on its standard input, never a flood. */
import type { Clock } from "../platform/clock.ts";
import { isoTime } from "../platform/clock.ts";
import type { Log } from "../platform/log.ts";
import { runProgram } from "../platform/program.ts";
import type { Event, Notice } from "../records/events.ts";

const COMMAND_MS = 20_000;
const QUEUE_MAX = 100;
const NEWS: ReadonlySet<string> = new Set([
  "wo_failed",
  "wo_waiting",
  "wo_rejected",
  "wo_pipeline_drift",
  "intake_paused",
]);

export interface NotifierOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly base: string;
  /** Empty: nobody wants to be told. */
  readonly command: () => readonly string[];
  readonly minIntervalMs: () => number;
  readonly signal: AbortSignal;
}

export class Notifier {
  readonly #options: NotifierOptions;
  #queue: Readonly<Record<string, unknown>>[] = [];
  #dropped = 0;
  #sending = false;

  constructor(options: NotifierOptions) {
    this.#options = options;
  }

  /** Tells of the event when it is of a kind that a person has to look at. */
  tell(event: Event | Notice): void {
    if (!NEWS.has(event.event) || this.#options.command().length === 0) return;
    if (this.#queue.length >= QUEUE_MAX) this.#dropped += 1;
    else this.#queue.push({ ts: isoTime(this.#options.clock.now()), base: this.#options.base, ...event });
    void this.#send();
  }

  async #send(): Promise<void> {
    if (this.#sending) return;
    this.#sending = true;
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      const [program, ...words] = this.#options.command();
      if (program === undefined || this.#options.signal.aborted) break;
      const input = JSON.stringify({ v: 1, ...next, ...(this.#dropped > 0 ? { dropped: this.#dropped } : {}) });
      this.#dropped = 0;
      const end = await runProgram([program, ...words], {
        cwd: this.#options.base,
        input: `${input}\n`,
        timeoutMs: COMMAND_MS,
      });
      if (end.exitCode !== 0)
        this.#options.log.warn("notify_failed", { exit_code: end.exitCode, stderr: end.stderr.slice(-500) });
      await this.#options.clock.sleep(this.#options.minIntervalMs(), this.#options.signal);
    }
    this.#sending = false;
  }
}
