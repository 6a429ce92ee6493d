/**
 * Looks whether everything is as it should be, changing nothing. Each check says what it saw; one that could not look
 * says that, and it is never green. All look at the same time, each for a while only: what hangs holds up nobody.
 */
import type { Clock } from "../platform/clock.ts";
import { BridgeError, messageOf } from "../platform/errors.ts";

/** "not_here": this machine or base has nothing of the kind; that says nothing good and nothing bad. */
export type Mark = "ok" | "not_here" | "warning" | "error" | "unknown";

/** What can be put right without a person's judgement: exact, and nothing is lost by it. */
export interface Mend {
  /** What it would do. */
  readonly would: string;
  /** Does it; resolves with what it did. Throws BridgeError where it cannot. */
  readonly apply: () => Promise<string>;
}

/** What a look came to. */
export interface Finding {
  readonly mark: Mark;
  readonly seen: string;
  /** ISO time, where it is known. */
  readonly since?: string;
  /** What to type next. */
  readonly next?: string;
  readonly mend?: Mend;
}

export interface Check {
  readonly code: string;
  /** What is looked at, what it means when that is not as it should be, and what to do then. */
  readonly about: string;
  /** Codes of checks before it: when one of them is wrong, this may be wrong because of it. */
  readonly restsOn: readonly string[];
  readonly look: () => Promise<readonly Finding[]> | readonly Finding[];
}

export interface CodedFinding extends Finding {
  readonly code: string;
}

/** Longer than any look takes on a machine that works; with the start of the program it stays below two seconds. */
export const LOOK_MS = 1400;

/** Does all checks at once; what they saw, in their order. */
export async function examine(
  checks: readonly Check[],
  clock: Clock,
  limitMs: number,
): Promise<readonly CodedFinding[]> {
  const found = await Promise.all(
    checks.map(async (check) => {
      const findings = await looked(check, clock, limitMs);
      return findings.map((finding): CodedFinding => ({ code: check.code, ...finding }));
    }),
  );
  return found.flat();
}

async function looked({ code, look }: Check, clock: Clock, limitMs: number): Promise<readonly Finding[]> {
  const done = new AbortController();
  try {
    const found = await Promise.race([Promise.resolve().then(look), tooLate(code, clock, limitMs, done.signal)]);
    return found.length > 0 ? found : [{ mark: "unknown", seen: "nothing was looked at" }];
  } catch (thrown) {
    const hint = thrown instanceof BridgeError ? { next: thrown.hint } : {};
    return [{ mark: "unknown", seen: messageOf(thrown), ...hint }];
  } finally {
    done.abort();
  }
}

async function tooLate(code: string, clock: Clock, limitMs: number, done: AbortSignal): Promise<readonly Finding[]> {
  await clock.sleep(limitMs, done);
  // Another check may have kept this process busy: answers that came meanwhile are read first.
  await clock.breathe();
  await clock.breathe();
  const seen = `it took longer than ${limitMs / 1000} s`;
  return [{ mark: "unknown", seen, next: `wo doctor --check ${code}    (takes the time that it needs)` }];
}

/**
 * What to look at first: the first error, as checks stand in the order in which one rests on the other; without one what
 * nobody can tell, then a warning. Undefined when nothing is wrong.
 */
export function causeOf(findings: readonly CodedFinding[]): CodedFinding | undefined {
  const first = (mark: Mark) => findings.find((one) => one.mark === mark);
  return first("error") ?? first("unknown") ?? first("warning");
}

/** Codes of all checks that rest on this one, by others, too. */
export function followersOf(checks: readonly Check[], code: string): ReadonlySet<string> {
  const found = new Set<string>();
  for (const check of checks) if (check.restsOn.some((one) => one === code || found.has(one))) found.add(check.code);
  return found;
}

/** How many there are of each. */
export function countsOf(findings: readonly Finding[]): Readonly<Record<Mark, number>> {
  const counts = { ok: 0, not_here: 0, warning: 0, error: 0, unknown: 0 };
  for (const { mark } of findings) counts[mark] += 1;
  return counts;
}

/** What became of one mend. */
export interface Mended {
  readonly code: string;
  readonly did?: string;
  /** Why nothing was done. */
  readonly refused?: string;
}

/** Looks at these checks and does every mend that they offer; the caller looks again. */
export async function applyMends(checks: readonly Check[], clock: Clock, limitMs: number): Promise<readonly Mended[]> {
  const mended: Mended[] = [];
  for (const { code } of checks) {
    const findings = await examine(
      checks.filter((one) => one.code === code),
      clock,
      limitMs,
    );
    const mends = findings.flatMap(({ mend }) => (mend === undefined ? [] : [mend]));
    if (mends.length === 0) mended.push({ code, refused: whyNone(findings) });
    for (const mend of mends) mended.push(await applied(code, mend));
  }
  return mended;
}

async function applied(code: string, { would, apply }: Mend): Promise<Mended> {
  try {
    return { code, did: await apply() };
  } catch (thrown) {
    if (!(thrown instanceof BridgeError)) throw thrown;
    return { code, refused: `${would}: ${thrown.message}` };
  }
}

function whyNone(findings: readonly CodedFinding[]): string {
  const worst = causeOf(findings);
  if (worst === undefined) return "nothing is wrong there";
  return `a person has to do it: ${worst.seen}${worst.next === undefined ? "" : `; ${worst.next}`}`;
}
