/** Orders that name a file with their operations: it is read once, when the order is taken in, and is part of it then. */
import { linkSync, mkdirSync, rmSync, symlinkSync, utimesSync } from "node:fs";
import { expect, test } from "vitest";
import { recover } from "../../../src/daemon/recovery.ts";
import { unpackOperations } from "../../../src/orders/operations-file.ts";
import { sha256 } from "../../../src/platform/ids.ts";
import type { OrderRejected } from "../../../src/records/events.ts";
import { House } from "../../support/house-kit.ts";
import { given } from "../../support/results.ts";
import { AWS_ID } from "../../support/secrets.ts";
import { newKey, signingTest } from "../../support/signing.ts";
import { put } from "../../support/temporary-folder.ts";

const OPS = "ops:\n  - {path: a.txt, content: one}\n";
const ORDER = "wo_id: WO-1\nlpe_patch_file: ops/a.yaml\n";

/** A file of the base that nobody has written for a minute. */
function lay(house: House, path: string, text: string | Uint8Array): string {
  const full = put(house.path(path), text);
  const changed = house.kit.clock.now() / 1000 - 60;
  utimesSync(full, changed, changed);
  return full;
}

async function open(config = "", ops = OPS): Promise<House> {
  const house = await House.open(config);
  put(house.path("a.txt"), "zero\n");
  lay(house, "ops/a.yaml", ops);
  return house;
}

const take = (house: House, text = ORDER, lane = "CLC") =>
  house.kit.parts.line.takeIn(house.claim("WO-1.yaml", text, lane));

const rejected = (house: House) =>
  house.entries.filter((entry): entry is typeof entry & OrderRejected => entry.event === "wo_rejected");
const problems = (house: House) => rejected(house).flatMap((entry) => entry.problems);

test("the operations are done; the record holds the order and the file, processed/ the order as it was dropped", async () => {
  const house = await open();
  await take(house);
  const record = await house.rest("WO-1");
  expect([record.status, house.read("a.txt")]).toEqual(["done", "zero\none\n"]);
  expect(house.read(given(record.settledTo))).toBe(ORDER);
  const accepted = house.entries.find((entry) => entry.event === "wo_accepted");
  const source = accepted?.event === "wo_accepted" && "text" in accepted.source ? accepted.source.text : "";
  expect(unpackOperations(Buffer.from(source))).toEqual({
    order: Buffer.from(ORDER),
    file: { path: "ops/a.yaml", bytes: Buffer.from(OPS) },
  });
  expect(accepted).toMatchObject({
    sha256: sha256(Buffer.from(source)),
    drop_sha256: sha256(Buffer.from(ORDER)),
    size_bytes: ORDER.length,
    file_actions: 1,
  });
});

test.each<readonly [string, (house: House) => unknown, string, string]>([
  ["is not there", (house) => rmSync(house.path("ops/a.yaml")), ORDER, "bad_operations_file"],
  ["is in no folder that is there", () => undefined, ORDER.replace("ops/", "opt/"), "bad_operations_file"],
  ["is a folder", (house) => mkdirSync(house.path("ops/b")), ORDER.replace("a.yaml", "b"), "bad_operations_file"],
  [
    "is a link",
    (house) => symlinkSync("a.yaml", house.path("ops/l")),
    ORDER.replace("a.yaml", "l"),
    "bad_operations_file",
  ],
  ["lies below a file", () => undefined, ORDER.replace("a.yaml", "a.yaml/b"), "bad_operations_file"],
  [
    "is too large",
    (house) => void lay(house, "ops/a.yaml", Buffer.alloc(1024 * 1024 + 1, " ")),
    ORDER,
    "bad_operations_file",
  ],
  ["lies outside", () => undefined, ORDER.replace("ops/", "../"), "path_refused"],
  ["lies in git", () => undefined, ORDER.replace("ops/a.yaml", ".git/config"), "path_refused"],
  ["is the machinery's", () => undefined, ORDER.replace("ops/a.yaml", "bridge/inbox/CLC/x.yaml"), "path_refused"],
  [
    "is an agent's",
    () => undefined,
    ORDER.replace("ops/a.yaml", "~/Library/LaunchAgents/com.02luka.x.plist"),
    "path_refused",
  ],
])("an order whose file %s is rejected, with the place of the key", async (_what, bend, text, code) => {
  const house = await open();
  bend(house);
  await take(house, text);
  expect(problems(house)).toMatchObject([
    { code, key: "lpe_patch_file", place: { line: 2 }, hint: expect.any(String) },
  ]);
  expect(house.list("bridge/error")).toEqual(["CLC/WO-1.yaml", "CLC/WO-1.yaml.error.json"]);
  expect(house.read("a.txt")).toBe("zero\n");
});

test("a link in a folder on the way is judged by where it leads", async () => {
  const house = await open();
  put(house.path(".git/ops/a.yaml"), OPS);
  symlinkSync(".git/ops", house.path("away"));
  symlinkSync("ops", house.path("here"));
  await take(house, ORDER.replace("ops/", "away/"));
  expect(problems(house)).toMatchObject([{ code: "path_refused" }]);
  await take(house, ORDER.replace("ops/", "here/"));
  expect((await house.rest("WO-1")).status).toBe("done");
});

test("what is wrong in the file is told with the file, and where an operation may not go, too", async () => {
  const house = await open("", "ops:\n  - {path: a.txt, content: x}\n  - {path: ../b, content: x}\n");
  await take(house);
  expect(problems(house)).toMatchObject([
    { code: "path_refused", named: "ops/a.yaml", key: "ops[1]", place: { line: 3 } },
  ]);
  lay(house, "ops/a.yaml", "ops: 5\n");
  await take(house);
  expect(problems(house)[1]).toMatchObject({ code: "wrong_type", named: "ops/a.yaml", place: { line: 1 } });
});

test("a secret in the file is refused, and shown by nothing", async () => {
  const house = await open("", `ops:\n  - {path: a.txt, content: ${AWS_ID}, contnet: x}\n`);
  await take(house);
  expect(problems(house)).toMatchObject([
    { code: "secret_found", named: "ops/a.yaml", place: { line: 2 } },
    { code: "unknown_key", named: "ops/a.yaml" },
  ]);
  expect(problems(house).map(({ frame }) => frame?.includes("****"))).toEqual([true, true]);
  expect(JSON.stringify(house.entries) + house.read("bridge/error/CLC/WO-1.yaml.error.json")).not.toContain(AWS_ID);
});

test("a secret in the order hides itself in what is told of the file, and the file's lines stay", async () => {
  const house = await open("", "ops:\n  - {path: a.txt, contnet: x}\n");
  await take(house, `${ORDER}note: ${AWS_ID}\n`);
  expect(problems(house)[0]).toMatchObject({ code: "secret_found", place: { line: 3 } });
  expect(problems(house)[0]).not.toHaveProperty("named");
  expect(problems(house)[1]).toMatchObject({ named: "ops/a.yaml", frame: expect.stringContaining("contnet") });
});

test("a file that is being written is read once it has stood still; one that is as stated, at once", async () => {
  const house = await open();
  const { clock } = house.kit;
  utimesSync(house.path("ops/a.yaml"), clock.now() / 1000, clock.now() / 1000);
  const taken = take(house);
  while (clock.sleeping === 0) await clock.breathe();
  put(house.path("ops/a.yaml"), `${OPS}  - {path: a.txt, content: two}\n`);
  utimesSync(house.path("ops/a.yaml"), clock.now() / 1000 + 0.1, clock.now() / 1000 + 0.1);
  await house.through(taken);
  await house.through(house.rest("WO-1"));
  expect(house.read("a.txt")).toBe("zero\none\ntwo\n");
  const text = put(house.path("ops/b.yaml"), OPS);
  utimesSync(text, clock.now() / 1000, clock.now() / 1000);
  await take(house, `wo_id: WO-2\nlpe_patch: {file: ops/b.yaml, sha256: ${sha256(Buffer.from(OPS))}}\n`);
  expect((await house.rest("WO-2")).status).toBe("done");
});

test("the same order with the same file is a duplicate, with another file a conflict", async () => {
  const house = await open();
  await take(house);
  await house.rest("WO-1");
  await take(house);
  expect(house.told("WO-1")).toContain("wo_duplicate");
  lay(house, "ops/a.yaml", OPS.replace("one", "two"));
  await take(house);
  expect(problems(house)).toMatchObject([{ code: "content_conflict" }]);
  expect(house.read("a.txt")).toBe("zero\none\n");
});

test("without an id, the same order with another file is another order, once", async () => {
  const house = await open();
  const text = ORDER.replace("wo_id: WO-1\n", "");
  await take(house, text);
  await house.rest("WO-1");
  lay(house, "ops/a.yaml", OPS.replace("one", "two"));
  await take(house, text);
  const id = `WO-1.${sha256(Buffer.from(text)).slice(0, 8)}`;
  expect((await house.rest(id)).status).toBe("done");
  lay(house, "ops/a.yaml", OPS.replace("one", "three"));
  await take(house, text);
  expect(problems(house)).toMatchObject([{ code: "content_conflict" }]);
});

test("after a crash between claim and acceptance the file is read as it is then", async () => {
  const house = await open();
  house.claim("WO-1.yaml", ORDER);
  lay(house, "ops/a.yaml", OPS.replace("one", "two"));
  expect(await recover(house.kit.files, house.kit.books, house.kit.parts)).toMatchObject({ reclaimed: 1 });
  expect((await house.rest("WO-1")).status).toBe("done");
  expect(house.read("a.txt")).toBe("zero\ntwo\n");
});

test.each(["changed", "gone"])(
  "an order that was accepted goes on as it was accepted, its file %s meanwhile",
  async (how) => {
    const house = await open("lanes: {CLC: {mode: hold}}\n");
    await take(house);
    if (how === "gone") rmSync(house.path("ops/a.yaml"));
    else lay(house, "ops/a.yaml", OPS.replace("one", "two"));
    const { books, parts } = house.kit;
    await books.append([{ event: "wo_approved", wo_id: "WO-1", lane: "CLC", by: "me" }]);
    rmSync(house.path(`bridge/inbox/CLC/.claimed/${given(house.record("WO-1")).claim}`));
    await recover(house.kit.files, books, parts);
    const { settledTo, status } = await house.rest("WO-1");
    expect([status, house.read("a.txt"), house.read(given(settledTo))]).toEqual(["done", "zero\none\n", ORDER]);
  },
);

test.each([false, true])(
  "a power cut that undoes the claim brings the order's file back to it, its other file changed meanwhile (at rest: %s)",
  async (isAtRest) => {
    const house = await open(isAtRest ? "" : "lanes: {CLC: {mode: hold}}\n");
    await take(house);
    const record = isAtRest ? await house.rest("WO-1") : given(house.record("WO-1"));
    lay(house, "ops/a.yaml", OPS.replace("one", "two"));
    const again = house.claim("WO-1.yaml", ORDER);
    const claimed = house.path(`bridge/inbox/CLC/.claimed/${record.claim}`);
    if (isAtRest) linkSync(again.path, claimed);
    else rmSync(claimed);
    const back = isAtRest ? { ...again, claim: record.claim, path: claimed } : again;
    if (isAtRest) rmSync(again.path);
    await house.kit.parts.line.takeIn(back);
    expect(house.list("bridge/inbox")).toEqual(isAtRest ? ["CLC/.claimed/"] : [`CLC/.claimed/${record.claim}`]);
    expect(house.list("bridge/error")).toEqual([]);
    expect(house.entries.filter(({ event }) => event === "wo_accepted")).toHaveLength(1);
  },
);

test("an order whose move was lost is found in processed/ by its own content", async () => {
  const house = await open();
  await take(house);
  const record = await house.rest("WO-1");
  const { settledTo: _told, ...unsettled } = record;
  const to = await house.kit.parts.settler.settle(unsettled, () => Buffer.from(ORDER));
  expect(to).toBe(record.settledTo);
});

signingTest(
  "a signature holds for the order's own file: where one is asked for, it says what the other holds",
  async () => {
    const key = newKey();
    const house = await open("lanes: {CLC: {signature: required}}\n");
    put(house.path("allowed_signers"), key.line("a"));
    await house.kit.settings.reload();
    const sign = async (text: string) => {
      put(house.path("bridge/inbox/CLC/WO-1.yaml.sig"), key.sign(text));
      await take(house, text);
    };
    await sign(ORDER);
    expect(problems(house)).toMatchObject([{ code: "unsigned_operations", key: "lpe_patch_file", place: { line: 2 } }]);
    const stated = `${ORDER}lpe_patch_file_sha256: ${sha256(Buffer.from(OPS))}\n`;
    lay(house, "ops/a.yaml", OPS.replace("one", "evil"));
    await sign(stated);
    expect(problems(house)[1]).toMatchObject({ code: "checksum_mismatch", place: { line: 3 } });
    lay(house, "ops/a.yaml", OPS);
    await sign(stated);
    expect((await house.rest("WO-1")).status).toBe("done");
    expect(house.read("a.txt")).toBe("zero\none\n");
  },
);
