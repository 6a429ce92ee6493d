/** What keeps a base from being opened for writing, found before anything is written. */
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openBase, refusalOf, telemetryPath } from "../../../src/daemon/opening.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { systemProcesses } from "../../../src/platform/processes.ts";
import { thisSystem } from "../../../src/platform/system.ts";
import { accepted } from "../../support/events.ts";
import { turn } from "../../support/hand-clock.ts";
import { realFiles } from "../../support/ledger-kit.ts";
import { fakeMachine } from "../../support/machines.ts";
import { thrownBy } from "../../support/results.ts";
import { put, temporaryFolder, treeOf } from "../../support/temporary-folder.ts";

class Owner {
  readonly path = temporaryFolder();
  readonly ground = {
    files: realFiles,
    clock: systemClock,
    machine: fakeMachine(),
    processes: systemProcesses(),
    system: thisSystem,
  };

  open() {
    const nothing = () => undefined;
    const wish = { init: false, vault: undefined, newId: false, reserveBytes: 4096 };
    return openBase(this.ground, { ...wish, path: this.path, onFatal: nothing, onFull: nothing });
  }

  /** Opens, records so many orders, and lets go. */
  async record(count: number) {
    const opened = await this.open();
    await turn();
    for (let at = 0; at < count; at += 1) {
      await opened.books?.append([accepted({ wo_id: `WO-${at}` })]);
      await turn();
    }
    await opened.books?.close();
    await opened.release();
    return { base: opened.base, ledgerId: opened.books?.index.facts.ledger ?? "", headSeq: opened.books?.headSeq ?? 0 };
  }

  /** Telemetry that tells of an entry of this ledger. */
  tell(ledger: string, seq: number): void {
    put(telemetryPath(this.path), `${JSON.stringify({ event: "x", seq, ledger })}\n`);
  }
}

test("a base is opened by one process at a time; who comes second is told by whom", async () => {
  const owner = new Owner();
  const first = await owner.open();
  expect(await thrownBy(() => owner.open())).toMatchObject({
    code: "LOCK_HELD",
    message: expect.stringContaining(`pid ${process.pid}`),
  });
  await first.books?.close();
  await first.release();
  const second = await owner.open();
  expect(second.refusal).toBeUndefined();
  await second.release();
});

test.each([
  [0, false],
  [1, true],
])(
  "telemetry that is %i entries ahead of the ledger tells that the vault was set back, or not",
  async (ahead, isRefused) => {
    const owner = new Owner();
    const { base, ledgerId, headSeq } = await owner.record(2);
    owner.tell(ledgerId, headSeq + ahead);
    expect(refusalOf(realFiles, owner.ground.machine, base)?.error.code).toBe(
      isRefused ? "VAULT_ROLLED_BACK" : undefined,
    );
  },
);

test("a vault that was set back to an older copy is refused, read, and left as it is", async () => {
  const owner = new Owner();
  const { base } = await owner.record(1);
  const copy = join(temporaryFolder(), "copy");
  cpSync(base.vault, copy, { recursive: true });
  const { ledgerId, headSeq } = await owner.record(1);
  owner.tell(ledgerId, headSeq);
  rmSync(base.vault, { recursive: true });
  cpSync(copy, base.vault, { recursive: true });
  const before = treeOf(join(base.vault, "ledger"));
  const opened = await owner.open();
  expect(opened).toMatchObject({ books: undefined, refusal: { error: { code: "VAULT_ROLLED_BACK" } } });
  expect(opened.refusal?.index.get("WO-0")?.status).toBe("pending");
  expect(treeOf(join(base.vault, "ledger"))).toEqual(before);
  await opened.release();
});

test("telemetry of another ledger says nothing about this one", async () => {
  const owner = new Owner();
  const { base } = await owner.record(1);
  owner.tell("another001", 999);
  expect(refusalOf(realFiles, owner.ground.machine, base)).toBeUndefined();
});

test("a base that cannot be bound gives its lock back", async () => {
  const owner = new Owner();
  put(join(owner.path, "bridge/inbox/CLC/a.yaml"), "a: 1");
  for (const _ of [1, 2]) expect(await thrownBy(() => owner.open())).toMatchObject({ code: "BASE_UNKNOWN" });
});
