/** A canary passes only when everything was seen; each thing that is missing or wrong is told by its name. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readOrder } from "../../../src/orders/read-order.ts";
import { systemDisk } from "../../../src/platform/disk.ts";
import { Files } from "../../../src/platform/files.ts";
import { type CanaryReport, runCanary } from "../../../src/upkeep/canary.ts";
import { quickClock } from "../../support/clocks.ts";
import { valueOf } from "../../support/results.ts";
import { put, temporaryFolder } from "../../support/temporary-folder.ts";

interface Traces {
  readonly id: string;
  readonly ending: string | undefined;
  readonly file: string | undefined;
  readonly state: string | undefined;
  readonly result: string | undefined;
  readonly events: readonly string[];
}

/** Sends a canary through a line that does all it has to, bent by the test. */
async function send(
  bend: (traces: Traces) => Partial<Traces> = () => ({}),
  viewsAfter = 0,
  base = temporaryFolder(),
): Promise<CanaryReport> {
  let [path, content] = ["", ""];
  let writeViews: (() => void) | undefined;
  const clock = quickClock((count) => count === viewsAfter && writeViews?.());
  return runCanary({
    files: new Files(systemDisk, clock),
    clock,
    base,
    lane: "CLC",
    drop: async (name, text) => {
      const order = valueOf(readOrder(Buffer.from(text), name));
      const [action] = order.files;
      if (action?.kind === "write") [path, content] = [action.path, action.content];
    },
    follow: async (id) => {
      const traces: Traces = {
        id,
        ending: "done",
        file: content,
        state: JSON.stringify({ status: "done" }),
        result: `wo_id: "${id}"\nstatus: done\n`,
        events: ["wo_accepted", "wo_started", "wo_completed"],
      };
      const bent = { ...traces, ...bend(traces) };
      if (bent.file !== undefined) put(join(base, path), bent.file);
      writeViews = () => leaveViews(base, bent);
      if (viewsAfter === 0) writeViews();
      return bent.ending;
    },
  });
}

function leaveViews(base: string, { id, state, result, events }: Traces): void {
  if (state !== undefined) put(join(base, "g/followup/state", `${id}.json`), state);
  if (result !== undefined) put(join(base, "bridge/outbox/CLC", `${id}_result.yaml`), result);
  const lines = events.map((event) =>
    JSON.stringify({ ts: new Date(1_700_000_000_005).toISOString(), event, wo_id: id }),
  );
  put(
    join(base, "g/telemetry/unified.jsonl"),
    `no json\n${lines.join("\n")}\n{"wo_id":"another ${id}","event":"wo_failed"}\n`,
  );
}

test("a canary of which everything was seen has passed, and tells when it saw what", async () => {
  const report = await send();
  expect(report).toMatchObject({
    passed: true,
    problems: [],
    woId: expect.stringMatching(/^WO-CANARY-[0-9A-Z]+T[0-9]+Z-\w{10}$/),
  });
  expect(report.stages).toEqual([
    { stage: "wo_accepted", atMs: 5 },
    { stage: "wo_started", atMs: 5 },
    { stage: "wo_completed", atMs: 5 },
    { stage: "seen at rest", atMs: 0 },
  ]);
});

test("two canaries never meet", async () => {
  expect((await send()).woId).not.toBe((await send()).woId);
});

test("the file is gone once it was seen, and stays where it is not what it has to be", async () => {
  const base = temporaryFolder();
  await send(undefined, 0, base);
  const failed = await send(() => ({ file: "another's" }), 0, base);
  expect(readdirSync(join(base, "tmp/wo-canary"))).toEqual([`${failed.woId}.txt`]);
});

test.each<readonly [string, (traces: Traces) => Partial<Traces>, string]>([
  ["came to no rest", () => ({ ending: undefined }), "it did not come to rest in time"],
  ["failed", () => ({ ending: "failed" }), "it came to rest as failed"],
  ["wrote no file", () => ({ file: undefined }), "tmp/wo-canary/ID.txt is not there"],
  ["left another's file", () => ({ file: "canary WO-OLD\n" }), "tmp/wo-canary/ID.txt holds something else"],
  ["left no state", () => ({ state: undefined }), "ID.json is not there"],
  ["left half a state", () => ({ state: '{"status":' }), "ID.json is not there"],
  ["left another state", () => ({ state: '{"status":"running"}' }), "ID.json says running"],
  ["left no result", () => ({ result: undefined }), "ID_result.yaml is not there"],
  ["left another result", () => ({ result: "a: 1\nstatus: failed\n" }), "ID_result.yaml does not say done"],
  ["was not told to start", () => ({ events: ["wo_completed"] }), "telemetry tells wo_started 0 times"],
  ["was not told to complete", () => ({ events: ["wo_started"] }), "telemetry tells wo_completed 0 times"],
  [
    "was told twice",
    () => ({ events: ["wo_started", "wo_completed", "wo_completed"] }),
    "telemetry tells wo_completed 2 times",
  ],
])("a canary that %s has not passed, and says so and nothing else", async (_what, bend, problem) => {
  const { passed, problems, woId } = await send(bend);
  expect(passed).toBe(false);
  expect(problems.map((one) => one.replaceAll(woId, "ID"))).toEqual([expect.stringContaining(problem)]);
});

test("views are given a moment to be written", async () => {
  expect(await send(undefined, 250)).toMatchObject({ passed: true });
});

test("views that are not written within three seconds are missing", async () => {
  const { problems } = await send(undefined, 400);
  expect(problems).toHaveLength(4);
});
