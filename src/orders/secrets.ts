/**
 * Secrets in an order's file: where they stand, and every text about that file without them. The whole file is looked
 * through, not only contents and commands: all of it may get into a record.
 */
import type { SecretRange, SecretRules } from "../platform/secrets.ts";
import { decode } from "./document.ts";
import { isPacked } from "./folder-order.ts";
import { LIMITS } from "./limits.ts";
import { codeFrame, HINTS, type Problem, placeAt } from "./problems.ts";

/**
 * The secrets in a text as it is written and as a reader of YAML or JSON would take it, where they stand in the text;
 * sorted, none over another.
 */
export function secretsIn(text: string, rules: SecretRules): readonly SecretRange[] {
  const found = [...rules(text)];
  const plain = unescaped(text);
  if (plain !== undefined) {
    for (const { kind, start, end } of rules(plain.text))
      found.push({ kind, start: plain.placeOf(start), end: plain.placeOf(end) });
  }
  return apart(found);
}

/** The same of a file. What is no text has no places, and nothing of it is shown to anybody. */
export function secretsInFile(bytes: Uint8Array, rules: SecretRules): readonly SecretRange[] {
  const text = decode(bytes);
  return text.ok ? secretsIn(text.value, rules) : [];
}

/** The text with stars for the secrets in it, and for `more` of it; as long as it was, its lines where they were. */
export function hidden(text: string, rules: SecretRules, more: readonly SecretRange[] = []): string {
  return starred(text, apart([...secretsIn(text, rules), ...more]));
}

/** A file's name without the secrets in it, as it may stand in records and in other names; undefined when it holds none. */
export function nameWithoutSecrets(name: string, rules: SecretRules): string | undefined {
  let [bare, from] = ["", 0];
  for (const { start, end } of secretsIn(name, rules)) {
    bare += `${name.slice(from, start)}SECRET`;
    from = end;
  }
  return from === 0 ? undefined : bare + name.slice(from);
}

/** The problem of such a name. */
export function secretNameProblem(name: string, rules: SecretRules): Problem {
  const kinds = [...new Set(secretsIn(name, rules).map(({ kind }) => kind))];
  const hint = "give the file another name: names are recorded, and others see them; replace the secret if it is real";
  return { code: "secret_found", message: `the file's name holds what looks like a secret: ${kinds.join(", ")}`, hint };
}

/** One problem for each, with its place and what it is; the frame shows stars for all of them. `named`: as a problem has it. */
export function secretProblems(text: string, secrets: readonly SecretRange[], named?: string): readonly Problem[] {
  const shown = starred(text, secrets);
  return secrets.slice(0, LIMITS.problems).map(({ kind, start, end }) => {
    const place = placeAt(text, start);
    const lineEnd = shown.indexOf("\n", start);
    const length = Math.min(end, lineEnd === -1 ? end : lineEnd) - start;
    const inner = fileAt(shown, start);
    return {
      code: "secret_found",
      message: `this looks like a secret: ${kind}`,
      ...(HINTS.secret_found === undefined ? {} : { hint: HINTS.secret_found }),
      // In a folder's one text the lines are nobody's.
      ...(named === undefined ? {} : { named }),
      ...(inner === undefined ? { place, frame: codeFrame(shown, place, Math.min(length, 60)) } : { file: inner }),
    };
  });
}

/**
 * Problems that can be shown to anybody: the secrets of the text are stars in their words, and in frames out of it. Those
 * out of a text with another `named` are not looked at: that one has its own turn.
 */
export function withoutSecrets(
  problems: readonly Problem[],
  text: string,
  secrets: readonly SecretRange[],
  ofNamed?: string,
): readonly Problem[] {
  if (secrets.length === 0) return problems;
  const shown = starred(text, secrets);
  const length = secrets.reduce((sum, { start, end }) => sum + end - start, 0);
  const hide = (words: string) => (length > COMPARED_MAX ? LEFT_OUT : withStars(words, text, secrets));
  return problems.map(({ code, message, hint, key, place, frame, file, named }) => ({
    code,
    message: hide(message),
    ...(hint === undefined ? {} : { hint: hide(hint) }),
    ...(key === undefined ? {} : { key: hide(key) }),
    ...(place === undefined ? {} : { place }),
    ...(file === undefined ? {} : { file: hide(file) }),
    ...(named === undefined ? {} : { named: hide(named) }),
    ...framed({ frame, place, file }, named === ofNamed ? shown : undefined),
  }));
}

/** The frame anew, out of the text with stars. The lines of a folder's file are not those of its one text: none of them is shown. */
function framed(
  { frame, place, file }: { readonly [key in "frame" | "place" | "file"]: Problem[key] | undefined },
  hidden: string | undefined,
): Pick<Problem, "frame"> {
  if (frame === undefined || place === undefined) return {};
  if (hidden === undefined) return { frame };
  return file === undefined ? { frame: codeFrame(hidden, place) } : {};
}

/** Which file of a packed folder an offset is in; undefined in any other text. */
function fileAt(text: string, offset: number): string | undefined {
  if (!isPacked(text)) return undefined;
  const at = text.lastIndexOf('{"path":"', offset);
  return /^\{"path":"((?:[^"\\]|\\.){1,200})"/.exec(text.slice(at, at + 250))?.[1] ?? "";
}

/** As many letters in a row as are no accident. */
const TELLING = 8;
/** Of all secrets together; beyond it, comparing would hold everything up. */
const COMPARED_MAX = 16 * 1024;
const LEFT_OUT = "left out: the file is full of secrets";

/** True when a secret of the text is part of the word. */
export function holdsSecret(word: string, text: string, secrets: readonly SecretRange[]): boolean {
  return valuesOf(text, secrets).some((value) => word.includes(value));
}

/** Words with stars for each stretch that also stands in a secret: messages quote what they are about, cut or whole. */
function withStars(words: string, text: string, secrets: readonly SecretRange[]): string {
  const values = valuesOf(text, secrets);
  let shown = "";
  for (let at = 0, until = 0; at < words.length; at += 1) {
    const stretch = words.slice(at, at + TELLING);
    if (stretch.length === TELLING && values.some((value) => value.includes(stretch))) until = at + TELLING;
    shown += at < until ? "*" : (words[at] ?? "");
  }
  return shown;
}

/** As they are written, and as they are meant. */
function valuesOf(text: string, secrets: readonly SecretRange[]): readonly string[] {
  return secrets.flatMap(({ start, end }) => {
    const value = text.slice(start, end);
    return [value, unescaped(value)?.text ?? value];
  });
}

/** The text with stars for the secrets; lines and columns stay where they are. */
function starred(text: string, secrets: readonly SecretRange[]): string {
  let shown = "";
  let from = 0;
  for (const { start, end } of secrets) {
    shown += text.slice(from, start) + text.slice(start, end).replaceAll(/[^\r\n]/g, "*");
    from = end;
  }
  return shown + text.slice(from);
}

/** Sorted; what overlaps becomes one, under the name of the one that begins first. */
function apart(found: readonly SecretRange[]): readonly SecretRange[] {
  const merged: SecretRange[] = [];
  for (const range of found.toSorted((a, b) => a.start - b.start || b.end - a.end)) {
    const last = merged.at(-1);
    if (last === undefined || range.start >= last.end) merged.push(range);
    else merged[merged.length - 1] = { ...last, end: Math.max(last.end, range.end) };
  }
  return merged;
}

interface Unescaped {
  readonly text: string;
  /** Where a character stands in the text that it comes from. */
  placeOf(offset: number): number;
}

/** The escapes of JSON and of YAML's quoted scalars; a line that goes on is one line. */
const ESCAPE = /\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|U([0-9a-fA-F]{8})|\r?\n[ \t]*|([^\r\n]))|''/g;
const CONTROLS: Readonly<Record<string, string>> = {
  n: "\n",
  r: "\r",
  t: "\t",
  N: "\n",
  L: "\n",
  P: "\n",
  _: " ",
  0: " ",
};

/** The text as it would be within quotes; undefined when that is the text itself. */
function unescaped(text: string): Unescaped | undefined {
  if (!text.includes("\\") && !text.includes("''")) return undefined;
  const [outs, ins]: [number[], number[]] = [[0], [0]];
  const parts: string[] = [];
  let [length, from] = [0, 0];
  for (const match of text.matchAll(ESCAPE)) {
    const before = text.slice(from, match.index);
    const meant = meaningOf(match);
    from = match.index + match[0].length;
    parts.push(before, meant);
    // The escape itself stands where it begins; what follows, behind it.
    outs.push(length + before.length, length + before.length + meant.length);
    ins.push(match.index, from);
    length += before.length + meant.length;
  }
  parts.push(text.slice(from));
  const placeOf = (offset: number) => {
    let [low, high] = [0, outs.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((outs[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return (ins[low] ?? 0) + offset - (outs[low] ?? 0);
  };
  return { text: parts.join(""), placeOf };
}

function meaningOf([escape, four, two, eight, letter]: RegExpMatchArray): string {
  const hex = four ?? two ?? eight;
  if (hex !== undefined) return String.fromCodePoint(Math.min(Number.parseInt(hex, 16), 0x10ffff));
  if (letter !== undefined) return CONTROLS[letter] ?? letter;
  return escape === "''" ? "'" : "";
}
