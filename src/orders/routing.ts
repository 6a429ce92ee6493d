/**
 * Which lanes an order asks for, and which of those that there are it gets; pure. What it asks for is metadata: nothing
 * here rejects an order, and what cannot be read as a name is passed over, with nothing guessed.
 */
import { shortLine } from "../platform/plain-text.ts";
import { err, isRecord, ok, type Result } from "../platform/result.ts";
import { nearest } from "./problems.ts";

/** The lanes that an order asks for, as written. */
export interface Route {
  /** The one lane that will do. */
  readonly strict?: string;
  /** Lanes that will do where there is no strict one: the first that there is. */
  readonly candidates: readonly string[];
}

const YES = /^(?:true|yes|on)$/i;
const NO = /^(?:false|no|off)$/i;
const CANDIDATES_MAX = 20;
/** Of the names in a message. */
const SHOWN_NAMES = 10;
const SHOWN_LENGTH = 64;

/** Reads `target`, `strict_target`, `target_candidates`, `route_hints` and `assignee`. */
export function readRoute(data: Readonly<Record<string, unknown>>): Route {
  const target = nameIn(data["target"]);
  const hints = data["route_hints"];
  const hinted = isRecord(hints)
    ? [...nameIn(hints["preferred_executor"]), ...namesIn(hints["fallback_order"])]
    : namesIn(hints);
  const all = [...target, ...namesIn(data["target_candidates"]), ...hinted, ...nameIn(data["assignee"])];
  const candidates = all.filter((name, index) => all.findIndex((other) => fold(other) === fold(name)) === index);
  const strict = readStrict(data["strict_target"], target[0]);
  return { ...(strict === undefined ? {} : { strict }), candidates: candidates.slice(0, CANDIDATES_MAX) };
}

/** People write a lane's name here, or that `target` is meant strictly. */
function readStrict(value: unknown, target: string | undefined): string | undefined {
  const [word] = nameIn(value);
  if (value === true || (word !== undefined && YES.test(word))) return target;
  return word === undefined || NO.test(word) ? undefined : word;
}

/** One name, or none. */
function nameIn(value: unknown): readonly string[] {
  if (typeof value !== "string") return [];
  const name = value.trim();
  return name === "" ? [] : [name];
}

/** A list of names, or a text with commas between them. */
function namesIn(value: unknown): readonly string[] {
  const items: readonly unknown[] = typeof value === "string" ? value.split(",") : Array.isArray(value) ? value : [];
  return items.slice(0, CANDIDATES_MAX).flatMap(nameIn);
}

/** The lane that an order gets, in its own spelling; otherwise what was asked for and what there is, in one line. */
export function findLane({ strict, candidates }: Route, lanes: readonly string[]): Result<string, string> {
  const asked = strict === undefined ? candidates : [strict];
  for (const name of asked) {
    const lane = laneNamed(name, lanes);
    if (lane !== undefined) return ok(lane);
  }
  const meant = asked[0] === undefined ? undefined : nearest(shown(asked[0]), lanes);
  const wish =
    asked.length === 0
      ? "it names no lane"
      : `it asks for ${namesText(
          asked.map((name) => `"${shown(name)}"`),
          " or ",
        )}${strict === undefined ? "" : " and no other"}`;
  return err(`${wish}; ${lanesText(lanes)}${meant === undefined ? "" : ` (did you mean ${shown(meant)}?)`}`);
}

/** The lane with this name, whatever its case; the same spelling before any other. */
export function laneNamed(name: string, lanes: readonly string[]): string | undefined {
  return lanes.find((lane) => lane === name) ?? lanes.find((lane) => fold(lane) === fold(name));
}

/** Which lanes an order can be passed on to, as part of a sentence. */
export function lanesText(lanes: readonly string[]): string {
  if (lanes.length === 0) return "there is no lane that it can be passed on to";
  return `it can be passed on to ${namesText(lanes.map(shown), ", ")}`;
}

function namesText(names: readonly string[], between: string): string {
  const more = names.length - SHOWN_NAMES;
  return names.slice(0, SHOWN_NAMES).join(between) + (more > 0 ? ` and ${more} more` : "");
}

/** Kept in records and shown on one line. */
function shown(name: string): string {
  return shortLine(name, SHOWN_LENGTH);
}

function fold(name: string): string {
  return name.normalize("NFC").toLowerCase();
}
