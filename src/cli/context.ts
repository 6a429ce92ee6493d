/** What every verb gets: where it is, whom it speaks to, and how. */
import { dirname, join, resolve } from "node:path";
import { type Clock, systemClock } from "../platform/clock.ts";
import { systemDisk } from "../platform/disk.ts";
import { Files } from "../platform/files.ts";
import { type Machine, thisMachine } from "../platform/machine.ts";
import { type ColorChoice, type Terminal, thisTerminal } from "../platform/terminal.ts";

export interface GlobalOptions {
  /** -C */
  readonly directory?: string;
  readonly json?: boolean;
  readonly color?: ColorChoice;
  readonly actor?: string;
}

export interface Context {
  readonly machine: Machine;
  readonly files: Files;
  readonly clock: Clock;
  readonly terminal: Terminal;
  /** Absolute path of the base, not resolved, perhaps not there. */
  readonly basePath: string;
  readonly json: boolean;
  /** Who asks: goes into the ledger. */
  readonly actor: string;
}

/** The base that is meant: -C, LUKA_SOT, the nearest folder above with a `.wo-base`, ~/02luka. */
export function newContext(options: GlobalOptions): Context {
  const machine = thisMachine();
  const files = new Files(systemDisk, systemClock);
  const terminal = thisTerminal(machine.env);
  terminal.setColor(options.color ?? "auto");
  const named = options.directory ?? machine.env["LUKA_SOT"];
  const basePath =
    named === undefined || named === "" ? nearestBase(files, machine) : resolve(machine.currentFolder, named);
  const actor = options.actor ?? machine.env["WO_ACTOR"] ?? machine.user;
  return { machine, files, clock: systemClock, terminal, basePath, json: options.json === true, actor };
}

function nearestBase(files: Files, machine: Machine): string {
  for (let folder = machine.currentFolder; ; folder = dirname(folder)) {
    if (files.info(join(folder, ".wo-base")) !== undefined) return folder;
    if (folder === dirname(folder)) return join(machine.home, "02luka");
  }
}

/** Prints the answer: one JSON document, or the text for people. */
export function answer(context: Context, kind: string, data: unknown, text: () => string): void {
  if (context.json) context.terminal.out(JSON.stringify({ v: 1, kind, data, warnings: [] }));
  else context.terminal.out(text());
}

/** The one JSON document that says what went wrong. */
export function complainAsJson({ terminal }: Context, error: object): void {
  terminal.out(JSON.stringify({ v: 1, kind: "error", data: error, warnings: [] }));
}

/** Prints what went wrong, on standard error or as the one JSON document, with the next command last. */
export function complain(
  context: Context,
  error: { readonly code: string; readonly message: string; readonly hint?: string },
): void {
  const { terminal, json } = context;
  if (json) complainAsJson(context, error);
  terminal.err(`${terminal.paint("red", "✗")} ${error.message}`);
  if (error.hint !== undefined) terminal.err(`  ${error.hint}`);
}
