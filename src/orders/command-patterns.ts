/**
 * Which commands a lane lets through, by patterns over their text. They guard against accidents: a command can be
 * written in more ways than any pattern knows, and only a sandbox and signatures help against who means harm.
 *
 * In a pattern `*` is any text and everything else is itself. No regular expressions: a star is found by going through
 * the text once, so that no pattern and no command can hold the daemon up (docs/decisions/010).
 */

export interface CommandPattern {
  /** `git push *`: a last ` *` is also nothing at all. */
  readonly pattern: string;
  /** Shown to whoever is refused. */
  readonly reason: string;
}

export interface CommandRules {
  readonly deny: readonly CommandPattern[];
  /** Each list has to allow a command; without any, everything is allowed. */
  readonly allow: readonly (readonly CommandPattern[])[];
}

/** Longest pattern: what is searched for in a text stays small beside it. */
export const PATTERN_LENGTH = 256;

/** Of all commands of an order together; more are not compared, so that comparing holds nothing up. */
export const COMPARED_LENGTH = 32 * 1024;

/** Every reason why a command is refused; none when it may run. */
export function refusalsOf(argv: readonly string[], { deny, allow }: CommandRules): readonly string[] {
  if (deny.length === 0 && allow.length === 0) return [];
  const script = argv[1] === "-c" ? (argv[2] ?? "") : undefined;
  const whole = oneLine(script ?? argv.join(" "));
  const parts = [...new Set(script === undefined ? [whole] : simpleCommands(script))];
  const spellings = [...new Set([whole, ...parts.flatMap(spellingsOf)])];
  const denied = deny.filter(({ pattern }) => spellings.some((text) => matchesPattern(text, pattern)));
  const reasons = denied.map(({ pattern, reason }) => `it matches "${pattern}": ${reason}`);
  for (const list of allow) {
    const strangers = parts.filter((part) => !list.some(({ pattern }) => matchesPattern(part, pattern)));
    if (strangers.length === 0) continue;
    const named = listText(strangers.map((part) => `"${shortened(part)}"`));
    reasons.push(
      `${named} ${strangers.length === 1 ? "matches" : "match"} nothing that is allowed: ${patternsText(list)}`,
    );
  }
  return [...new Set(reasons)];
}

const SHOWN = 5;

function patternsText(list: readonly CommandPattern[]): string {
  if (list.length === 0) return "the list is empty";
  return listText(list.map(({ pattern, reason }) => `"${pattern}" (${reason})`));
}

function listText(words: readonly string[]): string {
  return `${words.slice(0, SHOWN).join(", ")}${words.length > SHOWN ? `, and ${words.length - SHOWN} more` : ""}`;
}

function shortened(text: string): string {
  return text.length > 80 ? `${text.slice(0, 79).toWellFormed()}…` : text;
}

/** True when the whole text is as the pattern says. */
export function matchesPattern(text: string, pattern: string): boolean {
  if (pattern.endsWith(" *") && matchesPattern(text, pattern.slice(0, -2))) return true;
  const [first = "", ...rest] = pattern.split("*");
  const last = rest.pop();
  if (last === undefined) return text === pattern;
  if (!text.startsWith(first) || !text.endsWith(last)) return false;
  // Each piece as early as it can be: what comes behind it never has less room than elsewhere.
  let at = first.length;
  for (const piece of rest) {
    const found = text.indexOf(piece, at);
    if (found === -1) return false;
    at = found + piece.length;
  }
  return at <= text.length - last.length;
}

const CARRIERS = /^(?:sudo|exec|nohup|env|command|time) /;

/** How a denied command may also be written by accident: by its path, or behind a word that carries it. */
function spellingsOf(command: string): readonly string[] {
  let bare = command;
  while (CARRIERS.test(bare)) bare = withoutLead(bare.slice(bare.indexOf(" ") + 1));
  const program = bare.split(" ", 1)[0] ?? "";
  return [command, bare, program.slice(program.lastIndexOf("/") + 1) + bare.slice(program.length)];
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ").trim();
}

/** Words of the shell that stand before a command, and values that are set for it alone. */
const LEAD =
  /^(?:(?:then|do|else|elif|if|while|until|!|\{|time)(?= |$)|[A-Za-z_]\w*=(?:"[^"]*"|'[^']*'|[^\s"'])*(?= |$)) ?/;
/** What runs nothing by itself. */
const EMPTY = /^(?:fi|done|esac|\}|for .*)?$/;

function withoutLead(command: string): string {
  let bare = command;
  for (let lead = LEAD.exec(bare)?.[0]; lead !== undefined && lead !== ""; lead = LEAD.exec(bare)?.[0])
    bare = bare.slice(lead.length);
  return bare;
}

interface Level {
  /** What has to come for the text around it to go on. */
  readonly kind: "whole" | "group" | "substitution" | "back quotes" | "double quotes";
  text: string;
}

/**
 * The commands that a shell would run one by one, those within `$(…)` too, blanks drawn together. Quoted text belongs to
 * its command. One pass, and only as good a shell as accidents need: here-documents count as commands.
 */
export function simpleCommands(script: string): readonly string[] {
  const found: string[] = [];
  const levels: Level[] = [{ kind: "whole", text: "" }];
  const end = (level: Level) => {
    if (level.text === "") return;
    const command = withoutLead(oneLine(level.text));
    if (!EMPTY.test(command)) found.push(command);
    level.text = "";
  };
  const open = (kind: Level["kind"]) => levels.push({ kind, text: "" });
  const close = (level: Level) => {
    end(level);
    levels.pop();
  };
  for (let at = 0; at < script.length; ) {
    const level = levels.at(-1) ?? { kind: "whole", text: "" };
    const { token, next, isText } = tokenAt(script, at, level);
    at = next;
    if (isText === true) level.text += token;
    else if (token === "$(") open("substitution");
    else if (token === "`" && level.kind === "back quotes") close(level);
    else if (token === "`") open("back quotes");
    else if (token === '"' && level.kind === "double quotes") {
      levels.pop();
      const outer = levels.at(-1);
      if (outer !== undefined) outer.text += `"${level.text}"`;
    } else if (token === '"') open("double quotes");
    else if (level.kind === "double quotes") level.text += token;
    else if (token === ")" && (level.kind === "substitution" || level.kind === "group")) close(level);
    else if (token === "(") {
      end(level);
      open("group");
    } else if (SEPARATORS.has(token)) end(level);
    else level.text += token;
  }
  for (const level of levels.toReversed()) end(level);
  return found;
}

const SEPARATORS = new Set([";", "|", "&", "\n", ")"]);

const PLAIN = /(?:[^\\$"'`()&|;\n#]|\\[^\n])+/y;

/** The next piece that means something: an operator, a quoted text, a character with its escape, or a character. */
function tokenAt(
  script: string,
  at: number,
  level: Level,
): { readonly token: string; readonly next: number; readonly isText?: boolean } {
  const char = script[at] ?? "";
  PLAIN.lastIndex = at;
  const plain = PLAIN.exec(script)?.[0];
  if (plain !== undefined) return { token: plain, next: at + plain.length, isText: true };
  if (char === "\\") {
    // A line that goes on, or the end.
    return { token: script[at + 1] === "\n" ? " " : char, next: at + 2, isText: true };
  }
  if (char === "$" && script[at + 1] === "(") return { token: "$(", next: at + 2 };
  if (level.kind === "double quotes") return { token: char, next: at + 1 };
  if (char === "'") {
    const end = script.indexOf("'", at + 1);
    const next = end === -1 ? script.length : end + 1;
    return { token: script.slice(at, next), next };
  }
  // `2>&1` and `&>` are one command's.
  if (char === "&" && (script[at - 1] === ">" || script[at + 1] === ">"))
    return { token: char, next: at + 1, isText: true };
  if (char === "#" && /^$|\s$/.test(level.text.slice(-1))) {
    const end = script.indexOf("\n", at);
    return { token: "", next: end === -1 ? script.length : end };
  }
  return { token: char, next: at + 1 };
}
