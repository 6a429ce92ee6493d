/** Files as people type them. */
import { componentName, type HomedBase } from "../records/component-place.ts";
import type { Context } from "./context.ts";

/**
 * Below the base, as a shell completes it from where the user is, or one of the user's LaunchAgents; what is not there is
 * meant from the base. Undefined where it is none of these.
 */
export function typedPath({ files, machine }: Context, base: HomedBase, typed: string): string | undefined {
  return componentName(files, base, machine.currentFolder, typed) ?? componentName(files, base, base.path, typed);
}
