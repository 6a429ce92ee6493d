/**
 * When the machine has no room (disk, file handles, a volume that is gone), intake pauses: orders wait in the inbox, what
 * was begun is finished out of the reserve, and work resumes by itself. It says so at the beginning and at the end.
 */
import type { Clock } from "../platform/clock.ts";
import { BridgeError, type ErrorCode } from "../platform/errors.ts";
import type { Files } from "../platform/files.ts";
import type { Books } from "../records/books.ts";

const LOOK_MS = 500;
/** Longest pause between two looks, when work that was resumed failed again at once. */
const LOOK_MS_MAX = 30_000;
const AGAIN_MS = 10_000;
const FREE_BYTES = 4 * 1024 * 1024;

const PRESSURE: ReadonlySet<ErrorCode> = new Set<PressureCode>(["DISK_FULL", "TOO_MANY_FILES", "BASE_MISSING"]);
type PressureCode = "DISK_FULL" | "TOO_MANY_FILES" | "BASE_MISSING";

export interface PressureOptions {
  readonly files: Files;
  readonly clock: Clock;
  readonly books: Books;
  /** Folders on the file systems that must have room. */
  readonly folders: readonly string[];
  readonly onPause: () => void;
  readonly onResume: () => void;
  readonly signal: AbortSignal;
}

/** True for trouble that goes away when somebody makes room, or mounts the volume again. */
export function isPressure(thrown: unknown): thrown is BridgeError & { readonly code: PressureCode } {
  return thrown instanceof BridgeError && PRESSURE.has(thrown.code);
}

export class Pressure {
  readonly #options: PressureOptions;
  #relief: Promise<void> | undefined;
  #lookMs = LOOK_MS;
  #resumedMs = Number.NEGATIVE_INFINITY;

  constructor(options: PressureOptions) {
    this.#options = options;
  }

  get isPaused(): boolean {
    return this.#relief !== undefined;
  }

  /** Pauses intake, if it is not paused already; resolves when there is room again, or the daemon stops. */
  relieved(cause: BridgeError): Promise<void> {
    this.#relief ??= this.#pause(cause).finally(() => {
      this.#relief = undefined;
    });
    return this.#relief;
  }

  async #pause(cause: BridgeError): Promise<void> {
    const { clock, books, signal, onPause, onResume } = this.#options;
    const startMs = clock.elapsed();
    this.#lookMs = startMs - this.#resumedMs < AGAIN_MS ? Math.min(2 * this.#lookMs, LOOK_MS_MAX) : LOOK_MS;
    onPause();
    books.note({ event: "intake_paused", reason: cause.code.toLowerCase(), message: cause.message });
    do {
      await clock.sleep(this.#lookMs, signal);
    } while (!signal.aborted && !(await this.#hasRoom()));
    this.#resumedMs = clock.elapsed();
    if (signal.aborted) return;
    books.note({ event: "intake_resumed", paused_ms: Math.round(clock.elapsed() - startMs) });
    onResume();
  }

  async #hasRoom(): Promise<boolean> {
    const { files, folders, books } = this.#options;
    try {
      if (folders.some((folder) => files.info(folder) === undefined || files.groundFault(folder) !== undefined))
        return false;
      if (folders.some((folder) => files.freeBytes(folder) < FREE_BYTES)) return false;
      return await books.vault.reserve();
    } catch (thrown) {
      // Asking takes a file handle and space itself.
      if (isPressure(thrown)) return false;
      throw thrown;
    }
  }
}
