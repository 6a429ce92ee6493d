/** One ledger entry on one line, with what a command printed below it when it failed. */
import { plainLine, type Terminal } from "../../platform/terminal.ts";
import { reportOf } from "../../records/agents.ts";
import type { Entry } from "../../records/chain.ts";
import { bytesText } from "./words.ts";

/** `12:00:01.234  #42  wo_completed  WO-1  …` */
export function entryText(terminal: Terminal, entry: Entry): string {
  const { ok } = reportOf(entry);
  const id = "wo_id" in entry && entry.wo_id !== undefined ? plainLine(entry.wo_id) : "";
  const name = terminal.paint(ok ? "green" : "red", entry.event.padEnd(16));
  const words = [
    entry.ts.replace("T", " ").replace("Z", ""),
    terminal.paint("dim", `#${entry.seq}`),
    name,
    id,
    plainLine(detailOf(entry)),
  ];
  const line = words.filter((word) => word !== "").join("  ");
  if (entry.event !== "step_finished" || entry.ok) return line;
  return [line, ...outputLines("stdout", entry.stdout_tail), ...outputLines("stderr", entry.stderr_tail)].join("\n");
}

function countOf(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

function outputLines(stream: string, tail: string): string[] {
  return tail.trim() === ""
    ? []
    : tail
        .trimEnd()
        .split("\n")
        .slice(-10)
        .map((line) => `      ${stream} | ${plainLine(line)}`);
}

function detailOf(entry: Entry): string {
  switch (entry.event) {
    case "wo_accepted":
      return `${entry.routed_from ?? entry.lane}/${entry.name}${entry.routed_from === undefined ? "" : `, passed on to ${entry.lane}`}, ${countOf(entry.file_actions, "file action")}, ${countOf(entry.commands, "command")}`;
    case "wo_rejected":
      return `${entry.lane}/${entry.name}: ${entry.problems.map(({ message }) => message).join("; ")}`;
    case "wo_duplicate":
      return `${entry.lane}/${entry.name}, the order is ${entry.status}`;
    case "wo_ignored":
      return `${entry.lane}/${entry.name}: ${entry.reason}`;
    case "wo_waiting":
      return `${entry.reason}: ${entry.message}`;
    case "wo_routed":
      return `${entry.from} → ${entry.lane}${entry.by === undefined ? "" : ` by ${entry.by}`}${entry.reason === undefined ? "" : `, waits (${entry.reason}): ${entry.message ?? ""}`}`;
    case "wo_approved":
    case "wo_retried":
      return `by ${entry.by}`;
    case "wo_started":
      return `attempt ${entry.attempt}`;
    case "patch_planned":
      return entry.files
        .map(({ path }) => path)
        .slice(0, 5)
        .join(", ");
    case "patch_applied":
      return countOf(entry.changed, "file");
    case "step_started":
      return `${entry.name} (pid ${entry.pid})`;
    case "step_finished":
      return `${entry.name}, ${entry.duration_ms} ms${entry.message === undefined ? "" : `: ${entry.message}`}`;
    case "wo_completed":
      return `${countOf(entry.changed, "file")} changed, ${countOf(entry.steps, "command")}`;
    case "wo_failed":
      return `${entry.class}: ${entry.message}`;
    case "wo_canceled":
      return `by ${entry.by}: ${entry.reason}`;
    case "wo_planned":
      return (
        entry.finding?.message ?? `would change ${entry.changes.length} files and run ${entry.commands.length} commands`
      );
    case "wo_settled":
      return entry.to;
    case "intake_paused":
    case "canary_failed":
      return entry.message;
    default:
      return otherDetail(entry);
  }
}

const PATHS_SHOWN = 3;

function listed(paths: readonly string[]): string {
  const more = paths.length - PATHS_SHOWN;
  return `${paths.slice(0, PATHS_SHOWN).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

const pathsOf = (files: readonly { readonly path: string }[]) => files.map(({ path }) => path);

/** What a person said of files. */
function decidedDetail({ by, why }: { readonly by: string; readonly why: string }, paths: readonly string[]): string {
  return `by ${by}: ${listed(paths)}${why === "" ? "" : ` (${why})`}`;
}

function otherDetail(entry: Entry): string {
  switch (entry.event) {
    case "intake_resumed":
      return `after ${entry.paused_ms} ms`;
    case "canary_passed":
      return `in ${entry.total_ms} ms`;
    case "daemon_started":
      return `pid ${entry.pid}, wo-bridge ${entry.version}`;
    case "daemon_stopped":
      return entry.reason;
    case "config_accepted":
      return `by ${entry.by}`;
    case "base_attached":
      return entry.path;
    case "ledger_tail_truncated":
      return `${entry.lost_bytes} bytes at ${entry.at_byte} of ${entry.segment}`;
    case "checkpoint_missing":
      return entry.message;
    case "components_accepted":
      return decidedDetail(entry, pathsOf(entry.components));
    case "components_released":
      return decidedDetail(entry, entry.paths);
    case "snapshot_taken":
      return decidedDetail(entry, pathsOf(entry.files));
    case "blobs_pruned":
      return `by ${entry.by}: ${countOf(entry.count, "blob")} (${bytesText(entry.bytes)}) of what is older than ${entry.kept_from}`;
    case "wo_pipeline_drift":
      return `${entry.missing}: ${entry.message}`;
    case "wo_pipeline_healed":
      return `${entry.path}: ${entry.what}`;
    case "ledger_repaired":
      return `entries ${entry.lost_from} to ${entry.lost_to} are lost; by ${entry.by}`;
    default:
      return "";
  }
}
