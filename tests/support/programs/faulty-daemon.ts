/**
 * The built daemon on a disk whose power goes at one step. WO_FAULT is `<step>:<before|after|torn>` (nothing: only
 * counting), WO_ARM the text whose first rename begins the count ("": the start itself; SIGUSR2 begins it, too), WO_STEPS
 * a file that gets a line per step. WO_SEGMENT_BYTES and WO_TIDY_MS make its ledger roll, and old things go, sooner.
 */
import { appendFileSync } from "node:fs";
import { Daemon } from "#dist/daemon/daemon.js";
import { openOrderReader } from "#dist/daemon/order-reader.js";
import { systemClock } from "#dist/platform/clock.js";
import { systemDisk } from "#dist/platform/disk.js";
import { Files } from "#dist/platform/files.js";
import { openLog } from "#dist/platform/log.js";
import { thisMachine } from "#dist/platform/machine.js";
import { systemProcesses } from "#dist/platform/processes.js";
import { inlinePublisher } from "#dist/platform/publisher.js";
import { HostRunner } from "#dist/platform/runner.js";
import { thisSystem } from "#dist/platform/system.js";
import { type Fault, type FaultHow, FaultPoint, faultyDisk, faultyRunner } from "../faulty-disk.ts";

const DIST = new URL("../../../../dist/", import.meta.url);

function readFault(text: string | undefined): Fault | undefined {
  const [at, how] = (text ?? "").split(":");
  const hows: readonly FaultHow[] = ["before", "after", "torn"];
  const known = hows.find((one) => one === how);
  return known === undefined ? undefined : { at: Number(at), how: known };
}

function cutPower(): never {
  process.kill(process.pid, "SIGKILL");
  // The signal is on its way; nothing may happen any more.
  for (;;);
}

const steps = process.env["WO_STEPS"];
const point = new FaultPoint(readFault(process.env["WO_FAULT"]), cutPower, (count, step) => {
  if (steps !== undefined) appendFileSync(steps, `${count} ${step}\n`);
});
const armAt = process.env["WO_ARM"] ?? "nothing";
if (armAt === "") point.arm();
process.on("SIGUSR2", () => {
  point.arm();
  process.stderr.write("armed\n");
});
const clock = systemClock;
const files = new Files(faultyDisk(systemDisk, point, armAt), clock);
const machine = thisMachine();
const processes = systemProcesses();
const hostPath = new URL("platform/runner-host.js", DIST).pathname;
const daemon = await Daemon.start({
  ground: { files, clock, machine, processes, system: thisSystem },
  path: machine.env["LUKA_SOT"] ?? "",
  vault: undefined,
  openLog,
  runner: faultyRunner(new HostRunner({ files, clock, processes, hostPath }), point),
  reader: openOrderReader(clock, new URL("daemon/read-thread.js", DIST)),
  publisher: inlinePublisher(files),
  onFatal: (error, exit) => {
    process.stderr.write(`${String(error)}\n`);
    process.exit(exit);
  },
  reserveBytes: 1024 * 1024,
  segmentBytes: Number(process.env["WO_SEGMENT_BYTES"] ?? 64 * 1024 * 1024),
  tidyAfterMs: Number(process.env["WO_TIDY_MS"] ?? 60_000),
});
process.on("SIGTERM", () => void daemon.stop("SIGTERM"));
await daemon.done;
process.exit(0);
