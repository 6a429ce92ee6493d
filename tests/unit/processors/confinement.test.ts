/** What a sandbox guards in a base is found on the disk: the machinery, what the policy names, and what git would run. */
import { mkdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { foldPath } from "../../../src/orders/paths.ts";
import { confine, findGuarded, writableFolders } from "../../../src/processors/confinement.ts";
import { realFiles } from "../../support/ledger-kit.ts";
import { realFolder } from "../../support/sandboxes.ts";
import { put } from "../../support/temporary-folder.ts";

/** The paths that are guarded and pinned in a base with these files, relative to it. */
async function guardsOf(files: readonly string[], isProtected = (_path: string) => false, base = realFolder()) {
  for (const path of files) put(join(base, path), "");
  const guarded = { base: foldPath(base), absolute: [], isProtected };
  const wish = { program: "bwrap", temporary: "/t", hidden: ["/v"], hosts: ["a.example"] };
  const spec = confine(realFiles, [base], await findGuarded(realFiles, base, { base, roots: [], guarded }), wish);
  const below = (paths: readonly string[]) => paths.map((path) => path.slice(base.length + 1)).toSorted();
  expect(spec).toMatchObject({ program: "bwrap", hidden: ["/v"], hosts: ["a.example"], writable: [base, "/t"] });
  return { readOnly: below(spec.readOnly), pinned: below(spec.pinned) };
}

test("the machinery of a base is guarded, its telemetry is not", async () => {
  const files = ["bridge/inbox/CLC/a.yaml", "wo-bridge.yaml", ".wo-base", "g/followup/state/a.json", "g/telemetry/u"];
  expect(await guardsOf(files)).toEqual({
    readOnly: [".wo-base", "bridge", "g/followup/state", "wo-bridge.yaml"],
    pinned: ["g", "g/followup"],
  });
});

test("hooks and configuration of every repository are guarded, and no folder above them can be moved away", async () => {
  const files = [".git/config", ".git/HEAD", "deep/er/sub/.git/config", "deep/er/sub/.git/hooks/pre-commit"];
  expect(await guardsOf(files)).toEqual({
    readOnly: [".git/config", ".git/hooks", "deep/er/sub/.git/config", "deep/er/sub/.git/hooks"],
    pinned: [".git", "deep", "deep/er", "deep/er/sub", "deep/er/sub/.git"],
  });
});

test("so are those of submodules and worktrees, and the file that says where a repository is", async () => {
  const files = [
    ".git/modules/a/b/HEAD",
    ".git/modules/a/b/config",
    ".git/worktrees/w/commondir",
    ".git/worktrees/w/config.worktree",
    "a/b/.git",
  ];
  expect((await guardsOf(files)).readOnly).toEqual([
    ".git/hooks",
    ".git/modules/a/b/config",
    ".git/modules/a/b/hooks",
    ".git/worktrees/w/commondir",
    ".git/worktrees/w/config.worktree",
    "a/b/.git",
  ]);
});

test("what the policy protects is guarded where it is there, as one folder", async () => {
  const isProtected = (path: string) => path === "keys" || path.endsWith(".pem");
  expect(await guardsOf(["keys/a", "keys/b", "x/y.PEM", "x/y.txt"], isProtected)).toEqual({
    readOnly: ["keys", "x/y.PEM"],
    pinned: ["x"],
  });
});

test("behind a protected link its target is guarded, and nothing that lies outside of the base", async () => {
  const base = realFolder();
  mkdirSync(join(base, "real"));
  symlinkSync("real", join(base, "link"));
  symlinkSync("/etc", join(base, "away"));
  const isProtected = (path: string) => path === "link" || path === "away";
  expect((await guardsOf([], isProtected, base)).readOnly).toEqual(["real"]);
});

test("more than a sandbox can hold is no sandbox, never half of one", async () => {
  const files = Array.from({ length: 2501 }, (_, index) => `k/${index}`);
  await expect(guardsOf(files, (path) => path.startsWith("k/"))).rejects.toThrow("2502 files and folders");
});

test("what has gone since it was found is no fault, and what git keeps there is looked at again", async () => {
  const base = realFolder();
  for (const path of ["a/.git/HEAD", "b/.git/HEAD", "bridge/x"]) put(join(base, path), "");
  const guarded = await findGuarded(realFiles, base, {
    base,
    roots: [],
    guarded: { base: foldPath(base), absolute: [], isProtected: () => false },
  });
  rmSync(join(base, "a"), { recursive: true });
  put(join(base, "b/.git/config"), "");
  const spec = confine(realFiles, [base], guarded, { program: "bwrap", temporary: "/t", hidden: [], hosts: [] });

  expect(spec.readOnly.map((path) => path.slice(base.length + 1)).toSorted()).toEqual([
    "b/.git/config",
    "b/.git/hooks",
    "bridge",
  ]);
});

/** The same of a base with roots of the policy: all of it, in absolute paths. */
async function guardsIn(base: string, roots: readonly string[], isProtected = (_path: string) => false) {
  const guarded = { base: foldPath(base), roots: roots.map(foldPath), absolute: [], isProtected };
  const rules = { base, roots, guarded };
  const folders = writableFolders(realFiles, rules);
  const found = await Promise.all(folders.map((folder) => findGuarded(realFiles, folder, rules)));
  return confine(realFiles, folders, found.flat(), { program: "bwrap", temporary: "/t", hidden: [], hosts: [] });
}

test("below a root of the policy git and what is protected are guarded as in the base; the machinery's names mean nothing there", async () => {
  const [base, root] = [realFolder(), realFolder()];
  for (const path of ["deep/.git/config", "keys/a", "bridge/x", "wo-bridge.yaml"]) put(join(root, path), "");
  put(join(base, "bridge/x"), "");
  const spec = await guardsIn(base, [root, join(root, "absent"), "/"], (path) => path === "keys");
  expect(spec.writable.toSorted()).toEqual([base, root, "/t"].toSorted());
  expect(spec.readOnly.toSorted()).toEqual(
    [
      join(base, "bridge"),
      ...["deep/.git/config", "deep/.git/hooks", "keys"].map((path) => join(root, path)),
    ].toSorted(),
  );
  expect(spec.pinned.toSorted()).toEqual([join(root, "deep"), join(root, "deep/.git")]);
});

test("a root around the base, and one in it, leave everything guarded and are mounted from the outside in", async () => {
  const root = realFolder();
  const [base, inner] = [join(root, "x/base"), join(root, "x/base/inner")];
  for (const path of ["bridge/a", "inner/.git/config", "keys/a"]) put(join(base, path), "");
  const spec = await guardsIn(base, [inner, root], (path) => path === "keys");
  expect(spec.writable).toEqual([root, base, inner, "/t"]);
  const guarded = ["bridge", "inner/.git/config", "inner/.git/hooks", "keys"].map((path) => join(base, path));
  expect(spec.readOnly.toSorted()).toEqual(guarded);
  // Neither the base nor what is above it can be moved away to make another.
  expect(spec.pinned).toEqual([join(root, "x"), base, inner, join(inner, ".git")]);
});

test("behind a link from the base into a root what is protected is guarded where it lies", async () => {
  const [base, root] = [realFolder(), realFolder()];
  mkdirSync(join(root, "real"));
  symlinkSync(join(root, "real"), join(base, "link"));
  expect((await guardsIn(base, [root], (path) => path === "link")).readOnly).toEqual([join(root, "real")]);
});
