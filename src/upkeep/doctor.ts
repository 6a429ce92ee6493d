/**
 * Looks whether everything is as it should be, changing nothing. Each check says what it saw; one that could not look
 * says that, and it is never green.
 */
import type { Clock } from "../platform/clock.ts";
import { BridgeError, messageOf } from "../platform/errors.ts";

export type Mark = "ok" | "warning" | "error" | "unknown";

/** What a look came to. */
export interface Finding {
  readonly mark: Mark;
  readonly seen: string;
  /** ISO time, where it is known. */
  readonly since?: string;
  /** What to type next. */
  readonly next?: string;
}

export interface Check {
  readonly code: string;
  /** What is looked at, and what it means when that is not as it should be. */
  readonly about: string;
  readonly look: () => Promise<readonly Finding[]> | readonly Finding[];
}

export interface CodedFinding extends Finding {
  readonly code: string;
}

/** Longer than any look takes on a machine that works. */
const LIMIT_MS = 5000;

/** Does all checks, in their order. */
export async function examine(checks: readonly Check[], clock: Clock): Promise<CodedFinding[]> {
  const findings: CodedFinding[] = [];
  for (const check of checks)
    for (const finding of await looked(check, clock)) findings.push({ code: check.code, ...finding });
  return findings;
}

async function looked({ look }: Check, clock: Clock): Promise<readonly Finding[]> {
  const done = new AbortController();
  const slow = clock
    .sleep(LIMIT_MS, done.signal)
    .then((): readonly Finding[] => [{ mark: "unknown", seen: `no answer within ${LIMIT_MS / 1000} s` }]);
  try {
    const found = await Promise.race([Promise.resolve().then(look), slow]);
    return found.length > 0 ? found : [{ mark: "unknown", seen: "nothing was looked at" }];
  } catch (thrown) {
    const hint = thrown instanceof BridgeError ? { next: thrown.hint } : {};
    return [{ mark: "unknown", seen: messageOf(thrown), ...hint }];
  } finally {
    done.abort();
  }
}

/** How many there are of each. */
export function countsOf(findings: readonly Finding[]): Readonly<Record<Mark, number>> {
  const counts = { ok: 0, warning: 0, error: 0, unknown: 0 };
  for (const { mark } of findings) counts[mark] += 1;
  return counts;
}
