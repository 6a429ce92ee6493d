/**
 * JSON as RFC 8785 has it: the text that the ledger hashes. The same as the package's (canonicalize) for values that hold
 * nothing but JSON, which a property test holds it to, in a fifth of its time: events come in few shapes, so the order of
 * their keys is worked out once per shape. Pure, but for that memory.
 */
import { assert } from "../platform/errors.ts";
import { isRecord } from "../platform/result.ts";

/** The fields of an object in their order, each with what its text begins with. */
type Shape = readonly { readonly key: string; readonly head: string }[];
const NO_FIELD = { key: "", head: "" };

/** By their number of keys. Events have some thirty shapes; one that finds its list full is sorted each time. */
const shapes = new Map<number, readonly { readonly unsorted: readonly string[]; readonly sorted: Shape }[]>();
const SHAPES_PER_LENGTH = 16;
/** Shorter texts of nothing but these need no escapes, and looking is cheaper than a call for each. */
const PLAIN = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;
const PLAIN_LENGTH_MAX = 100;

/** Fields that are undefined are left out. Throws InvariantError at a lone surrogate: such text has no UTF-8. */
export function canonicalText(value: unknown): string {
  if (typeof value === "string") return textOf(value);
  if (isRecord(value)) return objectText(value);
  return Array.isArray(value) ? `[${value.map(canonicalText).join(",")}]` : JSON.stringify(value);
}

function objectText(fields: Readonly<Record<string, unknown>>): string {
  return `{${fieldsText(fields)}}`;
}

/** What stands between an object's braces, but for some of its fields. */
export function fieldsText(fields: Readonly<Record<string, unknown>>, leftOut?: ReadonlySet<string>): string {
  const shape = shapeOf(Object.keys(fields));
  let text = "";
  // Counted: an iterator costs more here than all the rest.
  for (let index = 0; index < shape.length; index += 1) {
    const { key, head } = shape[index] ?? NO_FIELD;
    const field = fields[key];
    if (field === undefined || leftOut?.has(key) === true) continue;
    text += (text === "" ? head : `,${head}`) + canonicalText(field);
  }
  return text;
}

function textOf(value: string): string {
  if (value.length <= PLAIN_LENGTH_MAX && PLAIN.test(value)) return `"${value}"`;
  assert(value.isWellFormed(), "an event holds no lone surrogates");
  return JSON.stringify(value);
}

function shapeOf(keys: readonly string[]): Shape {
  const known = shapes.get(keys.length) ?? [];
  for (const { unsorted, sorted } of known) if (isSame(unsorted, keys)) return sorted;
  const sorted = keys.toSorted().map((key) => ({ key, head: `${textOf(key)}:` }));
  if (known.length < SHAPES_PER_LENGTH) shapes.set(keys.length, [...known, { unsorted: keys, sorted }]);
  return sorted;
}

function isSame(some: readonly string[], others: readonly string[]): boolean {
  for (let index = 0; index < some.length; index += 1) if (some[index] !== others[index]) return false;
  return true;
}
