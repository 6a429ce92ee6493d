/** How the agents ended last, and whether they end again and again; with the last words of their own logs. */
import { dirname } from "node:path";
import type { Files } from "../../platform/files.ts";
import type { LoadedJob } from "../../platform/launchctl.ts";
import { linesFromEnd } from "../../platform/lines-from-end.ts";
import { loadSecretRules, type SecretRules } from "../../platform/secrets.ts";
import { typedWord } from "../../platform/shell.ts";
import { showLaunchdLog } from "../../platform/system-log.ts";
import { plainLine } from "../../platform/terminal.ts";
import type { Finding } from "../doctor.ts";
import { ANOTHERS, type Looked } from "./agent-patient.ts";
import { servesAnother } from "./agent-problems.ts";
import { endText, isFailedStart } from "./last-end.ts";
import { wordsAbout } from "./launchd-words.ts";
import { DAEMON_LABEL } from "./own-agents.ts";

const LOG_BYTES = 64 * 1024;
const WORDS_CHARS = 160;
const NOT_STARTED = 78;
const REFUSED = 126;
const GRANT =
  "System Settings → Privacy & Security → Full Disk Access: add that program; or keep base and state out of protected folders";

interface Ended {
  readonly label: string;
  readonly job: LoadedJob;
  /** The end of its log; "" when there is none. */
  readonly words: string;
  readonly files: Files;
  readonly userId: number;
  /** The daemon of this base that answers, whoever started it. */
  readonly live: { readonly pid: number } | undefined;
}

type Looking = Pick<Looked, "files" | "machine" | "basePath" | "states" | "answering" | "launchdLog">;

export async function endFindings({
  files,
  machine,
  basePath,
  states,
  answering,
  launchdLog,
}: Looking): Promise<readonly Finding[]> {
  const secrets = await loadSecretRules();
  const { userId } = machine;
  const [all, live, log] = await Promise.all([states(), answering(), launchdLog?.()]);
  const own = all.filter((state) => !servesAnother(state, basePath));
  if (own.length === 0) return [ANOTHERS];
  const found = own.flatMap(({ label, job: reading }) => {
    if (reading.kind !== "loaded") return [];
    const { job } = reading;
    const ended: Ended = { label, job, words: lastWords(files, job.stderr, secrets), files, userId, live };
    return [label === DAEMON_LABEL ? stayingFinding(ended) : periodicFinding(ended)];
  });
  const ofLog =
    launchdLog === undefined
      ? []
      : logFindings(
          own.map(({ label }) => label),
          log,
        );
  const ends: Finding[] =
    found.length > 0 ? found : [{ mark: "not_here", seen: "launchd has loaded no agent of ours" }];
  return [...ends, ...ofLog];
}

/** What launchd wrote down about them in the last hour. */
function logFindings(labels: readonly string[], lines: readonly string[] | undefined): readonly Finding[] {
  if (lines === undefined)
    return [{ mark: "unknown", seen: "launchd's own log could not be read", next: showLaunchdLog("1h") }];
  const found = labels.flatMap((label) =>
    wordsAbout(label, lines).map(({ means, next, count, line }): Finding => {
      const often = count === 1 ? "" : `, ${count} times`;
      const seen = `${label}: launchd's own log of the last hour${often}: ${means}: ${plainLine(line).slice(0, WORDS_CHARS)}`;
      return { mark: "warning", seen, next };
    }),
  );
  return found.length > 0
    ? found
    : [{ mark: "ok", seen: "launchd's own log of the last hour says nothing against them" }];
}

/** Of one that is to run all the time. */
function stayingFinding(ended: Ended): Finding {
  const { label, job, live } = ended;
  const before = endText(job.lastEnd);
  const runs = job.runs === undefined ? "" : `, run ${job.runs}`;
  const last = before === undefined ? "" : `; the one before ended with ${before}`;
  // Behind one that ended badly, one that does not answer may be no more than the next try.
  const isUp = job.pid !== undefined && (live !== undefined || !isBadEnd(job));
  if (isUp) return { mark: "ok", seen: `${label}: pid ${job.pid}${runs}${last}` };
  if (isFailedStart(job)) return failedStart(ended);
  if (job.pid !== undefined) {
    const seen = `${label}: pid ${job.pid}${runs} does not answer${last}${told(ended)}`;
    return { mark: "warning", seen, next: logCommand(job) };
  }
  if (before === undefined) {
    const seen = `${label} is loaded, and never ran (${job.state ?? "no state is told"})`;
    return { mark: "unknown", seen, next: "wo agent status" };
  }
  if (!isBadEnd(job)) {
    // Who keeps that one is told of the jobs.
    if (live !== undefined)
      return {
        mark: "ok",
        seen: `${label}: it ended by itself (0), and a daemon of this base answers: pid ${live.pid}`,
      };
    const why =
      "it ended by itself (0), and is not started again: it was stopped, or only a person can mend what is wrong";
    return { mark: "error", seen: `${label}: ${why}${told(ended)}`, next: "wo daemon status" };
  }
  const again = job.state === "spawn scheduled" ? `it ends again and again (${job.runs ?? "some"} runs): ` : "";
  return { mark: "error", seen: `${label}: ${again}${before}${told(ended)}`, next: logCommand(job) };
}

function isBadEnd({ lastEnd }: LoadedJob): boolean {
  if (typeof lastEnd !== "object") return false;
  return "signal" in lastEnd || lastEnd.code !== 0;
}

/** Of one that looks, ends, and is started again after a while; 1 says that it has told of something. */
function periodicFinding(ended: Ended): Finding {
  const { label, job } = ended;
  if (isFailedStart(job)) return failedStart(ended);
  if (job.lastEnd === undefined || job.lastEnd === "never")
    return { mark: "not_here", seen: `${label} has not ended once yet` };
  const isWell = "code" in job.lastEnd && job.lastEnd.code <= 1;
  const end = endText(job.lastEnd);
  if (isWell) return { mark: "ok", seen: `${label}: its last look ended with ${end}` };
  return { mark: "warning", seen: `${label}: ${end}${told(ended)}`, next: logCommand(job) };
}

function failedStart(ended: Ended): Finding {
  const { label, job, words } = ended;
  const { lastEnd } = job;
  const code = typeof lastEnd === "object" && "code" in lastEnd ? lastEnd.code : undefined;
  const seen = `${label}: ${endText(lastEnd) ?? "launchd could not start it"}`;
  if (code === REFUSED && words.includes("not permitted"))
    return {
      mark: "error",
      seen: `${label}: 126: macOS refuses ${job.argv[0] ?? "it"} a folder${told(ended)}`,
      next: GRANT,
    };
  const cause = job.spawnFailed || code === NOT_STARTED ? whyNotStarted(ended) : undefined;
  if (cause !== undefined) return { mark: "error", seen: `${seen}; ${cause}`, next: "wo agent install" };
  return {
    mark: "error",
    seen: `${seen}${told(ended)}`,
    next: code === NOT_STARTED ? "wo agent install" : logCommand(job),
  };
}

/** Which of the known causes of a 78 can be seen from here; undefined when none: privacy, or quarantine. */
function whyNotStarted({ job, files, userId }: Ended): string | undefined {
  const [program] = job.argv;
  if (program !== undefined && files.realPath(program) === undefined) return `${program} is not there`;
  for (const log of [job.stdout, job.stderr]) {
    const info = log === undefined ? undefined : files.info(log);
    if (info?.kind === "folder") return `its log ${log} is a folder`;
    if (info !== undefined && (info.owner !== userId || (info.mode & 0o200) === 0))
      return `its log ${log} is not yours to write`;
    const above = log === undefined ? undefined : files.info(dirname(log));
    if (above !== undefined && above.kind === "file")
      return `${dirname(log ?? "")} is no folder: its log cannot be opened`;
  }
  return undefined;
}

function told({ words }: Ended): string {
  return words === "" ? "" : `; its log ends: ${words}`;
}

function logCommand({ stderr }: LoadedJob): string {
  return stderr === undefined ? "wo agent status" : `tail -n 20 ${typedWord(stderr)}`;
}

/** What looks like a secret is not told. */
function lastWords(files: Files, path: string | undefined, secrets: SecretRules): string {
  if (path === undefined || files.info(path)?.kind !== "file") return "";
  for (const lines of linesFromEnd(files, path, { fragment: true, lastBytes: LOG_BYTES })) {
    const line = lines.findLast((one) => one.trim() !== "");
    if (line !== undefined) return secrets(line).length > 0 ? "" : plainLine(line).slice(0, WORDS_CHARS);
  }
  return "";
}
