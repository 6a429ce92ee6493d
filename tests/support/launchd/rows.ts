/** All rows of the conformance table. */
import type { Row } from "./conformance.ts";
import { DISABLING, LEGACY, LOADING } from "./rows-of-loading.ts";
import { GROUPS, SPAWNING } from "./rows-of-processes.ts";
import { ASKING, INTERVALS, RESTARTING } from "./rows-of-running.ts";

export const ROWS: readonly Row[] = [
  ...LOADING,
  ...DISABLING,
  ...LEGACY,
  ...RESTARTING,
  ...ASKING,
  ...GROUPS,
  ...INTERVALS,
  ...SPAWNING,
];
