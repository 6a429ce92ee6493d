/** Seeded histories on the simulated machine, as a rig of the proof. */
import type { Run } from "./report.ts";
import { Counter, type Tally } from "./rig/tally.ts";
import { histories } from "./sim/run.ts";

const HISTORIES = { short: 2000, full: 50_000 };
/** A run that is stopped goes on behind the last of these. */
const PIECE = 1000;

/** Adds its tallies to the run. */
export async function simulation(run: Run): Promise<void> {
  const wanted = HISTORIES[run.isFull ? "full" : "short"];
  for (let done = run.tried(METHOD); done < wanted; done += PIECE)
    run.record(await simulate(run.seed + done, Math.min(PIECE, wanted - done)));
}

const METHOD = "simulated histories: kills, power cuts, failing syncs, full disks, no handles, wipes, clock jumps";

/** So many histories from a seed on; each counts as one fault, however many things went wrong in it. */
export async function simulate(first: number, count: number): Promise<Tally> {
  const counter = new Counter(METHOD);
  let [orders, lives] = [0, 0];
  for await (const end of histories(first, count)) {
    counter.add(`seed ${end.seed}`, end.violations);
    orders += end.orders;
    lives += end.lives;
  }
  return counter.tally(`${orders} orders in ${lives} lives of a daemon, from seed ${first}`);
}
