/** The user and the machine that this process runs for and on: everything that comes from outside through `process`. */
import { existsSync, readFileSync } from "node:fs";
import { homedir, tmpdir, userInfo } from "node:os";
import { dirname, join } from "node:path";
import { z } from "zod";

export interface Machine {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly user: string;
  readonly userId: number;
  readonly temporaryFolder: string;
  readonly currentFolder: string;
  /** Where everything lies that the tree must not be trusted with. */
  readonly stateRoot: string;
  /** File names that differ by case only are one file. True on macOS. */
  readonly foldsCase: boolean;
  readonly version: string;
  /** Where this program's package.json lies; its real path. */
  readonly packageFolder: string;
  /** The schema of orders for editors, as it came with this program. */
  readonly schemaPath: string;
}

/** Where launchd looks for this user's agents. */
export function agentsFolder(home: string): string {
  return join(home, "Library", "LaunchAgents");
}

/** Where what is written to a terminal goes when launchd starts us. */
export function logFolder(home: string): string {
  return join(home, "Library", "Logs", "wo-bridge");
}

const packageSchema = z.object({ version: z.string() });

/** The folder of this program's package: built or not, its package.json lies above. */
function packageFolder(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, "package.json")) && folder !== dirname(folder)) folder = dirname(folder);
  return folder;
}

/** macOS: ~/Library/Application Support/wo-bridge; elsewhere $XDG_STATE_HOME/wo-bridge, ~/.local/state by default. */
function stateRootOf(home: string, xdgStateHome: string | undefined): string {
  if (process.platform === "darwin") return join(home, "Library", "Application Support", "wo-bridge");
  return join(
    xdgStateHome === undefined || xdgStateHome === "" ? join(home, ".local", "state") : xdgStateHome,
    "wo-bridge",
  );
}

/** Reads it all once. */
export function thisMachine(): Machine {
  const home = process.env["HOME"] ?? homedir();
  const program = packageFolder();
  return {
    env: { ...process.env },
    home,
    user: userInfo().username,
    userId: process.getuid?.() ?? 0,
    temporaryFolder: tmpdir(),
    currentFolder: process.cwd(),
    stateRoot: stateRootOf(home, process.env["XDG_STATE_HOME"]),
    foldsCase: process.platform === "darwin",
    version: packageSchema.parse(JSON.parse(readFileSync(join(program, "package.json"), "utf8"))).version,
    packageFolder: program,
    schemaPath: join(program, "schema", "work-order.schema.json"),
  };
}
