/** Orders as folders that reach out of themselves, files of five gigabytes, a user's own limits, and parents that are swapped meanwhile. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { closeSync, ftruncateSync, mkdirSync, openSync, renameSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { endOf, expectRows, guardedWorld, hashOf, inBase, type Row, row } from "../support/hostile-kit.ts";
import { dropBytes, filing, problemsOf } from "../support/line-kit.ts";
import { ordinaryWorld } from "../support/ordinary-world.ts";
import { until, type World } from "../support/world.ts";

/** An order that is a folder: `X` stands for its own name. */
function folder(name: string, files: Readonly<Record<string, string>>, ends: string, more: Partial<Row> = {}): Row {
  return dropped(name, (world, id) => fill(world, id, files), ends, more);
}

function fill(world: World, id: string, files: Readonly<Record<string, string>>): void {
  mkdirSync(world.path("bridge/coming"), { recursive: true });
  for (const [path, text] of Object.entries(files)) world.write(`bridge/coming/${path.replace("X", id)}`, text);
}

let count = 0;

/** `build` fills bridge/coming, which is then moved into the inbox. */
function dropped(name: string, build: (world: World, id: string) => void, ends: string, more: Partial<Row>): Row {
  count += 1;
  const order = (world: World, id: string) => {
    build(world, id);
    renameSync(world.path("bridge/coming"), world.path(`bridge/inbox/CLC/${id}`));
  };
  return row(name, order, ends, { as: `F-${count}`, ...more });
}

const BODY = "files: {made.txt: PWNED}\n";
const HASH = "0".repeat(64);

/** What a folder travels as, written by somebody else. */
function forged(header: string): string {
  const files = [
    { path: "P-1.yaml", text: header },
    { path: "../../../../../../../outside/PWNED", text: "PWNED" },
  ];
  return JSON.stringify({ wo_folder: 1, files });
}

const FOLDERS: readonly Row[] = [
  folder("a body that climbs", { "X.yaml": "body_file: ../../../../../outside/secret.txt\n" }, "rejected no_file"),
  folder("a body by its absolute name", { "X.yaml": "body_file: /etc/passwd\n" }, "rejected no_file"),
  folder("a body by a way around", { "X.yaml": "body_file: a/../b.yaml\n", "b.yaml": BODY }, "rejected no_file"),
  folder(
    "a body that names a body",
    { "X.yaml": "body_file: b.yaml\n", "b.yaml": "body_file: c.yaml\n", "c.yaml": BODY },
    "rejected unknown_action",
  ),
  folder(
    "a body that climbs with its files",
    { "X.yaml": "body_file: b.yaml\n", "b.yaml": "files: {../../x: PWNED}\n" },
    "rejected path_refused",
  ),
  folder(
    "a body with another id",
    { "X.yaml": "body_file: b.yaml\n", "b.yaml": `wo_id: ../x\n${BODY}` },
    "rejected bad_id",
  ),
  folder(
    "checksums of files outside",
    { "X.yaml": "files: {sums.txt: ok}\n", "a.sha256": `${HASH}  ../../../../wo-bridge.yaml\n${HASH}  /etc/passwd\n` },
    "done",
    {
      makes: inBase({ "sums.txt": "ok" }),
    },
  ),
  folder(
    "a checksum that is wrong by a way around",
    { "X.yaml": BODY, "a.sha256": `${HASH}  ./X.yaml\n`, "sub/b.sha256": `${HASH}  b.txt\n`, "sub/b.txt": "x" },
    "rejected checksum_mismatch",
  ),
  folder(
    "201 files",
    Object.fromEntries([["X.yaml", BODY], ...Array.from({ length: 200 }, (_, index) => [`f${index}`, ""])]),
    "rejected too_large",
  ),
  folder(
    "6 MB in two files",
    { "X.yaml": BODY, a: "x".repeat(3_000_000), b: "x".repeat(3_000_000) },
    "rejected too_large",
  ),
  folder(
    "a packed folder in a file of it",
    { "X.yaml": `{"wo_folder":1,"files":[{"path":"../x","text":"PWNED"}]}` },
    "rejected unknown_key",
  ),
  dropped(
    "a link in it that leads to a key",
    (world, id) => {
      fill(world, id, { "X.yaml": "body_file: key.yaml\n" });
      symlinkSync(join(world.home, ".ssh/authorized_keys"), world.path("bridge/coming/key.yaml"));
    },
    "rejected no_file",
    {},
  ),
  dropped(
    "a folder in it that is a link out",
    (world, id) => {
      fill(world, id, { "X.yaml": BODY });
      symlinkSync(join(world.root, "outside"), world.path("bridge/coming/out"));
    },
    "rejected no_file",
    {},
  ),
  dropped(
    "a pipe in it",
    (world, id) => {
      fill(world, id, { "X.yaml": BODY });
      execFileSync("mkfifo", [world.path("bridge/coming/pipe")]);
    },
    "rejected no_file",
    {},
  ),
  row("a packed folder that climbs, as a file", forged("title: x"), "rejected unknown_key", {
    as: "P-1.json",
    id: "P-1",
  }),
  row(
    "a packed folder that climbs, and whose claim vanishes, so that it is filed out of the record",
    forged("steps: [{run: 'rm bridge/inbox/CLC/.claimed/*P-2.json'}]").replace("P-1", "P-2"),
    "rejected unknown_key",
    { as: "P-2.json", id: "P-2" },
  ),
];

test("folders that reach out of themselves are refused or taken for what they are, and filed inside of the bridge", {
  timeout: 180_000,
}, async () => {
  const world = await guardedWorld("lanes: {CLC: {sandbox: off}}\n");
  await expectRows(world, FOLDERS);
});

const FIVE_GB = 5 * 1024 ** 3;

/** A file that takes no room. */
function sparse(path: string): void {
  const handle = openSync(path, "w");
  ftruncateSync(handle, FIVE_GB);
  closeSync(handle);
}

test("five gigabytes are neither read nor changed: as a target, as an order, in a folder", {
  timeout: 120_000,
}, async () => {
  const world = await guardedWorld();
  const pid = Number(
    /"pid":\s*(\d+)/.exec(execFileSync("cat", [join(world.vault, "runtime.json")], { encoding: "utf8" }))?.[1],
  );
  const rssKb = () => Number(execFileSync("ps", ["-o", "rss=", "-p", String(pid)], { encoding: "utf8" }));
  const beforeKb = rssKb();
  let peakKb = 0;
  const watch = setInterval(() => void (peakKb = Math.max(peakKb, rssKb())), 20);
  onTestFinished(() => clearInterval(watch));
  const prepare = (name: string) => ({ prepare: (each: World) => sparse(each.path(name)) });
  await expectRows(world, [
    row("an edit", { edits: [{ path: "big", find: "a", replace: "b" }] }, "failed conflict too_large", prepare("big")),
    row("an addition", { operations: [{ op: "append", path: "big", content: "x" }] }, "failed conflict too_large"),
    row("a move", { files: [{ path: "big", move: "moved" }] }, "failed conflict too_large"),
    row("a deletion", { files: [{ path: "big", delete: true }] }, "failed conflict too_large"),
    row("a write over it", { files: { big: "PWNED" } }, "failed conflict too_large"),
    row("an order", (each, id) => sparseDrop(each, `${id}.yaml`), "rejected too_large", { as: "S-1.yaml" }),
    row("a JSON order", (each, id) => sparseDrop(each, `${id}.json`), "rejected too_large", { as: "S-2.json" }),
    dropped(
      "a file of a folder",
      (each, id) => {
        fill(each, id, { "X.yaml": BODY });
        sparse(each.path("bridge/coming/evidence.bin"));
      },
      "rejected too_large",
      {},
    ),
  ]);
  expect(peakKb).toBeGreaterThan(10_000);
  expect(peakKb - beforeKb).toBeLessThan(150_000);
});

function sparseDrop(world: World, name: string): void {
  sparse(world.path("bridge/coming"));
  renameSync(world.path("bridge/coming"), world.path(`bridge/inbox/CLC/${name}`));
}

/** Makes `way` a folder, then a link to each of these in turn, as fast as it can. */
function swapping(world: World, targets: readonly string[]): ChildProcess {
  const program = `
    const fs = require("node:fs");
    const targets = ${JSON.stringify(targets)};
    for (let turn = 0; ; turn += 1) {
      try {
        fs.symlinkSync(targets[turn % targets.length], "link");
        fs.renameSync("way", "aside");
        fs.renameSync("link", "way");
        fs.renameSync("way", "link");
        fs.renameSync("aside", "way");
        fs.unlinkSync("link");
      } catch {
        // Somebody made a folder in its place meanwhile.
        for (const name of ["link", "way", "aside"]) fs.rmSync(name, { recursive: true, force: true });
        fs.mkdirSync("way");
      }
    }`;
  const child = spawn(process.execPath, ["-e", program], { cwd: world.base, stdio: "ignore" });
  onTestFinished(() => void child.kill("SIGKILL"));
  return child;
}

test("while a folder is swapped for links out, no order writes anywhere but into the base", {
  timeout: 180_000,
}, async () => {
  const world = await guardedWorld("lanes: {CLC: {sandbox: off}}\n");
  const targets = [join(world.root, "outside"), join(world.home, ".ssh"), world.path(".git/hooks"), world.vault];
  const before = hashOf(world);
  mkdirSync(world.path("way"));
  const swapper = swapping(world, targets);
  const ids = Array.from({ length: 150 }, (_, index) => `R-${index}`);
  for (const id of ids)
    world.drop("CLC", `${id}.json`, { files: { [`way/${id}`]: "PWNED", "way/secret.txt": id, "way/sub/x": id } });
  await until(() => ids.every((id) => endOf(world, id, `${id}.json`) !== undefined), 120_000, "all have ended");
  await world.kill(swapper);
  for (const name of ["way", "link", "aside"]) execFileSync("rm", ["-rf", world.path(name)]);
  world.drop("CLC", "next.json", filing("next", "way/next"));
  await world.reaches("next", "done");
  execFileSync("rm", ["-rf", world.path("way")]);
  expect(hashOf(world)).toBe(before);
  expect(
    world
      .list("../../outside")
      .concat(world.list(".git/hooks"))
      .filter((name) => /^R-|^sub$/.test(name)),
  ).toEqual([]);
  expect(execFileSync("find", [world.vault, "-maxdepth", "1", "-name", "R-*"], { encoding: "utf8" })).toBe("");
  const ends = new Set(ids.map((id) => endOf(world, id, `${id}.json`)));
  // The race was one: some were caught in it, and some were not.
  expect(ends).toContain("done");
  expect(ends.size).toBeGreaterThan(1);
  expect(
    [...ends].filter(
      (end) => !/^(?:done|rejected path_refused|failed (?:policy|conflict|transient_infra) \w+)$/.test(String(end)),
    ),
  ).toEqual([]);
});

test("what the daemon's user may not write stays as it is, and the next order is done", async ({ skip }) => {
  const world = await ordinaryWorld();
  if (world === undefined) return skip("NOT TESTED HERE: no ordinary user can be had");
  const [locked, hidden] = [world.path("locked"), world.path("hidden.txt")];
  world.write("locked/kept.txt", "kept");
  world.write("hidden.txt", "hidden");
  execFileSync("chmod", ["555", locked]);
  execFileSync("chmod", ["000", hidden]);
  const drop = (id: string, order: object) => dropBytes(world, "CLC", `${id}.json`, JSON.stringify(order));
  drop("O-1", { files: { "locked/new.txt": "PWNED", "free.txt": "PWNED" } });
  drop("O-2", { edits: [{ path: "hidden.txt", find: "hidden", replace: "PWNED" }] });
  drop("O-3", { files: [{ path: "locked/kept.txt", delete: true }] });
  drop("O-4", { files: { "/root/PWNED": "PWNED" } });
  drop("O-5", filing("O-5", "fine.txt"));
  await world.reaches("O-5", "done");
  await problemsOf(world, "CLC", "O-4.json");
  for (const id of ["O-1", "O-2", "O-3"]) await world.reaches(id, "failed");
  expect(["O-1", "O-2", "O-3", "O-4"].map((id) => endOf(world, id, `${id}.json`))).toEqual([
    ...Array.from({ length: 3 }, () => "failed transient_infra disk_refused"),
    "rejected path_refused",
  ]);
  expect(world.list("locked")).toEqual(["kept.txt"]);
  expect(world.read("locked/kept.txt")).toBe("kept");
  expect(world.read("hidden.txt")).toBe("hidden");
  expect(world.read("free.txt")).toBeUndefined();
});
