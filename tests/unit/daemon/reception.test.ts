/** What becomes of a claim: new, known, or nothing that may be taken; decided before the order is ours. */
import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Claim } from "../../../src/bridge/intake.ts";
import { Settler } from "../../../src/bridge/settle.ts";
import { backlogLine } from "../../../src/daemon/attach.ts";
import type { FindSecrets } from "../../../src/daemon/order-reader.ts";
import { type Admission, Reception } from "../../../src/daemon/reception.ts";
import { Signatures } from "../../../src/daemon/signatures.ts";
import { placeRules, routerOf } from "../../../src/daemon/surroundings.ts";
import { readOrder } from "../../../src/orders/read-order.ts";
import { systemDisk } from "../../../src/platform/disk.ts";
import { Files } from "../../../src/platform/files.ts";
import { GitTracking } from "../../../src/platform/git.ts";
import { inlinePublisher } from "../../../src/platform/publisher.ts";
import { err } from "../../../src/platform/result.ts";
import { loadSecretRules } from "../../../src/platform/secrets.ts";
import { refusingDisk } from "../../support/disks.ts";
import { happened } from "../../support/events.ts";
import { turn } from "../../support/hand-clock.ts";
import { doing, House, writing } from "../../support/house-kit.ts";
import { findSecrets, place } from "../../support/parts-kit.ts";
import { given, thrownBy } from "../../support/results.ts";
import { AWS_ID, GITHUB_TOKEN } from "../../support/secrets.ts";
import { put } from "../../support/temporary-folder.ts";

const { started, completed, settled } = happened;

interface Wish {
  readonly config?: string;
  readonly backlog?: (house: House) => readonly string[];
  readonly disk?: ReturnType<typeof refusingDisk>;
  readonly secrets?: FindSecrets;
}

async function open({ config = "", backlog = () => [], disk = systemDisk, secrets = findSecrets }: Wish = {}) {
  const house = await House.open(config);
  const { base, books, clock, ground, settings, parts } = house.kit;
  const files = new Files(disk, clock);
  const reception = new Reception({
    files,
    books,
    router: routerOf(parts.folders, () => settings.config),
    clock,
    readOrder: async (bytes, stem) => readOrder(bytes, stem),
    settler: new Settler(files, inlinePublisher(files), parts.folders),
    git: new GitTracking(files, clock, parts.folders.inbox),
    config: () => settings.config,
    placeRules: (lane) => placeRules({ ...ground, files }, base, settings.config, lane),
    findSecrets: secrets,
    place,
    secretRules: loadSecretRules(),
    signatures: new Signatures({ files, vault: base.vault, signers: () => settings.signers }),
    noSandbox: () => undefined,
    backlog: new Set(backlog(house)),
  });
  return { house, reception };
}

/** The admission in one line. */
function say(admission: Admission): string {
  switch (admission.kind) {
    case "new":
      return `new ${admission.order.id}${admission.wait === undefined ? "" : `, waits: ${admission.wait.reason}`}`;
    case "own":
      return `own ${admission.record.id}`;
    case "duplicate":
      return `duplicate of ${admission.of.id}`;
    case "rejected":
      return `rejected: ${admission.problems.map(({ code, key }) => [code, key].join(" ").trim()).join(", ")}`;
  }
}

test("a new order is admitted with all that the ledger has to know of it", async () => {
  const { house, reception } = await open();
  const claim = house.claim("a.json", writing("WO-1", { title: "T", priority: "high" }));
  const admission = await reception.admit(claim);
  expect(admission).toMatchObject({ kind: "new", wait: undefined, order: { id: "WO-1" } });
  expect(admission.kind === "new" && admission.accepted).toMatchObject({
    event: "wo_accepted",
    wo_id: "WO-1",
    lane: "CLC",
    claim: claim.claim,
    name: "a.json",
    sha256: claim.content?.sha256,
    size_bytes: claim.content?.bytes.length,
    source: { text: claim.content?.bytes.toString() },
    title: "T",
    priority: "P1",
    raw_priority: "high",
    file_actions: 1,
    commands: 0,
  });
  expect(admission.kind === "new" && [...admission.places.keys()]).toEqual(["WO-1.txt"]);
});

test("what is no order is rejected with the problems that it has", async () => {
  const { house, reception } = await open();
  expect(say(await reception.admit(house.claim("a.yaml", "files: 3\n")))).toBe("rejected: wrong_type files");
});

test("every path that may not be touched is told, each where it stands in the file", async () => {
  const { house, reception } = await open();
  const text = "wo_id: WO-1\nfiles:\n  ok: x\n  ../out: x\n  bridge/inbox/CLC/x.yaml: x\n";
  const admission = await reception.admit(house.claim("a.yaml", text));
  expect(admission).toMatchObject({
    kind: "rejected",
    id: "WO-1",
    problems: [
      { code: "path_refused", place: { line: 4 } },
      { code: "path_refused", place: { line: 5 } },
    ],
  });
});

test.each<readonly [string, (claim: Claim) => Claim, string]>([
  ["whose file was claimed for it, is its own", (claim) => claim, "own WO-1"],
  ["whose claimed file is lost, is its own", (claim) => ({ ...claim, claim: "another" }), "own WO-1"],
])("a file with the content of an order %s", async (_what, bend, expected) => {
  const { house, reception } = await open();
  const record = await house.accepted(writing("WO-1"));
  const claim = house.claim("WO-1.json", writing("WO-1"));
  rmSync(house.path(`bridge/inbox/CLC/.claimed/${record.claim}`));
  expect(say(await reception.admit(bend({ ...claim, claim: record.claim })))).toBe(expected);
});

test("a file with the content of an order that still has its own file is a duplicate", async () => {
  const { house, reception } = await open();
  await house.accepted(writing("WO-1"));
  expect(say(await reception.admit(house.claim("WO-1.json", writing("WO-1"))))).toBe("duplicate of WO-1");
});

test("a file with the content of an order that is settled is a duplicate", async () => {
  const { house, reception } = await open();
  await house.accepted(writing("WO-1"), started, completed, settled);
  expect(say(await reception.admit(house.claim("WO-1.json", writing("WO-1"))))).toBe("duplicate of WO-1");
});

test("an order without an id is known again by its name and content together", async () => {
  const { house, reception } = await open();
  const admission = await reception.admit(house.claim("WO-1.json", { files: { a: "x" } }));
  if (admission.kind === "new") await house.kit.books.append([admission.accepted]);
  reception.release("WO-1");
  expect(say(admission)).toBe("new WO-1");
  expect(say(await reception.admit(house.claim("WO-1.json", { files: { a: "x" } })))).toBe("duplicate of WO-1");
});

test.each(["WO-1", "wo-1"])("the id %s with other content is a conflict, and the way out is told", async (id) => {
  const { house, reception } = await open();
  await house.accepted(writing("WO-1"));
  const admission = await reception.admit(house.claim("b.json", { wo_id: id, files: { b: "y" } }));
  expect(say(admission)).toBe("rejected: content_conflict");
  expect(admission.kind === "rejected" && admission.problems[0]?.hint).toContain(`supersedes: ${id}`);
});

test("a file name is no promise: the same name with other content is another order, known again by its content", async () => {
  const { house, reception } = await open();
  await house.accepted({ ...writing("WO-1") });
  const claim = house.claim("WO-1.json", { files: { b: "y" } });
  const admission = await reception.admit(claim);
  const id = `WO-1.${claim.content?.sha256.slice(0, 8)}`;
  expect(say(admission)).toBe(`new ${id}`);
  if (admission.kind === "new") await house.kit.books.append([admission.accepted]);
  reception.release(id);
  expect(say(await reception.admit(house.claim("WO-1.json", { files: { b: "y" } })))).toBe(`duplicate of ${id}`);
});

test.each([
  ["the same content is a duplicate", writing("WO-1"), "duplicate of WO-1"],
  ["other content is a conflict", writing("wo-1", { title: "other" }), "rejected: content_conflict"],
])("of two files with one id at once the second one waits for the first: %s", async (_what, second, expected) => {
  const { house, reception } = await open();
  const first = await reception.admit(house.claim("a.json", writing("WO-1")));
  let said = "";
  const waits = reception.admit(house.claim("b.json", second)).then((admission) => (said = say(admission)));
  await turn();
  expect(said).toBe("");
  if (first.kind === "new") await house.kit.books.append([first.accepted]);
  reception.release("WO-1");
  await waits;
  expect(said).toBe(expected);
});

test("an id that was never recorded is free for the next one", async () => {
  const { house, reception } = await open();
  await reception.admit(house.claim("a.json", writing("WO-1")));
  const next = reception.admit(house.claim("b.json", writing("WO-1")));
  reception.release("WO-1");
  expect(say(await next)).toBe("new WO-1");
});

test("an order cannot take its own place", async () => {
  const { house, reception } = await open();
  expect(say(await reception.admit(house.claim("a.json", writing("WO-1", { supersedes: "wo-1" }))))).toBe(
    "rejected: bad_id supersedes",
  );
});

test("what lay in the inbox when the base was attached waits, a later file of its name does not", async () => {
  let line = "";
  const { house, reception } = await open({ backlog: () => [line] });
  const claim = house.claim("a.json", writing("WO-1"));
  line = backlogLine("CLC", "a.json", claim.info);
  const { reception: knowing } = await open({ backlog: () => [line] });
  expect(say(await knowing.admit(claim))).toBe("new WO-1, waits: backlog");
  expect(say(await reception.admit(claim))).toBe("new WO-1");
});

test.each([
  ["runs commands waits", "", doing("WO-1", ["ls"]), "new WO-1, waits: from_git"],
  ["runs commands runs where that is allowed", "intake: {fromGit: run}\n", doing("WO-1", ["ls"]), "new WO-1"],
  ["only writes files runs", "", writing("WO-1"), "new WO-1"],
])("an order whose file is in git and that %s", async (_what, config, order, expected) => {
  const { house, reception } = await open({ config });
  const git = (...words: string[]) => execFileSync("git", ["-C", house.kit.base.path, ...words], { stdio: "pipe" });
  put(house.path("bridge/inbox/CLC/a.json"), "x");
  git("init", "-q");
  git("add", "bridge");
  expect(say(await reception.admit(house.claim("a.json", order)))).toBe(expected);
});

test("a lane that runs no commands refuses an order that has some", async () => {
  const { house, reception } = await open({ config: "lanes: {CLC: {mode: files-only}}\n" });
  expect(say(await reception.admit(house.claim("a.json", doing("WO-1", ["ls"]))))).toBe(
    "rejected: lane_refuses_commands steps[0]",
  );
  expect(say(await reception.admit(house.claim("b.json", writing("WO-1"))))).toBe("new WO-1");
});

test.each([
  ["clc", "new WO-1", { lane: "CLC", routed_from: "ENTRY" }],
  ["held", "new WO-1, waits: held_lane", { lane: "HELD", routed_from: "ENTRY" }],
  ["lac", "new WO-1, waits: no_route", { lane: "ENTRY" }],
])("an order that was dropped where orders are passed on and asks for %s is %s", async (target, said, fields) => {
  const { house, reception } = await open({ config: "lanes: {HELD: {mode: hold}}\n" });
  const admission = await reception.admit(house.claim("a.json", writing("WO-1", { target }), "ENTRY"));
  expect(say(admission)).toBe(said);
  const { lane, routed_from } = admission.kind === "new" ? admission.accepted : {};
  expect({ lane, ...(routed_from === undefined ? {} : { routed_from }) }).toEqual(fields);
});

test("the lane that an order is passed on to refuses it, and is named", async () => {
  const { house, reception } = await open({ config: "lanes: {FILES: {mode: files-only}}\n" });
  const admission = await reception.admit(house.claim("a.json", doing("WO-1", ["ls"], { target: "files" }), "ENTRY"));
  expect(admission).toMatchObject({
    kind: "rejected",
    problems: [{ code: "lane_refuses_commands", message: expect.stringContaining("passed on to lane FILES: ") }],
  });
});

test("a file that was passed on and is in the inbox again is its order's own; a second one is a duplicate", async () => {
  const { house, reception } = await open();
  const order = writing("WO-1", { target: "CLC" });
  const first = house.claim("WO-1.json", order, "ENTRY");
  const admission = await reception.admit(first);
  if (admission.kind === "new") await house.kit.books.append([admission.accepted]);
  reception.release("WO-1");
  expect(say(await reception.admit(house.claim("WO-1.json", order, "CLC")))).toBe("duplicate of WO-1");
  rmSync(first.path);
  expect(say(await reception.admit(house.claim("WO-1.json", order, "CLC")))).toBe("duplicate of WO-1");
  expect(say(await reception.admit(house.claim("WO-1.json", order, "ENTRY")))).toBe("own WO-1");
});

test("a path that only lanes with commands may write does not keep an order from waiting for its lane", async () => {
  const { house, reception } = await open({ config: "lanes: {FILES: {mode: files-only}}\n" });
  const order = (id: string, target: string) => ({
    wo_id: id,
    target,
    files: { "~/Library/LaunchAgents/com.02luka.x.plist": "x" },
  });
  const admit = async (id: string, target: string) =>
    say(await reception.admit(house.claim(`${id}.json`, order(id, target), "ENTRY")));
  expect(await admit("WO-1", "nobody")).toBe("new WO-1, waits: no_route");
  expect(await admit("WO-2", "CLC")).toBe("new WO-2");
  expect(await admit("WO-3", "FILES")).toMatch(/^rejected: path_refused/);
});

test("a place that may not be looked into is told as the order's problem, and its id is free again", async () => {
  const { house, reception } = await open({ disk: refusingDisk("realPath", "EACCES", { nth: 1 }) });
  mkdirSync(join(house.kit.base.path, "d"));
  const claim = house.claim("a.json", { wo_id: "WO-1", files: { "d/x": "x" } });
  expect(say(await reception.admit(claim))).toBe("rejected: disk_refused");
  expect(say(await reception.admit(claim))).toBe("new WO-1");
});

test("a disk without handles left is no fault of the order: it is thrown, and the id is free again", async () => {
  const { house, reception } = await open({ disk: refusingDisk("realPath", "EMFILE", { nth: 1 }) });
  const claim = house.claim("a.json", { wo_id: "WO-1", files: { "d/x": "x" } });
  expect(await thrownBy(() => reception.admit(claim))).toMatchObject({ code: "TOO_MANY_FILES" });
  expect(say(await reception.admit(claim))).toBe("new WO-1");
  expect(given(claim.content).sha256).toHaveLength(64);
});

test.each([
  ["in a content", writing("WO-1", { files: { a: AWS_ID } }), "WO-1"],
  ["in a command", doing("WO-1", [`echo ${AWS_ID}`]), "WO-1"],
  ["in what nothing is done with", writing("WO-1", { x_notes: AWS_ID }), "WO-1"],
  ["in its own id", writing(GITHUB_TOKEN, { files: { a: "x" } }), undefined],
])("an order with a secret %s is rejected, and told of without it", async (_what, order, id) => {
  const { house, reception } = await open();
  const admission = await reception.admit(house.claim("a.json", order));
  expect(admission).toMatchObject({ kind: "rejected", id, problems: [{ code: "secret_found" }] });
  expect(JSON.stringify(admission)).not.toMatch(new RegExp(`${AWS_ID}|${GITHUB_TOKEN}`));
});

test("a lane that allows secrets takes them in; what it rejects for another reason shows none", async () => {
  const { house, reception } = await open({ config: "lanes: {CLC: {secrets: allow}}\n" });
  expect(say(await reception.admit(house.claim("a.json", writing("WO-1", { files: { a: AWS_ID } }))))).toBe("new WO-1");
  for (const files of [{ [`../${AWS_ID}`]: "x" }, [{ path: "a", contnet: AWS_ID }]]) {
    const admission = await reception.admit(house.claim("b.json", { wo_id: "WO-2", files }));
    expect(admission).toMatchObject({ kind: "rejected", problems: [{ frame: expect.stringContaining("****") }] });
    expect(JSON.stringify(admission)).not.toContain(AWS_ID);
  }
});

test("an order that was accepted stays ours when its lane allows secrets no more", async () => {
  const { house, reception } = await open();
  const record = await house.accepted(writing("WO-1", { files: { a: AWS_ID } }));
  const claim = house.claim("WO-1.json", writing("WO-1", { files: { a: AWS_ID } }));
  expect(say(await reception.admit({ ...claim, claim: record.claim }))).toBe("own WO-1");
});

test.each([
  ["an order", writing("WO-1")],
  ["no order", { files: 5, token: AWS_ID }],
])("of %s that could not be looked through nothing is told but that", async (_what, content) => {
  const problem = { code: "too_slow", message: "too slow" } as const;
  const { house, reception } = await open({ secrets: async () => err(problem) });
  const admission = await reception.admit(house.claim("a.json", content));
  expect(admission).toEqual({ kind: "rejected", problems: [problem], id: undefined });
});

test("a command that is refused is told with its place", async () => {
  const config = 'policy: {commands: {deny: [{pattern: "git push *", reason: people push}]}}\n';
  const { house, reception } = await open({ config });
  const text = "wo_id: WO-1\nsteps:\n  - run: ls\n  - run: git push\n";
  const admission = await reception.admit(house.claim("a.yaml", text));
  expect(admission).toMatchObject({
    kind: "rejected",
    problems: [{ code: "command_refused", key: "steps[1]", place: { line: 4 } }],
  });
});

test("all that the policy has against an order is told at once, whatever kind it is of", async () => {
  const config = "policy: {maxFiles: 1, commands: {deny: [{pattern: git push *, reason: people push}]}}\n";
  const { house, reception } = await open({ config });
  const text = `wo_id: WO-1\nsupersedes: WO-1\nfiles:\n  ok: ${GITHUB_TOKEN}\n  ../out: x\nsteps:\n  - run: ls\n  - run: git push\n`;
  const admission = await reception.admit(house.claim("a.yaml", text));
  const problems = admission.kind === "rejected" ? admission.problems : [];
  expect(problems.map(({ code, place: at }) => `${code} ${at?.line}`)).toEqual([
    "secret_found 4",
    "bad_id 2",
    "path_refused 5",
    "command_refused 8",
    "too_many_files 5",
  ]);
  expect(JSON.stringify(problems)).not.toContain(GITHUB_TOKEN);
});

test("a secret in a file's name is refused with all else, and told under a name without it", async () => {
  const { house, reception } = await open();
  const name = `for-${GITHUB_TOKEN}.json`;
  const admission = await reception.admit(house.claim(name, { files: { "../x": "y" } }));
  expect(say(admission)).toBe("rejected: secret_found, path_refused files.../x");
  expect(admission).toMatchObject({ id: undefined, tellable: { name: "for-SECRET.json" } });
  const { order: _order, path: _path, ...tellable } = admission.kind === "rejected" ? (admission.tellable ?? {}) : {};
  expect(JSON.stringify({ ...admission, tellable })).not.toContain(GITHUB_TOKEN);
});

test("an order that only its file's name refuses leaves its id to others", async () => {
  const { house, reception } = await open();
  const refused = await reception.admit(house.claim(`${AWS_ID}.json`, writing("WO-1")));
  expect(say(refused)).toBe("rejected: secret_found");
  expect(say(await reception.admit(house.claim("a.json", writing("WO-1", { title: "again" }))))).toBe("new WO-1");
});

test("where a lane allows secrets a name may hold one", async () => {
  const { house, reception } = await open({ config: "lanes: {CLC: {secrets: allow}}\n" });
  expect(say(await reception.admit(house.claim(`${AWS_ID}.json`, writing("WO-1"))))).toBe("new WO-1");
});
