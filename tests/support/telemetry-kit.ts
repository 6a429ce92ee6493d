/** Telemetry of a small real ledger, in a folder of its own, written by a clock that never waits. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Disk, systemDisk } from "../../src/platform/disk.ts";
import { Files } from "../../src/platform/files.ts";
import type { Event } from "../../src/records/events.ts";
import { Telemetry } from "../../src/records/telemetry.ts";
import { quickClock } from "./clocks.ts";
import { type OpenLedger, openLedger } from "./ledger-kit.ts";
import { temporaryFolder } from "./temporary-folder.ts";

/** The ledger's own name. */
export const LEDGER = "ledgerid01";

export interface TelemetryWish {
  readonly disk?: Disk;
  readonly maxBytes?: number;
  readonly keep?: number;
  /** Called whenever telemetry lets others have their turn. */
  readonly onBreathe?: () => Promise<void>;
}

/** Somebody who commits events and tells telemetry of them. */
export class Desk {
  readonly folder = temporaryFolder();
  readonly path = join(this.folder, "unified.jsonl");
  readonly #books: OpenLedger;
  telemetry: Telemetry;

  private constructor(books: OpenLedger, wish: TelemetryWish) {
    this.#books = books;
    this.telemetry = this.#make(wish);
  }

  static async open(wish: TelemetryWish = {}): Promise<Desk> {
    const desk = new Desk(await openLedger(), wish);
    desk.telemetry.start(0);
    await desk.telemetry.settled();
    return desk;
  }

  #make({ disk = systemDisk, maxBytes = 1e9, keep = 3, onBreathe = async () => undefined }: TelemetryWish): Telemetry {
    const clock = { ...quickClock(), breathe: onBreathe };
    const { folder: ledgerFolder } = this.#books;
    const files = new Files(disk, clock);
    return new Telemetry({ files, clock, path: this.path, ledgerFolder, ledgerId: LEDGER, maxBytes, keep });
  }

  /** No file of it is open any more. */
  async close(): Promise<void> {
    this.telemetry.close();
    await this.#books.ledger.close();
  }

  /** Commits events and tells telemetry of them. */
  async tell(...events: readonly Event[]): Promise<void> {
    this.telemetry.push(await this.commit(...events));
    await this.telemetry.settled();
  }

  /** Commits events that telemetry is not told of. */
  commit(...events: readonly Event[]) {
    return this.#books.ledger.append(events);
  }

  /** Another life of the process. */
  async restart(wish: TelemetryWish = {}): Promise<void> {
    this.telemetry.close();
    this.telemetry = this.#make(wish);
    this.telemetry.start(this.#books.ledger.head.seq);
    await this.telemetry.settled();
  }

  get text(): string {
    return readFileSync(this.path, "utf8");
  }

  /** The seqs of the lines in order; what is said of a file that had lost lines, in short; other lines as they are. */
  get told(): unknown[] {
    return this.text
      .split("\n")
      .slice(0, -1)
      .map((line) => /"seq":(\d+)|"reason":"(?:missing|emptied)"|\d+ entries told again/.exec(line) ?? [line])
      .map(([found, seq]) => seq ?? found);
  }
}
