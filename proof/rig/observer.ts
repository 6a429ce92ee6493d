/** Somebody outside who reads what the daemon tells, and remembers it when the daemon is dead or its disk is gone. */
import { closeSync, existsSync, fstatSync, openSync, readFileSync, readSync } from "node:fs";
import { asRecord, type World } from "../../tests/support/world.ts";
import { type Drop, saying, type Witness } from "../model/check.ts";

export class Observer {
  readonly drops: Drop[] = [];
  readonly #told = new Map<number, string>();
  readonly #acknowledged = new Set<string>();
  readonly #world: World;
  readonly #effects: string;
  #file = { inode: 0, read: 0 };
  /** The last seq that telemetry told of. */
  lastSeq = 0;

  /** `effects` is the file that commands leave a line with their order's id in. */
  constructor(world: World, effects: string) {
    this.#world = world;
    this.#effects = effects;
  }

  /** The file that it read may be another one now, under the same name: it is read from its beginning. */
  reopen(): void {
    this.#file = { inode: 0, read: 0 };
  }

  /** Takes in what is told by now. */
  look(): void {
    for (const line of this.#newLines()) {
      const { seq, event, wo_id } = asRecord(JSON.parse(line));
      if (typeof seq !== "number") continue;
      this.lastSeq = Math.max(seq, this.lastSeq);
      this.#told.set(seq, saying({ event: String(event), ...(typeof wo_id === "string" ? { wo_id } : {}) }));
    }
    // Other names with this ending refuse a file, and name no order. A set: a crowd has thousands of drops and of answers.
    const orders = new Set(this.drops.flatMap(({ id, ends }) => (ends.includes("rejected") ? [] : [id])));
    for (const lane of this.#world.list("bridge/outbox"))
      for (const name of this.#world.list(`bridge/outbox/${lane}`)) {
        const id = /^(.+)\.ack\.json$/.exec(name)?.[1];
        if (id !== undefined && orders.has(id)) this.#acknowledged.add(id);
      }
  }

  get witness(): Witness {
    const effects = new Map<string, number>();
    const lines = existsSync(this.#effects) ? readFileSync(this.#effects, "utf8").split("\n") : [];
    for (const line of lines) if (line !== "") effects.set(line, (effects.get(line) ?? 0) + 1);
    return { drops: this.drops, told: this.#told, acknowledged: this.#acknowledged, effects };
  }

  /** Whole lines of telemetry behind those that were read; all of them where the file is another one by now. */
  #newLines(): string[] {
    const path = this.#world.path("g/telemetry/unified.jsonl");
    if (!existsSync(path)) return [];
    const handle = openSync(path, "r");
    try {
      const { ino, size } = fstatSync(handle);
      const from = ino === this.#file.inode && size >= this.#file.read ? this.#file.read : 0;
      const bytes = Buffer.alloc(size - from);
      const whole = bytes.subarray(0, readSync(handle, bytes, 0, bytes.length, from)).lastIndexOf(10) + 1;
      this.#file = { inode: ino, read: from + whole };
      const lines = bytes.subarray(0, whole).toString("utf8").split("\n");
      // What a power cut tore is the model's to judge.
      return lines.filter((line) => /^\{.*\}$/.test(line));
    } finally {
      closeSync(handle);
    }
  }
}

/** The names in inboxes that something still has to come of: what is claimed for an order that waits has its place there. */
export function openNames(world: World, drops: readonly Drop[]): string[] {
  const mayWait = new Set(drops.flatMap(({ name, ends }) => (ends.includes("waiting") ? [name] : [])));
  return world.list("bridge/inbox").flatMap((lane) => {
    const dropped = world.list(`bridge/inbox/${lane}`).filter((name) => !name.startsWith("."));
    const claimed = world.list(`bridge/inbox/${lane}/.claimed`).map((name) => name.replace(/^\w{26}~/, ""));
    return [...dropped, ...claimed.filter((name) => !mayWait.has(name))];
  });
}
