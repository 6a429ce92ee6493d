/** Orders that name a file with their operations, by a real daemon and the real CLI. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { documentOf, problemsOf, valueIn, workingWorld } from "../support/line-kit.ts";
import { until, type World } from "../support/world.ts";

const OPS = "ops:\n  - {path: a.txt, content: one}\n";
const ORDER = "wo_id: WO-1\nlpe_patch_file: ops/a.yaml\n";

async function worldWithFile(): Promise<World> {
  const world = await workingWorld();
  world.write("a.txt", "zero\n");
  world.write("ops/a.yaml", OPS);
  return world;
}

test("the order is done by what the file held when it was taken in, whatever becomes of it; kill -9 changes nothing", async () => {
  const world = await worldWithFile();
  world.drop("CLC", "x.yaml", `${ORDER}steps: [{run: "touch began; until [ -e go ]; do sleep 0.05; done"}]\n...\n`);
  await until(() => world.read("began") !== undefined, 10_000, "its command runs");
  rmSync(world.path("ops"), { recursive: true });
  await world.killAll();
  world.write("go", "");
  await world.startDaemon();
  await until(() => ["done", "failed"].includes(String(world.state("WO-1")?.["status"])), 20_000, "it is at rest");
  expect(world.read("a.txt")).toBe("zero\none\n");
  world.drop("CLC", "y.yaml", `${ORDER.replace("WO-1", "WO-2")}...\n`);
  expect(await problemsOf(world, "CLC", "y.yaml")).toMatchObject([
    { code: "bad_operations_file", key: "lpe_patch_file", place: { line: 2, column: 17 } },
  ]);
});

test("a retry does once more what was accepted, not what the file holds by now", async () => {
  const world = await worldWithFile();
  world.drop("CLC", "x.yaml", `${ORDER}post_verify: [test -e late]\n...\n`);
  await world.reaches("WO-1", "failed");
  world.write("ops/a.yaml", OPS.replace("one", "two"));
  world.write("late", "");
  expect((await world.wo("retry", "WO-1")).code).toBe(0);
  await world.reaches("WO-1", "done");
  expect(world.read("a.txt")).toBe("zero\none\n");
});

test("wo check and wo submit read the file of the base, and without a base wo check says that it did not", async () => {
  const world = await worldWithFile();
  const path = join(world.root, "mine", "x.yaml");
  mkdirSync(join(world.root, "mine", "ops"), { recursive: true });
  writeFileSync(path, ORDER);
  // Beside the order lies another one: that is not meant.
  writeFileSync(join(world.root, "mine", "ops", "a.yaml"), "ops: 5\n");
  expect(await world.wo("check", path)).toMatchObject({ code: 0, stdout: expect.stringContaining("1 file actions") });
  const plan = await world.wo("submit", path, "--lane", "CLC", "-n");
  expect(plan).toMatchObject({ code: 0, stdout: expect.stringContaining("+one") });
  const nowhere = await world.wo("-C", join(world.root, "mine"), "check", path);
  expect(nowhere).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/ops\/a\.yaml.* was not read.*\[not_read\]/),
  });
  world.write("ops/a.yaml", "ops:\n  - {path: a.txt, contnet: x}\n");
  const bad = await world.wo("check", path);
  expect(bad.code).toBe(2);
  expect(bad.stdout).toContain('ops/a.yaml:2:19  ops[0].contnet: the key "contnet" is not known here [unknown_key]');
  expect((await world.wo("submit", path, "--lane", "CLC")).code).toBe(2);
  world.write("ops/a.yaml", OPS);
  expect((await world.wo("submit", path, "--lane", "CLC", "--watch")).code).toBe(0);
  expect(world.read("a.txt")).toBe("zero\none\n");
});

test("a lane is asked about the operations in the file, too, and what it refuses of them has its place there", async () => {
  const world = await workingWorld("policy: {protect: [locked]}\nlanes: {SIGNED: {signature: required}}\n");
  world.write("ops/a.yaml", `ops:\n  - {path: locked/a.txt, content: one}\n  - {path: ../b.txt, content: two}\n`);
  const path = join(world.root, "x.yaml");
  writeFileSync(path, `${ORDER}steps: [{run: "rm -rf /"}]\n`);
  const refused = [
    { code: "path_refused", named: "ops/a.yaml", place: { line: 2 } },
    { code: "path_refused", named: "ops/a.yaml", place: { line: 3 } },
    { code: "command_refused", key: "steps[0]" },
  ];
  const checked = await world.wo("check", path);
  expect(checked.code).toBe(5);
  expect(checked.stdout).toMatch(/^ops\/a\.yaml:2:5 {2}[^]*^ops\/a\.yaml:3:5 {2}[^]*x\.yaml:3:9 {2}steps\[0\]/m);
  const plan = await world.wo("submit", path, "--lane", "CLC", "-n", "--json");
  expect([plan.code, valueIn(documentOf(plan, "dry-run"), "verdict")]).toMatchObject([5, { problems: refused }]);
  const unsigned = await world.wo("check", path, "--lane", "SIGNED");
  expect([unsigned.code, unsigned.stdout]).toEqual([5, expect.stringContaining("[unsigned]")]);
  world.drop("CLC", "x.yaml", `${ORDER}steps: [{run: "rm -rf /"}]\n...\n`);
  expect(await problemsOf(world, "CLC", "x.yaml")).toMatchObject(refused);
});
