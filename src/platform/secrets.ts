/**
 * What looks like a secret in a text: the rules of secretlint's recommended preset, and three of our own. The rules are
 * asked directly, without secretlint's engine (docs/decisions/010): they are patterns, and need nothing but a text.
 */
import { isRecord } from "./result.ts";

/** A stretch of a text, in UTF-16 units. */
export interface SecretRange {
  /** What it is, in words: "github token". Never the value. */
  readonly kind: string;
  readonly start: number;
  readonly end: number;
}

export type SecretRules = (text: string) => readonly SecretRange[];

/** Not in the preset, or only for files of one name, or only on one line: YAML folds what has a blank in it. */
const OWN_RULES = [
  { kind: "aws access key id", pattern: /(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])/g },
  {
    kind: "private key",
    pattern:
      /-----BEGIN\s{1,80}(?:[A-Z0-9]{1,16}\s{1,80}){0,3}PRIVATE\s{1,80}KEY(?:\s{1,80}BLOCK)?-----[A-Za-z0-9+/=\s\\]{100,20000}/g,
  },
  { kind: "npm auth token", pattern: /_authToken\s{0,8}=\s{0,8}["']?[A-Za-z0-9_+/=.-]{20,200}/g },
] as const;

/** It lets a comment in the text switch the others off: whoever writes an order must not. */
const COMMENT_RULE = "@secretlint/secretlint-rule-filter-comments";

/** Loads the rules: some 20 ms the first time. What comes back looks through a text at about 100 MB a second. */
export async function loadSecretRules(): Promise<SecretRules> {
  const { rules } = await import("@secretlint/secretlint-rule-preset-recommend");
  let [found, searched]: [SecretRange[], string] = [[], ""];
  const context: unknown = {
    createTranslator: () => (id: unknown, data: unknown) => ({ id, data }),
    report: (report: unknown) => found.push(rangeOf(report, searched)),
    ignore: () => undefined,
  };
  const scans = rules.flatMap((rule: unknown) => openRule(rule, context));
  if (scans.length === 0) throw new Error("the preset holds no rules");
  return (text) => {
    [found, searched] = [[], text];
    // No path and no ending: the rules for files of a certain name stay out.
    for (const scan of scans) scan({ content: text, filePath: undefined, ext: "" });
    for (const { kind, pattern } of OWN_RULES)
      for (const match of text.matchAll(pattern)) {
        found.push({ kind, start: match.index, end: match.index + match[0].length });
      }
    return found.toSorted((a, b) => a.start - b.start || a.end - b.end);
  };
}

type Scan = (source: unknown) => void;

/** One rule, ready to look; throws when it has another form than the pinned version's. */
function openRule(rule: unknown, context: unknown): readonly Scan[] {
  if (!isRecord(rule) || !isRecord(rule["meta"]) || typeof rule["create"] !== "function") throw notARule();
  if (rule["meta"]["id"] === COMMENT_RULE) return [];
  const scanner: unknown = rule["create"](context, {});
  const look = isRecord(scanner) ? scanner["file"] : undefined;
  if (typeof look !== "function") throw notARule();
  return [(source) => void look.call(scanner, source)];
}

function notARule(): Error {
  return new Error("secretlint's preset holds something that is no rule");
}

/** "GITHUB_TOKEN", "AWSSecretAccessKey" → "github token", "aws secret access key" */
function words(id: string): string {
  return id
    .replaceAll("_", " ")
    .replaceAll(/([a-z])([A-Z])/g, "$1 $2")
    .replaceAll(/([A-Z])([A-Z][a-z])/g, "$1 $2")
    .toLowerCase();
}

/** What a rule reports. Some give the place of all that they matched with the length of the value in it. */
function rangeOf(report: unknown, text: string): SecretRange {
  const range = isRecord(report) ? report["range"] : undefined;
  const message = isRecord(report) ? report["message"] : undefined;
  const [start, end]: readonly unknown[] = Array.isArray(range) ? range : [];
  if (typeof start !== "number" || typeof end !== "number" || !isRecord(message)) throw notARule();
  const { id, data } = message;
  if (typeof id !== "string") throw notARule();
  const kind = words(id);
  const values = (isRecord(data) ? Object.values(data) : []).filter((value) => typeof value === "string");
  if (values.includes(text.slice(start, end))) return { kind, start, end };
  const [nearest] = values
    .map((value) => ({ at: text.indexOf(value, start), value }))
    .filter(({ at }) => at !== -1)
    .toSorted((a, b) => a.at - b.at);
  return nearest === undefined
    ? { kind, start, end }
    : { kind, start: nearest.at, end: nearest.at + nearest.value.length };
}
