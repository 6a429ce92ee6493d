/**
 * Whatever is done to a ledger's files is seen, or is what a crash may leave of the last write. What reading tells is
 * always what was recorded: no bend makes it say anything else, unless every hash behind the bend was made anew.
 */
import { gunzipSync } from "node:zlib";
import { constant, oneof, record } from "fast-check";
import { expect, test } from "vitest";
import { readChain as readByModel } from "../../proof/model/chain.ts";
import { SigningKey } from "../../src/platform/signing-key.ts";
import { decode, EMPTY_HEAD, type Entry } from "../../src/records/chain.ts";
import { Checkpoints, checkpointBytes } from "../../src/records/checkpoint.ts";
import { CHAIN_BEGIN, readChain, readEntriesAfter } from "../../src/records/ledger-reading.ts";
import { Vault } from "../../src/records/vault.ts";
import { verifyLedger } from "../../src/upkeep/verify-ledger.ts";
import { fuzz, type Tally } from "../support/fuzz.ts";
import { type Bend, bends, type LedgerFiles } from "../support/ledger-bends.ts";
import { type MadeLedger, madeLedgers } from "../support/made-ledger.ts";
import { type Shelf, shelfFiles } from "../support/shelf.ts";

const VAULT = "/vault";
const KEY = SigningKey.make();
const untouched: Bend = { what: "nothing", isForged: false, apply: ({ files }) => files };

function shelfOf(files: LedgerFiles): Shelf {
  return new Map(files.map(({ name, bytes }) => [`${VAULT}/ledger/${name}`, bytes]));
}

/** What the product makes of the files: reader, verifier, and the reader of views. */
function read(shelf: Shelf) {
  const files = shelfFiles(shelf);
  const entries: Entry[] = [];
  const end = readChain(files, `${VAULT}/ledger`, CHAIN_BEGIN, ({ entry }) => entries.push(entry));
  const report = verifyLedger(files, new Vault(files, VAULT));
  const told = [...readEntriesAfter(files, `${VAULT}/ledger`, 0)];
  return { entries, end, report, told };
}

const hashes = (entries: readonly { readonly hash: string }[]) => entries.map(({ hash }) => hash);

/** Those of the entries whose lines still stand somewhere in the files. */
function left(entries: readonly Entry[], files: LedgerFiles): readonly Entry[] {
  if (entries.length === 0) return [];
  const lines = new Set(
    files.flatMap(({ name, bytes }) => plain(name, bytes).toString("utf8").split("\n").slice(0, -1)),
  );
  return entries.filter(({ hash }) => [...lines].some((line) => line.endsWith(`"hash":"${hash}"}`) && decode(line)));
}

function plain(name: string, bytes: Buffer): Buffer {
  try {
    return name.endsWith(".gz") ? gunzipSync(bytes) : bytes;
  } catch {
    // What cannot be unpacked holds nothing.
    return Buffer.alloc(0);
  }
}

function check(made: MadeLedger, bend: Bend, tally: Tally): void {
  const bent = bend.apply(made);
  const shelf = shelfOf(bent);
  const { entries, end, report, told } = read(shelf);
  // The verifier says what the reader does.
  expect(report.entries).toBe(entries.length);
  expect(report.findings.some(({ isDamage }) => isDamage)).toBe(!end.ok);
  expect(report.findings.some(({ code }) => code === "torn_tail")).toBe(end.ok && end.value.torn !== undefined);
  // Views are told nothing that does not count, but for a write whose end is missing.
  if (end.ok) expect(hashes(told).slice(0, entries.length)).toEqual(hashes(entries));
  agrees(shelf, { end, entries }, made);
  if (!end.ok) return tally.add("seen");
  const isWhole = entries.length === made.entries.length;
  const isTrue = entries.every(({ hash }, index) => hash === made.entries[index]?.hash);
  if (bend.isForged && !isTrue) return forged(made, bent, entries, tally);
  expect(hashes(entries)).toEqual(hashes(made.entries.slice(0, entries.length)));
  if (isWhole) return tally.add("harmless");
  // Where nothing of the rest is left, or half an append, this is an earlier moment: only a checkpoint knows better.
  const rest = left(made.entries.slice(entries.length), bent);
  if (rest.every(({ more, group }) => more !== undefined && group === rest[0]?.group)) return tally.add("cut");
  expect(entries.length).toBeGreaterThanOrEqual(made.settled);
  expect(end.value.torn).toBeDefined();
  tally.add("torn");
}

/** Another history is believed only where nothing but it is left. */
function forged(made: MadeLedger, bent: LedgerFiles, entries: readonly Entry[], tally: Tally): void {
  const shared = entries.findIndex(({ hash }, index) => hash !== made.entries[index]?.hash);
  const groups = new Set(left(made.entries.slice(shared), bent).map(({ group }) => group));
  expect(groups.size).toBeLessThan(2);
  tally.add("rewritten");
}

/**
 * Where the model finds no fault the product reads the same. A fault of the model is told by the product, is its torn
 * end, or is in what another segment has taken over whole.
 */
function agrees(
  shelf: Shelf,
  { end, entries }: Pick<ReturnType<typeof read>, "end" | "entries">,
  made: MadeLedger,
): void {
  const model = readByModel({
    base: "/base",
    vault: VAULT,
    read: (path) => shelf.get(path),
    list: (folder) => [...shelf.keys()].map((path) => ({ name: path.slice(folder.length + 1), isFolder: false })),
  });
  const isLost = entries.length < made.entries.length;
  if (model.faults.length > 0) return expect(end.ok && end.value.torn === undefined && isLost).toBe(false);
  expect(end).toMatchObject({ ok: true });
  expect(hashes(model.entries)).toEqual(hashes(entries));
}

/** The same where a checkpoint has seen the end: then nothing at all may be missing or other than it was. */
function checkCheckpoint(made: MadeLedger, bend: Bend, tally: Tally): void {
  const shelf = new Map(shelfOf(bend.apply(made)));
  const head = made.entries.at(-1) ?? EMPTY_HEAD;
  shelf.set(`${VAULT}.pem`, Buffer.from(KEY.pem));
  shelf.set(`${VAULT}/checkpoint.json`, checkpointBytes({ ledger: "l", ts: "", seq: head.seq, hash: head.hash }, KEY));
  const files = shelfFiles(shelf);
  const checkpoints = new Checkpoints(files, VAULT, `${VAULT}.pem`);
  const entries: Entry[] = [];
  readChain(files, `${VAULT}/ledger`, CHAIN_BEGIN, ({ entry }) => entries.push(entry));
  const { findings } = verifyLedger(files, new Vault(files, VAULT), checkpoints);
  if (findings.some(({ isDamage }) => isDamage)) return tally.add("seen");
  // What was forged behind the end that it has seen is nobody's loss, and nobody's to know.
  expect(hashes(entries.slice(0, made.entries.length))).toEqual(hashes(made.entries));
  tally.add(entries.length === made.entries.length ? "harmless" : "added");
}

test("where a checkpoint has seen the end, no entry is ever missing or other than it was without a word", async () => {
  const tally = await fuzz("checkpoint", 0.1, record({ made: madeLedgers, bend: bends }), ({ made, bend }, tally) =>
    checkCheckpoint(made, bend, tally),
  );
  for (const end of ["seen", "harmless"]) expect(tally.of(end)).toBeGreaterThan(0);
});

test("any bend of any ledger is seen, harmless, or what a crash leaves; reader, verifier and model agree", async () => {
  const input = record({
    made: madeLedgers,
    bend: oneof({ weight: 1, arbitrary: constant(untouched) }, { weight: 20, arbitrary: bends }),
  });
  const tally = await fuzz("ledger", 0.3, input, ({ made, bend }, tally) => check(made, bend, tally));
  for (const end of ["seen", "harmless", "cut", "torn", "rewritten"]) expect(tally.of(end)).toBeGreaterThan(0);
});
