/** The one entry that is kept apart from the ledger, signed: what is taken for it, and what is refused because of it. */
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readBooks } from "../../../src/records/books.ts";
import { Checkpoints } from "../../../src/records/checkpoint.ts";
import type { Vault } from "../../../src/records/vault.ts";
import { verifyLedger } from "../../../src/upkeep/verify-ledger.ts";
import { checkpointsOf, newVault, openBooks, tryOpenBooks } from "../../support/books-kit.ts";
import { quickClock } from "../../support/clocks.ts";
import { turn } from "../../support/hand-clock.ts";
import { note, realFiles } from "../../support/ledger-kit.ts";
import { errorOf, valueOf } from "../../support/results.ts";
import { modeOf } from "../../support/temporary-folder.ts";

const HEAD = { seq: 3, hash: "ab".repeat(32) };
const TS = "2026-01-05T00:00:00.000Z";
const pathOf = ({ path }: Vault) => join(path, "checkpoint.json");

/** A vault whose ledger was written and closed, its checkpoint at its end. */
async function closedVault(names: readonly string[]): Promise<Vault> {
  const vault = await newVault();
  const books = await openBooks(vault);
  for (const name of names) {
    await books.append([note(name)]);
    await turn();
  }
  await books.close();
  return vault;
}

test("what was written is read again as proven, by its own user only", async () => {
  const vault = await newVault();
  await checkpointsOf(vault.path).write("ledger01", HEAD, TS);
  expect(checkpointsOf(vault.path).read()).toMatchObject({
    kind: "proven",
    checkpoint: { v: 1, ledger: "ledger01", ...HEAD, ts: TS },
  });
  expect([modeOf(pathOf(vault)), modeOf(`${vault.path}.pem`)]).toEqual([0o600, 0o600]);
});

test.each([
  ["another seq", (text: string) => text.replace('"seq": 3', '"seq": 4')],
  ["another hash", (text: string) => text.replace("abab", "acab")],
  ["another time", (text: string) => text.replace("2026-01-05", "2026-01-06")],
  ["no signature", (text: string) => text.replace(/"signature": ".*"/, '"signature": ""')],
  ["half of it", (text: string) => text.slice(0, 60)],
  ["nothing", () => ""],
])("with %s it is not what this machine has signed", async (_what, change) => {
  const vault = await newVault();
  await checkpointsOf(vault.path).write("ledger01", HEAD, TS);
  writeFileSync(pathOf(vault), change(readFileSync(pathOf(vault), "utf8")));
  expect(checkpointsOf(vault.path).read()).toMatchObject({ kind: "false" });
});

test("one signed by another key is false where this machine has a key, and unproven where it has none", async () => {
  const vault = await newVault();
  await new Checkpoints(realFiles, vault.path, `${vault.path}-other.pem`).write("ledger01", HEAD, TS);
  expect(checkpointsOf(vault.path).read()).toMatchObject({ kind: "unproven" });
  const key = await newVault();
  await checkpointsOf(key.path).write("ledger01", HEAD, TS);
  writeFileSync(`${vault.path}.pem`, readFileSync(`${key.path}.pem`));
  expect(checkpointsOf(vault.path).read()).toMatchObject({
    kind: "false",
    reason: expect.stringContaining("not signed"),
  });
});

test("a new vault has none, and nobody has taken it away", async () => {
  const vault = await newVault();
  expect(checkpointsOf(vault.path).read()).toEqual({ kind: "none", isGone: false });
  const { findings } = verifyLedger(realFiles, vault, checkpointsOf(vault.path));
  expect(findings).toEqual([{ code: "no_checkpoint", isDamage: false, message: "the ledger has no checkpoint yet" }]);
});

test("closed books leave a checkpoint at their end, and the snapshot is not ahead of it", async () => {
  const vault = await closedVault(["a", "b"]);
  const { index } = valueOf(readBooks(realFiles, vault));
  expect(checkpointsOf(vault.path).read()).toMatchObject({
    kind: "proven",
    checkpoint: { ...index.head, ledger: index.facts.ledger },
  });
  expect(verifyLedger(realFiles, vault, checkpointsOf(vault.path)).findings).toEqual([]);
});

test("while books are open a checkpoint is written at most each half minute, and only when something was added", async () => {
  const vault = await newVault();
  let now = 1_000_000;
  const clock = { now: () => now };
  const books = valueOf(await tryOpenBooks(vault, bent(vault, clock)));
  const seq = () => {
    const state = checkpointsOf(vault.path).read();
    return "checkpoint" in state ? state.checkpoint.seq : 0;
  };
  await books.keepSnapshot("idle");
  expect(seq()).toBe(1);
  await books.append([note("a")]);
  await books.keepSnapshot("idle");
  expect(seq()).toBe(1);
  now += 30_000;
  await books.keepSnapshot("idle");
  expect(seq()).toBe(2);
  rmSync(pathOf(vault));
  now += 30_000;
  await books.keepSnapshot("idle");
  expect(existsSync(pathOf(vault))).toBe(false);
  await books.close();
});

test.each([
  [
    "put back to an earlier moment",
    (lines: readonly string[]) => lines.slice(0, 2),
    /ends at entry 2, and its checkpoint/,
  ],
  ["emptied", () => [], /ends at entry 0/],
])("a ledger that was %s is refused, with and without its snapshot", async (_what, change, reason) => {
  const vault = await closedVault(["a", "b", "c"]);
  const path = join(vault.ledger, "000001.jsonl");
  writeFileSync(path, change(readFileSync(path, "utf8").match(/.*\n/g) ?? []).join(""));
  for (const _ of ["with", "without"]) {
    expect(errorOf(await tryOpenBooks(vault)).error).toMatchObject({
      code: "LEDGER_REWRITTEN",
      message: expect.stringMatching(reason),
    });
    rmSync(join(vault.ledger, "index.json"), { force: true });
  }
  expect(verifyLedger(realFiles, vault, checkpointsOf(vault.path)).findings).toMatchObject([
    { code: "rewritten", isDamage: true },
  ]);
});

test("another ledger in its place, sound throughout and with its own snapshot, is refused", async () => {
  const [vault, other] = [await closedVault(["a", "b"]), await closedVault(["a", "b", "c", "d"])];
  for (const name of ["000001.jsonl", "index.json", "orders.rows"]) {
    const from = join(other.ledger, name);
    if (existsSync(from)) writeFileSync(join(vault.ledger, name), readFileSync(from));
  }
  const refused = errorOf(await tryOpenBooks(vault));
  expect(refused.error.message).toContain("the ledger was written anew");
  expect(refused.damage).toMatchObject({ seq: 6, readableTo: 6 });
});

test("a checkpoint that this machine did not sign is refused, however well the ledger passes through it", async () => {
  const vault = await closedVault(["a"]);
  const other = new Checkpoints(realFiles, vault.path, `${vault.path}-other.pem`);
  await other.write("ledger01", valueOf(readBooks(realFiles, vault)).index.head, TS);
  expect(errorOf(await tryOpenBooks(vault)).error).toMatchObject({ code: "LEDGER_REWRITTEN" });
});

test("a checkpoint that is gone is told of once, and made anew", async () => {
  const vault = await closedVault(["a"]);
  rmSync(pathOf(vault));
  for (const _ of ["first", "second"]) await (await openBooks(vault)).close();
  const text =
    readFileSync(join(vault.ledger, "000003.jsonl"), "utf8") + readFileSync(join(vault.ledger, "000002.jsonl"), "utf8");
  expect(text.match(/"message":"the ledger's checkpoint is gone/g)?.length).toBe(2);
  expect(verifyLedger(realFiles, vault, checkpointsOf(vault.path)).findings).toEqual([]);
});

/** Options that let the test say what time it is. */
function bent({ path }: Vault, { now }: { readonly now: () => number }) {
  return { checkpoints: checkpointsOf(path), clock: { ...quickClock(), now } };
}
