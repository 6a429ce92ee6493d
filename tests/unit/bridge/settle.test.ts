/** Where files come to lie in the end; settling again, after any crash, never loses, doubles or replaces one. */
import { mkdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { basename, join } from "node:path";
import { expect, test } from "vitest";
import type { Claim } from "../../../src/bridge/intake.ts";
import { BridgeFolders } from "../../../src/bridge/lanes.ts";
import { Settler } from "../../../src/bridge/settle.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { type Disk, systemDisk } from "../../../src/platform/disk.ts";
import { Files } from "../../../src/platform/files.ts";
import { sha256 } from "../../../src/platform/ids.ts";
import { inlinePublisher } from "../../../src/platform/publisher.ts";
import { everyCut, powerCutDisk } from "../../support/disks.ts";
import { happened, recordAfter, ULID } from "../../support/events.ts";
import { put, temporaryFolder, treeOf } from "../../support/temporary-folder.ts";

const RECORD = recordAfter([happened.started, happened.completed]);
const CLAIM = `bridge/inbox/CLC/.claimed/${ULID}~WO-1.yaml`;
const CLAIM_FOLDER = "bridge/inbox/CLC/.claimed";
const PROCESSED = "bridge/processed/CLC/202601";

function kit(disk: Disk = systemDisk, base = temporaryFolder()) {
  const files = new Files(disk, systemClock);
  const settler = new Settler(files, inlinePublisher(files), new BridgeFolders(files, base, 0));
  return { base, settler, source: () => Buffer.from("from the ledger") };
}

function claimOf(base: string, name = "bad.yaml"): Claim {
  const claim = `${ULID}~${name}`;
  const lane = { name: "CLC", folder: join(base, "bridge/inbox/CLC") };
  const path = put(join(lane.folder, ".claimed", claim), "as dropped");
  const info = new Files(systemDisk, systemClock).info(path);
  if (info === undefined) throw new Error("it was just written");
  const problem = { code: "bad_id", message: "no id", hint: "give it one" } as const;
  return { lane, name, claim, path, info, order: { ok: false, error: [problem] } };
}

test("the file of an order at rest is moved as it was dropped, under its own name, by month", async () => {
  const { base, settler, source } = kit();
  put(join(base, CLAIM), "as dropped");
  expect(await settler.settle(RECORD, source)).toBe(`${PROCESSED}/WO-1.yaml`);
  expect(treeOf(base)).toEqual({ "bridge/inbox/CLC/.claimed/": "", [`${PROCESSED}/WO-1.yaml`]: "as dropped" });
});

test("the file of an order that was passed on is found where it was dropped, and comes to lie with its lane", async () => {
  const { base, settler, source } = kit();
  put(join(base, CLAIM), "as dropped");
  expect(await settler.settle({ ...RECORD, lane: "LAC", routedFrom: "CLC" }, source)).toBe(
    "bridge/processed/LAC/202601/WO-1.yaml",
  );
  expect(treeOf(base)).toEqual({
    "bridge/inbox/CLC/.claimed/": "",
    "bridge/processed/LAC/202601/WO-1.yaml": "as dropped",
  });
});

test("a name that is taken becomes ~2, then ~3; what lies there stays", async () => {
  const { base, settler, source } = kit();
  const places: string[] = [];
  for (const text of ["first", "second", "third"]) {
    put(join(base, CLAIM), text);
    places.push(await settler.settle(RECORD, source));
  }
  expect(places).toEqual(["WO-1.yaml", "WO-1~2.yaml", "WO-1~3.yaml"].map((name) => `${PROCESSED}/${name}`));
  expect(treeOf(join(base, PROCESSED))).toEqual({
    "WO-1.yaml": "first",
    "WO-1~2.yaml": "second",
    "WO-1~3.yaml": "third",
  });
});

test("a file that vanished is put there from the ledger, never over another's", async () => {
  const { base, settler, source } = kit();
  put(join(base, PROCESSED, "WO-1.yaml"), "another's");
  expect(await settler.settle(RECORD, source)).toBe(`${PROCESSED}/WO-1~2.yaml`);
  expect(treeOf(join(base, PROCESSED))).toEqual({ "WO-1.yaml": "another's", "WO-1~2.yaml": "from the ledger" });
});

test("an order that was settled before is left where it lies, however often it is settled again", async () => {
  const { base, settler, source } = kit();
  const settledTo = `${PROCESSED}/WO-1~2.yaml`;
  put(join(base, settledTo), "as dropped");
  for (const _ of [1, 2]) expect(await settler.settle({ ...RECORD, settledTo }, source)).toBe(settledTo);
  expect(treeOf(base)).toEqual({ [settledTo]: "as dropped" });
});

test("a settling that a crash kept from being told of is done again without a second file", async () => {
  const { base, settler } = kit();
  const content = Buffer.from("as dropped");
  const record = { ...RECORD, sha256: sha256(content), sizeBytes: content.length };
  put(join(base, CLAIM), content);
  for (const _ of [1, 2]) expect(await settler.settle(record, () => content)).toBe(`${PROCESSED}/WO-1.yaml`);
  expect(treeOf(join(base, PROCESSED))).toEqual({ "WO-1.yaml": "as dropped" });
});

test("of two orders' files with one name, the second one is known again under its number", async () => {
  const { base, settler } = kit();
  const content = Buffer.from("as dropped");
  const record = { ...RECORD, sha256: sha256(content), sizeBytes: content.length };
  put(join(base, PROCESSED, "WO-1.yaml"), "another's");
  for (const _ of [1, 2]) expect(await settler.settle(record, () => content)).toBe(`${PROCESSED}/WO-1~2.yaml`);
  expect(treeOf(join(base, PROCESSED))).toEqual({ "WO-1.yaml": "another's", "WO-1~2.yaml": "as dropped" });
});

test("an order whose settled file was wiped gets it back from the ledger", async () => {
  const { base, settler, source } = kit();
  expect(await settler.settle({ ...RECORD, settledTo: `${PROCESSED}/WO-1.yaml` }, source)).toBe(
    `${PROCESSED}/WO-1.yaml`,
  );
  expect(treeOf(base)).toEqual({ [`${PROCESSED}/WO-1.yaml`]: "from the ledger" });
});

test("a lane that is a link is settled through it", async () => {
  const { base, settler, source } = kit();
  const elsewhere = temporaryFolder();
  mkdirSync(join(base, "bridge", "inbox"), { recursive: true });
  symlinkSync(elsewhere, join(base, "bridge", "inbox", "CLC"));
  put(join(elsewhere, ".claimed", RECORD.claim), "as dropped");
  expect(readFileSync(settler.claimPath(RECORD), "utf8")).toBe("as dropped");
  await settler.settle(RECORD, source);
  expect(treeOf(elsewhere)).toEqual({ ".claimed/": "" });
});

test("power that goes while a file is settled leaves it in one place after the next start", async () => {
  const whole = powerCutDisk(undefined);
  const first = kit(whole.disk);
  put(join(first.base, CLAIM), "as dropped");
  await first.settler.settle(RECORD, first.source);
  for (const cut of everyCut(whole.calls)) {
    const { base, settler, source } = kit(powerCutDisk(cut).disk);
    put(join(base, CLAIM), "as dropped");
    await settler.settle(RECORD, source).catch(() => undefined);
    await kit(systemDisk, base).settler.settle({ ...RECORD, settledTo: `${PROCESSED}/WO-1.yaml` }, source);
    expect({ cut, tree: treeOf(join(base, PROCESSED)) }).toEqual({ cut, tree: { "WO-1.yaml": "as dropped" } });
  }
  expect(whole.calls.length).toBeGreaterThan(3);
});

test("what is no order lies in error, its problems beside it", async () => {
  const { base, settler } = kit();
  const claim = claimOf(base);
  const problems = claim.order.ok ? [] : claim.order.error;
  expect(await settler.reject(claim, problems)).toBe("bridge/error/CLC/bad.yaml");
  const tree = treeOf(join(base, "bridge/error/CLC"));
  expect(tree["bad.yaml"]).toBe("as dropped");
  expect(JSON.parse(tree["bad.yaml.error.json"] ?? "")).toEqual({ v: 1, file: "bad.yaml", lane: "CLC", problems });
});

test("a second file of a rejected one's name gets problems of its own", async () => {
  const { base, settler } = kit();
  for (const _ of [1, 2]) await settler.reject(claimOf(base), []);
  expect(Object.keys(treeOf(join(base, "bridge/error/CLC"))).toSorted()).toEqual([
    "bad.yaml",
    "bad.yaml.error.json",
    "bad~2.yaml",
    "bad~2.yaml.error.json",
  ]);
});

test("a rejected file that somebody took away leaves its problems", async () => {
  const { base, settler } = kit();
  const claim = claimOf(base);
  rmSync(claim.path);
  await settler.reject(claim, []);
  expect(Object.keys(treeOf(join(base, "bridge/error/CLC")))).toEqual(["bad.yaml.error.json"]);
});

test("a duplicate is put aside with the processed ones", async () => {
  const { base, settler } = kit();
  put(join(base, PROCESSED, "bad.yaml"), "the first one");
  expect(await settler.putAside(claimOf(base), "2026-01-05T00:00:00.000Z")).toBe(`${PROCESSED}/bad~2.yaml`);
});

test("a claimed file that a power cut brought back beside its settled copy goes; only the copy stays", async () => {
  const { base, settler, source } = kit();
  const record = { ...RECORD, sha256: sha256("as dropped"), settledTo: `${PROCESSED}/WO-1.yaml` };
  put(join(base, CLAIM), "as dropped");
  put(join(base, PROCESSED, "WO-1.yaml"), "as dropped");
  expect(await settler.settle(record, source)).toBe(`${PROCESSED}/WO-1.yaml`);
  expect(treeOf(base)).toEqual({ "bridge/inbox/CLC/.claimed/": "", [`${PROCESSED}/WO-1.yaml`]: "as dropped" });
});

test.each([
  ["the same content is the order's own, and settles", "as dropped", {}],
  ["other content stays where it is", "another", { "bridge/inbox/CLC/WO-1.yaml": "another" }],
])("where the claim is gone, a file of the order's name in the inbox with %s", async (_what, text, left) => {
  const { base, settler } = kit();
  put(join(base, "bridge/inbox/CLC/WO-1.yaml"), text);
  const record = { ...RECORD, sha256: sha256("as dropped") };
  expect(await settler.settle(record, () => Buffer.from("as dropped"))).toBe(`${PROCESSED}/WO-1.yaml`);
  const { [`${PROCESSED}/WO-1.yaml`]: copy, "bridge/inbox/CLC/": _folder, ...rest } = treeOf(base);
  expect([copy, rest]).toEqual(["as dropped", left]);
});

test.each([
  ["in processed/ alone", [PROCESSED]],
  ["there already", [CLAIM_FOLDER]],
  ["in both, after a power cut", [PROCESSED, CLAIM_FOLDER]],
])(
  "the file of an order that waits once more lies with those that wait, wherever it was: %s",
  async (_what, places) => {
    const { base, settler } = kit();
    const record = { ...RECORD, sha256: sha256(Buffer.from("as dropped")), settledTo: `${PROCESSED}/WO-1.yaml` };
    for (const folder of places) {
      const [name, signature] = folder === PROCESSED ? ["WO-1.yaml", "WO-1.yaml.sig"] : [basename(CLAIM), ""];
      put(join(base, folder, name), "as dropped");
      if (signature !== "") put(join(base, folder, signature), "signed");
    }
    await settler.takeBack(record);
    const { [`${CLAIM_FOLDER}/`]: _folder, [`${PROCESSED}/`]: _other, ...rest } = treeOf(base);
    const isSigned = places.includes(PROCESSED);
    expect(rest).toEqual({ [CLAIM]: "as dropped", ...(isSigned ? { [`${CLAIM}.sig`]: "signed" } : {}) });
  },
);

test("a file that is another one by now is left where it lies", async () => {
  const { base, settler } = kit();
  put(join(base, PROCESSED, "WO-1.yaml"), "somebody else's");
  await settler.takeBack({ ...RECORD, settledTo: `${PROCESSED}/WO-1.yaml` });
  expect(treeOf(base)[`${PROCESSED}/WO-1.yaml`]).toBe("somebody else's");
});
