/**
 * The built daemon on a disk whose power goes at one step. WO_FAULT is `<step>:<before|after|torn>`, the step by
 * its number or by how it begins (nothing: only counting), WO_ARM the text whose first rename begins the count ("": the start itself; SIGUSR2 begins it, too), WO_STEPS
 * a file that gets a line per step. WO_SEGMENT_BYTES and WO_TIDY_MS make its ledger roll, and old things go, sooner.
 */
import { appendFileSync } from "node:fs";
import { Daemon } from "../../../src/daemon/daemon.ts";
import { openOrderReader } from "../../../src/daemon/order-reader.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { systemDisk } from "../../../src/platform/disk.ts";
import { Files } from "../../../src/platform/files.ts";
import { openLog } from "../../../src/platform/log.ts";
import { thisMachine } from "../../../src/platform/machine.ts";
import { systemProcesses } from "../../../src/platform/processes.ts";
import { inlinePublisher } from "../../../src/platform/publisher.ts";
import { HostRunner } from "../../../src/platform/runner.ts";
import { thisSystem } from "../../../src/platform/system.ts";
import { type Fault, type FaultHow, FaultPoint, faultyDisk, faultyRunner } from "../faulty-disk.ts";

const DIST = new URL("../../../../dist/", import.meta.url);

function readFault(text: string | undefined): Fault | undefined {
  const [at, how] = (text ?? "").split(":");
  const hows: readonly FaultHow[] = ["before", "after", "torn"];
  const known = hows.find((one) => one === how);
  return known === undefined || at === undefined ? undefined : { at: /^\d+$/.test(at) ? Number(at) : at, how: known };
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
