/** The properties of tests/fuzz, each suite in a process of its own: a few thousand cases over all, or a million. */
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { ROOT } from "../tests/support/world.ts";
import { CASES, type Run } from "./report.ts";

/** CI tries ten thousand. */
const SHORT = 3000;
const FULL = 1_000_000;
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;
/** What tests/support/fuzz.ts says at the end of each property that held. */
const HELD = /^fuzz (\S+): (\d+) cases, seed \d+, \S+ s: (.*)$/gm;

/** Adds a suite at a time to the run; one that fails says the case, and how to run it again. */
export function fuzz(run: Run): void {
  const suites = readdirSync(join(ROOT, "tests", "fuzz")).map((name) => basename(name, ".test.ts"));
  const cases = String(run.isFull ? FULL : SHORT);
  for (const suite of suites) {
    const method = `${CASES}${suite}`;
    if (run.tried(method) > 0) continue;
    const start = performance.now();
    const { status, stdout, stderr } = spawnSync(
      join(ROOT, "scripts", "fuzz"),
      ["--cases", cases, "--seed", String(run.seed), suite],
      { cwd: ROOT, encoding: "utf8", maxBuffer: OUTPUT_BYTES_MAX, env: { ...process.env, NO_COLOR: "1" } },
    );
    const held = [...stdout.matchAll(HELD)];
    // A suite of which nothing is heard has tried nothing, whatever it ended with.
    const isClean = status === 0 && held.length > 0;
    if (!isClean) process.stdout.write(`${stdout}${stderr}`);
    run.record({
      method,
      tried: held.reduce((sum, [, , count]) => sum + Number(count), 0),
      lost: 0,
      twice: 0,
      hand: isClean ? 0 : 1,
      seconds: Math.round((performance.now() - start) / 1000),
      note: held.map(([, name, , ends]) => `${name}: ${ends}`).join("; "),
    });
  }
}
