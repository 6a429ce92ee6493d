/** After a fault: the real daemon is started again, does by itself what is left, and the model looks at what remains. */
import type { ChildProcess } from "node:child_process";
import { asRecord, type DaemonWish, exited, until, type World } from "../../tests/support/world.ts";
import { type Violation, violations } from "../model/check.ts";
import { realRemains } from "../model/remains.ts";
import { type Observer, openNames } from "./observer.ts";

const STOP_MS = 30_000;

/** How long a daemon may take. */
export interface Patience {
  /** Until every order is at rest. */
  readonly restMs: number;
  /** From then on until every view says so. */
  readonly viewsMs: number;
}

const PATIENCE: Patience = { restMs: 60_000, viewsMs: 30_000 };

/** Nobody but a person could have gone on from here. */
const HAND = "it goes on by itself";

interface VerdictWish extends DaemonWish {
  /** Writes all views again, too, and compares: by default it does. */
  readonly isThorough?: boolean;
  readonly patience?: Patience;
}

/** Starts the daemon, waits until nothing is left to do, stops it, and tells what is wrong. */
export async function verdict(
  world: World,
  observer: Observer,
  { isThorough = true, patience = PATIENCE, ...wish }: VerdictWish = {},
): Promise<Violation[]> {
  const daemon = await world.startDaemon(wish).catch(String);
  if (typeof daemon === "string") return [{ rule: HAND, message: `${daemon}\n${lastWords(world)}` }];
  const found = await restOf(world, observer, daemon, patience);
  // Views are caught up in the background; what is still missing then is told below.
  await until(() => look(world, observer).length === 0, patience.viewsMs, "all is as it should be").catch(
    () => undefined,
  );
  daemon.kill("SIGTERM");
  const stopped = await until(() => hasEnded(daemon), STOP_MS, "it stops when it is told to").catch(String);
  if (typeof stopped === "string" || daemon.exitCode !== 0)
    found.push({ rule: HAND, message: `${stopped ?? `it ended with ${daemon.exitCode}`}\n${lastWords(world)}` });
  await world.kill(daemon);
  observer.look();
  return [...found, ...(isThorough ? await rebuilt(world) : []), ...look(world, observer)];
}

/** Waits until a daemon has nothing left to do; what kept it from that. */
export async function restOf(
  world: World,
  observer: Observer,
  daemon: ChildProcess,
  { restMs }: Patience = PATIENCE,
): Promise<Violation[]> {
  let [before, detail] = ["", "it did not answer"];
  const isAtRest = async () => {
    if (hasEnded(daemon)) throw new Error(`the daemon ended with ${daemon.exitCode ?? daemon.signalCode}`);
    const now = await stillness(world, observer);
    const same = now.isStill && now.text === before;
    [before, detail] = [now.text, now.text];
    return same;
  };
  try {
    await until(isAtRest, restMs, "all orders are at rest", () => detail);
    return [];
  } catch (error) {
    return [{ rule: HAND, message: `${String(error)}\n${lastWords(world)}` }];
  }
}

export function hasEnded(daemon: ChildProcess): boolean {
  return daemon.exitCode !== null || daemon.signalCode !== null;
}

/** How things stand, and whether nothing is on its way. */
async function stillness(
  world: World,
  observer: Observer,
): Promise<{ readonly isStill: boolean; readonly text: string }> {
  const status = asRecord((await world.ask({ call: "status" })) ?? {});
  const counts = asRecord(status["counts"] ?? {});
  observer.look();
  const open = openNames(world, observer.drops);
  const isTold = observer.lastSeq === status["ledgerSeq"];
  const isStill = counts["pending"] === 0 && counts["running"] === 0 && open.length === 0 && isTold;
  const told = `${observer.lastSeq} of ${String(status["ledgerSeq"])}`;
  return { isStill, text: `${JSON.stringify(counts)}, told ${told}, in the inbox: ${open.join(" ")}` };
}

/** Views that are written again are the same to the byte. */
async function rebuilt(world: World): Promise<Violation[]> {
  const before = views(world);
  const end = await world.wo("rebuild");
  if (end.code !== 0) return [{ rule: HAND, message: `wo rebuild: ${end.stderr}` }];
  const after = views(world);
  const names = new Set([...before.keys(), ...after.keys()]);
  return [...names]
    .filter((name) => before.get(name) !== after.get(name))
    .map((name) => ({ rule: "views equal their rebuild", message: `${name} is another one after \`wo rebuild\`` }));
}

function views(world: World): ReadonlyMap<string, string | undefined> {
  const outboxes = world.list("bridge/outbox").map((lane) => `bridge/outbox/${lane}`);
  const paths = ["g/followup/state", ...outboxes].flatMap((folder) =>
    world.list(folder).map((name) => `${folder}/${name}`),
  );
  // An acknowledgement says how things stood when it was given.
  return new Map(paths.filter((path) => !path.endsWith(".ack.json")).map((path) => [path, world.read(path)]));
}

function look(world: World, observer: Observer): Violation[] {
  return violations(realRemains(world.base, world.vault), observer.witness);
}

function lastWords(world: World): string {
  return world.said.split("\n").slice(-12).join("\n");
}

/** Kills it, and waits until it is gone. */
export async function kill(daemon: ChildProcess): Promise<void> {
  daemon.kill("SIGKILL");
  await exited(daemon);
}
