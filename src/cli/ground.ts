/** The real machine under a verb that opens the base itself. */
import { fileURLToPath } from "node:url";
import type { Ground } from "../daemon/opening.ts";
import { systemProcesses } from "../platform/processes.ts";
import { HostRunner, type Runner } from "../platform/runner.ts";
import { thisSystem } from "../platform/system.ts";
import type { Context } from "./context.ts";

/** The ground of a daemon or of an offline change. */
export function groundOf({ files, clock, machine }: Context): Ground {
  return { files, clock, machine, processes: systemProcesses(), system: thisSystem };
}

/** A runner whose host is started when the first command is. */
export function newRunner({ files, clock, processes }: Ground): Runner {
  const hostPath = fileURLToPath(new URL("../platform/runner-host.js", import.meta.url));
  return new HostRunner({ files, clock, processes, hostPath });
}
