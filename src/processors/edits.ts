/** One change of one text: found exactly once, or not made at all. Pure. */
import { isMap, isScalar, parseDocument, type Scalar } from "yaml";
import type { TextEdit } from "../orders/order.ts";
import { yamlCost } from "../orders/yaml-text.ts";
import { err, ok, type Result } from "../platform/result.ts";

/** Parsing a longer text would hold up everything else. */
const SETTABLE_LENGTH = 256 * 1024;

export interface EditFault {
  readonly code: string;
  readonly message: string;
}

/**
 * The text with the edit in it. `after` and `before` add whole lines behind or in front of the line(s) in which `find`
 * stands; `replace` puts the text in its place.
 */
export function editText(whole: string, edit: TextEdit): Result<string, EditFault> {
  if (edit.unless !== undefined && whole.includes(edit.unless)) return ok(whole);
  const context = edit.context === undefined ? ok(0) : findOnce(whole, edit.context);
  if (!context.ok) return context;
  // Within its context the first is meant.
  const found = edit.context === undefined ? findOnce(whole, edit.find) : ok(whole.indexOf(edit.find, context.value));
  if (!found.ok) return found;
  const start = found.value;
  const end = start + edit.find.length;
  switch (edit.how) {
    case "replace":
      return ok(whole.slice(0, start) + edit.text + whole.slice(end));
    case "before":
      return ok(insertLines(whole, start === 0 ? 0 : whole.lastIndexOf("\n", start - 1) + 1, edit.text));
    case "after": {
      // A find that ends with its newline is followed by the next line's begin.
      const newline = edit.find.endsWith("\n") ? end - 1 : whole.indexOf("\n", end);
      return ok(
        newline === -1
          ? insertLines(`${whole}\n`, whole.length + 1, edit.text)
          : insertLines(whole, newline + 1, edit.text),
      );
    }
  }
}

/** The text with whole lines behind its end. */
export function appendText(whole: string, text: string): string {
  return insertLines(whole === "" || whole.endsWith("\n") ? whole : `${whole}\n`, Number.POSITIVE_INFINITY, text);
}

/** The text of a JSON or YAML file with one value in another's place; what surrounds it stays to the letter. */
export function setValue(
  whole: string,
  keys: readonly string[],
  value: string | number | boolean,
): Result<string, EditFault> {
  const unread: EditFault = { code: "no_text", message: "it cannot be read as JSON or YAML" };
  if (whole.length > SETTABLE_LENGTH || yamlCost(whole).fault !== undefined) return err(unread);
  const document = parseDocument(whole, { uniqueKeys: false, logLevel: "silent" });
  if (document.errors.length > 0) return err(unread);
  const shown = keys.join(".");
  let node: unknown = document.contents;
  for (const key of keys) {
    const pairs = isMap(node) ? node.items.filter((pair) => isScalar(pair.key) && String(pair.key.value) === key) : [];
    if (pairs.length !== 1)
      return err({ code: "not_found", message: `the key ${shown} is not in it${pairs.length > 1 ? " once" : ""}` });
    node = pairs[0]?.value;
  }
  if (!isScalar(node) || node.range === undefined || node.range === null || isBlock(node))
    return err({ code: "wrong_type", message: `what it has under ${shown} is no plain value` });
  const [start, end] = node.range;
  const written = JSON.stringify(value);
  // A key with nothing behind it ends at its colon.
  return ok(whole.slice(0, start) + (whole[start - 1] === ":" ? ` ${written}` : written) + whole.slice(end));
}

function isBlock({ type }: Scalar): boolean {
  return type === "BLOCK_FOLDED" || type === "BLOCK_LITERAL";
}

/** Where the text stands; a fault unless it stands there exactly once. */
function findOnce(whole: string, text: string): Result<number, EditFault> {
  const start = whole.indexOf(text);
  const shown = JSON.stringify(text.length > 60 ? `${text.slice(0, 59).toWellFormed()}…` : text);
  if (start === -1) return err({ code: "not_found", message: `${shown} is not in it` });
  if (whole.indexOf(text, start + 1) !== -1)
    return err({ code: "found_twice", message: `${shown} is in it more than once` });
  return ok(start);
}

function insertLines(whole: string, offset: number, text: string): string {
  const lines = text.endsWith("\n") ? text : `${text}\n`;
  return whole.slice(0, offset) + lines + whole.slice(offset);
}
