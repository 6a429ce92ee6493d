/** What is wrong with an order, as a value: one per fault, with the place in the file and what to do about it. */
import { withMovesMarked } from "../platform/plain-text.ts";
import { LIMITS } from "./limits.ts";

/** 1-based; columns count UTF-16 units, as editors do. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** Where a value stands: keys and list positions from the root. */
export type KeyPath = readonly (string | number)[];

export const PROBLEM_CODES = [
  "bad_id",
  "bad_mode",
  "bad_operations_file",
  "bad_patch",
  "bad_path",
  "bad_signature",
  "checksum_mismatch",
  "command_cut",
  "command_refused",
  "content_conflict",
  "disk_refused",
  "duplicate_key",
  "empty_order",
  "file_too_large",
  "lane_refuses_commands",
  "missing_value",
  "more_problems",
  "no_file",
  "no_map",
  "no_text",
  "not_done",
  "not_read",
  "path_refused",
  "secret_found",
  "signature_expired",
  "signature_unchecked",
  "several_documents",
  "syntax",
  "too_deep",
  "too_large",
  "too_many_actions",
  "too_many_aliases",
  "too_many_commands",
  "too_many_files",
  "too_many_tokens",
  "too_slow",
  "unknown_action",
  "unknown_key",
  "unknown_signer",
  "unreadable",
  "unsigned",
  "unsigned_operations",
  "unsupported_yaml",
  "wrong_type",
  "wrong_value",
] as const;

export type ProblemCode = (typeof PROBLEM_CODES)[number];

/** What to do about faults that say nothing more of their own. */
export const HINTS: Partial<Readonly<Record<ProblemCode, string>>> = {
  several_documents: "put each order into a file of its own",
  duplicate_key: "keep one of the two: readers disagree about which one counts",
  too_many_aliases: "write the values out",
  too_deep: "nothing that an order can hold nests like this",
  too_many_tokens: "write large contents as block scalars (`content: |`), or the order as JSON",
  checksum_mismatch: "what was meant is not what lies there: make the checksums again, or get the right file",
  secret_found:
    "name where it can be read instead; a rejected file is kept as it was dropped in bridge/error/: delete it there, and replace the secret if it is real (`policy.secrets: allow` lets such orders through)",
  syntax: "mend it there; `wo check FILE` reads it without filing it",
  unsigned:
    "sign it as it is, `ssh-keygen -Y sign -f KEY -n wo-bridge FILE`, and drop FILE and FILE.sig, in any order; of a folder: `wo manifest FOLDER | ssh-keygen -Y sign -f KEY -n wo-bridge > FOLDER.sig`",
  unsigned_operations: "state what `shasum -a 256` says of it as `lpe_patch_file_sha256: …`, and sign the order again",
  bad_signature:
    "it may have been changed after it was signed, or signed without `-n wo-bridge`: sign it once more, and drop both",
  unknown_signer:
    "a person adds the key's line to allowed_signers in the base, and says `wo config accept`; `wo status` shows lines that wait for that",
  signature_expired: "a person renews the key's line in allowed_signers, and says `wo config accept`",
  signature_unchecked:
    "install OpenSSH 8.9 or newer (`ssh-keygen`) where the daemon's PATH finds it, and drop both files again",
  unsupported_yaml: "write plain keys and values",
};

export interface Problem {
  readonly code: ProblemCode;
  /** One sentence in lower case. */
  readonly message: string;
  readonly hint?: string;
  /** Of an order that is a folder: which of its files. */
  readonly file?: string;
  /** In a file of the base that the order names: its path, as the order has it. */
  readonly named?: string;
  /** "files[0].mode" */
  readonly key?: string;
  readonly place?: Place;
  /** The line in question with its neighbour above and a mark below. */
  readonly frame?: string;
}

/** `["files", 0, "mode"]` → `files[0].mode` */
export function keyText(path: KeyPath): string {
  let text = "";
  for (const part of path) {
    if (typeof part === "number") text += `[${part}]`;
    else if (part === "") text += '[""]';
    else text += text === "" ? part : `.${part}`;
  }
  return text;
}

/** As many as anybody reads of one file; the last of them says how many more there are, with `others` that are none of these. */
export function bounded(problems: readonly Problem[], others = 0): readonly Problem[] {
  if (problems.length + others <= LIMITS.problems) return problems;
  const shown = problems.slice(0, LIMITS.problems - 1);
  const message = `${problems.length + others - shown.length} more are not told here`;
  return [...shown, { code: "more_problems", message, hint: "mend these first: the next check tells the others" }];
}

const FRAME_WIDTH = 100;

/** The place in the text as a compiler shows it; long lines are cut around it, what moves a terminal's cursor is shown as `?`. */
export function codeFrame(text: string, place: Place, length = 1): string {
  const numberWidth = String(place.line).length + 1;
  const from = Math.max(0, place.column - 1 - FRAME_WIDTH / 2);
  let [above, start] = [0, 0];
  for (let line = 1; line < place.line; line += 1) [above, start] = [start, text.indexOf("\n", start) + 1];
  const show = (number: number, lineStart: number) => {
    const line = (text.slice(lineStart).split("\n", 1)[0] ?? "").replace(/\r$/, "").slice(from, from + FRAME_WIDTH);
    return `${String(number).padStart(numberWidth)} | ${withMovesMarked(line.toWellFormed())}`;
  };
  const mark = `${" ".repeat(numberWidth)} | ${" ".repeat(place.column - 1 - from)}${"^".repeat(Math.max(1, length))}`;
  return [...(place.line > 1 ? [show(place.line - 1, above)] : []), show(place.line, start), mark].join("\n");
}

/** Offset in the text → place. */
export function placeAt(text: string, offset: number): Place {
  const before = text.slice(0, offset);
  const lineStart = before.lastIndexOf("\n") + 1;
  let line = 1;
  for (let at = before.indexOf("\n"); at !== -1; at = before.indexOf("\n", at + 1)) line += 1;
  return { line, column: offset - lineStart + 1 };
}

/** The known word that differs least from `word`; undefined when none is near enough to be meant. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase(), bestDistance);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Levenshtein distance, or `limit` as soon as it cannot be less. */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit;
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const substitution = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitution, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return Math.min(limit, row[b.length] ?? limit);
}
