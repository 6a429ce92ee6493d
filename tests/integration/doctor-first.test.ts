/** `wo doctor` on a base that one thing is wrong with: its first line names that thing, soon, and not what follows from it. */
import {
  chmodSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { firstLine, PATIENT } from "../support/doctor-kit.ts";
import { fillDisk } from "../support/fill-disk.ts";
import { filing, QUICK } from "../support/line-kit.ts";
import { NO_SMALL_DISK, put, smallDisk } from "../support/temporary-folder.ts";
import { MAIN, ROOT, World } from "../support/world.ts";

/** What is planted; the environment that the doctor is asked in. */
type Plant = (world: World) => Promise<NodeJS.ProcessEnv | undefined>;

const runtimeOf = (world: World) => join(world.vault, "runtime.json");
const bend = (path: string, from: RegExp, to: string) =>
  writeFileSync(path, readFileSync(path, "utf8").replace(from, to));
const hourOld = (path: string) => utimesSync(path, Date.now() / 1000 - 3600, Date.now() / 1000 - 3600);

const deadDaemonWhosePidIsAnothers: Plant = async (world) => {
  await world.kill(await world.startDaemon());
  bend(runtimeOf(world), /"pid": \d+/, `"pid": ${process.pid}`);
  return undefined;
};

const stoppedDaemon: Plant = async (world) => {
  (await world.startDaemon()).kill("SIGSTOP");
  return undefined;
};

/** The same program, as another version has it. */
const daemonOfAnotherVersion: Plant = async (world) => {
  const app = join(world.root, "app");
  for (const part of ["dist", "schema"]) cpSync(join(ROOT, part), join(app, part), { recursive: true });
  symlinkSync(join(ROOT, "node_modules"), join(app, "node_modules"));
  put(
    join(app, "package.json"),
    readFileSync(join(ROOT, "package.json"), "utf8").replace(/"version": "[^"]+"/, '"version": "9.9.9"'),
  );
  await world.startDaemon({ entry: [join(app, "dist/bin/wo.js"), "daemon", "run"] });
  return undefined;
};

const clockSetBack: Plant = async (world) => {
  await world.kill(await world.startDaemon());
  bend(runtimeOf(world), /"heartbeat": "\d{4}/, '"heartbeat": "2999');
  return undefined;
};

const brokenConfig: Plant = async (world) => {
  await world.startDaemon();
  world.write("wo-bridge.yaml", "lanes: {CLC: {mode: exekute}}\n");
  return undefined;
};

const damagedLedger: Plant = async (world) => {
  const daemon = await world.startDaemon();
  world.drop("CLC", "one.json", filing("WO-1"));
  await world.reaches("WO-1", "done");
  await world.kill(daemon);
  const [segment = ""] = readdirSync(join(world.vault, "ledger")).toSorted();
  const path = join(world.vault, "ledger", segment);
  const bent = Buffer.from(readFileSync(path));
  bent[300] = (bent[300] ?? 0) ^ 1;
  writeFileSync(path, bent);
  return undefined;
};

const baseAway: Plant = async (world) => {
  await world.kill(await world.startDaemon());
  renameSync(world.base, `${world.base}-away`);
  return undefined;
};

const vaultGone: Plant = async (world) => {
  await world.kill(await world.startDaemon());
  renameSync(world.vault, `${world.vault}-gone`);
  return undefined;
};

const secondCopy: Plant = async (world) => {
  await world.startDaemon();
  cpSync(world.base, join(world.home, "copy"), { recursive: true });
  return { ...world.env, LUKA_SOT: join(world.home, "copy") };
};

/** Its vault is in another home: the base's own lock keeps the two apart. */
const daemonOfAnotherHome: Plant = async (world) => {
  const env = { ...world.env, HOME: join(world.root, "other-home") };
  mkdirSync(env.HOME, { recursive: true });
  const end = await world.run([process.execPath, MAIN, "init", "--yes"], env);
  expect(end.code).toBe(0);
  await world.startDaemon();
  return env;
};

const laneThatIsNotRead: Plant = async (world) => {
  await world.startDaemon();
  world.write("bridge/inbox/CLC/stuck.json.part", "{}");
  chmodSync(world.path("bridge/inbox/CLC"), 0o777);
  writeFileSync(world.path("bridge/inbox/CLC/stuck.json"), "{}");
  hourOld(world.path("bridge/inbox/CLC/stuck.json"));
  return undefined;
};

/** git and a shell, and nothing else. */
const noSandbox: Plant = async (world) => {
  world.write("wo-bridge.yaml", `${QUICK}lanes: {SAFE: {sandbox: required}}\n`);
  await world.startDaemon();
  await world.wo("config", "accept");
  const folder = join(world.root, "bin");
  mkdirSync(folder);
  for (const name of ["git", "sh"]) symlinkSync(join("/usr/bin", name), join(folder, name));
  return { ...world.env, PATH: folder };
};

const lockOfGit: Plant = async (world) => {
  await world.startDaemon();
  await world.run(["git", "-C", world.base, "init", "-q"]);
  world.write(".git/index.lock", "");
  hourOld(world.path(".git/index.lock"));
  return undefined;
};

const failedCanary: Plant = async (world) => {
  await world.startDaemon();
  await world.ask({
    call: "canary",
    wo_id: "WO-CANARY-X",
    passed: false,
    total_ms: 1,
    message: "telemetry tells wo_completed 0 times",
  });
  return undefined;
};

const STAGES: readonly (readonly [what: string, plant: Plant, first: RegExp])[] = [
  [
    "no home folder",
    async (world) => ({ ...world.env, HOME: "/does/not/exist" }),
    /there is no home folder \/does\/not\/exist/,
  ],
  [
    "a dead daemon whose pid is another program's",
    deadDaemonWhosePidIsAnothers,
    /no daemon runs: it ended without a word; pid \d+ is another program by now/,
  ],
  ["a daemon that was stopped in the middle", stoppedDaemon, /pid \d+ lives and does not answer/],
  ["a daemon of another version", daemonOfAnotherVersion, /pid \d+ runs wo-bridge 9\.9\.9, and this is /],
  ["a clock that was set back", clockSetBack, /the clock was set back/],
  ["a configuration that cannot be read", brokenConfig, /wo-bridge\.yaml:1:21 /],
  ["a damaged ledger", damagedLedger, /entry 2 at byte \d+ of 000001\.jsonl/],
  ["a base that is away", baseAway, /there is no folder .*02luka/],
  ["a vault that is gone", vaultGone, /the vault .* is gone/],
  ["a copy of a base", secondCopy, /copy and .*02luka carry the same base id/],
  [
    "a daemon for the same base with another vault",
    daemonOfAnotherHome,
    /the base is held by another process, pid \d+, wo-bridge /,
  ],
  ["a lane that nobody reads, with an order in it", laneThatIsNotRead, /lane CLC is not read: everybody may write/],
  [
    "a lane that requires a sandbox where there is none",
    noSandbox,
    /SAFE: the lane requires a sandbox, and there is none/,
  ],
  ["a lock that git has left", lockOfGit, /\.git\/index\.lock is left/],
  [
    "a canary that did not come through",
    failedCanary,
    /the last canary \(WO-CANARY-X\) did not come through: telemetry tells/,
  ],
];

test.each(STAGES)("%s", async (_what, plant, first) => {
  const world = await World.make({ config: QUICK });
  const env = (await plant(world)) ?? world.env;
  const told = await firstLine((...words) => world.run([process.execPath, MAIN, ...words], env));
  expect(told).toMatch(first);
});

test("a full disk", async ({ skip }) => {
  const disk = smallDisk(64 * 1024 * 1024) ?? skip(NO_SMALL_DISK);
  const world = await World.make({ config: QUICK, root: disk });
  await world.startDaemon();
  fillDisk(world.path("filler"));
  expect(await firstLine((...words) => world.wo(...words))).toMatch(/the disk is full: 0 MiB free for /);
});

test("what follows from the cause is told as that, and is not the cause", async () => {
  const world = await World.make({ config: QUICK });
  await clockSetBack(world);
  const { stdout } = await world.wo(...PATIENT);
  expect(stdout).toMatch(/^✗ daemon .*\(may follow from clock\)$/m);
  expect(stdout.indexOf("✗ clock")).toBeLessThan(stdout.indexOf("✗ daemon"));
});

test("--apply wants codes that there are", async () => {
  const world = await World.make();
  const [none, strange] = [await world.wo("doctor", "--apply"), await world.wo("doctor", "--apply", "vault", "valt")];
  expect([none.code, none.stderr]).toEqual([2, expect.stringContaining("argument missing")]);
  expect([strange.code, strange.stderr]).toEqual([2, expect.stringContaining("there is no check valt")]);
});

test("--apply puts the base's mark back, and takes rights of others away; nothing that a person has to judge", async () => {
  const world = await World.make({ config: QUICK });
  await world.kill(await world.startDaemon(), "SIGTERM");
  const mark = world.read(".wo-base");
  renameSync(world.path(".wo-base"), join(world.root, "mark"));
  chmodSync(dirname(dirname(world.vault)), 0o755);
  const { stdout } = await world.wo("doctor", "--apply", "state", "base", "daemon");
  expect(stdout).toMatch(
    /^✓ state: chmod 700 .*\n✓ base: put back .*\.wo-base with the id \w+\n! daemon: nothing was done: a person has to do it: no daemon runs/,
  );
  expect(world.read(".wo-base")).toBe(mark);
});
