/** The words of a simple command, as far as they can be known without being its shell. */

/** A word whose value only the running shell would know. */
export const UNKNOWN = Symbol("only the shell knows");
export type ShellWord = string | typeof UNKNOWN;

const REDIRECTION = /^\d*(?:&>>?|>>?|<)(?:&\d)?$/;

/**
 * The words without redirections. `expand` gives what `~`, `$HOME` and known variables stand for, undefined for what
 * cannot be known.
 */
export function shellWords(command: string, expand: (text: string) => string | undefined): readonly ShellWord[] {
  const words: ShellWord[] = [];
  let skipsNext = false;
  for (const raw of rawWords(command)) {
    if (REDIRECTION.test(raw)) {
      skipsNext = !raw.includes(">&");
      continue;
    }
    const isTarget = skipsNext || /^\d*[<>&]/.test(raw);
    skipsNext = false;
    if (!isTarget) words.push(valueOf(raw, expand));
  }
  return words;
}

/** Split at blanks that stand in no quotes. */
function rawWords(command: string): readonly string[] {
  return command.match(/(?:\\.|'[^']*'|"(?:\\.|[^"\\])*"|[^\s'"\\])+/g) ?? [];
}

function valueOf(raw: string, expand: (text: string) => string | undefined): ShellWord {
  let value = "";
  for (const [piece] of raw.matchAll(/\\.|'[^']*'|"(?:\\.|[^"\\])*"|[^'"\\]+|./g)) {
    if (piece.startsWith("'")) value += piece.slice(1, -1);
    else if (piece.startsWith("\\")) value += piece.slice(1);
    else {
      const text = piece.startsWith('"') ? piece.slice(1, -1) : piece;
      // A tilde within a word, or within quotes, is one.
      const plain = piece.startsWith("~") && value !== "" ? text : expand(text);
      if (plain === undefined || /[$`]/.test(plain) || (!piece.startsWith('"') && /[*?]|\{.*,/.test(plain)))
        return UNKNOWN;
      value += plain;
    }
  }
  return value;
}
