/**
 * A look at YAML before a parser gets it, because the parser needs about 8 µs for each token and takes `[[[[…` to the
 * end of the memory. One linear pass; it judges cost, not syntax.
 */
import { LIMITS } from "./limits.ts";
import type { ProblemCode } from "./problems.ts";

export interface YamlFault {
  readonly code: ProblemCode;
  readonly message: string;
  readonly offset: number;
}

export interface YamlCost {
  /** A reason to refuse the text unparsed. */
  readonly fault: YamlFault | undefined;
  /** The most tokens that the parser can meet, the lines of block scalars counted as if they were structure. */
  readonly tokensAtMost: number;
}

const BLOCK_SCALAR = /(?:^|[\s:-])[|>][-+0-9]{0,2}[ \t]*(?:#.*)?\r?$/;
/** What a character may be, as bits, by its code. */
const [TOKEN, OPENING, CLOSING, INDICATOR, SCALAR] = [1, 2, 4, 8, 16] as const;
const MEANING = new Uint8Array(128);
for (const [bit, chars] of [
  [TOKEN, "[]{},:\"'?&*!%#-"],
  [OPENING, "[{"],
  [CLOSING, "]}"],
  [INDICATOR, "-?:"],
  [SCALAR, "|>"],
] as const) {
  for (const char of chars) MEANING[char.charCodeAt(0)] = (MEANING[char.charCodeAt(0)] ?? 0) | bit;
}
const BLANK = 32;

/**
 * Nesting by brackets, indicators or blanks, as they stand there, beyond which nothing is parsed: the parser recurses, and
 * an engine that runs out of stack inside a pattern ends the whole process. The true limit is checked after parsing.
 */
export const NESTING_MAX = 1000;

/** What the text would cost to parse. */
export function yamlCost(text: string): YamlCost {
  let tokensAtMost = 0;
  let tokens = 0;
  let brackets = 0;
  let scalarIndent: number | undefined;
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf("\n", start);
    const end = newline === -1 ? text.length : newline;
    const indent = indentOf(text, start, end);
    const blank = start + indent >= end;
    // Lines of a block scalar are content, whatever they look like.
    if (scalarIndent !== undefined && !blank && indent <= scalarIndent) scalarIndent = undefined;
    if (scalarIndent !== undefined) tokensAtMost += 1 + countTokens(text, start, end);
    else {
      const line = structureOf(text, start, end, { open: brackets, tokensLeft: LIMITS.tokens - tokens });
      brackets = line.brackets;
      tokens += line.tokens;
      tokensAtMost += line.tokens;
      const fault =
        Math.max(line.deepest, indent) > NESTING_MAX
          ? { code: "too_deep" as const, message: `nests deeper than ${LIMITS.depth}`, offset: start }
          : lineFault(text, start, tokens);
      if (fault !== undefined) return { fault, tokensAtMost };
      if (line.mayBeScalar && BLOCK_SCALAR.test(text.slice(Math.max(start, end - 200), end))) scalarIndent = indent;
    }
    start = end + 1;
  }
  return { fault: undefined, tokensAtMost };
}

function lineFault(text: string, start: number, tokens: number): YamlFault | undefined {
  if (tokens > LIMITS.tokens) {
    const message = `holds more than ${LIMITS.tokens} YAML tokens outside of block scalars`;
    return { code: "too_many_tokens", message, offset: start };
  }
  if (
    text[start] === "%" &&
    !/^%YAML[ \t]+1\.2[ \t]*\r?$/m.test(text.slice(start, start + 20).split("\n", 1)[0] ?? "")
  ) {
    return { code: "unsupported_yaml", message: "a directive changes what the file means", offset: start };
  }
  return undefined;
}

interface LineStructure {
  /** The line itself is one. */
  readonly tokens: number;
  /** Open at its end. */
  readonly brackets: number;
  /** Brackets that are open, and indicators of lists and keys that follow one another. */
  readonly deepest: number;
  /** A block scalar may begin here. */
  readonly mayBeScalar: boolean;
}

/** What a line is made of; looked at no further than it takes to refuse it. */
function structureOf(
  text: string,
  start: number,
  end: number,
  { open, tokensLeft }: { readonly open: number; readonly tokensLeft: number },
): LineStructure {
  let [tokens, brackets, indicators, deepest, mayBeScalar] = [1, open, 0, open, false];
  for (let at = start; at < end; at += 1) {
    const meaning = MEANING[text.charCodeAt(at)] ?? 0;
    if (meaning === 0) continue;
    tokens += meaning & TOKEN;
    if ((meaning & OPENING) !== 0) brackets += 1;
    else if ((meaning & CLOSING) !== 0) brackets = Math.max(0, brackets - 1);
    else if ((meaning & INDICATOR) !== 0 && (at + 1 === end || text.charCodeAt(at + 1) === BLANK)) indicators += 1;
    else if ((meaning & SCALAR) !== 0) mayBeScalar = true;
    if (brackets + indicators > deepest) deepest = brackets + indicators;
    if (deepest > NESTING_MAX || tokens > tokensLeft) break;
  }
  return { tokens, brackets, deepest, mayBeScalar };
}

function indentOf(text: string, start: number, end: number): number {
  let at = start;
  while (at < end && text[at] === " ") at += 1;
  return at - start;
}

function countTokens(text: string, start: number, end: number): number {
  let count = 0;
  for (let at = start; at < end; at += 1) count += (MEANING[text.charCodeAt(at)] ?? 0) & TOKEN;
  return count;
}
