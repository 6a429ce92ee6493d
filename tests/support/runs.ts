/** Real commands in the built runner host, each in a folder of its own. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, onTestFinished, vi } from "vitest";
import type { Clock } from "../../src/platform/clock.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { systemDisk } from "../../src/platform/disk.ts";
import { Files } from "../../src/platform/files.ts";
import { MARK_VARIABLE, type Processes, systemProcesses } from "../../src/platform/processes.ts";
import { type RunSpec, type RunStatus, STATUS_FILE } from "../../src/platform/run-protocol.ts";
import { HostRunner, type PreparedRun, type RunEnd, type RunRecord } from "../../src/platform/runner.ts";
import { temporaryFolder } from "./temporary-folder.ts";

export const processes: Processes = systemProcesses();
const hostPath = new URL("../../dist/platform/runner-host.js", import.meta.url).pathname;
const files = new Files(systemDisk, systemClock);
let count = 0;

/** A runner whose host is gone when the test has ended, with all that it runs. */
export function openRunner(bend: { readonly clock?: Clock; readonly processes?: Processes } = {}): HostRunner {
  const runner = new HostRunner({ files, clock: systemClock, processes, hostPath, ...bend });
  const prepare = runner.prepare.bind(runner);
  runner.prepare = async (spec) => {
    const prepared = await prepare(spec);
    // Hooks run last first: the host is gone before the folder that it writes to.
    onTestFinished(async () => {
      runner.close();
      for (const pid of processes.marked(spec.mark)) processes.signal(pid, "SIGKILL");
      await vi.waitUntil(() => !processes.isAlive(prepared.host), { timeout: 10_000, interval: 5 });
    });
    return prepared;
  };
  return runner;
}

/** A shell's text as a run, to be bent by tests. */
export function runOf(text: string, bend: Partial<RunSpec> = {}): RunSpec {
  count += 1;
  const mark = `unit-${process.pid}-${count}`;
  return {
    key: mark,
    argv: ["/bin/sh", "-c", text],
    cwd: "/",
    env: { PATH: "/usr/bin:/bin", [MARK_VARIABLE]: mark },
    folder: join(temporaryFolder(), "run"),
    timeoutMs: 15_000,
    graceMs: 5_000,
    outputMaxBytes: 10_000,
    mark,
    ...bend,
  };
}

/** What the ledger would know of a prepared run. */
export function recordOf(spec: RunSpec, prepared: PreparedRun): RunRecord {
  const { process, host } = prepared;
  return { folder: spec.folder, process, host, bootId: processes.bootId, mark: spec.mark, graceMs: spec.graceMs };
}

/** How a run ended that must have had an end. */
export function statusOf(end: RunEnd): RunStatus {
  if (typeof end === "string") throw new Error(`no end, but: ${end}`);
  return end;
}

let shared: HostRunner | undefined;
afterAll(() => shared?.close());

/** Runs it to its end, in a host that is shared by all who only want that: starting one takes longer than most runs. */
export async function run(spec: RunSpec): Promise<RunStatus> {
  shared ??= new HostRunner({ files, clock: systemClock, processes, hostPath });
  const prepared = await shared.prepare(spec);
  const status = statusOf(await prepared.go());
  // Its last file: nothing is written any more where the test will clean up.
  await vi.waitUntil(() => existsSync(join(spec.folder, STATUS_FILE)), { timeout: 10_000, interval: 2 });
  return status;
}
