/** `wo doctor` on bases that something is wrong with: it names that, and what to type. */
import {
  chmodSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { PATIENT } from "../support/doctor-kit.ts";
import { documentOf, filing, QUICK, running, valueIn } from "../support/line-kit.ts";
import { asRecord, World } from "../support/world.ts";

/** A machine that is busy with other tests takes longer. */
const LIMIT_MS = 20_000;

interface Seen {
  readonly code: number;
  /** "mark code: what was seen -> what to type". */
  readonly lines: readonly string[];
}

async function examined(world: World, env: NodeJS.ProcessEnv = {}): Promise<Seen> {
  const start = performance.now();
  const argv = [process.execPath, join(import.meta.dirname, "../../dist/bin/wo.js"), ...PATIENT, "--json"];
  const end = await world.run(argv, { ...world.env, ...env });
  expect(performance.now() - start).toBeLessThan(LIMIT_MS);
  const findings = valueIn(documentOf(end, "doctor"), "findings");
  if (!Array.isArray(findings)) throw new Error(end.stdout);
  const lines = findings.map((finding) => {
    const { mark, code, seen, next } = asRecord(finding);
    const line = `${String(mark)} ${String(code)}: ${String(seen)}`;
    return typeof next === "string" ? `${line} -> ${next}` : line;
  });
  return { code: end.code, lines };
}

function troubles({ lines }: Seen): readonly string[] {
  return lines.filter((line) => !/^(?:ok|not_here) /.test(line));
}

/** Those of the base: whether this machine makes sandboxes, and has room, is its own affair. */
function troublesOfBase(seen: Seen): readonly string[] {
  return troubles(seen).filter((line) => !/^\w+ (?:sandbox|room): /.test(line));
}

test("a base that nobody has attached: the cause is named, and what rests on it cannot be told", async () => {
  const world = await World.make({ bare: true });
  const seen = await examined(world);
  expect(seen.code).toBe(1);
  expect(troubles(seen)[0]).toMatch(/^error state: nothing was ever attached: .* -> wo init$/);
  expect(troubles(seen)[1]).toMatch(/^error base: .* is not attached -> run `wo init` here/);
  expect(seen.lines.filter((line) => line.startsWith("unknown "))).toHaveLength(13);
  const { stdout } = await world.wo("doctor");
  expect(stdout).toMatch(
    /^\? others +cannot tell: .* is not attached \(room, vault, clock, ledger, locks, config, daemon/m,
  );
  expect(stdout).toContain("2 errors, 13 that nobody can tell");
});

test("how long the last stop took is told, and warned of where it was nearly too long", async () => {
  const world = await World.make({ config: QUICK });
  await world.startDaemon();
  await world.wo("daemon", "stop");
  await world.startDaemon();
  expect((await examined(world)).lines.join("\n")).toMatch(/^ok daemon: up, .*, the last stop took \d\.\d s/m);
  await world.wo("daemon", "stop");
  const path = join(world.vault, "runtime.json");
  writeFileSync(path, JSON.stringify({ ...asRecord(JSON.parse(readFileSync(path, "utf8"))), lastStopMs: 24_000 }));
  await world.startDaemon();
  expect((await examined(world)).lines.join("\n")).toMatch(
    /^warning daemon: pid \d+ works, the last stop took 24\.0 s: after 25\.0 s it would have been killed -> wo log/m,
  );
});

test("without a home folder it says so, and ends", async () => {
  const world = await World.make({ bare: true });
  const seen = await examined(world, { HOME: "/does/not/exist" });
  expect([seen.code, troubles(seen)[0]]).toEqual([
    1,
    "error state: there is no home folder /does/not/exist -> set HOME to your own",
  ]);
});

test("all is well while the daemon works; what waits for a person is a warning, and no error", async () => {
  const world = await World.make({ config: `${QUICK}lanes: {HELD: {mode: hold}}\n` });
  world.write("bridge/inbox/HELD/.keep", "");
  await world.startDaemon();
  const well = await examined(world);
  expect([well.code, troublesOfBase(well)]).toEqual([0, []]);
  expect((await world.wo("doctor")).stdout).toMatch(
    /^(?:All is well\. \(\d+ checks had nothing to look at\)|\d+ warnings?; wo doctor --explain CODE .*)$/m,
  );
  world.drop("HELD", "held.json", filing("WO-HELD"));
  world.drop("CLC", "bad.json", running("WO-BAD", "exit 3"));
  world.write("bridge/inbox/CLC/tool.zsh", "echo\n");
  await world.reaches("WO-HELD", "waiting");
  await world.reaches("WO-BAD", "failed");
  const seen = await examined(world);
  expect(seen.code).toBe(0);
  expect(troublesOfBase(seen)).toEqual([
    expect.stringMatching(/^warning orders: WO-HELD .* -> wo approve WO-HELD$/),
    expect.stringMatching(/^warning orders: WO-BAD failed: .* -> wo show WO-BAD$/),
    expect.stringMatching(/^warning orders: CLC\/tool\.zsh is no order: .* -> rename or remove /),
  ]);
});

test("a daemon that was killed, that hangs, that refuses, that was stopped: each is told apart", async () => {
  const world = await World.make({ config: QUICK });
  const ofDaemon = async () => (await examined(world)).lines.filter((line) => / daemon: /.test(line));
  expect(await ofDaemon()).toEqual(["error daemon: no daemon has run here -> wo daemon start"]);
  const first = await world.startDaemon();
  first.kill("SIGSTOP");
  expect(await ofDaemon()).toEqual([
    `error daemon: pid ${first.pid} lives and does not answer -> kill -9 ${first.pid}`,
  ]);
  await world.kill(first);
  expect(await ofDaemon()).toEqual(["error daemon: no daemon runs: it ended without a word -> wo daemon start"]);
  // Its pid is another program's by now.
  const runtime = join(world.vault, "runtime.json");
  writeFileSync(runtime, readFileSync(runtime, "utf8").replace(/"pid": \d+/, `"pid": ${process.pid}`));
  expect(await ofDaemon()).toEqual([
    expect.stringMatching(
      new RegExp(
        `^error daemon: no daemon runs: it ended without a word; pid ${process.pid} is another program by now: .*node`,
      ),
    ),
  ]);
  writeFileSync(runtime, readFileSync(runtime, "utf8").replace(/"state": "\w+"/, '"state": "refused", "reason": "R"'));
  expect(await ofDaemon()).toEqual(["error daemon: it refuses to work: R -> wo daemon status"]);
  await world.kill(await world.startDaemon(), "SIGTERM");
  expect(await ofDaemon()).toEqual([
    expect.stringMatching(/^error daemon: no daemon runs: it was stopped.* -> wo daemon start$/),
  ]);
});

test("of one short question no daemon is called dead: it is asked again, for longer, before a kill is spoken of", async () => {
  const world = await World.make({ config: QUICK });
  (await world.startDaemon()).kill("SIGSTOP");
  const end = await world.wo("doctor", "--json");
  const findings = valueIn(documentOf(end, "doctor"), "findings");
  expect((Array.isArray(findings) ? findings : []).map(asRecord)).toContainEqual(
    expect.objectContaining({
      code: "daemon",
      mark: "unknown",
      next: expect.stringMatching(/^wo doctor --check daemon /),
    }),
  );
  expect(end.stdout).not.toContain("kill -9");
  expect((await world.wo("doctor", "--check", "daemon")).stdout).toMatch(
    /lives and does not answer\n {2}next: kill -9 \d+$/m,
  );
});

test("a state folder that is a link is looked at where it leads, and said to be one", async () => {
  const world = await World.make({ config: QUICK });
  const stateRoot = join(world.home, ".local/state/wo-bridge");
  const real = join(world.root, "elsewhere");
  renameSync(stateRoot, real);
  symlinkSync(real, stateRoot);
  await world.startDaemon();
  const well = await examined(world);
  expect([well.code, troublesOfBase(well)]).toEqual([0, []]);
  expect(well.lines).toContain(`ok state: ${real}, yours only (${stateRoot} is a link to it)`);
  chmodSync(real, 0o755);
  expect((await world.wo("doctor", "--apply", "state")).stdout).toContain(`✓ state: chmod 700 ${real}\n`);
  await world.killAll();
  renameSync(real, `${real}.away`);
  expect(troubles(await examined(world))[0]).toMatch(
    /^error state: .*wo-bridge is a link that leads nowhere -> ls -l /,
  );
});

test("many things that are wrong at a time are each named, with the command that mends it", async () => {
  const config = `${QUICK}lanes: {SAFE: {sandbox: required}}\n`;
  const world = await World.make({ config });
  world.write("bridge/inbox/SAFE/.keep", "");
  await world.kill(await world.startDaemon(), "SIGTERM");
  await world.run(["git", "-C", world.base, "init", "-q"]);
  const old = new Date(Date.now() - 3_600_000);
  for (const path of [".git/index.lock", "bridge/inbox/CLC/left.json"]) {
    world.write(path, "{}");
    utimesSync(world.path(path), old, old);
  }
  world.write("wo-bridge.yaml", `${config}policy: {roots: [/srv]}\n`);
  chmodSync(world.vault, 0o755);
  chmodSync(world.path("bridge/inbox/SAFE"), 0o777);
  rmSync(world.path(".wo-base"));
  const runtime = join(world.vault, "runtime.json");
  writeFileSync(runtime, readFileSync(runtime, "utf8").replace(/"heartbeat": "\d{4}/, '"heartbeat": "2999'));
  const seen = await examined(world, { PATH: "/nowhere" });
  expect(seen.code).toBe(1);
  const git = await examined(world);
  expect(troubles(seen).filter((line) => / git: /.test(line))).toEqual([
    "error git: git does not run: orders that came by git wait -> install git",
  ]);
  expect(troublesOfBase(git)).toEqual([
    expect.stringMatching(/^warning base: .* has lost its \.wo-base -> wo daemon start puts it back$/),
    expect.stringMatching(/^warning vault: others may look into the vault .* -> chmod 700 /),
    expect.stringMatching(/^error clock: .* the clock was set back -> /),
    expect.stringMatching(/^warning config: not accepted, and not in effect: .*\/srv.* -> wo config accept$/),
    expect.stringMatching(/^error daemon: no daemon runs/),
    expect.stringMatching(/^warning git: .*index\.lock is left -> rm .*index\.lock/),
    expect.stringMatching(/^error inbox: lane SAFE is not read: everybody may write to .* -> ls -ld /),
    expect.stringMatching(/^warning inbox: 1 files are not taken, the oldest is CLC\/left\.json -> wo status$/),
  ]);
  const sandbox = troubles(seen).filter((line) => / sandbox: /.test(line));
  // On macOS its program has a place of its own, whatever PATH says.
  const expected = [expect.stringMatching(/^error sandbox: SAFE: the lane requires a sandbox, and there is none/)];
  expect(sandbox).toEqual(process.platform === "linux" ? expected : []);
});

test("a damaged ledger, a vault behind telemetry, and a configuration that cannot be read", async () => {
  const world = await World.make({ config: QUICK });
  const daemon = await world.startDaemon();
  world.drop("CLC", "one.json", filing("WO-1"));
  await world.reaches("WO-1", "done");
  await world.kill(daemon, "SIGTERM");
  world.write("wo-bridge.yaml", "lanes: {CLC: {mode: exekute}}\n");
  const segment = join(world.vault, "ledger", readdirSync(join(world.vault, "ledger")).toSorted()[0] ?? "");
  const sound = readFileSync(segment);
  const telemetry = "g/telemetry/unified.jsonl";
  const told = world.telemetry().findLast(({ seq }) => seq !== undefined);
  world.write(telemetry, `${JSON.stringify({ ...told, seq: 999_999 })}\n`);
  expect(troublesOfBase(await examined(world))).toEqual([
    expect.stringMatching(
      /^error ledger: the vault .* was set back: telemetry tells of entry 999999, and the ledger ends at entry \d+ -> /,
    ),
    expect.stringMatching(
      /^error config: wo-bridge\.yaml:1:21 .*the last accepted one is in effect -> mend wo-bridge\.yaml$/,
    ),
    expect.stringMatching(/^error daemon: /),
  ]);
  rmSync(world.path(telemetry));
  const bent = Buffer.from(sound);
  bent[300] = (bent[300] ?? 0) ^ 1;
  writeFileSync(segment, bent);
  expect(troubles(await examined(world))).toContainEqual(
    expect.stringMatching(/^error ledger: entry 2 at byte \d+ of 000001\.jsonl: .* -> wo ledger repair/),
  );
  renameSync(world.vault, `${world.vault}-gone`);
  expect(troubles(await examined(world))).toContainEqual(
    expect.stringMatching(/^error vault: the vault .* is gone -> /),
  );
});

test("a check is explained by its code; an unknown code names those that there are", async () => {
  const world = await World.make({ bare: true });
  const known = await world.wo("doctor", "--explain", "ledger");
  expect([known.code, known.stdout]).toEqual([0, expect.stringMatching(/^ledger: The record itself/)]);
  const unknown = await world.wo("doctor", "--explain", "ledgr");
  expect([unknown.code, unknown.stderr]).toEqual([
    2,
    expect.stringContaining(
      "one of: runtime, state, base, room, vault, clock, ledger, locks, config, launchd, plists, tools, jobs, ends, daemon",
    ),
  ]);
});
