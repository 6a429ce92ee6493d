/**
 * What a path may be and which paths no order may touch, whatever folder they turn out to lie in. Pure: names only;
 * where a path really leads on the disk is looked up by whoever touches it.
 *
 * Names are compared the way the most forgiving file system compares them: composed (NFC), case folded, and without
 * the invisible characters that HFS+ overlooks.
 */
import { err, ok, type Result } from "../platform/result.ts";
import type { Fault } from "./document.ts";
import { LIMITS } from "./limits.ts";

/** How a path in an order is anchored. */
export type PathForm = "base" | "home" | "absolute";

export interface WrittenPath {
  readonly form: PathForm;
  /** The text behind `~/`, or the whole of it. */
  readonly rest: string;
}

const INVISIBLE = /[\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]/g;

/** Folders and files of the machinery, relative to the base, folded. */
const OWN_PATHS = [
  "bridge",
  "g/followup/state",
  "g/telemetry/unified.jsonl",
  "wo-bridge.yaml",
  "allowed_signers",
  ".wo-base",
] as const;

/** A name as file systems that forgive most compare it. */
export function foldName(name: string): string {
  // Down, up and down again: ſ folds to s, ß and its capital to ss, as these file systems have it.
  return name.normalize("NFC").replace(INVISIBLE, "").toLowerCase().toUpperCase().toLowerCase().normalize("NFC");
}

/** Folds every component of a path. */
export function foldPath(path: string): string {
  return path.split("/").map(foldName).join("/");
}

/** Reads a path as an order writes it; a fault when no file can be meant by it. */
export function readPath(path: string): Result<WrittenPath, Fault> {
  const refuse = (message: string, hint?: string) =>
    err({ code: "bad_path" as const, message, ...(hint === undefined ? {} : { hint }) });
  const shown = JSON.stringify(path);
  if (/\p{Cc}/u.test(path)) return refuse(`${shown} holds control characters`);
  if (path.startsWith("$") || path.includes("${") || path.includes("$(")) {
    return refuse(`${shown} holds a variable that was never filled in`, "whoever writes the order has to fill it in");
  }
  if (Buffer.byteLength(path) > LIMITS.pathBytes)
    return refuse(`${shown.slice(0, 80).toWellFormed()}… is longer than ${LIMITS.pathBytes} bytes`);
  const names = path.split("/");
  const last = names.at(-1);
  if (last === "" || last === "." || last === "..") return refuse(`${shown} names a folder`, "name the file");
  if (names.some((name) => Buffer.byteLength(name) > LIMITS.nameBytes))
    return refuse(`${shown} has a name of more than ${LIMITS.nameBytes} bytes`);
  if (path.startsWith("~/")) return ok({ form: "home", rest: path.slice(2) });
  if (path.startsWith("~"))
    return refuse(`${shown} begins with ~`, "write ~/… for your own home, or ./~… for a file of that name");
  return ok({ form: path.startsWith("/") ? "absolute" : "base", rest: path });
}

/** True when the absolute, folded path is the folder itself or lies in it. */
export function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith("/") ? folder : `${folder}/`);
}

/** Everything that must not be touched, as absolute folded paths. */
export interface Guarded {
  /** The base. */
  readonly base: string;
  /** Folders and files that nothing may touch: the vault, ~/.ssh, allowed_signers. */
  readonly absolute: readonly string[];
  /** What the policy allows outside of the base. */
  readonly roots?: readonly string[];
  /** True for paths, relative to the base or to a root and folded, that the configuration protects. */
  readonly isProtected: (path: string) => boolean;
}

/** Why an absolute path must not be touched by any order; undefined when names do not forbid it. */
export function refusePath(path: string, guarded: Guarded): string | undefined {
  const folded = foldPath(path);
  const names = folded.split("/");
  if (names.some((name) => name === ".git" || name === "git~1")) return "it lies in a .git folder";
  const absolute = guarded.absolute.find((folder) => isWithin(folded, folder));
  if (absolute !== undefined) return "it is part of the machinery or holds keys";
  const relativeTo = (folder: string) => folded.slice(folder.length + 1);
  if (isWithin(folded, guarded.base) && OWN_PATHS.some((own) => isWithin(relativeTo(guarded.base), own)))
    return "it belongs to the machinery";
  const around = [guarded.base, ...(guarded.roots ?? [])].filter((folder) => isWithin(folded, folder));
  return around.some((folder) => guarded.isProtected(relativeTo(folder))) ? "policy.protect names it" : undefined;
}
