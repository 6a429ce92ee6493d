import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { DEFAULT_CONFIG } from "../../../src/daemon/config.ts";
import { configInEffect, configPath, Settings } from "../../../src/daemon/settings.ts";
import { sha256 } from "../../../src/platform/ids.ts";
import { newVault, openBooks } from "../../support/books-kit.ts";
import { turn } from "../../support/hand-clock.ts";
import { realFiles } from "../../support/ledger-kit.ts";
import { errorOf, thrownBy, valueOf } from "../../support/results.ts";
import { put, temporaryFolder, treeOf } from "../../support/temporary-folder.ts";

const HOLD = "lanes: {CLC: {mode: hold}}\n";
const EXECUTE = "concurrency: 9\nlanes: {CLC: {mode: execute}}\n";

async function kit(text?: string) {
  const base = temporaryFolder();
  const path = configPath(base);
  if (text !== undefined) put(path, text);
  const vault = await newVault();
  const books = await openBooks(vault);
  const settings = new Settings(realFiles, books, base);
  await settings.reload();
  const accept = async (wanted: string) => {
    put(path, wanted);
    const answer = await settings.accept("me");
    await turn();
    return answer;
  };
  return { base, path, vault, books, settings, accept };
}

test("where nobody accepted anything, the tree's configuration is in effect as it is", async () => {
  const { settings } = await kit(EXECUTE);
  expect(settings).toMatchObject({ isUnaccepted: true, pending: [], problems: [], config: { concurrency: 9 } });
  expect((await kit()).settings.config).toEqual(DEFAULT_CONFIG);
});

test("what a person accepts is in the ledger with its hash, and holds from then on", async () => {
  const { settings, accept, books } = await kit();
  expect(valueOf(await accept(HOLD))).toEqual({ changed: true });
  expect(books.index.facts.config).toEqual({ sha256: sha256(HOLD), content: { text: HOLD } });
  expect(settings).toMatchObject({ isUnaccepted: false, config: { lanes: { CLC: { mode: "hold" } } } });
});

test("accepting the same again writes nothing", async () => {
  const { accept, books } = await kit();
  await accept(HOLD);
  const { headSeq } = books;
  expect(valueOf(await accept(HOLD))).toEqual({ changed: false });
  expect(books.headSeq).toBe(headSeq);
});

test("an edit that asks for more takes effect only as far as it is stricter, and waits to be accepted", async () => {
  const { settings, accept, path } = await kit();
  await accept(HOLD);
  writeFileSync(path, EXECUTE);
  await settings.reload();
  expect(settings.pending).toEqual(["lanes.CLC.mode: hold → execute"]);
  expect(settings.config).toMatchObject({ concurrency: 9, lanes: { CLC: { mode: "hold" } } });
  await accept(EXECUTE);
  expect(settings).toMatchObject({ pending: [], config: { lanes: { CLC: { mode: "execute" } } } });
});

test("an edit that is stricter takes effect at once", async () => {
  const { settings, accept, path } = await kit();
  await accept(EXECUTE);
  writeFileSync(path, HOLD);
  await settings.reload();
  expect(settings).toMatchObject({ pending: [], config: { lanes: { CLC: { mode: "hold" } } } });
});

test("a broken file changes nothing but the problems that are told", async () => {
  const { settings, accept, path } = await kit();
  await accept(HOLD);
  writeFileSync(path, "lanes: [");
  await settings.reload();
  expect(settings).toMatchObject({ problems: [{ code: "syntax" }], config: { lanes: { CLC: { mode: "hold" } } } });
  expect(errorOf(await settings.accept("me"))).toMatchObject([{ code: "syntax" }]);
});

test("a broken file of which nothing was ever accepted leaves the default in effect", async () => {
  const { settings } = await kit("lanes: [");
  expect(settings).toMatchObject({ problems: [{ code: "syntax" }], config: DEFAULT_CONFIG });
});

test("a file that vanished is put back as it was accepted, and is in effect", async () => {
  const { settings, accept, path, base } = await kit();
  await accept(HOLD);
  rmSync(path);
  expect(await settings.reload()).toEqual([path]);
  expect(treeOf(base)).toEqual({ "wo-bridge.yaml": HOLD });
  expect([await settings.reload(), settings.config.lanes]).toEqual([
    [],
    { CLC: { mode: "hold", concurrency: 1, signature: "off", sandbox: "on", network: [] } },
  ]);
});

test("a file that never was accepted is not put back", async () => {
  const { settings, path, base } = await kit(HOLD);
  rmSync(path);
  expect(await settings.reload()).toEqual([]);
  expect(treeOf(base)).toEqual({});
});

const ALICE = "alice ssh-ed25519 AAAA";
const BOB = "bob ssh-ed25519 BBBB";

test("who may sign is accepted with the configuration; a line less counts at once, another one waits for a person", async () => {
  const { settings, accept, base } = await kit();
  const signers = put(join(base, "allowed_signers"), `# us\n${ALICE}\n${BOB}\n`);
  await accept(HOLD);
  expect(settings).toMatchObject({ signers: `${ALICE}\n${BOB}\n`, pending: [] });
  writeFileSync(signers, `${BOB}\neve ssh-ed25519 EEEE\n`);
  await settings.reload();
  expect(settings).toMatchObject({ signers: `${BOB}\n`, pending: ["allowed_signers: + eve"] });
  expect(valueOf(await accept(HOLD))).toEqual({ changed: true });
  expect(settings).toMatchObject({ signers: `${BOB}\neve ssh-ed25519 EEEE\n`, pending: [] });
  rmSync(signers);
  expect(await settings.reload()).toEqual([signers]);
  expect(treeOf(base)["allowed_signers"]).toContain("eve");
  put(signers, "");
  await settings.reload();
  expect(settings).toMatchObject({ signers: "", pending: [] });
});

test("signers that come after a configuration was accepted may not sign before they are", async () => {
  const { settings, accept, base } = await kit();
  await accept(HOLD);
  put(join(base, "allowed_signers"), ALICE);
  await settings.reload();
  expect(settings).toMatchObject({ signers: "", pending: ["allowed_signers: + alice"] });
});

test("signers that cannot be read are told of, are not accepted, and loosen nothing", async () => {
  const { settings, accept, base } = await kit();
  const signers = put(join(base, "allowed_signers"), ALICE);
  await accept(HOLD);
  rmSync(signers);
  mkdirSync(signers);
  await settings.reload();
  expect(settings).toMatchObject({ signers: ALICE, problems: [{ code: "no_file" }] });
  expect(errorOf(await settings.accept("me"))).toMatchObject([{ code: "no_file" }]);
});

test("a folder in the place of the file is told, and loosens nothing", async () => {
  const { settings, accept, path } = await kit();
  await accept(HOLD);
  rmSync(path);
  mkdirSync(path);
  await settings.reload();
  expect(settings).toMatchObject({ problems: [{ code: "no_file" }], config: { lanes: { CLC: { mode: "hold" } } } });
});

test("a reader sees what is in effect without a daemon, and changes nothing", async () => {
  const { accept, vault, books, path, base } = await kit();
  await accept(EXECUTE);
  rmSync(path);
  const { config } = configInEffect(realFiles, vault, books.index.facts, path);
  expect(config).toMatchObject({ concurrency: 9, lanes: { CLC: { mode: "execute" } } });
  expect(treeOf(base)).toEqual({});
});

test("an accepted configuration that this version cannot read is no reason to guess", async () => {
  const { vault, books, base } = await kit();
  const facts = { ...books.index.facts, config: { sha256: "x", content: { text: "version: 2\n" } } };
  expect(await thrownBy(() => configInEffect(realFiles, vault, facts, join(base, "x")))).toMatchObject({
    code: "CONFIG_INVALID",
  });
});
