/**
 * `npm run sim -- [--seeds N] [--seed FIRST] [--tell]`: histories of the whole line on a simulated machine, one per seed.
 * A failing seed is printed, and replays exactly.
 */
import { parseArgs } from "node:util";
import { BridgeError } from "#dist/platform/errors.js";
import { runHistory } from "./history.ts";
import { Dead } from "./life.ts";

/** Violations of one history: the first ones tell most. */
const SHOWN = 8;

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "200" },
    seed: { type: "string", default: String(Math.floor(Math.random() * 1e9)) },
    tell: { type: "boolean", default: false },
  },
});

// What a dead process was in the middle of has nobody to catch it; of a living one it would be the end.
const uncaught: string[] = [];
process.on("unhandledRejection", (error) => {
  // Of a disk that lies the process has ended by then, too.
  if (!isDeath(error) && !(error instanceof BridgeError && error.code === "SYNC_FAILED"))
    uncaught.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
});

function isDeath(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) if (at instanceof Dead) return true;
  return false;
}

const first = Number(values.seed);
const count = Number(values.seeds);
let [events, orders, lives, failed] = [0, 0, 0, 0];
for (let seed = first; seed < first + count; seed += 1) {
  const history = await runHistory(seed);
  const bugs = uncaught.splice(0).map((message) => ({ rule: "nothing is uncaught", message }));
  const end = { ...history, violations: [...bugs, ...history.violations] };
  events += end.events;
  orders += end.orders;
  lives += end.lives;
  if (values.tell) process.stdout.write(`${end.told.join("\n")}\n`);
  if (end.violations.length === 0) continue;
  failed += 1;
  process.stdout.write(`seed ${seed}: npm run sim -- --seeds 1 --seed ${seed} --tell\n`);
  for (const { rule, message } of end.violations.slice(0, SHOWN)) process.stdout.write(`  ${rule}: ${message}\n`);
  const more = end.violations.length - SHOWN;
  if (more > 0) process.stdout.write(`  and ${more} more\n`);
}
process.stdout.write(
  `${count} histories from seed ${first}, ${orders} orders, ${lives} lives, ${events} events: ${failed} with violations\n`,
);
process.exitCode = failed === 0 ? 0 : 1;
