/** Rounds: what vanished from the tree is put back and told of, what lies in a lane is found, with hints or without. */
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { expect, onTestFinished, test, vi } from "vitest";
import { SCHEMA_FILE } from "../../../src/daemon/editor-schema.ts";
import { Rounds } from "../../../src/daemon/rounds.ts";
import type { Log } from "../../../src/platform/log.ts";
import { refusal, watchedDisk } from "../../support/disks.ts";
import { House, writing } from "../../support/house-kit.ts";
import type { PartsWish } from "../../support/parts-kit.ts";
import { put } from "../../support/temporary-folder.ts";

const TELEMETRY = "g/telemetry/unified.jsonl";

class Watchman {
  readonly house: House;
  readonly rounds: Rounds;
  readonly warned: string[] = [];

  private constructor(house: House) {
    this.house = house;
    const log: Log = { info: () => undefined, warn: (event) => void this.warned.push(event), error: () => undefined };
    const onFatal = (error: unknown) => {
      throw error;
    };
    this.rounds = new Rounds({ ...house.kit, ...house.kit.parts, log, signal: house.kit.ending.signal, onFatal });
  }

  /** After his first round. */
  static async begin(config = "", wish: PartsWish = {}): Promise<Watchman> {
    const watchman = new Watchman(await House.open(config, wish));
    onTestFinished(() => watchman.end());
    await watchman.rounds.begin();
    return watchman;
  }

  async end(): Promise<void> {
    this.house.kit.ending.abort();
    await this.house.through(this.rounds.end());
  }

  /** Lets rounds go by, some milliseconds at a time, until it holds. */
  async until(holds: () => boolean, stepMs = 1000): Promise<void> {
    await vi.waitUntil(
      async () => {
        await this.house.kit.clock.pass(stepMs);
        return holds();
      },
      { timeout: 5000, interval: 1 },
    );
  }

  get telemetry(): string {
    return this.house.read(TELEMETRY) ?? "";
  }
}

test("the first round makes the lanes of a new base, and those of its configuration", async () => {
  const { house } = await Watchman.begin("lanes: {Sales: {}}\n");
  expect(house.list("bridge/inbox")).toEqual(["CLC/", "ENTRY/", "Sales/"]);
});

test.each([
  ["a lane", "bridge/inbox/CLC", "bridge/inbox/CLC/"],
  ["the whole bridge", "bridge", "bridge/inbox/CLC/"],
  ["the base's mark", ".wo-base", ".wo-base"],
  ["the schema for editors", SCHEMA_FILE, SCHEMA_FILE],
])("%s that vanished is made again, and that is told", async (_what, vanished, back) => {
  const watchman = await Watchman.begin();
  const isThere = () => existsSync(watchman.house.path(back));
  await watchman.until(isThere);
  rmSync(watchman.house.path(vanished), { recursive: true });
  await watchman.until(isThere);
  const path = JSON.stringify(back.replace(/\/$/, ""));
  await watchman.until(() => watchman.telemetry.includes(`"event":"wo_pipeline_healed","ok":true,"path":${path}`));
});

test("a schema of another version is replaced by this one's, once", async () => {
  const watchman = await Watchman.begin();
  const own = watchman.house.read(SCHEMA_FILE);
  put(watchman.house.path(SCHEMA_FILE), "{}");
  await watchman.until(() => watchman.house.read(SCHEMA_FILE) === own);
  await watchman.until(() => watchman.telemetry.split(SCHEMA_FILE).length === 3);
  for (let round = 0; round < 5; round += 1) await watchman.house.kit.clock.pass(5000);
  expect(watchman.telemetry.split(SCHEMA_FILE)).toHaveLength(3);
});

test("a schema that cannot be put back holds up no order", async () => {
  const watchman = await Watchman.begin();
  const { house } = watchman;
  rmSync(house.path(SCHEMA_FILE));
  mkdirSync(house.path(`${SCHEMA_FILE}/in-the-way`), { recursive: true });
  put(house.path("bridge/inbox/Sales/WO-1.json"), JSON.stringify(writing("WO-1")));
  await watchman.until(() => house.record("WO-1")?.settledTo !== undefined, 5000);
  expect(watchman.warned).toContain("round_refused");
});

test("a lane that somebody made is a lane from then on, and is made again like the others", async () => {
  const watchman = await Watchman.begin();
  const { house } = watchman;
  mkdirSync(house.path("bridge/inbox/Sales"));
  await watchman.until(() => house.kit.parts.intake.lanes.some(({ name }) => name === "Sales"));
  rmSync(house.path("bridge/inbox"), { recursive: true });
  await watchman.until(() => house.list("bridge/inbox").length === 3);
  expect(house.list("bridge/inbox")).toContain("Sales/");
});

test("the accepted configuration is put back when it vanished", async () => {
  const text = "lanes: {CLC: {mode: hold}}\n";
  const watchman = await Watchman.begin(text);
  const { house } = watchman;
  await house.kit.settings.accept("me");
  rmSync(house.path("wo-bridge.yaml"));
  await watchman.until(() => house.read("wo-bridge.yaml") === text);
  await watchman.until(() => watchman.telemetry.includes("the accepted configuration put back"));
});

test("an edit of the configuration takes effect with the next round", async () => {
  const watchman = await Watchman.begin();
  put(watchman.house.path("wo-bridge.yaml"), "lanes: {New: {mode: hold}}\n");
  await watchman.until(() => watchman.house.list("bridge/inbox").includes("New/"));
  expect(watchman.house.kit.settings.config.lanes["New"]?.mode).toBe("hold");
});

test("an order that is dropped rings, and is taken without a round", async () => {
  const { house } = await Watchman.begin();
  put(house.path("bridge/inbox/CLC/WO-1.json"), JSON.stringify(writing("WO-1")));
  expect((await house.rest("WO-1")).status).toBe("done");
  expect(house.kit.clock.elapsed()).toBe(0);
});

test("an order that was dropped while nobody listened is found by a round", async () => {
  const { house } = await Watchman.begin();
  put(house.path("bridge/inbox/.new/WO-1.json"), JSON.stringify(writing("WO-1")));
  expect(house.list("bridge/inbox").includes(".new/WO-1.json")).toBe(true);
  mkdirSync(house.path("bridge/inbox/Sales"));
  put(house.path("bridge/inbox/Sales/WO-2.json"), JSON.stringify(writing("WO-2")));
  await vi.waitUntil(
    async () => {
      await house.kit.clock.pass(5000);
      return house.record("WO-2")?.settledTo !== undefined;
    },
    { timeout: 5000, interval: 1 },
  );
  expect(house.record("WO-1")).toBeUndefined();
});

test("a tree that cannot be read is told of, and looked at again in the next round", async () => {
  let refuses = false;
  const disk = watchedDisk(({ verb }, go) => {
    if (refuses && verb === "list") throw refusal("EIO");
    return go();
  });
  const watchman = await Watchman.begin("", { disk });
  refuses = true;
  await watchman.until(() => watchman.warned.includes("round_refused"), 5000);
  refuses = false;
  mkdirSync(watchman.house.path("bridge/inbox/Sales"));
  await watchman.until(() => watchman.house.kit.parts.intake.lanes.some(({ name }) => name === "Sales"));
});

test("each round is a sign of life of its worker", async () => {
  const watchman = await Watchman.begin();
  const { signs, clock } = watchman.house.kit;
  expect(signs.lastOf("wo_pipeline_guardrail")).toBe(new Date(clock.now()).toISOString());
  const first = signs.lastOf("wo_pipeline_guardrail");
  await watchman.until(() => signs.lastOf("wo_pipeline_guardrail") > first);
});

test("there are no rounds after the end", async () => {
  const watchman = await Watchman.begin();
  rmSync(watchman.house.path("bridge"), { recursive: true });
  await watchman.end();
  for (const _ of [1, 2, 3]) await watchman.house.kit.clock.pass(10_000);
  expect(watchman.house.list("bridge")).toEqual([]);
});
