import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { BridgeError } from "../../../src/platform/errors.ts";
import { readBooks } from "../../../src/records/books.ts";
import { decode, encode } from "../../../src/records/chain.ts";
import type { Event } from "../../../src/records/events.ts";
import { readEntryAt } from "../../../src/records/segments.ts";
import { newVault, openBooks, tryOpenBooks } from "../../support/books-kit.ts";
import { moodyDisk, refusingDisk } from "../../support/disks.ts";
import { accepted, happened, planned } from "../../support/events.ts";
import { turn } from "../../support/hand-clock.ts";
import { note, realFiles } from "../../support/ledger-kit.ts";
import { errorOf, given, valueOf } from "../../support/results.ts";
import { put, treeOf } from "../../support/temporary-folder.ts";

const { started, completed, settled } = happened;

/** Books with these groups in them, closed; `lines` are the first segment's. */
async function written(groups: readonly (readonly Event[])[]) {
  const vault = await newVault();
  const books = await openBooks(vault);
  for (const group of groups) {
    await books.append(group);
    await turn();
  }
  await books.close();
  const path = join(vault.ledger, "000001.jsonl");
  return { vault, path, lines: readFileSync(path, "utf8").match(/.*\n/g) ?? [] };
}

test("a new ledger begins with its own name and its base's, and keeps both", async () => {
  const vault = await newVault();
  const first = await openBooks(vault);
  const { ledger, base } = first.index.facts;
  expect({ base, seq: first.headSeq }).toEqual({ base: "base01", seq: 1 });
  expect(ledger).toMatch(/^[a-z0-9]{10}$/);
  await first.close();
  const second = await openBooks(vault);
  expect({ ledger: second.index.facts.ledger, seq: second.headSeq }).toEqual({ ledger, seq: 1 });
});

test("whoever listens hears of each entry and its order before whoever appended it goes on", async () => {
  const books = await openBooks(await newVault());
  const heard: unknown[] = [];
  const end = books.listen((entry, record) => heard.push([entry.seq, record?.status]));
  await books.append([accepted(), note("a")]).then(() => heard.push("resolved"));
  await turn();
  end();
  await books.append([started]);
  expect(heard).toEqual([[2, "pending"], [3, undefined], "resolved"]);
  expect(books.index.get("WO-1")?.status).toBe("running");
});

test("closed books are opened again with the same orders, read from their last group only", async () => {
  const { vault } = await written([[accepted()], [started], [completed], [settled]]);
  const read = valueOf(readBooks(realFiles, vault));
  expect(read.index.get("WO-1")).toMatchObject({ status: "done", settledTo: settled.to, firstSeq: 2 });
  expect(read.index.start.head.seq).toBe(4);
  const { index } = await openBooks(vault);
  expect(index.get("WO-1")).toEqual(read.index.get("WO-1"));
});

test.each(["index.json", "orders.rows"])("books without %s are read from the ledger, to the same end", async (name) => {
  const { vault } = await written([[accepted()], [started, completed], [settled]]);
  const before = valueOf(readBooks(realFiles, vault)).index.get("WO-1");
  rmSync(join(vault.ledger, name));
  const { index } = valueOf(readBooks(realFiles, vault));
  expect(index.start.head.seq).toBe(0);
  expect(index.get("WO-1")).toEqual(before);
});

test("an index of another ledger is not taken for this one's", async () => {
  const [mine, other] = [await written([[accepted()], [started]]), await written([[note("x")], [note("y")]])];
  put(join(mine.vault.ledger, "index.json"), readFileSync(join(other.vault.ledger, "index.json")));
  const { index } = valueOf(readBooks(realFiles, mine.vault));
  expect(index.get("WO-1")?.status).toBe("running");
});

test("an index that leads to no entry of the ledger is not used", async () => {
  const { vault } = await written([[accepted()], [started]]);
  const path = join(vault.ledger, "index.json");
  put(path, readFileSync(path, "utf8").replace(/"offset":(\d+)\}\},"rowsBytes"/, '"offset":1$1}},"rowsBytes"'));
  const { index } = valueOf(readBooks(realFiles, vault));
  expect({ begin: index.start.head.seq, status: index.get("WO-1")?.status }).toEqual({ begin: 0, status: "running" });
});

test("an index of a ledger that went on otherwise is not used", async () => {
  const { vault, path, lines } = await written([[note("a")], [note("b")]]);
  const before = decode(given(lines[1]).trim());
  const placed = { seq: 3, group: 3, ts: "2026-01-05T00:00:00.000Z", prev: given(before).hash };
  put(path, `${lines.slice(0, 2).join("")}${encode(note("c"), placed).line}\n`);
  const { index } = valueOf(readBooks(realFiles, vault));
  expect(index.facts.ignored.map(({ name }) => name)).toEqual(["a", "c"]);
});

test.each([
  ["nothing comes in", "idle", 5000],
  ["orders come in", "busy", 20_000],
] as const)(
  "while %s a snapshot is written so many entries after the last one, and not before",
  async (_what, when, count) => {
    const vault = await newVault();
    const books = await openBooks(vault);
    await books.append(Array.from({ length: count - 2 }, () => note("a")));
    await turn();
    await books.keepSnapshot(when);
    expect(existsSync(join(vault.ledger, "index.json"))).toBe(false);
    await books.append([note("b")]);
    await books.keepSnapshot(when);
    expect(existsSync(join(vault.ledger, "index.json"))).toBe(true);
  },
);

test("what a crash tore is told of in the ledger", async () => {
  const { vault, path, lines } = await written([[note("a")], [note("b")]]);
  rmSync(join(vault.ledger, "index.json"));
  // As after a crash: the checkpoint is written once the end is durable.
  for (const one of [join(vault.path, "checkpoint.json"), `${vault.path}.pem`]) rmSync(one);
  put(path, lines.join("").slice(0, -9));
  const books = await openBooks(vault);
  await books.close();
  const text = readFileSync(join(vault.ledger, "000002.jsonl"), "utf8");
  expect(text).toContain(`"at_byte":${Buffer.byteLength(lines.slice(0, 2).join(""))},"event":"ledger_tail_truncated"`);
  expect(books.headSeq).toBe(3);
});

test("what an order's record refers to in the last group is there still when power takes the group's first copy", async () => {
  const { vault, path, lines } = await written([[note("a")], [accepted(), started, planned()]]);
  rmSync(join(vault.ledger, "index.json"));
  const next = await openBooks(vault);
  await next.append([note("b")]);
  await next.close();
  put(path, lines.slice(0, 2).join(""));
  const { index } = await openBooks(vault);
  const { acceptedAt, plan } = given(index.get("WO-1"));
  expect(readEntryAt(realFiles, vault.ledger, acceptedAt)).toMatchObject({ event: "wo_accepted", wo_id: "WO-1" });
  expect(readEntryAt(realFiles, vault.ledger, given(plan).at)).toMatchObject({ event: "patch_planned", wo_id: "WO-1" });
});

test("damaged books are refused, told by their place, and left as they are", async () => {
  const { vault, path, lines } = await written([[note("a")], [note("b")], [note("c")]]);
  rmSync(join(vault.ledger, "index.json"));
  put(path, lines.join("").replace('"b"', '"x"'));
  const before = treeOf(vault.path);
  const refusal = errorOf(await tryOpenBooks(vault));
  expect(refusal.error).toMatchObject({ code: "LEDGER_DAMAGED" });
  expect(refusal.error.message).toContain("entry 3 at byte");
  expect(refusal.index.head.seq).toBe(2);
  expect(treeOf(vault.path)).toEqual(before);
});

test("books that lost entries which their index has seen are refused", async () => {
  const vault = await newVault();
  const books = await openBooks(vault);
  await books.append([note("a")]);
  await Promise.all([books.append([note("b")]), books.append([note("c")])]);
  await books.close();
  const path = join(vault.ledger, "000001.jsonl");
  put(
    path,
    readFileSync(path, "utf8")
      .split("\n")
      .slice(0, 3)
      .map((line) => `${line}\n`)
      .join(""),
  );
  const refusal = errorOf(await tryOpenBooks(vault));
  expect(refusal.error.message).toMatch(/ends at entry 3, and its checkpoint of .* has seen entry 4/);
  const read = errorOf(readBooks(realFiles, vault));
  expect(read.error.message).toContain("ends at entry 3, and its index has seen entry 4");
});

test("books that somebody has a doubt about are left as they are", async () => {
  const { vault } = await written([[note("a")]]);
  const before = treeOf(vault.path);
  const error = new BridgeError("VAULT_ROLLED_BACK", "no");
  const damage = { segment: "", atByte: 0, seq: 1, readableTo: 1, reason: "no" };
  const opened = await tryOpenBooks(vault, { check: (index) => ({ error, index, damage }) });
  expect(errorOf(opened).error).toBe(error);
  expect(treeOf(vault.path)).toEqual(before);
});

test("reading books changes nothing, however they are", async () => {
  const { vault, path, lines } = await written([[note("a")], [note("b")]]);
  put(path, lines.join("").slice(0, -9));
  const before = treeOf(vault.path);
  readBooks(realFiles, vault);
  expect(treeOf(vault.path)).toEqual(before);
});

test("on a full disk the reserve is given up, told of, and the entry kept", async () => {
  const vault = await newVault();
  await (await openBooks(vault)).close();
  await vault.reserve();
  let told = 0;
  const disk = refusingDisk("write", "ENOSPC", { nth: 2 });
  const books = valueOf(await tryOpenBooks(vault, { disk, onFull: () => void (told += 1) }));
  await books.append([note("a")]);
  expect({ told, reserve: vault.hasReserve, seq: books.headSeq }).toEqual({ told: 1, reserve: false, seq: 2 });
});

test("books are closed without their snapshot where there is no room for it", async () => {
  const vault = await newVault();
  const { disk, refuse } = moodyDisk("write", "ENOSPC");
  const books = await openBooks(vault, disk);
  await books.append([accepted(), started, completed]);
  refuse(true);
  await books.close();
  expect((await openBooks(vault)).index.get("WO-1")?.status).toBe("done");
});
