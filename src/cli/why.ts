/** `wo why PATH`: all that anybody wrote down about one path, what follows from it, and what to type next. */
import { basename, relative } from "node:path";
import { examineBooks } from "../daemon/opening.ts";
import { isoTime } from "../platform/clock.ts";
import { BridgeError, EXIT } from "../platform/errors.ts";
import { type GitHistory, gitHistory } from "../platform/git-history.ts";
import { Launchctl } from "../platform/launchctl.ts";
import { ok, type Result } from "../platform/result.ts";
import { typedWord } from "../platform/shell.ts";
import { isAgentForOrders } from "../processors/places.ts";
import { isAgentName, placeOf } from "../records/component-place.ts";
import { NO_COMPONENTS } from "../records/components.ts";
import { readEntriesAfter } from "../records/ledger-reading.ts";
import { Vault } from "../records/vault.ts";
import { agentSightings } from "../upkeep/history/agent-failures.ts";
import { Budget } from "../upkeep/history/clues.ts";
import { checkoutSightings, type GitNote, readNotes, toldByHooks } from "../upkeep/history/git-hooks.ts";
import { onePath } from "../upkeep/history/path-scope.ts";
import { type Standing, standingOf } from "../upkeep/history/path-standing.ts";
import { type Verdict, verdictOf } from "../upkeep/history/path-verdict.ts";
import {
  gitSightings,
  ledgerSightings,
  notebookSightings,
  type Sighting,
  type SourceReport,
} from "../upkeep/history/sightings.ts";
import { answer, type Context } from "./context.ts";
import { boundBase } from "./daemon-client.ts";
import { typedPath } from "./typed-path.ts";
import { whyText } from "./views/why-view.ts";

const HOUR_MS = 3_600_000;
const LAUNCHCTL_MS = 5000;
const OUT_OF_GIT: readonly SourceReport[] = [
  { name: "git", state: "none", note: "it lies outside of the base, and no commit of it can have it" },
];

/** What is known of a path. */
export interface PathHistory {
  readonly path: string;
  readonly now: Standing;
  readonly verdict: Verdict;
  /** In the order of their times. */
  readonly timeline: readonly Sighting[];
  readonly sources: readonly SourceReport[];
  readonly isGuarded: boolean;
  readonly isInHead: boolean;
  readonly isInIndex: boolean;
  /** Whether an order may write it at all. */
  readonly mayBeUndone: boolean;
  /** The path as it is typed from where the user is, and git as it is typed for paths from the base. */
  readonly typed: string;
  readonly git: string;
  /** The newest commit that has it, in any branch. */
  readonly commit?: string;
}

/** 0 when it is as it has to be; reads only. `hours` cuts the timeline, not the verdict. */
export async function why(context: Context, typed: string, hours: number | undefined): Promise<number> {
  const history = await historyOf(context, typed);
  const since = hours === undefined ? "" : isoTime(context.clock.now() - hours * HOUR_MS);
  const shown = { ...history, timeline: history.timeline.filter(({ ts }) => ts >= since) };
  answer(context, "why", shown, () => whyText(context.terminal, shown));
  return history.verdict.kind === "as_it_has_to_be" ? EXIT.yes : EXIT.no;
}

async function historyOf(context: Context, typed: string): Promise<PathHistory> {
  const { files, clock, machine } = context;
  const bound = boundBase(context);
  const path = typedPath(context, bound, typed);
  if (path === undefined)
    throw new BridgeError("USAGE", `${typed} is not in the base ${bound.path}, and no LaunchAgent of yours`);
  const isAgent = isAgentName(path);
  const scope = onePath(path);
  const { index } = examineBooks(files, machine, bound);
  const git = isAgent ? ok(undefined) : await gitHistory(files, bound.path, path);
  const ledger = ledgerSightings(readEntriesAfter(files, new Vault(files, bound.vault).ledger, 0), bound, scope);
  const notes = readNotes(files, bound.vault);
  const agents = await agentSightings(
    { files, base: bound.path, home: machine.home, budget: new Budget(clock, LAUNCHCTL_MS) },
    scope,
    { launchctl: Launchctl.find(files, machine), nowMs: clock.now() },
  );
  const notebooks = notebookSightings(files, bound.path, scope);
  const ofGit =
    git.ok && git.value !== undefined
      ? [
          ...gitSightings({ ...git.value, moves: toldByHooks(git.value.moves, notes ?? []) }),
          ...checkoutSightings(notes ?? [], scope),
          ...indexSighting(git.value, context),
        ]
      : [];
  const seen = [...ofGit, ...ledger, ...notebooks.sightings, ...agents.sightings];
  const all = seen.toSorted((one, other) => (one.ts < other.ts ? -1 : Number(one.ts > other.ts)));
  const sources = [
    ...(isAgent ? OUT_OF_GIT : gitSources(git)),
    { name: "ledger", state: "read" } as const,
    ...notebooks.sources,
  ];
  const guarded = (index.facts.components ?? NO_COMPONENTS).guarded[path];
  const now = standingOf(files, clock, { base: bound, path, guarded });
  const verdict = verdictOf(now, all, sources, clock.now());
  const commit = git.ok ? git.value?.commits.find(({ change }) => change !== "deleted")?.hash : undefined;
  return {
    path,
    now,
    verdict,
    timeline: all.filter((one) => isShown(one, verdict)),
    sources: [...sources, ...agents.sources, hookSource(notes)],
    isGuarded: guarded !== undefined,
    isInHead: git.ok && git.value?.isInHead === true,
    isInIndex: git.ok && git.value?.isInIndex === true,
    mayBeUndone: !isAgent || isAgentForOrders(basename(path)),
    // No shell makes a home of a ~ in quotes.
    typed: isAgent ? placeOf(bound, path) : relative(machine.currentFolder, placeOf(bound, path)),
    git: files.realPath(machine.currentFolder) === bound.path ? "git" : `git -C ${typedWord(bound.path)}`,
    ...(commit === undefined ? {} : { commit }),
  };
}

function hookSource(notes: readonly GitNote[] | undefined): SourceReport {
  const name = "git hooks";
  if (notes !== undefined) return { name, state: "read" };
  return { name, state: "none", note: "they are not installed, or have written nothing: wo agent hooks install" };
}

/** What was added and never committed is known to the index alone. */
function indexSighting({ isInIndex, isInHead }: GitHistory, { clock }: Context): readonly Sighting[] {
  if (!isInIndex || isInHead) return [];
  return [{ ts: isoTime(clock.now()), source: "git", text: "it was added, and is in git's index", state: "there" }];
}

function gitSources(git: Result<GitHistory | undefined, string>): readonly SourceReport[] {
  if (!git.ok) return [{ name: "git", state: "unread", note: git.error }];
  if (git.value === undefined) return [{ name: "git", state: "none" }];
  return [{ name: "git", state: "read" }, ...git.value.unread.map((name) => ({ name, state: "unread" as const }))];
}

/** Who was only at work is shown where that may have been it. */
function isShown({ ts, state, suspect }: Sighting, verdict: Verdict): boolean {
  if (state !== undefined || suspect?.weight !== 1) return true;
  const suspects = "suspects" in verdict ? (verdict.suspects ?? []) : [];
  return suspects.some((one) => one.who === suspect.who && one.ts === ts);
}
