/**
 * JSON as RFC 8785 has it: the text that the ledger hashes. The same as the package's (canonicalize) for values that hold
 * nothing but JSON, which a property test holds it to, in a fifth of its time: events come in few shapes, so the order of
 * their keys is worked out once per shape. Pure, but for that memory.
 */
import { assert } from "../platform/errors.ts";
import { isRecord } from "../platform/result.ts";

/**
 * The fields of an object in their order: where each one's value stands, and what comes before it, by what stands behind
 * already (nothing, a value, a string that still lacks its closing quote) and by whether the value's opening quote goes
 * along. Fewer pieces to put together: they are most of what such a text costs.
 */
type Shape = readonly { readonly key: string; readonly at: number; readonly before: readonly string[] }[];
const NO_FIELD = { key: "", at: 0, before: [] };
const [NOTHING, VALUE, OPEN_STRING] = [0, 2, 4] as const;

/** By their number of keys. Events have some thirty shapes; one that finds its list full is sorted each time. */
const shapes = new Map<number, readonly { readonly unsorted: readonly string[]; readonly sorted: Shape }[]>();
const SHAPES_PER_LENGTH = 16;
/** Shorter texts of nothing but these need no escapes, and looking is cheaper than a call for each. */
const PLAIN = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;
const PLAIN_LENGTH_MAX = 100;

/** Fields that are undefined are left out. Throws InvariantError at a lone surrogate: such text has no UTF-8. */
export function canonicalText(value: unknown): string {
  if (typeof value === "string") return textOf(value);
  if (typeof value === "number" && Number.isFinite(value)) return `${value}`;
  if (isRecord(value)) return `{${fieldsText(value)}}`;
  return Array.isArray(value) ? `[${value.map(canonicalText).join(",")}]` : JSON.stringify(value);
}

/** What stands between an object's braces, but for some of its fields. */
export function fieldsText(fields: Readonly<Record<string, unknown>>, leftOut?: ReadonlySet<string>): string {
  const shape = shapeOf(Object.keys(fields));
  // All values at once: asking for each by its key costs as much as writing it.
  const values = Object.values(fields);
  let text = "";
  let behind: number = NOTHING;
  // Counted: an iterator costs more here than all the rest.
  for (let index = 0; index < shape.length; index += 1) {
    const { key, at, before } = shape[index] ?? NO_FIELD;
    const value = values[at];
    if (value === undefined || leftOut?.has(key) === true) continue;
    if (typeof value === "string" && isPlain(value)) {
      text += before[behind + 1] ?? "";
      text += value;
      behind = OPEN_STRING;
    } else {
      text += before[behind] ?? "";
      text += canonicalText(value);
      behind = VALUE;
    }
  }
  return behind === OPEN_STRING ? `${text}"` : text;
}

function isPlain(value: string): boolean {
  return value.length <= PLAIN_LENGTH_MAX && PLAIN.test(value);
}

function textOf(value: string): string {
  if (isPlain(value)) return `"${value}"`;
  assert(value.isWellFormed(), "an event holds no lone surrogates");
  return JSON.stringify(value);
}

function shapeOf(keys: readonly string[]): Shape {
  const known = shapes.get(keys.length) ?? [];
  for (const { unsorted, sorted } of known) if (isSame(unsorted, keys)) return sorted;
  const sorted = keys
    .map((key, at) => ({
      key,
      at,
      before: ["", ",", '",'].flatMap((end) => [`${end}${textOf(key)}:`, `${end}${textOf(key)}:"`]),
    }))
    .toSorted((one, other) => (one.key < other.key ? -1 : 1));
  if (known.length < SHAPES_PER_LENGTH) shapes.set(keys.length, [...known, { unsorted: keys, sorted }]);
  return sorted;
}

function isSame(some: readonly string[], others: readonly string[]): boolean {
  for (let index = 0; index < some.length; index += 1) if (some[index] !== others[index]) return false;
  return true;
}
