/** Installed LaunchAgents as components, with a real daemon: told and back within seconds, and never loaded by it. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { expect, test } from "vitest";
import { linesTold, QUICK } from "../support/line-kit.ts";
import { modeOf, put, treeOf } from "../support/temporary-folder.ts";
import { until, World } from "../support/world.ts";

const FOLDER = "~/Library/LaunchAgents";
const OWN = ["wo-bridge", "wo_pipeline_guardrail"].map((label) => `${FOLDER}/com.02luka.${label}.plist`);
const [DAEMON = "", GUARDRAIL = ""] = OWN;
/** Two seconds, and what a machine takes that is busy with other tests. */
const SOON_MS = 3500;
const PATIENCE_MS = 20_000;

const placeIn = ({ home }: World, name: string) => join(home, name.slice(2));
const textOf = ({ base }: World, name: string, program = "/bin/true") => `<?xml version="1.0" encoding="UTF-8"?>
<plist version="1.0">
<dict>
  <key>Label</key><string>${basename(name, ".plist")}</string>
  <key>ProgramArguments</key><array><string>${program}</string></array>
  <key>EnvironmentVariables</key><dict><key>LUKA_SOT</key><string>${base}</string></dict>
</dict>
</plist>
`;

/** A base without a configured list, these agents in the home, and a launchctl that writes down that it was called. */
async function homeWith(names: readonly string[], config = ""): Promise<World> {
  const world = await World.make({ config: QUICK + config });
  for (const name of names) chmodSync(put(placeIn(world, name), textOf(world, name)), 0o644);
  return world;
}

/** The same with all of them accepted, and a daemon. */
async function guarding(names: readonly string[], config = ""): Promise<World> {
  const world = await homeWith(names, config);
  chmodSync(put(join(world.root, "bin/launchctl"), `#!/bin/sh\necho "$@" >> ${join(world.root, "called")}\n`), 0o755);
  await world.startDaemon({ env: { PATH: `${join(world.root, "bin")}:${process.env["PATH"]}` } });
  const end = await world.wo("guardrail", "accept", ...names, "--why", "installed");
  expect(end.code, end.stderr).toBe(0);
  return world;
}

/** What was told of components, as "drift NAME reason" and "healed NAME by us" or "by itself". */
function story(world: World): readonly string[] {
  return linesTold(world).flatMap(({ event, missing, reason, path, restored, seq }) => {
    if (typeof seq !== "number") return [];
    if (event === "wo_pipeline_drift") return [`drift ${String(missing)} ${String(reason)}`];
    return event === "wo_pipeline_healed"
      ? [`healed ${String(path)} ${restored === true ? "by us" : "by itself"}`]
      : [];
  });
}

async function storyHas(world: World, count: number, line: string): Promise<void> {
  const isTold = () => story(world).filter((one) => one === line).length >= count;
  await until(isTold, PATIENCE_MS, `${line} is told`, () => story(world).join(", "));
}

test("both of ours are accepted without being named; one that goes is told and back within seconds, byte for byte", async () => {
  const world = await homeWith(OWN);
  expect((await world.wo("guardrail", "check")).code).toBe(0);
  await world.startDaemon();
  const end = await world.wo("guardrail", "accept");
  for (const name of OWN) expect(end.stdout).toContain(`${name}: guarded as it is now`);
  const start = Date.now();
  rmSync(placeIn(world, DAEMON));
  await storyHas(world, 1, `healed ${DAEMON} by us`);
  expect(Date.now() - start).toBeLessThan(SOON_MS);
  expect(story(world)).toEqual([`drift ${DAEMON} missing`, `healed ${DAEMON} by us`]);
  expect(readFileSync(placeIn(world, DAEMON), "utf8")).toBe(textOf(world, DAEMON));
  expect(modeOf(placeIn(world, DAEMON))).toBe(0o644);
  expect(world.read("logs/guardrail_alerts.log")).toContain(`ALERT: missing: ${DAEMON}: it is not there`);
});

test("the whole folder comes back, again and again, and what is wrong in the new one is told as soon", async () => {
  const world = await guarding(OWN);
  const folder = dirname(placeIn(world, DAEMON));
  for (const round of [1, 2]) {
    const start = Date.now();
    rmSync(folder, { recursive: true });
    for (const name of OWN) await storyHas(world, round, `healed ${name} by us`);
    expect(Date.now() - start).toBeLessThan(SOON_MS);
  }
  expect(treeOf(folder)).toEqual(Object.fromEntries(OWN.map((name) => [basename(name), textOf(world, name)])));
  const start = Date.now();
  rmSync(placeIn(world, GUARDRAIL));
  await storyHas(world, 3, `healed ${GUARDRAIL} by us`);
  expect(Date.now() - start).toBeLessThan(SOON_MS);
  expect(existsSync(join(world.root, "called"))).toBe(false);
});

test("a link in its place, and other content, are told and left; status, why and the next command name it", async () => {
  const world = await guarding(OWN);
  const place = placeIn(world, DAEMON);
  renameSync(place, join(world.root, "away.plist"));
  symlinkSync(join(world.root, "away.plist"), place);
  writeFileSync(placeIn(world, GUARDRAIL), textOf(world, GUARDRAIL, "/bin/false"));
  await storyHas(world, 1, `drift ${DAEMON} symlink`);
  await storyHas(world, 1, `drift ${GUARDRAIL} content_changed`);
  expect((await world.wo("status")).stdout).toContain(`${DAEMON} has drifted (symlink)`);
  const why = await world.wo("why", GUARDRAIL);
  expect(why.code).toBe(1);
  for (const text of [
    "accepted as it was, by",
    "git says nothing of it",
    `next: mv ${placeIn(world, GUARDRAIL)} elsewhere: `,
  ])
    expect(why.stdout).toContain(text);
  // A link that leads nowhere is nothing to mend where it is.
  rmSync(join(world.root, "away.plist"));
  expect((await world.wo("why", DAEMON)).stdout).toContain(`next: mv ${place} elsewhere: `);
  // Ours no order may write; what the hint says instead holds.
  const undo = await world.wo("undo", "--path", GUARDRAIL);
  expect([undo.code, undo.stderr]).toEqual([5, expect.stringContaining("it belongs to the machinery")]);
  expect(undo.stderr).toContain("move it away: the daemon puts back what was accepted");
  rmSync(placeIn(world, GUARDRAIL));
  await storyHas(world, 1, `healed ${GUARDRAIL} by us`);
  expect(readFileSync(placeIn(world, GUARDRAIL), "utf8")).toBe(textOf(world, GUARDRAIL));
  expect(story(world).filter((line) => line.startsWith("healed"))).toHaveLength(1);
});

test("what an order writes into a folder of the base that is called ~ is none of the home's", async () => {
  const world = await guarding([DAEMON], "guardrail: {heal: all}\n");
  const decoy = textOf(world, DAEMON, "/bin/evil");
  world.drop("CLC", "one.json", { wo_id: "WO-1", files: { [`./${DAEMON}`]: decoy } });
  await world.reaches("WO-1", "done");
  expect(world.read(DAEMON)).toBe(decoy);
  rmSync(placeIn(world, DAEMON));
  await storyHas(world, 1, `healed ${DAEMON} by us`);
  expect(readFileSync(placeIn(world, DAEMON), "utf8")).toBe(textOf(world, DAEMON));
  world.drop("CLC", "two.json", {
    wo_id: "WO-2",
    files: [{ path: `./${DAEMON}`, delete: true }],
    allow_delete: true,
  });
  await world.reaches("WO-2", "done");
  expect((await world.wo("guardrail", "list")).stdout).toContain(DAEMON);
});

test("what an order wrote there is what it has to be, and is taken back by an order", async () => {
  const name = `${FOLDER}/com.02luka.backup.plist`;
  const world = await guarding([name]);
  world.drop("CLC", "one.json", { wo_id: "WO-1", files: { [name]: textOf(world, name, "/bin/new") } });
  await world.reaches("WO-1", "done");
  rmSync(placeIn(world, name));
  await storyHas(world, 1, `healed ${name} by us`);
  expect(readFileSync(placeIn(world, name), "utf8")).toBe(textOf(world, name, "/bin/new"));
  const why = await world.wo("why", placeIn(world, name));
  expect(why.stdout).toContain("order WO-1 wrote it");
  const undo = await world.wo("undo", "--path", name, "--apply");
  expect(undo.code, undo.stderr).toBe(0);
  expect(readFileSync(placeIn(world, name), "utf8")).toBe(textOf(world, name));
  expect((await world.wo("guardrail", "check")).code).toBe(0);
});

test("without a daemon they are accepted, checked, kept and released the same", async () => {
  const world = await homeWith(OWN);
  const folder = dirname(placeIn(world, DAEMON));
  expect((await world.wo("guardrail", "accept", DAEMON, placeIn(world, GUARDRAIL))).code).toBe(0);
  expect((await world.wo("snapshot")).stdout).toContain(DAEMON);
  rmSync(folder, { recursive: true });
  const check = await world.wo("guardrail", "check");
  expect([check.code, check.stdout]).toEqual([1, expect.stringContaining(`${GUARDRAIL}  missing`)]);
  expect((await world.wo("guardrail", "release", ...OWN)).code).toBe(0);
  expect((await world.wo("guardrail", "check")).code).toBe(0);
  expect(existsSync(folder)).toBe(false);
});

test("the configuration may name any of the user's own, and nothing else outside of the base", async () => {
  const other = `${FOLDER}/other.plist`;
  const world = await homeWith([other], `guardrail: {components: [${other}]}\n`);
  const check = await world.wo("guardrail", "check");
  expect([check.code, check.stdout]).toEqual([1, expect.stringContaining(`${other}  not_accepted`)]);
  expect((await world.wo("guardrail", "accept")).stdout).toContain(`${other}: guarded as it is now`);
  for (const path of ["~/.ssh/id", "/etc/x"]) {
    world.write("wo-bridge.yaml", `version: 1\nguardrail:\n  components:\n    - ${path}\n`);
    const { code, stdout, stderr } = await world.wo("config", "accept");
    expect(code).not.toBe(0);
    expect(stdout + stderr).toContain("wo-bridge.yaml:4:7  guardrail.components[0]: ");
    expect(stdout + stderr).toContain(`or ${FOLDER}/NAME.plist`);
    mkdirSync(join(world.home, ".ssh"), { recursive: true });
    const accept = await world.wo("guardrail", "accept", path);
    expect([accept.code, accept.stdout]).toEqual([2, expect.stringContaining("it is not below the base")]);
  }
});
