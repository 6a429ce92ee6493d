import * as fc from "fast-check";
import { expect, test } from "vitest";
import { claimName, kindOfName, nameInClaim, signedName, stemOf } from "../../../src/bridge/names.ts";
import { newIdSource } from "../../../src/platform/ids.ts";

const ORDERS = "a.yaml a.yml a.json A.YAML b.Json WO-1.2.yaml ~a.yaml a.tmp.yaml readme.yaml README.json".split(" ");
const NOBODYS =
  ".a.yaml .DS_Store ._a.yaml .gitkeep .claimed a.tmp a.yaml.tmp a.yaml.part a.yaml~ a.yaml.example a.json.SAMPLE a.retry README readme.MD README.txt a b.png".split(
    " ",
  );
const TEMPTING = "a.md a.sh a.ZSH a.txt a.yaml.txt README-first.md".split(" ");

test.each([
  ...ORDERS.map((name) => [name, "order"]),
  ...NOBODYS.map((name) => [name, "ignored"]),
  ...TEMPTING.map((name) => [name, "tempting"]),
])("the name %s in an inbox is: %s", (name, kind) => {
  expect(kindOfName(name)).toBe(kind);
});

test.each([
  ["WO-1.yaml", "WO-1"],
  ["WO.1.YML", "WO.1"],
  ["a.json.JSON", "a.json"],
  ["a.json.yaml", "a.json"],
])("the order %s is called %s when it says nothing else", (name, stem) => {
  expect(stemOf(name)).toBe(stem);
});

test("any name comes out of its claim's name, and no two claims have the same", () => {
  const newId = newIdSource();
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", minLength: 1 }), fc.nat(), (name, wallMs) => {
      fc.pre(!/[\n\r\u2028\u2029]/.test(name));
      const [first, second] = [claimName(newId(wallMs), name), claimName(newId(wallMs), name)];
      expect([nameInClaim(first), nameInClaim(second)]).toEqual([name, name]);
      expect(first).not.toBe(second);
    }),
  );
});

test.each([
  "a.yaml",
  "~a.yaml",
  "01JGYWQ2V0000000000000000A~",
  "01jgywq2v0000000000000000a~a.yaml",
  "01JGYWQ2V~a.yaml",
])("the name %s is no claim's", (name) => {
  expect(nameInClaim(name)).toBeUndefined();
});

test("whatever is a claim's name lies in a folder that is nobody's business", () => {
  expect(kindOfName(".claimed")).toBe("ignored");
});

test.each(["a\nb.yaml", "a\r.json", "a\u2028.yaml", "a\u2029b.yml"])(
  "the odd name %j comes out of its claim whole",
  (name) => {
    expect(kindOfName(name)).toBe("order");
    expect(nameInClaim(claimName("01JGYWQ2V0000000000000000A", name))).toBe(name);
  },
);

test.each([
  ["a.yaml.sig", "a.yaml"],
  ["A.JSON.sig", "A.JSON"],
  ["a.sig", "a"],
  ["a.md.sig", "a.md"],
  [".sig", undefined],
  [".a.yaml.sig", undefined],
  ["a.yaml", undefined],
  ["01HZZZZZZZZZZZZZZZZZZZZZZZ~a.yml.sig", "01HZZZZZZZZZZZZZZZZZZZZZZZ~a.yml"],
])("%s is the signature of %s, and no order", (name, signed) => {
  expect(signedName(name)).toBe(signed);
  if (signed !== undefined) expect(kindOfName(name)).toBe("ignored");
});
