/**
 * Apple's property lists, as XML. What is written reads back as the same, or nothing is written: npm's `plist` writes
 * NaN, 1e21 and what XML reads as a line's end without a word. What is read is what every strict reader makes of it.
 */
import { isDeepStrictEqual } from "node:util";
import { build, parse } from "plist";
import { messageOf } from "./errors.ts";
import { scanPropertyList, type TextFault, withAmpersands } from "./property-list-text.ts";
import { err, isRecord, ok, type Result } from "./result.ts";

export type PropertyValue =
  | string
  | number
  | boolean
  | Date
  | Uint8Array
  | readonly PropertyValue[]
  | { readonly [key: string]: PropertyValue };

export type PropertyDict = { readonly [key: string]: PropertyValue };

/** Why a file cannot be read as XML, or what is wrong with its XML. */
export interface PropertyFault {
  readonly code:
    | TextFault["code"]
    | "empty_file"
    | "binary_plist"
    | "old_style_plist"
    | "not_text"
    | "shell_script"
    | "not_xml";
  readonly message: string;
  readonly line?: number;
  readonly key?: string;
}

export interface ReadPropertyList {
  readonly value: PropertyValue;
  /** What strict readers refuse, or read as something else. */
  readonly flaws: readonly PropertyFault[];
  /** Key path → line, from 1. */
  readonly lines: ReadonlyMap<string, number>;
  readonly comments: number;
  /** What one level of the file is indented by. */
  readonly indent: string;
}

/** Reads a file. The error is the one reason why nothing can be told of what it holds. */
export function readPropertyList(bytes: Uint8Array): Result<ReadPropertyList, PropertyFault> {
  const known = otherFormat(bytes);
  if (known !== undefined) return err(known);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    // The one thing that a fatal decoder says.
    return err({ code: "not_text", message: "the file is no UTF-8 text" });
  }
  const { broken, flaws, lines, comments } = scanPropertyList(text);
  if (broken !== undefined) return err(withFormat(text, broken));
  try {
    const value = plain(parse(withAmpersands(text.trimStart())));
    return ok({ value, flaws, lines, comments, indent: /^[\t ]+(?=<(?:key|dict))/m.exec(text)?.[0] ?? "\t" });
  } catch (thrown) {
    return err({ code: "broken_xml", message: messageOf(thrown) });
  }
}

/** Files that are known by their first bytes. */
function otherFormat(bytes: Uint8Array): PropertyFault | undefined {
  const head = Buffer.from(bytes.subarray(0, 4096)).toString("latin1");
  if (bytes.length === 0 || (bytes.length < 4096 && head.trim() === ""))
    return { code: "empty_file", message: "the file is empty" };
  if (head.startsWith("bplist")) return { code: "binary_plist", message: "the file is a binary property list" };
  if (head.startsWith("#!")) return { code: "shell_script", message: "the file is a script, not a property list" };
  if (/^\s*[{(]/.test(head))
    return { code: "old_style_plist", message: "the file is an old-style property list, or JSON: launchd reads XML" };
  return undefined;
}

/** What breaks in a file without any tag is not its XML. */
function withFormat(text: string, broken: PropertyFault): PropertyFault {
  return /<(?:\?xml|!DOCTYPE|plist|dict)/i.test(text)
    ? broken
    : { code: "not_xml", message: "the file is some text, not a property list", line: 1 };
}

function plain(value: unknown): PropertyValue {
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Date || value instanceof Uint8Array) return value;
  if (isRecord(value)) return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return value;
  throw new Error("a value that no property list has");
}

/** The value as an XML property list; the error says which part of it would not read back as it is. */
export function writePropertyList(value: PropertyValue, indent = "  "): Result<string, string> {
  const fault = faultOf(value, "the property list");
  if (fault !== undefined) return err(fault);
  let text: string;
  try {
    text = `${build(mutable(value), { indent })}\n`;
  } catch (thrown) {
    return err(messageOf(thrown));
  }
  const read = readPropertyList(Buffer.from(text));
  if (!read.ok) return err(read.error.message);
  if (read.value.flaws.length > 0 || !isDeepStrictEqual(read.value.value, plain(value)))
    return err("it would not read back as it is");
  return ok(text);
}

/** XML has no way to write these, or readers make line ends of them. */
// oxlint-disable-next-line no-control-regex
const UNWRITABLE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\ufffd-\uffff]/;

/** Why a text cannot stand in a property list; undefined when it can. */
export function textFault(text: string): string | undefined {
  if (!text.isWellFormed()) return "half a character";
  const found = UNWRITABLE.exec(text)?.[0];
  return found === undefined
    ? undefined
    : `the control character U+${(found.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`;
}

function faultOf(value: PropertyValue, name: string): string | undefined {
  if (typeof value === "string") {
    const fault = textFault(value);
    return fault === undefined ? undefined : `${name} holds ${fault}`;
  }
  if (typeof value === "number")
    return Number.isSafeInteger(value) || (Number.isFinite(value) && !Number.isInteger(value))
      ? undefined
      : `${name} is a number that cannot be written: ${value}`;
  if (typeof value === "boolean" || value instanceof Date || value instanceof Uint8Array) return undefined;
  for (const [key, inner] of Object.entries(value)) {
    const fault =
      (key === "__proto__" ? `${name} has the key __proto__` : faultOf(key, `a key of ${name}`)) ?? faultOf(inner, key);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

type Mutable = string | number | boolean | Date | Uint8Array | Mutable[] | { [key: string]: Mutable };

/** The same, as the package's own type wants it. */
function mutable(value: PropertyValue): Mutable {
  if (isList(value)) return value.map(mutable);
  if (isDict(value)) return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, mutable(inner)]));
  return value;
}

export function isList(value: PropertyValue | undefined): value is readonly PropertyValue[] {
  return Array.isArray(value);
}

/** A dictionary; false for lists, dates and data. */
export function isDict(value: PropertyValue | undefined): value is PropertyDict {
  return isRecord(value) && !(value instanceof Date) && !(value instanceof Uint8Array);
}

/** What of a dictionary is text, by its key; nothing of anything else. */
export function textsIn(value: PropertyValue | undefined): Record<string, string> {
  if (!isDict(value)) return {};
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, one]) => (typeof one === "string" ? [[key, one]] : [])),
  );
}
