/** How a path is now: there, gone, or there and of no use. */
import type { Clock } from "../../platform/clock.ts";
import type { Files } from "../../platform/files.ts";
import { type HomedBase, placeOf } from "../../records/component-place.ts";
import type { Fingerprint } from "../../records/components.ts";
import { COMPONENT_BYTES_MAX, ComponentCheck } from "../component-check.ts";

export type Standing =
  | { readonly kind: "there" }
  | { readonly kind: "gone" }
  | {
      readonly kind: "broken";
      readonly reason: "link" | "unreadable" | "not_executable" | "not_as_accepted";
      readonly message: string;
    };

const EXECUTABLE = 0o111;

/** `guarded` is what was accepted of it; without, only what is wrong with any file is wrong. */
export function standingOf(
  files: Files,
  clock: Clock,
  {
    base,
    path,
    guarded,
  }: { readonly base: HomedBase; readonly path: string; readonly guarded: Fingerprint | undefined },
): Standing {
  const place = placeOf(base, path);
  const info = files.info(place);
  if (info === undefined) return { kind: "gone" };
  if (info.kind === "link" && files.realPath(place) === undefined)
    return { kind: "broken", reason: "link", message: "it is a link that leads nowhere" };
  if (guarded !== undefined) {
    const finding = new ComponentCheck(files, clock, base).lookAt(path, { fingerprint: guarded });
    if (finding?.reason === "not_executable")
      return { kind: "broken", reason: "not_executable", message: finding.message };
    if (finding !== undefined) return { kind: "broken", reason: "not_as_accepted", message: finding.message };
  }
  if (info.kind !== "file") return { kind: "there" };
  const reading = files.peek(place, COMPONENT_BYTES_MAX);
  if (reading.kind === "refused")
    return { kind: "broken", reason: "unreadable", message: `it cannot be read (${reading.errno})` };
  const isScript = reading.kind === "file" && /^#![ \t]*\//.test(reading.bytes.subarray(0, 80).toString("latin1"));
  if (guarded === undefined && isScript && (info.mode & EXECUTABLE) === 0)
    return { kind: "broken", reason: "not_executable", message: "it begins with #! and is not executable" };
  return { kind: "there" };
}
