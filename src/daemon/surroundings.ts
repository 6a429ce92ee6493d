/** What orders of a base are surrounded by: where they may write, and what their commands get as environment. */
import { join } from "node:path";
import picomatch from "picomatch";
import type { BridgeFolders } from "../bridge/lanes.ts";
import { Router } from "../bridge/router.ts";
import { foldPath } from "../orders/paths.ts";
import type { Files } from "../platform/files.ts";
import { agentsFolder, type Machine } from "../platform/machine.ts";
import type { PlaceRules } from "../processors/places.ts";
import { type Config, laneRules } from "./config.ts";

/** Where orders go that are dropped into a lane that passes them on. */
export function routerOf(folders: BridgeFolders, config: () => Config): Router {
  return new Router({
    folders,
    configured: () => Object.keys(config().lanes),
    modeOf: (lane) => laneRules(config(), lane).mode,
  });
}

/** Where the orders of a lane may write. */
export function placeRules(
  { files, machine }: { readonly files: Files; readonly machine: Machine },
  base: { readonly path: string; readonly vault: string },
  config: Config,
  lane: string,
): PlaceRules {
  const home = files.realPath(machine.home) ?? machine.home;
  const resolved = (path: string) => {
    const absolute = path.startsWith("~/")
      ? join(home, path.slice(2))
      : path.startsWith("/")
        ? path
        : join(base.path, path);
    return files.realPath(absolute) ?? absolute;
  };
  const globs = config.policy.protect.map((glob) => glob.replace(/\/$/, "").toLowerCase());
  // A protected folder protects what is in it.
  const isProtected =
    globs.length === 0
      ? () => false
      : picomatch(
          globs.flatMap((glob) => [glob, `${glob}/**`]),
          { dot: true },
        );
  // A lane that passes orders on lets them by: the lane that gets them judges them.
  const runsCommands = ["execute", "route"].includes(laneRules(config, lane).mode);
  const roots = config.policy.roots.map(resolved);
  return {
    base: base.path,
    home,
    roots,
    launchAgents: runsCommands ? agentsFolder(home) : undefined,
    guarded: {
      base: foldPath(base.path),
      roots: roots.map(foldPath),
      absolute: [base.vault, machine.stateRoot, join(home, ".ssh")].map((path) =>
        foldPath(files.realPath(path) ?? path),
      ),
      isProtected,
    },
  };
}

/** The whole environment of a command: nothing of the daemon's own leaks into it. */
export function commandEnvironment(machine: Machine, base: string, config: Config): Readonly<Record<string, string>> {
  const { home, user, env } = machine;
  return {
    PATH: config.commands.path,
    HOME: home,
    USER: user,
    LOGNAME: user,
    SHELL: "/bin/sh",
    LANG: env["LANG"] ?? (machine.foldsCase ? "en_US.UTF-8" : "C.UTF-8"),
    LUKA_SOT: base,
    ...config.commands.env,
  };
}
