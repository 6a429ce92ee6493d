/**
 * When is a dropped file whole? JSON says so itself: a prefix of it does not parse. A prefix of YAML often does, so YAML
 * is whole when it ends with its end mark `...`, when whoever wrote it says so, or when it has stood still for a while.
 * Counted from the last change of its content; never from ctime, which a chmod moves. Pure.
 */

export interface WholenessRules {
  /** How long YAML without an end mark has to stand still. */
  readonly settleMs: number;
  /** How long after its last change a file that cannot be read is given up. */
  readonly giveUpMs: number;
}

/** `look`: it may be read. `wait`: look again after so long. */
export type Wholeness = { readonly kind: "look" } | { readonly kind: "wait"; readonly forMs: number };

const LOOK: Wholeness = { kind: "look" };

/** May the bytes be read as a whole order? `ageMs` is counted from the last change. */
export function mayBeWhole(bytes: Uint8Array, ageMs: number, rules: WholenessRules, announced: boolean): Wholeness {
  if (announced || looksLikeJson(bytes) || endsWithMark(bytes)) return LOOK;
  return stillFor(ageMs, rules.settleMs);
}

/** What has no end mark, a folder or a file that is no order, has to stand still, unless it is known to be whole. */
export function mayUnmarkedBeWhole(ageMs: number, rules: WholenessRules, isKnown: boolean): Wholeness {
  return isKnown ? LOOK : stillFor(ageMs, rules.settleMs);
}

/** It was read and is no order: may it be because its end is missing? */
export function mayStillGrow(ageMs: number, rules: WholenessRules): Wholeness {
  return stillFor(ageMs, rules.giveUpMs);
}

function stillFor(ageMs: number, durationMs: number): Wholeness {
  return ageMs >= durationMs ? LOOK : { kind: "wait", forMs: Math.ceil(durationMs - Math.max(0, ageMs)) };
}

function looksLikeJson(bytes: Uint8Array): boolean {
  const start = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 256)).toString("utf8");
  return /^\uFEFF?\s*[{[]/.test(start);
}

function endsWithMark(bytes: Uint8Array): boolean {
  const end = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).subarray(-64).toString("latin1");
  return /(?:^|\n)\.\.\.[ \t]*\r?\n?\s*$/.test(end);
}
