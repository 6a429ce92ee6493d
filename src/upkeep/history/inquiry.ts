/**
 * What happened to a base in a stretch of time, from every source that tells: git, scripts, the ledger, the guardrail's
 * heartbeats, logs and launchctl. Changes nothing. What was not looked at is named, and never passes for nothing found.
 */
import { join } from "node:path";
import { isoTime } from "../../platform/clock.ts";
import { BridgeError } from "../../platform/errors.ts";
import { gitEvents, type Span } from "../../platform/git-events.ts";
import type { Launchctl } from "../../platform/launchctl.ts";
import type { Entry } from "../../records/chain.ts";
import { readSoundEntries } from "../../records/ledger-reading.ts";
import { type AgentSearch, launchctlFailures, logFailures } from "./agent-failures.ts";
import { type Budget, type Clue, counted } from "./clues.ts";
import { gitClues } from "./git-clues.ts";
import { checkoutSightings, type GitNote, toldByHooks } from "./git-hooks.ts";
import { heartbeatGaps, heartbeatsIn } from "./heartbeats.ts";
import { LedgerGaps } from "./ledger-gaps.ts";
import { manyPaths, type PathScope } from "./path-scope.ts";
import { type DatedSuspect, ranked } from "./path-verdict.ts";
import { rollbackScripts } from "./rollback-scripts.ts";
import { ledgerSightings, notebookSightings, type Sighting, type SourceReport } from "./sightings.ts";

/** All that is guarded, and nothing besides. */
export const WHOLE_PIPELINE = "wo_pipeline";
/** What is wrong with the list of components, and with none of them. */
const NO_LOSS: ReadonlySet<string> = new Set(["not_accepted", "nothing_guarded"]);
/** Sources keep time by different clocks, and git in whole seconds. */
const SLACK_MS = 1000;

export interface Wish extends AgentSearch {
  readonly span: Span;
  readonly budget: Budget;
  /** A word that paths have in them, or WHOLE_PIPELINE. */
  readonly word: string;
  readonly nowMs: number;
  readonly ledgerFolder: string;
  /** What git's hooks wrote. */
  readonly notes: readonly GitNote[];
  /** Why the ledger cannot be continued, where it cannot. */
  readonly refusal: string | undefined;
  /** Paths with the time since which each is. */
  readonly guarded: ReadonlyMap<string, string>;
  /** False where nothing tells what is guarded. */
  readonly isKnown: boolean;
  /** How often the guardrail looks. */
  readonly everyMs: number;
  readonly launchctl: Launchctl | undefined;
}

/** What was found, each list in the order of its source. */
export interface Evidence {
  readonly git: Clue[];
  readonly scripts: Clue[];
  readonly agents: Clue[];
  readonly drifts: Clue[];
  /** What deleted something, names what is looked into, or wipes. */
  readonly orders: Clue[];
  readonly ledger: Clue[];
  readonly guardrail: Clue[];
  readonly suspects: readonly DatedSuspect[];
  readonly sources: readonly SourceReport[];
}

/** Looks at one source after the other, those first that tell the most, until all is looked at or the budget is used up. */
export async function inquire(wish: Wish): Promise<Evidence> {
  const inquiry = new Inquiry(wish);
  for (const [name, look] of [
    ["git", () => inquiry.askGit()],
    ["rollback scripts", () => inquiry.readScripts()],
    ["ledger", () => inquiry.readLedger()],
    ["guardrail heartbeats", () => inquiry.readHeartbeats()],
    ["logs/rollback_*.log", () => inquiry.readRollbackLogs()],
    ["logs of LaunchAgents", () => inquiry.readAgentLogs()],
    ["launchctl list", () => inquiry.askLaunchctl()],
  ] as const)
    await inquiry.look(name, look);
  return inquiry.end();
}

class Inquiry {
  readonly #wish: Wish;
  /** What was lost is one of these, or lies in one. */
  #scope: PathScope;
  readonly #found: Omit<Evidence, "suspects" | "sources"> = {
    git: [],
    scripts: [],
    agents: [],
    drifts: [],
    orders: [],
    ledger: [],
    guardrail: [],
  };
  readonly #sightings: Sighting[] = [];
  /** What the ledger tells was guarded, and was not released: an order that deletes it ends that, too. */
  readonly #accepted = new Set<string>();
  /** Between when and when something was lost. */
  readonly #losses: Span[] = [];
  readonly #sources: SourceReport[] = [];

  constructor(wish: Wish) {
    this.#wish = wish;
    this.#scope = scopeOf(wish.word, [...wish.guarded.keys()]);
  }

  /** Translates what the world refuses into a source that was not read. */
  async look(name: string, look: () => Promise<void> | void): Promise<void> {
    if (this.#wish.budget.leftMs() === 0) return this.#unread(name, "the budget was used up");
    try {
      await look();
    } catch (thrown) {
      if (!(thrown instanceof BridgeError)) throw thrown;
      this.#unread(name, thrown.message);
    }
  }

  async askGit(): Promise<void> {
    const { files, base, span, budget, notes } = this.#wish;
    const asked = await gitEvents(files, base, span, () => budget.leftMs());
    if (!asked.ok) return this.#unread("git", asked.error);
    if (asked.value === undefined)
      return void this.#sources.push({ name: "git", state: "none", note: "the base is in no git tree" });
    const { commits, moves, unread } = asked.value;
    const note = `${counted(commits.length, "commit")}, ${counted(moves.length, "move")} of HEADs`;
    this.#sources.push({ name: "git", state: "read", note });
    for (const name of unread) this.#unread(`git: ${name}`);
    const isThere = (path: string) => files.info(join(base, path)) !== undefined;
    const told = toldByHooks(moves, notes);
    this.#found.git.push(...gitClues({ ...asked.value, moves: told }, this.#scope, isThere));
    for (const { ts, text, suspect } of checkoutSightings(notes, this.#scope))
      if (this.#isInSpan(ts)) this.#found.git.push({ ts, text, ...(suspect && { suspect }) });
    const taken = this.#found.git.flatMap(({ took }) => (took?.gone ?? []).filter((path) => this.#scope.has(path)));
    this.#scope = scopeOf(this.#wish.word, [...this.#wish.guarded.keys(), ...taken]);
  }

  readScripts(): void {
    const { files, base, budget } = this.#wish;
    const { clues, places, sources } = rollbackScripts(files, base, this.#scope, budget);
    this.#found.scripts.push(...clues);
    this.#sources.push(...sources);
    // Whoever runs one of them is suspected as if he named the paths.
    this.#scope = withNames(this.#scope, places);
  }

  readLedger(): void {
    const { files, base, home, ledgerFolder, budget, span, nowMs, refusal } = this.#wish;
    const gaps = new LedgerGaps(span);
    let count = 0;
    let isCut = false;
    const seen = function* (entries: Iterable<Entry>, see: (entry: Entry) => void) {
      for (const entry of entries) {
        count += 1;
        see(entry);
        yield entry;
      }
    };
    const entries = budget.within(readSoundEntries(files, ledgerFolder), () => void (isCut = true));
    const told = ledgerSightings(
      seen(entries, (entry) => {
        gaps.see(entry);
        this.#seeDrift(entry);
        this.#seeGuarded(entry);
      }),
      { path: base, home },
      { ...this.#scope, has: (path) => this.#scope.has(path) || this.#isAccepted(path) },
    );
    this.#sightings.push(...told);
    if (refusal !== undefined) this.#found.ledger.push({ ts: "", text: refusal, next: "wo ledger verify" });
    if (count === 0) return this.#unread("ledger", isCut ? "the budget was used up" : "no entry of it can be read");
    this.#found.ledger.push(...gaps.end(nowMs));
    // Oldest first: of what was not read, the newest is missing.
    if (isCut)
      return this.#unread("ledger", `${count} entries were read, and not those behind: the budget was used up`);
    this.#sources.push({ name: "ledger", state: "read", note: `${count} entries` });
  }

  readHeartbeats(): void {
    const { files, base, span, everyMs, budget, guarded, isKnown, nowMs } = this.#wish;
    const name = "guardrail heartbeats";
    if (!isKnown) return this.#unread(name, "what is guarded is not known, because the ledger cannot be read");
    if (guarded.size === 0)
      return void this.#sources.push({ name, state: "none", note: "nothing is guarded, so none is expected" });
    const { times, sources } = heartbeatsIn(files, base, span, { everyMs, budget });
    const unread = sources.filter(({ state }) => state === "unread");
    this.#sources.push(...unread);
    if (unread.length > 0) return;
    this.#sources.push({ name, state: "read", note: `${times.length} in ${counted(sources.length, "file")}` });
    const firstMs = Math.min(...[...guarded.values()].map((since) => Date.parse(since)));
    const expected = { fromMs: Math.max(span.fromMs, firstMs), toMs: Math.min(span.toMs, nowMs) };
    if (expected.fromMs < expected.toMs) this.#found.guardrail.push(...heartbeatGaps(times, expected, everyMs));
  }

  readRollbackLogs(): void {
    const { files, base } = this.#wish;
    const { sightings, sources } = notebookSightings(files, base, this.#scope, "rollback log");
    const inSpan = sightings.filter(({ ts }) => this.#isInSpan(ts));
    this.#sightings.push(...inSpan);
    this.#found.scripts.push(...inSpan.map(({ ts, text, suspect }) => ({ ts, text, ...(suspect && { suspect }) })));
    this.#sources.push(...sources);
  }

  readAgentLogs(): void {
    const { clues, sources } = logFailures(this.#wish);
    this.#found.agents.push(...clues);
    this.#sources.push(...sources);
  }

  async askLaunchctl(): Promise<void> {
    const { clues, sources } = await launchctlFailures(this.#wish, this.#wish.launchctl);
    this.#found.agents.push(...clues);
    this.#sources.push(...sources);
  }

  end(): Evidence {
    const { git, scripts } = this.#found;
    const orders = this.#sightings.filter(({ source, ts }) => source === "ledger" && this.#isInSpan(ts));
    const told = orders.filter(({ suspect }) => suspect !== undefined && suspect.weight > 1);
    for (const { ts, text } of told) (/`[^`]*\bgit\b/.test(text) ? git : this.#found.orders).push({ ts, text });
    const suspects = [...git, ...scripts, ...orders].flatMap(({ ts, suspect }): readonly DatedSuspect[] => {
      if (suspect === undefined) return [];
      if (suspect.weight === 3) return [{ ...suspect, ts }];
      const isScript = scripts.some((clue) => clue.suspect === suspect);
      const wallMs = Date.parse(ts);
      const isNear = this.#losses.some((loss) => wallMs >= loss.fromMs - SLACK_MS && wallMs <= loss.toMs + SLACK_MS);
      // Where it is known when something was lost, that is when whoever did it was at work; else nobody can be left out.
      if (suspect.weight === 2) return [{ ...suspect, ts, weight: isNear || this.#losses.length === 0 ? 2 : 1 }];
      return isNear || (isScript && this.#losses.length > 0) ? [{ ...suspect, ts }] : [];
    });
    return { ...this.#found, suspects: ranked(suspects), sources: [...this.#sources, ...this.#doubtOfScope()] };
  }

  /** A scope without a path finds nothing that was taken away, however much was. */
  #doubtOfScope(): readonly SourceReport[] {
    const { word, guarded, isKnown } = this.#wish;
    if (this.#scope.count > 0 || (word === WHOLE_PIPELINE && this.#accepted.size > 0)) return [];
    const name = `scope ${word}`;
    if (word !== WHOLE_PIPELINE)
      return [
        { name, state: "unread", note: "nothing that is guarded, and nothing that git took away, has it in its path" },
      ];
    if (!isKnown) return [{ name, state: "unread", note: "what is guarded is not known" }];
    const note =
      "nothing is guarded: only what took many files, or moved HEAD, is told (wo guardrail accept PATH, or --scope WORD)";
    return guarded.size > 0 ? [] : [{ name, state: "none", note }];
  }

  #seeDrift(entry: Entry): void {
    if (entry.event !== "wo_pipeline_drift" || !this.#scope.has(entry.missing)) return;
    const { ts, missing, reason, message, last_seen: last } = entry;
    if (!this.#isInSpan(ts) || NO_LOSS.has(reason)) return;
    const seen = last === undefined ? "" : `; last as it has to be at ${last}`;
    this.#found.drifts.push({ ts, text: `${missing}: ${message}${seen}` });
    const fromMs = Date.parse(last ?? isoTime(this.#wish.span.fromMs));
    this.#losses.push({ fromMs, toMs: Date.parse(ts) });
  }

  #seeGuarded(entry: Entry): void {
    if (entry.event === "components_accepted") for (const { path } of entry.components) this.#accepted.add(path);
    if (entry.event === "components_released") for (const path of entry.paths) this.#accepted.delete(path);
  }

  #isAccepted(path: string): boolean {
    return this.#wish.word === WHOLE_PIPELINE && this.#accepted.has(path);
  }

  #isInSpan(ts: string): boolean {
    const wallMs = Date.parse(ts);
    return wallMs >= this.#wish.span.fromMs && wallMs <= this.#wish.span.toMs;
  }

  #unread(name: string, note?: string): void {
    this.#sources.push({ name, state: "unread", ...(note === undefined ? {} : { note }) });
  }
}

/** What has the word in its path, whether it is guarded or not; with the whole pipeline what is guarded, and what lies in it. */
function scopeOf(word: string, paths: readonly string[]): PathScope {
  if (word === WHOLE_PIPELINE) return manyPaths(paths);
  const holds = (path: string) => path.toLowerCase().includes(word.toLowerCase());
  const many = manyPaths(paths.filter(holds));
  return { ...many, has: (path) => holds(path) || many.has(path) };
}

function withNames(scope: PathScope, places: readonly string[]): PathScope {
  const scripts = manyPaths(places);
  return {
    ...scope,
    namedIn: (text) => scope.namedIn(text) ?? scripts.looselyNamedIn(text),
    looselyNamedIn: (text) => scope.looselyNamedIn(text) ?? scripts.looselyNamedIn(text),
  };
}
