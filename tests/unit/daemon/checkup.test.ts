/** What the checks of a base wait for, and what they say of a record that cannot tell all. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import type { Patient } from "../../../src/daemon/checks/patient.ts";
import { canaryFindings } from "../../../src/daemon/checks/record-checks.ts";
import { checksOf } from "../../../src/daemon/checkup.ts";
import type { Runtime } from "../../../src/daemon/runtime.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { holderOf } from "../../../src/platform/lock.ts";
import { commandOf, openFilesOf, systemProcesses } from "../../../src/platform/processes.ts";
import { thisSystem } from "../../../src/platform/system.ts";
import { OrderIndex } from "../../../src/records/order-index.ts";
import { examine } from "../../../src/upkeep/doctor.ts";
import { User } from "../../support/base-kit.ts";
import { chainOf } from "../../support/events.ts";
import { note, realFiles } from "../../support/ledger-kit.ts";
import { given } from "../../support/results.ts";
import { put, temporaryFolder } from "../../support/temporary-folder.ts";

const SAMPLE_LEDGER = fileURLToPath(new URL("../../samples/v1/vault/ledger", import.meta.url));
const PASSED = { event: "canary_passed", wo_id: "WO-1", total_ms: 5 } as const;
const LIMIT_MS = 20_000;

test("the record is not read before the daemon has answered: reading would make it look dead", async () => {
  const user = new User();
  const { vault } = await user.bind();
  let answer: (runtime: Runtime | undefined) => void = () => undefined;
  const asked = new Promise<Runtime | undefined>((resolve) => {
    answer = resolve;
  });
  const patient: Patient = {
    ground: {
      files: realFiles,
      clock: systemClock,
      machine: user.machine,
      processes: systemProcesses(),
      system: thisSystem,
    },
    basePath: user.base,
    bound: () => given(user.lookUp()),
    node: { version: "22.0.0", path: "/usr/bin/node" },
    health: () => asked,
    healthAgain: undefined,
    launchctl: undefined,
    launchdLog: undefined,
    holderOf,
    commandOf,
    openFilesOf,
  };
  const examined = examine(checksOf(patient), systemClock, LIMIT_MS);
  for (let turn = 0; turn < 100; turn += 1) await systemClock.breathe();
  // Who reads it from here on sees that; who has read it before found nothing.
  put(join(vault, "ledger", "000001.jsonl"), "no entry\n");
  answer(undefined);
  expect(await examined).toContainEqual(
    expect.objectContaining({ code: "ledger", seen: expect.stringMatching(/of 000001\.jsonl are no whole entries$/) }),
  );
});

test("that there never was a canary is said only by an index that would know of one", async () => {
  const said = (index: OrderIndex) => canaryFindings(index, undefined)[0]?.seen;
  const never = "no canary yet: nobody has seen an order go the whole way";
  const folder = temporaryFolder();
  const index = OrderIndex.empty(realFiles, folder);
  expect(said(index)).toBe(never);
  for (const one of chainOf([note("a")])) index.apply(one);
  await index.snapshot(index.start);
  const loaded = OrderIndex.load(realFiles, folder);
  expect([loaded.head.seq, said(loaded)]).toEqual([1, never]);

  // Its snapshot was written before canaries were kept in it.
  const old = OrderIndex.load(realFiles, SAMPLE_LEDGER);
  expect([old.head.seq > 20, said(old)]).toEqual([
    true,
    "no canary since wo-bridge was upgraded; of those before that its index says nothing",
  ]);
  const later = chainOf([...Array.from({ length: old.head.seq }, () => note("b")), PASSED]).slice(-1);
  for (const one of later) old.apply(one);
  expect(said(old)).toMatch(/^the last canary came through whole/);
});
