/** What needs a person comes first, with what to type; the rest tells who does what. */
import { chmodSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { BoundBase } from "../../../src/daemon/base.ts";
import type { Runtime } from "../../../src/daemon/runtime.ts";
import { type Need, statusOf } from "../../../src/daemon/status.ts";
import { BridgeError } from "../../../src/platform/errors.ts";
import type { Event } from "../../../src/records/events.ts";
import { OrderIndex } from "../../../src/records/order-index.ts";
import { accepted, chainOf, happened } from "../../support/events.ts";
import { turn } from "../../support/hand-clock.ts";
import { note, realFiles } from "../../support/ledger-kit.ts";
import { assembledParts, type PartsKit } from "../../support/parts-kit.ts";
import { put, temporaryFolder } from "../../support/temporary-folder.ts";

const { started, completed, failed, waiting } = happened;
/** A moment behind the events of chainOf. */
const NOW_MS = Date.UTC(2026, 0, 5, 1);
const DAY_MS = 24 * 3_600_000;
const RUNNING: Runtime = {
  v: 1,
  state: "running",
  pid: 1,
  startTime: "x",
  version: "1",
  base: "/b",
  since: "2026-01-05T00:00:00.000Z",
  heartbeat: "2026-01-05T00:30:00.000Z",
};

function baseAt(path: string): BoundBase {
  return { path, device: 1, inode: 1, bornMs: 1, id: "abcdef0123", vault: "/nowhere", home: "/nobody", isNew: false };
}

function statusAfter(events: readonly Event[], { runtime = RUNNING, nowMs = NOW_MS, path = temporaryFolder() } = {}) {
  const index = OrderIndex.empty(realFiles, "/nowhere");
  for (const one of chainOf(events)) index.apply(one);
  return statusOf({ files: realFiles, base: baseAt(path), index, runtime, nowMs });
}

function of(id: string, ...events: readonly Event[]): Event[] {
  return [accepted({ wo_id: id }), ...events.map((event) => ({ ...event, wo_id: id }))];
}

function nextOf(needs: readonly Need[]): string[] {
  return needs.map(({ next }) => next);
}

test("where all is well nobody is needed", () => {
  expect(statusAfter(of("WO-1", started, completed)).needs).toEqual([]);
});

test("needs stand in the order of their weight: daemon, pause, waiting, failed, refused files, files passed over", () => {
  const path = temporaryFolder();
  put(join(path, "bridge/error/CLC/bad.yaml"), "x");
  put(join(path, "bridge/inbox/CLC/do.sh"), "x");
  const problems = [{ code: "bad_id", message: "no id" }] as const;
  const events: Event[] = [
    note("do.sh"),
    { event: "wo_rejected", lane: "CLC", claim: "c", name: "bad.yaml", problems },
    ...of("WO-F", failed),
    ...of("WO-W", waiting),
    { event: "intake_paused", reason: "disk_full", message: "no room" },
  ];
  const { needs } = statusAfter(events, { path, runtime: { ...RUNNING, state: "stopped" } });
  expect(nextOf(needs)).toEqual([
    "wo daemon start",
    "free some space; it resumes by itself",
    "wo approve WO-W",
    "wo show WO-F",
    "wo check bridge/error/CLC/bad.yaml",
    "rename or remove bridge/inbox/CLC/do.sh",
  ]);
  expect(needs.every(({ since }) => since !== "")).toBe(true);
});

test.each<readonly [string, Partial<Runtime>, object]>([
  [
    "stopped",
    { state: "stopped" },
    { what: "no daemon runs: orders stay in the inbox", since: RUNNING.heartbeat, next: "wo daemon start" },
  ],
  [
    "refused",
    { state: "refused", reason: "the vault was set back", hint: "put the right vault back" },
    {
      what: "the daemon refuses to work: the vault was set back",
      since: RUNNING.since,
      next: "put the right vault back",
    },
  ],
])("a daemon that %s needs somebody", (_what, bend, need) => {
  expect(statusAfter([], { runtime: { ...RUNNING, ...bend } }).needs).toEqual([need]);
});

test("a base that never had a daemon says so", () => {
  const index = OrderIndex.empty(realFiles, "/nowhere");
  const status = statusOf({ files: realFiles, base: baseAt("/x"), index, runtime: undefined, nowMs: NOW_MS });
  expect(status.needs).toEqual([
    { what: "no daemon runs: orders stay in the inbox", since: "", next: "wo daemon start" },
  ]);
});

test("an order in prose is to be looked at, one that could run is to be approved", () => {
  const prose = accepted({ wo_id: "WO-P", file_actions: 0, commands: 0 });
  const { needs } = statusAfter([prose, { ...waiting, wo_id: "WO-P" }, ...of("WO-W", waiting)]);
  expect(nextOf(needs)).toEqual(["wo show WO-P", "wo approve WO-W"]);
  expect(needs[1]?.what).toBe("WO-W waits (backlog): it is old");
});

test("an order that waits for its lane is to be given one, prose or not", () => {
  const noRoute = { ...waiting, reason: "no_route" } as const;
  const prose = accepted({ wo_id: "WO-P", file_actions: 0, commands: 0 });
  const { needs } = statusAfter([prose, { ...noRoute, wo_id: "WO-P" }, ...of("WO-W", noRoute)]);
  expect(nextOf(needs)).toEqual(["wo approve WO-P --lane LANE", "wo approve WO-W --lane LANE"]);
});

test.each([
  [DAY_MS - 1, 1],
  [DAY_MS, 0],
])("an order that failed %i ms ago needs somebody %i times", (agoMs, count) => {
  const failedMs = Date.UTC(2026, 0, 5, 0, 0, 2);
  expect(statusAfter(of("WO-F", failed), { nowMs: failedMs + agoMs }).needs).toHaveLength(count);
});

test("a refused file that somebody has taken away needs nobody any more", () => {
  const problems = [{ code: "bad_id", message: "no id" }] as const;
  const events: Event[] = [
    { event: "wo_rejected", lane: "CLC", claim: "c", name: "bad.yaml", problems },
    note("do.sh"),
  ];
  expect(statusAfter(events).needs).toEqual([]);
});

test("twenty needs are shown, the newest orders that failed first", () => {
  const { needs } = statusAfter(Array.from({ length: 30 }, (_, at) => of(`WO-${at}`, failed)).flat());
  expect(needs).toHaveLength(20);
  expect(needs[0]?.next).toBe("wo show WO-29");
});

test("fifteen orders are shown: what is open first, the last changed before others, then what came to rest", () => {
  const many = Array.from({ length: 20 }, (_, at) => of(`WO-${at}`, started, completed)).flat();
  const { orders, counts } = statusAfter([...of("WO-A"), ...of("WO-B"), ...many]);
  expect(orders).toHaveLength(15);
  expect(orders.slice(0, 3).map(({ id }) => id)).toEqual(["WO-B", "WO-A", "WO-19"]);
  expect(counts).toMatchObject({ pending: 2, done: 20 });
});

function liveStatus({ files, base, books, clock, ...kit }: PartsKit) {
  const live = { books, ...kit };
  return statusOf({ files, base, index: books.index, runtime: RUNNING, nowMs: clock.now(), live });
}

test("in a running daemon every worker is told of by the name that people search for, with its last sign", async () => {
  const kit = await assembledParts();
  await kit.books.append([accepted()]);
  await turn();
  expect(liveStatus(kit).workers).toMatchObject([
    { name: "json_wo_processor", doing: "watching 0 lanes", lastSign: kit.books.index.get("WO-1")?.acceptedTs },
    { name: "apply_patch_processor", doing: "idle", waiting: 0, lastSign: "" },
    { name: "wo_executor", doing: "idle", waiting: 0 },
    { name: "followup_tracker", doing: "writing views" },
    { name: "wo_pipeline_guardrail" },
  ]);
});

test("lanes are shown as they are spelled on disk, with the mode in effect", async () => {
  const kit = await assembledParts("lanes: {clc: {mode: hold}}\n");
  kit.parts.intake.scan();
  expect(liveStatus(kit)).toMatchObject({
    lanes: [{ name: "CLC", mode: "hold", waiting: 0, running: 0 }],
    workers: [{ doing: "watching 1 lanes" }, {}, {}, {}, {}],
    ledgerSeq: 1,
  });
  expect(liveStatus(kit).vaultBytes).toBeGreaterThan(100);
});

test("a configuration that is broken, and a lane that anybody may write to, need somebody", async () => {
  const kit = await assembledParts("version: 1\nlanes: [\n");
  chmodSync(join(kit.base.path, "bridge/inbox/CLC"), 0o777);
  kit.parts.intake.scan();
  const { needs } = liveStatus(kit);
  expect(nextOf(needs)).toEqual(["mend the file", "mend its owner or mode"]);
  expect(needs[0]?.what).toMatch(/^wo-bridge\.yaml:\d+:\d+ .*the last accepted one is in effect$/s);
});

test("a configuration that asks for more than was accepted needs somebody", async () => {
  const kit = await assembledParts("lanes: {CLC: {mode: hold}}\n");
  await kit.settings.accept("me");
  await turn();
  put(kit.settings.path, "lanes: {CLC: {mode: execute}}\n");
  await kit.settings.reload();
  expect(liveStatus(kit).needs).toMatchObject([
    {
      what: "the configuration asks for more than was accepted: lanes.CLC.mode: hold → execute",
      next: "wo config accept",
    },
  ]);
});

test("an intake that pauses says so in the place of what it would do", async () => {
  const kit = await assembledParts();
  void kit.parts.pressure.relieved(new BridgeError("DISK_FULL", "no room"));
  expect(liveStatus(kit).workers[0]?.doing).toBe("paused: no room on the disk");
});
