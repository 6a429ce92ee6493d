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
const TOKEN = new Uint8Array(128);
for (const char of "[]{},:\"'?&*!%#-") TOKEN[char.charCodeAt(0)] = 1;

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
    const count = 1 + countTokens(text, start, end);
    tokensAtMost += count;
    // Lines of a block scalar are content, whatever they look like.
    if (scalarIndent !== undefined && !blank && indent <= scalarIndent) scalarIndent = undefined;
    if (scalarIndent === undefined) {
      tokens += count;
      const nesting = nestingOf(text, start, end, brackets);
      brackets = nesting.brackets;
      const deepest = Math.max(nesting.deepest, indent);
      const fault =
        deepest > NESTING_MAX
          ? { code: "too_deep" as const, message: `nests deeper than ${LIMITS.depth}`, offset: start }
          : lineFault(text, start, tokens);
      if (fault !== undefined) return { fault, tokensAtMost };
      if (!blank && BLOCK_SCALAR.test(text.slice(Math.max(start, end - 200), end))) scalarIndent = indent;
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

/** How deep a line nests at most: brackets that are open, and indicators of lists and keys that follow one another. */
function nestingOf(
  text: string,
  start: number,
  end: number,
  open: number,
): { readonly brackets: number; readonly deepest: number } {
  let [brackets, indicators, deepest] = [open, 0, open];
  for (let at = start; at < end; at += 1) {
    const char = text[at];
    if (char === "[" || char === "{") brackets += 1;
    else if (char === "]" || char === "}") brackets = Math.max(0, brackets - 1);
    else if ((char === "-" || char === "?" || char === ":") && (text[at + 1] === " " || at + 1 === end))
      indicators += 1;
    if (brackets + indicators > deepest) deepest = brackets + indicators;
    if (deepest > NESTING_MAX) break;
  }
  return { brackets, deepest };
}

function indentOf(text: string, start: number, end: number): number {
  let at = start;
  while (at < end && text[at] === " ") at += 1;
  return at - start;
}

function countTokens(text: string, start: number, end: number): number {
  let count = 0;
  for (let at = start; at < end; at += 1) count += TOKEN[text.charCodeAt(at)] ?? 0;
  return count;
}
