/** What a person says about files: these are as they have to be; these need not be there any more; keep these as they are. */
import { join } from "node:path";
import picomatch from "picomatch";
import { type Clock, slices } from "../platform/clock.ts";
import type { Files } from "../platform/files.ts";
import { sha256 } from "../platform/ids.ts";
import { err, ok, type Result } from "../platform/result.ts";
import type { Books } from "../records/books.ts";
import type { AcceptedComponent } from "../records/component-events.ts";
import { agentName, componentName, type HomedBase, isAgentName, placeOf } from "../records/component-place.ts";
import { NO_COMPONENTS } from "../records/components.ts";
import { isAgentOf } from "../upkeep/agent-owner.ts";
import { COMPONENT_BYTES_MAX } from "../upkeep/component-check.ts";
import { guardRules, isGlob, OWN_AGENTS } from "./guardrail-config.ts";
import type { Settings } from "./settings.ts";

/** So many in one entry. */
const PER_ENTRY = 200;
const WALKED_MAX = 100_000;
/** The machinery keeps these by itself, and nobody guards git's own. */
const NOT_GUARDED = [".git", "bridge", "g/followup/state", "g/telemetry", ".wo-base"];
/** But these are the user's. */
const HOOKS_FOLDER = ".git/hooks/";

export interface ComponentDeskOptions {
  readonly files: Files;
  readonly clock: Clock;
  readonly books: Books;
  readonly base: HomedBase;
  readonly settings: Pick<Settings, "config">;
}

export interface ComponentAnswer {
  /** What they are called. */
  readonly accepted: readonly string[];
  readonly released: readonly string[];
  /** They were accepted as they are before. */
  readonly unchanged: number;
  readonly refused: readonly { readonly path: string; readonly message: string }[];
}

export interface SnapshotAnswer {
  /** What they are called. */
  readonly kept: readonly string[];
  readonly refused: readonly { readonly path: string; readonly message: string }[];
}

const NOTHING: ComponentAnswer = { accepted: [], released: [], unchanged: 0, refused: [] };

export class ComponentDesk {
  readonly #options: ComponentDeskOptions;

  constructor(options: ComponentDeskOptions) {
    this.#options = options;
  }

  /** Accepts these as they are now; without any, all that the configuration names and all that was accepted before. */
  async accept(paths: readonly string[], by: string, why: string): Promise<ComponentAnswer> {
    const { books } = this.#options;
    const wanted =
      paths.length > 0 ? paths.map((path) => this.#nameOf(path)) : (await this.#named()).map((one) => ok(one));
    const { read, refused } = await this.#readAll(wanted, paths);
    const accepted = read.filter((one) => !this.#isKnown(one));
    const events = inParts(accepted).map((components) => ({
      event: "components_accepted" as const,
      by,
      why,
      components,
    }));
    if (events.length > 0) await books.append(events);
    const unchanged = read.length - accepted.length;
    return { ...NOTHING, accepted: accepted.map(({ path }) => path), unchanged, refused };
  }

  /** Keeps files as they are now. */
  async snapshot(paths: readonly string[], by: string, why: string): Promise<SnapshotAnswer> {
    const { read, refused } = await this.#readAll(
      paths.map((path) => this.#nameOf(path)),
      paths,
    );
    const kept = read.filter(({ kind }) => kind === "file");
    const events = inParts(kept).map((files) => ({ event: "snapshot_taken" as const, by, why, files }));
    if (events.length > 0) await this.#options.books.append(events);
    const folders = read.filter(({ kind }) => kind === "folder");
    const more = folders.map(({ path }) => ({ path, message: "it is a folder: name the files in it" }));
    return { kept: kept.map(({ path }) => path), refused: [...refused, ...more] };
  }

  async #readAll(
    places: readonly Result<string, string>[],
    typed: readonly string[],
  ): Promise<{ readonly read: readonly AcceptedComponent[]; readonly refused: ComponentAnswer["refused"] }> {
    const slice = slices(this.#options.clock);
    const [found, refused]: [AcceptedComponent[], { path: string; message: string }[]] = [[], []];
    for (const [index, place] of places.entries()) {
      await slice();
      const one = place.ok ? await this.#read(place.value) : place;
      if (one.ok) found.push(one.value);
      else refused.push({ path: place.ok ? place.value : (typed[index] ?? ""), message: one.error });
    }
    return { read: found, refused };
  }

  /** They need not be there any more. */
  async release(paths: readonly string[], by: string, why: string): Promise<ComponentAnswer> {
    const { books } = this.#options;
    const { guarded } = books.index.facts.components ?? NO_COMPONENTS;
    const [released, refused]: [string[], { path: string; message: string }[]] = [[], []];
    for (const written of paths) {
      const place = this.#nameOf(written);
      const path = place.ok ? place.value : written;
      if (guarded[path] === undefined) refused.push({ path, message: "it is not guarded" });
      else released.push(path);
    }
    if (released.length > 0) await books.append([{ event: "components_released", by, why, paths: released }]);
    return { ...NOTHING, released, refused };
  }

  #isKnown({ path, kind, mode, sha256: hash }: AcceptedComponent): boolean {
    const known = this.#options.books.index.facts.components?.guarded[path];
    return known?.kind === kind && known.sha256 === hash && (kind === "folder" || known.mode === mode);
  }

  /** What is guarded, and what the configuration names and is there. */
  async #named(): Promise<readonly string[]> {
    const { files, base, books, settings } = this.#options;
    const { guarded } = books.index.facts.components ?? NO_COMPONENTS;
    const isThere = (path: string) => files.info(placeOf(base, path)) !== undefined;
    const named = new Set(Object.keys(guarded).filter(isThere));
    const rules = guardRules(settings.config.guardrail);
    for (const { pattern } of rules)
      for (const path of isGlob(pattern) ? filesMatching(files, base.path, pattern) : [pattern].filter(isThere))
        named.add(path);
    // Where nobody has named them: all bases of a user have agents of these names.
    const unnamed = OWN_AGENTS.filter((own) => !rules.some(({ pattern, isUsual }) => !isUsual && pattern === own));
    for (const own of unnamed) if (named.has(own) && !(await isAgentOf(files, base, own))) named.delete(own);
    return [...named].toSorted();
  }

  /** What is called so, or was typed so from the base on. */
  #nameOf(path: string): Result<string, string> {
    const { files, base } = this.#options;
    const name = componentName(files, base, base.path, path);
    if (name === undefined) return err(`it is not below the base, and no ${agentName("NAME")}`);
    const own = keptFolderOf(name);
    return own === undefined ? ok(name) : err(`${own} is kept by the daemon itself, or by git`);
  }

  async #read(path: string): Promise<Result<AcceptedComponent, string>> {
    const { files, base, books } = this.#options;
    const info = files.info(placeOf(base, path));
    if (info === undefined) return err("it is not there");
    const { mode, owner } = info;
    if (info.kind === "folder" && isAgentName(path)) return err("it is a folder, and no property list");
    if (info.kind === "folder") return ok({ path, kind: "folder", mode, owner });
    if (info.kind !== "file") return err(info.kind === "link" ? "it is a link" : "it is neither file nor folder");
    const reading = files.peek(placeOf(base, path), COMPONENT_BYTES_MAX);
    if (reading.kind === "too large") return err(`it holds more than ${COMPONENT_BYTES_MAX} bytes`);
    if (reading.kind !== "file") return err("it cannot be read");
    const { bytes } = reading;
    // All but the smallest as a blob: an entry with many of them stays small.
    const content = await books.vault.keep(bytes, 1024);
    return ok({ path, kind: "file", mode, owner, sha256: sha256(bytes), size_bytes: bytes.length, content });
  }
}

function inParts<T>(all: readonly T[]): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(all.length / PER_ENTRY) }, (_, at) =>
    all.slice(at * PER_ENTRY, (at + 1) * PER_ENTRY),
  );
}

/** Which of the folders and files that the daemon or git keep by themselves a path is, or lies in. */
export function keptFolderOf(path: string): string | undefined {
  if (path.startsWith(HOOKS_FOLDER)) return undefined;
  return NOT_GUARDED.find((own) => path === own || path.startsWith(`${own}/`));
}

/** Files below the base that match a glob, in no order. */
export function filesMatching(files: Files, base: string, pattern: string): readonly string[] {
  const { base: start } = picomatch.scan(pattern);
  const matches = picomatch(pattern, { dot: true });
  const found: string[] = [];
  const folders = [start];
  for (let walked = 0; folders.length > 0 && walked < WALKED_MAX; ) {
    const folder = folders.pop() ?? "";
    for (const { name, kind } of files.list(join(base, folder)) ?? []) {
      const path = join(folder, name);
      walked += 1;
      if (NOT_GUARDED.includes(path) || name === "node_modules") continue;
      if (kind === "folder") folders.push(path);
      else if (kind === "file" && matches(path)) found.push(path);
    }
  }
  return found;
}
