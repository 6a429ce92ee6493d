/**
 * What becomes of an order in a lane: where its paths lead and what the lane's rules make of it. Everything that either
 * has against it is told together; the daemon, and the CLI before it, ask the same question here.
 */
import { judge, type LaneRules, type Origin, type Verdict } from "../orders/lane-rules.ts";
import type { Order } from "../orders/order.ts";
import type { Refusal } from "../orders/refusals.ts";
import type { Files } from "../platform/files.ts";
import { err, ok, type Result } from "../platform/result.ts";
import { checkedPath } from "../processors/file-checks.ts";
import { findPlace, type Place, type PlaceRules, resolvePath } from "../processors/places.ts";

/** What an order meets in its lane. */
export interface LaneQuestion {
  readonly places: PlaceRules;
  readonly rules: LaneRules;
  readonly origin: Origin;
  /** Why a lane that passes orders on has nowhere to pass this one. */
  readonly noRoute?: string | undefined;
}

export interface Judged {
  readonly verdict: Verdict;
  /** Where the paths of its file actions lead; empty when some may not be touched. */
  readonly places: ReadonlyMap<string, Place>;
}

/** Judges an order that could be read; nothing is changed. Throws DISK_REFUSED where a path cannot be looked at. */
export async function judgeOrder(
  files: Files,
  order: Order,
  { places: placeRules, rules, origin, noRoute }: LaneQuestion,
): Promise<Judged> {
  const places = await findPlaces(files, order, placeRules);
  const verdict = judge(order, rules, origin, noRoute);
  if (places.ok) return { verdict, places: places.value };
  const others = verdict.kind === "refuse" ? verdict.refusals : [];
  return { verdict: { kind: "refuse", refusals: [...places.error, ...others] }, places: new Map() };
}

/** Where every path of an order leads, or why some may not be touched. */
export async function findPlaces(
  files: Files,
  order: Order,
  rules: PlaceRules,
): Promise<Result<ReadonlyMap<string, Place>, readonly Refusal[]>> {
  const slice = files.slices();
  const places = new Map<string, Place>();
  const refusals: Refusal[] = [];
  for (const action of order.files) {
    await slice();
    for (const path of action.kind === "move" ? [action.path, action.to] : [action.path]) {
      const place = findPlace(files, path, rules);
      if (place.ok) places.set(path, place.value);
      else refusals.push({ ...place.error, at: action.at });
    }
  }
  for (const { path, at } of order.checks) {
    await slice();
    const found = resolvePath(files, checkedPath(path), rules);
    if (!found.ok) refusals.push({ ...found.error, at });
  }
  return refusals.length === 0 ? ok(places) : err(refusals);
}
