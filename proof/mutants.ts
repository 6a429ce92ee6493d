/**
 * Bugs that were planted to be caught: each patch of tests/crash/mutants/ breaks one promise, and the simulation has to
 * say so. A rig that catches none of them proves nothing.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { ROOT } from "../tests/support/world.ts";
import type { Run } from "./report.ts";

const FOLDER = join(ROOT, "tests", "crash", "mutants");
const SEEDS = 600;

/** Their names. */
export function mutants(): string[] {
  return readdirSync(FOLDER).flatMap((name) => (name.endsWith(".patch") ? [basename(name, ".patch")] : []));
}

/**
 * Builds the program with the bug in it and lets histories run until one shows it; what the model said then, undefined
 * when the bug was not seen. Throws when the patch does not fit the sources any more.
 */
export function catchMutant(name: string): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), "wo-mutant-"));
  try {
    const isOurs = (path: string) => !path.endsWith("node_modules");
    for (const part of [
      "src",
      "proof",
      "bench",
      "tests/support",
      "package.json",
      "tsconfig.json",
      "tsconfig.tools.json",
    ])
      cpSync(join(ROOT, part), join(folder, part), { recursive: true, filter: isOurs });
    symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
    execFileSync("git", ["apply", join(FOLDER, `${name}.patch`)], { cwd: folder });
    // A planted bug may leave a name unused: the types are none of its business.
    const build = ["-p", "tsconfig.tools.json", "--noUnusedLocals", "false", "--noUnusedParameters", "false"];
    execFileSync(join(ROOT, "node_modules", ".bin", "tsc"), build, { cwd: folder });
    const words = ["dist-tools/proof/sim/main.js", "--seeds", String(SEEDS), "--seed", "1", "--first"];
    const { status, stdout } = spawnSync(process.execPath, words, { cwd: folder, encoding: "utf8" });
    return status === 1
      ? stdout
          .split("\n")
          .find((line) => line.startsWith("  "))
          ?.trim()
      : undefined;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Adds to the run how many were caught: one that was not counts as left to a person. */
export function plantBugs(run: Run): void {
  const start = performance.now();
  const names = mutants();
  const missed = names.filter((name) => {
    const said = catchMutant(name);
    process.stdout.write(`  ${name}: ${said ?? "NOT CAUGHT"}\n`);
    return said === undefined;
  });
  const seconds = Math.round((performance.now() - start) / 1000);
  const note = `${names.length - missed.length} of ${names.length} planted bugs caught`;
  run.record({ method: "planted bugs", tried: names.length, lost: 0, twice: 0, hand: missed.length, seconds, note });
}
