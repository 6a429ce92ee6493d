/** The house as ARCHITECTURE.md draws it: who may know whom, what touches the machine, and how large things may grow. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const SRC = fileURLToPath(new URL("../../src", import.meta.url));

/** A room imports only from floors below its own; rooms of one floor never from each other. */
const FLOORS: Readonly<Record<string, number>> = {
  platform: 0,
  orders: 1,
  records: 2,
  bridge: 3,
  processors: 3,
  assignments: 3,
  upkeep: 4,
  daemon: 5,
  cli: 6,
  web: 6,
  main: 7,
};
/** Node's modules that touch nothing but their arguments. */
const PURE_MODULES = new Set([
  "node:path",
  "node:crypto",
  "node:zlib",
  "node:url",
  "node:events",
  "node:util",
  "node:buffer",
]);
/** Packages that touch nothing but their arguments; commander only reads what it is given. */
const PURE_PACKAGES = new Set(["zod", "yaml", "diff", "picomatch", "canonicalize", "string-width", "commander"]);
const CLOCK_WORDS = /\bDate\.now\b|\bnew Date\(\)|\bsetTimeout\b|\bsetInterval\b|\bperformance\.now\b|\bsetImmediate\b/;
const LINES_MAX = 400;

interface Source {
  /** Below src. */
  readonly path: string;
  readonly room: string;
  readonly text: string;
  readonly imports: readonly string[];
}

/** What a file imports, dynamic imports too; comments are not looked at. */
function importsIn(text: string): string[] {
  const code = text.replaceAll(/\/\*[\s\S]*?\*\//g, "").replaceAll(/^\s*\/\/.*$/gm, "");
  return [...code.matchAll(/(?:from|import)\s*\(?\s*"([\w@./:-]+)"/g)].map((match) => match[1] ?? "");
}

/** The faults of one file, as sentences. */
function faultsOf({ path, room, text, imports }: Source): string[] {
  const floor = FLOORS[room];
  if (floor === undefined) return [`${path}: ${room} is no room of the house`];
  const faults = imports.flatMap((target) => importFault({ path, room, floor }, target) ?? []);
  if (room !== "platform" && CLOCK_WORDS.test(text.replaceAll(/^\s*(?:\/\/|\*|\/\*).*$/gm, "")))
    faults.push(`${path}: time only through Clock`);
  // Built files lie one folder deep like rooms: only what leaves its folder first is right from any of them.
  for (const [, target] of text.matchAll(/new URL\("([^"]*)", import\.meta/g))
    if (!/^\.\.\/\w/.test(target ?? "")) faults.push(`${path}: ${target} is not where the built file looks`);
  const lines = text.split("\n").length - 1;
  if (lines > LINES_MAX) faults.push(`${path}: ${lines} lines`);
  if (!text.replace(/^#!.*\n/, "").startsWith("/**")) faults.push(`${path}: no word on what it is for`);
  return faults;
}

function importFault(
  { path, room, floor }: { readonly path: string; readonly room: string; readonly floor: number },
  target: string,
): string | undefined {
  if (target.startsWith(".")) {
    const other = roomOf(relative(SRC, resolve(SRC, dirname(path), target)));
    const below = FLOORS[other];
    if (other === room || (below !== undefined && below < floor)) return undefined;
    return `${path} (${room}) may not know ${target} (${other})`;
  }
  if (room === "platform" || PURE_MODULES.has(target) || PURE_PACKAGES.has(target)) return undefined;
  return `${path}: only platform may use ${target}`;
}

function roomOf(path: string): string {
  const [first = ""] = path.split("/");
  return first.endsWith(".ts") ? first.slice(0, -3) : first;
}

function sources(): Source[] {
  return readdirSync(SRC, { recursive: true, encoding: "utf8" })
    .filter((path) => /\.m?ts$/.test(path))
    .map((path) => {
      const text = readFileSync(join(SRC, path), "utf8");
      return { path, room: roomOf(path), text, imports: importsIn(text) };
    });
}

test("no room knows one above it or beside it, and only platform touches the machine", () => {
  const seen = sources();
  expect(seen.flatMap(faultsOf)).toEqual([]);
  // Seeing nothing is no pass.
  expect(seen.length).toBeGreaterThan(100);
  expect(seen.flatMap(({ imports }) => imports).length).toBeGreaterThan(400);
  for (const room of ["platform", "orders", "records", "bridge", "processors", "upkeep", "daemon", "cli", "main"])
    expect(seen.some((source) => source.room === room)).toBe(true);
});

test("every import leads to a file that is there", () => {
  const dangling = sources().flatMap(({ path, imports }) =>
    imports
      .filter((target) => target.startsWith(".") && !existsSync(resolve(SRC, dirname(path), target)))
      .map((target) => `${path}: ${target}`),
  );
  expect(dangling).toEqual([]);
});

test.each([
  ["a room above", "orders/order.ts", 'import { Ledger } from "../records/ledger.ts";'],
  ["a room beside", "bridge/intake.ts", 'import { planFiles } from "../processors/plan.ts";'],
  ["a dynamic import", "orders/order.ts", 'await import("../cli/program.ts")'],
  ["a file system", "records/vault.ts", 'import { readFileSync } from "node:fs";'],
  ["a package that touches the machine", "daemon/daemon.ts", 'import { execa } from "execa";'],
  ["a machine's clock", "daemon/daemon.ts", "const at = Date.now();"],
  ["a timer", "bridge/intake.ts", "setTimeout(look, 5);"],
  ["a file that is too long", "cli/show.ts", "x();\n".repeat(LINES_MAX + 1)],
  ["a room that is not drawn", "helpers/misc.ts", ""],
  ["a path that the built file has not", "daemon/offline.ts", 'new URL("./read-thread.js", import.meta.url)'],
])("%s is a fault", (_what, path, line) => {
  const text = `/** For a test. */\n${line}\n`;
  expect(faultsOf({ path, room: roomOf(path), text, imports: importsIn(text) })).toHaveLength(1);
});
