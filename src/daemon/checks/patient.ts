/** Who a doctor looks at, and through what. */
import type { Launchctl } from "../../platform/launchctl.ts";
import type { holderOf } from "../../platform/lock.ts";
import type { commandOf, openFilesOf } from "../../platform/processes.ts";
import type { BoundBase } from "../base.ts";
import type { Ground } from "../opening.ts";
import type { Runtime } from "../runtime.ts";

export interface Patient {
  readonly ground: Ground;
  /** Where the base is meant to be; perhaps nothing is there. */
  readonly basePath: string;
  /** The base as it is registered; throws BASE_MISSING, also where its volume is not mounted, and BASE_UNKNOWN. */
  readonly bound: () => BoundBase;
  readonly node: { readonly version: string; readonly path: string };
  /** What the daemon says of itself; undefined when none answers. */
  readonly health: () => Promise<Runtime | undefined>;
  /** Asked again, for longer; undefined where there is no time for that. */
  readonly healthAgain: (() => Promise<Runtime | undefined>) | undefined;
  /** Undefined on a machine without launchd. */
  readonly launchctl: Launchctl | undefined;
  /** Lines of the system's log; undefined where there is no time for that, or no such log. */
  readonly launchdLog: (() => Promise<readonly string[] | undefined>) | undefined;
  readonly holderOf: typeof holderOf;
  readonly commandOf: typeof commandOf;
  readonly openFilesOf: typeof openFilesOf;
}
