/** `runtime.json` in the vault: who runs, since when, and when it last showed a sign of life; or why it does not run. */
import { z } from "zod";
import { type Clock, isoTime } from "../platform/clock.ts";
import type { Files } from "../platform/files.ts";
import type { Processes } from "../platform/processes.ts";
import { parseJson } from "../platform/result.ts";
import type { Vault } from "../records/vault.ts";

const runtimeSchema = z.object({
  v: z.literal(1),
  state: z.enum(["running", "refused", "stopped"]),
  /** In its answers only: it is up, and puts back what the last life left before it takes orders. */
  starting: z.literal(true).optional(),
  pid: z.number(),
  startTime: z.string(),
  version: z.string(),
  /** The folder of the program that it runs; earlier versions did not say. */
  program: z.string().optional(),
  base: z.string(),
  since: z.string(),
  heartbeat: z.string(),
  /** Why it refused or stopped. */
  reason: z.string().optional(),
  /** What to type next. */
  hint: z.string().optional(),
  /** How long the last orderly stop took, of this life or of the one before it. */
  lastStopMs: z.number().optional(),
});

export type Runtime = z.infer<typeof runtimeSchema>;

/** What the file says; undefined when there is none that can be read. */
export function readRuntime(files: Files, vault: Vault): Runtime | undefined {
  const reading = files.peek(vault.runtime, 64 * 1024);
  const runtime = runtimeSchema.safeParse(
    reading.kind === "file" ? parseJson(reading.bytes.toString("utf8")) : undefined,
  );
  return runtime.success ? runtime.data : undefined;
}

export class RuntimeFile {
  readonly #files: Files;
  readonly #clock: Clock;
  readonly #vault: Vault;
  #runtime: Runtime;

  constructor(
    files: Files,
    clock: Clock,
    vault: Vault,
    self: { readonly processes: Processes; readonly version: string; readonly program: string; readonly base: string },
  ) {
    this.#files = files;
    this.#clock = clock;
    this.#vault = vault;
    const now = isoTime(clock.now());
    const { pid, startTime } = self.processes.self;
    const before = readRuntime(files, vault);
    this.#runtime = {
      v: 1,
      state: "running",
      pid,
      startTime,
      version: self.version,
      program: self.program,
      base: self.base,
      since: now,
      heartbeat: now,
      ...(before?.state === "stopped" && before.lastStopMs !== undefined ? { lastStopMs: before.lastStopMs } : {}),
    };
  }

  get runtime(): Runtime {
    return this.#runtime;
  }

  /** Shows a sign of life, and what has changed. */
  async write(change: Partial<Pick<Runtime, "state" | "reason" | "hint" | "lastStopMs">> = {}): Promise<void> {
    this.#runtime = { ...this.#runtime, ...change, heartbeat: isoTime(this.#clock.now()) };
    await this.#files.publish(this.#vault.runtime, `${JSON.stringify(this.#runtime, undefined, 2)}\n`, 0o600);
  }
}
