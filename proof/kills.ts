/**
 * kill -9 at every step that the daemon makes on its disk and with its commands: before each, in the middle of each write,
 * and behind the last. Steps are counted in an undisturbed run of the same scene.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Violation } from "./model/check.ts";
import type { Run } from "./report.ts";
import { evenly, Random } from "./rig/random.ts";
import { FAULTY_DAEMON, PLOTS, type Plot, Scene } from "./rig/scenes.ts";
import { Counter, type Tally } from "./rig/tally.ts";
import { hasEnded, restOf, verdict } from "./rig/verdict.ts";

/** Views, and what is tidied up, come a moment after everything is at rest. */
const QUIET_MS = 400;
const AT_ONCE = 2;
/** Over all plots; those with fewer points have all of theirs tried. With those at system calls a short run has more than 150. */
const KILLS = { short: 126, full: 1240 };
/** Every how many kills all views are written again, and compared: it takes as long as the rest. */
const THOROUGH_EVERY = 4;

/** A step of a plot at which the daemon is killed. */
interface KillPoint {
  readonly plot: Plot;
  /** `<step>:<before|torn|after>`. */
  readonly fault: string;
  /** What the step was in the run that was counted. */
  readonly step: string;
}

/** The steps of an undisturbed run; throws when even that one breaks a rule. */
export async function stepsOf(plot: Plot): Promise<string[]> {
  const scene = await Scene.make(plot);
  const steps = join(scene.world.root, "steps");
  const found = await performed(scene, plot, { WO_STEPS: steps });
  if (!found.died && found.violations.length > 0) throw new Error(`${plot.name}: ${JSON.stringify(found.violations)}`);
  const lines = readFileSync(steps, "utf8").trim().split("\n");
  await scene.world.remove();
  return lines.filter((line) => !/ sync(?:Data)? ended$/.test(line));
}

/** Every way to be killed in a run of these steps. After a step is before the next one; only the last has an after. */
export function killPoints(plot: Plot, steps: readonly string[]): KillPoint[] {
  return steps.flatMap((step, index) => {
    const hows = [
      "before",
      ...(/ write /.test(step) ? ["torn"] : []),
      ...(index === steps.length - 1 ? ["after"] : []),
    ];
    return hows.map((how) => ({ plot, fault: `${index + 1}:${how}`, step }));
  });
}

/** Kills the daemon there, starts it again, and looks; whether it died of that, and what is wrong. */
export async function killAt({ plot, fault }: KillPoint): Promise<Performance> {
  const scene = await Scene.make(plot);
  const found = await performed(scene, plot, { WO_FAULT: fault });
  // What broke a rule stays to be looked at.
  if (found.violations.length === 0) await scene.world.remove();
  return found;
}

interface Performance {
  readonly died: boolean;
  readonly violations: readonly Violation[];
}

async function performed(scene: Scene, plot: Plot, fault: NodeJS.ProcessEnv): Promise<Performance> {
  const { world, observer } = scene;
  await plot.before?.(scene);
  const env = { ...plot.env, ...fault, WO_ARM: plot.from === "start" ? "" : "nothing" };
  const daemon = await world.startDaemon({ entry: [FAULTY_DAEMON], env });
  if (plot.from === "act") {
    daemon.kill("SIGUSR2");
    await scene.waitFor(daemon, "steps are counted", () => world.said.includes("armed"));
  }
  if (!hasEnded(daemon)) await plot.act?.(scene, daemon);
  const trouble = hasEnded(daemon) ? [] : await restOf(world, observer, daemon);
  if (!hasEnded(daemon)) await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
  // An orderly stop has steps, too.
  await world.kill(daemon, "SIGTERM");
  const died = daemon.signalCode === "SIGKILL";
  observer.look();
  const isThorough = Number.parseInt(fault["WO_FAULT"] ?? "1", 10) % THOROUGH_EVERY === 1;
  const found = await verdict(world, observer, { isThorough });
  // Whom the power left in the middle of its work did not come to rest.
  return { died, violations: [...(died ? [] : trouble), ...found] };
}

/** Kills at so many points of a plot, evenly; all of them where there are fewer. */
export async function sweep(plot: Plot, count: number, random: Random): Promise<Tally> {
  const counter = new Counter(`kill −9: ${plot.name}`);
  const steps = await stepsOf(plot);
  const all = killPoints(plot, steps);
  let missed = 0;
  await eachAtOnce(evenly(all, count, random), AT_ONCE, async (point) => {
    const { died, violations } = await killAt(point);
    // A loaded machine merges writes, so some runs are through before their step comes.
    if (!died) missed += 1;
    if (died || violations.length > 0) counter.add(`${plot.name} at ${point.fault} (${point.step})`, violations);
  });
  return counter.tally(`${steps.length} steps, ${all.length} points; ${missed} runs were through before theirs`);
}

/** All plots: some hundred points, or with a full run more than a thousand. */
export async function kills(run: Run): Promise<void> {
  const random = new Random(run.seed);
  const each = Math.ceil(KILLS[run.isFull ? "full" : "short"] / PLOTS.length);
  for (const plot of PLOTS) if (run.tried(`kill −9: ${plot.name}`) === 0) run.record(await sweep(plot, each, random));
}

/** Works on all of them, so many at a time. */
async function eachAtOnce<T>(all: readonly T[], atOnce: number, work: (one: T) => Promise<void>): Promise<void> {
  const left = [...all];
  const worker = async () => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) await work(next);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}
