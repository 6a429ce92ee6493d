import { join } from "node:path";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { parse } from "yaml";
import type { Claim } from "../../../src/bridge/intake.ts";
import { BridgeFolders } from "../../../src/bridge/lanes.ts";
import { Outbox } from "../../../src/bridge/outbox.ts";
import { inlinePublisher } from "../../../src/platform/publisher.ts";
import type { OrderRecord } from "../../../src/records/order-record.ts";
import { accepted, happened, planned, recordAfter, stepFinished, ULID } from "../../support/events.ts";
import { realFiles } from "../../support/ledger-kit.ts";
import { put, temporaryFolder, treeOf } from "../../support/temporary-folder.ts";

const { started, applied, completed, failed, canceled, waiting } = happened;
const OUTBOX = "bridge/outbox/CLC";

function kit() {
  const base = temporaryFolder();
  const outbox = new Outbox(inlinePublisher(realFiles), new BridgeFolders(realFiles, base, 0));
  return { base, outbox };
}

async function resultOf(record: OrderRecord): Promise<unknown> {
  const { base, outbox } = kit();
  await outbox.report(record);
  return parse(treeOf(base)[`${OUTBOX}/${record.id}_result.yaml`] ?? "");
}

test("an accepted order is acknowledged under its id, and nothing is said of its end", async () => {
  const { base, outbox } = kit();
  await outbox.acknowledge(recordAfter([started, completed]));
  expect(JSON.parse(treeOf(base)[`${OUTBOX}/WO-1.ack.json`] ?? "")).toEqual({
    v: 1,
    wo_id: "WO-1",
    status: "accepted",
    stage: "accepted",
    lane: "CLC",
    file: "WO-1.yaml",
    sha256: "ab".repeat(32),
    title: "A title",
    accepted_at: "2026-01-05T00:00:01.000Z",
  });
});

test("the acknowledgement of an order that waits says for what, and what to type", async () => {
  const { base, outbox } = kit();
  await outbox.acknowledge(recordAfter([waiting]));
  expect(JSON.parse(treeOf(base)[`${OUTBOX}/WO-1.ack.json`] ?? "")).toMatchObject({
    status: "waiting",
    message: "waits (backlog): it is old",
    next: "wo approve WO-1",
  });
});

test("an order that was passed on is acknowledged where it was dropped and where it went; its result lies there", async () => {
  const { base, outbox } = kit();
  const record = recordAfter([started, completed], accepted({ lane: "LAC", routed_from: "ENTRY" }));
  await outbox.acknowledge(record);
  await outbox.report(record);
  const tree = treeOf(join(base, "bridge/outbox"));
  expect(Object.keys(tree).toSorted()).toEqual(["ENTRY/WO-1.ack.json", "LAC/WO-1.ack.json", "LAC/WO-1_result.yaml"]);
  expect(tree["ENTRY/WO-1.ack.json"]).toBe(tree["LAC/WO-1.ack.json"]);
  expect(JSON.parse(tree["LAC/WO-1.ack.json"] ?? "")).toMatchObject({ lane: "LAC", routed_from: "ENTRY" });
});

test("the result of a done order tells what it changed and what it ran", async () => {
  expect(await resultOf(recordAfter([started, planned(), applied, stepFinished(), completed]))).toEqual({
    wo_id: "WO-1",
    status: "done",
    timestamp: "2026-01-05T00:00:06.000Z",
    lane: "CLC",
    attempt: 1,
    files_changed: 1,
    results: [
      { path: "a/b.txt", status: "created" },
      { command: "a step", status: "ok", duration_ms: 5 },
    ],
  });
});

test("the result of a failed order tells why, and what to type", async () => {
  const step = stepFinished({ ok: false, kind: "check", message: 'said "no"' });
  expect(await resultOf(recordAfter([started, step, failed]))).toMatchObject({
    status: "failed",
    error: { class: "command_failed", code: "exit_1", message: "it broke", hint: "mend it" },
    next: "wo retry WO-1",
    results: [{ check: "a step", status: "failed", message: 'said "no"' }],
  });
});

test("what was planned and never applied is not told as changed", async () => {
  expect(await resultOf(recordAfter([started, planned(), failed]))).toMatchObject({ files_changed: 0, results: [] });
});

test.each([
  ["canceled", [canceled], { message: "canceled by me: no more", results: [] }],
  ["planned", [started, happened.planned], { results: [{ path: "a/b.txt", status: "would create" }] }],
])("the result of a %s order tells so", async (status, events, expected) => {
  expect(await resultOf(recordAfter(events))).toMatchObject({ status, ...expected });
});

test("a failure that does not count is told as such", async () => {
  const step = stepFinished({ ok: false, optional: true });
  expect(await resultOf(recordAfter([started, step, completed]))).toMatchObject({
    status: "done",
    results: [{ status: "failed, optional" }],
  });
});

test("any words of an order come out of its result as they were", async () => {
  const words = fc.string({ unit: "grapheme" });
  await fc.assert(
    fc.asyncProperty(words, words, async (message, name) => {
      const step = stepFinished({ ok: false, name, message });
      const record = recordAfter([started, step, { ...failed, message }], accepted());
      expect(await resultOf(record)).toMatchObject({ error: { message }, results: [{ command: name, message }] });
    }),
    { numRuns: 30 },
  );
});

const REFUSED: Omit<Claim, "order"> = {
  lane: { name: "CLC", folder: "/x" },
  name: "WO-1.yaml",
  claim: `${ULID}~WO-1.yaml`,
  path: "/x",
  info: {
    kind: "file",
    sizeBytes: 1,
    mode: 0,
    modifiedMs: 0,
    changedMs: 0,
    bornMs: 0,
    device: 0,
    inode: 0,
    owner: 0,
    links: 1,
  },
};

test("a drop that is refused gets an acknowledgement of its own, never over the order's", async () => {
  const { base, outbox } = kit();
  put(join(base, OUTBOX, "WO-1.ack.json"), "the order's own");
  const problem = { code: "bad_id", message: "no id" } as const;
  await outbox.refuse({ ...REFUSED, order: { ok: false, error: [problem] } }, { status: "rejected" });
  const tree = treeOf(join(base, OUTBOX));
  expect(tree["WO-1.ack.json"]).toBe("the order's own");
  expect(JSON.parse(tree[`WO-1.yaml.${ULID}.ack.json`] ?? "")).toEqual({
    v: 1,
    stage: "intake",
    lane: "CLC",
    file: "WO-1.yaml",
    status: "rejected",
  });
});
