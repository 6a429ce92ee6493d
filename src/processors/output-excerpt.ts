/**
 * What records may hold of a command's output: its last few KiB without the secrets in them. The files of the run keep
 * all of it. A secret that a cut goes through is no match for any rule: what touches a cut is hidden, too.
 */
import { hidden } from "../orders/secrets.ts";
import { TAIL_TEXT_BYTES } from "../platform/output-file.ts";
import type { OutputStatus } from "../platform/run-protocol.ts";
import type { SecretRange, SecretRules } from "../platform/secrets.ts";

/** Of the line that a cut goes through. */
const TOUCHED_MAX = 512;
/** Where the middle of an output was left out (platform/output-file.ts). */
const GAP = /\n\.\.\. \d+ bytes left out \.\.\.\n/;
const KEY_MARK = /-----(BEGIN|END) [A-Z0-9 ]{0,60}PRIVATE KEY(?: BLOCK)?-----/;

/** The tail with stars for the secrets that it holds or cuts. */
export function excerptOf(output: OutputStatus, rules: SecretRules): string {
  const { lead = "", tail } = output;
  const text = lead + tail;
  return hidden(text, rules, touchedIn(text, output)).slice(lead.length);
}

/** What touches a cut: where the text begins, and where the middle is missing. */
function touchedIn(text: string, { bytes, cut, tail }: OutputStatus): readonly SecretRange[] {
  // A tail that is shorter than it may be has nothing in front of it; invalid UTF-8 only makes it longer.
  const isShort = Buffer.byteLength(tail) < TAIL_TEXT_BYTES || bytes <= TAIL_TEXT_BYTES;
  const begins = isShort || (!cut && Buffer.byteLength(text) === bytes) ? [] : [behindCut(text, 0)];
  const gap = cut ? GAP.exec(text) : null;
  if (gap === null) return begins;
  return [...begins, beforeCut(text, gap.index), behindCut(text, gap.index + gap[0].length)];
}

function beforeCut(text: string, end: number): SecretRange {
  return { kind: "cut", start: Math.max(0, end - TOUCHED_MAX, text.lastIndexOf("\n", end - 1) + 1), end };
}

/** The rest of the line, or all of a private key whose beginning is missing. */
function behindCut(text: string, start: number): SecretRange {
  const mark = KEY_MARK.exec(text.slice(start));
  if (mark?.[1] === "END") return { kind: "cut", start, end: start + mark.index + mark[0].length };
  const line = text.indexOf("\n", start);
  return { kind: "cut", start, end: Math.min(start + TOUCHED_MAX, line === -1 ? text.length : line) };
}
