/** The machine's own disk and runner, with the power cut at one step: before it, after it, or in the middle of a write. */
import type { Disk } from "../../src/platform/disk.ts";
import type { PreparedRun, Runner } from "../../src/platform/runner.ts";

export type FaultHow = "before" | "after" | "torn";

export interface Fault {
  /** Counted from 1, once armed; or how its step begins. */
  readonly at: number | string;
  readonly how: FaultHow;
}

/** Counts the steps that change something, and cuts the power at one of them. */
export class FaultPoint {
  readonly #fault: Fault | undefined;
  readonly #cut: () => never;
  readonly #onStep: (count: number, step: string) => void;
  #count = 0;
  #armed = false;

  constructor(fault: Fault | undefined, cut: () => never, onStep: (count: number, step: string) => void) {
    this.#fault = fault;
    this.#cut = cut;
    this.#onStep = onStep;
  }

  /** Steps count from here on. */
  arm(): void {
    this.#armed = true;
  }

  /** Counts a step; tells whether the power goes while it is done. */
  begin(step: string): FaultHow | undefined {
    if (!this.#armed) return undefined;
    this.#count += 1;
    this.#onStep(this.#count, step);
    const { at, how: manner } = this.#fault ?? {};
    const isThere = typeof at === "string" ? step.startsWith(at) : this.#count === at;
    const how = isThere ? manner : undefined;
    if (how === "before") this.#cut();
    return how;
  }

  end(how: FaultHow | undefined, step?: string): void {
    if (how !== undefined) this.#cut();
    if (step !== undefined && this.#armed) this.#onStep(this.#count, step);
  }
}

/** `armAt`: the first rename of a path that holds this text arms the fault point. */
export function faultyDisk(disk: Disk, point: FaultPoint, armAt: string): Disk {
  const call = <T>(step: string, work: () => T): T => {
    const how = point.begin(step);
    const result = work();
    point.end(how);
    return result;
  };
  const callLater = async (step: string, work: () => Promise<void>) => {
    const how = point.begin(step);
    await work();
    // Told, not counted: what ended before what began is on the way of who waits for both.
    point.end(how, `${step} ended`);
  };
  return {
    ...disk,
    openNew: (path, mode) => call(`openNew ${path}`, () => disk.openNew(path, mode)),
    write: (handle, bytes) => {
      const how = point.begin(`write ${bytes.length}`);
      if (how === "torn") disk.write(handle, bytes.subarray(0, Math.floor(bytes.length / 2)));
      const count = how === "torn" ? 0 : disk.write(handle, bytes);
      point.end(how);
      return count;
    },
    truncate: (handle, size) => call("truncate", () => disk.truncate(handle, size)),
    sync: (handle) => callLater("sync", () => disk.sync(handle)),
    syncData: (handle) => callLater("syncData", () => disk.syncData(handle)),
    rename: (from, to) => {
      if (from.includes(armAt)) point.arm();
      call(`rename ${to}`, () => disk.rename(from, to));
    },
    link: (from, to) => call(`link ${to}`, () => disk.link(from, to)),
    unlink: (path) => call(`unlink ${path}`, () => disk.unlink(path)),
    makeFolder: (path, mode) => call(`makeFolder ${path}`, () => disk.makeFolder(path, mode)),
  };
}

/** Starting a command, letting it go, and hearing of its end are steps, too. */
export function faultyRunner(runner: Runner, point: FaultPoint): Runner {
  const step = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    const how = point.begin(name);
    const result = await work();
    point.end(how);
    return result;
  };
  const faultyRun = (run: PreparedRun): PreparedRun => ({
    ...run,
    go: async () => {
      const how = point.begin("go");
      const end = run.go();
      point.end(how);
      return step("ended", () => end);
    },
  });
  return {
    prepare: (spec) => step("prepare", async () => faultyRun(await runner.prepare(spec))),
    adopt: (record) => runner.adopt(record),
    endAll: (record) => runner.endAll(record),
    stop: (key) => runner.stop(key),
    close: () => runner.close(),
  };
}
