/** Who signed, by the real ssh-keygen; whatever it answers, nothing of the question is left on the disk. */
import { expect, onTestFinished } from "vitest";
import { findSigner } from "../../../src/platform/ssh-keygen.ts";
import { realFiles } from "../../support/ledger-kit.ts";
import { type Key, newKey, signingTest } from "../../support/signing.ts";
import { temporaryFolder, treeOf } from "../../support/temporary-folder.ts";

const BYTES = Buffer.from([...Buffer.from("wo_id: WO-1\n"), 0xff, 0x00, 0x0a]);
const OVER = 'valid-before="20200101"';
const NOT_YET = 'valid-after="20990101"';

interface Question {
  readonly bytes: Buffer;
  readonly signature: string;
  readonly signers: string;
}

async function ask(question: (key: Key) => Partial<Question>) {
  const folder = temporaryFolder();
  const key = newKey();
  const asked = { bytes: BYTES, signature: key.sign(BYTES), signers: key.line("alice@x"), ...question(key) };
  const found = await findSigner(realFiles, folder, { ...asked, signature: Buffer.from(asked.signature) });
  expect(treeOf(folder)).toEqual({});
  return found;
}

const FINGERPRINT = expect.stringMatching(/^SHA256:[A-Za-z0-9+/]{43}$/);

signingTest("a signature of these very bytes tells its signer and key", async () => {
  expect(await ask(() => ({}))).toEqual({ ok: true, value: { principal: "alice@x", key: FINGERPRINT } });
});

signingTest.each<readonly [string, (key: Key) => Partial<Question>, string]>([
  ["of other bytes", () => ({ bytes: Buffer.from("x") }), "bad"],
  ["for another purpose", (key) => ({ signature: key.sign(BYTES, "git") }), "bad"],
  ["that is none", () => ({ signature: "x" }), "bad"],
  ["that is empty", () => ({ signature: "" }), "bad"],
  ["that was cut", (key) => ({ signature: key.sign(BYTES).slice(0, 150) }), "bad"],
  ["of other bytes by a stranger", () => ({ signature: newKey().sign("x") }), "bad"],
  ["by a stranger", () => ({ signature: newKey().sign(BYTES) }), "unknown"],
  ["where nobody may sign", () => ({ signers: "" }), "unknown"],
  ["by a key that may sign for git only", (key) => ({ signers: key.line("a", 'namespaces="git"') }), "unknown"],
  ["by a key whose time is over", (key) => ({ signers: key.line("a", OVER) }), "expired"],
  ["by a key whose time is still to come", (key) => ({ signers: key.line("a", NOT_YET) }), "expired"],
  [
    "of other bytes by a key whose time is over",
    (key) => ({ bytes: Buffer.from("x"), signers: key.line("a", OVER) }),
    "bad",
  ],
])("a signature %s does not count", async (_what, question, kind) => {
  const found = await ask(question);
  expect(found).toMatchObject({ ok: false, error: { kind } });
  expect(!found.ok && found.error.key).toEqual(kind === "bad" ? undefined : FINGERPRINT);
});

signingTest("of several people who share a line, or a pattern for them, the first is told", async () => {
  expect(await ask((key) => ({ signers: key.line("bob,*@x") }))).toMatchObject({ value: { principal: "bob" } });
  expect(await ask((key) => ({ signers: key.line("*@x") }))).toMatchObject({ value: { principal: "*@x" } });
});

signingTest("without ssh-keygen nobody knows, and no signature counts", async () => {
  const path = process.env["PATH"];
  const found = await ask(() => {
    process.env["PATH"] = temporaryFolder();
    onTestFinished(() => void (process.env["PATH"] = path));
    return {};
  });
  expect(found).toEqual({ ok: false, error: { kind: "unchecked" } });
});
