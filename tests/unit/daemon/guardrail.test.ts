/** What the guardrail notices, tells and puts back, and when; with a clock that passes by hand. */
import { existsSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { ComponentDesk } from "../../../src/daemon/component-desk.ts";
import { Guardrail } from "../../../src/daemon/guardrail.ts";
import { sha256 } from "../../../src/platform/ids.ts";
import { silentLog } from "../../../src/platform/log.ts";
import type { OnHint } from "../../../src/platform/watcher.ts";
import type { ComponentDrifted } from "../../../src/records/component-events.ts";
import { placeOf } from "../../../src/records/component-place.ts";
import type { Notice } from "../../../src/records/events.ts";
import { accepted, happened, planned } from "../../support/events.ts";
import { turn } from "../../support/hand-clock.ts";
import { House } from "../../support/house-kit.ts";
import { realFiles, seeChain } from "../../support/ledger-kit.ts";
import { put } from "../../support/temporary-folder.ts";

const HOUR_MS = 3_600_000;
const PATH = "tools/run.sh";
const AGENT = "~/Library/LaunchAgents/com.02luka.wo-bridge.plist";
const STEP_MS = 10_000;
const FOLDERS = ["bridge/inbox/CLC", "bridge/inbox/ENTRY", "g/followup/state"];

/** A guarded house: one accepted component, all that the daemon keeps by itself, and a guardrail that has begun. */
async function guarded(config = "", paths: readonly string[] = [PATH]) {
  let hint: OnHint = () => undefined;
  let watched: readonly string[] = [];
  const watchFolders = async (options: { readonly onHint: OnHint; readonly folders: readonly string[] }) => {
    hint = options.onHint;
    watched = options.folders;
    return { close: async () => void (watched = []) };
  };
  const house = await House.open(config, { system: { watchFolders }, isLedgerTimed: true });
  const { base, books, clock, ground, settings, files } = house.kit;
  if (config !== "") await settings.accept("me");
  for (const folder of FOLDERS) files.makeFolders(house.path(folder), 0o755);
  for (const path of paths) put(placeOf(base, path), "text\n");
  const desk = new ComponentDesk({ files, clock, books, base, settings });
  if (paths.length > 0) await desk.accept(paths, "me", "test");
  const notices: Notice[] = [];
  const told: string[] = [];
  const options = {
    ground,
    log: silentLog,
    base,
    books,
    settings,
    notice: (notice: Notice) => notices.push(notice),
    tell: ({ missing }: ComponentDrifted) => told.push(missing),
    onFatal: (error: unknown) => {
      throw error;
    },
  };
  const guardrail = new Guardrail(options);
  guardrail.begin();
  const idle = async () => {
    for (let turns = 0; turns < 20 || clock.sleeping === 0; turns += 1) await turn();
  };
  await idle();
  const pass = async (durationMs: number, stepMs = STEP_MS) => {
    for (let left = durationMs; left > 0; left -= stepMs) {
      await clock.pass(Math.min(stepMs, left));
      while (clock.sleeping === 0) await turn();
    }
    await idle();
  };
  /** Lets time pass until it holds. */
  const until = (holds: () => boolean, stepMs = 100) =>
    vi.waitUntil(() => pass(stepMs, stepMs).then(holds), { timeout: 5000, interval: 1 });
  const events = () =>
    seeChain(books.vault.ledger).entries.flatMap((entry) => {
      if (entry.event === "wo_pipeline_drift") return [`drift ${entry.missing} ${entry.reason}`];
      return entry.event === "wo_pipeline_healed" ? [`healed ${entry.path} ${entry.restored}`] : [];
    });
  const ring = (path = PATH) => hint(dirname(placeOf(base, path)), undefined);
  const isWatched = (folder: string) => watched.includes(folder);
  const heartbeats = () => notices.filter(({ event }) => event === "wo_pipeline_healthy");
  const path = placeOf(base, paths[0] ?? PATH);
  return { house, desk, guardrail, options, pass, events, ring, isWatched, heartbeats, told, until, path };
}

test("a day awake has 288 heartbeats", async () => {
  const { pass, heartbeats, events } = await guarded();
  await pass(24 * HOUR_MS - 1);
  expect([heartbeats().length, events()]).toEqual([288, []]);
  expect(heartbeats()[0]).toMatchObject({ components: 5 });
});

test("a machine that slept looks once, and says how long nobody did", async () => {
  const { pass, heartbeats, house, events } = await guarded();
  await pass(HOUR_MS);
  const before = heartbeats().length;
  house.kit.clock.setWall(house.kit.clock.now() + 8 * HOUR_MS);
  await pass(STEP_MS);
  expect(heartbeats().slice(before)).toMatchObject([{ gap_ms: expect.closeTo(8 * HOUR_MS, -7) }]);
  await pass(HOUR_MS);
  expect(
    heartbeats()
      .slice(before + 1)
      .map((notice) => "gap_ms" in notice),
  ).toEqual(Array.from({ length: 12 }, () => false));
  expect(events()).toEqual([]);
});

test("a clock that is set back raises no alarm", async () => {
  const { pass, house, events, heartbeats } = await guarded();
  house.kit.clock.setWall(house.kit.clock.now() - HOUR_MS);
  await pass(HOUR_MS);
  expect(events()).toEqual([]);
  expect(heartbeats().every((notice) => !("gap_ms" in notice))).toBe(true);
});

test.each([
  ["begins", Date.UTC(2026, 2, 28, 20)],
  ["ends", Date.UTC(2026, 9, 24, 20)],
])("the night in which summer time %s has its heartbeats, no gap and no alarm", async (_what, evening) => {
  vi.stubEnv("TZ", "Europe/Berlin");
  onTestFinished(() => void vi.unstubAllEnvs());
  expect(new Date(evening).getTimezoneOffset()).not.toBe(new Date(evening + 12 * HOUR_MS).getTimezoneOffset());
  const { pass, house, events, heartbeats } = await guarded();
  house.kit.clock.setWall(evening);
  await pass(HOUR_MS);
  const before = heartbeats().length;
  await pass(12 * HOUR_MS);
  const night = heartbeats().slice(before);
  expect([night.length, night.filter((notice) => "gap_ms" in notice), events()]).toEqual([144, [], []]);
});

test("a component that is renamed is told and put back within two seconds of the hint", async () => {
  const { until, ring, events, told, path, house } = await guarded();
  const startMs = house.kit.clock.elapsed();
  renameSync(path, `${path}.backup`);
  ring();
  await until(() => events().length > 0, 20);
  expect(house.kit.clock.elapsed() - startMs).toBeLessThan(1700);
  await until(() => events().length > 1);
  expect(events()).toEqual([`drift ${PATH} moved`, `healed ${PATH} true`]);
  expect([house.read(PATH), told]).toEqual(["text\n", [PATH]]);
  expect(house.read("logs/guardrail_alerts.log")).toMatch(
    /^\[[\dT:.-]+Z\] ALERT: moved: tools\/run\.sh: .*backup.*\n$/,
  );
});

test("a LaunchAgent that goes, with its folder too, is told and put back as soon, and its new folder is watched", async () => {
  const { until, ring, events, told, isWatched, path, house } = await guarded("", [AGENT]);
  const folder = dirname(path);
  expect([isWatched(folder), isWatched(dirname(folder)), isWatched(house.kit.base.home)]).toEqual([true, false, false]);
  for (const gone of [path, folder]) {
    const [startMs, before] = [house.kit.clock.elapsed(), events().length];
    rmSync(gone, { recursive: true });
    ring(AGENT);
    await until(() => events().length === before + 2, 20);
    expect(house.kit.clock.elapsed() - startMs).toBeLessThan(1700);
    expect(events().slice(-2)).toEqual([`drift ${AGENT} missing`, `healed ${AGENT} true`]);
    expect(readFileSync(path, "utf8")).toBe("text\n");
  }
  expect(told).toEqual([AGENT, AGENT]);
  expect(house.read("logs/guardrail_alerts.log")).toContain(`ALERT: missing: ${AGENT}: `);
  const healedMs = house.kit.clock.elapsed();
  await until(() => isWatched(folder), 100);
  expect(house.kit.clock.elapsed() - healedMs).toBeLessThan(1000);
});

test("a folder that goes before anybody watches it is missed as soon", async () => {
  const { until, events, desk, house } = await guarded("", []);
  const path = put(placeOf(house.kit.base, AGENT), "text\n");
  await desk.accept([AGENT], "me", "test");
  rmSync(dirname(path), { recursive: true });
  const startMs = house.kit.clock.elapsed();
  await until(() => events().length === 2, 20);
  expect(house.kit.clock.elapsed() - startMs).toBeLessThan(2000);
});

test("a link in the place of a LaunchAgent is told and stays: launchd loads none at login", async () => {
  const { pass, ring, events, path } = await guarded("", [AGENT]);
  renameSync(path, `${path}.away`);
  symlinkSync(`${path}.away`, path);
  ring(AGENT);
  await pass(600_000);
  expect(events()).toEqual([`drift ${AGENT} symlink`]);
  expect(existsSync(path)).toBe(true);
});

test("a LaunchAgent that an order on its way writes is neither told nor touched", async () => {
  const { pass, ring, events, path, house } = await guarded("", [AGENT]);
  const place = { root: house.kit.base.home, path: AGENT.slice(2) };
  const files = planned().files.map((file) => ({ ...file, ...place }));
  await house.kit.books.append([accepted(), happened.started, planned({ files })]);
  rmSync(path);
  ring(AGENT);
  await pass(600_000);
  expect([events(), existsSync(path)]).toEqual([[], false]);
});

test("while the base is away nothing is put back in the home either", async () => {
  const { pass, until, ring, events, path, house } = await guarded("", [AGENT]);
  house.kit.files.standOn(house.kit.base.path, ".wo-base");
  const away = `${house.kit.base.path}.away`;
  renameSync(house.kit.base.path, away);
  rmSync(path);
  ring(AGENT);
  await pass(60_000);
  expect([events(), existsSync(path)]).toEqual([[], false]);
  renameSync(away, house.kit.base.path);
  await until(() => existsSync(path), STEP_MS);
});

test("without a LaunchAgent among the components nothing of the home is looked at or missed", async () => {
  const { pass, events, isWatched, heartbeats, house } = await guarded();
  await pass(600_000);
  const agents = dirname(placeOf(house.kit.base, AGENT));
  expect([events(), isWatched(agents), existsSync(agents)]).toEqual([[], false, false]);
  expect(heartbeats()[0]).toMatchObject({ components: 5 });
});

test("without any hint it is noticed within a period, and no heartbeat comes before it is back", async () => {
  const { pass, until, events, path, heartbeats } = await guarded();
  await pass(STEP_MS);
  const before = heartbeats().length;
  rmSync(path);
  await pass(285_000);
  expect(events()).toEqual([]);
  expect(heartbeats().length).toBe(before);
  await until(() => events().length === 2, 1000);
  expect(events()).toEqual([`drift ${PATH} missing`, `healed ${PATH} true`]);
  await until(() => heartbeats().length === before + 1, 1000);
});

test("what is away for a moment, as when an editor saves, is no drift", async () => {
  const { pass, ring, events, path } = await guarded();
  rmSync(path);
  ring();
  await pass(1400, 100);
  writeFileSync(path, "text\n");
  ring();
  await pass(600_000);
  expect(events()).toEqual([]);
});

test("what holds something else is told once, once more after a day, and never touched", async () => {
  const { pass, ring, events, path, house } = await guarded();
  writeFileSync(path, "other\n");
  ring();
  await pass(23 * HOUR_MS);
  expect(events()).toEqual([`drift ${PATH} content_changed`]);
  await pass(2 * HOUR_MS);
  expect(events()).toHaveLength(2);
  expect(house.read(PATH)).toBe("other\n");
  writeFileSync(path, "text\n");
  ring();
  await pass(1000, 100);
  expect(events().at(-1)).toBe(`healed ${PATH} false`);
}, 60_000);

test("with heal: all it is put back, and what was there is in the ledger", async () => {
  const { until, ring, events, path, house } = await guarded("guardrail: {heal: all}\n");
  writeFileSync(path, "other\n");
  ring();
  await until(() => events().length === 2);
  expect(house.read(PATH)).toBe("text\n");
  const healed = seeChain(house.kit.books.vault.ledger).entries.find(({ event }) => event === "wo_pipeline_healed");
  expect(healed).toMatchObject({ path: PATH, restored: true, replaced: { text: "other\n" } });
});

test("with heal: off it is told and left", async () => {
  const { pass, ring, events, path } = await guarded("guardrail: {heal: off}\n");
  rmSync(path);
  ring();
  await pass(HOUR_MS);
  expect([events(), existsSync(path)]).toEqual([[`drift ${PATH} missing`], false]);
});

test("what goes again and again is put back three times within an hour, and then left to a person", async () => {
  const { pass, until, ring, events, path, house } = await guarded();
  for (let round = 1; round <= 4; round += 1) {
    rmSync(path);
    ring();
    await until(() => events().length === Math.min(2 * round, 7));
  }
  expect(events().filter((event) => event.startsWith("healed"))).toHaveLength(3);
  expect(existsSync(path)).toBe(false);
  expect(house.kit.books.index.facts.components?.drifts[PATH]?.message).toContain(
    "put back 3 times within an hour, and is left alone now",
  );
  await pass(HOUR_MS);
  await until(() => existsSync(path), STEP_MS);
});

test("what cannot be put back is told with the reason, once, however often it is tried", async () => {
  const { pass, ring, events, path, house } = await guarded();
  rmSync(dirname(path), { recursive: true });
  put(house.path("tools"), "a file in the folder's place");
  ring("tools/x");
  await pass(HOUR_MS);
  expect(events()).toEqual([`drift ${PATH} missing`, `drift ${PATH} missing`]);
  expect(house.kit.books.index.facts.components?.drifts[PATH]?.message).toContain("it cannot be put back: ");
});

test("a file of an order on its way is neither told nor touched", async () => {
  const { pass, until, ring, events, path, house } = await guarded();
  const files = planned().files.map((file) => ({ ...file, path: PATH }));
  await house.kit.books.append([accepted(), happened.started, planned({ files })]);
  rmSync(path);
  ring();
  await pass(600_000);
  expect([events(), existsSync(path)]).toEqual([[], false]);
  await house.kit.books.append([happened.failed]);
  await until(() => events().length === 2, STEP_MS);
  expect(existsSync(path)).toBe(true);
});

test("while git is at work nothing is put back, and told only when that lasts", async () => {
  const { pass, until, ring, events, path, house } = await guarded();
  const lock = put(house.path(".git/index.lock"), "");
  rmSync(path);
  ring();
  await pass(50_000, 1000);
  expect([events(), existsSync(path)]).toEqual([[], false]);
  await pass(20_000, 1000);
  expect([events(), existsSync(path)]).toEqual([[`drift ${PATH} missing`], false]);
  rmSync(lock);
  await until(() => events().length === 2, 500);
  expect([events().at(-1), existsSync(path)]).toEqual([`healed ${PATH} true`, true]);
});

test("what the configuration names and nobody has accepted is told: nobody knows what it has to be", async () => {
  const { pass, events, heartbeats, desk, house } = await guarded("guardrail: {components: [tools/*.sh, a.txt]}\n");
  await pass(300_000);
  expect([events(), heartbeats()]).toEqual([["drift a.txt not_accepted"], []]);
  put(house.path("a.txt"), "a");
  expect(await desk.accept([], "me", "")).toMatchObject({ accepted: ["a.txt"], unchanged: 1 });
  await pass(600_000);
  expect(events().at(-1)).toBe("healed a.txt false");
  expect(heartbeats().length).toBeGreaterThan(0);
});

test("where nothing at all is guarded nothing is called healthy", async () => {
  const { pass, events, heartbeats } = await guarded("guardrail: {components: []}\n", []);
  await pass(600_000);
  expect([events(), heartbeats()]).toEqual([["drift guardrail.components nothing_guarded"], []]);
});

test("a folder of the daemon's own that stays away is told, and well again when it is back", async () => {
  const { pass, events, house } = await guarded();
  rmSync(house.path("bridge/inbox/ENTRY"), { recursive: true });
  await pass(20_000);
  expect(events()).toEqual(["drift bridge/inbox/ENTRY missing"]);
  house.kit.files.makeFolders(house.path("bridge/inbox/ENTRY"), 0o755);
  await pass(20_000);
  expect(events().at(-1)).toBe("healed bridge/inbox/ENTRY false");
});

test("what was unfinished when the last daemon died is gone when this one has begun", async () => {
  const { guardrail, options, house } = await guarded();
  await guardrail.end();
  const leftover = `.wo-heal-${sha256(PATH).slice(0, 20)}.tmp`;
  put(house.path(`tools/${leftover}`), "half");
  const next = new Guardrail(options);
  next.begin();
  await turn();
  await next.end();
  expect(realFiles.list(house.path("tools"))?.map(({ name }) => name)).toEqual(["run.sh"]);
});
