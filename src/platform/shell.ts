/** Text that a POSIX shell reads as what was meant. */

/** One word in a command that a person is told to type: bare where that is the same. */
export function typedWord(word: string): string {
  return /^[\w./@%+=:,][\w./@%+=:,-]*$/.test(word) ? word : quoted(word);
}

/** One word for a shell, whatever is in it. */
export function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
