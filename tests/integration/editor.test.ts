/** What people have of orders in their editors: the schema where an order's first line says, and a real language server that reads it. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Editor } from "../support/language-server.ts";
import { documentOf, valueIn, workingWorld } from "../support/line-kit.ts";
import { temporaryFolder, treeOf } from "../support/temporary-folder.ts";
import { ROOT, World } from "../support/world.ts";

const SCHEMA = readFileSync(join(ROOT, "schema/work-order.schema.json"), "utf8");

/** An order below the first line that `wo new` writes there, opened in an editor; the folder is one below the home. */
async function opened(lines: string, folder = "02luka/drafts") {
  const root = join(temporaryFolder(), "with blanks #1");
  mkdirSync(root);
  const world = await World.make({ root });
  const path = join(world.home, folder, "order.yaml");
  await world.wo("new", path);
  const [modeline = ""] = readFileSync(path, "utf8").split("\n");
  const editor = await Editor.start(world.base);
  return { editor, path, findings: await editor.open(path, `${modeline}\n${lines}`) };
}

test.each(["02luka", "02luka/a b/c", "02luka/bridge/inbox/CLC", "elsewhere"])(
  "an order in %s: what is wrong in it is told in its line",
  async (folder) => {
    const lines = ["wo_id: WO-1", "files:", "  - path: a.txt", "    contnet: x", "  - path: b", "    content: x"];
    const { findings } = await opened(
      `${lines.join("\n")}\n    mode: 0755\nsteps:\n  - run: ls\n    timeout: 1d\n`,
      folder,
    );

    expect(findings).toContainEqual({ line: 4, message: "Property contnet is not allowed." });
    expect(findings).toContainEqual({ line: 7, message: 'a mode is octal text in quotes, such as "0755"' });
    expect(findings).toContainEqual({ line: 10, message: expect.stringContaining("a time is 90s") });
  },
);

test("keys of a file, and words for operations, are offered where they may stand", async () => {
  const lines = [
    "files:",
    "  - path: a.txt",
    "    ",
    "operations:",
    "  - op: ",
    "    path: b",
    "steps:",
    "  - run: ls",
    "    ",
  ];
  const { editor, path } = await opened(`${lines.join("\n")}\n`);

  const keys = await editor.complete(path, { line: 3, character: 4 });
  expect(keys).toEqual(expect.arrayContaining(["content", "patch", "delete", "move", "sha256", "mode"]));
  expect(keys).not.toContain("run");
  expect(await editor.complete(path, { line: 5, character: 8 })).toEqual(
    expect.arrayContaining(["write_file", "append", "apply_patch", "delete", "move"]),
  );
  expect(await editor.complete(path, { line: 9, character: 4 })).toEqual(
    expect.arrayContaining(["timeout", "optional"]),
  );
});

test("a key under the mouse is explained", async () => {
  const { editor, path } = await opened("files:\n  - path: a.txt\n    sha256: x\n");

  expect(await editor.hover(path, { line: 3, character: 6 })).toContain("What the file has to hold in the end");
});

test("a new order is flawless for the editor and for the reader, and done when it is filed as it is", async () => {
  const world = await workingWorld();
  const path = world.path("drafts/first.yaml");
  const made = documentOf(await world.wo("new", path, "--lane", "CLC", "--id", "WO-FIRST", "--json"), "new");
  const editor = await Editor.start(world.base);

  expect(made).toEqual({ wo_id: "WO-FIRST", next: `wo submit ${path} --lane CLC`, file: path });
  expect(readFileSync(path, "utf8")).toMatch(
    /^# yaml-language-server: \$schema=\.\.\/bridge\/work-order\.schema\.json\n/,
  );
  expect(await editor.open(path, readFileSync(path, "utf8"))).toEqual([]);
  expect(await world.wo("check", path)).toMatchObject({ code: 0, stdout: expect.not.stringContaining("hint") });
  expect((await world.wo("submit", path, "--lane", "CLC", "--watch")).code).toBe(0);
  await world.reaches("WO-FIRST", "done");
});

test("without a file a new order goes to standard output, each with an id of its own", async () => {
  const world = await World.make();
  const ends = await Promise.all([world.wo("new", "--lane", "HELD"), world.wo("new", "--lane", "HELD")]);
  const ids = ends.map(({ stdout }) => /^wo_id: (\S+)$/m.exec(stdout)?.[1]);

  expect(new Set(ids).size).toBe(2);
  expect(ends[0]).toMatchObject({ code: 0, stderr: "next: save it, then wo submit FILE --lane HELD\n" });
  expect(ends[0]?.stdout).toMatch(/\n\.\.\.\n$/);
});

test.each([
  ["over a file that is there", ["there.yaml"], "exists"],
  ["under a name that no inbox takes", ["order.txt"], "bad_name"],
  ["as JSON, which knows no comments", ["order.json"], "bad_name"],
  ["under an id that cannot be", ["new.yaml", "--id", "../x"], "bad_id"],
])("a new order is not written %s", async (_what, words, code) => {
  const world = await World.make();
  writeFileSync(join(world.root, "there.yaml"), "mine\n");
  mkdirSync(join(world.root, "folder"));
  const before = treeOf(world.root);
  const end = await world.wo("new", ...words, "--json");

  expect(end.code).toBe(2);
  expect(valueIn(documentOf(end, "error"), "code")).toBe(code);
  expect(treeOf(world.root)).toEqual(before);
});

test("a lane's name makes no work in a new order", async () => {
  const world = await World.make();
  const end = await world.wo("new", "a.yaml", "--lane", "X\nrun: rm -rf .\n#");

  expect(end.code).toBe(0);
  expect(readFileSync(join(world.root, "a.yaml"), "utf8")).not.toMatch(/^run/m);
});

test("the schema is the one that is checked in, wherever it is asked for", async () => {
  const world = await World.make();

  expect(world.read("bridge/work-order.schema.json")).toBe(SCHEMA);
  expect((await world.wo("schema")).stdout).toBe(SCHEMA);
  expect(documentOf(await world.wo("schema", "--json"), "schema")).toEqual(JSON.parse(SCHEMA));
  expect((await world.wo("schema", "--out", "out.json")).code).toBe(0);
  expect(readFileSync(join(world.root, "out.json"), "utf8")).toBe(SCHEMA);
});
