import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Notifier, type NotifierOptions } from "../../../src/daemon/notify.ts";
import type { Log } from "../../../src/platform/log.ts";
import { happened } from "../../support/events.ts";
import { HandClock, turn } from "../../support/hand-clock.ts";
import { note } from "../../support/ledger-kit.ts";
import { temporaryFolder, treeOf } from "../../support/temporary-folder.ts";

const { failed, completed } = happened;

class Phone {
  readonly clock = new HandClock();
  readonly base = temporaryFolder();
  readonly warned: unknown[] = [];
  readonly ending = new AbortController();
  readonly notifier: Notifier;
  /** Appends what it is told to a file. */
  command: readonly string[] = ["/bin/sh", "-c", "/bin/cat >> told"];

  constructor(bend: Partial<NotifierOptions> = {}) {
    const log: Log = {
      info: () => undefined,
      warn: (event, fields) => void this.warned.push({ event, ...fields }),
      error: () => undefined,
    };
    this.notifier = new Notifier({
      clock: this.clock,
      log,
      base: this.base,
      command: () => this.command,
      minIntervalMs: () => 1000,
      signal: this.ending.signal,
      ...bend,
    });
  }

  /** Resolves when the user's command has ended and the next has to wait. */
  async rings(): Promise<void> {
    while (this.clock.sleeping === 0) await turn();
  }

  get told(): unknown[] {
    const text = treeOf(this.base)["told"] ?? "";
    return text.split("\n").flatMap((line): unknown[] => (line === "" ? [] : [JSON.parse(line)]));
  }
}

test("what a person has to look at is told as JSON on the command's standard input, in the base", async () => {
  const phone = new Phone();
  phone.notifier.tell(failed);
  await phone.rings();
  expect(JSON.parse(readFileSync(join(phone.base, "told"), "utf8"))).toEqual({
    v: 1,
    ts: "2026-01-05T12:00:00.000Z",
    base: phone.base,
    ...failed,
  });
});

test("of good news nobody is told", async () => {
  const phone = new Phone();
  for (const event of [completed, note("a"), failed]) phone.notifier.tell(event);
  await phone.rings();
  await phone.clock.pass(5000);
  expect(phone.told).toMatchObject([{ event: "wo_failed" }]);
});

test("the command is not run more often than it may be", async () => {
  const phone = new Phone();
  for (const _ of [1, 2]) phone.notifier.tell(failed);
  await phone.rings();
  await phone.clock.pass(999);
  expect(phone.told).toHaveLength(1);
  await phone.clock.pass(1);
  await phone.rings();
  expect(phone.told).toHaveLength(2);
});

test("of a flood a hundred wait, and the next that is told says how many were dropped", async () => {
  const phone = new Phone();
  for (let count = 0; count < 106; count += 1) phone.notifier.tell(failed);
  for (const _ of [1, 2]) {
    await phone.rings();
    await phone.clock.pass(1000);
  }
  await phone.rings();
  expect(phone.told.map((one) => /"dropped":(\d+)/.exec(JSON.stringify(one))?.[1])).toEqual([
    undefined,
    "5",
    undefined,
  ]);
});

test.each([
  ["fails", ["/bin/sh", "-c", "echo sorry >&2; exit 3"], { event: "notify_failed", exit_code: 3, stderr: "sorry\n" }],
  ["is not there", ["/no/such/program"], { event: "notify_failed" }],
])("a command that %s is written to the log, and does no other harm", async (_what, command, warned) => {
  const phone = new Phone();
  phone.command = command;
  phone.notifier.tell(failed);
  await phone.rings();
  expect(phone.warned).toMatchObject([warned]);
  phone.command = new Phone().command;
  phone.notifier.tell(failed);
  await phone.clock.pass(1000);
  await phone.rings();
  expect(phone.told).toHaveLength(1);
});

test("where nobody wants to be told, nothing is kept for later", async () => {
  const phone = new Phone();
  const { command } = phone;
  phone.command = [];
  phone.notifier.tell(failed);
  phone.command = command;
  phone.notifier.tell({ ...failed, wo_id: "WO-2" });
  await phone.rings();
  await phone.clock.pass(5000);
  expect(phone.told).toMatchObject([{ wo_id: "WO-2" }]);
});

test("a daemon that stops runs no command any more", async () => {
  const phone = new Phone();
  phone.ending.abort();
  phone.notifier.tell(failed);
  await turn();
  expect({ told: phone.told, sleeping: phone.clock.sleeping }).toEqual({ told: [], sleeping: 0 });
});
