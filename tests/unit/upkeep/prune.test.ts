/** Which blobs may go, and that none goes that somebody asks for in the same moment. */
import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { systemClock } from "../../../src/platform/clock.ts";
import { type Disk, systemDisk } from "../../../src/platform/disk.ts";
import { Files } from "../../../src/platform/files.ts";
import { sha256 } from "../../../src/platform/ids.ts";
import type { Books } from "../../../src/records/books.ts";
import type { Event } from "../../../src/records/events.ts";
import { finishPruning, type PruneReport, prune } from "../../../src/upkeep/prune.ts";
import type { PruneRules } from "../../../src/upkeep/prune-rules.ts";
import { verifyLedger } from "../../../src/upkeep/verify-ledger.ts";
import { newVault, openBooks } from "../../support/books-kit.ts";
import { moodyDisk } from "../../support/disks.ts";
import { accepted, happened, planned } from "../../support/events.ts";
import { HandClock } from "../../support/hand-clock.ts";
import { realFiles } from "../../support/ledger-kit.ts";

type OfOrder = Extract<Event, { readonly wo_id: string }>;

const DAY_MS = 86_400_000;
const START_MS = Date.UTC(2026, 0, 5);
const ALL: PruneRules = { vaultDays: 0, vaultOrders: 0 };
const bytesOf = (word: string) => Buffer.from(word.padEnd(70_000, "x"));
const imageOf = (word: string) => {
  const hash = sha256(bytesOf(word));
  return { sha256: hash, size_bytes: 70_000, mode: 0o644, content: { blob: hash } };
};

/** Open books with blobs, a day passing with each order. */
class Shelf {
  readonly clock = new HandClock(START_MS);
  books: Books;
  readonly #files: Files;

  private constructor(books: Books, clock: HandClock, disk: Disk) {
    this.books = books;
    this.clock = clock;
    this.#files = new Files(disk, clock);
  }

  static async open(disk: Disk = systemDisk): Promise<Shelf> {
    const clock = new HandClock(START_MS);
    return new Shelf(await openBooks(await newVault(), disk, clock), clock, disk);
  }

  /** As after a crash. */
  async reopen(): Promise<void> {
    await this.books.close();
    this.books = await openBooks(this.books.vault, systemDisk, this.clock);
  }

  async tell(...events: readonly Event[]): Promise<void> {
    await this.books.append(events);
  }

  /** An order whose file holds this, and how it went on. */
  async order(
    id: string,
    word: string,
    rest: readonly OfOrder[] = [happened.completed, happened.settled],
  ): Promise<void> {
    await this.books.vault.keep(bytesOf(word));
    const file = { root: ".", path: "a", temporary: ".wo-x-0.tmp", after: imageOf(word) };
    const events: readonly OfOrder[] = [accepted(), happened.started, planned({ files: [file] }), ...rest];
    await this.tell(...events.map((event): Event => ({ ...event, wo_id: id })));
    this.clock.setWall(this.clock.now() + DAY_MS);
  }

  prune(rules: PruneRules = ALL, by: string | undefined = "me", disk?: Disk): Promise<PruneReport> {
    const files = disk === undefined ? this.#files : new Files(disk, this.clock);
    return prune({ files, clock: this.clock, books: this.books, rules, isOver: () => false }, by);
  }

  has(word: string): boolean {
    const hash = sha256(bytesOf(word));
    return existsSync(`${this.books.vault.path}/blobs/${hash.slice(0, 2)}/${hash.slice(2)}`);
  }

  /** What the verifier has against it, and how many blobs it knows to be pruned. */
  get verdict(): readonly [number, number] {
    const { findings, pruned } = verifyLedger(realFiles, this.books.vault);
    return [findings.filter(({ code }) => code === "missing_blob").length, pruned];
  }
}

test("contents of an order at rest go, and the ledger names them", async () => {
  const shelf = await Shelf.open();
  await shelf.order("WO-1", "one");
  expect(await shelf.prune()).toMatchObject({ pruned: { blobs: 1 }, order_count: 1, orders: [{ id: "WO-1" }] });
  expect([shelf.has("one"), shelf.verdict]).toEqual([false, [0, 1]]);
});

test.each<readonly [string, readonly OfOrder[], string]>([
  ["runs", [], "open"],
  ["waits", [happened.waiting], "open"],
  ["is at rest, its file not yet where it belongs", [happened.completed], "open"],
  ["is tried again", [happened.failed, happened.settled, happened.retried], "open"],
])("contents of an order that %s stay", async (_what, rest, reason) => {
  const shelf = await Shelf.open();
  await shelf.order("WO-1", "one", rest);
  expect(await shelf.prune()).toMatchObject({ pruned: { blobs: 0 }, kept: { [reason]: { blobs: 1 } } });
  expect(shelf.has("one")).toBe(true);
});

test.each<readonly [PruneRules, readonly boolean[]]>([
  [{ vaultDays: 0, vaultOrders: 1 }, [false, false, true]],
  [{ vaultDays: 2, vaultOrders: 0 }, [false, true, true]],
  [{ vaultDays: 2, vaultOrders: 1 }, [false, true, true]],
  [{ vaultDays: 0, vaultOrders: 4 }, [true, true, true]],
  [{ vaultDays: 0, vaultOrders: 0, vaultBytes: 150_000 }, [false, true, true]],
  [{ vaultDays: 0, vaultOrders: 0, vaultBytes: 300_000 }, [true, true, true]],
  [{ vaultDays: 0, vaultOrders: 2, vaultBytes: 1 }, [false, true, true]],
])("%o keeps what it says, of three orders a day apart", async (rules, left) => {
  const shelf = await Shelf.open();
  for (const word of ["one", "two", "three"]) await shelf.order(`WO-${word}`, word);
  const { over_bytes } = await shelf.prune(rules);
  expect(["one", "two", "three"].map((word) => shelf.has(word))).toEqual(left);
  expect(over_bytes).toBe(rules.vaultBytes === 1 ? 139_999 : undefined);
});

test("bytes that an old order and a young one share stay", async () => {
  const shelf = await Shelf.open();
  await shelf.order("WO-1", "one");
  await shelf.order("WO-2", "one");
  await shelf.prune({ vaultDays: 0, vaultOrders: 1 });
  expect(shelf.has("one")).toBe(true);
});

test("what components have to be and accepted configurations stay for ever, snapshots for their time", async () => {
  const shelf = await Shelf.open();
  for (const word of ["guarded", "config", "snapshot"]) await shelf.books.vault.keep(bytesOf(word));
  const component = (path: string, word: string) => ({ path, kind: "file" as const, owner: 0, ...imageOf(word) });
  await shelf.tell(
    { event: "components_accepted", by: "me", why: "", components: [component("g", "guarded")] },
    { event: "config_accepted", by: "me", sha256: "", config: imageOf("config").content },
    { event: "snapshot_taken", by: "me", why: "", files: [component("s", "snapshot")] },
  );
  const left = () => ["guarded", "config", "snapshot"].map((word) => shelf.has(word));
  await shelf.order("WO-1", "one");
  await shelf.prune({ vaultDays: 2, vaultOrders: 0 });
  expect(left()).toEqual([true, true, true]);
  expect(await shelf.prune()).toMatchObject({ snapshots: { blobs: 1 } });
  expect(left()).toEqual([true, true, false]);
  await shelf.tell({ event: "components_released", by: "me", why: "", paths: ["g"] });
  shelf.clock.setWall(shelf.clock.now() + DAY_MS);
  await shelf.prune();
  expect([left(), shelf.verdict[0]]).toEqual([[false, true, false], 0]);
});

test("what nobody refers to goes without a word, unless entries are lost that may have", async () => {
  const shelf = await Shelf.open();
  await shelf.books.vault.keep(bytesOf("nobody's"));
  expect(await shelf.prune()).toMatchObject({ pruned: { blobs: 0 }, kept: { on_its_way: { blobs: 1 } } });
  await shelf.reopen();
  const { headSeq } = shelf.books;
  expect(await shelf.prune()).toMatchObject({ pruned: { blobs: 1 }, loose: { blobs: 1 } });
  expect([shelf.has("nobody's"), shelf.books.headSeq]).toEqual([false, headSeq]);

  await shelf.books.vault.keep(bytesOf("nobody's"));
  const gap = { lost_from: headSeq + 1, lost_to: headSeq + 3, segment: "", sha256: "", by: "me" };
  await shelf.tell({ event: "ledger_repaired", ...gap });
  await shelf.reopen();
  expect(await shelf.prune()).toMatchObject({ kept: { unknown: { blobs: 1 } } });
});

test("bytes that were kept for an entry that is still to come stay, and with it", async () => {
  const shelf = await Shelf.open();
  await shelf.order("WO-1", "one");
  const content = await shelf.books.vault.keep(bytesOf("one"));
  expect(await shelf.prune()).toMatchObject({ kept: { on_its_way: { blobs: 1 } } });
  await shelf.tell(accepted({ wo_id: "WO-2", source: content }));
  expect(await shelf.prune()).toMatchObject({ kept: { open: { blobs: 1 } } });
  expect([shelf.has("one"), shelf.verdict]).toEqual([true, [0, 0]]);
});

test("kept again between the ledger's word and the removal, it stays, and is missed again from then on", async () => {
  const shelf = await Shelf.open();
  await shelf.order("WO-1", "one");
  let keeping: Promise<unknown> | undefined;
  shelf.books.listen(({ event }) => {
    if (event === "blobs_pruned") keeping = shelf.books.vault.keep(bytesOf("one"));
  });
  await shelf.prune();
  await keeping;
  await shelf.tell(accepted({ wo_id: "WO-2", source: imageOf("one").content }));
  expect([keeping !== undefined, shelf.has("one"), shelf.verdict]).toEqual([true, true, [0, 0]]);
});

test("what comes into the ledger while it is read counts, too", async () => {
  const shelf = await Shelf.open();
  await shelf.order("WO-1", "one");
  const content = await shelf.books.vault.keep(bytesOf("one"));
  let go: () => void = () => undefined;
  const isTold = new Promise<void>((resolve) => {
    go = resolve;
  });
  let elapsedMs = 0;
  const clock = {
    ...systemClock,
    now: () => shelf.clock.now(),
    elapsed: () => (elapsedMs += 10),
    breathe: () => isTold,
  };
  const { books } = shelf;
  const pruning = prune({ files: new Files(systemDisk, clock), clock, books, rules: ALL, isOver: () => false }, "me");
  await shelf.tell(accepted({ wo_id: "WO-2", source: content }));
  go();
  await pruning;
  expect([shelf.has("one"), shelf.verdict]).toEqual([true, [0, 0]]);
});

test("what is held for a while is not given up; what was given up is gone for whoever asks, unless it is taken back", async () => {
  const { vault } = (await Shelf.open()).books;
  await vault.keep(bytesOf("one"));
  const hash = sha256(bytesOf("one"));
  vault.referred([hash]);
  await vault.hold([hash], async () => {
    expect(() => vault.giveUp([hash])).toThrow("what an entry on its way refers to is not given up");
  });
  vault.giveUp([hash]);
  expect(vault.has(hash)).toBe(false);
  vault.takeBack([hash]);
  expect([vault.has(hash), vault.removeGivenUp(hash)]).toEqual([true, false]);
});

test("a crash between the ledger's word and the removals is gone on with, once", async () => {
  const { disk, refuse } = moodyDisk("unlink", "EIO");
  const shelf = await Shelf.open(disk);
  for (const word of ["one", "two"]) await shelf.order(`WO-${word}`, word);
  refuse(true);
  await expect(shelf.prune()).rejects.toThrow("EIO");
  refuse(false);
  await shelf.reopen();
  expect([shelf.has("one"), shelf.verdict]).toEqual([true, [0, 2]]);

  const { books, clock } = shelf;
  const { headSeq } = books;
  const tools = { files: realFiles, clock, books, rules: { vaultDays: 99, vaultOrders: 99 }, isOver: () => false };
  await finishPruning(tools);
  expect([shelf.has("one"), shelf.has("two"), books.headSeq]).toEqual([false, false, headSeq]);
  expect([shelf.verdict, existsSync(books.vault.pruneMark)]).toEqual([[0, 2], false]);
});

test("where the ledger takes no word, everything stays", async () => {
  const { disk, refuse } = moodyDisk("write", "ENOSPC");
  const shelf = await Shelf.open(disk);
  await shelf.order("WO-1", "one");
  refuse(true);
  await expect(shelf.prune(ALL, "me", systemDisk)).rejects.toThrow("ENOSPC");
  refuse(false);
  expect([shelf.has("one"), shelf.books.vault.has(sha256(bytesOf("one"))), shelf.verdict]).toEqual([
    true,
    true,
    [0, 0],
  ]);
  expect(await shelf.prune()).toMatchObject({ pruned: { blobs: 1 } });
});
