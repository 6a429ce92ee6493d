/**
 * What the sandbox of an order's command allows, worked out from what is on the disk: the base, the folders that the
 * policy allows beside it and the order's own temporary folder may be written, except for the machinery, what the policy
 * protects, and what git would run.
 */
import { join } from "node:path";
import { foldName, foldPath } from "../orders/paths.ts";
import { BridgeError } from "../platform/errors.ts";
import type { Files } from "../platform/files.ts";
import type { SandboxSpec } from "../platform/run-protocol.ts";
import type { PlaceRules } from "./places.ts";

/** Of the base; telemetry is not among them, because others append to the same file. */
const MACHINERY: ReadonlySet<string> = new Set([
  "bridge",
  "g/followup/state",
  "wo-bridge.yaml",
  "allowed_signers",
  ".wo-base",
]);
/** Files of a git folder that decide what git runs, or where it looks for that. */
const GIT_FILES = ["config", "config.worktree", "commondir"] as const;
/** bubblewrap takes 9,000 words, three for each. */
const MOUNTS_MAX = 2500;

export interface ConfinementWish extends Pick<SandboxSpec, "program" | "hidden" | "hosts"> {
  /** The order's own; written freely. */
  readonly temporary: string;
}

/** An absolute path in a writable folder that no command may change. */
export interface GuardedPath {
  readonly path: string;
  readonly isRepository: boolean;
}

/** The folders that commands may write in, each a real path: the base, and what is there of `policy.roots`; never all of the machine. */
export function writableFolders(files: Files, { base, roots }: Pick<PlaceRules, "base" | "roots">): readonly string[] {
  return [...new Set([base, ...roots.filter((root) => root !== "/" && files.info(root)?.kind === "folder")])];
}

/**
 * Looks through one of the writable folders for them; another of these in it has a look of its own. What a command makes
 * later it could have made as it likes anyway.
 */
export async function findGuarded(
  files: Files,
  folder: string,
  { base, roots, guarded }: Pick<PlaceRules, "base" | "roots" | "guarded">,
): Promise<readonly GuardedPath[]> {
  const found: GuardedPath[] = [];
  const slice = files.slices();
  const others = new Set([base, ...roots].filter((other) => other !== folder));
  const isGuarded = (key: string) =>
    [guarded.base, ...(guarded.roots ?? [])].some((top) => {
      if (!key.startsWith(`${top}/`)) return false;
      const below = key.slice(top.length + 1);
      return (top === guarded.base && MACHINERY.has(below)) || guarded.isProtected(below);
    });
  // Each as it is written and folded.
  const left = [{ folder, folded: foldPath(folder) }];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    await slice();
    for (const { name, kind } of files.list(next.folder) ?? []) {
      const foldedName = folded(name);
      const [path, key] = [`${next.folder}/${name}`, `${next.folded}/${foldedName}`];
      if (isGuarded(key)) found.push({ path, isRepository: false });
      else if (foldedName === ".git") found.push({ path, isRepository: kind === "folder" });
      else if (kind === "folder" && !others.has(path)) left.push({ folder: path, folded: key });
    }
  }
  return found;
}

/** The whole answer, for what is still there of the guarded paths. Throws NO_SANDBOX where a sandbox cannot hold all. */
export function confine(
  files: Files,
  folders: readonly string[],
  guarded: readonly GuardedPath[],
  { temporary, program, hidden, hosts }: ConfinementWish,
): SandboxSpec {
  const found = new Guards(files, folders);
  for (const one of guarded) found.add(one);
  const { readOnly, pinned } = found;
  const count = readOnly.size + pinned.size;
  if (count > MOUNTS_MAX)
    throw new BridgeError(
      "NO_SANDBOX",
      `${count} files and folders of the base and of policy.roots are protected, at most ${MOUNTS_MAX} can be`,
    );
  return {
    program,
    // The outer before the inner: a folder is mounted over what lies in it.
    writable: [...folders.toSorted((a, b) => a.length - b.length), temporary],
    readOnly: [...readOnly],
    pinned: [...pinned].toSorted((a, b) => a.length - b.length),
    hidden,
    hosts,
  };
}

/** The same as foldName, sooner for the names that most files have. */
function folded(name: string): string {
  return /^[\x20-\x7e]*$/.test(name) ? name.toLowerCase() : foldName(name);
}

class Guards {
  readonly readOnly = new Set<string>();
  readonly pinned = new Set<string>();
  readonly #files: Files;
  readonly #folders: readonly string[];

  constructor(files: Files, folders: readonly string[]) {
    this.#files = files;
    this.#folders = folders;
  }

  add({ path, isRepository }: GuardedPath): void {
    const info = this.#files.info(path);
    if (info === undefined) return;
    if (isRepository && info.kind === "folder") this.#guardGit(path, true);
    else this.#guard(path);
  }

  /** Nothing changes there; nor is a folder above it moved away to make another of its name. */
  #guard(path: string): void {
    const real = this.#files.realPath(path);
    // A link that leads out of all of them leads to where nothing is written anyway.
    if (real !== undefined && this.#topOf(real) !== undefined) this.readOnly.add(real);
    const top = this.#topOf(path);
    if (top === undefined) return;
    const names = path.slice(top.length + 1).split("/");
    for (let count = 1; count < names.length; count += 1) this.pinned.add(join(top, ...names.slice(0, count)));
  }

  /** The outermost writable folder that it lies in. */
  #topOf(path: string): string | undefined {
    const around = this.#folders.filter((folder) => path.startsWith(`${folder}/`));
    return around.toSorted((a, b) => a.length - b.length)[0];
  }

  /** A repository, its submodules and its worktrees: git works in them, hooks and configuration stay. */
  #guardGit(path: string, isFolder: boolean): void {
    // Of a worktree or a submodule: a file that says where its repository is.
    if (!isFolder) return this.#guard(path);
    // A folder that is not there cannot be guarded: git itself makes an empty one.
    this.#files.makeFolders(join(path, "hooks"), 0o755);
    this.#guard(`${path}/hooks`);
    this.#guardGitFiles(path);
    for (const name of this.#foldersIn(`${path}/worktrees`)) this.#guardGitFiles(`${path}/worktrees/${name}`);
    this.#guardModules(`${path}/modules`);
  }

  #guardGitFiles(path: string): void {
    for (const name of GIT_FILES) if (this.#files.info(join(path, name)) !== undefined) this.#guard(`${path}/${name}`);
  }

  /** A submodule's name may hold slashes: its folder is the first that has a HEAD. */
  #guardModules(path: string): void {
    for (const name of this.#foldersIn(path)) {
      const module = `${path}/${name}`;
      if (this.#files.info(join(module, "HEAD")) === undefined) this.#guardModules(module);
      else this.#guardGit(module, true);
    }
  }

  #foldersIn(folder: string): string[] {
    return (this.#files.list(folder) ?? []).filter(({ kind }) => kind === "folder").map(({ name }) => name);
  }
}
