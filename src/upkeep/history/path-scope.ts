/** The paths that are looked into: one, or many at once. Pure. */
import { basename, dirname } from "node:path";
import { commonEndOf } from "../../records/component-place.ts";

/** No text is searched for more names than this. */
const NAMES_MAX = 400;
const CALLED_MAX = 3;

export interface PathScope {
  readonly isOne: boolean;
  /** How many paths it names. */
  readonly count: number;
  /** True for one of the paths, and for what lies in one. */
  has(path: string): boolean;
  /** The first of the paths that a text has as a word of its own. */
  namedIn(text: string): string | undefined;
  /** The same of what people call them in scripts and notes: by the last name alone, too. */
  looselyNamedIn(text: string): string | undefined;
  /** Some of the paths, in a sentence. */
  called(paths: readonly string[]): string;
}

/** A single path, and what lies in it: "it". */
export function onePath(path: string): PathScope {
  return {
    isOne: true,
    count: 1,
    has: (other) => isAt(path, other),
    namedIn: finder([commonEndOf(path)]),
    looselyNamedIn: finder([basename(path)]),
    called: () => "it",
  };
}

/** Any number of paths, called by their names. */
export function manyPaths(paths: readonly string[]): PathScope {
  const all = new Set(paths);
  const folders = paths.map((path) => dirname(path)).filter((one) => one.includes("/"));
  const named = finder([...all].map(commonEndOf));
  const folder = finder([...new Set(folders)]);
  const lastName = finder([...new Set(paths.map((path) => basename(path)))]);
  return {
    isOne: false,
    count: all.size,
    has: (other) => isAmong(all, other),
    namedIn: named,
    looselyNamedIn: (text) => named(text) ?? folder(text) ?? lastName(text),
    called: someOf,
  };
}

/** Some names, and how many more. */
export function someOf(names: readonly string[]): string {
  const more = names.length - CALLED_MAX;
  return `${names.slice(0, CALLED_MAX).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

function isAt(path: string, other: string): boolean {
  return other === path || other.startsWith(`${path}/`);
}

function isAmong(paths: ReadonlySet<string>, other: string): boolean {
  for (let path = other; path !== "." && path !== "/"; path = dirname(path)) if (paths.has(path)) return true;
  return false;
}

function finder(names: readonly string[]): (text: string) => string | undefined {
  if (names.length === 0) return () => undefined;
  const words = names.slice(0, NAMES_MAX).map((name) => name.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  const pattern = new RegExp(`(?<![\\w.-])(?:${words.join("|")})(?![\\w-])`);
  return (text) => pattern.exec(text)?.[0];
}
