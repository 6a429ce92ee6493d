/** Files of agents as components: they are guarded like what is in the base. */
import { BridgeError } from "../platform/errors.ts";
import type { Context } from "./context.ts";
import { ControlRefusal } from "./daemon-client.ts";
import { decideComponents } from "./guardrail.ts";

/** Guards these files, or guards them no more; why not, in words, where that is refused. Nothing else depends on it. */
export async function decideAgentFiles(
  context: Context,
  verb: "accept" | "release",
  paths: readonly string[],
  why: string,
): Promise<readonly string[]> {
  // Of none nothing is asked: that would mean all there are.
  if (paths.length === 0) return [];
  try {
    const { refused } = await decideComponents(context, verb, paths, why);
    return refused.map(({ path, message }) => `${path}: ${message}`);
  } catch (thrown) {
    if (thrown instanceof BridgeError || thrown instanceof ControlRefusal) return [thrown.message];
    throw thrown;
  }
}
