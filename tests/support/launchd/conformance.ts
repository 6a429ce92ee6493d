/**
 * What launchd does, one row each, with how sure that is. Tags: [M] Apple's manual pages, [S] Apple's last open source
 * (2013), [F] measured by others on a Mac, [C] sources conflict, [own] our choice where none speaks. Nothing of it was seen
 * on a Mac of ours: there the same rows are played on the real launchd.
 */
import type { PlistValue } from "plist";
import type { CommandEnd } from "../world.ts";
import type { Faults } from "./launchd.ts";
import type { Program } from "./program.ts";
import type { Stage } from "./stage.ts";

/** What lies there before anything is done. */
export interface Given {
  /** Keys beside Label, ProgramArguments and StandardOutPath, or instead; FOLDER is the row's own folder. */
  readonly plist?: Readonly<Record<string, PlistValue | undefined>>;
  readonly program?: Program;
  /** The property list as it is written, instead of all that. */
  readonly text?: string;
  readonly mode?: number;
  readonly owner?: number;
  readonly isLink?: boolean;
  readonly faults?: Partial<Faults>;
}

/** What can be seen from outside when all is done. */
export interface Sight {
  /** What the last launchctl ended with, and a part of what it said. */
  readonly code: number;
  readonly says: string;
  /** The code of `print`: 0 while the label is loaded, 113 after. */
  readonly loaded: number;
  /** Fields of `print`; undefined when it does not have them. */
  readonly state: string | undefined;
  readonly runs: number | undefined;
  readonly lastEnd: string | undefined;
  readonly jobState: string | undefined;
  readonly child: "alive" | "gone" | undefined;
  /** What the program wrote to StandardOutPath. */
  readonly output: string;
}

export interface Row {
  readonly fact: string;
  readonly tag: string;
  readonly given: Given;
  /** Words of launchctl (DOMAIN, USER, LABEL and PLIST stand for the row's own), `wait S`, `machine sleeps S`, `reboot`. */
  readonly does: readonly string[];
  readonly sees: Partial<Sight>;
  /**
   * "all" stages (what is left out); "clock": where time can be told to the second, the state machine and a Mac;
   * "processes": what only real processes show, the double and a Mac; "double", "machine": that one alone.
   */
  readonly on?: "all" | "clock" | "processes" | "double" | "machine";
}

/** True when this row says something about a Mac that a Mac can be asked. */
export function isForMac({ given, does, on = "all" }: Row): boolean {
  const isOrdinary = given.faults === undefined && given.owner === undefined && given.isLink === undefined;
  return isOrdinary && on !== "double" && on !== "machine" && !does.some((step) => /^(?:machine|reboot)/.test(step));
}

/** Does what the row does, and looks until it sees what the row sees, or time is up; what it saw last. */
export async function play(row: Row, stage: Stage, patienceMs: number): Promise<Sight> {
  let last: CommandEnd = { code: -1, stdout: "", stderr: "" };
  for (const step of row.does) last = (await act(step, stage)) ?? last;
  const endMs = performance.now() + patienceMs;
  let sight = await see(stage, last);
  while (!isSeen(row.sees, sight) && performance.now() < endMs) sight = await see(stage, last);
  return sight;
}

/** Texts are seen when they are a part of what is there, all else when it is the same. */
export function isSeen(wanted: Partial<Sight>, sight: Sight): boolean {
  const { says = "", output = "", ...rest } = wanted;
  const seen = new Map<string, unknown>(Object.entries(sight));
  return (
    sight.says.includes(says) &&
    sight.output.includes(output) &&
    Object.entries(rest).every(([name, value]) => seen.get(name) === value)
  );
}

async function act(step: string, stage: Stage): Promise<CommandEnd | undefined> {
  const [, verb, seconds = "0"] = /^(wait|machine sleeps) (\d+)$/.exec(step) ?? [];
  if (verb === "wait") await stage.pass(Number(seconds));
  else if (verb === "machine sleeps") stage.sleepMachine(Number(seconds));
  else if (step === "reboot") await stage.reboot();
  else return stage.launchctl(step.split(" ").map((word) => filled(word, stage)));
  return undefined;
}

function filled(word: string, { userId, label, path }: Stage): string {
  return word
    .replace("DOMAIN", `gui/${userId}`)
    .replace("USER", `user/${userId}`)
    .replace("LABEL", label)
    .replace("PLIST", path);
}

async function see(stage: Stage, last: CommandEnd): Promise<Sight> {
  const { code: loaded, stdout } = await stage.launchctl(["print", `gui/${stage.userId}/${stage.label}`]);
  // One tab: deeper lines are other things' fields of the same names.
  const fields = new Map([...stdout.matchAll(/^\t([a-z][a-z ]*) = (.*)$/gm)].map(([, name, value]) => [name, value]));
  const runs = fields.get("runs");
  return {
    code: last.code,
    says: last.stdout + last.stderr,
    loaded,
    state: fields.get("state"),
    runs: runs === undefined ? undefined : Number(runs),
    lastEnd: fields.get("last terminating signal") ?? fields.get("last exit code"),
    jobState: fields.get("job state"),
    child: stage.child(),
    output: stage.output(),
  };
}
