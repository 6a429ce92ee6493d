/**
 * How an agent is loaded, started and taken out again, as recipes over launchctl. Each may run any number of times: it ends in
 * the same place. Waits are those that launchd needs: a label is there until its process is gone, and for a while after that
 * bootstrap says 5 of it.
 */
import type { Clock } from "../../platform/clock.ts";
import { LAUNCHCTL, type Launchctl, type LaunchctlEnd } from "../../platform/launchctl.ts";
import { err, ok, type Result } from "../../platform/result.ts";
import { typedWord } from "../../platform/shell.ts";
import { showLaunchdLog } from "../../platform/system-log.ts";

/** What launchd refused, in its own words and what they mean. */
export interface LoadTrouble {
  readonly code:
    | "no_session"
    | "bootout_refused"
    | "bootout_slow"
    | "bootstrap_refused"
    | "enable_refused"
    | "kickstart_refused";
  readonly message: string;
  readonly hint: string;
}

export interface LoadTools {
  readonly launchctl: Launchctl;
  readonly clock: Clock;
}

const POLL_MS = 100;
/** Behind ExitTimeOut. */
const GONE_MS = 5000;
const BOOTSTRAP_MS = 15_000;
const AGAIN_MS = 250;

type Loading = Promise<Result<void, LoadTrouble>>;

/** Takes it out and waits until its label is free; nothing to do where it is not loaded. */
export async function unloadAgent({ launchctl, clock }: LoadTools, label: string, stopGraceSec: number): Loading {
  const limitMs = stopGraceSec * 1000 + GONE_MS;
  const end = await launchctl.run(["bootout", launchctl.target(label)], limitMs);
  const tolerated = [LAUNCHCTL.done, LAUNCHCTL.noSuchProcess, LAUNCHCTL.inProgress, LAUNCHCTL.notLoaded];
  if (isNoSession(end)) return ok(undefined);
  // One that does not end may have done it all the same: the label says.
  if (end.code !== undefined && !tolerated.some((code) => code === end.code))
    return err(trouble("bootout_refused", launchctl, label, end));
  const startMs = clock.elapsed();
  for (;;) {
    const job = await launchctl.job(label);
    // Without a session nothing is loaded in it.
    if (job.kind === "not loaded" || job.kind === "no session") return ok(undefined);
    if (clock.elapsed() - startMs > limitMs) break;
    await clock.sleep(POLL_MS);
  }
  const message = `${label} is still loaded ${limitMs / 1000} s after bootout`;
  return err({
    code: "bootout_slow",
    message,
    hint: `look at it: ${shown(launchctl, ["print", launchctl.target(label)])}`,
  });
}

/** Loads the file as it is now. Somebody who types this wants it on: an override that keeps it off is taken away. */
export async function loadAgent({ launchctl, clock }: LoadTools, label: string, path: string): Loading {
  const on = await enableAgent(launchctl, label);
  if (!on.ok) return on;
  const startMs = clock.elapsed();
  for (;;) {
    const end = await launchctl.run(["bootstrap", launchctl.domain, path]);
    if (end.code === LAUNCHCTL.done) return ok(undefined);
    if (isNoSession(end)) return err(noSession(end.said));
    const isPassing = end.code === LAUNCHCTL.inputOutput || end.code === LAUNCHCTL.alreadyInProgress;
    if (isPassing && (await isLoadedFrom(launchctl, label, path))) return ok(undefined);
    if (!isPassing || clock.elapsed() - startMs > BOOTSTRAP_MS)
      return err(trouble("bootstrap_refused", launchctl, label, end));
    await clock.sleep(AGAIN_MS);
  }
}

/** It came in all the same, or somebody else was faster. */
async function isLoadedFrom(launchctl: Launchctl, label: string, path: string): Promise<boolean> {
  const job = await launchctl.job(label);
  return job.kind === "loaded" && job.job.path === path;
}

/** Takes away what keeps it off. */
export async function enableAgent(launchctl: Launchctl, label: string): Loading {
  const end = await launchctl.run(["enable", launchctl.target(label)]);
  return end.code === LAUNCHCTL.done ? ok(undefined) : err(trouble("enable_refused", launchctl, label, end));
}

/** Loads the file anew. */
export async function reloadAgent(
  tools: LoadTools,
  { label, path, stopGraceSec }: { readonly label: string; readonly path: string; readonly stopGraceSec: number },
): Loading {
  const gone = await unloadAgent(tools, label, stopGraceSec);
  return gone.ok ? loadAgent(tools, label, path) : gone;
}

/** Starts it as it is loaded; with `restart` what runs is stopped first, in an orderly way. */
export async function kickAgent(
  launchctl: Launchctl,
  label: string,
  restart?: { readonly stopGraceSec: number },
): Loading {
  const limitMs = (restart?.stopGraceSec ?? 0) * 1000 + BOOTSTRAP_MS;
  const words = ["kickstart", ...(restart === undefined ? [] : ["-k"]), launchctl.target(label)];
  const end = await launchctl.run(words, limitMs);
  return end.code === LAUNCHCTL.done ? ok(undefined) : err(trouble("kickstart_refused", launchctl, label, end));
}

function isNoSession({ code }: LaunchctlEnd): boolean {
  return code === LAUNCHCTL.noDomain || code === LAUNCHCTL.noSuchAction;
}

/** What is told where nobody is logged in at the screen. */
export function noSession(said: string): LoadTrouble {
  return {
    code: "no_session",
    message: `nobody is logged in at the screen of this machine, so launchd has no place for agents of this user: ${said}`,
    hint: "log in at the screen (not over SSH, not with sudo) and type it again there",
  };
}

const VERBS = {
  bootout_refused: "bootout",
  bootstrap_refused: "bootstrap",
  enable_refused: "enable",
  kickstart_refused: "kickstart",
} as const;

const HINTS: Readonly<Record<number, string>> = {
  5: `see what launchd wrote down: ${showLaunchdLog("5m")}`,
  109: "wo agent install writes the file anew",
  111: "wo agent install writes the file anew",
  119: "System Settings → General → Login Items, or wo agent start",
  122: "the file must belong to you and be writable by nobody else: wo agent install writes it anew",
  155: "xattr -d com.apple.quarantine FILE",
  161: "allow it in System Settings → General → Login Items",
};

function trouble(code: keyof typeof VERBS, launchctl: Launchctl, label: string, end: LaunchctlEnd): LoadTrouble {
  const says = end.code === undefined ? "" : ` (${end.code})`;
  const message = `launchctl ${VERBS[code]} of ${label} says${says}: ${end.said}`;
  const look = `wo agent status, then ${shown(launchctl, ["print", launchctl.target(label)])}`;
  return { code, message, hint: HINTS[end.code ?? -1] ?? look };
}

/** The command as a person would type it. */
export function shown(launchctl: Launchctl, words: readonly string[]): string {
  return [launchctl.program === "/bin/launchctl" ? "launchctl" : launchctl.program, ...words].map(typedWord).join(" ");
}
