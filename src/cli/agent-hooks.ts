/** `wo agent hooks install|uninstall|status`: git's hooks that write down which command moved a branch. */
import { EXIT } from "../platform/errors.ts";
import { hooksFolder } from "../platform/git.ts";
import { thisProgram } from "../platform/self.ts";
import { plainLine, type Terminal } from "../platform/terminal.ts";
import {
  type GitNote,
  type HookName,
  type HookReport,
  hookReports,
  hookTexts,
  installHooks,
  isOurs,
  notesPath,
  readNotes,
  removeHooks,
} from "../upkeep/history/git-hooks.ts";
import { answer, type Context, complain } from "./context.ts";
import { boundBase } from "./daemon-client.ts";
import { decideComponents } from "./guardrail.ts";

const NOTES_SHOWN = 5;

export interface HookOptions {
  readonly snapshot?: boolean;
}

/** Where they go, and what they are; undefined, and told, where there is no place for them. */
interface Place {
  readonly folder: string;
  readonly vault: string;
  readonly texts: ReadonlyMap<HookName, string>;
}

/** Exits with 1 where a hook of somebody else keeps one of them out. */
export async function installGitHooks(context: Context, { snapshot }: HookOptions): Promise<number> {
  const place = await placeOf(context, snapshot === true);
  if (place === undefined) return EXIT.usage;
  const reports = await installHooks(context.files, place.folder, place.texts);
  const own = reports.filter(({ state }) => state === "installed").map(({ path }) => path);
  const { refused } = await decideComponents(context, "accept", own, "hooks of wo-bridge");
  const notGuarded = refused.map(({ message }) => message);
  answer(context, "hooks", { hooks: reports, notes: notesPath(place.vault), not_guarded: notGuarded }, () =>
    [reportText(context.terminal, reports), ...notGuarded.map((one) => `not guarded: ${plainLine(one)}`)].join("\n"),
  );
  return exitOf(reports);
}

export async function uninstallGitHooks(context: Context): Promise<number> {
  const place = await placeOf(context, false);
  if (place === undefined) return EXIT.usage;
  // First, or they are put back as soon as they are gone.
  const own = hookReports(context.files, place.folder, place.texts).filter(({ state }) => isOurs(state));
  if (own.length > 0)
    await decideComponents(
      context,
      "release",
      own.map(({ path }) => path),
      "hooks uninstalled",
    );
  const removed = removeHooks(context.files, place.folder, place.texts);
  answer(context, "hooks", { removed: removed.map(({ path }) => path) }, () =>
    removed.length === 0
      ? "none of them was there"
      : removed.map(({ path }) => `removed ${plainLine(path)}`).join("\n"),
  );
  return EXIT.yes;
}

export async function showGitHooks(context: Context): Promise<number> {
  const place = await placeOf(context, false);
  if (place === undefined) return EXIT.usage;
  const withSnapshot = await placeOf(context, true);
  // Either form is as it has to be.
  const plain = hookReports(context.files, place.folder, place.texts);
  const keeping = hookReports(context.files, place.folder, withSnapshot?.texts ?? place.texts);
  const reports = plain.map((one, index) => (one.state === "outdated" ? (keeping[index] ?? one) : one));
  const notes = readNotes(context.files, place.vault) ?? [];
  answer(context, "hooks", { hooks: reports, notes: notes.slice(-NOTES_SHOWN) }, () =>
    [reportText(context.terminal, reports), ...notes.slice(-NOTES_SHOWN).map(noteLine)].join("\n"),
  );
  return exitOf(reports);
}

function exitOf(reports: readonly HookReport[]): number {
  return reports.every(({ state }) => state === "installed") ? EXIT.yes : EXIT.no;
}

async function placeOf(context: Context, snapshot: boolean): Promise<Place | undefined> {
  const { path, vault } = boundBase(context);
  const folder = await hooksFolder(context.files, path);
  if (folder?.ok === true) {
    const command = snapshot ? [...thisProgram(), "-C", path, "snapshot", "-m", "before a rebase"] : undefined;
    return { folder: folder.value, vault, texts: hookTexts(notesPath(vault), command) };
  }
  const { moved, message } = folder?.error ?? { message: `${path} is in no git tree` };
  const hint = moved === undefined ? "" : "hooks kept there are shared or tracked: none is written into them";
  complain(context, { code: "no_hooks_folder", message, hint });
  return undefined;
}

function reportText(terminal: Terminal, reports: readonly HookReport[]): string {
  return reports
    .map(({ name, path, state }) => {
      const mark = state === "installed" ? terminal.paint("green", "✓") : terminal.paint("red", "✗");
      return `${mark} ${name.padEnd(21)} ${state}${NEXT[state](plainLine(path))}`;
    })
    .join("\n");
}

const NEXT: Readonly<Record<HookReport["state"], (path: string) => string>> = {
  installed: () => "",
  absent: () => ": wo agent hooks install",
  outdated: () => ": wo agent hooks install",
  foreign: (path) => `: ${path} is somebody else's, and stays; move it away to have this one`,
};

function noteLine({ ts, ref, from, to, by, parent }: GitNote): string {
  return plainLine(`${ts}  ${ref} ${from.slice(0, 10)} → ${to.slice(0, 10)}  ${by} (by ${parent})`);
}
