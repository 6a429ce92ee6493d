/** One lane's inbox and somebody who takes in what is dropped there; time passes by hand. */
import { mkdirSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { type Claim, Intake, type IntakeOptions } from "../../src/bridge/intake.ts";
import { BridgeFolders } from "../../src/bridge/lanes.ts";
import { readOrder } from "../../src/orders/read-order.ts";
import { type Disk, systemDisk } from "../../src/platform/disk.ts";
import { Files } from "../../src/platform/files.ts";
import { newIdSource } from "../../src/platform/ids.ts";
import { HandClock, turn } from "./hand-clock.ts";
import { put, temporaryFolder } from "./temporary-folder.ts";

const RULES = { settleMs: 500, giveUpMs: 2000 } as const;

export class InboxKit {
  readonly clock = new HandClock();
  readonly lane: string;
  readonly intake: Intake;
  readonly claims: Claim[] = [];
  readonly ignored: string[] = [];
  readonly refused: string[] = [];
  readonly fatal: unknown[] = [];
  readonly ending = new AbortController();

  constructor(bend: Partial<IntakeOptions> & { readonly disk?: Disk } = {}) {
    const base = temporaryFolder();
    this.lane = join(base, "bridge", "inbox", "CLC");
    mkdirSync(this.lane, { recursive: true });
    const files = new Files(bend.disk ?? systemDisk, this.clock);
    this.intake = new Intake({
      files,
      clock: this.clock,
      folders: new BridgeFolders(files, base, process.getuid?.() ?? -1),
      newId: newIdSource(),
      rules: () => RULES,
      readOrder: async (bytes, stem) => readOrder(bytes, stem),
      wantsSignature: () => false,
      onClaim: async (claim) => void this.claims.push(claim),
      onIgnored: (lane, name, reason) => void this.ignored.push(`${lane.name}/${name}: ${reason}`),
      onRefused: ({ code }) => void this.refused.push(code),
      onFatal: (error) => void this.fatal.push(error),
      signal: this.ending.signal,
      ...bend,
    });
  }

  /** Writes a file into the lane; it was last changed so long ago. */
  drop(name: string, content: string, ageMs = 0): string {
    const path = put(join(this.lane, name), content);
    this.touch(path, ageMs);
    return path;
  }

  /** Sets when a file was last changed. */
  touch(path: string, ageMs: number): void {
    const changed = (this.clock.now() - ageMs) / 1000;
    utimesSync(path, changed, changed);
  }

  /** Scans, and lets everybody do what can be done now. */
  async scan(): Promise<void> {
    this.intake.scan();
    await turn();
  }

  /** The dropped names that were taken so far, in order. */
  get taken(): string[] {
    return this.claims.map(({ name }) => name);
  }
}
