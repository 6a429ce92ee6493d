/** What the checks of agents look at, and through what. */
import type { Clock } from "../../platform/clock.ts";
import type { Files } from "../../platform/files.ts";
import type { Launchctl } from "../../platform/launchctl.ts";
import type { Machine } from "../../platform/machine.ts";
import type { Finding } from "../doctor.ts";
import type { AgentSpec } from "./agent-spec.ts";
import type { AgentState } from "./agent-state.ts";

export interface AgentPatient {
  readonly files: Files;
  readonly machine: Machine;
  readonly clock: Clock;
  /** Undefined on a machine without launchd. */
  readonly launchctl: Launchctl | undefined;
  /** Where the base lies, whether it can be read or not. */
  readonly basePath: string;
  /** The daemon that answers now; undefined when none does. */
  readonly answering: () => Promise<{ readonly pid: number } | undefined>;
  /** Lines of the system's log; undefined where there is no time for that, or no such log. */
  readonly launchdLog: (() => Promise<readonly string[] | undefined>) | undefined;
  /** Programs that the work needs, beside Node. */
  readonly programs: () => Promise<readonly string[]>;
}

/** What a check says where all agents are another base's. */
export const ANOTHERS: Finding = { mark: "not_here", seen: "the agents that are installed serve another base" };

/** The same on a machine with launchd, and the two agents as they would be if they were installed now. */
export interface Looked extends AgentPatient {
  readonly launchctl: Launchctl;
  readonly wanted: readonly AgentSpec[];
  /** How each is; asked once. */
  readonly states: () => Promise<readonly AgentState[]>;
}
