/** One edit of one text: found exactly once or not made at all. Pure. */

import type { EditHow } from "../orders/order.ts";
import { err, ok, type Result } from "../platform/result.ts";

export interface TextEdit {
  readonly find: string;
  readonly how: EditHow;
  readonly text: string;
}

/**
 * The text with the edit in it. `after` and `before` add whole lines behind or in front of the line(s) in which `find`
 * stands; `replace` puts the text in its place.
 */
export function editText(
  whole: string,
  edit: TextEdit,
): Result<string, { readonly code: string; readonly message: string }> {
  const start = whole.indexOf(edit.find);
  const shown = JSON.stringify(edit.find.length > 60 ? `${edit.find.slice(0, 59).toWellFormed()}…` : edit.find);
  if (start === -1) return err({ code: "not_found", message: `${shown} is not in it` });
  if (whole.indexOf(edit.find, start + 1) !== -1)
    return err({ code: "found_twice", message: `${shown} is in it more than once` });
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

function insertLines(whole: string, offset: number, text: string): string {
  const lines = text.endsWith("\n") ? text : `${text}\n`;
  return whole.slice(0, offset) + lines + whole.slice(offset);
}
