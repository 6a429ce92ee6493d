/**
 * Looks whether guarded components are as they have to be. What has not changed since it was last hashed is not hashed
 * again: told by its inode, size and times, and not where those are so young that a later change could have the same.
 */
import { basename, dirname, join } from "node:path";
import { type Clock, slices } from "../platform/clock.ts";
import type { FileInfo } from "../platform/disk.ts";
import type { Files } from "../platform/files.ts";
import { sha256 } from "../platform/ids.ts";
import type { DriftReason } from "../records/component-events.ts";
import { type HomedBase, placeOf } from "../records/component-place.ts";
import type { Fingerprint } from "../records/components.ts";

/** Largest file that can be guarded. */
export const COMPONENT_BYTES_MAX = 16 * 1024 * 1024;
/** No file system's times are coarser. */
const RACY_MS = 2000;
/** Where something moved to is looked for among so many names. */
const NEIGHBOURS_MAX = 2000;
const EXECUTABLE = 0o100;

/** What is not as it has to be, and how. */
export interface Finding {
  readonly path: string;
  readonly reason: DriftReason;
  readonly message: string;
}

/** What is wanted of a component besides what was accepted. */
export interface Wanted {
  readonly fingerprint: Fingerprint;
  readonly executable?: boolean;
}

interface Hashed {
  readonly stamp: string;
  readonly sha256: string;
}

export class ComponentCheck {
  readonly #files: Files;
  readonly #clock: Clock;
  readonly #base: HomedBase;
  readonly #hashed = new Map<string, Hashed>();

  constructor(files: Files, clock: Clock, base: HomedBase) {
    this.#files = files;
    this.#clock = clock;
    this.#base = base;
  }

  /** All of them, never holding the process up; in the order given. */
  async look(components: Iterable<readonly [path: string, wanted: Wanted]>): Promise<readonly Finding[]> {
    const slice = slices(this.#clock);
    const findings: Finding[] = [];
    for (const [path, wanted] of components) {
      const finding = this.lookAt(path, wanted);
      if (finding !== undefined) findings.push(finding);
      await slice();
    }
    return findings;
  }

  /** One of them; undefined where it is as it has to be. */
  lookAt(path: string, { fingerprint, executable }: Wanted): Finding | undefined {
    const found = (reason: DriftReason, message: string): Finding => ({ path, reason, message });
    const info = this.#files.info(placeOf(this.#base, path));
    if (info === undefined) {
      const moved = fingerprint.kind === "file" ? this.#movedTo(path, fingerprint) : undefined;
      return moved === undefined
        ? found("missing", "it is not there")
        : found("moved", `it is not there; ${moved} holds what it held`);
    }
    if (info.kind === "link") return found("symlink", "a link lies in its place");
    if (info.kind !== fingerprint.kind)
      return found(
        "type_changed",
        `it was a ${fingerprint.kind}, and is ${info.kind === "other" ? "neither" : `a ${info.kind}`}`,
      );
    if (fingerprint.kind === "folder") return undefined;
    if (info.sizeBytes === 0 && fingerprint.sizeBytes !== 0) return found("emptied", "it is empty");
    if (info.sizeBytes !== fingerprint.sizeBytes)
      return found("content_changed", `it holds ${info.sizeBytes} bytes, and held ${fingerprint.sizeBytes ?? 0}`);
    const hash = this.#hashOf(path, info);
    if (hash === undefined) return found("unreadable", "it cannot be read");
    if (hash !== fingerprint.sha256) return found("content_changed", "it holds something else");
    const wasExecutable = (fingerprint.mode & EXECUTABLE) !== 0 || executable === true;
    if (wasExecutable && (info.mode & EXECUTABLE) === 0) return found("not_executable", "it is not executable");
    return undefined;
  }

  /** Undefined: it cannot be read. */
  #hashOf(path: string, info: FileInfo): string | undefined {
    const stamp = `${info.device}:${info.inode}:${info.sizeBytes}:${info.modifiedMs}:${info.changedMs}`;
    const known = this.#hashed.get(path);
    if (known?.stamp === stamp) return known.sha256;
    const reading = this.#files.peek(placeOf(this.#base, path), COMPONENT_BYTES_MAX);
    if (reading.kind !== "file") return undefined;
    const hash = sha256(reading.bytes);
    const isYoung = Math.max(info.modifiedMs, info.changedMs) > this.#clock.now() - RACY_MS;
    if (isYoung) this.#hashed.delete(path);
    else this.#hashed.set(path, { stamp, sha256: hash });
    return hash;
  }

  /** A neighbour with the same content: people rename what they mean to keep. */
  #movedTo(path: string, fingerprint: Fingerprint): string | undefined {
    if (fingerprint.sizeBytes === 0) return undefined;
    const folder = dirname(placeOf(this.#base, path));
    const names = (this.#files.list(folder) ?? []).slice(0, NEIGHBOURS_MAX);
    for (const { name, kind } of names) {
      const neighbour = join(folder, name);
      const info = kind === "file" ? this.#files.info(neighbour) : undefined;
      if (info?.kind !== "file" || info.sizeBytes !== fingerprint.sizeBytes || name === basename(path)) continue;
      const reading = this.#files.peek(neighbour, COMPONENT_BYTES_MAX);
      if (reading.kind === "file" && sha256(reading.bytes) === fingerprint.sha256) return join(dirname(path), name);
    }
    return undefined;
  }
}
