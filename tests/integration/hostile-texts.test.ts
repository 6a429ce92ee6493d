/** Texts made to mean something else to a parser, a shell, an object or a terminal: refused by name, or taken to the letter. */
import { expect, test } from "vitest";
import { expectRows, guardedWorld, inBase, type Row, row } from "../support/hostile-kit.ts";
import { dropBytes, filing, problemsOf } from "../support/line-kit.ts";
import type { World } from "../support/world.ts";

const FILE = "files: {a.txt: PWNED}\n...\n";
const laughs = (levels: number) =>
  Array.from({ length: levels }, (_, level) => {
    const alias = level === 0 ? "lol" : `*l${level - 1}`;
    return `l${level}: &l${level} [${Array.from({ length: 9 }, () => alias).join(", ")}]\n`;
  }).join("");

const YAML: readonly Row[] = [
  row("a billion laughs", laughs(12) + FILE, "rejected too_many_aliases"),
  row(
    "aliases of a large text",
    `x: &x ${"ha".repeat(50_000)}\ny: [${"*x, ".repeat(101)}*x]\n${FILE}`,
    "rejected too_many_aliases",
  ),
  row("a Python object", `x: !!python/object/apply:os.system ["touch PWNED"]\n${FILE}`, "rejected unsupported_yaml"),
  row(
    "a JavaScript function",
    `x: !!js/function "function () { process.exit(1) }"\n${FILE}`,
    "rejected unsupported_yaml",
  ),
  row("a tag of its own", `x: !include /etc/passwd\n${FILE}`, "rejected unsupported_yaml"),
  row("a directive that makes tags", `%TAG ! tag:evil,2000:\n---\n${FILE}`, "rejected unsupported_yaml"),
  row("YAML 1.1", `%YAML 1.1\n---\n${FILE}`, "rejected unsupported_yaml"),
  row("a key that is a map", `? {a: b}\n: c\n${FILE}`, "rejected unsupported_yaml"),
  row(
    "a merge into a file",
    `x: &x {content: PWNED}\nfiles:\n  - path: a.txt\n    <<: *x\n...\n`,
    "rejected unknown_key",
  ),
  row("an anchor in itself", `files: &f [*f]\n...\n`, "rejected wrong_type"),
  row("one key twice, once in quotes", `files: {b.txt: ok}\n"files": {a.txt: PWNED}\n...\n`, "rejected duplicate_key"),
  row("a tab for a blank", "files:\n\t- path: a.txt\n...\n", "rejected syntax"),
  row("a byte order mark in the midst", `\ufefftitle: x\n\ufefffiles: {a.txt: PWNED}\n...\n`, "waiting"),
  row("a second order behind the end", `files: {b.txt: ok}\n...\n---\n${FILE}`, "rejected several_documents"),
  row("yes for a mode", "files: [{path: a.txt, content: x, mode: yes}]\n...\n", "rejected bad_mode"),
  row("a mode that is true", "files: [{path: a.txt, content: x, mode: true}]\n...\n", "rejected bad_mode"),
  row("an octal mode of YAML 1.2", "files: [{path: a.txt, content: x, mode: 0o755}]\n...\n", "rejected bad_mode"),
  row("an octal mode of YAML 1.1", "files: [{path: a.txt, content: x, mode: 0755}]\n...\n", "rejected bad_mode"),
  row("a mode without end", "files: [{path: a.txt, content: x, mode: .inf}]\n...\n", "rejected bad_mode"),
  row("a content that is no", "files: {a.txt: no, b.txt: null}\n...\n", "rejected missing_value"),
  row("a content that is a number", "files: {a.txt: 007}\n...\n", "rejected wrong_type"),
  row("a time limit that is no number", "steps: [{run: 'true', timeout_ms: .nan}]\n...\n", "rejected wrong_type"),
  row("half of a character", '{"files": {"a.txt": "\\ud800"}}', "rejected no_text"),
  row("a letter in another encoding", Buffer.from("files: {a.txt: caf\u00e9}\n...\n", "latin1"), "rejected no_text"),
  row("a file in another encoding", Buffer.from(`\ufeff${FILE}`, "utf16le"), "rejected no_text"),
  row("a dry run that is perhaps one", `dry_run: [true]\n${FILE}`, "rejected wrong_value"),
];

/** An id that an order declares, as it stands in JSON. */
const named = (name: string, id: unknown, ends = "rejected bad_id", more: Partial<Row> = {}) =>
  row(name, { wo_id: id, files: { "id.txt": String(id) } }, ends, more);
const goodId = (id: string) => named(id, id, "done", { id, makes: inBase({ "id.txt": id }) });

const IDS: readonly Row[] = [
  ...["CON", "constructor", "toString", "hasOwnProperty", "a..b", "0"].map(goodId),
  ...[
    "..",
    ".",
    "-rf",
    ".hidden",
    "a/b",
    "a\\b",
    "a b",
    "a\nb",
    "a\u0000b",
    "__proto__",
    "a\u001b]0;x\u0007",
    "~",
    "",
    "*",
  ].map((id) => named(`the id ${JSON.stringify(id)}`, id)),
  named("an id from right to left", "\u05d0\u05d1\u202e\u05d2"),
  named("an id in letters that look like others", "W\u041e-1"),
  named("an id of 129 letters", "x".repeat(129)),
  named("an id of 128 letters", "x".repeat(128), "done", {
    id: "x".repeat(128),
    makes: inBase({ "id.txt": "x".repeat(128) }),
  }),
  named("an id that is a list", ["a"]),
  named("an id that is true", true),
  named("an id beyond what JSON counts", 1e21),
  row("an id that is a date", "wo_id: 2025-11-15\nfiles: {day.txt: ok}\n...\n", "done", {
    id: "2025-11-15",
    makes: inBase({ "day.txt": "ok" }),
  }),
  row("an id of thirty digits", `wo_id: ${"1234567890".repeat(3)}\nfiles: {big.txt: ok}\n...\n`, "done", {
    id: "1234567890".repeat(3),
    makes: inBase({ "big.txt": "ok" }),
  }),
  row("an id that is an octal number", "wo_id: 0o17\nfiles: {octal.txt: ok}\n...\n", "done", {
    id: "0o17",
    makes: inBase({ "octal.txt": "ok" }),
  }),
  row(
    "an id that differs from another in case only",
    { wo_id: "con", files: { "con.txt": "PWNED" } },
    "rejected content_conflict",
  ),
  row(
    "an id that takes another's place, from outside",
    { wo_id: "S-1", supersedes: "../CON", files: { "s.txt": "PWNED" } },
    "rejected bad_id",
  ),
  row("a file's name that is no id", "files: {n.txt: PWNED}\n...\n", "rejected bad_id", { as: "-x.yaml" }),
  row("a file's name with a way out", "files: {n.txt: PWNED}\n...\n", "rejected bad_id", { as: "a\\..\\x.yaml" }),
];

const SHELL = "$(touch PWNED)`touch PWNED`${IFS};touch PWNED|&\n'\"\\$HOME %s {{x}} <%= 1 %>\n";

const LITERAL: readonly Row[] = [
  row(
    "a shell's words in every text that is shown",
    {
      ...Object.fromEntries(
        ["title", "summary", "owner", "notes", "goal", "created_at", "due_date", "priority", "category"].map((key) => [
          key,
          SHELL,
        ]),
      ),
      tags: [SHELL],
      files: { "shell.txt": SHELL },
    },
    "done",
    { makes: inBase({ "shell.txt": SHELL }) },
  ),
  row(
    "a shell's words in an edit",
    { edits: [{ path: "shell.txt", find: "$(touch PWNED)", replace: "$&$1$`$'${IFS}" }] },
    "done",
    {
      makes: inBase({ "shell.txt": SHELL.replace("$(touch PWNED)", () => "$&$1$`$'${IFS}") }),
    },
  ),
  row(
    "a shell's words in a value",
    {
      files: { "v.json": '{"a": 1}' },
      payload: { file_path: "v.json", action: "set_key_value", key: "a", value: SHELL },
    },
    "done",
    {
      makes: inBase({ "v.json": `{"a": ${JSON.stringify(SHELL)}}` }),
    },
  ),
  row(
    "a prototype for a key",
    { payload: { file_path: "v.json", action: "set_key_value", key: "__proto__.x", value: 1 } },
    "failed conflict not_found",
  ),
  row(
    "a constructor for a key",
    { payload: { file_path: "v.json", action: "set_key_value", key: ["constructor", "prototype", "x"], value: 1 } },
    "failed conflict not_found",
  ),
  row(
    "a prototype in the order",
    '{"__proto__": {"dry_run": true, "files": {"p.txt": "PWNED"}}, "files": {"q.txt": "ok"}}',
    "done",
    { makes: inBase({ "q.txt": "ok" }) },
  ),
  row(
    "a shell's words in a check's pattern and file",
    {
      clc_patch: {
        patches: [
          {
            file: "shell.txt",
            patch_type: "insert_after",
            anchor: "%s",
            payload: "more",
            validation: [
              { type: "grep", pattern: "$(touch PWNED)", expected: "not_found" },
              { command: "grep -q more {file}" },
            ],
          },
        ],
      },
    },
    "done",
    { makes: inBase({ "shell.txt": `${SHELL.replace("$(touch PWNED)", () => "$&$1$`$'${IFS}")}more\n` }) },
  ),
  row(
    "a file's name that ends the shell's quotes",
    {
      files: { "x';touch PWNED;'.txt": "one\n" },
      clc_patch: {
        patches: [
          {
            file: "x';touch PWNED;'.txt",
            patch_type: "replace",
            anchor: "one",
            payload: "two",
            validation: [{ command: "test -f {file}" }],
          },
        ],
      },
    },
    "done",
    {
      makes: inBase({ "x';touch PWNED;'.txt": "two\n" }),
    },
  ),
  row(
    "arguments of a program",
    {
      steps: [
        { skill: "python", args: ["-c", "import sys; open('argv.txt', 'w').write(sys.argv[1])", "$(touch PWNED)"] },
      ],
    },
    "done",
    {
      makes: inBase({ "argv.txt": "$(touch PWNED)" }),
    },
  ),
  row("a NUL in a command", { steps: [{ run: "true\0; touch PWNED" }] }, "rejected wrong_value"),
  row("a NUL in an argument", { steps: [{ skill: "sh", args: ["a\0b"] }] }, "rejected wrong_value"),
  row("a command of 200 kB", { steps: [{ run: `true ${"x".repeat(200_000)}` }] }, "failed command_failed exit_126"),
  row(
    "a variable's name that is a command",
    { environment: { required: ["x;touch PWNED"] }, files: { "r.txt": "PWNED" } },
    "rejected wrong_type",
  ),
  row(
    "a code that is a way into a file",
    { steps: [{ skill: "bash", code: "cat", script: "../../outside/x.sh" }] },
    "rejected unknown_key",
  ),
];

test.each([
  ["YAML", YAML],
  ["ids", IDS],
  ["what shells and objects would make of a text", LITERAL],
] as const)(
  "%s: refused by name or done to the letter, and nothing else is different",
  { timeout: 180_000 },
  async (_what, rows) => {
    await expectRows(await guardedWorld("lanes: {CLC: {sandbox: off}}\n"), rows);
  },
);

const ESCAPES = "\u001b[2J\u001b]0;PWNED\u0007\u009b31m\u202egnp.exe\u2066\u2028next\u2029\u200e\r\b";
/** Everything but a newline and a tab that moves a cursor, changes colours or turns the direction of a text. */
const MOVES = /[^\P{Cc}\n\t]|[\p{Cf}\u2028\u2029]/u;

async function printed(world: World, ...words: readonly string[]): Promise<string> {
  const { stdout, stderr } = await world.wo(...words);
  return stdout + stderr;
}

test("no command prints what moves a terminal's cursor, wherever an order holds it", { timeout: 120_000 }, async () => {
  const world = await guardedWorld("lanes: {CLC: {sandbox: off}}\n");
  const shown = { title: ESCAPES, summary: ESCAPES, owner: ESCAPES, tags: [ESCAPES], priority: ESCAPES };
  const orders = {
    good: {
      ...filing("good"),
      ...shown,
      steps: [{ name: ESCAPES, run: `echo '${ESCAPES.replace("\r", "")}'; false` }],
    },
    path: { ...shown, files: [{ path: `a${ESCAPES}`, content: "x" }] },
    way: { ...shown, files: [{ path: "../\u202ex\u2066\u2028", content: "x" }] },
    key: { ...shown, files: [{ path: "a", content: "x", [`k${ESCAPES}`]: 1 }] },
    place: { ...shown, files: { [`a${ESCAPES}`]: 1 } },
    operation: { ...shown, operations: [{ op: ESCAPES, path: "a" }] },
    id: { ...shown, wo_id: ESCAPES },
    checks: { ...shown, files: ["no\u202esuch"] },
  };
  for (const [name, order] of Object.entries(orders)) {
    dropBytes(world, "CLC", `${name}.json`, JSON.stringify(order));
    world.write(`mine/${name}.json`, JSON.stringify(order).replaceAll("\\u001b", "\u202e"));
    world.write(`mine/${name}.yaml`, `# \u202e\u2066\u2028\n${JSON.stringify(order)}\n`);
  }
  const odd = `\u202eodd\u001b[2J.yaml`;
  dropBytes(world, "CLC", odd, "nothing\n...\n");
  await world.reaches("good", "failed");
  await problemsOf(world, "CLC", odd);
  await problemsOf(world, "CLC", "id.json");
  const files = world.list("mine").map((name) => world.path(`mine/${name}`));
  const pages = {
    status: await printed(world, "status"),
    show: await printed(world, "show", "good"),
    checked: await printed(world, "show", "checks"),
    log: await printed(world, "log", "good"),
    all: await printed(world, "log"),
    check: await printed(world, "check", ...files),
    plan: await printed(world, "submit", ...files, "--dry-run"),
    ledger: await printed(world, "ledger", "verify"),
  };
  expect(pages.check).toContain("[unknown_key]");
  expect(pages.status).toContain("wo check 'bridge/error/CLC/");
  expect(Object.entries(pages).filter(([, text]) => text.trim() === "")).toEqual([]);
  const found = Object.entries(pages).flatMap(([page, text]) =>
    text.split("\n").flatMap((line) => (MOVES.test(line) ? [`${page}: ${JSON.stringify(line)}`] : [])),
  );
  expect(found).toEqual([]);
});
