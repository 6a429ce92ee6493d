/** Folders and files on the real disk for one test, gone when it has ended. */
import { execFileSync } from "node:child_process";
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  writeFileSync,
} from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";

/** An empty folder; its real path. */
export function temporaryFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "wo-unit-")));
  // What a test left on its way may write into the folder once more: it has to get its turns meanwhile.
  onTestFinished(() => rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 }));
  return folder;
}

/** An empty folder with these files in it, path below it → content. */
export function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = temporaryFolder();
  for (const [path, content] of Object.entries(files)) put(join(folder, path), content);
  return folder;
}

/** Writes a file, making the folders above it; returns its path. */
export function put(path: string, content: string | Uint8Array): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
}

/** Everything below a folder: `a/b` → content, `a/l` → "-> target", `a/fifo` → "(other)"; empty folders as `a/` → "". */
export function treeOf(folder: string): Record<string, string> {
  const tree: Record<string, string> = {};
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name);
    const name = path.slice(folder.length + 1);
    if (entry.isFile()) tree[name] = readFileSync(path, "utf8");
    else if (entry.isSymbolicLink()) tree[name] = `-> ${readlinkSync(path)}`;
    else if (!entry.isDirectory()) tree[name] = "(other)";
    else if (readdirSync(path).length === 0) tree[`${name}/`] = "";
  }
  return tree;
}

/** The permission bits of what lies there. */
export function modeOf(path: string): number {
  return lstatSync(path).mode & 0o7777;
}

/** Sets the umask for one test. */
export function setUmask(mask: number): void {
  const before = process.umask(mask);
  onTestFinished(() => void process.umask(before));
}

/** Why tests on a small disk are skipped: to be shown, so that nobody takes them for passed. */
export const NO_SMALL_DISK = "NOT TESTED HERE: only root on Linux may mount a small disk";

/** A file system of its own with this much space; undefined where none can be mounted. */
export function smallDisk(sizeBytes: number): string | undefined {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return undefined;
  const folder = temporaryFolder();
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${sizeBytes}`, "tmpfs", folder], { stdio: "ignore" });
  } catch {
    // A container without the right to mount: the caller skips, and says so.
    return undefined;
  }
  onTestFinished(() => void execFileSync("umount", ["--lazy", folder]));
  return folder;
}
