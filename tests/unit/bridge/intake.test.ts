/** When a dropped file is taken, and when it is not yet. */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { recordingDisk, refusingDisk, watchedDisk } from "../../support/disks.ts";
import { turn } from "../../support/hand-clock.ts";
import { InboxKit } from "../../support/intake-kit.ts";
import { put, treeOf } from "../../support/temporary-folder.ts";

const JSON_ORDER = '{"wo_id":"WO-1","files":[{"path":"a","content":"x"}]}';
const YAML_ORDER = "wo_id: WO-1\nfiles:\n  - {path: a, content: x}\n";

test("a whole file is claimed by one rename and nothing else, and read as an order", async () => {
  const { disk, calls } = recordingDisk();
  const kit = new InboxKit({ disk });
  mkdirSync(join(kit.lane, ".claimed"));
  kit.drop("WO-1.json", JSON_ORDER);
  await kit.scan();
  expect(kit.claims).toMatchObject([{ name: "WO-1.json", order: { ok: true, value: { id: "WO-1" } } }]);
  expect(calls).toEqual([`rename WO-1.json ${kit.claims[0]?.claim}`]);
  expect(treeOf(kit.lane)).toEqual({ [`.claimed/${kit.claims[0]?.claim}`]: JSON_ORDER });
});

test.each([
  ["JSON", "a.json", JSON_ORDER, 0],
  ["YAML with an end mark", "a.yaml", `${YAML_ORDER}...\n`, 0],
  ["YAML that nobody touched for a while", "a.yml", YAML_ORDER, 500],
])("%s is taken at once", async (_what, name, content, ageMs) => {
  const kit = new InboxKit();
  kit.drop(name, content, ageMs);
  await kit.scan();
  expect(kit.taken).toEqual([name]);
});

test("YAML without an end mark is taken when it has stood still, and not a moment before", async () => {
  const kit = new InboxKit();
  kit.drop("a.yaml", YAML_ORDER);
  await kit.scan();
  await kit.clock.pass(499);
  expect(kit.taken).toEqual([]);
  await kit.clock.pass(1);
  expect(kit.taken).toEqual(["a.yaml"]);
});

test("a file that goes on growing is waited for from its last change on", async () => {
  const kit = new InboxKit();
  kit.drop("a.yaml", "wo_id: WO-1\n");
  await kit.scan();
  await kit.clock.pass(400);
  kit.drop("a.yaml", YAML_ORDER);
  await kit.clock.pass(499);
  expect(kit.taken).toEqual([]);
  await kit.clock.pass(1);
  expect(kit.claims[0]?.content?.bytes.toString()).toBe(YAML_ORDER);
});

test("a change of mode is no change of the file", async () => {
  const kit = new InboxKit();
  const path = kit.drop("a.yaml", YAML_ORDER, 499);
  await kit.scan();
  chmodSync(path, 0o600);
  await kit.clock.pass(1);
  expect(kit.taken).toEqual(["a.yaml"]);
});

test("a file whose time lies in the future is taken when it was seen standing still", async () => {
  const kit = new InboxKit();
  kit.drop("a.yaml", YAML_ORDER, -3_600_000);
  await kit.scan();
  await kit.clock.pass(499);
  expect(kit.taken).toEqual([]);
  await kit.clock.pass(1);
  expect(kit.taken).toEqual(["a.yaml"]);
});

test("a file that does not parse is given up two seconds after its last change, with its problems", async () => {
  const kit = new InboxKit();
  kit.drop("a.json", '{"wo_id":');
  await kit.scan();
  await kit.clock.pass(1999);
  expect(kit.taken).toEqual([]);
  await kit.clock.pass(1);
  expect(kit.claims).toMatchObject([{ name: "a.json", order: { ok: false, error: [{ code: "syntax" }] } }]);
});

test("a half-written file that becomes whole is taken then, as what it became", async () => {
  const kit = new InboxKit();
  kit.drop("a.json", JSON_ORDER.slice(0, 20));
  await kit.scan();
  await kit.clock.pass(300);
  kit.drop("a.json", JSON_ORDER);
  await kit.clock.pass(1700);
  expect(kit.claims).toMatchObject([{ order: { ok: true } }]);
});

test("a file that is whole and no order is not waited for", async () => {
  const kit = new InboxKit();
  kit.drop("a.json", '{"wo_id":"WO-1","files":[{"path":"a","contents":"x"}]}');
  await kit.scan();
  expect(kit.claims).toMatchObject([{ order: { ok: false, error: [{ code: "unknown_key" }] } }]);
});

test.each(["CLC", "clc"])("a file that its writer announces in %s is taken at once", async (lane) => {
  const kit = new InboxKit();
  await kit.scan();
  kit.drop("a.yaml", YAML_ORDER);
  kit.intake.announce(lane, "a.yaml");
  await turn();
  expect(kit.taken).toEqual(["a.yaml"]);
});

test.each<readonly [string, (path: string) => unknown, string]>([
  ["a link", (path) => symlinkSync("/etc/hostname", path), "link"],
  ["a pipe", (path) => execFileSync("mkfifo", [path]), "pipe or a device"],
  ["a folder", (path) => mkdirSync(path), "folder"],
])("%s named like an order is refused without being opened", async (_what, make, kind) => {
  const kit = new InboxKit();
  make(join(kit.lane, "a.yaml"));
  await kit.scan();
  expect(kit.claims).toMatchObject([
    { order: { ok: false, error: [{ code: "no_file", message: expect.stringContaining(`this is a ${kind}`) }] } },
  ]);
  expect(kit.claims[0]).not.toHaveProperty("content");
});

test("a file too large to be an order is refused unread", async () => {
  const kit = new InboxKit();
  kit.drop("a.json", "x".repeat(5 * 1024 * 1024 + 1), 2000);
  await kit.scan();
  expect(kit.claims).toMatchObject([{ order: { ok: false, error: [{ code: "too_large" }] } }]);
  expect(kit.claims[0]).not.toHaveProperty("content");
});

test("a file that may not be read is refused when its rights have not changed for a while", async () => {
  const kit = new InboxKit({ disk: refusingDisk("openRead", "EACCES", { always: true }) });
  kit.drop("a.json", JSON_ORDER);
  await kit.scan();
  expect(kit.taken).toEqual([]);
  await kit.clock.pass(2000);
  expect(kit.claims).toMatchObject([{ order: { ok: false, error: [{ code: "unreadable" }] } }]);
});

test("a folder with a header of its name is taken whole, once it has stood still; any other is told of", async () => {
  const kit = new InboxKit();
  put(join(kit.lane, "WO-1", "WO-1.yml"), YAML_ORDER);
  put(join(kit.lane, "other", "WO-1.yml"), YAML_ORDER);
  await kit.scan();
  expect(kit.ignored).toEqual(["CLC/other: a folder is an order when other.yaml, .yml or .json lies in it"]);
  await kit.clock.pass(400);
  put(join(kit.lane, "WO-1", "evidence", "late.txt"), "late");
  await kit.scan();
  await kit.clock.pass(499);
  expect(kit.taken).toEqual([]);
  await kit.clock.pass(600);
  expect(kit.taken).toEqual(["WO-1"]);
  expect(Object.keys(treeOf(kit.lane))).toContain("other/WO-1.yml");
  expect(Object.keys(treeOf(kit.lane)).some((path) => path.endsWith("~WO-1/evidence/late.txt"))).toBe(true);
});

test("names that are nobody's business lie where they are; tempting ones are told of", async () => {
  const kit = new InboxKit();
  for (const name of [".a.yaml", "a.tmp", "README.md", "do-it.sh"]) kit.drop(name, YAML_ORDER, 9999);
  await kit.scan();
  expect({ taken: kit.taken, ignored: kit.ignored }).toEqual({
    taken: [],
    ignored: ["CLC/do-it.sh: orders end in .yaml, .yml or .json"],
  });
});

/** Lets somebody act at the moment of the claim, before its rename. */
function atClaim(act: (from: string) => void) {
  return watchedDisk(({ verb, words: [from, to] }, go) => {
    if (verb === "rename" && typeof from === "string" && String(to).includes(".claimed")) act(from);
    return go();
  });
}

test("what changed between look and claim is read again when it stands still", async () => {
  const more = `${YAML_ORDER}notes: more\n`;
  const kit: InboxKit = new InboxKit({
    disk: atClaim((from) => {
      writeFileSync(from, more);
      kit.touch(from, 0);
    }),
  });
  mkdirSync(join(kit.lane, ".claimed"));
  kit.drop("a.yaml", YAML_ORDER, 600);
  await kit.scan();
  await kit.clock.pass(499);
  expect(kit.taken).toEqual([]);
  await kit.clock.pass(1);
  expect(kit.claims.map(({ content }) => content?.bytes.toString())).toEqual([more]);
});

test("a file that somebody takes away at the last moment is no claim, and no trouble", async () => {
  const kit = new InboxKit({ disk: atClaim((from) => rmSync(from, { force: true })) });
  kit.drop("a.json", JSON_ORDER);
  await kit.scan();
  expect({ taken: kit.taken, fatal: kit.fatal, seen: kit.intake.seen }).toEqual({ taken: [], fatal: [], seen: 0 });
});

test("a claim never takes the place of another: what is dropped again under the same name lies beside it", async () => {
  const kit = new InboxKit();
  for (const content of [JSON_ORDER, JSON_ORDER.replace('"x"', '"y"'), JSON_ORDER]) {
    kit.drop("a.json", content);
    await kit.scan();
  }
  const lying = Object.values(treeOf(join(kit.lane, ".claimed")));
  expect(lying.toSorted()).toEqual([JSON_ORDER, JSON_ORDER, JSON_ORDER.replace('"x"', '"y"')]);
  expect(new Set(kit.claims.map(({ claim }) => claim)).size).toBe(3);
});

test("a file that was claimed in another life is read again, and is gone when it is gone", async () => {
  const kit = new InboxKit();
  kit.drop("a.json", JSON_ORDER, 500);
  await kit.scan();
  const [first] = kit.claims;
  const lane = { name: "CLC", folder: kit.lane };
  const again = await kit.intake.reclaim(lane, first?.claim ?? "", "a.json");
  expect(again).toEqual(first);
  rmSync(first?.path ?? "");
  expect(await kit.intake.reclaim(lane, first?.claim ?? "", "a.json")).toBeUndefined();
});

const SIGNATURE = "-----BEGIN SSH SIGNATURE-----\nU1NIU0lH\n-----END SSH SIGNATURE-----\n";

test("where an order needs a signature it is waited for, until all of it is there", async () => {
  const kit = new InboxKit({ wantsSignature: () => true });
  kit.drop("a.json", JSON_ORDER, 9999);
  await kit.scan();
  await kit.clock.pass(1000);
  kit.drop("a.json.sig", SIGNATURE.slice(0, 40));
  await kit.scan();
  await kit.clock.pass(500);
  expect(kit.taken).toEqual([]);
  kit.drop("a.json.sig", SIGNATURE);
  kit.intake.hint(kit.lane, "a.json.sig");
  await kit.clock.pass(25);
  expect({ taken: kit.taken, ignored: kit.ignored }).toEqual({ taken: ["a.json"], ignored: [] });
});

test("a signature that does not come is waited for no longer than anything else, however old the order's file is", async () => {
  const kit = new InboxKit({ wantsSignature: () => true });
  kit.drop("a.json", JSON_ORDER, 9999);
  await kit.scan();
  await kit.clock.pass(1999);
  expect(kit.taken).toEqual([]);
  await kit.clock.pass(1);
  expect(kit.taken).toEqual(["a.json"]);
});

test("the signature of a folder is waited for, too; one that is there already is not", async () => {
  const kit = new InboxKit({ wantsSignature: () => true });
  for (const name of ["A", "B"]) kit.touch(dirname(kit.drop(`${name}/${name}.json`, JSON_ORDER)), 0);
  kit.drop("B.sig", SIGNATURE);
  await kit.scan();
  await kit.clock.pass(600);
  expect(kit.taken).toEqual(["B"]);
  kit.drop("A.sig", SIGNATURE);
  kit.intake.hint(kit.lane, "A.sig");
  await kit.clock.pass(25);
  expect({ taken: kit.taken, ignored: kit.ignored }).toEqual({ taken: ["B", "A"], ignored: [] });
});

test("a folder that is called like a signature and is an order is no signature", async () => {
  const kit = new InboxKit({ wantsSignature: () => true });
  kit.drop("A.json", JSON_ORDER);
  kit.touch(dirname(kit.drop("A.json.sig/A.json.sig.json", JSON_ORDER)), 0);
  await kit.scan();
  await kit.clock.pass(600);
  expect(kit.taken).toEqual([]);
  await kit.clock.pass(2000);
  expect(kit.taken.toSorted()).toEqual(["A.json", "A.json.sig"]);
});

test("a signature that comes first lies there until its order comes, and nobody is told of it", async () => {
  const kit = new InboxKit({ wantsSignature: () => true });
  kit.drop("a.json.sig", SIGNATURE, 9999);
  await kit.scan();
  await kit.clock.pass(9999);
  expect({ seen: kit.intake.seen, taken: kit.taken, ignored: kit.ignored }).toEqual({
    seen: 0,
    taken: [],
    ignored: [],
  });
  kit.drop("a.json", JSON_ORDER);
  await kit.scan();
  expect(kit.taken).toEqual(["a.json"]);
});
