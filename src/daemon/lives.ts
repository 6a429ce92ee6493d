/**
 * How the daemon's lives under a supervisor end: one that dies fast again and again is not to be started for ever. The count is
 * a small file in the vault, replaced by one rename. It is a help and no record: broken, missing or refused by the disk it
 * counts nothing, and is never a reason not to start.
 *
 *   no file ──start──► a life ──lasts 60 s, or ends in order──► no file
 *   a life ──dies, the next start finds it──► counted; the fifth in a row ──► safe mode
 *   safe mode ──10 min──► one try ──dies──► safe mode
 *   safe mode ──somebody asks──► no file ──► it ends, and is started as if nothing had been
 */
import { z } from "zod";
import { type Clock, isoTime } from "../platform/clock.ts";
import { BridgeError } from "../platform/errors.ts";
import type { Files } from "../platform/files.ts";
import type { Log } from "../platform/log.ts";
import type { OutputEnd } from "../platform/own-output.ts";
import type { Processes } from "../platform/processes.ts";
import { parseJson } from "../platform/result.ts";
import { plainLine } from "../platform/terminal.ts";
import { OrderIndex } from "../records/order-index.ts";
import type { Vault } from "../records/vault.ts";
import { STOP_LIMIT_MS } from "./config.ts";
import { tryAndLog } from "./failures.ts";
import { indexOnDisk, type StandStill } from "./opening.ts";
import { readRuntime } from "./runtime.ts";

const FAILURES_MAX = 5;
const LIVES_BYTES_MAX = 64 * 1024;
const WORDS_CHARS_MAX = 400;
const LOOK_MS = 1000;
/** Lines that say why. Behind them come hints and stacks. */
const TELLING = /^(?:✗ |wo-bridge: |FATAL |\S*Error\b)/;

export const LIFE_LIMITS: LifeLimits = { fastMs: 60_000, safeMs: 600_000, stopMs: STOP_LIMIT_MS };

export interface LifeLimits {
  /** A life that was longer did not die fast. */
  readonly fastMs: number;
  /** How long safe mode lasts before it is tried once more. */
  readonly safeMs: number;
  /** From being told to stop to its end, whatever hangs. */
  readonly stopMs: number;
}

const livesSchema = z.object({
  v: z.literal(1),
  version: z.string(),
  node: z.string(),
  /** How many lives in a row died fast. */
  failures: z.number().int().min(0),
  /** When the first of them began; "" while there is none. */
  since: z.string(),
  /** Of the last one, as far as it is known. */
  reason: z.string(),
  /** The next start works, whatever was counted. */
  mayTry: z.boolean(),
  /** The one that is under way, or died. */
  life: z
    .object({
      pid: z.number(),
      bootId: z.string(),
      begun: z.string(),
      isSafe: z.boolean(),
      /** In safe mode: it has read what it shows. */
      isUp: z.boolean(),
      /** Where its part of the standard error begins. */
      saidFrom: z.number(),
    })
    .optional(),
});

type Count = z.infer<typeof livesSchema>;

export interface LivesOptions {
  readonly files: Files;
  readonly clock: Clock;
  readonly processes: Pick<Processes, "self" | "bootId">;
  readonly version: string;
  readonly node: string;
  readonly log: Log;
  readonly limits: Pick<LifeLimits, "fastMs" | "safeMs">;
  /** The standard error's file as this life found it; undefined where there is none. */
  readonly said: OutputEnd | undefined;
  /** Where in it this life begins to write. */
  readonly saidFrom: number;
}

/** This life and the ones before it. */
export class Lives {
  readonly #options: LivesOptions;
  #vault: Vault | undefined;
  #record: Count | undefined;

  constructor(options: LivesOptions) {
    this.#options = options;
  }

  /** True when this life is to touch nothing: `leaves` says when it is over. */
  get isSafe(): boolean {
    return this.#record?.life?.isSafe === true;
  }

  /** True once this life is counted. */
  get isBegun(): boolean {
    return this.#vault !== undefined;
  }

  /** Counts this life, before it does anything that it may die of; why it must not work, when too many have died. */
  async begin(vault: Vault): Promise<StandStill | undefined> {
    const { files, clock, processes } = this.#options;
    this.#vault = vault;
    const before = this.#read(vault);
    const { failures, since, reason } = this.#counted(before, vault);
    // Who has started the machine anew wants to see whether that helped.
    const isOtherBoot = before?.life !== undefined && before.life.bootId !== processes.bootId;
    const isSafe = failures >= FAILURES_MAX && before?.mayTry !== true && !isOtherBoot;
    const { version, node, saidFrom } = this.#options;
    const begun = isoTime(clock.now());
    const life = { pid: processes.self.pid, bootId: processes.bootId, begun, isSafe, isUp: false, saidFrom };
    await this.#write({ v: 1, version, node, failures, since, reason, mayTry: false, life });
    if (!isSafe) return undefined;
    // One that died of reading what it was to show is followed by one that reads nothing.
    const isBlind = before?.life?.isSafe === true && !before.life.isUp;
    const index = isBlind ? OrderIndex.empty(files, vault.ledger) : indexOnDisk(files, vault);
    if (this.#record?.life !== undefined) await this.#write({ ...this.#record, life: { ...life, isUp: true } });
    // The same words as long as the same is wrong: who tells of it tells it once.
    const why = `every start since ${since} has died soon: ${reason}`;
    const error = new BridgeError("SAFE_MODE", isBlind ? `${why}; the last one of reading its orders` : why);
    return { error, index, hint: this.#hint(failures) };
  }

  /** Forgets what was counted once this life has lasted, unless `signal` ends it first. */
  async lasts(signal: AbortSignal): Promise<void> {
    await this.#options.clock.sleep(this.#options.limits.fastMs, signal);
    if (!signal.aborted) await this.ends();
  }

  /** This life has ended in order, or for want of something that comes by itself: nothing is counted. */
  async ends(): Promise<void> {
    const vault = this.#vault;
    if (vault === undefined) return;
    await tryAndLog(this.#options.log, "lives_kept", async () => void forgetFailures(this.#options.files, vault));
  }

  /** Resolves when safe mode is over, because its time is up or somebody has asked; or when `signal` aborts. */
  async leaves(signal: AbortSignal): Promise<void> {
    const { clock, files, limits } = this.#options;
    const vault = this.#vault;
    if (vault === undefined || this.#record === undefined) return;
    const untilMs = clock.elapsed() + limits.safeMs;
    while (!signal.aborted && clock.elapsed() < untilMs) {
      if (files.info(vault.lives) === undefined) return;
      await clock.sleep(Math.min(LOOK_MS, limits.safeMs), signal);
    }
    if (!signal.aborted) await this.#write({ ...this.#record, life: undefined, mayTry: true });
  }

  /** How many have died, since when and of what, the one included that is found now. */
  #counted(before: Count | undefined, vault: Vault): Pick<Count, "failures" | "since" | "reason"> {
    if (before === undefined) return { failures: 0, since: "", reason: "" };
    const { life, failures, since, reason } = before;
    // A machine that went down took its life along: nobody's failure.
    const isFailure = life !== undefined && !life.isSafe && life.bootId === this.#options.processes.bootId;
    if (!isFailure) return { failures, since, reason };
    const runtime = readRuntime(this.#options.files, vault);
    const isItsOwn = runtime?.state === "refused" && runtime.since >= life.begun;
    const told = (isItsOwn ? runtime.reason : undefined) ?? lastWords(this.#options.said, life.saidFrom);
    return { failures: failures + 1, since: since === "" ? life.begun : since, reason: told };
  }

  #hint(failures: number): string {
    const { clock, limits } = this.#options;
    const next = isoTime(clock.now() + limits.safeMs);
    return `wo daemon start    (tries at once; by itself it is tried at ${next}, after ${failures} that died; \`wo doctor\` looks for the cause)`;
  }

  /** What other versions counted says nothing about this one. */
  #read(vault: Vault): Count | undefined {
    const { files, version, node } = this.#options;
    const count = readCount(files, vault);
    return count?.version === version && count.node === node ? count : undefined;
  }

  async #write(record: Count): Promise<void> {
    const { files, log } = this.#options;
    this.#record = record;
    const path = this.#vault?.lives;
    if (path === undefined) return;
    await tryAndLog(log, "life_uncounted", () => files.publish(path, `${JSON.stringify(record)}\n`, 0o600));
  }
}

/** True when the daemon with this pid stands still because lives before it have died. */
export function isInSafeMode(files: Files, vault: Vault, pid: number): boolean {
  const { life } = readCount(files, vault) ?? {};
  return life?.isSafe === true && life.pid === pid;
}

/** Nothing was counted: a daemon that stands still in safe mode is started anew. False when there was nothing to forget. */
export function forgetFailures(files: Files, vault: Vault): boolean {
  return files.info(vault.lives)?.kind === "file" && files.remove(vault.lives);
}

function readCount(files: Files, vault: Vault): Count | undefined {
  const reading = files.peek(vault.lives, LIVES_BYTES_MAX);
  const value = reading.kind === "file" ? parseJson(reading.bytes.toString("utf8")) : undefined;
  const count = livesSchema.safeParse(value);
  return count.success ? count.data : undefined;
}

/** The first line of a life's standard error that says why; else the last one. */
function lastWords(said: OutputEnd | undefined, fromByte: number): string {
  const skipped = said === undefined ? 0 : Math.max(0, fromByte - (said.sizeBytes - said.end.length));
  const text = said?.end.subarray(skipped).toString("utf8") ?? "";
  const lines = text.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("✓ "));
  const words = lines.find((line) => TELLING.test(line)) ?? lines.at(-1);
  if (words === undefined) return "it ended without a word";
  return plainLine(words.replace(/^(?:✗ |wo-bridge: )/, "")).slice(0, WORDS_CHARS_MAX);
}
