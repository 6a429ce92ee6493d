/**
 * What JSON.parse does not tell of a text that it took: keys that stand twice (it keeps the last one silently), how
 * deep it nests, and where a value stands. One pass, linear in the text, no recursion.
 */
import { LIMITS } from "./limits.ts";
import type { KeyPath, ProblemCode } from "./problems.ts";

export interface JsonFault {
  readonly code: ProblemCode;
  readonly message: string;
  readonly offset: number;
}

interface Level {
  /** The keys so far in an object; undefined in a list. */
  readonly keys: Set<string> | undefined;
  /** The key or list position of the value that comes next. */
  at: string | number;
  expectsKey: boolean;
}

/** What is met on the way, `at` each level: `offset` of a key or of a value's first character. */
type Visit = (levels: readonly Level[], offset: number, what: "key" | "value") => void;

/** The first fault in a text that JSON.parse accepts; undefined when there is none. */
export function findJsonFault(text: string): JsonFault | undefined {
  return walk(text, undefined);
}

/** Where the value at `path` begins, or its key with `what: "key"`; undefined when nothing is there. */
export function jsonOffset(text: string, path: KeyPath, what: "key" | "value"): number | undefined {
  let found: number | undefined;
  walk(text, (levels, offset, kind) => {
    if (found !== undefined || kind !== what || levels.length !== path.length) return;
    // From the end: most places differ in their last part.
    for (let index = path.length - 1; index >= 0; index -= 1) if (levels[index]?.at !== path[index]) return;
    found = offset;
  });
  return found;
}

/** True when brackets outside of strings nest deeper than `depth`, as they stand there: known before anything parses it. */
export function nestsDeeper(text: string, depth: number): boolean {
  let open = 0;
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at];
    if (char === '"') at = stringEnd(text, at) - 1;
    else if (char === "[" || char === "{") open += 1;
    else if (char === "]" || char === "}") open -= 1;
    if (open > depth) return true;
  }
  return false;
}

/** Where JSON.parse gave up, out of its message; the end of the text when it says no position. */
export function syntaxOffset(text: string, message: string): number {
  const position = /at position (\d+)/.exec(message)?.[1];
  return position === undefined ? text.trimEnd().length : Number(position);
}

function walk(text: string, visit: Visit | undefined): JsonFault | undefined {
  const levels: Level[] = [];
  let offset = 0;
  while (offset < text.length) {
    const char = text[offset];
    const level = levels.at(-1);
    if (char === '"') {
      const end = stringEnd(text, offset);
      if (level?.expectsKey === true) {
        const key: unknown = JSON.parse(text.slice(offset, end));
        const fault = takeKey(level, String(key), offset);
        if (fault !== undefined) return fault;
        visit?.(levels, offset, "key");
      } else visit?.(levels, offset, "value");
      offset = end;
    } else if (char === "{" || char === "[") {
      visit?.(levels, offset, "value");
      if (levels.length >= LIMITS.depth)
        return { code: "too_deep", message: `nests deeper than ${LIMITS.depth}`, offset };
      levels.push(newLevel(char));
      offset += 1;
    } else {
      offset = takeOther(text, offset, levels, visit);
    }
  }
  return undefined;
}

function newLevel(open: string): Level {
  return open === "{" ? { keys: new Set(), at: "", expectsKey: true } : { keys: undefined, at: 0, expectsKey: false };
}

function takeKey(level: Level, key: string, offset: number): JsonFault | undefined {
  if (level.keys?.has(key) === true) return { code: "duplicate_key", message: `the key "${key}" stands twice`, offset };
  level.keys?.add(key);
  level.at = key;
  level.expectsKey = false;
  return undefined;
}

/** A bracket that closes, a comma, or a number or word; returns the offset behind it. */
function takeOther(text: string, offset: number, levels: Level[], visit: Visit | undefined): number {
  const char = text[offset];
  const level = levels.at(-1);
  if (char === "}" || char === "]") levels.pop();
  else if (char === "," && level !== undefined) {
    if (level.keys !== undefined) level.expectsKey = true;
    else if (typeof level.at === "number") level.at += 1;
  } else if (char !== undefined && /[-0-9tfn]/.test(char)) {
    visit?.(levels, offset, "value");
    let end = offset + 1;
    while (end < text.length && /[-+.0-9a-zA-Z]/.test(text[end] ?? "")) end += 1;
    return end;
  }
  return offset + 1;
}

/** The offset behind the closing quote of the string that opens at `offset`. */
function stringEnd(text: string, offset: number): number {
  let end = text.indexOf('"', offset + 1);
  while (end !== -1 && isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end === -1 ? text.length : end + 1;
}

function isEscaped(text: string, offset: number): boolean {
  let slashes = 0;
  while (text[offset - 1 - slashes] === "\\") slashes += 1;
  return slashes % 2 === 1;
}
