/** Orders that are folders: packed and unpacked to the byte, header and body together, and the evidence believed only where it fits. */
import { array, assert, property, record, string, uint8Array, uniqueArray } from "fast-check";
import { expect, test } from "vitest";
import { type FolderFile, folderManifest, packFolder, unpackFolder } from "../../../src/orders/folder-order.ts";
import { readOrder } from "../../../src/orders/read-order.ts";
import { sha256 } from "../../../src/platform/ids.ts";
import { orderIn, problemIn } from "../../support/orders.ts";

const folder = (files: Readonly<Record<string, string>>) =>
  packFolder(Object.entries(files).map(([path, text]) => ({ path, bytes: Buffer.from(text) })));
const HEADER = 'wo_id: WO-9\ntitle: T\nbody_file: "body.yaml"\n';
const BODY = "title: other\npriority: P0\nfiles: {a.txt: x}\n";

test("a packed folder comes out as it went in, and the order of its files is nobody's business", () => {
  const files = uniqueArray(
    record({
      path: string({ minLength: 1 }).map((text) => `x/${text.replaceAll("/", "_")}y`),
      bytes: uint8Array().map((one) => Buffer.from(one)),
    }),
    {
      selector: ({ path }) => path,
    },
  );
  assert(
    property(files, (some) => {
      const packed = packFolder(some);
      const byPath = (a: FolderFile, b: FolderFile) => (a.path < b.path ? -1 : 1);

      expect(unpackFolder(packed)).toEqual(some.toSorted(byPath));
      expect(packFolder(some.toReversed()).equals(packed)).toBe(true);
    }),
  );
});

test("no other bytes are a folder", () => {
  assert(property(array(string()), (texts) => unpackFolder(Buffer.from(texts.join(""))) === undefined));
  for (const text of ['{"wo_folder":2,"files":[]}', '{"wo_folder":1,"files":3}', '{"wo_folder":1,'])
    expect(unpackFolder(Buffer.from(text))).toBeUndefined();
});

test.each(["../x", "a/../../x", "/etc/x", "a//x", "a/", "./x", "..", "", "a\0b"])(
  "a text that puts a file at %j is no folder",
  (path) => {
    const text = JSON.stringify({
      wo_folder: 1,
      files: [
        { path: "X.yaml", text: "title: x" },
        { path, text: "x" },
      ],
    });

    expect(unpackFolder(Buffer.from(text))).toBeUndefined();
  },
);

test("what the header does not say is taken from the body", () => {
  const order = orderIn(folder({ "X.yaml": HEADER, "body.yaml": BODY }), "X");

  expect(order).toMatchObject({ id: "WO-9", header: { title: "T", priority: "P0" } });
  expect(order.files).toMatchObject([{ kind: "write", path: "a.txt", content: "x" }]);
});

test("a folder without an id is called by its name; its body may be prose", () => {
  const order = orderIn(folder({ "X.json": '{"title": "T", "body_file": "body.md"}', "body.md": "# do it" }), "X");

  expect(order).toMatchObject({ id: "X", files: [], steps: [] });
});

test("a problem says which file of the folder it is in, and where", () => {
  expect(problemIn(folder({ "X.yaml": HEADER, "body.yaml": `\n${BODY}steps: [{rum: x}]\n` }), "X")).toMatchObject({
    file: "body.yaml",
    place: { line: 5 },
  });
  expect(problemIn(folder({ "X.yaml": `${HEADER}priority: [` }), "X")).toMatchObject({
    code: "syntax",
    file: "X.yaml",
  });
});

const sums = (files: Readonly<Record<string, string>>, prefix = "") =>
  Object.entries(files)
    .map(([name, text]) => `${sha256(text)}  ${prefix}${name}\n`)
    .join("");
const BOTH = { "X.yaml": HEADER, "body.yaml": BODY };

test.each([
  ["beside their names", { "evidence/checksums.sha256": sums(BOTH) }],
  ["under the path of the inbox", { "evidence/c.sha256": sums(BOTH, "bridge/inbox/CLC/X/") }],
  ["with a star and dots", { SHA256SUMS: sums(BOTH).replaceAll("  ", " *./") }],
  ["of files that are elsewhere", { "evidence/c.sha256": `${sha256("?")}  tools/save.sh\n` }],
  [
    "in a manifest",
    { "evidence/manifest.json": JSON.stringify({ checksums: { wo_yaml: sha256(HEADER), body: sha256(BODY) } }) },
  ],
])("checksums %s are believed", (_what, evidence) => {
  expect(orderIn(folder({ ...BOTH, ...evidence }), "X").id).toBe("WO-9");
});

test.each([
  ["a checksum of the body", { "evidence/c.sha256": `${sha256("?")}  body.yaml\n` }],
  ["one under the inbox's path", { "evidence/c.sha256": `${sha256("?")}  bridge/inbox/CLC/X/X.yaml\n` }],
  ["a manifest's header", { "evidence/manifest.json": JSON.stringify({ checksums: { wo_yaml: sha256("?") } }) }],
  ["a manifest's body", { "evidence/manifest.json": JSON.stringify({ checksums: { body: sha256("?") } }) }],
  ["a manifest's file", { "evidence/manifest.json": JSON.stringify({ files: { "X.yaml": { sha256: sha256("?") } } }) }],
])("%s that does not fit refuses the folder", (_what, evidence) => {
  const problem = problemIn(folder({ ...BOTH, ...evidence }), "X");

  expect(problem).toMatchObject({ code: "checksum_mismatch", file: Object.keys(evidence)[0] });
  expect(problem.hint ?? problem.message).toContain("sha256");
});

test.each([
  ["lpe_patch_file: a", "lpe_patch_file: b"],
  ["lpe_patch_ops: [{path: a, content: x}]", "lpe_patch_ops: [{path: b, content: x}]"],
  ["payload: {file_path: a, action: append, content: x}", "payload: {file_path: b, action: append, content: x}"],
  ["run: ls", "run: pwd"],
  ["rollback: {steps: [a]}", "rollback: {steps: [b]}"],
])("a header with %j and a body with %j are refused: one would be passed over", (outer, inner) => {
  const problem = problemIn(folder({ "X.yaml": `${HEADER}${outer}\n`, "body.yaml": `${inner}\n` }), "X");

  expect(problem).toMatchObject({ code: "duplicate_key", file: "X.yaml", key: outer.split(":")[0] });
});

test.each([
  ["no header", { "Y.yaml": HEADER }, "no_file"],
  ["two headers", { "X.yaml": HEADER, "X.json": "{}" }, "no_file"],
  ["a body that is not there", { "X.yaml": HEADER }, "no_file"],
  ["a body outside of it", { "X.yaml": "body_file: ../x\n" }, "no_file"],
  ["a body that is no text", { "X.yaml": "body_file: [x]\n" }, "no_file"],
  ["different work in both", { "X.yaml": `${HEADER}files: {b: y}\n`, "body.yaml": BODY }, "duplicate_key"],
])("a folder with %s is refused", (_what, files, code) => {
  expect(problemIn(folder(files), "X").code).toBe(code);
});

test("a file that only looks like a packed folder is read as one, and nothing breaks", () => {
  expect(readOrder(Buffer.from('{"wo_folder":1,"files":[]}'), "X").ok).toBe(false);
});

test("the manifest has a line for each file, by the bytes of the paths, however they came", () => {
  const files = ["b/a", "b-a", "a", "\u{1F600}", "\uFF5E"].map((path) => ({ path, bytes: Buffer.from(path) }));
  const manifest = folderManifest(files);
  expect(manifest).toBe(folderManifest(files.toReversed()));
  expect(manifest?.split("\n").map((line) => line.slice(66))).toEqual(["a", "b-a", "b/a", "\uFF5E", "\u{1F600}", ""]);
  expect(manifest).toMatch(/^[0-9a-f]{64} {2}a\n/);
});

test.each(["a\nb", "a\rb", "a\\b", "a\u2028b", "\u0000"])("a folder with the name %j in it has no manifest", (path) => {
  expect(folderManifest([{ path, bytes: Buffer.from("") }])).toBeUndefined();
});
