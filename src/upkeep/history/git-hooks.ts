/**
 * Git's own words, kept: hooks that write down who moved a branch back, checked out or rebased, in the vault, where a reset
 * does not reach. Reflogs say what moved; these say by which command. They never stop git, and never replace a hook of
 * somebody else.
 */
import { join } from "node:path";
import type { Files } from "../../platform/files.ts";
import type { HeadMove } from "../../platform/git-history.ts";
import { isRecord, parseJson } from "../../platform/result.ts";
import { quoted } from "../../platform/shell.ts";
import type { PathScope } from "./path-scope.ts";
import { type Sighting, type Suspect, WIPE } from "./sightings.ts";

export const HOOKS = ["post-checkout", "pre-rebase", "reference-transaction"] as const;
export type HookName = (typeof HOOKS)[number];

/** What lies under a hook's name: nothing, this version's own, an earlier one's, or somebody else's. */
export type HookState = "absent" | "installed" | "outdated" | "foreign";

export interface HookReport {
  readonly name: HookName;
  readonly path: string;
  readonly state: HookState;
}

/** A line that a hook wrote. */
export interface GitNote {
  /** ISO time, to the second. */
  readonly ts: string;
  readonly hook: HookName;
  readonly from: string;
  readonly to: string;
  /** What moved, or what it was about. */
  readonly ref: string;
  /** The command lines of git, and of what started it. */
  readonly by: string;
  readonly parent: string;
}

const HOOK_BYTES_MAX = 64 * 1024;
/** The ref of a note of a checkout of files. */
const FILES = "files";
/** Hooks run a moment after what the reflog tells. */
const NOTE_SLACK_MS = 10_000;
const NOTES_BYTES_MAX = 1024 * 1024;
const MARK = "# wo-bridge keeps this hook: `wo agent hooks uninstall` removes it.";

/** Where the notes lie. */
export function notesPath(vault: string): string {
  return join(vault, "git-notes.jsonl");
}

/** How the hooks in a folder are. */
export function hookReports(files: Files, folder: string, texts: ReadonlyMap<HookName, string>): HookReport[] {
  return HOOKS.map((name) => ({
    name,
    path: join(folder, name),
    state: stateOf(files, join(folder, name), texts.get(name)),
  }));
}

function stateOf(files: Files, path: string, text: string | undefined): HookState {
  const reading = files.peek(path, HOOK_BYTES_MAX);
  if (reading.kind === "absent") return "absent";
  if (reading.kind !== "file") return "foreign";
  const there = reading.bytes.toString("utf8");
  const isRunnable = (reading.info.mode & 0o100) !== 0;
  if (there === text && isRunnable) return "installed";
  return there.includes(MARK) ? "outdated" : "foreign";
}

/** Writes what is absent or outdated; a hook of somebody else stays as it is. Returns how they are afterwards. */
export async function installHooks(
  files: Files,
  folder: string,
  texts: ReadonlyMap<HookName, string>,
): Promise<HookReport[]> {
  files.makeFolders(folder, 0o755);
  for (const { name, path, state } of hookReports(files, folder, texts))
    if (state === "absent" || state === "outdated") await files.replace(path, texts.get(name) ?? "", 0o755);
  return hookReports(files, folder, texts);
}

/** True for a hook that we wrote, now or once. */
export function isOurs(state: HookState): boolean {
  return state === "installed" || state === "outdated";
}

/** Removes our own. Returns what was removed. */
export function removeHooks(files: Files, folder: string, texts: ReadonlyMap<HookName, string>): HookReport[] {
  const own = hookReports(files, folder, texts).filter(({ state }) => isOurs(state));
  for (const { path } of own) files.remove(path);
  return own;
}

/** `snapshot` is a command that keeps files before a rebase. */
export function hookTexts(notes: string, snapshot: readonly string[] | undefined): ReadonlyMap<HookName, string> {
  const keep = snapshot === undefined ? "" : `${snapshot.map(quoted).join(" ")} >/dev/null 2>&1\n`;
  const bodies: Readonly<Record<HookName, string>> = {
    // Before and after, and whether a branch (1) or files (0) were checked out.
    "post-checkout": `if [ "$1" != "$2" ] || [ "$3" = 0 ]; then
  note "$1" "$2" "$([ "$3" = 0 ] && echo ${FILES} || echo HEAD)"
fi
`,
    "pre-rebase": `note "$(git rev-parse -q --verify "\${2:-HEAD}")" "$(git rev-parse -q --verify "$1")" "\${2:-HEAD}"\n${keep}`,
    "reference-transaction": [
      '[ "$1" = committed ] || exit 0',
      "while read -r from to ref; do",
      "  case $ref in refs/heads/*) ;; *) continue ;; esac",
      "  # A branch that is new, or only grew, is no news; one that is removed may come without what it was.",
      "  case $to in *[!0]*) case $from in *[!0]*) ;; *) continue ;; esac",
      '    git merge-base --is-ancestor "$from" "$to" && continue ;; esac',
      '  note "$from" "$to" "$ref"',
      "done",
      "",
    ].join("\n"),
  };
  return new Map(HOOKS.map((name) => [name, `${headOf(name, notes)}{\n${bodies[name]}} 2>/dev/null\nexit 0\n`]));
}

/** The part that all of them share. Whatever fails in it is silent: git must go on. */
function headOf(name: HookName, notes: string): string {
  return `#!/bin/sh
${MARK}
notes=${quoted(notes)}
[ -d "\${notes%/*}" ] || exit 0
words() {
  { ps -o command= -p "$1" || tr '\\0' ' ' < "/proc/$1/cmdline"; } | tr '\\\\"' '  ' | tr -d '\\000-\\037\\177' | cut -c1-300
}
note() {
  above=$(ps -o ppid= -p "$PPID" | tr -d ' ')
  [ "$(wc -c < "$notes")" -gt ${NOTES_BYTES_MAX} ] && mv -f "$notes" "$notes.1"
  printf '{"ts":"%s","hook":"%s","from":"%s","to":"%s","ref":"%s","by":"%s","parent":"%s"}\\n' \\
    "$(date -u +%Y-%m-%dT%H:%M:%SZ)" ${name} "$1" "$2" "$(printf %s "$3" | tr '\\\\"' '  ')" \\
    "$(words "$PPID")" "$(words "\${above:-$PPID}")" >> "$notes"
}
`;
}

/** What the hooks wrote, oldest first; a line that is no note is passed over. Undefined when there is no file. */
export function readNotes(files: Files, vault: string): readonly GitNote[] | undefined {
  const readings = [`${notesPath(vault)}.1`, notesPath(vault)].map((path) => files.peek(path, 4 * NOTES_BYTES_MAX));
  if (readings.every(({ kind }) => kind === "absent")) return undefined;
  const text = readings.map((reading) => (reading.kind === "file" ? reading.bytes.toString("utf8") : "")).join("\n");
  const notes = text.split("\n").flatMap((line) => {
    const value = parseJson(line);
    return isNote(value) ? [value] : [];
  });
  return notes.filter((note, index) => !isSameStep(note, notes[index - 1]));
}

/** Moves told by the command that did them, where a hook has written that down: a note tells of the nearest move of its kind. */
export function toldByHooks<T extends HeadMove>(moves: readonly T[], notes: readonly GitNote[]): readonly T[] {
  const told = new Map<T, GitNote>();
  for (const note of notes) {
    const distanceOf = ({ wallMs }: T) => Math.abs(Date.parse(note.ts) - wallMs);
    const [nearest] = moves
      .filter((move) => move.from === note.from && move.to === note.to && distanceOf(move) <= NOTE_SLACK_MS)
      .toSorted((one, other) => distanceOf(one) - distanceOf(other));
    if (nearest !== undefined) told.set(nearest, note);
  }
  return moves.map((move) => {
    const note = told.get(move);
    return note === undefined ? move : { ...move, what: `${move.what}, by ${commandOf(note)}` };
  });
}

/** What leaves no other trace: files that were taken out of a commit, in the place of what was there. */
export function checkoutSightings(notes: readonly GitNote[], scope: PathScope): readonly Sighting[] {
  return notes.flatMap((note): readonly Sighting[] => {
    if (note.ref !== FILES) return [];
    const isMeant = scope.namedIn(note.by) !== undefined || WIPE.test(note.by);
    const why = isMeant ? "it writes over what it names" : "it wrote over files in that time";
    const suspect: Suspect = { who: commandOf(note), why, weight: isMeant ? 2 : 1 };
    return [{ ts: note.ts, source: "git", text: `files were checked out by ${commandOf(note)}`, suspect }];
  });
}

function commandOf({ by, parent }: GitNote): string {
  return parent === "" ? `\`${by}\`` : `\`${by}\` under \`${parent}\``;
}

/** Git removes a branch in two steps, each of which rings. */
function isSameStep(note: GitNote, before: GitNote | undefined): boolean {
  const isSame = before?.ref === note.ref && before.to === note.to && before.by === note.by;
  return isSame && !/[^0]/.test(note.to) && Date.parse(note.ts) - Date.parse(before.ts) <= NOTE_SLACK_MS;
}

function isNote(value: unknown): value is GitNote {
  if (!isRecord(value) || !HOOKS.some((name) => name === value["hook"])) return false;
  return ["ts", "from", "to", "ref", "by", "parent"].every((key) => typeof value[key] === "string");
}
