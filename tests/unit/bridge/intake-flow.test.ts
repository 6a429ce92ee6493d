/** How files come to be looked at: scans, hints, pauses, floods. None is looked at twice at once, none is forgotten. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import type { Claim } from "../../../src/bridge/intake.ts";
import { readOrder } from "../../../src/orders/read-order.ts";
import { moodyDisk, refusingDisk, watchedDisk } from "../../support/disks.ts";
import { turn } from "../../support/hand-clock.ts";
import { InboxKit } from "../../support/intake-kit.ts";
import { treeOf } from "../../support/temporary-folder.ts";

const ORDER = '{"files":[{"path":"a","content":"x"}]}';
const YAML_ORDER = "files:\n  - {path: a, content: x}\n";

test("a hint makes a file be looked at without a scan; one for another folder is told to be none", async () => {
  const kit = new InboxKit();
  await kit.scan();
  kit.drop("a.json", ORDER);
  expect(kit.intake.hint(kit.lane, "a.json")).toBe(true);
  await turn();
  expect(kit.taken).toEqual(["a.json"]);
  expect(kit.intake.hint("/elsewhere", "a.json")).toBe(false);
});

test("scans and hints for a file that is waited for do not take it twice", async () => {
  const kit = new InboxKit();
  kit.drop("a.yaml", YAML_ORDER);
  for (const _ of [1, 2, 3]) await kit.scan();
  kit.intake.hint(kit.lane, "a.yaml");
  expect(kit.intake.seen).toBe(1);
  await kit.clock.pass(5000);
  expect({ taken: kit.taken, seen: kit.intake.seen }).toEqual({ taken: ["a.yaml"], seen: 0 });
});

test("a file that is waited for is looked at a moment after it rings, and taken when it has become whole", async () => {
  const kit = new InboxKit();
  kit.drop("a.json", ORDER.slice(0, 20));
  await kit.scan();
  await kit.clock.pass(10);
  kit.drop("a.json", ORDER);
  kit.intake.hint(kit.lane, "a.json");
  await kit.clock.pass(24);
  expect(kit.taken).toEqual([]);
  await kit.clock.pass(1);
  expect(kit.taken).toEqual(["a.json"]);
});

test("a file that rings at every write is looked at once in a while, not each time", async () => {
  let looks = 0;
  const kit = new InboxKit({
    readOrder: async (bytes, stem) => {
      looks += 1;
      return readOrder(bytes, stem);
    },
  });
  kit.drop("a.json", ORDER.slice(0, 20));
  await kit.scan();
  for (let ring = 0; ring < 100; ring += 1) {
    kit.intake.hint(kit.lane, "a.json");
    await kit.clock.pass(1);
  }
  expect(looks).toBe(1 + 4);
});

test("a file that is waited for is taken at once when its writer announces it", async () => {
  const kit = new InboxKit();
  kit.drop("a.yaml", YAML_ORDER);
  await kit.scan();
  expect(kit.taken).toEqual([]);
  kit.intake.announce("CLC", "a.yaml");
  await turn();
  expect(kit.taken).toEqual(["a.yaml"]);
});

test("a file that is announced while it is being looked at is taken at once, too", async () => {
  const kit = new InboxKit();
  await kit.scan();
  kit.drop("a.yaml", YAML_ORDER);
  kit.intake.hint(kit.lane, "a.yaml");
  kit.intake.announce("CLC", "a.yaml");
  await turn();
  expect(kit.taken).toEqual(["a.yaml"]);
});

test("a file that is dropped while one of its name is being taken is taken, too, without another scan", async () => {
  let count = 0;
  const disk = watchedDisk(({ verb, words: [from, to] }, go) => {
    const result = go();
    if (verb !== "rename" || !String(to).includes(".claimed") || (count += 1) > 1) return result;
    writeFileSync(String(from), ORDER);
    kit.intake.hint(kit.lane, "a.json");
    return result;
  });
  const kit: InboxKit = new InboxKit({ disk });
  mkdirSync(join(kit.lane, ".claimed"));
  kit.drop("a.json", ORDER);
  await kit.scan();
  expect(kit.taken).toEqual(["a.json", "a.json"]);
  expect(Object.keys(treeOf(kit.lane)).filter((name) => name.startsWith(".claimed/"))).toHaveLength(2);
});

test("while intake pauses, files stay in the inbox; they are taken when it resumes", async () => {
  const kit = new InboxKit();
  kit.intake.pause();
  kit.drop("a.json", ORDER);
  await kit.scan();
  expect(treeOf(kit.lane)).toEqual({ "a.json": ORDER });
  kit.intake.resume();
  await turn();
  expect(kit.taken).toEqual(["a.json"]);
});

test("a pause that begins while a file is looked at keeps that file in the inbox, too", async () => {
  const kit: InboxKit = new InboxKit({
    readOrder: async (bytes, stem) => {
      if (kit.taken.length === 0) kit.intake.pause();
      return readOrder(bytes, stem);
    },
  });
  kit.drop("a.json", ORDER);
  await kit.scan();
  expect({ taken: kit.taken, there: Object.keys(treeOf(kit.lane)) }).toEqual({ taken: [], there: ["a.json"] });
});

test("nothing is taken any more when everything is to end", async () => {
  const kit = new InboxKit();
  kit.ending.abort();
  kit.drop("a.json", ORDER);
  await kit.scan();
  expect(treeOf(kit.lane)).toEqual({ "a.json": ORDER });
});

test("of a flood only so many files are looked at at once, and every one is taken once", async () => {
  let [reading, most] = [0, 0];
  const kit = new InboxKit({
    readOrder: async (bytes, stem) => {
      reading += 1;
      most = Math.max(most, reading);
      await turn();
      reading -= 1;
      return readOrder(bytes, stem);
    },
  });
  const names = Array.from({ length: 150 }, (_, at) => `WO-${at}.json`);
  for (const name of names) kit.drop(name, ORDER);
  kit.intake.scan();
  const idle = kit.intake.idle();
  for (let round = 0; round < 10; round += 1) await kit.clock.pass(5);
  await idle;
  expect(kit.taken.toSorted()).toEqual(names.toSorted());
  expect(most).toBe(64);
});

test("whoever waits for quiet is told when the last file has been handed over", async () => {
  let handOver: () => void = () => undefined;
  const onClaim = () => new Promise<void>((resolve) => (handOver = resolve));
  const kit = new InboxKit({ onClaim });
  kit.drop("a.json", ORDER);
  await kit.scan();
  let quiet = false;
  void kit.intake.idle().then(() => (quiet = true));
  await kit.clock.pass(100);
  expect(quiet).toBe(false);
  handOver();
  await kit.clock.pass(100);
  expect(quiet).toBe(true);
});

test.each([
  ["openRead", "EMFILE", "TOO_MANY_FILES"],
  ["rename", "ENOSPC", "DISK_FULL"],
  ["rename", "EIO", "DISK_REFUSED"],
])(
  "a disk that refuses to %s with %s is told of, and asked again until it lets the file be taken",
  async (verb, errno, code) => {
    const kit = new InboxKit({ disk: refusingDisk(verb, errno) });
    mkdirSync(join(kit.lane, ".claimed"));
    kit.drop("a.json", ORDER);
    await kit.scan();
    expect({ taken: kit.taken, refused: kit.refused }).toEqual({ taken: [], refused: [code] });
    await kit.clock.pass(500);
    expect({ taken: kit.taken, fatal: kit.fatal }).toEqual({ taken: ["a.json"], fatal: [] });
  },
);

test("what goes wrong with a claim ends the daemon, and keeps no other file from being taken", async () => {
  const taken: string[] = [];
  const onClaim = async ({ name }: Claim) => {
    taken.push(name);
    if (name === "a.json") throw new Error("broken");
  };
  const kit = new InboxKit({ onClaim });
  for (const name of ["a.json", "b.json"]) kit.drop(name, ORDER);
  await kit.scan();
  expect(kit.fatal).toEqual([new Error("broken")]);
  expect(taken.toSorted()).toEqual(["a.json", "b.json"]);
});

test("a folder that rings and that the disk refuses to show is told of, and looked at in the next scan", async () => {
  const { disk, refuse } = moodyDisk("stat", "EACCES");
  const kit = new InboxKit({ disk });
  await kit.scan();
  kit.touch(dirname(kit.drop("A/A.json", ORDER)), 9999);
  refuse(true);
  expect(kit.intake.hint(kit.lane, "A")).toBe(true);
  expect(kit.refused).toHaveLength(1);
  refuse(false);
  await kit.scan();
  await kit.clock.pass(600);
  expect(kit.taken).toEqual(["A"]);
});
