/**
 * `npm run sim -- [--seeds N] [--seed FIRST] [--tell] [--first]`: histories of the whole line on a simulated machine, one
 * per seed. A failing seed is printed, and replays exactly; with `--first` it ends there. Exits with 1 when there was one.
 */
import { parseArgs } from "node:util";
import { histories } from "./run.ts";

/** Violations of one history: the first ones tell most. */
const SHOWN = 8;

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "200" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    tell: { type: "boolean", default: false },
    first: { type: "boolean", default: false },
  },
});
const first = Number(values.seed);
let [count, events, orders, lives, failed] = [0, 0, 0, 0, 0];
for await (const end of histories(first, Number(values.seeds))) {
  count += 1;
  events += end.events;
  orders += end.orders;
  lives += end.lives;
  if (values.tell) process.stdout.write(`${end.told.join("\n")}\n`);
  if (end.violations.length === 0) continue;
  failed += 1;
  process.stdout.write(`seed ${end.seed}: npm run sim -- --seeds 1 --seed ${end.seed} --tell\n`);
  for (const { rule, message } of end.violations.slice(0, SHOWN)) process.stdout.write(`  ${rule}: ${message}\n`);
  const more = end.violations.length - SHOWN;
  if (more > 0) process.stdout.write(`  and ${more} more\n`);
  if (values.first) break;
}
process.stdout.write(
  `${count} histories from seed ${first}, ${orders} orders, ${lives} lives, ${events} events: ${failed} with violations\n`,
);
process.exitCode = failed === 0 ? 0 : 1;
