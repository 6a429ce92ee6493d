/** Seeded histories on the simulated machine, as a rig of the proof. */
import type { Run } from "./report.ts";
import { Counter, type Tally } from "./rig/tally.ts";
import { histories } from "./sim/run.ts";

const HISTORIES = { short: 500, full: 50_000 };
const DAYS = { short: 2, full: 30 };
const DAY_MS = 86_400_000;
const ORDERS_A_DAY = 20;
const TROUBLES_A_DAY = 3;
/** The ledger, telemetry, the log, and what is looked at in that moment. */
const HANDLES_MAX = 12;
/** A run that is stopped goes on behind the last of these. */
const PIECE = 1000;

/** Adds its tallies to the run. */
export async function simulation(run: Run): Promise<void> {
  const wanted = HISTORIES[run.isFull ? "full" : "short"];
  for (let done = run.tried(METHOD); done < wanted; done += PIECE)
    run.record(await simulate(run.seed + done, Math.min(PIECE, wanted - done)));
  const days = DAYS[run.isFull ? "full" : "short"];
  if (run.tried(daysMethod(days)) === 0) run.record(await simulateDays(days, run.seed));
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

/** One base through so many days, as its clock has it: with all that happens once a day, or after weeks. Each trouble is a fault. */
export async function simulateDays(days: number, seed: number): Promise<Tally> {
  const counter = new Counter(daysMethod(days));
  const [orders, troubles] = [days * ORDERS_A_DAY, days * TROUBLES_A_DAY];
  const counts = { ordersMin: orders, ordersMax: orders, troublesMin: troubles, troublesMax: troubles };
  const span = { durationMs: days * DAY_MS, ...counts, config: "intake: {settleMs: 300, giveUpMs: 1500}\n" };
  let note = "";
  for await (const { violations, openHandles, events, lives } of histories(seed, 1, span)) {
    const leak = { rule: "it stays as it was", message: `${openHandles} open files and folders at the end` };
    for (let count = 1; count < troubles; count += 1) counter.add(`seed ${seed}`, []);
    counter.add(`seed ${seed}`, [...violations, ...(openHandles > HANDLES_MAX ? [leak] : [])]);
    note = `${orders} orders in ${lives} lives of a daemon, ${events} events, ${openHandles} open files and folders at the end`;
  }
  return counter.tally(note);
}

function daysMethod(days: number): string {
  return `simulated time: ${days} days, with all troubles`;
}
