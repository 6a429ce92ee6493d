/**
 * From a file in a lane to a claim: looks at what was dropped, waits until it is whole, takes it with one rename and
 * reads it again. A file is in the inbox or in `.claimed/`, never in both; one that is not whole stays where it is.
 *
 * Hints say where to look now; a scan looks everywhere. Both end in `look`, which never runs twice for one file.
 */
import { LIMITS } from "../orders/limits.ts";
import type { Order } from "../orders/order.ts";
import type { Problem } from "../orders/problems.ts";
import type { Clock } from "../platform/clock.ts";
import type { FileInfo } from "../platform/disk.ts";
import { BridgeError } from "../platform/errors.ts";
import type { Files, Reading } from "../platform/files.ts";
import { type IdSource, sha256 } from "../platform/ids.ts";
import { err, type Result } from "../platform/result.ts";
import { isOrderFolder, peekDrop } from "./folder-drop.ts";
import type { BridgeFolders, Lane, LaneFault } from "./lanes.ts";
import { claimName, kindOfName, signedName, stemOf } from "./names.ts";
import { hasSignature } from "./signature-drop.ts";
import { type Known, Standstill } from "./standstill.ts";
import { mayBeWhole, mayStillGrow, mayUnmarkedBeWhole, type WholenessRules } from "./wholeness.ts";

/** A dropped file that is ours now. */
export interface Claim {
  readonly lane: Lane;
  /** As it was dropped. */
  readonly name: string;
  /** Its name in `.claimed/`. */
  readonly claim: string;
  /** Absolute. */
  readonly path: string;
  readonly info: FileInfo;
  /** Absent when it could not be read at all. */
  readonly content?: { readonly bytes: Buffer; readonly sha256: string };
  readonly order: Result<Order, readonly Problem[]>;
}

export type ReadOrder = (bytes: Buffer, stem: string) => Promise<Result<Order, readonly Problem[]>>;

export interface IntakeOptions {
  readonly files: Files;
  readonly clock: Clock;
  readonly folders: BridgeFolders;
  readonly newId: IdSource;
  /** As they are now. */
  readonly rules: () => WholenessRules;
  readonly readOrder: ReadOrder;
  /** True for an order that needs a signature where it goes from this lane. */
  readonly wantsSignature: (lane: Lane, order: Order) => boolean;
  /** Takes over a claim; what it rejects with ends the daemon. */
  readonly onClaim: (claim: Claim) => Promise<void>;
  /** A name that looks like an order and is none; may be told again. */
  readonly onIgnored: (lane: Lane, name: string, reason: string) => void;
  /** The disk refuses to be looked at, or to let a file be taken; it is asked again, and told again, until it does. */
  readonly onRefused: (error: BridgeError) => void;
  readonly onFatal: (error: unknown) => void;
  readonly signal: AbortSignal;
}

const RING_MS = 25;
const REFUSED_RETRY_MS = 500;
/** How many files are looked at and taken in at once. */
const AT_ONCE = 64;
const IDLE_POLL_MS = 5;

interface Look extends Known {
  readonly lane: Lane;
  readonly name: string;
  announced: boolean;
  /** Something rang while it was being looked at. */
  again: boolean;
  /** Ends the wait until the next look; undefined while nothing is waited for. */
  wake: AbortController | undefined;
}

/** What was seen of a file in the inbox. */
type Seen =
  | { readonly kind: "gone" }
  | { readonly kind: "wait"; readonly forMs: number }
  | {
      readonly kind: "take";
      readonly info: FileInfo;
      readonly bytes?: Buffer;
      readonly order: Result<Order, readonly Problem[]>;
    };

export class Intake {
  readonly #options: IntakeOptions;
  readonly #looks = new Map<string, Look>();
  readonly #queue: Look[] = [];
  #working = 0;
  #paused = false;
  readonly #standstill: Standstill;
  #lanes: readonly Lane[] = [];
  #faults: readonly LaneFault[] = [];

  constructor(options: IntakeOptions) {
    this.#options = options;
    this.#standstill = new Standstill(options.clock);
  }

  get lanes(): readonly Lane[] {
    return this.#lanes;
  }

  /** Lanes that are not read, and why. */
  get faults(): readonly LaneFault[] {
    return this.#faults;
  }

  /** Files that were seen and are not taken yet. */
  get seen(): number {
    return this.#looks.size;
  }

  /** Looks at every lane that is there now. Cheap where nothing waits. */
  scan(): void {
    const { lanes, faults } = this.#options.folders.list();
    this.#lanes = lanes;
    this.#faults = faults;
    for (const lane of lanes) {
      for (const { name, kind } of this.#options.files.list(lane.folder) ?? []) {
        if (kind === "folder") this.#lookAtFolder(lane, name);
        this.#ring(lane, name, false);
      }
    }
  }

  /** A folder is an order when it has a header of its name; one that nearly has is told of. */
  #lookAtFolder(lane: Lane, name: string): void {
    const { files, onIgnored } = this.#options;
    if (kindOfName(name) === "order" || name.startsWith(".")) return;
    const path = `${lane.folder}/${name}`;
    if (isOrderFolder(files, path)) this.#ringOrder(lane, name, false);
    else if ((files.list(path) ?? []).some((entry) => kindOfName(entry.name) === "order"))
      onIgnored(lane, name, `a folder is an order when ${name}.yaml, .yml or .json lies in it`);
  }

  /** Something rang in a folder; false when it is no lane's. */
  hint(folder: string, name: string): boolean {
    const lane = this.#lanes.find((one) => one.folder === folder);
    if (lane === undefined) return false;
    this.#ring(lane, name, false);
    if (kindOfName(name) === "ignored") this.#lookSoon(lane, name);
    return true;
  }

  /** The same for whoever only rings: what the disk refuses to show is looked at in the next scan. */
  #lookSoon(lane: Lane, name: string): void {
    try {
      this.#lookAtFolder(lane, name);
    } catch (thrown) {
      if (!(thrown instanceof BridgeError)) throw thrown;
      this.#options.onRefused(thrown);
    }
  }

  /** Whoever wrote the file says that it is whole. */
  announce(laneName: string, name: string): void {
    const folded = laneName.toLowerCase();
    if (!this.#lanes.some((lane) => lane.name.toLowerCase() === folded)) this.scan();
    for (const lane of this.#lanes) {
      if (lane.name.toLowerCase() !== folded) continue;
      if (kindOfName(name) === "order") this.#ringOrder(lane, name, true);
      else this.#lookAtFolder(lane, name);
    }
  }

  /** Resolves when nothing is being looked at or taken in any more; after the signal has aborted, or in a pause. */
  async idle(): Promise<void> {
    while (this.#working > 0) await this.#options.clock.sleep(IDLE_POLL_MS);
  }

  /** Files stay in the inbox until `resume`. */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#work();
    this.scan();
  }

  /** Reads a file that was claimed in another life; undefined when it is gone. */
  async reclaim(lane: Lane, claim: string, name: string): Promise<Claim | undefined> {
    return this.#patiently(() => this.#readClaim(lane, name, claim, undefined));
  }

  #ring(lane: Lane, name: string, announced: boolean): void {
    const kind = kindOfName(name);
    const signed = signedName(name);
    if (signed !== undefined && this.#looks.has(`${lane.folder}/${signed}`)) this.#ringOrder(lane, signed, false);
    if (kind === "ignored") return;
    if (kind === "tempting") {
      this.#options.onIgnored(lane, name, "orders end in .yaml, .yml or .json");
      return;
    }
    this.#ringOrder(lane, name, announced);
  }

  #ringOrder(lane: Lane, name: string, announced: boolean): void {
    const key = `${lane.folder}/${name}`;
    const known = this.#looks.get(key);
    if (known !== undefined) {
      known.again = true;
      known.announced ||= announced;
      this.#hurry(known, announced);
      return;
    }
    const look = { lane, name, announced, again: false, wake: undefined, since: undefined };
    this.#looks.set(key, look);
    this.#queue.push(look);
    this.#work();
  }

  #work(): void {
    while (this.#working < AT_ONCE && !this.#paused && !this.#options.signal.aborted) {
      const look = this.#queue.shift();
      if (look === undefined) return;
      this.#working += 1;
      void this.#look(look)
        .catch(this.#options.onFatal)
        .finally(() => {
          this.#working -= 1;
          this.#work();
        });
    }
  }

  async #look(look: Look): Promise<void> {
    const { lane, name } = look;
    look.again = false;
    const seen = (await this.#patiently(() => this.#see(look))) ?? { kind: "gone" as const };
    const key = `${lane.folder}/${name}`;
    if (seen.kind === "wait") {
      void this.#wait(look, seen.forMs);
      return;
    }
    if (seen.kind === "take" && !this.#paused) {
      const claim = await this.#patiently(() => this.#take(lane, name, seen));
      this.#looks.delete(key);
      // Something may have been dropped under the same name since.
      if (look.again) this.#ring(lane, name, false);
      if (claim !== undefined) await this.#options.onClaim(claim);
      return;
    }
    this.#looks.delete(key);
    if (look.again || seen.kind === "take") this.#ring(lane, name, false);
  }

  /** Until the time has come, or somebody rings. */
  async #wait(look: Look, durationMs: number): Promise<void> {
    const wake = new AbortController();
    look.wake = wake;
    if (look.again) this.#hurry(look, look.announced);
    await this.#options.clock.sleep(durationMs, AbortSignal.any([wake.signal, this.#options.signal]));
    look.wake = undefined;
    this.#queue.push(look);
    this.#work();
  }

  /** A file that rings is looked at soon, not at each of a thousand writes. */
  #hurry({ wake }: Look, now: boolean): void {
    if (wake === undefined) return;
    if (now) wake.abort();
    else void this.#options.clock.sleep(RING_MS, wake.signal).then(() => wake.abort());
  }

  async #see(look: Look): Promise<Seen> {
    const { files } = this.#options;
    const rules = this.#options.rules();
    const path = `${look.lane.folder}/${look.name}`;
    // Our own claims ring, too: asking costs less than failing to open.
    const info = files.info(path);
    if (info === undefined) return { kind: "gone" };
    const reading = peekDrop(files, path, look.name);
    if (reading.kind === "absent") return { kind: "gone" };
    const ageMs = this.#standstill.ageOf(look, reading.kind === "refused" ? info : reading.info);
    if (reading.kind === "file") {
      const whole =
        info.kind === "folder"
          ? mayUnmarkedBeWhole(ageMs, rules, look.announced)
          : mayBeWhole(reading.bytes, ageMs, rules, look.announced);
      if (whole.kind === "wait") return whole;
      const order = await this.#options.readOrder(reading.bytes, stemOf(look.name));
      const growing =
        order.ok || look.announced || !order.error.some(isPerhapsUnfinished)
          ? { kind: "look" as const }
          : mayStillGrow(ageMs, rules);
      if (growing.kind === "wait") return growing;
      const unsignedMs = order.ok ? this.#signatureWaitMs(look, order.value) : 0;
      if (unsignedMs > 0) return { kind: "wait", forMs: unsignedMs };
      return { kind: "take", info: reading.info, bytes: reading.bytes, order };
    }
    const grows = reading.kind === "no file" ? { kind: "look" as const } : mayStillGrow(ageMs, rules);
    if (grows.kind === "wait") return grows;
    return { kind: "take", info, order: err([problemOf(reading)]) };
  }

  /** How long a signature is still waited for: people drop the two files one after the other. */
  #signatureWaitMs({ lane, name, since }: Look, order: Order): number {
    const { files, clock, wantsSignature } = this.#options;
    const leftMs = this.#options.rules().giveUpMs - (clock.elapsed() - (since?.elapsedMs ?? 0));
    const isMissing = wantsSignature(lane, order) && !hasSignature(files, `${lane.folder}/${name}`);
    return isMissing ? leftMs : 0;
  }

  /** The claim: one rename to a name that nothing else has. Undefined when somebody took the file away. */
  async #take(lane: Lane, name: string, seen: Seen & { readonly kind: "take" }): Promise<Claim | undefined> {
    const { files, clock, folders, newId } = this.#options;
    const claim = claimName(newId(clock.now()), name);
    const claimed = folders.claimed(lane);
    const [from, to] = [`${lane.folder}/${name}`, `${claimed}/${claim}`];
    if (!files.rename(from, to)) {
      // Taken away by somebody, or the folder for claims is not there yet.
      files.makeFolders(claimed, 0o755);
      if (!files.rename(from, to)) return undefined;
    }
    return this.#patiently(() => this.#readClaim(lane, name, claim, seen));
  }

  /** Does it as soon as the disk lets it be done; undefined when the signal aborts before that. */
  async #patiently<T>(work: () => Promise<T>): Promise<T | undefined> {
    const { clock, signal, onRefused } = this.#options;
    while (!signal.aborted) {
      try {
        return await work();
      } catch (thrown) {
        if (!(thrown instanceof BridgeError) || thrown.code === "SYNC_FAILED") throw thrown;
        onRefused(thrown);
        await clock.sleep(REFUSED_RETRY_MS, signal);
      }
    }
    return undefined;
  }

  /** Reads the claimed file, again and again until it stands still: its writer may still have it open. */
  async #readClaim(
    lane: Lane,
    name: string,
    claim: string,
    seen: (Seen & { readonly kind: "take" }) | undefined,
  ): Promise<Claim | undefined> {
    const { files, clock, folders, signal } = this.#options;
    const { settleMs } = this.#options.rules();
    const path = `${folders.claimed(lane)}/${claim}`;
    let before = seen?.bytes;
    for (;;) {
      const reading = peekDrop(files, path, name);
      if (reading.kind === "absent") return undefined;
      if (reading.kind !== "file") {
        const info = reading.kind === "refused" ? files.info(path) : reading.info;
        return info === undefined ? undefined : { lane, name, claim, path, info, order: err([problemOf(reading)]) };
      }
      const { info, bytes } = reading;
      const content = { bytes, sha256: sha256(bytes) };
      if (before?.equals(bytes) === true && seen !== undefined)
        return { lane, name, claim, path, info, content, order: seen.order };
      const still = clock.now() - info.modifiedMs >= settleMs || before?.equals(bytes) === true;
      if (still || signal.aborted) {
        return { lane, name, claim, path, info, content, order: await this.#options.readOrder(bytes, stemOf(name)) };
      }
      before = bytes;
      await clock.sleep(settleMs, signal);
    }
  }
}

/** Problems that a file has while its end is missing. */
function isPerhapsUnfinished({ code }: Problem): boolean {
  return code === "syntax" || code === "empty_order" || code === "no_text" || code === "no_map";
}

function problemOf(reading: Exclude<Reading, { readonly kind: "file" | "absent" }>): Problem {
  switch (reading.kind) {
    case "no file":
      return {
        code: "no_file",
        message: `an order is a regular file, this is a ${reading.info.kind === "other" ? "pipe or a device" : reading.info.kind}`,
        hint: "drop a copy of the file itself",
      };
    case "too large":
      return {
        code: "too_large",
        message:
          reading.info.kind === "folder"
            ? `the folder holds more than ${LIMITS.folderFiles} files, or more than ${LIMITS.sizeBytes} bytes`
            : `the file holds ${reading.info.sizeBytes} bytes, ${LIMITS.sizeBytes} at most are read`,
        hint: "put the content into files of the base and name them",
      };
    case "refused":
      return {
        code: "unreadable",
        message: `the file cannot be read: ${reading.errno}`,
        hint: "give the daemon's user the right to read it",
      };
  }
}
