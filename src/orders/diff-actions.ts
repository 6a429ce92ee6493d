/** Unified diffs in an order, with their problems. */
import type { Collector } from "./collector.ts";
import type { FileAction, FileWork } from "./order.ts";
import type { KeyPath } from "./problems.ts";
import { readDiff } from "./unified-diff.ts";

/**
 * What a diff asks for; `path` is the file that the order names beside it. One that cannot be read is kept with its
 * fault where it is known what it is for: an order that asks for a plan only gets it as the finding.
 */
export function readDiffOf(
  text: string,
  path: string | undefined,
  at: KeyPath,
  problems: Collector,
): readonly FileWork[] {
  const works = readDiff(text, path);
  if (works.ok) return works.value;
  if (path !== undefined) return [{ kind: "diff", path, change: "change", hunks: [], fault: works.error }];
  addFault(works.error, at, problems);
  return [];
}

/** Refuses diffs that were kept with a fault: for every order that is to be done. */
export function refuseFaultyDiffs(files: readonly FileAction[], problems: Collector): void {
  for (const action of files) {
    if (action.kind === "diff" && action.fault !== undefined) addFault(action.fault, action.at, problems);
  }
}

function addFault(fault: string, at: KeyPath, problems: Collector): void {
  const hint = "make it with `git diff` or `diff -u`: each hunk's header counts its lines";
  problems.add({ code: "bad_patch", message: `the diff cannot be read: ${fault}`, hint }, at);
}
