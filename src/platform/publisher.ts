/**
 * Writes and moves files that nothing waits for, in a thread of its own: while a journal commits, creating a file blocks
 * its caller for as long, and the caller must not be the one who carries orders (measured: 0.8 ms of each order).
 */
import { Worker } from "node:worker_threads";
import type { Clock } from "./clock.ts";
import { BridgeError, type ErrorCode, isErrorCode } from "./errors.ts";
import type { Files } from "./files.ts";
import { isRecord } from "./result.ts";
import { send } from "./thread.ts";

/** Verbs of Files, with their promises. */
export interface Publisher extends Pick<Files, "moveNew"> {
  /** As `Files.standOn`, for what is asked of it from then on. */
  standOn(path: string, sign: string): Promise<void>;
  /** `now`: somebody waits for this file; what waits for its turn goes along. */
  publish(
    path: string,
    bytes: Uint8Array | string,
    how?: { readonly mode?: number; readonly now?: boolean },
  ): Promise<void>;
  close(): Promise<void>;
}

/** How long a file that nobody waits for may wait for company: each message costs as much as a file. */
const GATHER_MS = 5;
const BATCH_MAX = 64;
/** Batches on their way at the same time: the thread does one after the other, and what waits meanwhile is one message. */
const SENT_MAX = 2;

export type PublisherTask =
  | {
      readonly verb: "publish";
      readonly path: string;
      readonly bytes: Uint8Array | string;
      readonly mode: number | undefined;
    }
  | { readonly verb: "move"; readonly from: string; readonly folder: string; readonly name: string }
  | { readonly verb: "ground"; readonly path: string; readonly sign: string };

/** What a task came to; `code` is there when it failed with an error of ours. */
export type PublisherEnd =
  | { readonly ok: true; readonly name: string | undefined }
  | { readonly ok: false; readonly code: ErrorCode | undefined; readonly message: string };

interface Waiting {
  readonly task: PublisherTask;
  readonly resolve: (name: string | undefined) => void;
  readonly reject: (error: Error) => void;
}

/** Does it in the caller's thread. */
export function inlinePublisher(files: Files): Publisher {
  return {
    standOn: async (path, sign) => files.standOn(path, sign),
    publish: (path, bytes, how) => files.publish(path, bytes, how?.mode),
    moveNew: (from, folder, name) => files.moveNew(from, folder, name),
    close: async () => undefined,
  };
}

export class ThreadPublisher implements Publisher {
  readonly #worker: Worker;
  readonly #clock: Clock;
  #waiting: Waiting[] = [];
  /** Batches on their way, oldest first: the thread answers in order. */
  readonly #sent: (readonly Waiting[])[] = [];
  #isClosed = false;

  /** `program` is the built publisher-thread.js. */
  constructor(clock: Clock, program: URL) {
    this.#clock = clock;
    this.#worker = new Worker(program);
    this.#worker.on("message", (ends: unknown) => this.#take(ends));
    this.#worker.on("error", (error) => this.#fail(error.message));
    this.#worker.on("exit", () => this.#fail("the publishing thread ended"));
  }

  async standOn(path: string, sign: string): Promise<void> {
    await this.#ask({ verb: "ground", path, sign }, true);
  }

  async publish(
    path: string,
    bytes: Uint8Array | string,
    how: { readonly mode?: number; readonly now?: boolean } = {},
  ): Promise<void> {
    await this.#ask({ verb: "publish", path, bytes, mode: how.mode }, how.now === true);
  }

  moveNew(from: string, folder: string, name: string): Promise<string | undefined> {
    return this.#ask({ verb: "move", from, folder, name }, false);
  }

  /** Ends the thread; what is on its way is done before. */
  async close(): Promise<void> {
    this.#send();
    while (this.#sent.length > 0) await new Promise((resolve) => this.#worker.once("message", resolve));
    this.#isClosed = true;
    await this.#worker.terminate();
  }

  #ask(task: PublisherTask, now: boolean): Promise<string | undefined> {
    if (this.#isClosed)
      return Promise.reject(new BridgeError("DISK_REFUSED", "nothing is published any more: the daemon stops"));
    return new Promise((resolve, reject) => {
      // In front of those that nobody waits for, but never in front of an older file for the same path.
      const isFirst = now && !this.#waiting.some((other) => pathOf(other.task) === pathOf(task));
      if (isFirst) this.#waiting.unshift({ task, resolve, reject });
      else this.#waiting.push({ task, resolve, reject });
      if (now || this.#waiting.length >= BATCH_MAX) this.#send();
      else if (this.#waiting.length === 1) void this.#clock.sleep(GATHER_MS).then(() => this.#send());
    });
  }

  /** Sends what waits; while the thread has enough to do, its next answer does. */
  #send(): void {
    if (this.#waiting.length === 0 || this.#sent.length >= SENT_MAX) return;
    const batch = this.#waiting.splice(0, BATCH_MAX);
    this.#sent.push(batch);
    send(
      this.#worker,
      batch.map(({ task }) => task),
    );
  }

  #take(ends: unknown): void {
    const batch = this.#sent.shift() ?? [];
    this.#send();
    for (const [index, { resolve, reject }] of batch.entries()) {
      const end: unknown = Array.isArray(ends) ? ends[index] : undefined;
      if (isRecord(end) && end["ok"] === true) resolve(typeof end["name"] === "string" ? end["name"] : undefined);
      else reject(errorOf(end));
    }
  }

  #fail(message: string): void {
    this.#isClosed = true;
    for (const { reject } of [...this.#sent.splice(0).flat(), ...this.#waiting.splice(0)]) reject(new Error(message));
  }
}

function pathOf(task: PublisherTask): string {
  return task.verb === "move" ? task.from : task.path;
}

function errorOf(end: unknown): Error {
  const message = isRecord(end) && typeof end["message"] === "string" ? end["message"] : "the publishing thread failed";
  const code = isRecord(end) ? end["code"] : undefined;
  return isErrorCode(code) ? new BridgeError(code, message) : new Error(message);
}
