/** What people and scripts get from `wo`: answers, one JSON document, exit codes, and the next command after a failure. */
import { mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import {
  BROKEN,
  documentOf,
  failureOf,
  filing,
  jsonLines,
  LongCommand,
  lastLine,
  linesTold,
  orderFile,
  running,
  told,
  valueIn,
  workingWorld,
  workOf,
} from "../support/line-kit.ts";
import { treeOf } from "../support/temporary-folder.ts";
import { type CommandEnd, MAIN, until, World } from "../support/world.ts";

/** A daemon with one order done, one failed, one waiting. */
async function livelyWorld(): Promise<World> {
  const world = await workingWorld("lanes:\n  HELD: {mode: hold}\n");
  world.drop("CLC", "done.json", filing("WO-DONE"));
  world.drop("CLC", "failed.json", running("WO-FAILED", "exit 3"));
  world.drop("HELD", "held.json", filing("WO-HELD"));
  await failureOf(world, "WO-FAILED");
  await told(world, "WO-FAILED", "wo_settled");
  await told(world, "WO-DONE", "wo_settled");
  await world.reaches("WO-HELD", "waiting");
  return world;
}

interface Call {
  readonly words: readonly string[];
  readonly code: number;
  /** In what people read. */
  readonly text: RegExp;
  readonly kind: string;
  readonly data: unknown;
}

const call = (...[line, code, text, kind, data]: readonly [string, number, RegExp, string, unknown]): Call => ({
  words: line.split(" "),
  code,
  text,
  kind,
  data,
});
const some = (fields: object): unknown => expect.objectContaining(fields);

const READING = [
  call(
    "status",
    0,
    /^Needs you/,
    "status",
    some({ needs: expect.any(Array), workers: expect.any(Array), counts: some({ done: 1, failed: 1, waiting: 1 }) }),
  ),
  call("show WO-DONE", 0, /✓ done .*lane CLC/, "order", some({ id: "WO-DONE", status: "done", lane: "CLC" })),
  call(
    "show wo-failed",
    0,
    /✗ failed[\s\S]*exit 3[\s\S]*wo retry WO-FAILED/,
    "order",
    some({ id: "WO-FAILED", status: "failed" }),
  ),
  call("wait WO-DONE", 0, /✓ done/, "wait", some({ id: "WO-DONE", status: "done" })),
  call("wait WO-FAILED", 1, /✗ failed/, "wait", some({ id: "WO-FAILED", status: "failed" })),
  call("wait WO-HELD --timeout 100ms", 7, /WO-HELD is waiting after 100 ms/, "wait", {
    id: "WO-HELD",
    timedOut: true,
    status: "waiting",
  }),
  call(
    "daemon status",
    0,
    /daemon running {4}pid \d+/,
    "daemon",
    some({ v: 1, state: "running", pid: expect.any(Number) }),
  ),
  call("daemon start", 0, /daemon up already/, "daemon", some({ state: "running" })),
  call("ledger verify", 0, /the chain is intact/, "ledger", some({ findings: [], sound: true })),
  call("ledger repair", 0, /nothing to repair/, "repair", { needed: false, applied: false }),
  call("config accept", 0, /was accepted already/, "config", { changed: false, problems: [] }),
  call("rebuild", 0, /every view is written again: 3 state files, 2 results/, "rebuild", { states: 3, results: 2 }),
  call(
    "canary",
    0,
    /the line is open[\s\S]*wo_completed/,
    "canary",
    some({ passed: true, problems: [], totalMs: expect.any(Number) }),
  ),
] as const;

test("verbs that read answer people with text, scripts with one document, and both with the same exit code", async () => {
  const world = await livelyWorld();
  for (const { words, code, text, kind, data } of READING) {
    const [forPeople, forScripts] = await Promise.all([world.wo(...words), world.wo(...words, "--json")]);
    const label = words.join(" ");
    expect({ label, code: forPeople.code, text: forPeople.stdout }).toEqual({
      label,
      code,
      text: expect.stringMatching(text),
    });
    expect({ label, code: forScripts.code, data: documentOf(forScripts, kind) }).toEqual({ label, code, data });
  }
});

const DECIDING = [
  call("approve WO-HELD", 0, /✓ WO-HELD: approved\nnext: wo wait WO-HELD/, "approve", [
    some({ id: "WO-HELD", ok: true, exit: 0 }),
  ]),
  call("approve WO-HELD", 5, /does not wait/, "approve", [some({ id: "WO-HELD", ok: false, exit: 5 })]),
  call("retry WO-FAILED", 0, /will be tried again/, "retry", [some({ id: "WO-FAILED", ok: true })]),
  call("retry WO-DONE", 5, /only what failed/, "retry", [some({ id: "WO-DONE", ok: false, exit: 5 })]),
  call("cancel WO-DONE", 5, /at rest already: done\nnext: wo show WO-DONE/, "cancel", [
    some({ ok: false, next: "wo show WO-DONE" }),
  ]),
  call("cancel WO-NOBODY", 2, /no order has this id\nnext: wo status/, "cancel", [
    some({ ok: false, exit: 2, next: "wo status" }),
  ]),
] as const;

test.each(["text", "json"])(
  "verbs that decide answer order by order and end with the first refusal's code, as %s",
  async (how) => {
    const world = await livelyWorld();
    for (const { words, code, text, kind, data } of DECIDING) {
      const end = await world.wo(...words, ...(how === "json" ? ["--json"] : []));
      const label = words.join(" ");
      const given =
        how === "json"
          ? { label, code: end.code, data: documentOf(end, kind) }
          : { label, code: end.code, data: end.stdout };
      expect(given).toEqual({ label, code, data: how === "json" ? data : expect.stringMatching(text) });
      if (words[0] === "approve") await world.reaches("WO-HELD", "done");
    }
  },
);

test("status opens with what needs a person and what to type, then shows the five workers", async () => {
  const world = await livelyWorld();
  const { stdout } = await world.wo("status");
  const [needs = "", headline = "", workers = "", orders = ""] = stdout.split("\n\n");
  expect(needs).toMatch(
    /^Needs you \(2\)\n[^\n]*WO-HELD[^\n]*\n +wo approve WO-HELD\n[^\n]*WO-FAILED[^\n]*\n +wo show WO-FAILED$/,
  );
  expect(headline).toMatch(/^daemon up since .* 0 running · 0 pending · 1 waiting · 1 done · 1 failed$/);
  const names = workers
    .split("\n")
    .slice(1)
    .map((line) => line.split(" ", 1)[0]);
  expect(names).toEqual([
    "json_wo_processor",
    "apply_patch_processor",
    "wo_executor",
    "followup_tracker",
    "wo_pipeline_guardrail",
  ]);
  expect(workers.split("\n").slice(1)).toEqual(
    names.map(() => expect.stringMatching(/ \d+ .*(?:\d+ s ago|no sign yet)$/)),
  );
  expect(orders).toMatch(/WO-DONE +✓ done/);
});

test("the log tells every event of one order, of the last while, or the newest of all", async () => {
  const world = await livelyWorld();
  const events = jsonLines((await world.wo("log", "WO-DONE", "--json")).stdout).map(({ event }) => event);
  expect(events).toEqual(["wo_accepted", "wo_started", "patch_planned", "patch_applied", "wo_completed", "wo_settled"]);
  expect((await world.wo("log", "WO-FAILED")).stdout).toMatch(/wo_failed +WO-FAILED +command_failed: .*exit 3/);
  expect((await world.wo("log", "--since", "2099-01-01")).stdout).toBe("");
  const newest = jsonLines((await world.wo("ledger", "show", "--lines", "3", "--json")).stdout);
  expect(newest.map(({ seq }) => seq)).toEqual([0, 1, 2].map((index) => Number(newest[0]?.["seq"]) + index));
  expect(jsonLines((await world.wo("log", "--since", "1h", "--json")).stdout)[0]).toMatchObject({ seq: 1 });
});

test("log --follow prints what comes as JSON Lines until it is interrupted, then ends with 0", async () => {
  const world = await workingWorld();
  const log = new LongCommand(world, "log", "--follow", "--json");
  await until(() => log.text.includes("daemon_started"), 10_000, "it tells what was");
  world.drop("CLC", "one.json", filing("WO-1"));
  await until(() => log.text.includes("wo_settled"), 10_000, "it tells what comes");
  const seqs = jsonLines(log.text).map(({ seq }) => seq);
  expect(seqs).toEqual(Array.from({ length: seqs.length }, (_, index) => index + 1));
  expect(await log.interrupt()).toBe(0);
});

test("submit --watch follows the order to its rest: JSON Lines for scripts, its end as exit code", async () => {
  const world = await workingWorld();
  const good = await world.wo("submit", orderFile(world, "good.json", running("WO-1", "true")), "--watch", "--json");
  expect([good.code, jsonLines(good.stdout).at(-1)]).toEqual([0, some({ id: "WO-1", status: "done" })]);
  const bad = await world.wo("submit", orderFile(world, "bad.json", running("WO-2", "exit 9")), "--watch");
  expect([bad.code, bad.stdout]).toEqual([
    1,
    expect.stringMatching(/WO-2[\s\S]*exit 9[\s\S]*next: wo log WO-2 {4}wo retry WO-2/),
  ]);
});

test.each([
  [
    "what would be done",
    filing("WO-1", "new.txt"),
    0,
    /\+ new\.txt {2}0 → 5 bytes[\s\S]*it would run\nNothing was written/,
  ],
  [
    "each changed line and each command",
    { wo_id: "WO-1", files: { "a.sh": "one\ntwo\n" }, steps: [{ name: "build", run: "make\nmake test" }] },
    0,
    /\+ a\.sh .*\n {6}@@ -0,0 \+1,2 @@\n {6}\+one\n {6}\+two\n {2}\$ build\n {6}make\n {6}make test\n/,
  ],
  [
    "what could not be done",
    { wo_id: "WO-1", files: [{ path: "none.txt", delete: true }] },
    1,
    /conflict: none\.txt does not exist/,
  ],
  ["what would be refused", filing("WO-1", "../../x"), 5, /leads out of the base/],
])("submit --dry-run says %s and writes nothing", async (_what, order, code, text) => {
  const world = await World.make();
  const path = orderFile(world, "order.json", order);
  const before = treeOf(world.root);
  expect(await world.wo("submit", path, "--dry-run")).toMatchObject({ code, stdout: expect.stringMatching(text) });
  expect(documentOf(await world.wo("submit", path, "-n", "--json"), "dry-run")).toMatchObject({
    wo_id: "WO-1",
    lane: "CLC",
  });
  expect(treeOf(world.root)).toEqual(before);
});

test("submit without a daemon files the order and says what to start; with --watch it ends with 3", async () => {
  const world = await World.make();
  const path = orderFile(world, "order.json", filing("WO-1"));
  const filed = await world.wo("submit", path);
  expect([filed.code, lastLine(filed)]).toEqual([0, "next: wo daemon start"]);
  expect(world.read("bridge/inbox/CLC/order.json")).toBe(JSON.stringify(filing("WO-1")));
  expect((await world.wo("submit", path, "--watch")).code).toBe(3);
  const refused = await world.wo("submit", orderFile(world, "bad.yaml", BROKEN), "--json");
  expect([refused.code, documentOf(refused, "submit")]).toEqual([
    2,
    some({ filed: false, problems: expect.any(Array) }),
  ]);
  expect(world.list("bridge/inbox/CLC").filter((name) => name.startsWith("bad"))).toEqual([]);
});

test("submit does not file what the lane would refuse, and says all that it has against it", async () => {
  const world = await World.make({ config: "lanes: {FILES: {mode: files-only}}\n" });
  const path = orderFile(world, "push.json", running("WO-1", "ls"));
  const refused = await world.wo("submit", path, "--lane", "FILES");
  expect([refused.code, lastLine(refused)]).toEqual([5, `next: wo check ${path} --lane FILES`]);
  expect(refused.stderr).toContain("[lane_refuses_commands]");
  expect(world.list("bridge/inbox/FILES")).toEqual([]);
  expect((await world.wo("submit", path, "--lane", "CLC")).code).toBe(0);
});

test("a canary that does not come through ends with 1 and names what was not seen", async () => {
  const world = await workingWorld("lanes:\n  HELD: {mode: hold}\n");
  const end = await world.wo("canary", "--lane", "HELD", "--timeout", "2s");
  expect(end).toMatchObject({
    code: 1,
    stdout: expect.stringMatching(/not open[\s\S]*did not come to rest in time[\s\S]*next: wo show WO-CANARY-/),
  });
  const told = () => linesTold(world).find(({ event }) => event === "canary_failed");
  await until(() => told() !== undefined, 5000, "it is told");
  expect(told()).toMatchObject({ ok: false, message: expect.stringContaining("did not come to rest") });
  expect(Object.keys(workOf(world))).toEqual([]);
});

/** Commands that fail where no daemon runs: the last line is what to type next, or names it. */
const FAILURES = [
  ["frob", 2, "(try `wo --help`)"],
  ["wait", 2, "(try `wo --help`)"],
  ["log --lines many", 2, "(try `wo --help`)"],
  ["wait WO-1 --timeout soon", 2, "(try `wo --help`)"],
  ["show WO-NOBODY", 2, "wo status"],
  ["log WO-NOBODY", 2, "wo status"],
  ["approve WO-NOBODY", 2, "wo status"],
  ["canary", 3, "wo daemon start"],
  ["wait WO-1", 3, "wo daemon start"],
  ["daemon status", 3, "wo daemon start"],
  ["-C /no-such-folder status", 2, "LUKA_SOT"],
] as const;

test("a failure without a daemon has its own exit code and ends with what to type next", async () => {
  const world = await World.make();
  const seen: (readonly [string, number, string])[] = [];
  for (const [line] of FAILURES) {
    const end = await world.wo(...line.split(" "));
    seen.push([line, end.code, lastLine(end)]);
  }
  expect(seen).toEqual(FAILURES.map(([line, code, next]) => [line, code, expect.stringContaining(next)]));
});

test("what somebody else holds is busy, another vault is an integrity matter, an unknown base is refused", async () => {
  const world = await workingWorld();
  const other = join(world.home, "other");
  const env = (more: NodeJS.ProcessEnv) => ({ ...world.env, ...more });
  const run = (more: NodeJS.ProcessEnv, ...words: string[]): Promise<CommandEnd> =>
    world.run([process.execPath, MAIN, ...words], env(more));
  const held = await run({}, "daemon", "run");
  await world.killAll();
  const ends = [
    held,
    await run({ WO_VAULT: join(world.home, "vault-2") }, "daemon", "run"),
    await run({ HOME: other }, "show", "WO-1"),
    await run({ HOME: other }, "init", "--yes", "--vault", world.path("vault")),
  ];
  expect(ends.map(({ code }) => code)).toEqual([4, 6, 5, 5]);
  const next = ["wo daemon stop", "WO_VAULT", "wo init", "outside"].map((text) => expect.stringContaining(text));
  expect(ends.map(lastLine)).toEqual(next);
});

test("a daemon is started, looked at and stopped by name", async () => {
  const world = await World.make();
  onTestFinished(async () => void (await world.wo("daemon", "stop")));
  const started = documentOf(await world.wo("daemon", "start", "--json"), "daemon");
  expect(started).toMatchObject({ state: "running", base: world.base });
  const stopped = await world.wo("daemon", "stop");
  expect(stopped).toMatchObject({ code: 0, stdout: `✓ daemon stopped    pid ${String(valueIn(started, "pid"))}\n` });
  expect(documentOf(await world.wo("daemon", "status", "--json"), "daemon")).toMatchObject({ state: "stopped" });
  expect((await world.wo("daemon", "stop")).stdout).toBe("no daemon runs\n");
});

test("the first start of all has its log in the state folder, and follows nobody's link", async () => {
  const world = await World.make({ bare: true });
  onTestFinished(async () => void (await world.wo("daemon", "stop")));
  const [victim, shared] = [join(world.root, "victim"), join(world.root, "shared")];
  const state = join(world.home, ".local/state/wo-bridge");
  writeFileSync(victim, "mine\n");
  mkdirSync(shared);
  symlinkSync(victim, join(shared, "boot.log"));
  const start = () => world.run([process.execPath, MAIN, "daemon", "start"], { ...world.env, TMPDIR: shared });
  expect((await start()).code).toBe(0);
  expect([statSync(state).mode & 0o777, readFileSync(join(state, "boot.log"), "utf8")]).toEqual([
    0o700,
    expect.stringContaining("daemon up"),
  ]);
  await world.wo("daemon", "stop");
  rmSync(join(state, "boot.log"));
  symlinkSync(victim, join(state, "boot.log"));
  expect(await start()).toMatchObject({ code: 1, stderr: expect.stringMatching(/boot\.log: ELOOP/) });
  expect(readFileSync(victim, "utf8")).toBe("mine\n");
});

test("init shows what it will make, makes it, and makes nothing a second time", async () => {
  const world = await World.make({ bare: true });
  const planned = await world.wo("init", "--dry-run");
  expect(planned).toMatchObject({
    code: 0,
    stderr: expect.stringMatching(/\+ bridge\/inbox\/CLC\n[\s\S]*\+ wo-bridge\.yaml/),
  });
  expect(treeOf(world.base)).toEqual({});
  const done = documentOf(await world.wo("init", "--json"), "init");
  expect(done).toMatchObject({ base: world.base, vault: world.vault, held: 0 });
  const before = Object.keys(treeOf(world.base));
  world.write("wo-bridge.yaml", "version: 1\n");
  expect((await world.wo("init", "--yes")).stderr).not.toContain("Will create");
  expect(Object.keys(treeOf(world.base))).toEqual(before);
  expect(world.read("wo-bridge.yaml")).toBe("version: 1\n");
});
