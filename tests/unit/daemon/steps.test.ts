/** Which commands of an order run after which ends, how often each is tried, and what a new daemon makes of it. */
import { expect, test, vi } from "vitest";
import { stepFinished, stepStarted } from "../../support/events.ts";
import { ended, House, scriptedRunner } from "../../support/house-kit.ts";
import { given } from "../../support/results.ts";

/** Ends the named commands with 1, and all others well. */
const failing = (...names: readonly string[]) => scriptedRunner((text) => ended(names.includes(text) ? 1 : 0));

const DEPLOY = {
  wo_id: "WO-1",
  environment: { validation: ["valid"] },
  files: { "a.txt": "x" },
  steps: [{ run: "one" }, { run: "two" }, { run: "report", always_run: true }],
  post_verify: ["proof"],
  post_deploy: { success: ["good"], failure: ["bad"] },
  rollback: { steps: ["undo", "undo more"] },
  rollback_on_failure: true,
};

test.each<readonly [string, readonly string[], string, readonly string[]]>([
  ["nothing", [], "done", ["valid", "one", "two", "report", "proof", "good"]],
  ["a step", ["one"], "failed", ["valid", "one", "report", "bad", "undo", "undo more"]],
  ["the proof", ["proof"], "failed", ["valid", "one", "two", "report", "proof", "bad", "undo", "undo more"]],
  ["what always runs", ["report"], "failed", ["valid", "one", "two", "report", "bad", "undo", "undo more"]],
  ["a condition", ["valid"], "failed", ["valid"]],
  ["a step and its undoing", ["two", "undo"], "failed", ["valid", "one", "two", "report", "bad", "undo", "undo more"]],
])("when %s fails, what runs is what the order says", async (_what, fails, status, ran) => {
  const runner = failing(...fails);
  const house = await House.open("", { runner });
  const record = await house.carryOut(DEPLOY);

  expect(record.status).toBe(status);
  expect(runner.ran).toEqual(ran);
  if (status === "failed") expect(record.failure?.message).toContain(`"${fails[0]}"`);
  expect(house.read("a.txt")).toBe(fails[0] === "valid" ? undefined : "x");
});

test("variables that are required and missing fail the order before anything is done", async () => {
  const runner = failing();
  const house = await House.open("commands: {env: {HERE: x, EMPTY: ''}}\n", { runner });
  const order = { ...DEPLOY, environment: { required: ["HERE", "EMPTY", "GONE"], validation: ["valid"] } };

  expect(await house.carryOut(order)).toMatchObject({
    status: "failed",
    failure: { class: "check_failed", code: "missing_environment", message: expect.stringContaining("EMPTY, GONE") },
  });
  expect(runner.ran).toEqual([]);
  expect(house.read("a.txt")).toBeUndefined();
});

test("files that cannot be changed fail the order, and none of its later commands runs", async () => {
  const runner = failing();
  const house = await House.open("", { runner });
  const order = { ...DEPLOY, edits: [{ path: "none", find: "x", after: "y" }] };

  expect(await house.carryOut(order)).toMatchObject({ status: "failed", failure: { class: "conflict" } });
  expect(runner.ran).toEqual(["valid"]);
});

test.each([
  [2, "done", 3],
  [3, "failed", 3],
])("a command that fails %i times and may be tried again twice is %s after %i runs", async (fails, status, runs) => {
  let count = 0;
  const runner = scriptedRunner(() => ended((count += 1) > fails ? 0 : 7));
  const house = await House.open("", { runner });

  expect(await house.carryOut({ wo_id: "WO-1", steps: [{ run: "a", max_retries: 2 }] })).toMatchObject({ status });
  expect(runner.ran).toHaveLength(runs);
  expect(house.entries.filter(({ event }) => event === "step_retry_scheduled")).toMatchObject([
    { step: 0, tried: 1, tries: 3 },
    { step: 0, tried: 2, tries: 3 },
  ]);
});

test("each try keeps its output in a folder of its own", async () => {
  const folders: string[] = [];
  const runner = scriptedRunner((_text, spec) => {
    folders.push(spec.folder.split("/").slice(-3).join("/"));
    return ended(folders.length > 2 ? 0 : 1);
  });
  const house = await House.open("", { runner });
  await house.carryOut({ wo_id: "WO-1", steps: [{ run: "a", max_retries: 2 }] });

  expect(folders).toEqual(["WO-1/1/0", "WO-1/1/0.1", "WO-1/1/0.2"]);
});

test("a try waits as long as the order says, and not when the order is canceled", async () => {
  const runner = failing("a");
  const house = await House.open("", { runner });
  await house.take({ wo_id: "WO-1", steps: [{ run: "a", max_retries: 5, retry_delay: "1h" }] });
  await vi.waitUntil(() => house.told("WO-1").includes("step_retry_scheduled"), { timeout: 5000, interval: 1 });
  await house.kit.clock.pass(60_000);
  expect(runner.ran).toHaveLength(1);
  await house.kit.parts.line.cancel(given(house.record("WO-1")), "me", "no more");

  expect(await house.through(house.rest("WO-1"))).toMatchObject({ status: "canceled" });
  expect(runner.ran).toHaveLength(1);
});

test("tries that an earlier daemon made are counted", async () => {
  const runner = failing("a");
  const house = await House.open("", { runner });
  const of = { lane: "CLC", attempt: 1, wo_id: "WO-1" };
  const record = await house.accepted(
    { wo_id: "WO-1", steps: [{ run: "a", max_retries: 2 }] },
    { event: "wo_started", ...of },
    { ...stepStarted(), ...of },
    { ...stepFinished(), ...of, ok: false, exit_code: 1 },
    { event: "step_retry_scheduled", ...of, step: 0, name: "a", tried: 2, tries: 3, delay_ms: 0 },
  );
  await house.kit.parts.line.resume(record);

  expect(await house.rest("WO-1")).toMatchObject({ status: "failed", steps: [{ tried: 2, finished: { ok: false } }] });
  expect(runner.ran).toHaveLength(1);
});

test("after a crash the steps behind a failure are those that would have come without it", async () => {
  const runner = failing();
  const house = await House.open("", { runner });
  const of = { lane: "CLC", attempt: 1, wo_id: "WO-1" };
  const { files: _files, environment: _environment, ...order } = DEPLOY;
  const record = await house.accepted(
    order,
    { event: "wo_started", ...of },
    { ...stepStarted(), ...of },
    { ...stepFinished(), ...of, ok: false, exit_code: 1, name: "one" },
  );
  await house.kit.parts.line.resume(record);

  expect(await house.rest("WO-1")).toMatchObject({ status: "failed", failure: { code: "exit_1" } });
  expect(runner.ran).toEqual(["report", "bad", "undo", "undo more"]);
});

test.each([
  ["a file that is there", "a.txt", undefined, "done"],
  ["a folder that is there", "bridge/", undefined, "failed"],
  ["a file that is not there", "none.txt", "absent", "failed"],
])("an order that names %s besides its work is judged by it", async (_what, path, code, status) => {
  const house = await House.open("", { runner: failing() });
  const order = { wo_id: "WO-1", files: [path], operations: [{ op: "write_file", path: "a.txt", content: "x" }] };
  const [claim] = [house.claim("WO-1.json", order)];
  await house.kit.parts.line.takeIn(claim);
  if (path === "bridge/") return expect(house.status("WO-1")).toBeUndefined();
  const record = await house.rest("WO-1");

  expect(record).toMatchObject({ status, ...(code === undefined ? {} : { failure: { class: "check_failed", code } }) });
});

test("a hash that does not fit fails the order, with both hashes, before its commands", async () => {
  const runner = failing();
  const house = await House.open("", { runner });
  const hash = "ab".repeat(32);
  const order = { wo_id: "WO-1", files: [{ path: "a.txt", content: "x", sha256: hash }], steps: [{ run: "one" }] };

  expect(await house.carryOut(order)).toMatchObject({
    failure: { class: "check_failed", code: "other_content", message: expect.stringContaining("abababababab…") },
  });
  expect(runner.ran).toEqual([]);
});

test("an order that only verifies is done when all is as it says", async () => {
  const house = await House.open("", { runner: failing() });
  await house.carryOut({ wo_id: "WO-0", files: { "a.txt": "x" } });
  const hash = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";

  expect(await house.carryOut({ wo_id: "WO-1", files: [{ path: "a.txt", sha256: hash }] })).toMatchObject({
    status: "done",
  });
});
