/**
 * Notices within a second or two when a component is not as it has to be, says so once, puts back what may be put back,
 * and says when all is well. Hints of the file system make it fast; the look at everything each period makes it right.
 */
import { isResting } from "../orders/status.ts";
import { isoTime } from "../platform/clock.ts";
import { BridgeError } from "../platform/errors.ts";
import { GitRest } from "../platform/git-rest.ts";
import type { Log } from "../platform/log.ts";
import type { Books } from "../records/books.ts";
import type { ComponentDrifted, ComponentHealed } from "../records/component-events.ts";
import { isAgentName, plannedName } from "../records/component-place.ts";
import { type Components, type Drift, NO_COMPONENTS } from "../records/components.ts";
import type { Notice } from "../records/events.ts";
import { readEntryAt } from "../records/segments.ts";
import { ComponentCheck, type Finding } from "../upkeep/component-check.ts";
import { heal, sweepHeals } from "../upkeep/component-heal.ts";
import { writeAlert } from "./alerts.ts";
import type { BoundBase } from "./base.ts";
import { ComponentWatch, isBelowAny, type Rung } from "./component-watch.ts";
import type { Config } from "./config.ts";
import { tryAndLog } from "./failures.ts";
import { countOf, type GuardedComponents, guardedComponents, missingFolders } from "./guarded.ts";
import type { Ground } from "./opening.ts";
import type { Settings } from "./settings.ts";

/** The clock may jump and the machine may sleep: nothing is slept through for longer than this. */
const POLL_MS = 10_000;
const GIT_POLL_MS = 500;
/** What rings comes in heaps. */
const HURRY_MS = 100;
/** How long a drift that git is about to explain is not told. */
const GIT_PATIENCE_MS = 60_000;
const AGAIN_MS = 24 * 3_600_000;
const HEALS_MAX = 3;
const HEALS_WITHIN_MS = 3_600_000;
const NAMED_SUSPECT_MS = 600_000;

export interface GuardrailOptions {
  readonly ground: Ground;
  readonly log: Log;
  readonly base: BoundBase;
  readonly books: Books;
  readonly settings: Settings;
  readonly notice: (notice: Notice) => void;
  /** Told of each drift once it is in the ledger. */
  readonly tell: (event: ComponentDrifted) => void;
  readonly onFatal: (error: unknown) => void;
}

/** Something is wrong with a component since then, by the process's own clock. */
interface Suspicion {
  readonly finding: Finding;
  readonly sinceMs: number;
  /** When all was well, by the wall clock. */
  readonly wellMs: number;
}

export class Guardrail {
  readonly #options: GuardrailOptions;
  readonly #check: ComponentCheck;
  readonly #git: GitRest;
  readonly #forget: () => void;
  readonly #suspicions = new Map<string, Suspicion>();
  /** What was wrong with a component when all was done about it that can be done. */
  readonly #settled = new Map<string, Finding["reason"]>();
  #guarded: { readonly config: Config; readonly components: Components; readonly known: GuardedComponents } | undefined;
  readonly #watch: ComponentWatch;
  /** The period in which everything was looked at last, and when that was. */
  #slot = Number.NEGATIVE_INFINITY;
  #lookedMs: number | undefined;
  /** The look of this period was begun, and nothing is said of it yet. */
  #owed: { readonly tookMs: number; readonly count: number; readonly gapMs: number } | undefined;
  #hurry = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #ended = false;

  constructor(options: GuardrailOptions) {
    const { ground, base } = options;
    this.#options = options;
    this.#forget = options.books.listen(({ event }) => {
      // At once, not at the next look: it is watched from now on.
      if (event === "components_accepted" || event === "components_released") this.#hurry.abort();
    });
    this.#check = new ComponentCheck(ground.files, ground.clock, base);
    this.#watch = new ComponentWatch({ ...options, onRing: () => this.#hurry.abort() });
    this.#git = new GitRest(ground.files, ground.clock, base.path);
  }

  /** Goes on until `end`. */
  begin(): void {
    this.#running = this.#run().catch(this.#options.onFatal);
  }

  async end(): Promise<void> {
    this.#ended = true;
    this.#hurry.abort();
    this.#forget();
    await this.#running;
    await this.#watch.close();
  }

  async #run(): Promise<void> {
    const { clock, files } = this.#options.ground;
    const { log, base } = this.#options;
    await tryAndLog(log, "guardrail_refused", async () => {
      await sweepHeals(files, base, this.#whatIsGuarded().wanted.keys());
    });
    while (!this.#ended) {
      await tryAndLog(log, "guardrail_refused", () => this.#turn());
      if (!this.#ended) await clock.sleep(this.#pauseMs(), this.#hurry.signal);
      if (this.#ended) return;
      if (this.#hurry.signal.aborted) await clock.sleep(HURRY_MS);
      this.#hurry = new AbortController();
    }
  }

  #pauseMs(): number {
    const { everyMs, graceMs } = this.#options.settings.config.guardrail;
    const now = this.#options.ground.clock.now();
    const toNextSlot = everyMs - (((now % everyMs) + everyMs) % everyMs) + 1;
    const elapsed = this.#options.ground.clock.elapsed();
    const left = [...this.#suspicions.values()].map(({ sinceMs }) => sinceMs + graceMs - elapsed);
    // What is overdue waits for git.
    const waiting = left.map((ms) => (ms > 0 ? ms : GIT_POLL_MS));
    return Math.min(toNextSlot, POLL_MS, ...waiting);
  }

  async #turn(): Promise<void> {
    const { ground, base, settings } = this.#options;
    const { clock, files } = ground;
    // Nothing is looked at, nothing is healthy, and nothing is put back where the base was.
    if (files.groundFault(base.path) !== undefined) return;
    const guarded = this.#whatIsGuarded();
    const now = clock.now();
    const slot = Math.floor(now / settings.config.guardrail.everyMs);
    const isDue = slot !== this.#slot;
    await this.#watch.keep(guarded.wanted, isDue);
    const startMs = clock.elapsed();
    const rung = this.#watch.take();
    const isAll = isDue || rung.has(".");
    const names = isAll ? guarded.wanted.keys() : this.#inDoubt(guarded, rung);
    const asked = [...names].flatMap((path) => {
      const wanted = guarded.wanted.get(path);
      return wanted === undefined ? [] : [[path, wanted] as const];
    });
    const findings = [...(await this.#check.look(asked)), ...guarded.findings, ...missingFolders(files, base.path)];
    const paths = new Set([
      ...asked.map(([path]) => path),
      ...this.#suspicions.keys(),
      ...Object.keys(this.#components.drifts),
    ]);
    await this.#judge(findings, { paths, isDue }, guarded);
    if (isDue) {
      const slots = this.#lookedMs === undefined ? 1 : slot - this.#slot;
      const gapMs = this.#lookedMs === undefined || slots === 1 ? 0 : Math.max(0, now - this.#lookedMs);
      this.#slot = slot;
      this.#lookedMs = now;
      this.#owed = { tookMs: Math.round(clock.elapsed() - startMs), count: countOf(guarded), gapMs };
    }
    this.#tellHealth();
  }

  get #components(): Components {
    return this.#options.books.index.facts.components ?? NO_COMPONENTS;
  }

  /** Worked out anew when somebody has accepted something, or the configuration says something else. */
  #whatIsGuarded(): GuardedComponents {
    const { settings, books } = this.#options;
    const { config } = settings;
    const components = this.#components;
    if (this.#guarded?.config !== config || this.#guarded.components.guarded !== components.guarded)
      this.#guarded = { config, components, known: guardedComponents(config, books.index.facts) };
    return this.#guarded.known;
  }

  /** What is to be looked at again, and what lies where something has rung. */
  #inDoubt({ wanted }: GuardedComponents, rung: Rung): ReadonlySet<string> {
    const paths = new Set([...this.#suspicions.keys(), ...Object.keys(this.#components.drifts)]);
    if (rung.size > 0) for (const path of wanted.keys()) if (isBelowAny(path, rung)) paths.add(path);
    return paths;
  }

  /** One line each period; none while anything is wrong, or in doubt. */
  #tellHealth(): void {
    if (this.#owed === undefined || this.#suspicions.size > 0) return;
    const { tookMs, count, gapMs } = this.#owed;
    this.#owed = undefined;
    if (Object.keys(this.#components.drifts).length > 0) return;
    const gap = gapMs > 0 ? { gap_ms: Math.round(gapMs) } : {};
    this.#options.notice({ event: "wo_pipeline_healthy", components: count, took_ms: tookMs, ...gap });
  }

  /** What was found about these paths: who is well again, who is in doubt, and who has been wrong for long enough. */
  async #judge(
    findings: readonly Finding[],
    { paths, isDue }: { readonly paths: ReadonlySet<string>; readonly isDue: boolean },
    guarded: GuardedComponents,
  ): Promise<void> {
    const { clock } = this.#options.ground;
    const inPlans = findings.length === 0 ? new Set<string>() : this.#pathsInPlans();
    const found = new Map(findings.filter(({ path }) => !inPlans.has(path)).map((one) => [one.path, one]));
    for (const path of paths) {
      if (found.has(path)) continue;
      this.#suspicions.delete(path);
      this.#settled.delete(path);
      const drift = this.#components.drifts[path];
      if (drift !== undefined && !inPlans.has(path)) await this.#over(path, drift);
    }
    for (const [path, finding] of found) {
      // Told, and nothing to be done: that is looked into once each period.
      const isSettled = this.#components.drifts[path] !== undefined && this.#settled.get(path) === finding.reason;
      if (isSettled && !isDue && !this.#suspicions.has(path)) continue;
      const known = this.#suspicions.get(path);
      const wellMs = known?.wellMs ?? this.#lastWellMs(path, guarded);
      const suspicion = { finding, sinceMs: known?.sinceMs ?? clock.elapsed(), wellMs };
      this.#suspicions.set(path, suspicion);
      if (!(await this.#isSettled(suspicion, guarded))) continue;
      this.#suspicions.delete(path);
      this.#settled.set(path, finding.reason);
    }
  }

  /** It is as it has to be again, without us. */
  async #over(path: string, { since }: Drift): Promise<void> {
    const what = `as it has to be again, after it was not since ${since}`;
    await this.#options.books.append([{ event: "wo_pipeline_healed", path, what, restored: false }]);
  }

  /** Tells and heals what has been wrong for long enough; true when that is done. */
  async #isSettled({ finding, sinceMs, wellMs }: Suspicion, guarded: GuardedComponents): Promise<boolean> {
    const { ground, settings } = this.#options;
    const { graceMs, heal: wish } = settings.config.guardrail;
    const lastedMs = ground.clock.elapsed() - sinceMs;
    if (lastedMs < graceMs) return false;
    if (this.#git.isAtWork()) {
      if (lastedMs >= GIT_PATIENCE_MS) await this.#tellDrift(finding, wellMs);
      return false;
    }
    const { path } = finding;
    const isGone = finding.reason === "missing" || finding.reason === "moved";
    // Outside of the base git has taken nothing away.
    const mayBeGits = guarded.wanted.has(path) && !isAgentName(path);
    const why = isGone && mayBeGits ? await this.#git.whyGone(path, wellMs) : undefined;
    const judged: Finding =
      why === undefined ? finding : { path, reason: "removed_by_git", message: `it is not there: ${why}` };
    const mayHeal = guarded.wanted.has(path) && (wish === "all" || (wish === "missing" && isGone && why === undefined));
    const tooOften = mayHeal && this.#isHealedTooOften(path);
    const suspect = tooOften ? this.#suspect() : "";
    const message = tooOften
      ? `${judged.message}; it was put back ${HEALS_MAX} times within an hour, and is left alone now${suspect}`
      : judged.message;
    await this.#tellDrift({ ...judged, message }, wellMs);
    if (mayHeal && !tooOften) await this.#heal(judged, guarded, wish === "all");
    return true;
  }

  /** When it was last known to be as it has to be. */
  #lastWellMs(path: string, { wanted }: GuardedComponents): number {
    const drift = this.#components.drifts[path];
    const accepted = Date.parse(wanted.get(path)?.fingerprint.since ?? "") || 0;
    const seen = drift === undefined ? this.#lookedMs : Date.parse(drift.seen ?? "");
    return Math.max(accepted, seen || 0);
  }

  async #tellDrift({ path, reason, message }: Finding, wellMs: number, isMore = false): Promise<void> {
    const { books, ground, log, base, tell } = this.#options;
    const known = this.#components.drifts[path];
    const now = ground.clock.now();
    // The words may change while it lasts: git's for a removal do with the next commit.
    if (known?.reason === reason && !isMore && now - Date.parse(known.told) < AGAIN_MS) return;
    const since = known === undefined ? {} : { since: known.since };
    const seen = wellMs === 0 || known !== undefined ? {} : { last_seen: isoTime(wellMs) };
    const event: ComponentDrifted = { event: "wo_pipeline_drift", missing: path, reason, message, ...since, ...seen };
    await books.append([event]);
    tell(event);
    const line = `[${isoTime(now)}] ALERT: ${reason}: ${path}: ${message}`;
    await tryAndLog(log, "alert_refused", () => writeAlert(ground.files, base.path, line));
  }

  /** Puts it back, or tells why it cannot be. */
  async #heal(finding: Finding, { wanted }: GuardedComponents, replaces: boolean): Promise<void> {
    const { ground, base, books } = this.#options;
    const { path } = finding;
    const fingerprint = wanted.get(path)?.fingerprint;
    if (fingerprint === undefined) return;
    try {
      const healed = await heal({
        files: ground.files,
        vault: books.vault,
        base,
        path,
        fingerprint,
        replaces,
      });
      if (healed.kind === "taken") return await this.#cannot(finding, healed.message);
      const what = `put back as ${fingerprint.by} left it at ${fingerprint.since}`;
      const replaced = healed.replaced === undefined ? {} : { replaced: healed.replaced };
      const event: ComponentHealed = { event: "wo_pipeline_healed", path, what, restored: true, ...replaced };
      await books.append([event]);
      // Its folder may be a new one, which nobody watches, and nobody watches the one above.
      if (isAgentName(path)) this.#watch.ringFor(path);
    } catch (thrown) {
      if (!(thrown instanceof BridgeError) || thrown.code === "SYNC_FAILED") throw thrown;
      await this.#cannot(finding, thrown.message);
    }
  }

  /** Told once, as more about a drift that is told already. */
  async #cannot(finding: Finding, why: string): Promise<void> {
    const message = `${finding.message}; it cannot be put back: ${why}`;
    const isKnown = this.#components.drifts[finding.path]?.message === message;
    if (!isKnown) await this.#tellDrift({ ...finding, message }, 0, true);
  }

  #isHealedTooOften(path: string): boolean {
    const since = isoTime(this.#options.ground.clock.now() - HEALS_WITHIN_MS);
    return (this.#components.heals[path] ?? []).filter((ts) => ts > since).length >= HEALS_MAX;
  }

  /** Who may be at work, for a person who has to look. */
  #suspect(): string {
    const { books, ground } = this.#options;
    const now = ground.clock.now();
    const move = this.#git.moves()[0];
    const git = move !== undefined && now - move.wallMs < NAMED_SUSPECT_MS ? [`git (${move.what})`] : [];
    const since = isoTime(now - NAMED_SUSPECT_MS);
    const orders = books.index
      .recent()
      .filter(({ restedTs = "", commands }) => restedTs > since && commands > 0)
      .slice(0, 3)
      .map(({ id }) => `order ${id}`);
    const names = [...git, ...orders];
    return names.length === 0 ? "" : `; suspects: ${names.join(", ")}`;
  }

  /** Files of orders on their way are good as they were and as they are to be. */
  #pathsInPlans(): ReadonlySet<string> {
    const { books, ground, base } = this.#options;
    const paths = new Set<string>();
    for (const record of books.index.open) {
      if (isResting(record.status) || record.plan === undefined || record.plan.attempt !== record.attempt) continue;
      const entry = readEntryAt(ground.files, books.vault.ledger, record.plan.at);
      const names = entry?.event === "patch_planned" ? entry.files.map((file) => plannedName(base, file)) : [];
      for (const name of names) if (name !== undefined) paths.add(name);
    }
    return paths;
  }
}
