/** Runs that were recorded (proof/results.jsonl, a line per tally), and docs/reliability.md, which is written out of them. */
import { execFileSync } from "node:child_process";
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { asRecord, ROOT } from "../tests/support/world.ts";
import { isClean, type Tally } from "./rig/tally.ts";

/** What methods begin with whose count is of inputs, not of faults. */
export const CASES = "fuzz: ";
const RESULTS = join(ROOT, "proof", "results.jsonl");
const REPORT = join(ROOT, "docs", "reliability.md");

/** A tally and the run that it comes from. */
interface Result extends Tally {
  /** The same for all results of one run, also when it was gone on with later. */
  readonly run: string;
  readonly commit: string;
  /** ISO date and minute. */
  readonly date: string;
  readonly command: string;
  /** Where it ran: what a machine cannot do, it does not prove. */
  readonly machine: string;
}

/** One run of the proof. */
export class Run {
  readonly isFull: boolean;
  readonly seed: number;
  readonly #rig: string;
  readonly #commit = commitNow();
  readonly #id: string;
  #isClean = true;

  constructor(rig: string, { isFull, seed }: { readonly isFull: boolean; readonly seed: number }) {
    this.#rig = rig;
    this.isFull = isFull;
    this.seed = seed;
    // A full run takes hours: of the same commit it is the same run, and goes on where it was.
    this.#id = isFull ? `full ${this.#commit} ${seed}` : `short ${this.#commit} ${new Date().toISOString()}`;
  }

  get isClean(): boolean {
    return this.#isClean;
  }

  /** How many faults of this method the run has tried by now. */
  tried(method: string): number {
    const own = resultsOf().filter((result) => result.run === this.#id && result.method === method);
    return own.reduce((sum, { tried }) => sum + tried, 0);
  }

  /** Says out loud that a method was not tried, so that nobody takes it for passed. */
  skip(method: string, reason: string): void {
    process.stdout.write(`NOT TRIED HERE: ${method}: ${reason}\n`);
  }

  /** Keeps a tally, and tells of it. */
  record(tally: Tally): void {
    this.#isClean &&= isClean(tally);
    const { method, tried, lost, twice, hand, seconds, note = "" } = tally;
    const mark = isClean(tally) ? "✓" : "✗";
    process.stdout.write(
      `${mark} ${method}: ${tried} tried, ${lost} lost, ${twice} twice, ${hand} by hand (${seconds} s) ${note}\n`,
    );
    const command = `npm run proof -- ${this.#rig}${this.isFull ? " --full" : ""} --seed ${this.seed}`;
    const date = new Date().toISOString().slice(0, 16);
    const result: Result = { run: this.#id, commit: this.#commit, date, command, machine: machineName(), ...tally };
    appendFileSync(RESULTS, `${JSON.stringify(result)}\n`);
  }
}

/** Writes the page: of each method the newest run. */
export function writeReport(): void {
  const results = resultsOf();
  const newest = new Map(results.map(({ method, run }) => [method, run]));
  const rows = [...newest]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([method, run]) => rowOf(results.filter((one) => one.method === method && one.run === run)));
  const commands = [...new Set(rows.map(({ command }) => command))].map((command) => `    ${command}`);
  const [cases, faults] = [true, false].map((isCase) =>
    rows.reduce((sum, { method, tried }) => sum + (method.startsWith(CASES) === isCase ? tried : 0), 0),
  );
  const machines = [...new Set(rows.map(({ machine }) => machine))];
  writeFileSync(
    REPORT,
    [
      "# What was tried to make it lose something",
      "",
      "Written by `npm run proof` out of `proof/results.jsonl`; of each method the newest run. A fault counts when the daemon",
      "died of it, was started again, came to rest by itself, and `proof/model/check.ts` had looked at all that was left. *Lost*,",
      "*twice* and *by hand* (it did not start, did not come to rest, or anything else was not as it should be) count faults. The",
      "kills of a soak and of a crowd, and the troubles of simulated days, share one look, at the end; what the fuzz tries are",
      "inputs, held against properties. What earlier runs found stays in `proof/results.jsonl`.",
      "",
      `${faults} faults and ${cases} inputs of the fuzz on ${machines.join(" and on ")}.`,
      "",
      "| method | tried | lost | twice | by hand | commit | date | seconds |",
      "| --- | ---: | ---: | ---: | ---: | --- | --- | ---: |",
      ...rows.map(lineOf),
      "",
      "The commands, from a clean clone:",
      "",
      ...commands,
      "",
      "What was measured besides:",
      "",
      ...rows.flatMap(({ method, note }) => (note === undefined ? [] : [`- ${method}: ${note}`])),
      "",
    ].join("\n"),
  );
}

function lineOf({ method, tried, lost, twice, hand, commit, date, seconds }: Result): string {
  return `| ${[method, tried, lost, twice, hand, commit, date, seconds].join(" | ")} |`;
}

/** The results of one method in one run, added up. */
function rowOf(results: readonly Result[]): Result {
  return results.reduce((sum, one) => ({
    ...one,
    tried: sum.tried + one.tried,
    lost: sum.lost + one.lost,
    twice: sum.twice + one.twice,
    hand: sum.hand + one.hand,
    seconds: sum.seconds + one.seconds,
  }));
}

function resultsOf(): Result[] {
  if (!existsSync(RESULTS)) return [];
  const lines = readFileSync(RESULTS, "utf8").split("\n");
  return lines.flatMap((line) => (line === "" ? [] : [resultOf(asRecord(JSON.parse(line)))]));
}

function resultOf(line: Readonly<Record<string, unknown>>): Result {
  const text = (key: string) => String(line[key]);
  const count = (key: string) => Number(line[key]);
  const note = line["note"] === undefined ? {} : { note: text("note") };
  const counts = { tried: count("tried"), lost: count("lost"), twice: count("twice"), hand: count("hand") };
  const run = { run: text("run"), commit: text("commit"), date: text("date"), command: text("command") };
  return { ...run, machine: text("machine"), method: text("method"), ...counts, seconds: count("seconds"), ...note };
}

/** The commit that is tried; with a + when something else than the records has changed since. */
function commitNow(): string {
  const git = (...words: string[]) => execFileSync("git", ["-C", ROOT, ...words], { encoding: "utf8" }).trim();
  const records = [":!proof/results.jsonl", ":!docs/reliability.md"];
  const isChanged = git("status", "--porcelain", "--", ".", ...records) !== "";
  return `${git("rev-parse", "--short", "HEAD")}${isChanged ? "+" : ""}`;
}

function machineName(): string {
  const release = execFileSync("uname", ["-sr"], { encoding: "utf8" }).trim();
  return `${release}, Node ${process.version}`;
}
