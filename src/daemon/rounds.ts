/**
 * What the daemon does again and again: listens for hints, scans when none came, and puts back what vanished from the
 * tree. Hints make it fast, scans make it right.
 */
import { basename, join, relative } from "node:path";
import type { Clock } from "../platform/clock.ts";
import type { Log } from "../platform/log.ts";
import type { Watch } from "../platform/watcher.ts";
import type { Books } from "../records/books.ts";
import { FIRST_LANES } from "./attach.ts";
import { type BoundBase, restoreMark } from "./base.ts";
import { restoreSchema, SCHEMA_FILE } from "./editor-schema.ts";
import { tryAndLog } from "./failures.ts";
import type { Ground } from "./opening.ts";
import type { Parts } from "./parts.ts";
import type { Settings } from "./settings.ts";
import type { Signs } from "./signs.ts";

/** Between two scans that hints ask for because a folder has vanished. */
const HURRY_MS = 50;
const CONTENT_CHECK_PAUSE_MS = 5;

export interface RoundsOptions
  extends Pick<Parts, "folders" | "intake" | "dispatch" | "views" | "telemetry" | "pressure"> {
  readonly ground: Ground;
  readonly log: Log;
  readonly base: BoundBase;
  readonly books: Books;
  readonly settings: Settings;
  readonly signs: Signs;
  readonly signal: AbortSignal;
  readonly onFatal: (error: unknown) => void;
}

export class Rounds {
  readonly #options: RoundsOptions;
  readonly #clock: Clock;
  /** Lanes that were there once: they are made again when they vanish. */
  readonly #lanes = new Set<string>(FIRST_LANES);
  #watch: Watch | undefined;
  #watched = "";
  /** Folders were made again, and their names are not on the medium yet. */
  #areLanesNew = false;
  #hurry = new AbortController();
  #turning: Promise<void> = Promise.resolve();
  #ended = false;

  constructor(options: RoundsOptions) {
    this.#options = options;
    this.#clock = options.ground.clock;
    for (const { lane } of options.books.index.summaries()) this.#lanes.add(lane);
  }

  /** The first round; the others follow by themselves. */
  async begin(): Promise<void> {
    await this.#turn();
    this.#turning = this.#goRound().catch(this.#options.onFatal);
    void this.#options.views.checkContents(CONTENT_CHECK_PAUSE_MS).catch(this.#options.onFatal);
  }

  /** No more rounds; resolves when the last one is over. */
  async end(): Promise<void> {
    this.#ended = true;
    this.#hurry.abort();
    await this.#turning;
    await this.#watch?.close();
  }

  async #goRound(): Promise<void> {
    while (!this.#ended) {
      await this.#clock.sleep(this.#options.settings.config.intake.rescanMs, this.#hurry.signal);
      if (this.#hurry.signal.aborted) await this.#clock.sleep(HURRY_MS);
      this.#hurry = new AbortController();
      if (!this.#ended) await this.#turn();
    }
  }

  /** A tree that cannot be read just now is looked at again in the next round; what is accepted is safe. */
  #turn(): Promise<void> {
    return tryAndLog(this.#options.log, "round_refused", () => this.#lookAround());
  }

  async #lookAround(): Promise<void> {
    const { signs, intake, dispatch, views, books, ground, base, pressure } = this.#options;
    const gone = ground.files.groundFault(base.path);
    // Its volume may come back: nothing is put in its place, and whoever asks is told.
    if (gone !== undefined) return void pressure.relieved(gone);
    await this.#restore();
    intake.scan();
    for (const { name } of intake.lanes) this.#lanes.add(name);
    await this.#keepWatch();
    await dispatch.lookAgain(() => this.#ended);
    views.rescan();
    await books.keepSnapshot(intake.seen > 0 ? "busy" : "idle");
    signs.show("wo_pipeline_guardrail", this.#clock.now());
    // Last: editors can wait, and what refuses it here must hold up no order.
    await this.#restoreSchema();
  }

  /** Puts back what the machinery needs in the tree, and says so. */
  async #restore(): Promise<void> {
    const { folders, base, telemetry, settings, ground } = this.#options;
    const wanted = [...this.#lanes, ...Object.keys(settings.config.lanes)];
    const made = folders.restore(wanted).map((path) => ({ path, what: "folder made again" }));
    this.#areLanesNew ||= made.length > 0;
    if (this.#areLanesNew) await folders.sync();
    this.#areLanesNew = false;
    if (await restoreMark(ground.files, base.path, base.id))
      made.push({ path: join(base.path, ".wo-base"), what: "put back from the registry" });
    for (const path of await settings.reload()) made.push({ path, what: "the accepted configuration put back" });
    for (const { path, what } of made) {
      const name = relative(base.path, path);
      telemetry.notice({ event: "wo_pipeline_drift", missing: name, reason: "missing" });
      telemetry.notice({ event: "wo_pipeline_healed", path: name, what });
    }
  }

  async #restoreSchema(): Promise<void> {
    const { ground, base, telemetry } = this.#options;
    if (!(await restoreSchema(ground.files, ground.machine, base.path))) return;
    telemetry.notice({
      event: "wo_pipeline_healed",
      path: SCHEMA_FILE,
      what: "this version's own put back",
    });
  }

  /** A watch is of the folders that were there when it began: with others it begins anew. */
  async #keepWatch(): Promise<void> {
    const { folders, ground, intake, log } = this.#options;
    const root = ground.files.realPath(folders.inbox);
    const stamps = [root ?? "", ...intake.lanes.map(({ folder }) => folder)].map(
      (path) => `${path}:${ground.files.info(path)?.inode}`,
    );
    const watched = stamps.join("|");
    if (watched === this.#watched || root === undefined) return;
    await this.#watch?.close();
    const onTrouble = (message: string) => log.warn("watch_refused", { message });
    const laneFolders = intake.lanes.map(({ folder }) => folder);
    const onHint = (folder: string, name: string | undefined) => this.#ring(folder, name);
    this.#watch = await ground.system.watchFolders({ root, folders: laneFolders, onHint, onTrouble });
    this.#watched = watched;
    // What was dropped while nobody watched does not ring.
    intake.scan();
  }

  #ring(folder: string, name: string | undefined): void {
    if (this.#ended) return;
    // A lane, or the inbox itself, has come or gone: its own name rings in it.
    if (name === undefined || name === basename(folder) || !this.#options.intake.hint(folder, name))
      this.#hurry.abort();
  }
}
