/** The two founding orders, in our own words: the canary, and the rebuild that must fail honestly where launchctl is missing. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { asRecord, World } from "../support/world.ts";

const CANARY = `wo_id: WO-CANARY-TEST
title: "Health check"
priority: P2
owner: auto-test
files:
  - path: tmp/canary_test.txt
    content: |
      Written at $(date)
      The pipeline works.
`;

test("a canary leaves its file, state, both events, ack, result, processed file and a dashboard item", async () => {
  const world = await World.make();
  await world.startDaemon();
  world.write("bridge/inbox/CLC/canary.yaml", CANARY);
  await world.reaches("WO-CANARY-TEST", "done");

  expect(world.read("tmp/canary_test.txt")).toBe("Written at $(date)\nThe pipeline works.\n");
  expect(world.events("WO-CANARY-TEST")).toEqual(expect.arrayContaining(["wo_started", "wo_completed"]));
  expect(asRecord(JSON.parse(world.read("bridge/outbox/CLC/WO-CANARY-TEST.ack.json") ?? ""))["status"]).toBe(
    "accepted",
  );
  expect(world.read("bridge/outbox/CLC/WO-CANARY-TEST_result.yaml")).toContain("status: done");
  const month = world.list("bridge/processed/CLC")[0] ?? "";
  expect(world.read(`bridge/processed/CLC/${month}/canary.yaml`)).toBe(CANARY);
  await expect
    .poll(() => world.read("apps/dashboard/data/followup.json"), { timeout: 5000 })
    .toContain('"status": "Done"');
});

const REBUILD = `wo_id: WO-REBUILD-TEST
title: Rebuild
priority: P0
files:
  - path: agents/worker/worker.zsh
    mode: "0755"
    content: |
      #!/usr/bin/env zsh
      echo "$HOME"
  - path: ../Library/LaunchAgents/com.02luka.worker.plist
    content: |
      <?xml version="1.0" encoding="UTF-8"?>
      <plist version="1.0"><dict><key>Label</key><string>com.02luka.worker</string></dict></plist>
post_verify:
  - launchctl-that-is-not-there load ~/Library/LaunchAgents/com.02luka.worker.plist
tests:
  - name: state directory exists
    command: "test -d g/followup/state && echo exists"
    expected: "exists"
`;

test("a rebuild applies its files, the agent too, and fails by name where its tool is missing", async () => {
  const world = await World.make();
  await world.startDaemon();
  world.write("bridge/inbox/CLC/rebuild.yaml", REBUILD);
  await world.reaches("WO-REBUILD-TEST", "failed");

  expect(world.read("agents/worker/worker.zsh")).toContain('echo "$HOME"');
  expect(readFileSync(join(world.home, "Library/LaunchAgents/com.02luka.worker.plist"), "utf8")).toContain(
    "com.02luka.worker",
  );
  const state = world.state("WO-REBUILD-TEST");
  expect(state?.["last_error"]).toMatch(/check_failed: .*launchctl-that-is-not-there/);
  expect(world.read("apps/dashboard/data/followup.json") ?? "").not.toContain('"status": "Open"');
});

test("the real founding orders come to rest as their readme says", async ({ skip }) => {
  const world = await World.make();
  await world.startDaemon();
  if (!world.dropSample("ad37f5136a59")) skip("the samples are not here");
  world.dropSample("bd45d5e639ce");
  await world.reaches("WO-CANARY-20251113-TEST", "done");
  await world.reaches("WO-20251113-WO-PIPELINE-REBUILD", "failed");
  expect(world.read("tmp/canary_test.txt")).toContain("$(date)");
  expect(world.read("agents/wo_executor/wo_executor.zsh")).toContain("# WO Executor");
  expect(world.state("WO-20251113-WO-PIPELINE-REBUILD")?.["last_error"]).toMatch(/check_failed: .*launchctl/);
});
