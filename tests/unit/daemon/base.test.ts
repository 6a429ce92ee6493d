/** Which vault belongs to which base, after everything that people and git do to folders. */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { absenceOf, lastKnownAt, restoreMark } from "../../../src/daemon/base.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { systemDisk } from "../../../src/platform/disk.ts";
import { Files } from "../../../src/platform/files.ts";
import { takeLock } from "../../../src/platform/lock.ts";
import { User } from "../../support/base-kit.ts";
import { realFiles } from "../../support/ledger-kit.ts";
import { thrownBy, valueOf } from "../../support/results.ts";
import { modeOf, NO_SMALL_DISK, put, smallDisk, temporaryFolder, treeOf } from "../../support/temporary-folder.ts";

const ORDER = "bridge/inbox/CLC/a.yaml";

test("a new base gets an id, a mark and a vault of its own outside of it", async () => {
  const user = new User();
  const base = await user.bind();
  expect(base).toMatchObject({ isNew: true, path: user.base, id: expect.stringMatching(/^[a-z0-9]{10}$/) });
  expect(base.vault).toBe(join(user.machine.stateRoot, "vaults", `luka-${base.id}`));
  expect(treeOf(user.base)).toEqual({ ".wo-base": `${JSON.stringify({ v: 1, id: base.id })}\n` });
  expect({ mode: modeOf(user.registryPath), root: modeOf(user.machine.stateRoot) }).toEqual({
    mode: 0o600,
    root: 0o700,
  });
});

test("a base that is bound again is the same one, and nothing is written", async () => {
  const user = new User();
  const first = await user.bind();
  const { registry } = user;
  expect(await user.bind()).toEqual({ ...first, isNew: false });
  expect(user.registry).toBe(registry);
});

test.each<readonly [string, (user: User) => string]>([
  ["lost its mark", (user) => remove(user, ".wo-base")],
  ["has a mark that is no JSON", (user) => spoil(user, "x")],
  ["got the mark of another base by git", (user) => spoil(user, '{"v":1,"id":"abcdef0123"}')],
  ["was moved", (user) => move(user, "moved")],
  ["was moved and lost its mark", (user) => move(user, "moved", remove(user, ".wo-base"))],
  ["was removed and comes back from a copy", (user) => comeBack(user)],
])("a base that %s keeps its vault, and gets its mark back", async (_what, change) => {
  const user = new User([ORDER]);
  const first = await user.bind({ init: true });
  const path = change(user);
  const { id, vault } = first;
  expect(user.lookUp(path)).toMatchObject({ id, vault });
  expect(await user.bind({}, path)).toMatchObject({ id, vault, path, isNew: false });
  expect(treeOf(path)[".wo-base"]).toContain(id);
  expect(JSON.parse(user.registry)).toMatchObject({ bases: [{ id, path, vault }] });
});

function remove({ base }: User, name: string): string {
  rmSync(join(base, name), { recursive: true });
  return base;
}

function spoil({ base }: User, mark: string): string {
  put(join(base, ".wo-base"), mark);
  return base;
}

function move(user: User, name: string, from = user.base): string {
  renameSync(from, join(user.folder, name));
  return join(user.folder, name);
}

function comeBack({ base, folder }: User): string {
  cpSync(base, join(folder, "copy"), { recursive: true });
  rmSync(base, { recursive: true });
  renameSync(join(folder, "copy"), base);
  return base;
}

test("the mark of another base of the same user, that came by git, changes nothing", async () => {
  const user = new User();
  const first = await user.bind();
  mkdirSync(join(user.folder, "second"));
  const second = await user.bind({}, join(user.folder, "second"));
  spoil(user, JSON.stringify({ v: 1, id: second.id }));
  expect(await user.bind()).toMatchObject({ id: first.id, vault: first.vault });
  expect(user.lookUp(second.path)?.id).toBe(second.id);
});

test("bases whose folders were moved onto each other's paths keep their vaults", async () => {
  const user = new User();
  const first = await user.bind();
  const other = join(user.folder, "other");
  mkdirSync(other);
  const second = await user.bind({}, other);
  const moved = move(user, "moved");
  renameSync(other, user.base);
  expect(await user.bind()).toMatchObject({ id: second.id, vault: second.vault });
  expect(await user.bind({}, moved)).toMatchObject({ id: first.id, vault: first.vault });
});

test("of two living folders with one id neither is guessed to be the right one", async () => {
  const user = new User();
  const { id } = await user.bind();
  const copy = join(user.folder, "copy");
  cpSync(user.base, copy, { recursive: true });
  expect(await thrownBy(() => user.bind({}, copy))).toMatchObject({
    code: "BASE_TWICE",
    message: expect.stringContaining(id),
  });
  expect(await user.bind()).toMatchObject({ id, isNew: false });
});

test("a copy that gets an id of its own gets a vault of its own, and the first one keeps its", async () => {
  const user = new User();
  const first = await user.bind();
  const copy = join(user.folder, "copy");
  cpSync(user.base, copy, { recursive: true });
  const second = await user.bind({ newId: true, init: true }, copy);
  expect(second.id).not.toBe(first.id);
  expect(second.vault).not.toBe(first.vault);
  expect([user.lookUp()?.id, user.lookUp(copy)?.id]).toEqual([first.id, second.id]);
});

test.each([
  ["an order in its inbox", [ORDER]],
  ["a state file", ["g/followup/state/WO-1.json"]],
  ["another machine's mark", []],
])("an unknown base with %s gets no empty vault unless somebody asks for it", async (_what, files) => {
  const user = new User(files);
  if (files.length === 0) spoil(user, '{"v":1,"id":"abcdef0123"}');
  const before = treeOf(user.folder);
  expect(await thrownBy(() => user.bind())).toMatchObject({ code: "BASE_UNKNOWN" });
  expect(treeOf(user.folder)).toEqual(before);
  expect(user.lookUp()).toBeUndefined();
  expect(await user.bind({ init: true })).toMatchObject({
    isNew: true,
    ...(files.length === 0 ? { id: "abcdef0123" } : {}),
  });
});

test("an inbox that holds no orders makes no base a used one", async () => {
  const user = new User(["bridge/inbox/CLC/README.md", "bridge/inbox/CLC/.gitkeep", "bridge/inbox/README.yaml"]);
  expect(await user.bind()).toMatchObject({ isNew: true });
});

test("an order in a lane that is a link makes a base a used one", async () => {
  const user = new User();
  const elsewhere = temporaryFolder();
  put(join(elsewhere, "a.json"), "{}");
  mkdirSync(join(user.base, "bridge", "inbox"), { recursive: true });
  symlinkSync(elsewhere, join(user.base, "bridge", "inbox", "CLC"));
  expect(await thrownBy(() => user.bind())).toMatchObject({ code: "BASE_UNKNOWN" });
});

test("another vault than the bound one is refused, the same one is not, and a person may bind anew", async () => {
  const user = new User();
  const { vault } = await user.bind();
  const other = join(user.folder, "other-vault");
  expect(await thrownBy(() => user.bind({ vault: other }))).toMatchObject({ code: "VAULT_DIFFERS" });
  expect(await user.bind({ vault: `${vault}/../${vault.split("/").at(-1)}` })).toMatchObject({ vault });
  expect(await user.bind({ vault: other, init: true })).toMatchObject({ vault: other });
  expect(user.lookUp()?.vault).toBe(other);
});

test.each<readonly [string, (user: User) => string]>([
  ["in the base", ({ base }) => join(base, "vault")],
  [
    "in the base, by a link",
    ({ base, folder }) => {
      symlinkSync(base, join(folder, "link"));
      return join(folder, "link", "deep", "vault");
    },
  ],
  [
    "in a git tree",
    ({ folder }) => {
      mkdirSync(join(folder, "tree", ".git"), { recursive: true });
      return join(folder, "tree", "a", "vault");
    },
  ],
  [
    "in a git worktree",
    ({ folder }) => {
      put(join(folder, "worktree", ".git"), "gitdir: /x");
      return join(folder, "worktree", "vault");
    },
  ],
])("a vault that would lie %s is refused", async (_where, place) => {
  const user = new User();
  const vault = place(user);
  expect(await thrownBy(() => user.bind({ init: true, vault }))).toMatchObject({ code: "VAULT_IN_TREE" });
  expect(user.lookUp()).toBeUndefined();
});

test("a registry that cannot be read makes no base look new", async () => {
  const user = new User();
  await user.bind();
  put(user.registryPath, '{"v":2}');
  expect(await thrownBy(() => user.bind())).toMatchObject({ code: "DISK_REFUSED" });
  expect(user.registry).toBe('{"v":2}');
});

test("bases of one user are kept beside each other", async () => {
  const user = new User();
  const first = await user.bind();
  mkdirSync(join(user.folder, "second"));
  const second = await user.bind({}, join(user.folder, "second"));
  expect([user.lookUp()?.vault, user.lookUp(second.path)?.vault]).toEqual([first.vault, second.vault]);
});

test.each(["absent", "a-file"])("a base that is %s is told to be missing", async (name) => {
  const user = new User();
  put(join(user.folder, "a-file"), "x");
  expect(await thrownBy(() => user.bind({}, join(user.folder, name)))).toMatchObject({ code: "BASE_MISSING" });
});

test("a base is the same under every link that leads to it", async () => {
  const user = new User();
  const { id } = await user.bind();
  symlinkSync(user.base, join(user.folder, "link"));
  expect(await user.bind({}, join(user.folder, "link"))).toMatchObject({ id, path: user.base });
});

test("looking a base up writes nothing", () => {
  const user = new User([ORDER]);
  const before = treeOf(user.folder);
  expect(user.lookUp()).toBeUndefined();
  expect([treeOf(user.folder), treeOf(user.machine.home)]).toEqual([before, {}]);
});

test("a mark is written only where it is not right", async () => {
  const user = new User();
  expect(await restoreMark(realFiles, user.base, "abcdef0123")).toBe(true);
  expect(await restoreMark(realFiles, user.base, "abcdef0123")).toBe(false);
  expect(await restoreMark(realFiles, user.base, "other00001")).toBe(true);
});

test("whoever finds the registry held waits for it, and not for ever", async () => {
  const user = new User();
  const { stateRoot } = user.machine;
  const lock = valueOf(await takeLock(join(stateRoot, "locks"), `registry-${stateRoot}`, "somebody"));
  expect(await thrownBy(() => user.bind())).toMatchObject({ code: "LOCK_HELD" });
  expect(user.sleeps).toBe(200);
  await lock.release();
  expect(await user.bind()).toMatchObject({ isNew: true });
});

test("a base that is away is known by its path, also through a link that leads nowhere now", async () => {
  const user = new User();
  const { id, vault } = await user.bind();
  const link = join(temporaryFolder(), "link");
  symlinkSync(user.base, link);
  renameSync(user.base, join(user.folder, "away"));
  for (const path of [user.base, link]) {
    expect(lastKnownAt(realFiles, user.machine, path)).toMatchObject({ id, vault, path: user.base });
    expect(absenceOf(realFiles, user.machine, path)?.message).toBe(`there is no folder ${path}`);
  }
  expect(lastKnownAt(realFiles, user.machine, join(user.folder, "other"))).toBeUndefined();
});

test.each([
  ["EPERM", /cannot be looked at: .*EPERM; macOS may keep agents out/],
  ["EIO", /cannot be looked at: .*EIO$/],
])("a base that the disk refuses to open with %s is away, and known by its path", async (errno, told) => {
  const user = new User();
  const { id } = await user.bind();
  const refuse = () => {
    throw Object.assign(new Error(errno), { code: errno });
  };
  const realPath = (path: string) => (path === user.base ? refuse() : systemDisk.realPath(path));
  const refusing = new Files({ ...systemDisk, realPath }, systemClock);
  const seen = new Files({ ...systemDisk, list: refuse }, systemClock);
  for (const files of [refusing, seen]) expect(absenceOf(files, user.machine, user.base)?.message).toMatch(told);
  expect(lastKnownAt(refusing, user.machine, user.base)).toMatchObject({ id });
});

test("the empty folder that a volume is mounted on is no base, and one that was emptied is", async ({ skip }) => {
  const user = new User();
  const volume = smallDisk(1024 * 1024);
  if (volume === undefined) return skip(NO_SMALL_DISK);
  await user.bind({}, volume);
  expect(absenceOf(realFiles, user.machine, volume)).toBeUndefined();
  rmSync(join(volume, ".wo-base"));
  expect(absenceOf(realFiles, user.machine, volume)).toBeUndefined();
  execFileSync("umount", ["--lazy", volume]);
  expect(absenceOf(realFiles, user.machine, volume)?.message).toMatch(/is empty, and on another disk/);
  execFileSync("mount", ["-t", "tmpfs", "tmpfs", volume]);
});
