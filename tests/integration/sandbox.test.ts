/** Commands in a sandbox, by a real daemon: what they cannot touch, what they may reach, and what happens without one. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { failureOf, pidsIn, problemsOf, QUICK, running, told, valueIn, workingWorld } from "../support/line-kit.ts";
import { sandboxTest } from "../support/sandboxes.ts";
import { until, World } from "../support/world.ts";

/** What `wo status` says for as long as machine and configuration are as they are. */
async function notesOf(world: World): Promise<string> {
  return JSON.stringify(valueIn(await world.ask({ call: "status" }), "notes"));
}

/** Runs one command in a lane to its end and returns what it printed. */
async function printed(world: World, id: string, run: string, lane = "CLC"): Promise<string> {
  world.drop(lane, `${id}.json`, running(id, `( ${run} ) 2>&1 || true`));
  await world.reaches(id, "done");
  return readFileSync(join(world.vault, "runs", id, "1", "0", "stdout.log"), "utf8");
}

sandboxTest("a command writes below the base and into its own temporary folder, which is gone afterwards", async () => {
  const world = await workingWorld();
  const outside = join(world.home, "outside.txt");
  const text = `echo in > made.txt; echo tmp > $TMPDIR/t && cp $TMPDIR/t tmp.txt; echo $TMPDIR > where; echo out > ${outside}`;
  expect(await printed(world, "WO-1", text)).toContain("Read-only file system");
  expect([world.read("made.txt"), world.read("tmp.txt"), existsSync(outside)]).toEqual(["in\n", "tmp\n", false]);
  const temporary = world.read("where")?.trim() ?? "";
  expect([temporary.includes("WO-1-1"), existsSync(temporary)]).toEqual([true, false]);
  expect(await told(world, "WO-1", "step_started")).toMatchObject({ sandboxed: true });
  expect(await notesOf(world)).toContain("sandbox on: /");
});

sandboxTest("a command writes below a root of the policy, except where git or the policy says no", async () => {
  const world = await World.make({ config: `${QUICK}policy: {roots: [../../shared, ../absent], protect: [keys]}\n` });
  const shared = join(world.root, "shared");
  mkdirSync(join(shared, "deep/er"), { recursive: true });
  mkdirSync(join(shared, "keys"));
  execFileSync("git", ["init", "-q"], { cwd: join(shared, "deep/er") });
  await world.startDaemon();
  const targets = ["deep/er/.git/hooks/pre-commit", "deep/er/.git/config", "keys/a", "../beside.txt"];
  const tries = targets.map((path) => `(echo x >> '${shared}/${path}') && echo "wrote ${path}"`).join("; ");
  const moves = `mv ${shared}/deep ${shared}/d2; mv ${shared}/keys ${shared}/k2; rm -rf ${shared}/keys`;
  const good = `echo in > ${shared}/made.txt; mkdir ${shared}/new && mv ${shared}/made.txt ${shared}/new/; cd ${shared}/deep/er && git add -A`;
  const said = await printed(world, "WO-1", `${good}; ${tries}; ${moves}`);
  expect(said).not.toContain("wrote");
  expect(readFileSync(join(shared, "new/made.txt"), "utf8")).toBe("in\n");
  expect(readdirSync(shared).toSorted()).toEqual(["deep", "keys", "new"]);
  expect(existsSync(join(world.root, "beside.txt"))).toBe(false);
  // A file action is held to the same.
  world.drop("CLC", "b.json", { wo_id: "WO-2", files: { "../../shared/a.txt": "a", "../../shared/keys/a": "b" } });
  expect((await problemsOf(world, "CLC", "b.json")).map(({ message }) => message)).toEqual([
    expect.stringContaining("policy.protect names it"),
  ]);
});

sandboxTest("hooks, configuration, machinery, protected files and the record stay as they are", async () => {
  const world = await workingWorld("policy: {protect: [secrets]}\n");
  world.write("secrets/key", "secret");
  for (const repository of [world.base, world.path("deep/er")]) {
    mkdirSync(repository, { recursive: true });
    execFileSync("git", ["init", "-q"], { cwd: repository });
  }
  const targets = [
    ".git/hooks/pre-commit",
    ".git/config",
    "deep/er/.git/hooks/pre-commit",
    "deep/er/.git/config",
    "bridge/inbox/CLC/sneaked.yaml",
    "wo-bridge.yaml",
    ".wo-base",
    "secrets/key",
    join(world.vault, "ledger", "x"),
    join(world.home, ".local/state/wo-bridge/bases.json"),
  ];
  const before = targets.map((path) => (path.startsWith("/") ? existsSync(path) : world.read(path)));
  const moves = "mv deep d2; mv deep/er deep/e2; mv .git g2; rm -rf bridge secrets; mv secrets s2";
  const text = `${targets.map((path) => `(echo x >> '${path}') && echo "wrote ${path}"`).join("; ")}; ${moves}; ls ${world.vault}`;
  const said = await printed(world, "WO-1", text);
  expect(said).not.toContain("wrote");
  expect(said).not.toContain("ledger\n");
  expect(targets.map((path) => (path.startsWith("/") ? existsSync(path) : world.read(path)))).toEqual(before);
  expect([world.list("d2"), world.list("deep/e2"), world.list("g2"), world.list("s2")]).toEqual([[], [], [], []]);
  const commit = "git add wo-made.txt && git -c user.name=a -c user.email=a@b.c commit -qm made && git log --oneline";
  expect(await printed(world, "WO-2", `echo x > wo-made.txt; ${commit}`)).toContain("made");
});

sandboxTest("no command reaches the daemon's socket to decide about orders by itself", async () => {
  const world = await workingWorld();
  const socket = join(world.vault, "control.sock");
  writeFileSync(
    world.path("ask.cjs"),
    `require("node:net").connect(${JSON.stringify(socket)}).on("error", (e) => console.log(e.code)).on("connect", () => console.log("connected"))`,
  );
  expect(await printed(world, "WO-1", `'${process.execPath}' ask.cjs`)).toMatch(/^E[A-Z]+\n$/);
});

sandboxTest("a lane reaches the hosts that it lists, and another lane reaches none", async () => {
  const server = createServer((_incoming, outgoing) => outgoing.end("hello\n")).listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await vi.waitUntil(() => server.listening, { interval: 1 });
  const port = String(valueIn(server.address(), "port"));
  const world = await workingWorld(`lanes: {NET: {network: ["localhost:${port}"]}, CLC: {}}\n`);
  mkdirSync(world.path("bridge/inbox/NET"), { recursive: true });
  const ask = [
    `const http = require("node:http"), proxy = new URL(process.env.HTTP_PROXY ?? "http://127.0.0.1:9");`,
    `for (const path of ["http://localhost:${port}/", "http://127.0.0.1:${port}/"])`,
    `  http.get({ host: proxy.hostname, port: proxy.port, path }, (r) => console.log(path.slice(7, 10), r.resume().statusCode)).on("error", (e) => console.log(path.slice(7, 10), e.code));`,
  ].join("\n");
  world.write("ask.cjs", ask);
  const lines = async (id: string, lane: string) =>
    (await printed(world, id, `'${process.execPath}' ask.cjs`, lane)).trim().split("\n").toSorted();
  expect(await lines("WO-1", "NET")).toEqual(["127 403", "loc 200"]);
  expect(await lines("WO-2", "CLC")).toEqual(["127 ECONNREFUSED", "loc ECONNREFUSED"]);
});

/** A folder with links to programs that orders and tests need, and no sandbox among them. */
function pathWithout(world: World): string {
  const folder = join(world.root, "programs");
  mkdirSync(folder);
  for (const name of ["git", "sh"]) symlinkSync(`/usr/bin/${name}`, join(folder, name));
  return folder;
}

test("where a sandbox is required and there is none, orders with commands wait, whoever approves, until there is one", async () => {
  const world = await World.make({ config: `${QUICK}lanes: {CLC: {sandbox: required}}\n` });
  const folder = pathWithout(world);
  await world.startDaemon({ env: { PATH: folder } });
  world.drop("CLC", "one.json", running("WO-1", "echo ran >> effects.txt"));
  world.drop("CLC", "two.json", { wo_id: "WO-2", files: [{ path: "made.txt", content: "made" }] });
  await world.reaches("WO-1", "waiting");
  await world.reaches("WO-2", "done");
  expect(await told(world, "WO-1", "wo_waiting")).toMatchObject({
    reason: "no_sandbox",
    message: expect.stringContaining("apt install bubblewrap"),
  });
  expect(await world.wo("approve", "WO-1")).toMatchObject({ code: 5, stdout: expect.stringContaining("bubblewrap") });
  expect([world.status("WO-1"), world.read("effects.txt")]).toEqual(["waiting", undefined]);
  if (!existsSync("/usr/bin/bwrap")) return;
  symlinkSync("/usr/bin/bwrap", join(folder, "bwrap"));
  expect((await world.wo("approve", "WO-1")).code).toBe(0);
  await world.reaches("WO-1", "done");
  expect(await told(world, "WO-1", "step_started")).toMatchObject({ sandboxed: true });
});

test("an order that was let go waits again when its lane has come to require a sandbox meanwhile", async () => {
  const world = await World.make({ config: `${QUICK}lanes: {CLC: {mode: hold}}\n` });
  const env = { PATH: pathWithout(world) };
  await world.startDaemon({ env });
  world.drop("CLC", "one.json", running("WO-1", "echo ran >> effects.txt"));
  await world.reaches("WO-1", "waiting");
  await world.killAll();
  // Approved while no daemon runs, and no lane requires anything: it is pending when the next one starts.
  expect((await world.wo("approve", "WO-1")).code).toBe(0);
  world.write("wo-bridge.yaml", `${QUICK}lanes: {CLC: {sandbox: required}}\n`);
  await world.startDaemon({ env });
  await world.reaches("WO-1", "waiting");
  expect(await told(world, "WO-1", "wo_waiting")).toMatchObject({ reason: "no_sandbox" });
  expect(world.read("effects.txt")).toBeUndefined();
});

test("where there is no sandbox and none is required, commands run, and the status and the record say so", async () => {
  const world = await World.make({ config: QUICK });
  await world.startDaemon({ env: { PATH: pathWithout(world) } });
  world.drop("CLC", "one.json", running("WO-1", "echo ran > effects.txt"));
  await world.reaches("WO-1", "done");
  expect(await told(world, "WO-1", "step_started")).toMatchObject({ sandboxed: false });
  expect((await world.wo("status")).stdout).toMatch(/sandbox off: bubblewrap is not there.*apt install bubblewrap/);
});

test("a program that makes no sandbox is none, however it is called", async () => {
  const world = await World.make({ config: QUICK });
  const folder = pathWithout(world);
  writeFileSync(join(folder, "bwrap"), "#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2\nexit 1\n", {
    mode: 0o755,
  });
  await world.startDaemon({ env: { PATH: folder } });
  expect(await notesOf(world)).toMatch(
    /sandbox off: its canary did not run: .*uid map.*apparmor_restrict_unprivileged_userns/,
  );
});

test("a sandbox that is loosened in the tree is held until a person accepts it", async () => {
  const world = await workingWorld("lanes: {CLC: {sandbox: on}}\n");
  world.write("wo-bridge.yaml", `${QUICK}lanes: {CLC: {sandbox: off, network: [a.example]}}\n`);
  await until(
    async () => JSON.stringify(await world.ask({ call: "status" })).includes("sandbox: on → off"),
    5000,
    "it is held",
  );
  expect(await notesOf(world)).not.toContain("off in CLC");
  expect((await world.wo("config", "accept")).code).toBe(0);
  await until(
    async () => (await notesOf(world)).includes("sandbox off in CLC, as wo-bridge.yaml says"),
    5000,
    "it is in effect",
  );
});

sandboxTest(
  "a sandboxed command goes on when its daemon is killed, and is adopted with its temporary folder",
  async () => {
    const world = await workingWorld();
    const patient =
      "echo $TMPDIR > where; while ! test -f go; do sleep 0.05; done; echo kept > $TMPDIR/k && cat $TMPDIR/k >> effects.txt";
    world.drop(
      "CLC",
      "one.json",
      running("WO-1", patient, { tests: [{ command: "cat effects.txt", expected: "kept" }] }),
    );
    await until(() => world.read("where") !== undefined, 10_000, "the command runs");
    await world.killAll();
    await world.startDaemon();
    world.write("go", "");
    await world.reaches("WO-1", "done");
    expect(world.read("effects.txt")).toBe("kept\n");
    expect(existsSync(world.read("where")?.trim() ?? "/")).toBe(false);
  },
);

sandboxTest("what a crash left of temporary folders goes at the next start", async () => {
  const world = await workingWorld("commands: {graceMs: 50}\n");
  world.drop("CLC", "one.json", running("WO-1", "echo $TMPDIR > where; echo $$ > pids; sleep 60"));
  await until(() => pidsIn(world, "pids").length > 0, 10_000, "the command runs");
  const temporary = world.read("where")?.trim() ?? "";
  expect(readdirSync(temporary)).toEqual([]);
  expect((await world.wo("cancel", "WO-1")).code).toBe(0);
  await world.reaches("WO-1", "canceled");
  mkdirSync(temporary);
  await world.killAll();
  await world.startDaemon();
  expect(existsSync(temporary)).toBe(false);
});

/** Leaves group, session and environment, twice, and hears no TERM. */
const ESCAPES = "(env -i setsid sh -c '(sh ./escapee.sh &)' </dev/null >/dev/null 2>&1 &)";
const ESCAPEE = 'trap "" TERM HUP INT\nwhile ! test -f stop; do echo alive >> alive; sleep 0.02; done\n';

sandboxTest.each([
  ["its limit", { timeout: "1s" }, "failed"],
  ["a cancel", {}, "canceled"],
])("no child outlives %s, not even one that cleared its mark", async (_what, limit, status) => {
  const world = await workingWorld("commands: {graceMs: 100}\n");
  world.write("escapee.sh", ESCAPEE);
  world.drop("CLC", "one.json", {
    wo_id: "WO-1",
    steps: [{ run: `${ESCAPES}; trap '' TERM; while :; do sleep 0.1; done`, ...limit }],
  });
  await until(() => world.read("alive") !== undefined, 10_000, "the child lives");
  if (status === "canceled") await world.wo("cancel", "WO-1");
  await world.reaches("WO-1", status);
  const size = world.read("alive")?.length;
  // Eight of its rounds.
  await new Promise((resolve) => setTimeout(resolve, 160));
  expect(world.read("alive")).toHaveLength(size ?? -1);
});

test("without a sandbox a child that clears its mark and leaves its session escapes: what the sandbox is for", async () => {
  const world = await workingWorld("lanes: {CLC: {sandbox: off}}\ncommands: {graceMs: 100}\n");
  onTestFinished(() => world.write("stop", ""));
  world.write("escapee.sh", ESCAPEE);
  const marked =
    "(setsid sh -c '(echo $$ >> pids; trap \"\" TERM; while :; do sleep 0.1; done)' </dev/null >/dev/null 2>&1 &)";
  const text = `${ESCAPES}; ${marked}; while :; do sleep 0.1; done`;
  world.drop("CLC", "one.json", { wo_id: "WO-1", steps: [{ run: text, timeout: "1s" }] });
  expect(await failureOf(world, "WO-1")).toMatchObject({ class: "timeout" });
  const [kept] = pidsIn(world, "pids");
  expect(existsSync(`/proc/${kept}/cwd`)).toBe(false);
  const size = world.read("alive")?.length ?? 0;
  await until(() => (world.read("alive")?.length ?? 0) > size, 5000, "the one without a mark still writes");
});
