/** A whole house of parts in folders of its own: orders are taken in and carried out for real, commands by a script. */
import { existsSync, readFileSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { vi } from "vitest";
import type { Claim } from "../../src/bridge/intake.ts";
import { readOrder } from "../../src/orders/read-order.ts";
import { newIdSource, sha256 } from "../../src/platform/ids.ts";
import type { RunSpec, RunStatus } from "../../src/platform/run-protocol.ts";
import type { RunEnd, Runner } from "../../src/platform/runner.ts";
import type { Entry } from "../../src/records/chain.ts";
import type { Event, OrderAccepted } from "../../src/records/events.ts";
import type { OrderRecord } from "../../src/records/order-record.ts";
import { accepted } from "./events.ts";
import { turn } from "./hand-clock.ts";
import { realFiles, seeChain } from "./ledger-kit.ts";
import { assembledParts, type PartsKit, type PartsWish } from "./parts-kit.ts";
import { given } from "./results.ts";
import { put, treeOf } from "./temporary-folder.ts";

/** An order as it is written. */
interface OrderText {
  readonly wo_id: string;
  readonly [key: string]: unknown;
}

/** An order that writes one file. */
export const writing = (id: string, more: object = {}): OrderText => ({
  wo_id: id,
  files: { [`${id}.txt`]: "x" },
  ...more,
});
/** An order that runs commands. */
export const doing = (id: string, runs: readonly string[], more: object = {}): OrderText => {
  return { wo_id: id, steps: runs.map((run) => ({ run })), ...more };
};

const newId = newIdSource();

export class House {
  readonly kit: PartsKit;

  private constructor(kit: PartsKit) {
    this.kit = kit;
  }

  static async open(config = "", wish: PartsWish = {}): Promise<House> {
    return new House(await assembledParts(config, wish));
  }

  path(relative: string): string {
    return join(this.kit.base.path, relative);
  }

  read(relative: string): string | undefined {
    return existsSync(this.path(relative)) ? readFileSync(this.path(relative), "utf8") : undefined;
  }

  json(relative: string): unknown {
    return JSON.parse(given(this.read(relative)));
  }

  /** Paths below a folder of the base. */
  list(relative: string): string[] {
    return existsSync(this.path(relative)) ? Object.keys(treeOf(this.path(relative))).toSorted() : [];
  }

  /** A file that was dropped under this name and has been claimed. */
  claim(name: string, content: string | object, lane = "CLC"): Claim {
    const bytes = Buffer.from(typeof content === "string" ? content : JSON.stringify(content));
    const folder = this.path(`bridge/inbox/${lane}`);
    const claim = `${newId(this.kit.clock.now())}~${name}`;
    const path = put(join(folder, ".claimed", claim), bytes);
    // Long enough ago that nobody writes it any more.
    const changed = this.kit.clock.now() / 1000 - 60;
    utimesSync(path, changed, changed);
    const info = given(realFiles.info(path));
    const order = readOrder(bytes, name.replace(/\.[a-z]+$/, ""));
    return { lane: { name: lane, folder }, name, claim, path, info, content: { bytes, sha256: sha256(bytes) }, order };
  }

  /** Takes a dropped order in. */
  async take(order: OrderText, lane = "CLC"): Promise<void> {
    await this.kit.parts.line.takeIn(this.claim(`${order.wo_id}.json`, order, lane));
  }

  /** Takes it in, and waits until it is at rest. */
  async carryOut(order: OrderText, lane = "CLC"): Promise<OrderRecord> {
    await this.take(order, lane);
    return this.rest(order.wo_id);
  }

  /** Waits until the order is at rest and its file where it belongs. */
  async rest(id: string): Promise<OrderRecord> {
    await vi.waitUntil(() => this.record(id)?.settledTo !== undefined, { timeout: 5000, interval: 1 });
    await turn();
    return given(this.record(id));
  }

  /** Lets time pass until the work is over. */
  async through<T>(work: Promise<T>, stepMs = 100): Promise<T> {
    let isOver = false;
    const over = () => (isOver = true);
    void work.then(over, over);
    await vi.waitUntil(() => this.kit.clock.pass(stepMs).then(() => isOver), { timeout: 5000, interval: 1 });
    return work;
  }

  record(id: string): OrderRecord | undefined {
    return this.kit.books.index.get(id);
  }

  status(id: string): string | undefined {
    return this.record(id)?.status;
  }

  /** Records that an order was accepted, as a daemon that died at once would leave it; its file lies claimed. */
  async accepted(order: OrderText, ...more: readonly Event[]): Promise<OrderRecord> {
    const { name, claim, path, content, order: read } = this.claim(`${order.wo_id}.json`, order);
    const { bytes, sha256: hash } = given(content);
    const bend: Partial<OrderAccepted> = {
      wo_id: order.wo_id,
      name,
      claim,
      sha256: hash,
      size_bytes: bytes.length,
      modified_ms: statSync(path).mtimeMs,
      source: { text: bytes.toString() },
      ...(read.ok
        ? {
            file_actions: read.value.files.length,
            commands: read.value.steps.length,
            on_interrupt: read.value.onInterrupt,
            ...(read.value.supersedes === undefined ? {} : { supersedes: read.value.supersedes }),
          }
        : {}),
    };
    await this.kit.books.append([accepted(bend), ...more.map((event) => ({ ...event, wo_id: order.wo_id }))]);
    return given(this.record(order.wo_id));
  }

  /** What the ledger holds. */
  get entries(): readonly Entry[] {
    return seeChain(this.kit.books.vault.ledger).entries;
  }

  /** Names of the events of an order, in order. */
  told(id: string): string[] {
    return this.entries.flatMap((entry) => ("wo_id" in entry && entry.wo_id === id ? [entry.event] : []));
  }
}

/** How a command ended that printed this. */
export function ended(exitCode: number, stdout = "", bend: Partial<RunStatus> = {}): RunStatus {
  const none = { bytes: 0, cut: false, tail: "" };
  const flags = { timedOut: false, stopped: false, leftovers: false };
  return {
    v: 1,
    exitCode,
    ...flags,
    durationMs: 1,
    stdout: { ...none, bytes: stdout.length, tail: stdout },
    stderr: none,
    ...bend,
  };
}

export interface ScriptedRunner extends Runner {
  /** Commands that were let go. */
  readonly ran: string[];
  /** Marks of those that somebody stopped. */
  readonly stopped: string[];
}

/** Ends every command as the script says; what an earlier daemon recorded ends as `adopted`. */
export function scriptedRunner(
  script: (text: string, spec: RunSpec) => RunEnd | Promise<RunEnd>,
  adopted: RunEnd = "never ran",
): ScriptedRunner {
  const ran: string[] = [];
  const stopped: string[] = [];
  const process = { pid: 4_000_000, startTime: "1" };
  return {
    ran,
    stopped,
    prepare: async (spec) => ({
      process,
      host: process,
      go: async () => {
        const text = spec.argv.at(-1) ?? "";
        ran.push(text);
        return script(text, spec);
      },
      drop: () => undefined,
    }),
    stop: (key) => void stopped.push(key),
    adopt: async () => adopted,
    endAll: async () => true,
    close: () => undefined,
  };
}

/** Looks at the views again and again, as rounds do, until it holds. */
export function looks({ kit }: House, holds: () => boolean): Promise<unknown> {
  const look = () => {
    kit.parts.views.rescan();
    return kit.clock.pass(10_000).then(holds);
  };
  return vi.waitUntil(look, { timeout: 5000, interval: 1 });
}

/** A house whose views have been begun. */
export async function openViews(wish: Parameters<typeof House.open>[1] = {}): Promise<House> {
  const house = await House.open("", wish);
  house.kit.parts.views.start();
  await house.kit.clock.pass(2000);
  return house;
}

/** The notices in telemetry about a path: their events, and how much of it came back. */
export function toldOf(house: House, path: string): readonly string[] {
  const lines = (house.read("g/telemetry/unified.jsonl") ?? "")
    .split("\n")
    .filter((line) => line.includes(`"${path}"`));
  return lines.flatMap((line) => {
    const [, event] = /"event":"wo_pipeline_(\w+)"/.exec(line) ?? [];
    const [, what] = /"what":"([^"]*)"/.exec(line) ?? [];
    return event === undefined ? [] : [what === undefined ? event : `${event}: ${what}`];
  });
}
