/** `wo guardrail check --outside`: that the daemon is dead or stuck is told by somebody who is not the daemon, once. */
import { appendFileSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { linesTold } from "../support/line-kit.ts";
import { asRecord, until, World } from "../support/world.ts";

const look = (world: World) => world.wo("guardrail", "check", "--outside");

/** What was told from outside, as "event: words". */
function told(world: World): string[] {
  return linesTold(world)
    .filter((line) => line["outside"] === true)
    .map(({ event, message, what }) => `${String(event)}: ${String(message ?? what)}`);
}

const alerts = (world: World) => (world.read("logs/guardrail_alerts.log") ?? "").split("\n").slice(0, -1);

test("a dead daemon is told once, once more after a day, and as well again when it works", async () => {
  const world = await World.make();
  const daemon = await world.startDaemon();
  expect(await look(world)).toMatchObject({ code: 0, stdout: "✓ the daemon works\n" });
  expect([told(world), alerts(world)]).toEqual([[], []]);

  await world.kill(daemon);
  const dead = await look(world);
  expect([dead.code, dead.stdout]).toEqual([
    1,
    expect.stringMatching(/^✗ no daemon runs: it ended without a word, since \S+Z\n {2}next: wo daemon start\n$/),
  ]);
  await look(world);
  const drift = "wo_pipeline_drift: no daemon runs: it ended without a word";
  expect(told(world)).toEqual([drift]);
  expect(alerts(world)).toEqual([
    expect.stringMatching(/^\[\S+Z\] ALERT: daemon: no daemon runs: it ended without a word, since \S+Z$/),
  ]);

  const memory = join(world.vault, "outside.json");
  const known = asRecord(JSON.parse(readFileSync(memory, "utf8")));
  writeFileSync(memory, JSON.stringify({ ...known, told: "2026-01-01T00:00:00.000Z" }));
  await look(world);
  expect(told(world)).toEqual([drift, drift]);

  await world.startDaemon();
  expect((await look(world)).code).toBe(0);
  await look(world);
  expect(told(world)).toEqual([
    drift,
    drift,
    expect.stringMatching(/^wo_pipeline_healed: it works again; no daemon runs/),
  ]);
});

test("a daemon that lives and does nothing is told as that", async () => {
  const world = await World.make();
  const daemon = await world.startDaemon();
  process.kill(daemon.pid ?? 0, "SIGSTOP");
  const stuck = await look(world);
  process.kill(daemon.pid ?? 0, "SIGCONT");
  expect([stuck.code, stuck.stdout]).toEqual([1, expect.stringContaining("lives and does not answer")]);
  expect(told(world)).toEqual([expect.stringContaining("lives and does not answer")]);
  await until(async () => (await look(world)).code === 0, 10_000, "it works again");
});

test("half a line at telemetry's end stays the end, and a base that is gone is said to whoever looks", async () => {
  const world = await World.make();
  await world.kill(await world.startDaemon());
  const path = world.path("g/telemetry/unified.jsonl");
  appendFileSync(path, '{"ts":"2026');
  const before = readFileSync(path, "utf8");
  expect((await look(world)).stdout).toMatch(/not told in telemetry: .* ends in half a line/);
  expect([readFileSync(path, "utf8"), alerts(world).length]).toEqual([before, 1]);

  renameSync(world.base, `${world.base}.away`);
  const gone = await look(world);
  expect([gone.code, gone.stdout]).toEqual([1, expect.stringMatching(/told nowhere else: there is no folder/)]);
});
