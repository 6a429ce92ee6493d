/** `wo doctor`: is everything as it should be, and what to type where it is not. Runs with the daemon dead, too. */

import type { Patient } from "../daemon/checks/patient.ts";
import { checksOf } from "../daemon/checkup.ts";
import { EXIT } from "../platform/errors.ts";
import { Launchctl } from "../platform/launchctl.ts";
import { holderOf } from "../platform/lock.ts";
import { commandOf, openFilesOf } from "../platform/processes.ts";
import { exitOnceWritten, thisNode } from "../platform/self.ts";
import { launchdLog } from "../platform/system-log.ts";
import {
  applyMends,
  type Check,
  type CodedFinding,
  causeOf,
  countsOf,
  examine,
  followersOf,
  LOOK_MS,
  type Mended,
} from "../upkeep/doctor.ts";
import { answer, type Context, complain } from "./context.ts";
import { health } from "./daemon.ts";
import { boundBase } from "./daemon-client.ts";
import { groundOf } from "./ground.ts";
import { doctorText } from "./views/doctor-view.ts";

/** A daemon that works answers within milliseconds; on a machine that is busy it may take longer. */
const SILENCE_MS = 700;
const SILENCE_PATIENT_MS = 2000;
const SILENCE_AGAIN_MS = 5000;
/** Who has as much time asks twice, and reads what is slow to read. */
const TWICE_MS = 9000;
/** Of somebody who waits for it. */
const PATIENCE_MS = 120_000;

export interface DoctorOptions {
  readonly explain?: string;
  readonly check?: readonly string[];
  readonly apply?: readonly string[];
  /** How long each check may take, in milliseconds. */
  readonly within?: number;
}

/** Looks at everything, or at what is named; 1 when something is wrong, or could not be told. */
export async function doctor(context: Context, options: DoctorOptions): Promise<number> {
  const { explain, check, apply, within } = options;
  const patience = within ?? (check === undefined && apply === undefined ? undefined : PATIENCE_MS);
  const all = checksOf(patientOf(context, patience));
  const wanted = [...(explain === undefined ? [] : [explain]), ...(check ?? []), ...(apply ?? [])];
  const strange = wanted.find((code) => all.every((one) => one.code !== code));
  if (strange !== undefined) return complainOf(context, all, strange);
  if (explain !== undefined) return explained(context, all, explain);
  if (apply !== undefined) return mended(context, all, apply);
  if (check === undefined) return told(context, all, await examine(all, context.clock, within ?? LOOK_MS));
  const named = all.filter(({ code }) => check.includes(code));
  return told(context, named, await examine(named, context.clock, within ?? PATIENCE_MS));
}

/** What the checks look at; with time to spare, a daemon gets more of it to answer. */
export function patientOf(context: Context, patienceMs?: number): Patient {
  const { files, machine, basePath } = context;
  const silenceMs = patienceMs === undefined ? SILENCE_MS : Math.min(SILENCE_PATIENT_MS, patienceMs / 2);
  const asksTwice = patienceMs !== undefined && patienceMs >= TWICE_MS;
  let live: ReturnType<typeof health> | undefined;
  return {
    ground: groundOf(context),
    basePath,
    bound: () => boundBase(context),
    node: thisNode(),
    health: () => (live ??= health(context, silenceMs)),
    healthAgain: asksTwice ? () => health(context, SILENCE_AGAIN_MS) : undefined,
    launchctl: Launchctl.find(files, machine),
    launchdLog: asksTwice ? launchdLog(files, machine) : undefined,
    holderOf,
    commandOf,
    openFilesOf,
  };
}

async function mended(context: Context, all: readonly Check[], codes: readonly string[]): Promise<number> {
  const named = all.filter(({ code }) => codes.includes(code));
  const done = await applyMends(named, context.clock, PATIENCE_MS);
  // Nothing that was seen before counts any more.
  const again = checksOf(patientOf(context, PATIENCE_MS));
  const exit = told(context, again, await examine(again, context.clock, PATIENCE_MS), done);
  return done.some(({ refused }) => refused !== undefined) ? EXIT.no : exit;
}

function told(
  context: Context,
  checks: readonly Check[],
  findings: readonly CodedFinding[],
  done: readonly Mended[] = [],
): number {
  const counts = countsOf(findings);
  const cause = causeOf(findings);
  const follows = cause?.mark === "error" ? followersOf(checks, cause.code) : new Set<string>();
  const data = {
    ...(done.length === 0 ? {} : { applied: done }),
    counts,
    ...(cause === undefined ? {} : { first: plain(cause) }),
    findings: findings.map((one) => ({
      ...plain(one),
      ...(isFollower(one, follows) ? { may_follow_from: cause?.code } : {}),
    })),
  };
  answer(context, "doctor", data, () =>
    doctorText(context.terminal, { findings, cause, follows, done, nowMs: context.clock.now() }),
  );
  const exit = counts.error + counts.unknown === 0 ? EXIT.yes : EXIT.no;
  // What took too long is perhaps still on its way.
  if (counts.unknown > 0) exitOnceWritten(exit);
  return exit;
}

/** As it is told to programs: what can be put right is said, not done. */
function plain({ mend, ...finding }: CodedFinding) {
  return mend === undefined ? finding : { ...finding, mend: mend.would };
}

function isFollower({ code, mark }: CodedFinding, follows: ReadonlySet<string>): boolean {
  return mark !== "ok" && mark !== "not_here" && follows.has(code);
}

function explained(context: Context, checks: readonly Check[], code: string): number {
  for (const { about, restsOn } of checks.filter((one) => one.code === code)) {
    const rests = restsOn.length === 0 ? "" : `\nrests on: ${restsOn.join(", ")}`;
    answer(context, "check", { code, about, rests_on: restsOn }, () => `${code}: ${about}${rests}`);
  }
  return EXIT.yes;
}

function complainOf(context: Context, checks: readonly Check[], code: string): number {
  const hint = `one of: ${checks.map((one) => one.code).join(", ")}`;
  complain(context, { code: "usage", message: `there is no check ${code}`, hint });
  return EXIT.usage;
}
