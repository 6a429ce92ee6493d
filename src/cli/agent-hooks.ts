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

/** Where they go. */
interface Place {
  readonly base: string;
  readonly folder: string;
  readonly vault: string;
}

/** Exits with 1 where a hook of somebody else keeps one of them out. */
export async function installGitHooks(context: Context, { snapshot }: HookOptions): Promise<number> {
  const place = await placeOf(context);
  if (place === undefined) return EXIT.usage;
  const reports = await installHooks(context.files, place.folder, textsFor(place, snapshot === true));
  const installed = reports.filter(({ state }) => state === "installed");
  const notGuarded = await decideHooks(context, "accept", installed, "hooks of wo-bridge");
  answer(context, "hooks", { hooks: reports, notes: notesPath(place.vault), not_guarded: notGuarded }, () =>
    [reportText(context.terminal, reports), ...notGuarded.map((one) => `not guarded: ${plainLine(one)}`)].join("\n"),
  );
  return exitOf(reports);
}

export async function uninstallGitHooks(context: Context): Promise<number> {
  const place = await placeOf(context);
  if (place === undefined) return EXIT.usage;
  const texts = textsFor(place, false);
  const own = hookReports(context.files, place.folder, texts).filter(({ state }) => isOurs(state));
  // First, or they are put back as soon as they are gone.
  await decideHooks(context, "release", own, "hooks uninstalled");
  const removed = removeHooks(context.files, place.folder, texts);
  answer(context, "hooks", { removed: removed.map(({ path }) => path) }, () =>
    removed.length === 0
      ? "none of them was there"
      : removed.map(({ path }) => `removed ${plainLine(path)}`).join("\n"),
  );
  return EXIT.yes;
}

export async function showGitHooks(context: Context): Promise<number> {
  const place = await placeOf(context);
  if (place === undefined) return EXIT.usage;
  // Either form is as it has to be.
  const [plain, keeping] = [false, true].map((snapshot) =>
    hookReports(context.files, place.folder, textsFor(place, snapshot)),
  );
  const reports = (plain ?? []).map((one, index) => (one.state === "outdated" ? (keeping?.[index] ?? one) : one));
  const notes = (readNotes(context.files, place.vault) ?? []).slice(-NOTES_SHOWN);
  answer(context, "hooks", { hooks: reports, notes }, () =>
    [reportText(context.terminal, reports), ...notes.map(noteLine)].join("\n"),
  );
  return exitOf(reports);
}

/** Guards these or guards them no more; what was refused, in words. */
async function decideHooks(
  context: Context,
  verb: "accept" | "release",
  hooks: readonly HookReport[],
  why: string,
): Promise<readonly string[]> {
  const paths = hooks.map(({ path }) => path);
  const { refused } = await decideComponents(context, verb, paths, why);
  return refused.map(({ message }) => message);
}

function exitOf(reports: readonly HookReport[]): number {
  return reports.every(({ state }) => state === "installed") ? EXIT.yes : EXIT.no;
}

/** Undefined, and told, where there is no place for them. */
async function placeOf(context: Context): Promise<Place | undefined> {
  const { path: base, vault } = boundBase(context);
  const folder = await hooksFolder(context.files, base);
  if (folder?.ok === true) return { base, folder: folder.value, vault };
  const { moved, message } = folder?.error ?? { message: `${base} is in no git tree` };
  const hint = moved === undefined ? "" : "hooks kept there are shared or tracked: none is written into them";
  complain(context, { code: "no_hooks_folder", message, hint });
  return undefined;
}

function textsFor({ base, vault }: Place, snapshot: boolean): ReadonlyMap<HookName, string> {
  const command = snapshot ? [...thisProgram(), "-C", base, "snapshot", "-m", "before a rebase"] : undefined;
  return hookTexts(notesPath(vault), command);
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
