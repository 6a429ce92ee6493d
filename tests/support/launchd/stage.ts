/** Where a row of the conformance table is played: the state machine alone, the double, or a Mac's own launchd. */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { build } from "plist";
import { systemProcesses } from "../../../src/platform/processes.ts";
import { HandClock, turn } from "../hand-clock.ts";
import { type CommandEnd, run } from "../world.ts";
import type { Given, Sight } from "./conformance.ts";
import { LaunchdDouble } from "./double.ts";
import { launchctl } from "./launchctl.ts";
import { type AgentFile, Launchd, noFaults } from "./launchd.ts";
import { Puppets, scriptOf } from "./program.ts";

export interface Stage {
  readonly userId: number;
  launchctl(words: readonly string[]): Promise<CommandEnd>;
  pass(seconds: number): Promise<void>;
  sleepMachine(seconds: number): void;
  reboot(): Promise<void>;
  /** How the program's child is; undefined when it never had one. */
  child(): Sight["child"];
  /** What the program wrote to StandardOutPath. */
  output(): string;
  readonly label: string;
  readonly path: string;
  close(): Promise<void>;
}

const LABEL = "com.example.row";

/** The property list of a row, `FOLDER` in it being the stage's own folder. */
function listOf(given: Given, label: string, script: string, folder: string): string {
  if (given.text !== undefined) return given.text;
  const list = { Label: label, ProgramArguments: [script], StandardOutPath: `${folder}/out.log`, ...given.plist };
  return build(Object.fromEntries(Object.entries(list).filter(([, value]) => value !== undefined))).replaceAll(
    "FOLDER",
    folder,
  );
}

/** The state machine on a clock that is moved by hand, with puppets. */
export function handStage(given: Given): Stage {
  const clock = new HandClock();
  const puppets = new Puppets(clock, given.program ?? {});
  const path = `/home/Library/LaunchAgents/${LABEL}.plist`;
  const text = listOf(given, LABEL, "/puppet", "/folder");
  const file: AgentFile = {
    text,
    mode: given.mode ?? 0o644,
    userId: given.owner ?? 501,
    isLink: given.isLink === true,
  };
  const launchd = new Launchd({
    clock,
    spawn: puppets.spawn,
    files: { read: (wanted) => (wanted === path ? file : undefined), list: () => [path] },
    userId: 501,
    faults: { ...noFaults(), ...given.faults },
  });
  return {
    userId: 501,
    label: LABEL,
    path,
    launchctl: (words) => settled(clock, launchctl(launchd, words)),
    pass: (seconds) => clock.pass(seconds * 1000),
    sleepMachine: (seconds) => launchd.sleepMachine(seconds),
    reboot: async () => {
      await settled(clock, launchd.shutdown());
      launchd.login();
    },
    child: () => puppets.child,
    output: () => "",
    close: () => Promise.resolve(),
  };
}

/** What takes time gets it: nobody else moves the clock. */
async function settled<T>(clock: HandClock, work: Promise<T>): Promise<T> {
  const over = new AbortController();
  const end = () => over.abort();
  void work.then(end, end);
  await turn();
  while (!over.signal.aborted) await clock.pass(100);
  return work;
}

interface Ground {
  readonly root: string;
  readonly path: string;
  readonly childFile: string;
  readonly label: string;
}

/** A folder with the row's property list and script in it. */
function lay(given: Given, label: string, secondsScale: number, agents: (root: string) => string): Ground {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "wo-row-")));
  const path = join(agents(root), `${label}.plist`);
  const [script, childFile] = [join(root, "program"), join(root, "child.pid")];
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(join(root, "a-file"), "");
  writeFileSync(join(root, "no-interpreter"), "#!/no/such/shell\n");
  writeFileSync(script, scriptOf(given.program ?? {}, childFile, secondsScale));
  for (const name of [script, join(root, "no-interpreter")]) chmodSync(name, 0o755);
  writeFileSync(path, listOf(given, label, script, root));
  chmodSync(path, given.mode ?? 0o644);
  return { root, path, childFile, label };
}

function readOr(path: string, otherwise: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // Nothing was written.
    return otherwise;
  }
}

function sightOfChild(childFile: string): Sight["child"] {
  const pid = readOr(childFile, "").trim();
  if (pid === "") return undefined;
  return systemProcesses().identify(Number(pid)) === undefined ? "gone" : "alive";
}

/** The double: real processes, short seconds. */
export async function doubleStage(given: Given): Promise<Stage> {
  const secondsScale = 0.1;
  const ground = lay(given, LABEL, secondsScale, (root) => Launchd.agentsFolder(root));
  const double = await LaunchdDouble.start({ secondsScale, home: ground.root });
  const denied = given.faults?.denied?.map((path) => path.replace("FOLDER", ground.root));
  Object.assign(double.faults, given.faults, denied === undefined ? {} : { denied });
  return {
    userId: double.userId,
    label: LABEL,
    path: ground.path,
    launchctl: (words) => run([double.launchctl, ...words], double.env),
    pass: (seconds) => double.pass(seconds),
    sleepMachine: (seconds) => double.sleepMachine(seconds),
    reboot: () => double.reboot(),
    child: () => sightOfChild(ground.childFile),
    output: () => readOr(join(ground.root, "out.log"), ""),
    close: async () => {
      await double.stop();
      rmSync(ground.root, { recursive: true, force: true });
    },
  };
}

/** The launchd of this Mac. What it leaves is taken away again; its store keeps the label as enabled, which is inert. */
export function macStage(given: Given): Stage {
  const label = `com.example.wo-bridge.row-${process.pid}-${Math.trunc(performance.now())}`;
  // Beside LaunchAgents: a Mac that is switched off in the middle must not load it at the next login.
  const ground = lay(given, label, 1, (root) => root);
  const userId = process.getuid?.() ?? 0;
  const ctl = (words: readonly string[]) => run(["/bin/launchctl", ...words], process.env);
  const notHere = () => {
    throw new Error("a Mac is not sent to sleep, nor switched off, for a test");
  };
  return {
    userId,
    label,
    path: ground.path,
    launchctl: ctl,
    pass: (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000)),
    sleepMachine: notHere,
    reboot: notHere,
    child: () => sightOfChild(ground.childFile),
    output: () => readOr(join(ground.root, "out.log"), ""),
    close: async () => {
      for (const domain of ["gui", "user"]) await ctl(["bootout", `${domain}/${userId}/${label}`]);
      await ctl(["enable", `gui/${userId}/${label}`]);
      const child = Number(readOr(ground.childFile, "0"));
      if (child > 0 && sightOfChild(ground.childFile) === "alive") process.kill(child, "SIGKILL");
      rmSync(ground.root, { recursive: true, force: true });
    },
  };
}
