/** Property lists: read as the strictest reader does, written so that they read back. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { type PropertyValue, readPropertyList, writePropertyList } from "../../../src/platform/property-list.ts";

const file = (inner: string, head = '<?xml version="1.0" encoding="UTF-8"?>\n') =>
  Buffer.from(`${head}<plist version="1.0">\n${inner}\n</plist>\n`);
const entry = (value: string) => file(`<dict><key>A</key>${value}</dict>`);

test.each<readonly [string, Uint8Array, string, RegExp]>([
  ["nothing", Buffer.from(""), "empty_file", /empty/],
  ["blanks", Buffer.from(" \n"), "empty_file", /empty/],
  ["a binary one", Buffer.from("bplist00\u0001"), "binary_plist", /binary/],
  ["Latin-1", Buffer.from([0x3c, 0x70, 0xe9, 0x3e]), "not_text", /UTF-8/],
  ["a script", Buffer.from("#!/bin/zsh\necho\n"), "shell_script", /script/],
  ["an old-style one", Buffer.from('{ Label = "x"; }'), "old_style_plist", /old-style/],
  ["some text", Buffer.from("Label: x\n"), "not_xml", /some text/],
  ["a tag without its end", entry("<string>x"), "broken_xml", /<\/dict> before <\/string>/],
  ["a file cut off", file("<dict>").subarray(0, 60), "broken_xml", /ends before/],
  ["a bare <", entry("<string>a < b</string>"), "broken_xml", /&lt;/],
  ["a key without a value", file("<dict><key>A</key></dict>"), "broken_xml", /A has no value/],
  ["a value without a key", file("<dict><true/></dict>"), "broken_xml", /without a <key>/],
  ["two values", file("<dict/><dict/>"), "broken_xml", /a second one/],
  [
    "something behind the end",
    Buffer.concat([file("<dict/>"), Buffer.from("<dict/>")]),
    "broken_xml",
    /behind the end/,
  ],
  ["no value", file(""), "broken_xml", /is empty/],
  ["text between keys", file("<dict>x</dict>"), "broken_xml", /outside of any value/],
  ["a tag of another format", entry("<null/>"), "broken_xml", /<null> is no tag/],
  ["a key of prototypes", file("<dict><key>__proto__</key><true/></dict>"), "broken_xml", /__proto__/],
  ["a nest without an end", entry("<array>".repeat(5000) + "</array>".repeat(5000)), "broken_xml", /nested deeper/],
  ["a control character", entry("<string>\u0001</string>"), "broken_xml", /control/],
])("%s is told by its own name", (_what, bytes, code, message) => {
  expect(readPropertyList(bytes)).toMatchObject({
    ok: false,
    error: { code, message: expect.stringMatching(message) },
  });
});

test("a fault names its line", () => {
  expect(readPropertyList(file("<dict>\n<key>A</key>\n<nil/>\n</dict>"))).toMatchObject({ error: { line: 5 } });
});

test.each([
  ["a bare &", entry("<string>a && b</string>"), "raw_ampersand", { A: "a && b" }],
  [
    "a key that stands twice",
    file("<dict><key>A</key><true/><key>A</key><false/></dict>"),
    "duplicate_key",
    { A: false },
  ],
  ["several numbers in one", entry("<integer>30\n35\n40</integer>"), "bad_number", { A: 30 }],
  ["no first line", file("<dict/>", "<!-- x -->\n"), "no_xml_line", {}],
  ["blanks before the first line", file("<dict/>", "\n<?xml version='1.0'?>\n"), "no_xml_line", {}],
])("%s is a flaw, and the rest is read", (_what, bytes, code, value) => {
  expect(readPropertyList(bytes)).toMatchObject({ ok: true, value: { value, flaws: [{ code }] } });
});

test("keys are found by their lines", () => {
  const read = readPropertyList(file("<dict>\n<key>A</key><dict>\n<key>B</key><array>\n<true/></array></dict></dict>"));
  expect(read.ok ? [...read.value.lines] : []).toEqual([
    ["A", 4],
    ["A.B", 5],
    ["A.B.0", 6],
  ]);
});

const scalar = fc.oneof(fc.string({ unit: "binary" }), fc.integer(), fc.double(), fc.boolean());
const { value: anyValue } = fc.letrec<{ value: PropertyValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    scalar,
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(fc.string({ unit: "binary", maxLength: 8 }), tie("value"), { maxKeys: 4, noNullPrototype: true }),
  ),
}));

test("any value reads back as it was, or is not written", () => {
  let written = 0;
  fc.assert(
    fc.property(anyValue, (value) => {
      const text = writePropertyList(value);
      if (!text.ok) return;
      written += 1;
      expect(readPropertyList(Buffer.from(text.value))).toMatchObject({ ok: true, value: { flaws: [] } });
      const read = readPropertyList(Buffer.from(text.value));
      expect(read.ok ? read.value.value : undefined).toEqual(value);
    }),
    { numRuns: 500 },
  );
  expect(written).toBeGreaterThan(100);
});

test.each([
  ["no number", { A: Number.NaN }, "A is a number"],
  ["a number that is too large", { A: 1e21 }, "A is a number"],
  ["a line's end of others", { A: "\u0085" }, "U+0085"],
  ["a carriage return", ["\r"], "U+000d"],
])("%s is not written, and the reason is told", (_what, value, reason) => {
  expect(writePropertyList(value)).toMatchObject({ ok: false, error: expect.stringContaining(reason) });
});
