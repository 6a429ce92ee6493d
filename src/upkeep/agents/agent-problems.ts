/** What is not as it should be about an agent, each with what to type. Pure: it judges what `agentState` saw. */
import { typedWord } from "../../platform/shell.ts";
import type { AgentFile, AgentState, Difference } from "./agent-state.ts";
import { endText, isFailedStart } from "./last-end.ts";
import { baseOf, DAEMON_LABEL } from "./own-agents.ts";

export interface AgentProblem {
  readonly code:
    | "not_installed"
    | "foreign_file"
    | "other_base"
    | "edited_file"
    | "outdated_file"
    | "no_session"
    | "cannot_tell"
    | "not_loaded"
    | "reload_needed"
    | "disabled"
    | "start_failed"
    | "not_running";
  readonly message: string;
  readonly next: string;
}

const DIFFERENCES_SHOWN = 3;

/**
 * Everything that is wrong, the first cause first; none when the agent does what it is there for. Of another base's agent
 * that alone: how that one is, is asked there.
 */
export function agentProblems(state: AgentState, base: string): readonly AgentProblem[] {
  const served = servedBase(state);
  if (served === undefined || served === base) return [...fileProblems(state), ...jobProblems(state)];
  const next = `wo -C ${typedWord(served)} agent status`;
  return [{ code: "other_base", message: `it serves another base: ${served}`, next }];
}

/** True when it is another base's: nothing of it is judged or mended from here. */
export function servesAnother(state: Pick<AgentState, "file" | "job">, base: string): boolean {
  return (servedBase(state) ?? base) !== base;
}

/** The base that the agent of this label serves, by its file or by what is loaded; undefined when nothing says. */
export function servedBase({ file, job }: Pick<AgentState, "file" | "job">): string | undefined {
  if (file.kind === "ours") return baseOf(file.spec);
  return job.kind === "loaded" ? baseOf({ argv: job.job.argv }) : undefined;
}

function fileProblems(state: AgentState): readonly AgentProblem[] {
  const { file, path, job } = state;
  if (file.kind === "foreign") {
    const message = `${path} is not ours: ${file.why}`;
    return [{ code: "foreign_file", message, next: "wo agent install --force (keeps it beside as .bak)" }];
  }
  if (file.kind === "absent") {
    const rest = job.kind === "loaded" ? "; what is loaded is gone at the next login" : "";
    return [{ code: "not_installed", message: `there is no ${path}${rest}`, next: "wo agent install" }];
  }
  return ownFileProblems(file, state);
}

function ownFileProblems(
  file: Extract<AgentFile, { readonly kind: "ours" }>,
  { fileDrift, path }: AgentState,
): readonly AgentProblem[] {
  if (file.isCurrent) return [];
  const next = "wo agent install (writes it anew)";
  const what = differencesText(fileDrift);
  if (file.isEdited)
    return [{ code: "edited_file", message: `${path} was changed by hand${what === "" ? "" : `: ${what}`}`, next }];
  const how = what === "" ? "its text or its rights differ" : what;
  return [{ code: "outdated_file", message: `${path} is not what this program would write: ${how}`, next }];
}

function jobProblems({ label, file, job, reload, loadedDrift, isDisabled }: AgentState): readonly AgentProblem[] {
  const off: readonly AgentProblem[] =
    isDisabled === true
      ? [
          {
            code: "disabled",
            message:
              "it is switched off, by `launchctl disable`, `unload -w` or in Login Items: it is not loaded at login, nor by hand",
            next: "wo agent start (switches it on again)",
          },
        ]
      : [];
  switch (job.kind) {
    case "no session":
      return [{ code: "no_session", message: job.said, next: "log in at the screen, not over SSH" }];
    case "unknown":
      return [
        { code: "cannot_tell", message: `launchctl does not say how it is: ${job.said}`, next: "wo agent status" },
      ];
    case "not loaded":
      if (file.kind !== "ours" || isDisabled === true) return off;
      return [
        { code: "not_loaded", message: "its file is there, and launchd has not loaded it", next: "wo agent start" },
      ];
    case "loaded":
      break;
  }
  const drift = differencesText(loadedDrift);
  const stale: readonly AgentProblem[] =
    reload === "needed" && file.kind === "ours"
      ? [
          {
            code: "reload_needed",
            message: `reload needed: what is loaded is not what the file says: ${drift}`,
            next: "wo agent restart",
          },
        ]
      : [];
  return [...off, ...stale, ...lifeProblems(label, job.job)];
}

function lifeProblems(label: string, job: Parameters<typeof isFailedStart>[0]): readonly AgentProblem[] {
  const ended = endText(job.lastEnd);
  if (job.pid === undefined && isFailedStart(job)) {
    const next = "wo agent lint ~/Library/LaunchAgents/*.plist, then wo agent install";
    return [{ code: "start_failed", message: `it could not be started: ${ended ?? "launchd says no more"}`, next }];
  }
  // The look from outside runs for a moment at a time.
  if (label !== DAEMON_LABEL || job.pid !== undefined) return [];
  const meaning = ended === "0" ? ": it was stopped, or only a person can mend what is wrong" : "";
  const why = ended === undefined ? "" : `; it ended with ${ended}${meaning}`;
  const next =
    job.state === "spawn scheduled"
      ? "launchd starts it by itself: wo agent status"
      : "wo daemon status, wo agent start";
  return [
    {
      code: "not_running",
      message: `it is loaded and does not run (${job.state ?? "launchd does not say why"})${why}`,
      next,
    },
  ];
}

/** `Key: is → wanted`, the first few. */
export function differencesText(all: readonly Difference[]): string {
  const shown = all
    .slice(0, DIFFERENCES_SHOWN)
    .map(({ key, is, wanted }) => `${key}: ${is ?? "not there"} → ${wanted ?? "not there"}`);
  return [...shown, ...(all.length > DIFFERENCES_SHOWN ? [`and ${all.length - DIFFERENCES_SHOWN} more`] : [])].join(
    "; ",
  );
}
