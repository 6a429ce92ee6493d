/**
 * What a daemon asks of the system that is neither file, time nor process: locks, a socket, hints, a sandbox. One value,
 * passed in with the rest of the ground, so that a simulation can stand in for all of it.
 */
import { writeView } from "./atomic-write.ts";
import { showHolder, takeLock } from "./lock.ts";
import { trySandbox } from "./sandbox-canary.ts";
import { serve } from "./socket.ts";
import { watchFolders } from "./watcher.ts";

export interface System {
  readonly takeLock: typeof takeLock;
  readonly showHolder: typeof showHolder;
  readonly serve: typeof serve;
  readonly watchFolders: typeof watchFolders;
  readonly trySandbox: typeof trySandbox;
  readonly writeView: typeof writeView;
}

/** This machine's own. */
export const thisSystem: System = { takeLock, showHolder, serve, watchFolders, trySandbox, writeView };
