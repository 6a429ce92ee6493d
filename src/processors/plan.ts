/**
 * A plan: what every file of an order is now and what it is to be, worked out before anything is touched. Actions are
 * played on a picture of the files in memory, so that several actions on one file add up to one change. Reads only.
 */
import { isUtf8 } from "node:buffer";
import { dirname } from "node:path";
import type { FileAction } from "../orders/order.ts";
import type { Failure } from "../orders/status.ts";
import { applyDiff } from "../orders/unified-diff.ts";
import type { OpenFolders } from "../platform/folder.ts";
import { sha256 } from "../platform/ids.ts";
import { err, ok, type Result } from "../platform/result.ts";
import type { PlannedFile } from "../records/events.ts";
import { checkAgentFile } from "./agent-file.ts";
import { appendText, type EditFault, editText, setValue } from "./edits.ts";
import { type Place, type PlaceFault, type PlaceRules, placeKey } from "./places.ts";

const FILE_BYTES_MAX = 64 * 1024 * 1024;
const NEW_FILE_MODE = 0o644;

/** The state of one file; absent: there is none. */
export interface Picture {
  readonly bytes: Buffer;
  readonly mode: number;
}

/** One file of the plan, its content still in memory. */
export interface PlannedChangeOf {
  readonly place: Place;
  readonly before: Picture | undefined;
  readonly after: Picture | undefined;
}

interface Track {
  readonly place: Place;
  readonly before: Picture | undefined;
  now: Picture | undefined;
  /** An earlier attempt has done all that is asked of this file. */
  readonly satisfied: boolean;
}

export interface PlanRequest {
  readonly actions: readonly FileAction[];
  readonly rules: PlaceRules;
  /** Where the paths of the actions lead. */
  readonly place: (path: string) => Result<Place, PlaceFault>;
  /** The plan of an earlier attempt: a file that is at its after needs nothing more. */
  readonly previous: readonly PlannedFile[];
}

/** The changes that are needed, in the order in which they may be made; files that stay as they are are left out. */
export async function planFiles(
  folders: OpenFolders,
  request: PlanRequest,
): Promise<Result<readonly PlannedChangeOf[], Failure>> {
  const planner = new Planner(folders, request);
  const slice = folders.slices();
  for (const action of request.actions) {
    await slice();
    const fault = await planner.play(action);
    if (fault !== undefined) return err(fault);
  }
  return planner.changes();
}

class Planner {
  readonly #folders: OpenFolders;
  readonly #request: PlanRequest;
  readonly #tracks = new Map<string, Track>();

  constructor(folders: OpenFolders, request: PlanRequest) {
    this.#folders = folders;
    this.#request = request;
  }

  /** Plays one action; why it cannot be done, if it cannot. */
  async play(action: FileAction): Promise<Failure | undefined> {
    const track = await this.#track(action.path);
    if (!track.ok) return track.error;
    const target = action.kind === "move" ? await this.#track(action.to) : track;
    if (!target.ok) return target.error;
    if (track.value.satisfied && target.value.satisfied) return undefined;
    switch (action.kind) {
      case "write": {
        const mode = action.mode ?? track.value.now?.mode ?? NEW_FILE_MODE;
        track.value.now = { bytes: Buffer.from(action.content), mode };
        return undefined;
      }
      case "edit":
        return playText(track.value, action, (text) => editText(text, action));
      case "append":
        return playAppend(track.value, action);
      case "set":
        return playText(track.value, action, (text) => setValue(text, action.keys, action.value));
      case "diff":
        return playDiff(track.value, action);
      case "mode":
        return playMode(track.value, action);
      case "delete":
        if (track.value.now === undefined)
          return conflict("absent", `${action.path} does not exist: nothing to delete`);
        track.value.now = undefined;
        return undefined;
      case "move":
        return playMove(track.value, target.value, action);
    }
  }

  async changes(): Promise<Result<readonly PlannedChangeOf[], Failure>> {
    // What a move brings comes before what it takes away: a crash in between leaves the file twice, never nowhere.
    const tracks = [...this.#tracks.values()].filter((track) => !track.satisfied && !isSame(track.before, track.now));
    const ordered = [
      ...tracks.filter(({ now }) => now !== undefined),
      ...tracks.filter(({ now }) => now === undefined),
    ];
    for (const { place, now } of ordered) {
      if (now === undefined || dirname(place.path) !== this.#request.rules.launchAgents) continue;
      const fault = await checkAgentFile(place.name, now.bytes);
      if (fault !== undefined) return err({ class: "policy", code: "path_refused", message: fault });
    }
    return ok(ordered.map(({ place, before, now }) => ({ place, before, after: now })));
  }

  async #track(path: string): Promise<Result<Track, Failure>> {
    const found = this.#request.place(path);
    if (!found.ok) return err({ class: "policy", ...found.error });
    const place = found.value;
    const key = placeKey(place);
    const known = this.#tracks.get(key);
    if (known !== undefined) {
      if (known.place.path === place.path) return ok(known);
      return err(conflict("same_name", `${place.path} and ${known.place.path} are one file where case does not count`));
    }
    const picture = await this.#look(place);
    if (!picture.ok) return picture;
    const earlier = this.#request.previous.find(
      (file) => file.root === place.root && file.path === relativePath(place),
    );
    const satisfied = earlier !== undefined && isAtAfter(earlier, picture.value);
    const track = { place, before: picture.value, now: picture.value, satisfied };
    this.#tracks.set(key, track);
    return ok(track);
  }

  async #look(place: Place): Promise<Result<Picture | undefined, Failure>> {
    const folder = await this.#folders.find(rootPath(place, this.#request.rules), place.folders);
    const found = folder?.find(place.name, FILE_BYTES_MAX);
    if (found === undefined) return ok(undefined);
    if (found.bytes !== undefined) return ok({ bytes: found.bytes, mode: found.info.mode & 0o777 });
    if (found.info.kind === "file") {
      const message = `${place.path} holds ${found.info.sizeBytes} bytes, ${FILE_BYTES_MAX} at most are changed`;
      return err(conflict("too_large", message));
    }
    return err(conflict("no_file", `${place.path} is a ${found.info.kind}, not a file`, "name the file itself"));
  }
}

/** Changes the text of a file that has to be there. */
function playText(
  track: Track,
  { path }: FileAction,
  change: (text: string) => Result<string, EditFault>,
): Failure | undefined {
  if (track.now === undefined) return conflict("absent", `${path} does not exist: nothing to edit`);
  if (!isUtf8(track.now.bytes)) return conflict("no_text", `${path} is no UTF-8 text`);
  const changed = change(track.now.bytes.toString("utf8"));
  if (!changed.ok) return conflict(changed.error.code, `${path}: ${changed.error.message}`);
  track.now = { ...track.now, bytes: Buffer.from(changed.value) };
  return undefined;
}

function playAppend(track: Track, action: FileAction & { readonly kind: "append" }): Failure | undefined {
  if (track.now === undefined && action.create) track.now = { bytes: Buffer.from(""), mode: NEW_FILE_MODE };
  const { text, unless } = action;
  return playText(track, action, (whole) =>
    ok(unless !== undefined && whole.includes(unless) ? whole : appendText(whole, text)),
  );
}

function playDiff(track: Track, action: FileAction & { readonly kind: "diff" }): Failure | undefined {
  const { path, change, mode, fault } = action;
  if (fault !== undefined) return conflict("bad_patch", `${path}: the diff cannot be read: ${fault}`);
  if (change === "create") {
    if (track.now !== undefined) return conflict("exists", `${path} exists: its diff would make it`);
    track.now = { bytes: Buffer.from(""), mode: NEW_FILE_MODE };
  }
  const failure = playText(track, action, (text) => {
    const patched = applyDiff(text, action);
    return patched.ok ? patched : err({ code: "patch_failed", message: patched.error });
  });
  if (failure !== undefined || track.now === undefined) return failure;
  if (change !== "delete") {
    track.now = { ...track.now, mode: mode ?? track.now.mode };
    return undefined;
  }
  if (track.now.bytes.length > 0) return conflict("patch_failed", `${path}: something is left of it behind its diff`);
  track.now = undefined;
  return undefined;
}

function playMode(track: Track, { path, mode }: FileAction & { readonly kind: "mode" }): Failure | undefined {
  if (track.now === undefined) return conflict("absent", `${path} does not exist: it has no mode`);
  track.now = { ...track.now, mode };
  return undefined;
}

function playMove(from: Track, to: Track, action: FileAction & { readonly kind: "move" }): Failure | undefined {
  if (to.satisfied) {
    // An earlier attempt has brought the file and not yet taken it away.
    from.now = undefined;
    return undefined;
  }
  if (from === to) return conflict("same_name", `${action.path} would be moved onto itself`);
  if (from.now === undefined) return conflict("absent", `${action.path} does not exist: nothing to move`);
  if (to.now !== undefined) return conflict("exists", `${action.to} exists: a move replaces nothing`);
  to.now = from.now;
  from.now = undefined;
  return undefined;
}

function conflict(code: string, message: string, hint?: string): Failure {
  return { class: "conflict", code, message, ...(hint === undefined ? {} : { hint }) };
}

function isSame(a: Picture | undefined, b: Picture | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.mode === b.mode && a.bytes.equals(b.bytes);
}

function isAtAfter(file: PlannedFile, picture: Picture | undefined): boolean {
  if (file.after === undefined || picture === undefined) return file.after === picture;
  return sha256(picture.bytes) === file.after.sha256 && picture.mode === file.after.mode;
}

/** The folder that a place's root stands for. */
export function rootPath(place: { readonly root: string }, rules: { readonly base: string }): string {
  return place.root === "." ? rules.base : place.root;
}

/** Below the root. */
export function relativePath(place: Place): string {
  return [...place.folders, place.name].join("/");
}
