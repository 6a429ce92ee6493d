/** What is told of an order reaches the ledger in its order, and what may wait goes along with what cannot. */
import { expect, test } from "vitest";
import { Journal } from "../../../src/daemon/journal.ts";
import { newVault, openBooks } from "../../support/books-kit.ts";
import { refusingDisk } from "../../support/disks.ts";
import { accepted, happened } from "../../support/events.ts";
import { seeChain } from "../../support/ledger-kit.ts";
import { thrownBy } from "../../support/results.ts";

const { started, completed } = happened;

async function open(disk?: Parameters<typeof openBooks>[1]) {
  const vault = await newVault();
  const books = await openBooks(vault, disk);
  let firsts = 0;
  const journal = new Journal(books, "WO-1", [accepted()], () => {
    firsts += 1;
  });
  const told = () => seeChain(vault.ledger).entries.slice(1);
  return { books, journal, told, firsts: () => firsts };
}

test("what is added waits for the next commit, and is one write with it, in its order", async () => {
  const { journal, told } = await open();
  journal.add(started);
  expect(told()).toEqual([]);
  expect(await journal.commit(completed)).toMatchObject({ id: "WO-1", status: "done" });
  expect(told()).toMatchObject([
    { event: "wo_accepted", group: 2 },
    { event: "wo_started", group: 2 },
    { event: "wo_completed", group: 2 },
  ]);
});

test("what was committed is not told again", async () => {
  const { journal, told } = await open();
  await journal.commit(started);
  await journal.commit(completed);
  expect(told().map(({ event }) => event)).toEqual(["wo_accepted", "wo_started", "wo_completed"]);
});

test("whoever waits for the first commit hears of it once, and only when it is durable", async () => {
  const { journal, firsts } = await open();
  journal.add(started);
  expect(firsts()).toBe(0);
  await journal.commit();
  await journal.commit(completed);
  expect(firsts()).toBe(1);
});

test("a commit that finds the disk full leaves no trace, and nobody hears of a first one", async () => {
  const { journal, told, firsts } = await open(refusingDisk("write", "ENOSPC", { nth: 2 }));
  expect(await thrownBy(() => journal.commit(started))).toMatchObject({ code: "DISK_FULL" });
  expect({ told: told(), firsts: firsts() }).toEqual({ told: [], firsts: 0 });
});

test("an order whose acceptance is nowhere is a bug of ours", async () => {
  const { books } = await open();
  const journal = new Journal(books, "WO-9", [], () => undefined);
  expect(await thrownBy(() => journal.commit())).toMatchObject({ name: "InvariantError" });
});
