import * as fc from "fast-check";
import { expect, test } from "vitest";
import { holdSigners } from "../../../src/daemon/signers.ts";

const line = fc.stringMatching(/^[a-z]{1,3} ssh-ed25519 [A-C]$/);
const lines = fc.array(line, { maxLength: 6 });
const textOf = (all: readonly string[]) => all.map((one) => `${one}\r\n`).join("# us\n\n");

test("whatever the tree says, nobody may sign who was not accepted, and nobody whose line has gone", () => {
  fc.assert(
    fc.property(lines, lines, (accepted, wanted) => {
      const { text, pending } = holdSigners(textOf(accepted), textOf(wanted));
      const got = text.split("\n").filter((one) => one !== "");
      expect(new Set(got)).toEqual(new Set(accepted.filter((one) => wanted.includes(one))));
      expect(pending.length > 0).toBe(wanted.some((one) => !accepted.includes(one)));
    }),
  );
});

test("an accepted line with other options is another line", () => {
  const held = holdSigners('alice valid-before="2030" ssh-ed25519 A\n', "alice ssh-ed25519 A\n");
  expect(held).toEqual({ text: "", pending: ["allowed_signers: + alice"] });
});

test("what is told of new lines cannot steer a terminal, and is short", () => {
  const wanted = Array.from({ length: 8 }, (_, index) => `\u001b[2J${index} ssh-ed25519 A`).join("\n");
  expect(holdSigners("", wanted).pending).toEqual(["allowed_signers: + ?[2J0, ?[2J1, ?[2J2, ?[2J3, ?[2J4 and 3 more"]);
});
