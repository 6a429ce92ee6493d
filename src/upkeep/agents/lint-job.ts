/** All rules over one job, and what it is once everything that can be mended is. */

import { isDict, isList, type PropertyDict, type PropertyValue } from "../../platform/property-list.ts";
import { finding, type Job, type LintFinding, type LintGround, type Mend } from "./job.ts";
import { lintEnvironment } from "./lint-environment.ts";
import { lintKeys, lintLabel } from "./lint-keys.ts";
import { lintPaths } from "./lint-paths.ts";
import { lintProgram } from "./lint-program.ts";
import { lintRestart } from "./lint-restart.ts";

export interface LintedJob {
  readonly findings: readonly LintFinding[];
  /** Every program and script on the way to what is run. */
  readonly hops: readonly string[];
  /** Scripts for Node, to be asked for their syntax. */
  readonly nodeScripts: readonly string[];
}

/** `stem`: the name of its file without .plist. */
export function lintJob(job: Job, stem: string | undefined): LintedJob {
  const { dict } = job;
  if (["Label", "Program", "ProgramArguments"].every((key) => dict[key] === undefined)) {
    const why = "a property list of something else: no Label, no program";
    return {
      findings: [finding("no_job", { why, next: "leave it out, or write what is to run" })],
      hops: [],
      nodeScripts: [],
    };
  }
  const { findings, walk } = lintProgram(job);
  const all = [
    ...lintKeys(job),
    ...lintLabel(job, stem),
    ...lintEnvironment(job),
    ...findings,
    ...lintPaths(job, walk.code),
    ...lintRestart(job),
  ];
  const seen = new Set<string>();
  const distinct = all.filter(({ code, key, why }) => {
    const name = JSON.stringify([code, key, why]);
    return !seen.has(name) && seen.add(name);
  });
  return { findings: distinct, hops: walk.hops, nodeScripts: walk.nodeScripts };
}

/** More than any job needs: each mend takes one finding away. */
const MENDS_MAX = 200;

/**
 * The job with every mend in it, one after the other: each is made for what the one before it left. Undefined where that
 * comes to no end: a person has to look.
 */
export function mendedJob(dict: PropertyDict, ground: LintGround, stem: string | undefined): PropertyDict | undefined {
  let mended = dict;
  for (let count = 0; count < MENDS_MAX; count += 1) {
    const mends = lintJob({ dict: mended, ground }, stem).findings.flatMap(({ mend }) => mend ?? []);
    const [mend] = mends;
    if (mend === undefined) return mended;
    if (mends.length > MENDS_MAX) return undefined;
    mended = withMend(mended, mend);
  }
  return undefined;
}

/** The dictionary with one key changed; what was there stays in its order. */
export function withMend(dict: PropertyDict, { key, to }: Mend): PropertyDict {
  const changed = changedAt(dict, key, to);
  return isDict(changed) ? changed : dict;
}

function changedAt(
  value: PropertyValue | undefined,
  [first, ...rest]: readonly string[],
  to: PropertyValue | undefined,
): PropertyValue | undefined {
  if (first === undefined) return to;
  if (isList(value))
    return value.map((one, index) => (String(index) === first ? (changedAt(one, rest, to) ?? one) : one));
  const dict = isDict(value) ? value : {};
  const changed = changedAt(dict[first], rest, to);
  const entries = Object.entries({ ...dict, [first]: changed });
  return Object.fromEntries(entries.flatMap(([name, one]) => (one === undefined ? [] : [[name, one]])));
}
