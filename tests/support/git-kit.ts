/** A real git in a world's base. */
import { chmodSync } from "node:fs";
import type { World } from "./world.ts";

/** Runs git there; its output. Throws what it says when it fails. */
export async function git(world: World, ...words: string[]): Promise<string> {
  const who = ["-c", "user.name=t", "-c", "user.email=t@t"];
  const end = await world.run(["git", "-C", world.base, ...who, ...words]);
  if (end.code !== 0) throw new Error(`git ${words.join(" ")}: ${end.stderr}`);
  return end.stdout.trim();
}

/** Two commits on `main`, of which only the second has these; branch `other` is at the first. */
export async function inGit(world: World, paths: readonly string[]): Promise<void> {
  world.write("README", "readme\n");
  await git(world, "init", "-q", "-b", "main");
  await git(world, "add", "README");
  await git(world, "commit", "-qm", "the first");
  await git(world, "branch", "other");
  await git(world, "add", ...paths);
  await git(world, "commit", "-qm", "with tools");
}

/** A file that can be executed. */
export function put(world: World, path: string, text: string): void {
  world.write(path, text);
  chmodSync(world.path(path), 0o755);
}
