/**
 * Where a path of an order really leads, and whether an order may go there. Names are judged twice: as they were written
 * and as the disk resolves them. What is found here is opened again without following any link (platform/folder.ts), so
 * that nothing can be swapped in between.
 */
import { basename, dirname, join, resolve } from "node:path";
import { foldPath, type Guarded, isWithin, readPath, refusePath } from "../orders/paths.ts";
import type { ProblemCode } from "../orders/problems.ts";
import type { Files } from "../platform/files.ts";
import { err, ok, type Result } from "../platform/result.ts";

/** Everything that decides where orders may write; absolute real paths. */
export interface PlaceRules {
  readonly base: string;
  /** Of the user who runs the daemon. */
  readonly home: string;
  /** Folders outside of the base that the policy allows. */
  readonly roots: readonly string[];
  /** ~/Library/LaunchAgents, in lanes that may run commands. */
  readonly launchAgents: string | undefined;
  readonly guarded: Guarded;
}

/** A file below a root, every link on the way resolved; the file itself need not exist. */
export interface Place {
  /** "." for the base, as the ledger names it. */
  readonly root: string;
  /** Folders below the root. */
  readonly folders: readonly string[];
  readonly name: string;
  /** Absolute. */
  readonly path: string;
}

export interface PlaceFault {
  readonly code: ProblemCode;
  readonly message: string;
  readonly hint?: string;
}

const OUR_LABELS = ["com.02luka.wo-bridge", "com.02luka.wo_pipeline_guardrail"] as const;
const AGENT_NAME = /^com\.02luka\.[A-Za-z0-9._-]+\.plist$/;

/** Where a path really leads, links in folders resolved; why not, when no order may have to do with it, reading or writing. */
export function resolvePath(files: Files, path: string, rules: PlaceRules): Result<string, PlaceFault> {
  const written = readPath(path);
  if (!written.ok) return written;
  const from = { base: rules.base, home: rules.home, absolute: "/" }[written.value.form];
  const lexical = resolve(from, written.value.rest);
  const byName = refusePath(lexical, rules.guarded);
  if (byName !== undefined) return refuse(path, byName);
  const real = join(realFolder(files, dirname(lexical)), basename(lexical));
  const byPlace = refusePath(real, rules.guarded);
  return byPlace === undefined ? ok(real) : refuse(path, byPlace);
}

function refuse(path: string, reason: string, hint = "orders write into the base, and nowhere into its machinery") {
  return err({ code: "path_refused" as const, message: `${path} is refused: ${reason}`, hint });
}

/** Whether orders may write a LaunchAgent with this file name, in lanes that run commands. */
export function isAgentForOrders(name: string): boolean {
  const label = name.replace(/\.plist$/, "").toLowerCase();
  return AGENT_NAME.test(name) && !OUR_LABELS.some((own) => own === label);
}

/** Finds the place that a path names; why not, when no order may touch it. */
export function findPlace(files: Files, path: string, rules: PlaceRules): Result<Place, PlaceFault> {
  const resolved = resolvePath(files, path, rules);
  if (!resolved.ok) return resolved;
  const real = resolved.value;
  const root = [rules.base, ...rules.roots].find((folder) => isWithin(real, folder));
  if (root !== undefined) return ok(placeBelow(root, real, rules));
  if (rules.launchAgents === undefined || dirname(real) !== rules.launchAgents) {
    return refuse(
      path,
      "it leads out of the base",
      "policy.roots in wo-bridge.yaml names folders outside of it that orders may write to",
    );
  }
  if (!AGENT_NAME.test(basename(real))) return refuse(path, "only com.02luka.*.plist may be put there");
  if (!isAgentForOrders(basename(real))) return refuse(path, "it belongs to the machinery");
  // Opened from the home folder on: on a new account the two folders are missing.
  return ok(placeBelow(rules.home, real, rules));
}

/** The folder's real path; of one that is not there, that of what is above it with the missing names behind. */
function realFolder(files: Files, folder: string): string {
  const real = files.realPath(folder);
  if (real !== undefined || folder === dirname(folder)) return real ?? folder;
  return join(realFolder(files, dirname(folder)), basename(folder));
}

function placeBelow(root: string, path: string, rules: PlaceRules): Place {
  const names = path
    .slice(root.length)
    .split("/")
    .filter((name) => name !== "");
  const name = names.pop() ?? "";
  return { root: root === rules.base ? "." : root, folders: names, name, path };
}

/** One key for all spellings of a path that some file system takes for one file. */
export function placeKey(place: Place): string {
  return foldPath(place.path);
}
