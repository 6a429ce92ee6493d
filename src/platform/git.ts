/** What git knows of files in a tree. Asked with everything off that a repository's own configuration could run. */
import { dirname, join, relative } from "node:path";
import type { Clock } from "./clock.ts";
import type { Files } from "./files.ts";
import { type ProgramEnd, runProgram } from "./program.ts";
import { err, ok, type Result } from "./result.ts";

const TIMEOUT_MS = 20_000;
const LOCK_WAIT_MS = 10_000;
const LOCK_POLL_MS = 50;
const QUIET = [
  "-c",
  "core.fsmonitor=false",
  "-c",
  "core.hooksPath=/dev/null",
  "-c",
  "core.untrackedCache=false",
] as const;

interface Tree {
  readonly top: string;
  readonly gitFolder: string;
  readonly commonFolder: string;
}

interface Known {
  readonly stamp: string;
  readonly paths: ReadonlySet<string>;
}

/** Tells whether files below one folder are in git's index or HEAD; asks git again only when either has changed. */
export class GitTracking {
  readonly #files: Files;
  readonly #clock: Clock;
  readonly #folder: string;
  #tree: Tree | undefined;
  #known: Known | undefined;

  /** `folder` is a real path, the base's inbox root. */
  constructor(files: Files, clock: Clock, folder: string) {
    this.#files = files;
    this.#clock = clock;
    this.#folder = folder;
  }

  /**
   * True when the file is tracked, or when git cannot tell: while git writes the tree, files are there before its index
   * names them; git may be missing, or refuse a tree that belongs to somebody else. False outside of every git tree.
   */
  async isTracked(path: string): Promise<boolean> {
    const tree = await this.#findTree();
    if (tree === "none" || tree === "unknown") return tree === "unknown";
    if (!(await this.#isAtRest(tree))) return true;
    const stamp = this.#stamp(tree);
    if (this.#known?.stamp !== stamp) {
      const paths = await this.#askGit(tree);
      if (paths === undefined) return true;
      this.#known = { stamp, paths };
    }
    return this.#known.paths.has(relative(tree.top, path));
  }

  async #findTree(): Promise<Tree | "none" | "unknown"> {
    if (this.#tree !== undefined && this.#files.info(this.#tree.gitFolder) !== undefined) return this.#tree;
    this.#tree = undefined;
    // Most folders above have none: looking for one costs less than asking git each time.
    const root = folderWithGit(this.#files, this.#folder);
    if (root === undefined) return "none";
    const end = await runGit(
      ["rev-parse", "--path-format=absolute", "--show-toplevel", "--git-dir", "--git-common-dir"],
      // Not from the inbox itself: it may just be wiped.
      root,
    );
    const [top, gitFolder, commonFolder] = end.stdout.split("\n");
    if (end.exitCode !== 0 || top === undefined || gitFolder === undefined || commonFolder === undefined)
      return "unknown";
    this.#tree = { top, gitFolder, commonFolder };
    return this.#tree;
  }

  async #isAtRest(tree: Tree): Promise<boolean> {
    const lock = join(tree.gitFolder, "index.lock");
    for (let waitedMs = 0; this.#files.info(lock) !== undefined; waitedMs += LOCK_POLL_MS) {
      if (waitedMs >= LOCK_WAIT_MS) return false;
      await this.#clock.sleep(LOCK_POLL_MS);
    }
    return true;
  }

  /** Changes whenever index or HEAD do. */
  #stamp(tree: Tree): string {
    const head = this.#text(join(tree.gitFolder, "HEAD"));
    const ref = /^ref: (.+)$/m.exec(head)?.[1];
    const stats = [join(tree.gitFolder, "index"), join(tree.commonFolder, "packed-refs")].map((path) => {
      const info = this.#files.info(path);
      return info === undefined ? "none" : `${info.inode}:${info.sizeBytes}:${info.modifiedMs}`;
    });
    return [head, ref === undefined ? "" : this.#text(join(tree.commonFolder, ref)), ...stats].join("|");
  }

  #text(path: string): string {
    const reading = this.#files.peek(path, 4096);
    return reading.kind === "file" ? reading.bytes.toString("utf8") : reading.kind;
  }

  async #askGit(tree: Tree): Promise<ReadonlySet<string> | undefined> {
    const below = relative(tree.top, this.#folder) || ".";
    const index = await runGit(["ls-files", "-z", "--full-name", "--", below], tree.top);
    const head = await runGit(["ls-tree", "-r", "-z", "--name-only", "--full-tree", "HEAD", "--", below], tree.top);
    if (index.exitCode !== 0) return undefined;
    // A repository without a commit has no HEAD to list.
    return new Set([...index.stdout.split("\0"), ...(head.exitCode === 0 ? head.stdout.split("\0") : [])]);
  }
}

/**
 * Files below a folder that HEAD does not hold as they are: changed ones, added or not, and those that git neither knows nor
 * ignores. Undefined where there is no git tree; what git says where it cannot tell. Runs the filters that the repository
 * has set up, as `git status` does: for whoever types it, not for the daemon.
 */
export async function unsavedFiles(
  files: Files,
  folder: string,
): Promise<Result<readonly string[] | undefined, string>> {
  const top = folderWithGit(files, folder);
  if (top === undefined) return ok(undefined);
  const end = await runGit(
    ["status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames", "--", "."],
    folder,
  );
  if (end.exitCode !== 0) return err(complaintOf(end));
  const prefix = await runGit(["rev-parse", "--show-prefix"], folder);
  const below = prefix.stdout.trimEnd();
  const paths = end.stdout.split("\0").flatMap((line) => (line.length > 3 ? [line.slice(3)] : []));
  return ok(paths.map((path) => (path.startsWith(below) ? path.slice(below.length) : path)));
}

/**
 * The folder in which git looks for the hooks of the tree around `folder`; where a configuration has moved it elsewhere
 * (`core.hooksPath`), that path as an error. Undefined outside of every git tree.
 */
export async function hooksFolder(
  files: Files,
  folder: string,
): Promise<Result<string, { readonly moved?: string; readonly message: string }> | undefined> {
  const top = folderWithGit(files, folder);
  if (top === undefined) return undefined;
  const common = await runGit(["rev-parse", "--path-format=absolute", "--git-common-dir"], top);
  if (common.exitCode !== 0) return err({ message: complaintOf(common) });
  // The last is our own, which keeps git from running any of them for us.
  const configured = await runGit(["config", "--get-all", "core.hooksPath"], top);
  const moved = configured.stdout.trimEnd().split("\n").slice(0, -1).at(-1);
  if (moved !== undefined) return err({ moved, message: `core.hooksPath is ${moved}` });
  return ok(join(common.stdout.trimEnd(), "hooks"));
}

/** The nearest folder, upwards, that has a `.git`. */
export function folderWithGit(files: Files, from: string): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    if (files.info(join(folder, ".git")) !== undefined) return folder;
    if (folder === dirname(folder)) return undefined;
  }
}

/** Why git could not answer, in one line. */
export function complaintOf({ stderr }: Pick<ProgramEnd, "stderr">): string {
  return stderr.split("\n", 1)[0] || "git could not be started, or took too long";
}

/** Runs git; paths among the words are names, never patterns. */
export function runGit(
  words: readonly string[],
  cwd: string,
  input = "",
  timeoutMs = TIMEOUT_MS,
): ReturnType<typeof runProgram> {
  return runProgram(["git", ...QUIET, ...words], {
    cwd,
    input,
    env: { LC_ALL: "C", GIT_OPTIONAL_LOCKS: "0", GIT_LITERAL_PATHSPECS: "1" },
    timeoutMs: Math.min(timeoutMs, TIMEOUT_MS),
  });
}
