/**
 * Unified diffs: bare, with git's headers, or in a fence of Markdown. Read into what they ask of each file, and applied
 * without fuzz: every line of context has to stand in the file as it stands in the diff. Pure.
 */
import { applyPatch, createTwoFilesPatch, parsePatch, type StructuredPatch } from "diff";
import { messageOf } from "../platform/errors.ts";
import { err, ok, type Result } from "../platform/result.ts";
import type { FileDiff, FileWork, Hunk } from "./order.ts";

const GIT_MODE = /^100([0-7]{3})$/;

/** The text without the Markdown fence around it, if there is one. */
export function unfenced(text: string): string {
  const trimmed = text.trim();
  const mark = /^(?:```|~~~)/.exec(trimmed)?.[0];
  const [start, end] = [trimmed.indexOf("\n") + 1, trimmed.lastIndexOf("\n") + 1];
  const isFenced = mark !== undefined && end > start && trimmed.slice(end).trim() === mark;
  return isFenced ? trimmed.slice(start, end) : text;
}

/** True when the text looks like a diff, with headers or only with hunks. */
export function isDiff(text: string): boolean {
  return /^(?:diff --git |--- \S|@@ -\d)/m.test(unfenced(text));
}

/**
 * What the diff asks of each file, in its order; a sentence when it cannot be read. `path` is the file that it is for,
 * where something else than the diff says so; a diff for one file only is then taken to be for that.
 */
export function readDiff(text: string, path?: string): Result<readonly FileWork[], string> {
  const patches = parse(unfenced(text));
  if (!patches.ok) return patches;
  const [only, more] = patches.value;
  if (only === undefined) return err("it holds no hunk and no change");
  if (path !== undefined) {
    if (more !== undefined) return err(`it changes ${patches.value.length} files, and ${path} is one`);
    const works = workOf(only, path);
    return works.ok && works.value.some((work) => work.path !== path) ? err(`it moves a file to ${path}`) : works;
  }
  const works: FileWork[] = [];
  for (const patch of patches.value) {
    const found = workOf(patch, undefined);
    if (!found.ok) return found;
    works.push(...found.value);
  }
  return ok(works);
}

/** How many characters are compared to find where hunks stand; diffs that are made to need more do not fit. */
const COMPARED_LENGTH = 100_000_000;
/** What comparing two lines costs, whatever is in them. */
const LINE_COST = 20;

/** The text with the diff's hunks applied; why not, when a line of context or a removed line is not there. */
export function applyDiff(text: string, { hunks }: FileDiff): Result<string, string> {
  const lines = lineCount(text);
  let left = COMPARED_LENGTH;
  const compareLine = (_number: number, line: string | undefined, _sign: string, wanted: string) => {
    left -= LINE_COST + (line?.length === wanted.length ? wanted.length : 0);
    return left >= 0 && line === wanted;
  };
  const apply = (some: readonly Hunk[]): string | undefined => {
    const names = { oldFileName: "", newFileName: "", oldHeader: "", newHeader: "" };
    // From a line that the file does not have, each step on the way back to its end would be taken.
    const near = some.map((hunk) => ({
      ...hunk,
      oldStart: Math.min(hunk.oldStart, lines + 2),
      lines: [...hunk.lines],
    }));
    const patched = applyPatch(text, { ...names, hunks: near }, { fuzzFactor: 0, compareLine });
    if (patched === false) return undefined;
    // Hunks without context are put anywhere: what they fill up or write twice shows in the number of lines.
    return lineCount(patched) === some.reduce((sum, hunk) => sum + growthOf(hunk), lines) ? patched : undefined;
  };
  const patched = apply(hunks);
  if (patched !== undefined) return ok(patched);
  const misfit = hunks[fittingCount(hunks, (some) => apply(some) !== undefined)];
  const first =
    misfit?.lines
      .find((line) => /^[ -]/.test(line))
      ?.slice(1, 61)
      .toWellFormed() ?? "";
  return err(`the hunk for line ${misfit?.oldStart ?? 0}, beginning with ${JSON.stringify(first)}, does not fit`);
}

/** How many of the first hunks fit, where not all of them do; each look costs a walk through the whole text. */
function fittingCount(hunks: readonly Hunk[], fits: (some: readonly Hunk[]) => boolean): number {
  let [fitting, failing] = [0, hunks.length];
  while (failing - fitting > 1) {
    const middle = Math.floor((fitting + failing) / 2);
    if (fits(hunks.slice(0, middle))) fitting = middle;
    else failing = middle;
  }
  return fitting;
}

/** Lines, the last one with or without its newline. */
function lineCount(text: string): number {
  let count = text === "" || text.endsWith("\n") ? 0 : 1;
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) count += 1;
  return count;
}

/** How many lines more there are behind it. */
function growthOf({ lines }: Hunk): number {
  return lines.reduce((sum, line) => sum + (line.startsWith("+") ? 1 : line.startsWith("-") ? -1 : 0), 0);
}

const DIFF_MS = 1000;

/** What turns one text into the other, as a diff with git's prefixes; undefined when finding that out takes too long. */
export function diffText(path: string, before: string | undefined, after: string | undefined): string | undefined {
  const [from, to] = [
    before === undefined ? "/dev/null" : `a/${path}`,
    after === undefined ? "/dev/null" : `b/${path}`,
  ];
  const options = {
    context: 3,
    timeout: DIFF_MS,
    headerOptions: { includeIndex: false, includeUnderline: false, includeFileHeaders: true },
  };
  return createTwoFilesPatch(from, to, before ?? "", after ?? "", undefined, undefined, options);
}

function parse(text: string): Result<readonly StructuredPatch[], string> {
  try {
    // What stands in front of the first header names no file and asks for nothing.
    return ok(parsePatch(text).filter(({ hunks, newFileName }) => hunks.length > 0 || newFileName !== undefined));
  } catch (thrown) {
    return err(
      messageOf(thrown)
        .trim()
        .replace(/^./, (letter) => letter.toLowerCase()),
    );
  }
}

/** Git's headers ask for something without any hunk. */
function isHeaderOnly({ isRename, isCopy, isCreate, isDelete, newMode, isBinary }: StructuredPatch): boolean {
  return [isRename, isCopy, isCreate, isDelete, isBinary].some((is) => is === true) || newMode !== undefined;
}

function workOf(patch: StructuredPatch, path: string | undefined): Result<readonly FileWork[], string> {
  const { from, to } = namesOf(patch);
  const named = path ?? to ?? from;
  if (named === undefined) return err("nothing says which file it changes");
  if (patch.isBinary === true) return err(`it changes the binary file ${named}`);
  if (patch.isCopy === true) return err(`it copies ${from ?? "a file"} to ${named}`);
  if (patch.hunks.length === 0 && !isHeaderOnly(patch)) return err(`it holds no hunk for ${named}`);
  const unread = patch.hunks.find(
    ({ oldStart, newStart }) => !Number.isInteger(oldStart) || !Number.isInteger(newStart),
  );
  if (unread !== undefined) return err(`a hunk for ${named} does not say which lines it is for`);
  const mode = GIT_MODE.exec(patch.newMode ?? "100644")?.[1];
  if (mode === undefined) return err(`it gives ${named} the mode ${patch.newMode ?? ""}: no regular file has that`);
  const given = patch.newMode === undefined ? {} : { mode: Number.parseInt(mode, 8) };
  const hunks = patch.hunks;
  if (from === undefined || patch.isCreate === true)
    return ok([{ kind: "diff", path: named, change: "create", hunks, ...given }]);
  if (to === undefined || patch.isDelete === true)
    return ok([{ kind: "diff", path: path ?? from, change: "delete", hunks }]);
  const moves: FileWork[] = patch.isRename === true && from !== named ? [{ kind: "move", path: from, to: named }] : [];
  if (moves.length === 0 && path === undefined && from !== to)
    return err(`it is for ${from} and ${to}: which one is not said`);
  if (hunks.length > 0) return ok([...moves, { kind: "diff", path: named, change: "change", hunks, ...given }]);
  return ok([
    ...moves,
    ...(given.mode === undefined ? [] : [{ kind: "mode" as const, path: named, mode: given.mode }]),
  ]);
}

/** The two names, without git's prefixes where both have theirs; undefined for /dev/null and where there is none. */
function namesOf({ oldFileName, newFileName }: StructuredPatch): {
  readonly from: string | undefined;
  readonly to: string | undefined;
} {
  const [old, now] = [oldFileName, newFileName].map((name) => (name === "" || name === "/dev/null" ? undefined : name));
  const isPrefixed = (old ?? "a/").startsWith("a/") && (now ?? "b/").startsWith("b/");
  const bare = (name: string | undefined) => (isPrefixed ? name?.slice(2) : name);
  return { from: bare(old), to: bare(now) };
}
