/**
 * What components are called, and where they lie: below the base by their path from it, or among the user's LaunchAgents as
 * `~/Library/LaunchAgents/NAME.plist`, so that no ledger has anybody's home in it. Nothing else outside of the base is one.
 */
import { basename, dirname, join, resolve } from "node:path";
import type { Files } from "../platform/files.ts";
import { agentsFolder } from "../platform/machine.ts";
import { pathBelow } from "../platform/path-below.ts";

/** Nothing in a folder of it is meant. */
const AGENT = /^~\/Library\/LaunchAgents\/[\p{L}\p{N}_-][\p{L}\p{N} ._@+-]*\.plist$/u;

/** A base, and the home of the user whose it is; real paths. */
export interface HomedBase {
  readonly path: string;
  readonly home: string;
}

/** What the LaunchAgent with this label is called. */
export function agentName(label: string): string {
  return join(agentsFolder("~"), `${label}.plist`);
}

/** True for a LaunchAgent of the user. */
export function isAgentName(name: string): boolean {
  return AGENT.test(name);
}

/** A folder that is never made, and the names below it. */
export interface Way {
  readonly root: string;
  readonly names: readonly string[];
}

/** The way to a component. */
export function wayTo({ path, home }: HomedBase, name: string): Way {
  const names = name.split("/");
  return isAgentName(name) ? { root: home, names: names.slice(1) } : { root: path, names };
}

/** Where a component lies. */
export function placeOf(base: HomedBase, name: string): string {
  const { root, names } = wayTo(base, name);
  return join(root, ...names);
}

/** The end that all ways to write it have: `~/…`, `$HOME/…`, from the root on. */
export function commonEndOf(name: string): string {
  return isAgentName(name) ? name.slice(2) : name;
}

/**
 * What a component is called that is typed like this, from a folder on; `~` is the home also where no shell has seen it.
 * Undefined for what can be none.
 */
export function componentName(files: Files, base: HomedBase, from: string, typed: string): string | undefined {
  const absolute = typed.startsWith("~/") ? join(base.home, typed.slice(2)) : resolve(from, typed);
  const agent = agentAt(base, absolute) ?? agentAt(base, realNameOf(files, base, absolute));
  if (agent !== undefined) return agent;
  const below = pathBelow(files, base.path, absolute);
  return below === undefined || isLikeHome(below) ? undefined : below;
}

/** What a file of an order's plan is called, where it can be a component. */
export function plannedName(
  base: HomedBase,
  { root, path }: { readonly root: string; readonly path: string },
): string | undefined {
  const agent = agentAt(base, join(root === "." ? base.path : root, path));
  return agent ?? (root === "." && !isLikeHome(path) ? path : undefined);
}

/** In the base, too, a folder may be called ~: what lies in it must never be taken for what lies in the home, and is no component. */
function isLikeHome(below: string): boolean {
  return below === "~" || below.startsWith("~/");
}

function agentAt({ home }: HomedBase, absolute: string): string | undefined {
  if (dirname(absolute) !== agentsFolder(home)) return undefined;
  const name = join(agentsFolder("~"), basename(absolute));
  return isAgentName(name) ? name : undefined;
}

/** The same in the agents' folder, where that is the folder that the way leads to. */
function realNameOf(files: Files, { home }: HomedBase, absolute: string): string {
  const agents = agentsFolder(home);
  const real = files.realPath(dirname(absolute));
  return real !== undefined && real === files.realPath(agents) ? join(agents, basename(absolute)) : absolute;
}
