/** The base goes away whole: moved, or its volume unmounted. Nothing is made in its place, and what waits goes on when it is back. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "vitest";
import { NO_SMALL_DISK, smallDisk } from "../support/temporary-folder.ts";
import { asRecord, until, World } from "../support/world.ts";

const CONFIG = "version: 1\nintake: {rescanMs: 100}\nguardrail: {everyMs: 1000, graceMs: 100}\n";
/** Many rounds, and three looks of the guardrail. */
const AWAY_MS = 3500;
const VOLUME_BYTES = 64 * 1024 * 1024;
const ORDER = { wo_id: "WO-LATER", files: [{ path: "later.txt", content: "later\n" }] };

test("a base that was moved away is not made anew, and work goes on when it is back", async () => {
  const world = await guardedWorld();
  await world.startDaemon();
  const aside = join(world.root, "aside");
  renameSync(world.base, aside);
  await pause(AWAY_MS);
  expect(existsSync(world.base)).toBe(false);
  expect(await needsOf(world)).toMatch(
    /intake is paused: .*02luka is gone: unmounted, moved or removed.*bring the folder back/,
  );
  renameSync(aside, world.base);
  await goesOn(world);
});

test("into the folder that a volume was mounted on nothing is written", async ({ skip }) => {
  const volume = smallDisk(VOLUME_BYTES);
  if (volume === undefined) return skip(NO_SMALL_DISK);
  const world = await guardedWorld();
  execFileSync("cp", ["-a", `${world.base}/.`, volume]);
  renameSync(world.base, join(world.root, "below"));
  mkdirSync(world.base);
  const mount = () => execFileSync("mount", ["--bind", volume, world.base]);
  const unmount = () => execFileSync("umount", ["--lazy", world.base]);
  mount();
  try {
    await world.startDaemon();
    unmount();
    await pause(AWAY_MS);
    expect(readdirSync(world.base)).toEqual([]);
    expect(await needsOf(world)).toMatch(/is on another disk: it was unmounted.*mount its volume/);
    mount();
    await goesOn(world);
  } finally {
    await world.killAll();
    unmount();
  }
});

test("while its volume is away nobody who looks writes into the folder that it is mounted on", async () => {
  const world = await World.make();
  await world.kill(await world.startDaemon());
  renameSync(world.base, join(world.root, "volume"));
  mkdirSync(world.base);
  // As it is seen where another disk's folder lies below.
  const registry = join(world.home, ".local/state/wo-bridge/bases.json");
  writeFileSync(registry, readFileSync(registry, "utf8").replace(/"device": (\d+)/, '"device": 1$1'));
  const away = /is empty, and on another disk than its base was/;
  const outside = await world.wo("guardrail", "check", "--outside");
  expect([outside.code, outside.stdout]).toEqual([
    1,
    expect.stringMatching(/^✗ .*is empty, and on another disk.*\n {2}next: mount its volume .*\ntold nowhere else: /),
  ]);
  const mended = await world.wo("doctor", "--apply", "base");
  expect(mended.stdout).toMatch(
    /^! base: nothing was done: a person has to do it: .*on another disk.*; mount its volume/,
  );
  expect(mended.stdout).toMatch(/^First: .*is empty, and on another disk.*\n {2}next: mount its volume/m);
  const order = join(world.root, "later.json");
  writeFileSync(order, JSON.stringify(ORDER));
  for (const words of [["forensics"], ["guardrail", "list"], ["submit", order]])
    expect((await world.wo(...words)).stderr).toMatch(away);
  expect(readdirSync(world.base)).toEqual([]);
});

/** With a guarded file, which must not be put back into nothing. */
async function guardedWorld(): Promise<World> {
  const world = await World.make({ config: CONFIG });
  world.write("tools/kept.sh", "#!/bin/sh\n");
  const accepted = await world.wo("protect", "tools/kept.sh");
  expect(accepted.code, accepted.stderr).toBe(0);
  return world;
}

async function needsOf(world: World): Promise<string> {
  return JSON.stringify(asRecord((await world.ask({ call: "status" })) ?? {})["needs"] ?? []);
}

/** Nothing is reported as lost, and an order that is dropped now is done. */
async function goesOn(world: World): Promise<void> {
  world.drop("CLC", "later.json", ORDER);
  await world.reaches("WO-LATER", "done");
  expect(world.read("later.txt")).toBe("later\n");
  await until(() => world.telemetry().some(({ event }) => event === "intake_resumed"), 10_000, "it is told of");
  const lines = world.telemetry();
  expect(lines).toContainEqual(expect.objectContaining({ event: "intake_paused", reason: "base_missing" }));
  expect(lines.filter(({ event }) => event === "wo_pipeline_drift")).toEqual([]);
  expect(await needsOf(world)).toBe("[]");
}
