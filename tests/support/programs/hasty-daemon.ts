/**
 * `wo daemon run` whose lives count as long after WO_FAST_MS, whose safe mode lasts WO_SAFE_MS, and which has WO_STOP_MS to stop.
 * What does not say them has those of the product.
 */
import { newContext } from "../../../src/cli/context.ts";
import { runDaemon } from "../../../src/cli/daemon.ts";
import { LIFE_LIMITS } from "../../../src/daemon/lives.ts";

const given = (name: string, usualMs: number) => Number(process.env[name] ?? usualMs);
process.exitCode = await runDaemon(newContext({}), {
  fastMs: given("WO_FAST_MS", LIFE_LIMITS.fastMs),
  safeMs: given("WO_SAFE_MS", LIFE_LIMITS.safeMs),
  stopMs: given("WO_STOP_MS", LIFE_LIMITS.stopMs),
});
