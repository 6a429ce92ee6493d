/** What `wo why` shows: the timeline, then what follows from it, then what to type. */
import { typedWord } from "../../platform/shell.ts";
import { plainLine, type Terminal } from "../../platform/terminal.ts";
import type { Seen, Verdict, Window } from "../../upkeep/history/path-verdict.ts";
import type { Sighting } from "../../upkeep/history/sightings.ts";
import type { PathHistory } from "../why.ts";

const LINES_MAX = 40;
const SOURCE_WIDTH = 12;

export function whyText(terminal: Terminal, history: PathHistory): string {
  const { path, timeline, sources, verdict } = history;
  const cut = timeline.length - LINES_MAX;
  const unread = sources.filter(({ state }) => state === "unread");
  const git = sources.find(({ name, state }) => name === "git" && state === "none");
  return [
    terminal.paint("bold", plainLine(path)),
    ...(cut > 0 ? [`  ${cut} older ones: --json shows all`] : []),
    ...timeline.slice(-LINES_MAX).map((one) => sightingLine(terminal, one)),
    ...(git?.note === undefined ? [] : [`  git says nothing of it: ${git.note}`]),
    ...verdictLines(terminal, verdict),
    ...unread.map(
      ({ name, note }) => `not read: ${plainLine(name)}${note === undefined ? "" : ` (${plainLine(note)})`}`,
    ),
    `next: ${nextOf(history)}`,
  ].join("\n");
}

function sightingLine(terminal: Terminal, { ts, source, text, state }: Sighting): string {
  const mark =
    state === undefined ? " " : state === "there" ? terminal.paint("green", "✓") : terminal.paint("red", "✗");
  return `  ${ts}  ${source.padEnd(SOURCE_WIDTH)} ${mark} ${plainLine(text)}`;
}

function verdictLines(terminal: Terminal, verdict: Verdict): string[] {
  const bad = terminal.paint("red", "✗");
  switch (verdict.kind) {
    case "as_it_has_to_be":
      return [`${terminal.paint("green", "✓")} it is there, and nothing is wrong with it`];
    case "exists_but_broken":
      return [
        `${bad} it exists, and is broken: ${plainLine(verdict.message)}`,
        ...windowLines(verdict, "it was as it had to be until"),
      ];
    case "never_existed":
      return [`${bad} it never existed: no source knows it`];
    case "cannot_tell":
      return [`${bad} cannot tell: no source that could be read knows it`];
    case "existed_then_vanished":
      return [`${bad} it existed, then vanished`, ...windowLines(verdict, "it was last seen at")];
  }
}

function windowLines({ last_seen: last, first_missing: first, suspects }: Partial<Window>, until: string): string[] {
  if (last === undefined || first === undefined || suspects === undefined) return [];
  return [
    `  ${until} ${seenText(last)}, and not any more at ${seenText(first)}`,
    ...(suspects.length === 0
      ? ["  nobody was seen at work in that time: git clean, rm and editors leave no trace"]
      : []),
    ...suspects.map(({ who, why, ts }, index) => `  ${index + 1}. ${plainLine(who)}, ${ts}: ${plainLine(why)}`),
  ];
}

function seenText({ ts, source }: Seen): string {
  return `${ts} (${source})`;
}

/** What to type, from where the user is. */
function nextOf(history: PathHistory): string {
  const { path, typed, git, verdict, now, isGuarded, isInHead, isInIndex, commit, timeline } = history;
  const word = typedWord(typed);
  if (verdict.kind === "as_it_has_to_be")
    return isGuarded ? "nothing" : `wo guardrail accept ${word}, if it must not vanish`;
  if (verdict.kind === "never_existed") return `create it, then wo guardrail accept ${word}`;
  if (verdict.kind === "cannot_tell") return `mend what could not be read, then wo why ${word}`;
  if (now.kind === "broken" && now.reason === "not_executable") return `chmod +x ${word}`;
  if (!history.mayBeUndone) return withoutOrders(history, word);
  if (now.kind === "broken" && now.reason !== "not_as_accepted") return "mend it where it is";
  const undo = `wo undo --path ${word}${timeline.some(({ isPruning }) => isPruning) ? " (for what the vault still has of it)" : ""}`;
  if (now.kind === "broken") return `${undo}, or wo guardrail accept ${word} as it is`;
  const from = typedWord(path);
  if (isInHead) return `${git} restore --source=HEAD --staged --worktree -- ${from}`;
  if (isInIndex) return `${git} restore -- ${from}`;
  if (commit !== undefined) return `${git} restore --source=${typedWord(commit)} -- ${from}`;
  if (isGuarded) return `${undo}; the daemon does so by itself while guardrail.heal is not off`;
  return `${undo}: no commit has it, and the vault may`;
}

/** For what no order may write: only the guardrail brings it back. */
function withoutOrders({ now, isGuarded }: PathHistory, word: string): string {
  if (!isGuarded) return `write it again, then wo guardrail accept ${word}`;
  const healed = "the daemon puts back what was accepted, while guardrail.heal is not off";
  if (now.kind === "gone") return `nothing: ${healed}; or wo guardrail release ${word}`;
  return `mv ${word} elsewhere: ${healed}; or wo guardrail accept ${word} as it is`;
}
