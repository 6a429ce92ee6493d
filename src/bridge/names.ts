/** Which names in an inbox are orders, which are nobody's business, and which look like orders and are none. */

const ORDER_ENDING = /\.(?:ya?ml|json)$/i;
const IGNORED_ENDING = /\.(?:tmp|part|example|sample|retry)$|~$/i;
const IGNORED_NAME = /^(?:\.|readme(?:\.md|\.txt)?$)/i;
/** Endings that people give to orders they want done and that nothing reads. */
const TEMPTING_ENDING = /\.(?:md|zsh|sh|txt|yml\.txt|yaml\.txt)$/i;

export type NameKind = "order" | "ignored" | "tempting";

/** What a name in a lane folder promises. Hidden names cover what is being written, and `.claimed` itself. */
export function kindOfName(name: string): NameKind {
  if (IGNORED_NAME.test(name) || IGNORED_ENDING.test(name)) return "ignored";
  if (ORDER_ENDING.test(name)) return "order";
  return TEMPTING_ENDING.test(name) ? "tempting" : "ignored";
}

/** The name without its ending: the id of an order that declares none. */
export function stemOf(name: string): string {
  return name.replace(ORDER_ENDING, "");
}

/** Where the signature of an order lies: beside it, wherever that is. */
export function signatureOf(path: string): string {
  return `${path}.sig`;
}

/** The name of the order, a file or a folder, that a signature of this name belongs to; undefined for all other names. */
export function signedName(name: string): string | undefined {
  return /^([^.].*)\.sig$/s.exec(name)?.[1];
}

/** `<ulid>~<name>`: what a file is called while it is ours. The ulid makes it a name that nothing else has. */
export function claimName(ulid: string, name: string): string {
  return `${ulid}~${name}`;
}

/** The dropped name in a claim's; undefined when it is none. */
export function nameInClaim(claim: string): string | undefined {
  return /^[0-9A-HJKMNP-TV-Z]{26}~(.+)$/s.exec(claim)?.[1];
}
