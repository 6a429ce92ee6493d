/** Where a path leads is judged by what was written and by what the disk makes of it. */
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { systemClock } from "../../../src/platform/clock.ts";
import { systemDisk } from "../../../src/platform/disk.ts";
import { Files } from "../../../src/platform/files.ts";
import { findPlace, placeKey } from "../../../src/processors/places.ts";
import { rulesIn } from "../../support/plans.ts";
import { errorOf, valueOf } from "../../support/results.ts";
import { folderWith } from "../../support/temporary-folder.ts";

const files = new Files(systemDisk, systemClock);

/** A home with a base, a second root, an agents' folder, and things that nothing may touch. */
function ground() {
  const top = folderWith({
    "base/a/x.txt": "",
    "base/bridge/inbox/CLC/o.yaml": "",
    "base/.git/config": "",
    "root/r.txt": "",
    "home/.ssh/config": "",
    "home/notes.txt": "",
    "vault/ledger/000001.jsonl": "",
  });
  const at = (name: string) => join(top, name);
  mkdirSync(at("home/Library/LaunchAgents"), { recursive: true });
  const guarded = {
    base: at("base").toLowerCase(),
    absolute: [at("vault"), at("home/.ssh")].map((path) => path.toLowerCase()),
    isProtected: (path: string) => path.startsWith("secret"),
  };
  const rules = rulesIn(at("base"), { home: at("home"), roots: [at("root")], guarded });
  const withAgents = { ...rules, launchAgents: at("home/Library/LaunchAgents") };
  return { at, rules, withAgents, find: (path: string, among = rules) => findPlace(files, path, among) };
}

test.each([
  ["a/x.txt", ["a"], "x.txt"],
  ["new.txt", [], "new.txt"],
  ["not/there/yet.txt", ["not", "there"], "yet.txt"],
  ["./a/./x.txt", ["a"], "x.txt"],
  ["a/../b//c.txt", ["b"], "c.txt"],
  ["../base/a/x.txt", ["a"], "x.txt"],
  [".gitignore", [], ".gitignore"],
])("%s is a place in the base", (path, folders, name) => {
  const { at, find } = ground();

  const expected = { root: ".", folders, name, path: join(at("base"), ...folders, name) };
  expect(valueOf(find(path))).toEqual(expected);
});

test("an absolute path, and one from home, may lead into the base and into the roots", () => {
  const { at, find } = ground();

  expect(valueOf(find(at("base/a/x.txt")))).toMatchObject({ root: ".", folders: ["a"] });
  expect(valueOf(find("~/../base/new.txt"))).toMatchObject({ root: ".", name: "new.txt" });
  expect(valueOf(find("../root/d/r.txt"))).toMatchObject({ root: at("root"), folders: ["d"], name: "r.txt" });
});

test.each([
  ["../x", "leads out of the base"],
  ["../base2/x", "leads out of the base"],
  ["../rootx", "leads out of the base"],
  ["a/../../x", "leads out of the base"],
  ["/etc/passwd", "leads out of the base"],
  ["~/notes.txt", "leads out of the base"],
  ["~/.ssh/config", "machinery or holds keys"],
  ["~/.SSH/new", "machinery or holds keys"],
  ["../vault/ledger/000001.jsonl", "machinery or holds keys"],
  [".git/config", ".git folder"],
  ["a/.GIT/hooks/x", ".git folder"],
  ["../root/.git/x", ".git folder"],
  ["bridge/inbox/CLC/o.yaml", "belongs to the machinery"],
  ["a/../Bridge/x", "belongs to the machinery"],
  ["g/followup/state/x.json", "belongs to the machinery"],
  ["secret.txt", "policy.protect"],
])("%s is refused: %s", (path, reason) => {
  const { find } = ground();

  expect(errorOf(find(path))).toMatchObject({ code: "path_refused" });
  expect(errorOf(find(path)).message).toContain(reason);
});

test("what cannot be a path is told apart from what is refused", () => {
  expect(errorOf(ground().find("a/"))).toMatchObject({ code: "bad_path" });
});

test.each([
  ["out of the base", "..", "x", "leads out of the base"],
  ["to a folder outside", "../vault", "x", "machinery or holds keys"],
  ["into .git", ".git", "config", ".git folder"],
  ["into bridge/", "bridge/inbox", "x", "belongs to the machinery"],
  ["into a folder of .git that is not there yet", ".git", "hooks/x", ".git folder"],
])("a link %s is no way there", (_what, target, rest, reason) => {
  const { at, find } = ground();
  symlinkSync(target, at("base/link"));

  expect(errorOf(find(`link/${rest}`)).message).toContain(reason);
});

test("a link inside of the base, or to a root, leads where it leads", () => {
  const { at, find } = ground();
  symlinkSync("a", at("base/inside"));
  symlinkSync("../root", at("base/outside"));

  expect(valueOf(find("inside/x.txt"))).toMatchObject({ root: ".", folders: ["a"], name: "x.txt" });
  expect(valueOf(find("outside/d/r.txt"))).toMatchObject({ root: at("root"), folders: ["d"], name: "r.txt" });
});

test("a link as the file itself is not looked behind: whoever opens it refuses it", () => {
  const { at, find } = ground();
  symlinkSync("../home/notes.txt", at("base/link.txt"));

  expect(valueOf(find("link.txt"))).toMatchObject({ root: ".", name: "link.txt", path: at("base/link.txt") });
});

test("a LaunchAgent of the project may be put where launchd reads it, in lanes that run commands", () => {
  const { at, find, withAgents } = ground();
  const path = "~/Library/LaunchAgents/com.02luka.backup.plist";

  const folders = ["Library", "LaunchAgents"];
  expect(valueOf(find(path, withAgents))).toMatchObject({ root: at("home"), folders, name: "com.02luka.backup.plist" });
  expect(errorOf(find(path)).message).toContain("leads out of the base");
});

test.each([
  ["com.apple.x.plist", "only com.02luka"],
  ["com.02luka.x.txt", "only com.02luka"],
  ["com.02luka..plist.plist/../com.02luka.a b.plist", "only com.02luka"],
  ["com.02luka.wo-bridge.plist", "belongs to the machinery"],
  ["com.02luka.WO-Bridge.plist", "belongs to the machinery"],
  ["com.02luka.wo_pipeline_guardrail.plist", "belongs to the machinery"],
  ["sub/com.02luka.x.plist", "leads out of the base"],
  ["../com.02luka.x.plist", "leads out of the base"],
])("the LaunchAgent %s is refused", (name, reason) => {
  const { find, withAgents } = ground();

  expect(errorOf(find(`~/Library/LaunchAgents/${name}`, withAgents)).message).toContain(reason);
});

test("two spellings of one file have one key, two files have two", () => {
  const { find } = ground();
  const key = (path: string) => placeKey(valueOf(find(path)));

  expect(key("a/X.txt")).toBe(key("A/x.TXT"));
  expect(key("e\u0301")).toBe(key("\u00e9"));
  expect(key("a/x.txt")).not.toBe(key("a/y.txt"));
});
