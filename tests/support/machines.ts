/** The machine of a user whose home is a folder of the test's own. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Machine } from "../../src/platform/machine.ts";
import { temporaryFolder } from "./temporary-folder.ts";

export function fakeMachine(home = temporaryFolder()): Machine {
  return {
    env: {},
    home,
    user: "tester",
    userId: process.getuid?.() ?? -1,
    temporaryFolder: home,
    currentFolder: home,
    stateRoot: join(home, "state", "wo-bridge"),
    foldsCase: false,
    version: "0.0.0-test",
    packageFolder: fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, ""),
    schemaPath: fileURLToPath(new URL("../../schema/work-order.schema.json", import.meta.url)),
  };
}
