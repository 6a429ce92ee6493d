/** Whether a component is as it has to be: what is found, and how little is read for it. */
import {
  chmodSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { systemDisk } from "../../../src/platform/disk.ts";
import { Files } from "../../../src/platform/files.ts";
import { ComponentCheck, type Wanted } from "../../../src/upkeep/component-check.ts";
import { fingerprintOf } from "../../support/components.ts";
import { HandClock } from "../../support/hand-clock.ts";
import { put, temporaryFolder } from "../../support/temporary-folder.ts";

const TEXT = "#!/bin/sh\necho hi\n";
const PATH = "tools/run.sh";
const AGENT = "~/Library/LaunchAgents/com.example.a.plist";
const wanted = (bend: Partial<Wanted["fingerprint"]> = {}): Wanted => ({
  fingerprint: { ...fingerprintOf(TEXT), ...bend },
});

/** A base with one component that is as it has to be, looked at long after it was written. */
function kit() {
  const [base, home] = [temporaryFolder(), temporaryFolder()];
  const path = put(join(base, PATH), TEXT);
  chmodSync(path, 0o755);
  let opened = 0;
  const openRead = (one: string) => {
    opened += 1;
    return systemDisk.openRead(one);
  };
  const clock = new HandClock(Date.now() + 60_000);
  const check = new ComponentCheck(new Files({ ...systemDisk, openRead }, clock), clock, { path: base, home });
  return { base, home, path, clock, check, opened: () => opened, look: (one = wanted()) => check.lookAt(PATH, one) };
}

test("a component that is as it has to be is not found", () => {
  expect(kit().look()).toBeUndefined();
});

test.each<readonly [string, (path: string) => void, string, string]>([
  ["is gone", (path) => rmSync(path), "missing", "not there"],
  ["is gone with its folder", (path) => rmSync(join(path, ".."), { recursive: true }), "missing", "not there"],
  ["was renamed", (path) => renameSync(path, `${path}.backup`), "moved", "tools/run.sh.backup holds what it held"],
  [
    "holds something else of the same length",
    (path) => writeFileSync(path, TEXT.replace("hi", "ho")),
    "content_changed",
    "something else",
  ],
  ["holds more", (path) => writeFileSync(path, `${TEXT}more\n`), "content_changed", "bytes"],
  ["was emptied", (path) => truncateSync(path), "emptied", "empty"],
  ["may not be executed any more", (path) => chmodSync(path, 0o644), "not_executable", "not executable"],
  ["is a folder now", (path) => [rmSync(path), mkdirSync(path)], "type_changed", "it was a file, and is a folder"],
  [
    "is a link to the same now",
    (path) => [renameSync(path, `${path}~`), symlinkSync(`${path}~`, path)],
    "symlink",
    "a link",
  ],
])("a component that %s is found, with the reason", (_what, bend, reason, message) => {
  const { look, path } = kit();
  bend(path);
  expect(look()).toMatchObject({ path: PATH, reason, message: expect.stringContaining(message) });
});

test.each<readonly [string, (path: string) => void, string, string]>([
  ["is gone with its folder", (path) => rmSync(join(path, ".."), { recursive: true }), "missing", "not there"],
  ["was renamed", (path) => renameSync(path, `${path}.off`), "moved", `${AGENT}.off holds what it held`],
  ["was emptied", (path) => truncateSync(path), "emptied", "empty"],
  ["holds something else", (path) => writeFileSync(path, `${TEXT}more`), "content_changed", "bytes"],
  ["is a folder now", (path) => [rmSync(path), mkdirSync(path)], "type_changed", "is a folder"],
  ["is a link now", (path) => [renameSync(path, `${path}~`), symlinkSync(`${path}~`, path)], "symlink", "a link"],
])("a LaunchAgent that %s is found by its name in the home", (_what, bend, reason, message) => {
  const { check, home } = kit();
  const path = put(join(home, "Library/LaunchAgents/com.example.a.plist"), TEXT);
  const agent = wanted({ mode: 0o644 });
  expect(check.lookAt(AGENT, agent)).toBeUndefined();
  bend(path);
  expect(check.lookAt(AGENT, agent)).toMatchObject({
    path: AGENT,
    reason,
    message: expect.stringContaining(message),
  });
});

test("one that cannot be read is not healthy", () => {
  const openRead = () => {
    throw Object.assign(new Error("EACCES"), { code: "EACCES" });
  };
  const { base, home, clock } = kit();
  const check = new ComponentCheck(new Files({ ...systemDisk, openRead }, clock), clock, { path: base, home });
  expect(check.lookAt(PATH, wanted())).toMatchObject({ reason: "unreadable" });
});

test("of a folder only that it is there is looked at", () => {
  const { check, base } = kit();
  const folder: Wanted = { fingerprint: { kind: "folder", mode: 0o755, owner: 501, since: "", by: "" } };
  expect(check.lookAt("tools", folder)).toBeUndefined();
  expect(check.lookAt(PATH, folder)).toMatchObject({ reason: "type_changed" });
  rmSync(join(base, "tools"), { recursive: true });
  expect(check.lookAt("tools", folder)).toMatchObject({ reason: "missing" });
});

test("a file that the configuration wants executable is, whatever was accepted; one that never was need not be", () => {
  const { look, path } = kit();
  chmodSync(path, 0o644);
  expect(look(wanted({ mode: 0o644 }))).toBeUndefined();
  expect(look({ ...wanted({ mode: 0o644 }), executable: true })).toMatchObject({ reason: "not_executable" });
});

test("what has not changed is read once; what was touched, once more", () => {
  const { look, opened, path, clock } = kit();
  for (let round = 0; round < 3; round += 1) expect(look()).toBeUndefined();
  expect(opened()).toBe(1);
  utimesSync(path, 1, 1);
  clock.setWall(Date.now() + 60_000);
  expect([look(), opened()]).toEqual([undefined, 2]);
});

test("a change that leaves size and time as they were is found: the inode's own time cannot be set", () => {
  const { look, path } = kit();
  expect(look()).toBeUndefined();
  const { atime, mtime } = statSync(path);
  writeFileSync(path, TEXT.replace("hi", "ho"));
  utimesSync(path, atime, mtime);
  expect(look()).toMatchObject({ reason: "content_changed" });
});

test("what is so young that a later change could have the same times is read each time", () => {
  const { look, opened, clock } = kit();
  clock.setWall(Date.now());
  for (let round = 0; round < 3; round += 1) look();
  expect(opened()).toBe(3);
});

test("all of them are looked at, and those that are wrong are told in their order", async () => {
  const { check } = kit();
  const all = [
    ["b", wanted()],
    [PATH, wanted()],
    ["a", wanted()],
  ] as const;
  expect((await check.look(all)).map(({ path }) => path)).toEqual(["b", "a"]);
});
