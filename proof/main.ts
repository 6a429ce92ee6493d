/**
 * `npm run proof -- [bugs|sim|fuzz|kills|calls|cuts|faults|crowd|soak …] [--full] [--seed N]`: every rig for a quarter of an hour, or with `--full` for hours; writes
 * docs/reliability.md. A full run that was stopped goes on where it was. Exits with 1 when anything was lost, was done twice,
 * or needed a hand.
 */
import { calls } from "./calls.ts";
import { crowd } from "./crowd.ts";
import { cuts } from "./cuts.ts";
import { faults } from "./faults.ts";
import { fuzz } from "./fuzz.ts";
import { kills } from "./kills.ts";
import { plantBugs } from "./mutants.ts";
import { Run, writeReport } from "./report.ts";
import { simulation } from "./simulation.ts";
import { soak } from "./soak.ts";

const RIGS: Readonly<Record<string, (run: Run) => Promise<void> | void>> = {
  bugs: plantBugs,
  sim: simulation,
  fuzz,
  kills,
  calls,
  cuts,
  faults,
  crowd,
  soak,
};

const words = process.argv.slice(2);
const seedAt = words.indexOf("--seed");
const seed = seedAt === -1 ? Date.now() % 1_000_000 : Number(words[seedAt + 1]);
const named = words.filter((word, index) => !word.startsWith("--") && (seedAt === -1 || index !== seedAt + 1));
if (named.some((name) => RIGS[name] === undefined) || Number.isNaN(seed)) {
  process.stderr.write(`usage: npm run proof -- [${Object.keys(RIGS).join("|")} …] [--full] [--seed N]\n`);
  process.exit(2);
}
for (const [name, rig] of Object.entries(RIGS)) {
  if (named.length > 0 && !named.includes(name)) continue;
  const run = new Run(name, { isFull: words.includes("--full"), seed });
  process.stdout.write(`\n${name}, seed ${seed}\n`);
  await rig(run);
  if (!run.isClean) process.exitCode = 1;
  writeReport();
}
