/**
 * The folders of a bridge: where each lane's orders come in and where they come to lie. Inbox roots may be links;
 * lanes are told apart without regard to case, and keep the spelling that they have on disk.
 */
import { join } from "node:path";
import type { Files } from "../platform/files.ts";

export interface Lane {
  /** As it is spelled on disk. */
  readonly name: string;
  /** Its inbox folder, every link resolved. */
  readonly folder: string;
}

export interface LaneFault {
  readonly lane: string;
  readonly message: string;
}

/** Where claimed files lie: in the lane's own inbox, so that a claim is one rename on one file system. */
export const CLAIMED = ".claimed";

export class BridgeFolders {
  readonly #files: Files;
  readonly base: string;
  readonly #userId: number;

  constructor(files: Files, base: string, userId: number) {
    this.#files = files;
    this.base = base;
    this.#userId = userId;
  }

  /** The inbox root as it is written; it may be a link. */
  get inbox(): string {
    return `${this.base}/bridge/inbox`;
  }

  claimed(lane: Lane): string {
    return `${lane.folder}/${CLAIMED}`;
  }

  /** `YYYYMM` of an ISO time. */
  processed(lane: string, iso: string): string {
    return `${this.base}/bridge/processed/${lane}/${iso.slice(0, 7).replace("-", "")}`;
  }

  error(lane: string): string {
    return `${this.base}/bridge/error/${lane}`;
  }

  outbox(lane: string): string {
    return `${this.base}/bridge/outbox/${lane}`;
  }

  /** Makes the inbox root and the named lanes where they are missing; returns what was made. */
  restore(laneNames: readonly string[]): string[] {
    const there = new Set(this.list().lanes.map(({ name }) => name.toLowerCase()));
    const made: string[] = [];
    for (const name of laneNames) {
      if (!there.has(name.toLowerCase())) made.push(join(this.inbox, name));
      there.add(name.toLowerCase());
    }
    if (this.#files.realPath(this.inbox) === undefined) {
      this.#files.makeFolders(this.inbox, 0o755);
      if (made.length === 0) return [this.inbox];
    }
    for (const folder of made) this.#files.makeFolders(folder, 0o755);
    return made;
  }

  /** The names of the lanes, and of the folders that they lie in, are durable when it resolves. */
  async sync(): Promise<void> {
    const root = this.#files.realPath(this.inbox);
    if (root !== undefined) await this.#files.syncUpwards(join(root, "lane"));
  }

  /** The lanes that are there, and those that must not be read because anybody may write to them. */
  list(): { readonly lanes: readonly Lane[]; readonly faults: readonly LaneFault[] } {
    const root = this.#files.realPath(this.inbox);
    if (root === undefined) return { lanes: [], faults: [] };
    const rootFault = this.#faultOf(root, "bridge/inbox");
    if (rootFault !== undefined) return { lanes: [], faults: [rootFault] };
    const lanes: Lane[] = [];
    const faults: LaneFault[] = [];
    const seen = new Set<string>();
    for (const { name, kind } of (this.#files.list(root) ?? []).toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      if (name.startsWith(".") || kind === "file" || kind === "other") continue;
      const folder = this.#files.realPath(join(root, name));
      if (folder === undefined || this.#files.info(folder)?.kind !== "folder") continue;
      const fault = seen.has(folder) ? undefined : this.#faultOf(folder, name);
      if (fault !== undefined) faults.push(fault);
      // Two names for one folder are one lane: its files must not be seen twice.
      else if (!seen.has(folder)) lanes.push({ name, folder });
      seen.add(folder);
    }
    return { lanes, faults };
  }

  #faultOf(folder: string, lane: string): LaneFault | undefined {
    const info = this.#files.info(folder);
    if (info === undefined) return undefined;
    if (info.owner !== this.#userId)
      return { lane, message: `${folder} belongs to user ${info.owner}, not to the daemon's user ${this.#userId}` };
    if ((info.mode & 0o002) !== 0)
      return { lane, message: `everybody may write to ${folder}: \`chmod o-w ${folder}\`` };
    return undefined;
  }
}
