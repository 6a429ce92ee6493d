/** Orders of a lane that takes signed ones only: each way to be refused has a name of its own, and what to do about it. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, vi } from "vitest";
import { recover } from "../../../src/daemon/recovery.ts";
import type { OrderRejected } from "../../../src/records/events.ts";
import { ULID } from "../../support/events.ts";
import { doing, ended, House, scriptedRunner, writing } from "../../support/house-kit.ts";
import { type Key, newKey, signingTest } from "../../support/signing.ts";
import { put } from "../../support/temporary-folder.ts";

const ORDER = writing("WO-1");
const TEXT = JSON.stringify(ORDER);
const SIGNED_LANE = "lanes: {CLC: {signature: required}}\n";

async function open(signers: string, config = SIGNED_LANE) {
  const house = await House.open(config);
  put(house.path("allowed_signers"), signers);
  await house.kit.settings.reload();
  return house;
}

/** Drops an order whose signature still lies in the inbox, and takes it in. */
async function take(house: House, signature: string | undefined, text = TEXT) {
  const claim = house.claim("WO-1.json", text);
  if (signature !== undefined) put(join(claim.lane.folder, "WO-1.json.sig"), signature);
  await house.kit.parts.line.takeIn(claim);
  return claim;
}

function rejections(house: House) {
  return house.entries.filter((entry): entry is typeof entry & OrderRejected => entry.event === "wo_rejected");
}

signingTest("a signed order is done, its signer is in the ledger, and its signature lies beside it", async () => {
  const key = newKey();
  const house = await open(key.line("alice@x"));
  await take(house, key.sign(TEXT));
  const record = await house.rest("WO-1");
  const signed = { principal: "alice@x", key: expect.stringContaining("SHA256:") };
  expect(record).toMatchObject({ status: "done", signed });
  expect(house.list("bridge/processed")).toEqual([
    `${record.settledTo?.slice(17)}`,
    `${record.settledTo?.slice(17)}.sig`,
  ]);
  expect(house.list("bridge/inbox")).toEqual(["CLC/.claimed/"]);
});

signingTest.each<readonly [string, string, (key: Key) => string | undefined, (key: Key) => string]>([
  ["without a signature", "unsigned", () => undefined, (key) => key.line("a")],
  ["whose signature is of another text", "bad_signature", (key) => key.sign(`${TEXT} `), (key) => key.line("a")],
  ["that a stranger signed", "unknown_signer", () => newKey().sign(TEXT), (key) => key.line("a")],
  [
    "signed by a key that is over",
    "signature_expired",
    (key) => key.sign(TEXT),
    (key) => key.line("a", 'valid-before="20200101"'),
  ],
])("an order %s is rejected as %s, and both files lie in error/", async (_what, code, signature, signers) => {
  const key = newKey();
  const house = await open(signers(key));
  const text = signature(key);
  await take(house, text);
  expect(rejections(house).map(({ problems }) => problems)).toEqual([
    [{ code, message: expect.any(String), hint: expect.any(String) }],
  ]);
  const sig = text === undefined ? [] : ["CLC/WO-1.json.sig"];
  expect(house.list("bridge/error")).toEqual(["CLC/WO-1.json", "CLC/WO-1.json.error.json", ...sig]);
  expect(house.read("WO-1.txt")).toBeUndefined();
});

signingTest("a signature that is a folder is refused by name", async () => {
  const house = await open("");
  const claim = house.claim("WO-1.json", TEXT);
  put(join(claim.lane.folder, "WO-1.json.sig", "x"), "x");
  await house.kit.parts.line.takeIn(claim);
  expect(rejections(house).map(({ problems }) => problems[0]?.code)).toEqual(["bad_signature"]);
});

signingTest("what was claimed is verified, not what lies in the inbox by then", async () => {
  const key = newKey();
  const house = await open(key.line("a"));
  put(house.path("bridge/inbox/CLC/WO-1.json"), TEXT);
  await take(house, key.sign(TEXT), TEXT.replace('"x"', '"evil"'));
  expect(rejections(house)[0]?.problems[0]?.code).toBe("bad_signature");
});

signingTest("in other lanes a signature is told where it is good, and is nothing where it is not", async () => {
  const key = newKey();
  for (const [signature, signed] of [
    [key.sign(TEXT), { principal: "a" }],
    [key.sign("x"), undefined],
  ] as const) {
    const house = await open(key.line("a"), "");
    await take(house, signature);
    const record = await house.rest("WO-1");
    expect(record.status).toBe("done");
    if (signed === undefined) expect(record).not.toHaveProperty("signed");
    else expect(record).toMatchObject({ signed });
  }
});

signingTest("after a crash between the two claims the signature is taken out of the inbox", async () => {
  const key = newKey();
  const house = await open(key.line("a"));
  const claim = house.claim("WO-1.json", TEXT);
  put(join(claim.lane.folder, "WO-1.json.sig"), key.sign(TEXT));
  expect(await recover(house.kit.files, house.kit.books, house.kit.parts)).toMatchObject({ reclaimed: 1 });
  expect(await house.rest("WO-1")).toMatchObject({ status: "done", signed: { principal: "a" } });
  expect(house.list("bridge/inbox")).toEqual(["CLC/.claimed/"]);
});

signingTest("an accepted order is not asked for its signature again", async () => {
  const house = await open("");
  const record = await house.accepted(ORDER);
  put(`${house.path("bridge/inbox/CLC/.claimed")}/${record.claim}.sig`, "not asked");
  await recover(house.kit.files, house.kit.books, house.kit.parts);
  const { settledTo } = await house.rest("WO-1");
  expect(house.status("WO-1")).toBe("done");
  expect(house.read(`${settledTo}.sig`)).toBe("not asked");
});

signingTest("a power cut that undoes both claims brings both back to their order", async () => {
  const key = newKey();
  const house = await open(key.line("a"));
  const record = await house.accepted(ORDER);
  const claimed = house.path(`bridge/inbox/CLC/.claimed/${record.claim}`);
  const again = house.claim("WO-1.json", TEXT);
  rmSync(claimed);
  put(`${again.path}.sig`, "its own");
  await house.kit.parts.line.takeIn(again);
  expect(house.list("bridge/inbox")).toEqual([`CLC/.claimed/${record.claim}`, `CLC/.claimed/${record.claim}.sig`]);
});

signingTest("a signature that a crash left behind its order comes to lie in error/", async () => {
  const house = await open("");
  const claim = house.claim("WO-1.json", TEXT);
  put(`${claim.path}.sig`, "left");
  renameSync(claim.path, house.path("gone"));
  await recover(house.kit.files, house.kit.books, house.kit.parts);
  expect(house.list("bridge/error")).toEqual(["CLC/WO-1.json.sig"]);
  expect(house.list("bridge/inbox")).toEqual(["CLC/.claimed/"]);
});

signingTest("a pull may write the signature behind its order: it is looked for again when git is done", async () => {
  const key = newKey();
  const runner = scriptedRunner(() => ended(0));
  const house = await House.open("", { runner });
  put(house.path("allowed_signers"), key.line("a"));
  await house.kit.settings.reload();
  const text = JSON.stringify(doing("WO-1", ["ls"]));
  put(house.path("bridge/inbox/CLC/WO-1.json"), text);
  execFileSync("git", ["init", "-q"], { cwd: house.kit.base.path });
  execFileSync("git", ["add", "-f", "bridge/inbox/CLC/WO-1.json"], { cwd: house.kit.base.path });
  rmSync(house.path("bridge/inbox/CLC/WO-1.json"));
  const lock = put(house.path(".git/index.lock"), "");
  const before = house.kit.clock.sleeping;
  const work = house.kit.parts.line.takeIn(house.claim("WO-1.json", text));
  await vi.waitUntil(() => house.kit.clock.sleeping > before, { timeout: 5000, interval: 1 });
  put(house.path("bridge/inbox/CLC/WO-1.json.sig"), key.sign(text));
  rmSync(lock);
  await house.through(work);
  expect(await house.rest("WO-1")).toMatchObject({ status: "done", signed: { principal: "a" } });
  expect(runner.ran).toEqual(["ls"]);
});

const FOLDER = {
  "X.yaml": "wo_id: WO-1\nbody_file: b/body.yaml\n",
  "b/body.yaml": "files: {WO-1.txt: x}\n",
  "b-c": "why",
};
const sum = (text: string) => createHash("sha256").update(text).digest("hex");
// Sorted by bytes: "-" comes before "/".
const MANIFEST = ["X.yaml", "b-c", "b/body.yaml"]
  .map((path) => `${sum(Reflect.get(FOLDER, path))}  ${path}\n`)
  .join("");

/** Puts a folder where it lies when it was claimed. */
function claimedFolder(house: House, files: Readonly<Record<string, string>> = FOLDER, name = "X"): string {
  const claim = `${ULID}~${name}`;
  for (const [path, text] of Object.entries(files)) put(house.path(`bridge/inbox/CLC/.claimed/${claim}/${path}`), text);
  return claim;
}

const recoverIn = (house: House) => house.through(recover(house.kit.files, house.kit.books, house.kit.parts));

signingTest(
  "a folder is signed by its manifest: taken after a crash between the two claims, done, filed together",
  async () => {
    const key = newKey();
    const house = await open(key.line("alice@x"));
    claimedFolder(house);
    put(house.path("bridge/inbox/CLC/X.sig"), key.sign(MANIFEST));
    expect(await recoverIn(house)).toMatchObject({ reclaimed: 1 });
    const record = await house.rest("WO-1");
    expect(record).toMatchObject({ status: "done", signed: { principal: "alice@x" } });
    expect(house.read(`${record.settledTo}.sig`)).toContain("SSH SIGNATURE");
    expect(house.read(`${record.settledTo}/b-c`)).toBe("why");
    expect(house.list("bridge/inbox")).toEqual(["CLC/.claimed/"]);
  },
);

signingTest.each<readonly [string, string, (key: Key) => string | undefined, Readonly<Record<string, string>>]>([
  ["without a signature", "unsigned", () => undefined, FOLDER],
  ["with a file that was changed", "bad_signature", (key) => key.sign(MANIFEST), { ...FOLDER, "b-c": "why not" }],
  ["with a file more", "bad_signature", (key) => key.sign(MANIFEST), { ...FOLDER, "b/more": "" }],
  ["signed as a file", "bad_signature", (key) => key.sign(FOLDER["X.yaml"]), FOLDER],
  ["signed for something else", "bad_signature", (key) => key.sign(MANIFEST, "file"), FOLDER],
  ["that a stranger signed", "unknown_signer", () => newKey().sign(MANIFEST), FOLDER],
])("a folder %s is rejected as %s, and both lie in error/", async (_what, code, signature, files) => {
  const key = newKey();
  const house = await open(key.line("a"));
  claimedFolder(house, files);
  const text = signature(key);
  if (text !== undefined) put(house.path("bridge/inbox/CLC/X.sig"), text);
  await recoverIn(house);
  expect(rejections(house).map(({ problems }) => problems)).toEqual([
    [{ code, message: expect.any(String), hint: expect.any(String) }],
  ]);
  expect(readdirSync(house.path("bridge/error/CLC")).toSorted()).toEqual(
    text === undefined ? ["X", "X.error.json"] : ["X", "X.error.json", "X.sig"],
  );
  expect(house.read("WO-1.txt")).toBeUndefined();
});

signingTest("names that would make two folders look alike cannot be signed", async () => {
  const key = newKey();
  const house = await open(key.line("a"));
  const [one, two] = [sum("1"), sum(FOLDER["X.yaml"])];
  claimedFolder(house, { ...FOLDER, [`a\n${two}  z`]: "1" });
  put(house.path("bridge/inbox/CLC/X.sig"), key.sign(`${one}  a\n${two}  z\n${MANIFEST}`));
  await recoverIn(house);
  expect(rejections(house)[0]?.problems[0]).toMatchObject({
    code: "bad_signature",
    message: expect.stringContaining("line end"),
  });
});

signingTest(
  "a folder's signature that a crash left behind it comes to lie in error/; a folder of such a name is an order",
  async () => {
    const house = await open("", "");
    put(house.path(`bridge/inbox/CLC/.claimed/${ULID}~Y.sig`), "left");
    claimedFolder(house, { "X.sig.yaml": "wo_id: WO-1\nfiles: {WO-1.txt: x}\n" }, "X.sig");
    put(house.path("bridge/inbox/CLC/X/X.yaml"), "wo_id: WO-2\n");
    await recoverIn(house);
    expect((await house.rest("WO-1")).status).toBe("done");
    expect(house.list("bridge/error")).toEqual(["CLC/Y.sig"]);
  },
);

signingTest("an accepted folder is not asked for its signature again; it goes where its folder goes", async () => {
  const key = newKey();
  const house = await open(key.line("a"), "lanes: {CLC: {signature: required, mode: hold}}\n");
  const claim = claimedFolder(house);
  put(house.path("bridge/inbox/CLC/X.sig"), key.sign(MANIFEST));
  await recoverIn(house);
  expect(house.status("WO-1")).toBe("waiting");
  put(house.path(`bridge/inbox/CLC/.claimed/${claim}.sig`), "not asked");
  await house.kit.books.append([{ event: "wo_approved", wo_id: "WO-1", lane: "CLC", by: "me" }]);
  await recoverIn(house);
  const { settledTo } = await house.rest("WO-1");
  expect([house.status("WO-1"), house.read(`${settledTo}.sig`)]).toEqual(["done", "not asked"]);
});
