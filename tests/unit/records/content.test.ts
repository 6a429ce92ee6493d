import * as fc from "fast-check";
import { expect, test } from "vitest";
import { INLINE_BYTES, inlineContent } from "../../../src/records/content.ts";
import { Vault } from "../../../src/records/vault.ts";
import { realFiles } from "../../support/ledger-kit.ts";

test("any bytes that an entry carries come out of it as they went in", () => {
  const vault = new Vault(realFiles, "/nowhere");
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const throughJson: unknown = JSON.parse(JSON.stringify(inlineContent(bytes)));
      expect(throughJson).toEqual(inlineContent(bytes));
      expect(vault.load(inlineContent(bytes)).equals(bytes)).toBe(true);
    }),
  );
});

test("text is carried as text, so that people can read it in the ledger", () => {
  expect(inlineContent(Buffer.from("wo_id: ä\n"))).toEqual({ text: "wo_id: ä\n" });
});

test("bytes that are no text are carried whole, a byte order mark too", () => {
  expect(inlineContent(Buffer.from([0xff, 0x00]))).toEqual({ base64: "/wA=" });
  expect(inlineContent(Buffer.from("\uFEFFa"))).toEqual({ text: "\uFEFFa" });
});

test("an order of 64 KiB still needs no blob", () => {
  expect(INLINE_BYTES).toBe(64 * 1024);
});
