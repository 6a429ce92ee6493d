/** Files of agents as components: they are guarded like what is in the base. */
import { examineBooks } from "../daemon/opening.ts";
import { BridgeError } from "../platform/errors.ts";
import { agentName } from "../records/component-place.ts";
import { NO_COMPONENTS } from "../records/components.ts";
import type { Context } from "./context.ts";
import { ControlRefusal, knownBase } from "./daemon-client.ts";
import { decideComponents } from "./guardrail.ts";

/** Guards the files of these agents as they are now; why not, in words, where that is refused. */
export function acceptAgentFiles(context: Context, labels: readonly string[], why: string): Promise<readonly string[]> {
  return decide(context, "accept", () => labels.map(agentName), why);
}

/** Guards them no more, whether they are there or not: else they are put back. Why not, in words, where that is refused. */
export function releaseAgentFiles(
  context: Context,
  labels: readonly string[],
  why: string,
): Promise<readonly string[]> {
  const guarded = () => {
    const { facts } = examineBooks(context.files, context.machine, knownBase(context)).index;
    const known = (facts.components ?? NO_COMPONENTS).guarded;
    return labels.map(agentName).filter((name) => known[name] !== undefined);
  };
  return decide(context, "release", guarded, why);
}

async function decide(
  context: Context,
  verb: "accept" | "release",
  namesOf: () => readonly string[],
  why: string,
): Promise<readonly string[]> {
  try {
    const { refused } = await decideComponents(context, verb, namesOf(), why);
    return refused.map(({ path, message }) => `${path}: ${message}`);
  } catch (thrown) {
    // A base that was never attached guards nothing.
    if (verb === "release" && thrown instanceof BridgeError && thrown.code === "BASE_UNKNOWN") return [];
    if (thrown instanceof BridgeError || thrown instanceof ControlRefusal) return [thrown.message];
    throw thrown;
  }
}
