/** A base whose daemon is an ordinary user's, also where root runs the tests. */
import { execFileSync } from "node:child_process";
import { QUICK, workingWorld } from "./line-kit.ts";
import { MAIN, World } from "./world.ts";

const NOBODY = 65_534;
/** Run in the daemon's process before its program: only the main thread may change the user. */
const BECOME_NOBODY = `data:text/javascript,import{isMainThread}from"node:worker_threads";if(isMainThread){process.setgid(${NOBODY});process.setuid(${NOBODY})}`;

/** A world in which root's power to read everything is gone; undefined where that cannot be had. */
export async function ordinaryWorld(): Promise<World | undefined> {
  if (process.getuid?.() !== 0) return workingWorld();
  if (process.platform !== "linux") return undefined;
  const world = await World.make({ bare: true });
  world.write("wo-bridge.yaml", QUICK);
  execFileSync("chown", ["-R", `${NOBODY}:${NOBODY}`, world.root]);
  const entry = ["--import", BECOME_NOBODY, MAIN];
  await world.run([process.execPath, ...entry, "init", "--yes"]);
  await world.startDaemon({ entry: [...entry, "daemon", "run"] });
  return world;
}
