/** What is to be made of all that was seen of a path: was it ever there, when did it vanish, who was near. Pure. */
import { isoTime } from "../../platform/clock.ts";
import type { Standing } from "./path-standing.ts";
import type { Sighting, SourceName, SourceReport, Suspect } from "./sightings.ts";

export interface Seen {
  readonly ts: string;
  readonly source: SourceName;
}

/** Between when and when it happened, and who was at work then. */
export interface Window {
  readonly last_seen: Seen;
  /** The first time that it was seen to be gone, or not what it was. */
  readonly first_missing: Seen;
  /** The likeliest first. */
  readonly suspects: readonly DatedSuspect[];
}

export type DatedSuspect = Suspect & { readonly ts: string };

/** Named as `wo why --json` prints it. */
export type Verdict =
  | { readonly kind: "as_it_has_to_be" }
  | ({ readonly kind: "exists_but_broken"; readonly message: string } & Partial<Window>)
  | ({ readonly kind: "existed_then_vanished" } & Window)
  | { readonly kind: "never_existed" }
  /** No source that could be read knows it, and some could not be read. */
  | { readonly kind: "cannot_tell" };

/** Sources keep time by different clocks, and git in whole seconds. */
const SLACK_MS = 1000;
const SUSPECTS_MAX = 5;

/** What all of it says. `sightings` in the order of their times. */
export function verdictOf(
  standing: Standing,
  sightings: readonly Sighting[],
  sources: readonly SourceReport[],
  nowMs: number,
): Verdict {
  if (standing.kind === "there") return { kind: "as_it_has_to_be" };
  const window = windowOf(standing.kind, sightings, nowMs);
  if (standing.kind === "broken") return { kind: "exists_but_broken", message: standing.message, ...window };
  if (window !== undefined) return { kind: "existed_then_vanished", ...window };
  return { kind: sources.some(({ state }) => state === "unread") ? "cannot_tell" : "never_existed" };
}

/** Undefined where nobody has seen it as it was. */
function windowOf(now: "gone" | "broken", sightings: readonly Sighting[], nowMs: number): Window | undefined {
  const last = sightings.findLastIndex(({ state }) => state === "there");
  const seen = sightings[last];
  const known = seen ?? sightings.find(({ state, source }) => state === "gone" || source === "rollback log");
  if (known === undefined || (now === "broken" && seen === undefined)) return undefined;
  const end = sightings.slice(last + 1).find(({ state }) => state === "gone" || state === now);
  const first: Seen = end ?? { ts: isoTime(nowMs), source: "disk" };
  return {
    last_seen: { ts: known.ts, source: known.source },
    first_missing: { ts: first.ts, source: first.source },
    suspects: suspectsIn(sightings, Date.parse(known.ts) - SLACK_MS, Date.parse(first.ts) + SLACK_MS),
  };
}

/** Those who were at work in that time: what is written down first, then the nearest to its end. */
function suspectsIn(sightings: readonly Sighting[], fromMs: number, toMs: number): readonly DatedSuspect[] {
  const near = sightings.flatMap(({ ts, suspect }) => {
    const wallMs = Date.parse(ts);
    return suspect === undefined || wallMs < fromMs || wallMs > toMs ? [] : [{ ...suspect, ts }];
  });
  return ranked(near);
}

/** What is written down first, then the newest; each once, and only the first few. */
export function ranked(suspects: readonly DatedSuspect[]): readonly DatedSuspect[] {
  const sorted = suspects.toSorted((a, b) => b.weight - a.weight || (a.ts < b.ts ? 1 : -1));
  const seen = new Set<string>();
  return sorted.filter(({ who }) => !seen.has(who) && seen.add(who)).slice(0, SUSPECTS_MAX);
}
