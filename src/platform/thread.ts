/** One function in a thread of its own, with limits on time and memory: for input that might take a parser for ever. */
import { type MessagePort, parentPort, Worker } from "node:worker_threads";
import type { Clock } from "./clock.ts";

const HEAP_MIB = 512;
const IDLE_MS = 30_000;

interface Waiting {
  readonly input: unknown;
  readonly resolve: (answer: unknown) => void;
}

/** Asks one thread, one question at a time; the thread ends when it has had nothing to do for a while. */
export class Thread {
  readonly #clock: Clock;
  readonly #program: URL;
  readonly #timeoutMs: number;
  readonly #waiting: Waiting[] = [];
  #worker: Worker | undefined;
  #busy = false;
  #idle = new AbortController();

  /** `program` is a module that answers each message on its parent port with one message. */
  constructor(clock: Clock, program: URL, timeoutMs: number) {
    this.#clock = clock;
    this.#program = program;
    this.#timeoutMs = timeoutMs;
  }

  /** The answer; undefined when the thread took too long or too much memory and was ended. */
  ask(input: unknown): Promise<unknown> {
    return new Promise((resolve) => {
      this.#waiting.push({ input, resolve });
      void this.#work();
    });
  }

  /** Ends the thread. */
  async close(): Promise<void> {
    this.#idle.abort();
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
  }

  async #work(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    this.#idle.abort();
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      next.resolve(await this.#askNow(next.input));
    }
    this.#busy = false;
    this.#idle = new AbortController();
    const { signal } = this.#idle;
    void this.#clock.sleep(IDLE_MS, signal).then(() => (signal.aborted ? undefined : this.close()));
  }

  async #askNow(input: unknown): Promise<unknown> {
    const worker = this.#worker ?? this.#newWorker();
    const done = new AbortController();
    const answer = await new Promise<{ readonly value: unknown } | undefined>((resolve) => {
      const take = (value: unknown) => resolve({ value });
      // Out of memory, or it could not even start: its end says so, whatever the error was.
      const lose = () => resolve(undefined);
      worker.once("message", take).once("exit", lose);
      done.signal.addEventListener("abort", () => worker.off("message", take).off("exit", lose));
      send(worker, input);
      void this.#clock.sleep(this.#timeoutMs, done.signal).then(lose);
    });
    done.abort();
    if (answer !== undefined) return answer.value;
    await this.close();
    return undefined;
  }

  #newWorker(): Worker {
    const worker = new Worker(this.#program, { resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB } });
    worker.unref();
    worker.on("error", () => undefined);
    // One that died with nothing asked is replaced when it is needed.
    worker.once("exit", () => {
      if (this.#worker === worker) this.#worker = undefined;
    });
    this.#worker = worker;
    return worker;
  }
}

/** In the thread's program: answers each message with what `answer` makes of it. */
export function answerInThread(answer: (input: unknown) => unknown): void {
  const port = parentPort;
  if (port === null) return;
  port.on("message", (input: unknown) => {
    void Promise.resolve(answer(input)).then((output) => send(port, output));
  });
}

/** Sends a message to the other side. */
export function send(port: MessagePort | Worker, message: unknown): void {
  // The empty list of things to hand over tells a linter that this is no browser window.
  port.postMessage(message, []);
}
