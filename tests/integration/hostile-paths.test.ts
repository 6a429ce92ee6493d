/** Names that mean another file than they seem to, and files that are none: what an order may not touch stays as it is. */
import { execFileSync } from "node:child_process";
import { linkSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "vitest";
import { expectRows, guardedWorld, inBase, type Row, row } from "../support/hostile-kit.ts";
import type { World } from "../support/world.ts";

const TEXT = "PWNED\n";
const writing = (path: string) => ({ files: [{ path, content: TEXT }] });

/** A spelling of a guarded name. */
const spelling = (name: string, path: string) => row(name, writing(path), "rejected path_refused");

const SPELLINGS: readonly Row[] = [
  spelling("git in capitals", ".GIT/hooks/pre-commit"),
  spelling("git with one capital", "sub/.Git/config"),
  spelling("git by its short name of old disks", "GIT~1/config"),
  spelling("git with a joiner that nobody sees", ".g\u200cit/config"),
  spelling("git with a mark of direction", "\u202e.git/config"),
  spelling("git with a byte order mark", ".git\ufeff/config"),
  spelling("a worktree's .git file", "sub/.git"),
  spelling("bridge in capitals", "BRIDGE/inbox/CLC/x.yaml"),
  spelling("bridge with a blank of no width", "brid\u200bge/inbox/CLC/x.yaml"),
  spelling("bridge behind a way around", "a/./b/../../bridge/outbox/CLC/x"),
  spelling("bridge with two slashes", "bridge//processed/CLC/x"),
  spelling("the base's mark in capitals", ".WO-BASE"),
  spelling("the configuration with long s", "wo-bridge.yaml/../WO-BRIDGE.YAML"),
  spelling("a state file with a long s that folds", "g/followup/ſtate/x.json"),
  spelling("keys in capitals", "~/.SSH/authorized_keys"),
  spelling("the state root", "~/.local/state/wo-bridge/bases.json"),
  spelling("a policy's own glob in capitals", "Keep/Safe.txt"),
  spelling("a policy's own glob, decomposed", "keep/cafe\u0301/x"),
  row("another user's home", writing("~root/.ssh/x"), "rejected bad_path"),
  row("a variable for the home", writing("$HOME/.zshrc"), "rejected bad_path"),
  row("a variable further on", writing("a/${HOME}/x"), "rejected bad_path"),
  row("a command for a name", writing("a/$(id)/x"), "rejected bad_path"),
  row("a NUL in a name", writing("a\0b"), "rejected bad_path"),
  row("a newline in a name", writing("a\nb"), "rejected bad_path"),
  row("an escape in a name", writing("a\u001b[2Jb"), "rejected bad_path"),
  row("the base itself", writing("."), "rejected bad_path"),
  row("a folder", writing("sub/"), "rejected bad_path"),
  row("nothing", writing(""), "rejected wrong_value"),
  row("a name of 256 bytes", writing("x".repeat(256)), "rejected bad_path"),
  row("a name of 128 letters in 256 bytes", writing("ü".repeat(128)), "rejected bad_path"),
  row("a path of 5,000 bytes", writing("abcd/".repeat(1000) + "x"), "rejected bad_path"),
  row("a path of 600 folders", writing("a/".repeat(600) + "x"), "rejected bad_path"),
];

const LITERAL: readonly Row[] = [
  row("git with a dot behind it is another name", writing("sub/.git./x"), "done", {
    makes: inBase({ "sub/.git./x": TEXT }),
  }),
  row("git with a blank behind it is another name", writing("sub/.git /x"), "done", {
    makes: inBase({ "sub/.git /x": TEXT }),
  }),
  row("a name of 255 bytes", writing("y".repeat(255)), "done", { makes: inBase({ ["y".repeat(255)]: TEXT }) }),
  row("a path of 300 folders", writing("d/".repeat(300) + "x"), "done", {
    makes: inBase({ ["d/".repeat(300) + "x"]: TEXT }),
  }),
  row("a name that begins like an option", writing("-rf"), "done", { makes: inBase({ "-rf": TEXT }) }),
  row("a name that shells would run", writing("`id`;&|*?.txt"), "done", { makes: inBase({ "`id`;&|*?.txt": TEXT }) }),
  row("names that objects have by birth", '{"files": {"__proto__": "x", "constructor": "y"}}', "done", {
    makes: { "home/02luka/__proto__": "x", "home/02luka/constructor": "y" },
  }),
  row("two spellings of one file", { files: { "Two.txt": TEXT, "two.txt": TEXT } }, "failed conflict same_name"),
];

const out = (world: World, path = "") => join(world.root, "outside", path);
const link = (name: string, to: (world: World) => string) => ({
  prepare: (world: World) => symlinkSync(to(world), world.path(name)),
});

const LINKS: readonly Row[] = [
  row("a folder that is a link out", writing("way/x"), "rejected path_refused", {
    ...link("way", (world) => out(world)),
  }),
  row("a new file where a link stands", writing("name"), "failed conflict no_file", {
    ...link("name", (world) => out(world, "secret.txt")),
  }),
  row("a link that leads nowhere yet", writing("nowhere"), "failed conflict no_file", {
    ...link("nowhere", (world) => out(world, "new.txt")),
  }),
  row("a link to git's hooks", writing("hooks/pre-commit"), "rejected path_refused", {
    ...link("hooks", () => ".git/hooks"),
  }),
  row("a link to the inbox", writing("drop/x.yaml"), "rejected path_refused", {
    ...link("drop", () => "bridge/inbox/CLC"),
  }),
  row("a link to a link out", writing("two/x"), "rejected path_refused", {
    prepare: (world) => {
      symlinkSync(out(world), world.path("one"));
      symlinkSync("one", world.path("two"));
    },
  }),
  row("a link in a ring", writing("ring/x"), "rejected disk_refused", {
    ...link("ring", () => "ring"),
  }),
  row("a link in an allowed folder that leads home", writing("shared/in/.zshrc"), "rejected path_refused", {
    prepare: (world) => {
      mkdirSync(world.path("shared"));
      symlinkSync(world.home, world.path("shared/in"));
    },
  }),
  row("a deletion of a link", { files: [{ path: "gone", delete: true }] }, "failed conflict no_file", {
    ...link("gone", (world) => out(world, "secret.txt")),
  }),
  row("a move of a link", { files: [{ path: "from", move: "to" }] }, "failed conflict no_file", {
    ...link("from", (world) => out(world, "secret.txt")),
  }),
  row("a hash of a link", { files: [{ path: "sum", sha256: "0".repeat(64) }] }, "failed check_failed no_file", {
    ...link("sum", (world) => out(world, "secret.txt")),
  }),
];

const SPECIAL: readonly Row[] = [
  row("a second name of a file outside", { edits: [{ path: "twin.txt", find: "two", replace: "PWNED" }] }, "done", {
    prepare: (world) => linkSync(out(world, "secret.txt"), world.path("twin.txt")),
    makes: inBase({ "twin.txt": "one\nPWNED\nthree\n" }),
  }),
  row("a second name of a hook gets another mode", { files: [{ path: "hook", mode: "0777", content: TEXT }] }, "done", {
    prepare: (world) => linkSync(world.path(".git/hooks/pre-commit"), world.path("hook")),
    makes: inBase({ hook: `(777) ${TEXT}` }),
  }),
  row("a second name is deleted", { files: [{ path: "third.txt", delete: true }] }, "done", {
    prepare: (world) => linkSync(out(world, "secret.txt"), world.path("third.txt")),
    makes: inBase({ "third.txt": undefined }),
  }),
  row("a pipe is written", writing("pipe"), "failed conflict no_file", {
    prepare: (world) => void execFileSync("mkfifo", [world.path("pipe")]),
  }),
  row("a pipe is hashed", { files: [{ path: "pipe", sha256: "0".repeat(64) }] }, "failed check_failed no_file"),
  row("a device is hashed", { files: [{ path: "/dev/zero", sha256: "0".repeat(64) }] }, "failed check_failed no_file"),
  row("a device is written", writing("/dev/null"), "rejected path_refused"),
  row("a file is used as a folder", writing("twin.txt/x"), "failed conflict no_folder"),
  row("a folder is written", writing("next"), "failed conflict no_file"),
  row("a folder is deleted", { files: [{ path: "next", delete: true }] }, "failed conflict no_file"),
  row(
    "a file is moved onto a folder",
    { files: { "m.txt": TEXT }, operations: [{ op: "move", from: "m.txt", to: "next" }] },
    "failed conflict no_file",
  ),
  row(
    "a file is moved onto another",
    { files: { "m.txt": TEXT }, operations: [{ op: "move", from: "m.txt", to: "twin.txt" }] },
    "failed conflict exists",
  ),
  row(
    "a file is moved onto itself",
    { operations: [{ op: "move", from: "twin.txt", to: "./twin.txt" }] },
    "failed conflict same_name",
  ),
  row(
    "the first file is right, the last is a pipe",
    { files: { "first.txt": TEXT, pipe: TEXT } },
    "failed conflict no_file",
  ),
  row(
    "a mode with more than permissions",
    { files: [{ path: "m", mode: "4755", content: TEXT }] },
    "rejected bad_mode",
  ),
];

test.each([
  ["names that some disk takes for a guarded one, and that no disk takes", SPELLINGS],
  ["names that are only odd", LITERAL],
  ["links", LINKS],
  ["files that are none, or more than one", SPECIAL],
] as const)("%s: nothing else is different afterwards", { timeout: 180_000 }, async (_what, rows) => {
  const world = await guardedWorld("policy: {protect: [keep/safe.txt, keep/café]}\n");
  await expectRows(world, rows);
});
