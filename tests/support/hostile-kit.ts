/**
 * A base with things around it that no order may touch, and rows of hostile orders: how each ends, and everything that
 * is different afterwards, anywhere in the world.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { dropBytes, filing, linesTold, QUICK, valueIn } from "./line-kit.ts";
import { put } from "./temporary-folder.ts";
import { until, World } from "./world.ts";

/** What lies at a path: its text, `-> target` of a link, "(other)"; absent: nothing. */
export type Landscape = Readonly<Record<string, string>>;

/** One hostile order. */
export interface Row {
  readonly name: string;
  /** Written as JSON unless it is text already; no id: it is called like its file. A function drops it by itself. */
  readonly order: object | string | Uint8Array | ((world: World, id: string) => void);
  /** `rejected CODE…`, `failed CLASS CODE`, or the status in which it rests. */
  readonly ends: string;
  /** Paths from the world's root → what lies there afterwards; undefined: it is gone. Nothing else may be different. */
  readonly makes?: Readonly<Record<string, string | undefined>>;
  readonly prepare?: (world: World) => void;
  /** The dropped file's name; `<id>.json` or `<id>.yaml` otherwise. */
  readonly as?: string;
  /** The id that it declares. */
  readonly id?: string;
}

/** A row of a table. */
export function row(name: string, order: Row["order"], ends: string, more: Partial<Row> = {}): Row {
  return { name, order, ends, ...more };
}

/** Paths of the base as paths of the world. */
export function inBase(made: Readonly<Record<string, string | undefined>>): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(made).map(([path, text]) => [`home/02luka/${path}`, text]));
}

/** A base in a git tree with a daemon at work, keys in the home, and a folder outside that links can lead to. */
export async function guardedWorld(config = "", start = (world: World) => startIn(world)): Promise<World> {
  const world = await World.make({ config: QUICK + config, bare: true });
  execFileSync("git", ["init", "-q", world.base], { env: world.env });
  world.write(".git/hooks/pre-commit", "#!/bin/sh\n");
  put(join(world.home, ".ssh/authorized_keys"), "ssh-ed25519 mine\n");
  put(join(world.home, ".zshrc"), "# mine\n");
  put(join(world.home, "Library/LaunchAgents/com.apple.mine.plist"), "<plist/>\n");
  put(join(world.root, "outside/secret.txt"), "one\ntwo\nthree\n");
  mkdirSync(join(world.root, "outside/folder"));
  await start(world);
  return world;
}

async function startIn(world: World): Promise<void> {
  await world.wo("init", "--yes");
  const daemon = await world.startDaemon();
  if (daemon.exitCode !== null) throw new Error(`the daemon ended with ${daemon.exitCode}: ${world.said}`);
}

const READ_BYTES = 1_000_000;

/** Everything below the world's root that no order is to change by the way. */
export function landscapeOf(world: World): Landscape {
  const found: Record<string, string> = {};
  const look = (path: string) => {
    const absolute = join(world.root, path);
    const names = readdirSync(absolute).toSorted();
    if (names.length === 0) found[`${path}/`] = "";
    for (const name of names) {
      const below = path === "" ? name : `${path}/${name}`;
      if (isMachinery(below)) continue;
      const text = shown(join(absolute, name));
      if (text === undefined) look(below);
      else found[below] = text;
    }
  };
  look("");
  return found;
}

/** What is at work writes there all the time; `intruders` looks at the names. */
function isMachinery(path: string): boolean {
  return /^home\/(?:02luka\/(?:bridge|g|apps|logs)|\.local\/state\/wo-bridge)$/.test(path);
}

function shown(path: string): string | undefined {
  const info = lstatSync(path, { throwIfNoEntry: false });
  if (info === undefined || info.isDirectory()) return undefined;
  if (info.isSymbolicLink()) return `-> ${readlinkSync(path)}`;
  if (!info.isFile()) return "(other)";
  const mode = info.mode & 0o7777;
  const text = info.size > READ_BYTES ? `${info.size} bytes` : readFileSync(path, "utf8");
  return mode === 0o644 ? text : `(${mode.toString(8)}) ${text}`;
}

/** Files of the machinery that have a name which nothing of the machinery gives. */
export function intruders(world: World): string[] {
  const state = join(world.home, ".local/state/wo-bridge");
  const vault = world.vault.slice(state.length + 1);
  const own = [
    /^home\/02luka\/bridge\/(?:inbox|processed|error|outbox)\/CLC\//,
    /^home\/02luka\/g\/followup\/state\/[A-Za-z0-9][\w.-]*\.json$/,
    /^home\/02luka\/(?:g\/telemetry\/unified\.jsonl|(?:g\/)?apps\/dashboard\/data\/followup\.json)/,
    /^home\/02luka\/(?:logs\/guardrail_alerts\.log|bridge\/work-order\.schema\.json)$/,
    /^home\/\.local\/state\/wo-bridge\/(?:bases\.json|app\/|locks?\/|[\w.-]*\.lock)/,
    new RegExp(`^home/\\.local/state/wo-bridge/${vault}/(?:ledger|blobs|runs|config)/`),
    new RegExp(`^home/\\.local/state/wo-bridge/${vault}/[\\w.-]+$`),
    // What signs the checkpoint of the ledger.
    /^home\/\.local\/state\/wo-bridge\/keys\/\w+\.pem$/,
  ];
  const files = ["02luka/bridge", "02luka/g", "02luka/apps", "02luka/logs", ".local/state/wo-bridge"].flatMap((path) =>
    filesBelow(world, `home/${path}`),
  );
  return files.filter((path) => !own.some((pattern) => pattern.test(path)));
}

function filesBelow(world: World, path: string): string[] {
  const info = lstatSync(join(world.root, path), { throwIfNoEntry: false });
  if (info === undefined) return [];
  if (!info.isDirectory()) return [path];
  return readdirSync(join(world.root, path)).flatMap((name) => filesBelow(world, `${path}/${name}`));
}

/** What differs: the later text, undefined where there is nothing any more. */
export function differences(before: Landscape, after: Landscape): Record<string, string | undefined> {
  const paths = new Set([...Object.keys(before), ...Object.keys(after)]);
  return Object.fromEntries([...paths].flatMap((path) => (before[path] === after[path] ? [] : [[path, after[path]]])));
}

/** One hash of everything that no order is to change by the way. */
export function hashOf(world: World): string {
  return createHash("sha256")
    .update(JSON.stringify(landscapeOf(world)))
    .digest("hex");
}

/** How the dropped file has ended; undefined while it has not. */
export function endOf(world: World, id: string, fileName: string): string | undefined {
  const error = world.read(`bridge/error/CLC/${fileName}.error.json`);
  if (error !== undefined) {
    const problems = valueIn(JSON.parse(error), "problems");
    const codes = Array.isArray(problems) ? problems.map((problem) => String(valueIn(problem, "code"))) : [];
    return ["rejected", ...new Set(codes)].join(" ");
  }
  const status = world.status(id);
  if (status !== "failed") return ["done", "planned", "waiting", "canceled"].includes(status) ? status : undefined;
  const line = linesTold(world).findLast(({ wo_id: of, event }) => of === id && event === "wo_failed");
  return line === undefined ? undefined : `failed ${String(line["class"])} ${String(line["code"])}`;
}

let count = 0;

interface Verdict {
  readonly ends: string | undefined;
  readonly changed: Readonly<Record<string, string | undefined>>;
}

async function verdictOn(world: World, one: Row): Promise<Verdict> {
  count += 1;
  const next = `N-${count}`;
  const { order, prepare } = one;
  const isText = typeof order === "string";
  const fileName = one.as ?? `H-${count}.${isText ? "yaml" : "json"}`;
  const id = one.id ?? fileName.replace(/\.\w+$/, "");
  const end = () => endOf(world, id, fileName);
  prepare?.(world);
  const before = landscapeOf(world);
  if (typeof order === "function") order(world, id);
  else dropBytes(world, "CLC", fileName, isText || order instanceof Uint8Array ? order : JSON.stringify(order));
  await until(() => end() !== undefined, 20_000, `"${one.name}" has ended`);
  world.drop("CLC", `${next}.json`, filing(next, `next/${next}.txt`));
  await world.reaches(next, "done", 20_000);
  const changed = differences(before, landscapeOf(world));
  return { ends: end(), changed: without(changed, `home/02luka/next/${next}.txt`, `${next}\n`) };
}

function without(changed: Verdict["changed"], path: string, text: string): Verdict["changed"] {
  const { [path]: next, ...others } = changed;
  return next === text ? others : changed;
}

/** Drops every row behind the other, each with a harmless order behind it, and compares all that became of them. */
export async function expectRows(world: World, rows: readonly Row[]): Promise<void> {
  const found: Record<string, unknown> = {};
  for (const one of rows) found[one.name] = await verdictOn(world, one);
  const wanted = rows.map(({ name, ends, makes = {} }) => [name, { ends, changed: makes }]);
  expect(found).toEqual(Object.fromEntries(wanted));
  expect(Object.keys(found)).toHaveLength(rows.length);
  expect(intruders(world)).toEqual([]);
  expect((await world.wo("ledger", "verify")).code).toBe(0);
}
