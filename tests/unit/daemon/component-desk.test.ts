/** What a person may guard, and what is recorded of it; and what orders may then do to it. */
import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ComponentDesk, filesMatching } from "../../../src/daemon/component-desk.ts";
import { configProblemText, holdTo, readConfig } from "../../../src/daemon/config.ts";
import { sha256 } from "../../../src/platform/ids.ts";
import { agentName, placeOf } from "../../../src/records/component-place.ts";
import { House } from "../../support/house-kit.ts";
import { realFiles } from "../../support/ledger-kit.ts";
import { errorOf, valueOf } from "../../support/results.ts";
import { put, temporaryFolder } from "../../support/temporary-folder.ts";

function deskOf({ kit }: House): ComponentDesk {
  const { files, clock, books, base, settings } = kit;
  return new ComponentDesk({ files, clock, books, base, settings });
}

const AGENT = "~/Library/LaunchAgents/com.02luka.mine.plist";
const OWN = ["com.02luka.wo-bridge", "com.02luka.wo_pipeline_guardrail"].map(agentName);
/** Where an agent lies in the home of a house. */
const inHome = ({ kit }: House, name: string) => placeOf(kit.base, name);
/** A property list that launchd reads. */
const plist = (program: string) => `<?xml version="1.0" encoding="UTF-8"?>
<plist version="1.0"><dict><key>Label</key><string>com.02luka.mine</string><key>Program</key><string>${program}</string></dict></plist>
`;
/** One that starts the daemon of a base. */
const startsUp = (base: string) => `<?xml version="1.0" encoding="UTF-8"?>
<plist version="1.0"><dict><key>EnvironmentVariables</key><dict><key>LUKA_SOT</key><string>${base}</string></dict></dict></plist>
`;

const guardedIn = ({ kit }: House) => kit.books.index.facts.components?.guarded ?? {};

test("a file is guarded with its bytes and rights, who said so, and why; a folder by being there", async () => {
  const house = await House.open();
  chmodSync(put(house.path("tools/a.sh"), "text"), 0o755);
  const answer = await deskOf(house).accept(["tools/a.sh", "tools"], "me", "must stay");
  expect(answer).toMatchObject({ accepted: ["tools/a.sh", "tools"], refused: [] });
  expect(guardedIn(house)).toMatchObject({
    "tools/a.sh": {
      kind: "file",
      mode: 0o755,
      sha256: sha256("text"),
      sizeBytes: 4,
      by: "me",
      content: { text: "text" },
    },
    tools: { kind: "folder" },
  });
});

test("what is as it was accepted is not accepted again, and what has changed is", async () => {
  const house = await House.open();
  const path = put(house.path("a"), "one");
  const desk = deskOf(house);
  await desk.accept(["a"], "me", "");
  const { headSeq } = house.kit.books;
  expect(await desk.accept(["a"], "me", "")).toMatchObject({ accepted: [], unchanged: 1 });
  expect(house.kit.books.headSeq).toBe(headSeq);
  chmodSync(path, 0o600);
  expect(await desk.accept([], "me", "")).toMatchObject({ accepted: ["a"] });
});

test.each([
  ["nothing there", "missing.txt", "it is not there"],
  ["outside of the base", "../x", "it is not below the base"],
  ["the base itself", ".", "it is not below the base"],
  ["the machinery's own", "bridge/inbox/CLC", "bridge is kept by the daemon itself"],
  ["git's own", ".git/config", ".git is kept"],
  ["a link", "link", "it is a link"],
  [
    "what lies elsewhere in the home",
    "~/.ssh/id",
    "it is not below the base, and no ~/Library/LaunchAgents/NAME.plist",
  ],
  ["a LaunchAgent that is not there", "~/Library/LaunchAgents/x.plist", "it is not there"],
])("%s cannot be guarded, and the reason is told", async (_what, path, message) => {
  const house = await House.open();
  symlinkSync("/etc/hosts", house.path("link"));
  const { accepted, refused } = await deskOf(house).accept([path], "me", "");
  expect(accepted).toEqual([]);
  expect(refused).toMatchObject([{ message: expect.stringContaining(message) }]);
  expect(guardedIn(house)).toEqual({});
});

test("a file below a folder that is a link is guarded under the name that it has in the base", async () => {
  const house = await House.open();
  const elsewhere = temporaryFolder();
  put(join(elsewhere, "a.sh"), "text");
  symlinkSync(elsewhere, house.path("tools"));
  expect(await deskOf(house).accept(["tools/a.sh"], "me", "")).toMatchObject({ accepted: ["tools/a.sh"] });
});

test("without paths all that the configuration names is accepted where it is there, by glob too, and what was guarded", async () => {
  const house = await House.open(
    "guardrail: {components: [tools/**/*.sh, gone.txt, {path: x.txt, executable: true}]}\n",
  );
  for (const path of ["tools/a.sh", "tools/b/c.sh", "tools/b/c.txt", "x.txt", "node_modules/tools/d.sh", "mine"])
    put(house.path(path), path);
  const desk = deskOf(house);
  await desk.accept(["mine"], "me", "");
  put(house.path("mine"), "changed");
  const { accepted } = await desk.accept([], "me", "");
  expect(accepted).toEqual(["mine", "tools/a.sh", "tools/b/c.sh", "x.txt"]);
});

test("what is released is guarded no more; what was not guarded is said to be none", async () => {
  const house = await House.open();
  put(house.path("a"), "");
  const desk = deskOf(house);
  await desk.accept(["a"], "me", "");
  expect(await desk.release(["a", "b"], "me", "not needed")).toMatchObject({
    released: ["a"],
    refused: [{ path: "b", message: "it is not guarded" }],
  });
  expect(guardedIn(house)).toEqual({});
});

test("many are accepted in entries of a size that can be read", async () => {
  const house = await House.open();
  const paths = Array.from({ length: 450 }, (_, index) => `many/${index}`);
  for (const path of paths) put(house.path(path), path);
  const { headSeq } = house.kit.books;
  await deskOf(house).accept(paths, "me", "");
  expect([Object.keys(guardedIn(house)).length, house.kit.books.headSeq - headSeq]).toEqual([450, 3]);
});

test("a glob finds files only, and looks nowhere that is git's or the machinery's", () => {
  const base = temporaryFolder();
  for (const path of ["a.sh", "t/b.sh", ".git/c.sh", "bridge/d.sh", "node_modules/e.sh"]) put(join(base, path), "");
  mkdirSync(join(base, "f.sh"));
  expect(filesMatching(realFiles, base, "**/*.sh").toSorted()).toEqual(["a.sh", "t/b.sh"]);
});

test("an order that writes a component says what it has to be from then on", async () => {
  const house = await House.open();
  put(house.path("a.txt"), "old");
  await deskOf(house).accept(["a.txt"], "me", "");
  await house.carryOut({ wo_id: "WO-1", files: { "a.txt": "new" } });
  expect(guardedIn(house)["a.txt"]).toMatchObject({ sha256: sha256("new"), content: { text: "new" }, by: "WO-1" });
});

test.each([
  ["deletes", { files: [{ path: "a.txt", delete: true }] }],
  ["moves", { files: [{ path: "a.txt", move: "b.txt" }] }],
])("an order that %s a component fails, unless it says that it may", async (_what, order) => {
  const house = await House.open();
  put(house.path("a.txt"), "text");
  await deskOf(house).accept(["a.txt"], "me", "");
  const failed = await house.carryOut({ wo_id: "WO-1", ...order });
  expect(failed).toMatchObject({ status: "failed", failure: { class: "policy", code: "component_guarded" } });
  expect(house.read("a.txt")).toBe("text");
  expect(await house.carryOut({ wo_id: "WO-2", allow_delete: true, ...order })).toMatchObject({ status: "done" });
  expect([house.read("a.txt"), guardedIn(house)]).toEqual([undefined, {}]);
});

test("what the tree wishes of the guardrail takes effect only where it makes it stricter", () => {
  const config = (text: string) => valueOf(readConfig(Buffer.from(text)));
  const held = holdTo(
    config("guardrail: {everyMs: 5000}\n"),
    config("guardrail: {everyMs: 9000, heal: all, graceMs: 1}\n"),
  );
  expect(held.config.guardrail).toMatchObject({ everyMs: 5000, heal: "missing", graceMs: 1500 });
  expect(held.pending).toEqual([
    "guardrail.everyMs: 5000 → 9000",
    "guardrail.heal: missing → all",
    "guardrail.graceMs: 1500 → 1",
  ]);
  expect(holdTo(config(""), config("guardrail: {everyMs: 1000}\n")).config.guardrail.everyMs).toBe(1000);
});

test.each(["/etc/passwd", "~/x", "~/.ssh/id", "~/Library/LaunchAgents/*.plist", "../x", "a/../../x", ""])(
  "%j is no component of a base, and where it says so is told",
  (path) => {
    const read = readConfig(Buffer.from(`guardrail:\n  components:\n    - a.txt\n    - ${JSON.stringify(path)}\n`));
    const [text] = errorOf(read).map(configProblemText);
    expect(text).toContain("wo-bridge.yaml:4:7  guardrail.components");
    if (path !== "") expect(text).toContain("or ~/Library/LaunchAgents/NAME.plist");
  },
);

test("a LaunchAgent is guarded under the name that it has in any home, however it is typed", async () => {
  const house = await House.open();
  chmodSync(put(inHome(house, AGENT), "text"), 0o644);
  const desk = deskOf(house);
  expect(await desk.accept([inHome(house, AGENT)], "me", "")).toMatchObject({ accepted: [AGENT], refused: [] });
  expect(await desk.accept([AGENT], "me", "")).toMatchObject({ accepted: [], unchanged: 1 });
  expect(guardedIn(house)).toMatchObject({ [AGENT]: { kind: "file", mode: 0o644, content: { text: "text" } } });
  expect(JSON.stringify(house.entries)).not.toContain(house.kit.base.home);
  writeFileSync(inHome(house, AGENT), "written again");
  expect(await desk.accept([AGENT], "me", "")).toMatchObject({ accepted: [AGENT] });
  expect(guardedIn(house)[AGENT]).toMatchObject({ sha256: sha256("written again") });
  expect(await desk.snapshot([AGENT], "me", "")).toMatchObject({ kept: [AGENT] });
  expect(await desk.release([inHome(house, AGENT)], "me", "")).toMatchObject({ released: [AGENT] });
});

test("a linked LaunchAgent, and a folder that is called like one, cannot be guarded", async () => {
  const house = await House.open();
  mkdirSync(inHome(house, AGENT), { recursive: true });
  symlinkSync("/etc/hosts", inHome(house, OWN[0] ?? ""));
  const { accepted, refused } = await deskOf(house).accept([AGENT, ...OWN.slice(0, 1)], "me", "");
  expect([accepted, refused.map(({ message }) => message)]).toEqual([
    [],
    ["it is a folder, and no property list", "it is a link"],
  ]);
});

test("our own LaunchAgents are accepted where they are there and no list is configured; once accepted, also where one is", async () => {
  const house = await House.open();
  expect(await deskOf(house).accept([], "me", "")).toMatchObject({ accepted: [], refused: [] });
  for (const name of OWN) put(inHome(house, name), startsUp(house.kit.base.path));
  expect(await deskOf(house).accept([], "me", "")).toMatchObject({ accepted: OWN });
  const other = await House.open("guardrail: {components: [a.txt, ~/Library/LaunchAgents/com.02luka.mine.plist]}\n");
  for (const name of [...OWN, AGENT]) put(inHome(other, name), "text");
  expect(await deskOf(other).accept([], "me", "")).toMatchObject({ accepted: [AGENT] });
  await deskOf(other).accept(OWN, "me", "");
  for (const name of OWN) writeFileSync(inHome(other, name), startsUp(other.kit.base.path));
  expect(await deskOf(other).accept([], "me", "")).toMatchObject({ accepted: OWN, unchanged: 1 });
  // What has become another base's is accepted by nobody who does not name it.
  for (const name of OWN) writeFileSync(inHome(other, name), startsUp(tmpdir()));
  expect(await deskOf(other).accept([], "me", "")).toMatchObject({ accepted: [], unchanged: 1 });
});

test.each([
  ["starts up another base", startsUp(tmpdir())],
  ["cannot be read", "text"],
])("one of our names that %s is not accepted unless it is named", async (_what, text) => {
  const house = await House.open();
  for (const name of OWN) put(inHome(house, name), text);
  expect(await deskOf(house).accept([], "me", "")).toMatchObject({ accepted: [], refused: [] });
  expect(await deskOf(house).accept(OWN, "me", "")).toMatchObject({ accepted: OWN });
});

test("an order that writes a guarded LaunchAgent says what it has to be; one that deletes it has to say that it may", async () => {
  const house = await House.open();
  put(inHome(house, AGENT), plist("/bin/old"));
  await deskOf(house).accept([AGENT], "me", "");
  await house.carryOut({ wo_id: "WO-1", files: { [AGENT]: plist("/bin/new") } });
  expect(guardedIn(house)[AGENT]).toMatchObject({ sha256: sha256(plist("/bin/new")), by: "WO-1" });
  const failed = await house.carryOut({ wo_id: "WO-2", files: [{ path: AGENT, delete: true }] });
  expect(failed).toMatchObject({ status: "failed", failure: { code: "component_guarded" } });
  await house.carryOut({ wo_id: "WO-3", allow_delete: true, files: [{ path: AGENT, delete: true }] });
  expect(guardedIn(house)).toEqual({});
});

test("an accepted component whose file is gone can be released", async () => {
  const house = await House.open();
  put(house.path("a"), "");
  const desk = deskOf(house);
  await desk.accept(["a"], "me", "");
  rmSync(house.path("a"));
  expect(await desk.release(["a"], "me", "")).toMatchObject({ released: ["a"], refused: [] });
});

test("a snapshot keeps files as they are, guards nothing, and says what it could not keep", async () => {
  const house = await House.open();
  put(house.path("a"), "one");
  mkdirSync(house.path("folder"));
  const answer = await deskOf(house).snapshot(["a", "folder", "none"], "me", "before the move");
  expect(answer).toEqual({
    kept: ["a"],
    refused: [
      { path: "none", message: "it is not there" },
      { path: "folder", message: "it is a folder: name the files in it" },
    ],
  });
  expect(guardedIn(house)).toEqual({});
  expect(house.entries.at(-1)).toMatchObject({
    event: "snapshot_taken",
    by: "me",
    why: "before the move",
    files: [{ path: "a", sha256: sha256("one"), content: { text: "one" } }],
  });
});
