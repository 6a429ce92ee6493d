/** Scripts that put old things back, and so put new ones away: which of them name the paths that are looked into. */
import { join } from "node:path";
import { isoTime } from "../../platform/clock.ts";
import type { Files } from "../../platform/files.ts";
import type { Budget, Clue } from "./clues.ts";
import type { PathScope } from "./path-scope.ts";
import { type SourceReport, WIPE } from "./sightings.ts";

/** Where people keep scripts, below the base. */
const FOLDERS: readonly string[] = ["tools", "scripts", "g/tools", "g/scripts", "logs"];
const NAMES = /roll_?back|recover|restore/i;
const LOGS = /\.(?:log|jsonl?|out|err|md)$/i;
const DEPTH_MAX = 5;
const FILES_MAX = 20_000;
const SCRIPT_BYTES_MAX = 1024 * 1024;
const LINE_SHOWN = 120;

export interface Scripts {
  readonly clues: readonly Clue[];
  /** Those that were found to name a path, as they are called from the base. */
  readonly places: readonly string[];
  readonly sources: readonly SourceReport[];
}

/** A script that names one is suspected the least: nothing here tells whether it was run. */
export function rollbackScripts(files: Files, base: string, scope: PathScope, budget: Budget): Scripts {
  const clues: Clue[] = [];
  const places: string[] = [];
  const sources: SourceReport[] = [];
  let [read, seen] = [0, 0];
  const cut = (note: string) => sources.push({ name: "rollback scripts", state: "unread", note });
  for (const place of budget.within(scriptsIn(files, base), () => cut("not all of them: the budget was used up"))) {
    seen += 1;
    if (seen > FILES_MAX) {
      cut(`only the first ${FILES_MAX} files of ${FOLDERS.join(", ")}`);
      break;
    }
    if (!NAMES.test(place) || LOGS.test(place)) continue;
    const reading = files.peek(join(base, place), SCRIPT_BYTES_MAX);
    if (reading.kind !== "file") {
      if (reading.kind !== "absent") sources.push({ name: place, state: "unread", note: reading.kind });
      continue;
    }
    read += 1;
    const clue = clueOf(place, reading.bytes.toString("utf8"), scope, isoTime(reading.info.modifiedMs));
    if (clue === undefined) continue;
    clues.push(clue);
    places.push(place);
  }
  const note = `${read} in ${FOLDERS.join(", ")}`;
  if (sources.length === 0) sources.push({ name: "rollback scripts", state: "read", note });
  return { clues, places, sources };
}

function* scriptsIn(files: Files, base: string): Generator<string> {
  const left = FOLDERS.map((folder) => ({ folder, depth: 1 }));
  for (let next = left.shift(); next !== undefined; next = left.shift()) {
    for (const { name, kind } of files.list(join(base, next.folder)) ?? []) {
      const place = `${next.folder}/${name}`;
      if (kind === "file") yield place;
      const isSkipped = name === "node_modules" || name.startsWith(".");
      if (kind === "folder" && !isSkipped && next.depth < DEPTH_MAX)
        left.push({ folder: place, depth: next.depth + 1 });
    }
  }
}

/** Undefined where it names none of the paths, and wipes nothing. */
function clueOf(place: string, text: string, scope: PathScope, changed: string): Clue | undefined {
  const lines = text.split("\n").map((line, index) => ({ line: line.trim(), number: index + 1 }));
  const code = lines.filter(({ line }) => !line.startsWith("#"));
  const naming = code.find(({ line }) => scope.looselyNamedIn(line) !== undefined);
  const found = naming ?? code.find(({ line }) => WIPE.test(line));
  if (found === undefined) return undefined;
  const does = naming === undefined ? "wipes what it finds" : `names ${scope.looselyNamedIn(naming.line)}`;
  const said = `line ${found.number}: ${found.line.slice(0, LINE_SHOWN)}`;
  return {
    ts: changed,
    text: `${place} ${does} (${said}); last changed then, when it was run is not told by it`,
    suspect: { who: place, why: `it ${does} (${said}); whether it was run, it does not tell`, weight: 1 },
    next: `sed -n '${Math.max(1, found.number - 5)},${found.number + 5}p' ${place}`,
  };
}
