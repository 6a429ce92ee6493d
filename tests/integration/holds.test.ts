/** What must not run unasked: what lay there before, what a pull brings, what a lane holds, what nobody can carry out. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { filing, problemsOf, QUICK, running, told, valueIn, workingWorld, workOf } from "../support/line-kit.ts";
import { asRecord, until, World } from "../support/world.ts";

/** Runs git in the base. */
async function git(world: World, ...words: string[]): Promise<void> {
  const end = await world.run(["git", "-C", world.base, "-c", "user.name=t", "-c", "user.email=t@t", ...words]);
  if (end.code !== 0) throw new Error(end.stderr);
}

function reasonOf(world: World, id: string): string {
  return String(valueIn(world.state(id), "meta", "status_detail"));
}

/** The lines of `wo status` until the first empty one: what needs a person. */
async function needs(world: World): Promise<string> {
  return (await world.wo("status")).stdout.split("\n\n", 1)[0] ?? "";
}

/** Waits until `wo status` asks a person for this. */
async function needed(world: World, text: string): Promise<void> {
  const needs = async () => JSON.stringify(valueIn(await world.ask({ call: "status" }), "needs") ?? []);
  let last = "";
  await until(
    async () => {
      last = await needs();
      return last.includes(text);
    },
    10_000,
    `status says ${text}`,
    () => last,
  );
}

test("what lies in the inbox when a base is first attached waits until it is approved", async () => {
  const world = await World.make({ bare: true });
  world.write("wo-bridge.yaml", QUICK);
  world.drop("CLC", "old.json", filing("WO-OLD"));
  world.drop("CLC", "older.json", filing("WO-OLDER"));
  expect((await world.wo("init", "--yes")).stdout).toContain("2 orders that lay in the inbox wait for you: wo status");
  await world.startDaemon();
  world.drop("CLC", "new.json", filing("WO-NEW"));
  for (const [id, status] of [
    ["WO-NEW", "done"],
    ["WO-OLD", "waiting"],
    ["WO-OLDER", "waiting"],
  ] as const)
    await world.reaches(id, status);
  expect(reasonOf(world, "WO-OLD")).toContain("backlog");
  expect(await needs(world)).toContain("wo approve WO-OLD");
  expect((await world.wo("approve", "WO-OLD")).code).toBe(0);
  await world.reaches("WO-OLD", "done");
  expect(Object.keys(workOf(world)).toSorted()).toEqual(["made/WO-NEW.txt", "made/WO-OLD.txt"]);
});

test("a daemon that attaches a base by itself holds nothing back that comes later", async () => {
  const world = await World.make({ bare: true });
  world.write("wo-bridge.yaml", QUICK);
  onTestFinished(async () => void (await world.wo("daemon", "stop")));
  expect((await world.wo("daemon", "start")).code).toBe(0);
  world.drop("CLC", "new.json", filing("WO-NEW"));
  await world.reaches("WO-NEW", "done");
});

test("a base with orders in it is not attached by a daemon: it asks for wo init", async () => {
  const world = await World.make({ bare: true });
  world.drop("CLC", "old.json", filing("WO-OLD"));
  const end = await world.wo("daemon", "run");
  expect(end).toMatchObject({ code: 5, stderr: expect.stringContaining("wo init") });
  expect(world.read("bridge/inbox/CLC/old.json")).toBeDefined();
});

test.each([
  ["commands that came by git wait", running("WO-1", "echo ran > ran.txt"), "hold", "waiting", {}],
  ["files that came by git are written", filing("WO-1", "a.txt"), "hold", "done", { "a.txt": "WO-1\n" }],
  ["commands run where fromGit says run", running("WO-1", "echo ran > ran.txt"), "run", "done", { "ran.txt": "ran\n" }],
] as const)("%s", async (...[, order, fromGit, status, made]) => {
  const world = await World.make({ config: QUICK.replace("}", `, fromGit: ${fromGit}}`) });
  await git(world, "init", "-q");
  world.write("bridge/inbox/CLC/pulled.json", JSON.stringify(order));
  await git(world, "add", "-f", "bridge/inbox/CLC/pulled.json");
  await world.startDaemon();
  await world.reaches("WO-1", status);
  expect(Object.fromEntries(Object.entries(workOf(world)).filter(([path]) => !path.startsWith(".git/")))).toEqual(made);
  expect(reasonOf(world, "WO-1").includes("a pull must not execute")).toBe(status === "waiting");
});

test("commands of a committed order wait, also after it was removed from the index; others in the same repository run", async () => {
  const world = await workingWorld();
  await git(world, "init", "-q");
  const text = JSON.stringify(running("WO-PULLED", "echo pulled >> ran.txt"));
  world.write("bridge/inbox/CLC/.pulled.tmp", text);
  mkdirSync(join(world.root, "other"), { recursive: true });
  writeFileSync(join(world.root, "other", "pulled.json"), text);
  const blob = (
    await world.run(["git", "-C", world.base, "hash-object", "-w", join(world.root, "other", "pulled.json")])
  ).stdout.trim();
  await git(world, "update-index", "--add", "--cacheinfo", `100644,${blob},bridge/inbox/CLC/pulled.json`);
  await git(world, "commit", "-qm", "an order");
  await git(world, "rm", "-q", "--cached", "bridge/inbox/CLC/pulled.json");
  world.drop("CLC", "pulled.json", text);
  world.drop("CLC", "own.json", running("WO-OWN", "echo own >> ran.txt"));
  await world.reaches("WO-OWN", "done");
  await world.reaches("WO-PULLED", "waiting");
  expect(world.read("ran.txt")).toBe("own\n");
  expect((await world.wo("approve", "WO-PULLED")).code).toBe(0);
  await world.reaches("WO-PULLED", "done");
  expect(world.read("ran.txt")).toBe("own\npulled\n");
});

test("an order in a lane on hold waits, says so in its ack, and runs once it is approved", async () => {
  const world = await workingWorld("lanes:\n  HELD: {mode: hold}\n");
  world.drop("HELD", "one.json", running("WO-1", "echo ran >> ran.txt"));
  await world.reaches("WO-1", "waiting");
  const ack = asRecord(JSON.parse(world.read("bridge/outbox/HELD/WO-1.ack.json") ?? "{}"));
  expect(ack).toMatchObject({
    status: "waiting",
    message: expect.stringMatching(/held_lane/),
    next: "wo approve WO-1",
  });
  expect((await world.wo("--actor", "kim", "approve", "WO-1")).code).toBe(0);
  await world.reaches("WO-1", "done");
  expect(await told(world, "WO-1", "wo_approved")).toMatchObject({ by: "kim" });
  expect(world.read("ran.txt")).toBe("ran\n");
});

test("a lane for files only refuses commands and takes files", async () => {
  const world = await workingWorld("lanes:\n  FILES: {mode: files-only}\n");
  world.drop("FILES", "run.json", running("WO-RUN", "echo ran > ran.txt"));
  world.drop("FILES", "write.json", filing("WO-WRITE", "a.txt"));
  await world.reaches("WO-WRITE", "done");
  await until(() => world.read("bridge/error/FILES/run.json.error.json") !== undefined, 5000, "it is refused");
  expect(world.read("bridge/error/FILES/run.json.error.json")).toContain("lane_refuses_commands");
  expect(workOf(world)).toEqual({ "a.txt": "WO-WRITE\n" });
});

test("prose waits for somebody to do it, cannot be approved, and is never done", async () => {
  const world = await workingWorld();
  world.drop("CLC", "prose.yaml", "wo_id: WO-PROSE\ntitle: Think about it\nobjectives:\n  - a good thought\n...\n");
  await world.reaches("WO-PROSE", "waiting");
  expect(reasonOf(world, "WO-PROSE")).toContain("assignee");
  const refused = await world.wo("approve", "WO-PROSE");
  expect(refused).toMatchObject({ code: 5, stdout: expect.stringContaining("wo cancel WO-PROSE") });
  expect(world.state("WO-PROSE")).toMatchObject({ status: "waiting", progress: 0 });
  expect(world.read("bridge/outbox/CLC/WO-PROSE_result.yaml")).toBeUndefined();
  expect((await world.wo("cancel", "WO-PROSE")).code).toBe(0);
  await world.reaches("WO-PROSE", "canceled");
});

test("a stricter configuration takes effect at once, a looser one when a person has accepted it", async () => {
  const world = await workingWorld();
  world.write("wo-bridge.yaml", `${QUICK}lanes:\n  CLC: {mode: hold}\n`);
  await until(
    async () => valueIn(await world.ask({ call: "status" }), "lanes", 0, "mode") === "hold",
    5000,
    "it holds",
  );
  world.drop("CLC", "one.json", filing("WO-1"));
  await world.reaches("WO-1", "waiting");
  expect((await world.wo("config", "accept")).code).toBe(0);

  world.write("wo-bridge.yaml", `${QUICK}lanes:\n  CLC: {mode: execute}\n`);
  await needed(world, "lanes.CLC.mode: hold → execute");
  world.drop("CLC", "two.json", filing("WO-2"));
  await world.reaches("WO-2", "waiting");
  expect(await needs(world)).toContain("wo config accept");
  expect((await world.wo("config", "accept")).stdout).toContain("accepted and in effect");
  world.drop("CLC", "three.json", filing("WO-3"));
  await world.reaches("WO-3", "done");
  expect(await needs(world)).not.toContain("config");
});

test("what the tree wishes for without anybody's consent is shown, wish by wish, and has no effect", async () => {
  const world = await workingWorld();
  const wishes = "policy: {roots: [/srv]}\ncommands: {env: {A: b}}\nnotify: {command: [touch, notified]}\n";
  world.write("wo-bridge.yaml", QUICK.replace("}", ", fromGit: run}") + wishes);
  for (const wish of [
    "policy.roots: + /srv",
    "commands.path or commands.env changed",
    "notify.command: touch notified",
    "intake.fromGit: hold → run",
  ])
    await needed(world, wish);
  world.drop("CLC", "one.json", running("WO-1", 'echo "A=$A" > env.txt'));
  world.drop("CLC", "two.json", filing("WO-2", "/srv/wo-bridge-test"));
  await world.reaches("WO-1", "done");
  const [problem] = await problemsOf(world, "CLC", "two.json");
  expect([world.read("env.txt"), problem?.["code"]]).toEqual(["A=\n", "path_refused"]);
});

test("a broken configuration keeps the last accepted one in effect and is told of with its line", async () => {
  const world = await workingWorld("lanes:\n  CLC: {mode: hold}\n");
  world.write("wo-bridge.yaml", "intake: {rescanMs: 500}\nlanes:\n  CLC: {mode: executes}\n");
  await needed(world, "wo-bridge.yaml:3:");
  expect(await needs(world)).toMatch(/wo-bridge\.yaml:3:\d+ {2}lanes\.CLC\.mode: .*the last accepted one is in effect/);
  world.drop("CLC", "one.json", filing("WO-1"));
  await world.reaches("WO-1", "waiting");
  const refused = await world.wo("config", "accept");
  expect(refused).toMatchObject({ code: 2, stdout: expect.stringMatching(/wo-bridge\.yaml:3:\d+ .*mode/) });
});

test("a first configuration that is broken keeps the daemon from starting, and names the line", async () => {
  const world = await World.make({ bare: true });
  world.write("wo-bridge.yaml", "version: 1\nconcurency: 3\n");
  const end = await world.wo("daemon", "run");
  expect(end).toMatchObject({ code: 2, stderr: expect.stringMatching(/wo-bridge\.yaml:2:1 {2}concurency: /) });
});
