/**
 * launchd, through its `launchctl`. Exit codes are what it says; its texts are "not API", and only fields of the job itself
 * (one tab deep) are read out of them. `load` and `unload` are never used: they end with 0 whatever happened.
 */
import type { Files } from "./files.ts";
import type { Machine } from "./machine.ts";
import { runProgram } from "./program.ts";

/** How one call ended; `code` is undefined when it could not be started, or did not end in time. */
export interface LaunchctlEnd {
  readonly code: number | undefined;
  readonly stdout: string;
  /** What it said, or what its code means; one line. */
  readonly said: string;
}

/** How the last process of a job ended. */
export type LastEnd = { readonly code: number } | { readonly signal: number } | "never";

/** What `print` says of a job. What it did not say, or nobody could read, is not there. */
export interface LoadedJob {
  /** `running`, `not running`, `spawn scheduled`, … */
  readonly state: string | undefined;
  readonly pid: number | undefined;
  /** The file that it was loaded from. */
  readonly path: string | undefined;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string | undefined;
  readonly stdout: string | undefined;
  readonly stderr: string | undefined;
  readonly runs: number | undefined;
  readonly lastEnd: LastEnd | undefined;
  readonly exitTimeoutSec: number | undefined;
  readonly minimumRuntimeSec: number | undefined;
  /** It could not even be started: 78 and no output at all. */
  readonly spawnFailed: boolean;
}

export type JobReading =
  | { readonly kind: "loaded"; readonly job: LoadedJob }
  | { readonly kind: "not loaded" }
  /** Nobody of this user is logged in at the screen. */
  | { readonly kind: "no session"; readonly said: string }
  | { readonly kind: "unknown"; readonly said: string };

/** The process that launchd has for it now; undefined while it has none, or does not say. */
export function keptPid(reading: JobReading): number | undefined {
  return reading.kind === "loaded" ? reading.job.pid : undefined;
}

/** What its exit codes mean. */
export const LAUNCHCTL = {
  done: 0,
  noSuchProcess: 3,
  inputOutput: 5,
  inProgress: 36,
  alreadyInProgress: 37,
  noDomain: 112,
  notLoaded: 113,
  disabled: 119,
  badOwnership: 122,
  noSuchAction: 125,
  wrongSession: 134,
} as const;

const MEANINGS: Readonly<Record<number, string>> = {
  3: "no such process",
  5: "input/output error: it says so of almost anything",
  36: "operation now in progress",
  37: "operation already in progress",
  64: "wrong words",
  109: "invalid property list",
  111: "invalid or missing program",
  112: "no such domain: nobody is logged in at the screen",
  113: "no such service",
  119: "the service is disabled",
  122: "the file has bad ownership or permissions",
  125: "the domain does not do that: nobody is logged in at the screen",
  134: "the service cannot load in this session",
  150: "refused by system integrity protection",
  155: "the file is in quarantine",
  161: "refused by background task management: see Login Items in System Settings",
};

const APPLE = "/bin/launchctl";
const TIMEOUT_MS = 15_000;
/** What waits for a process to end takes as long as that does. */
const TIMEOUT_MAX_MS = 120_000;

export class Launchctl {
  /** Its absolute path. */
  readonly program: string;
  /** The domain of the user at the screen: `gui/501`. */
  readonly domain: string;
  readonly #home: string;

  private constructor(program: string, domain: string, home: string) {
    this.program = program;
    this.domain = domain;
    this.#home = home;
  }

  /** WO_LAUNCHCTL, or the system's own; undefined on a machine without launchd. */
  static find(files: Files, { env, userId, home }: Machine): Launchctl | undefined {
    const program = env["WO_LAUNCHCTL"] ?? APPLE;
    if (!program.startsWith("/") || files.realPath(program) === undefined) return undefined;
    return new Launchctl(program, `gui/${userId}`, home);
  }

  /** `gui/501/LABEL`. */
  target(label: string): string {
    return `${this.domain}/${label}`;
  }

  /** Runs it with these words; killed when it takes longer. */
  async run(words: readonly string[], timeoutMs = TIMEOUT_MS): Promise<LaunchctlEnd> {
    const limitMs = Math.max(1, Math.min(TIMEOUT_MAX_MS, timeoutMs));
    const env = { HOME: this.#home };
    const end = await runProgram([this.program, ...words], { cwd: "/", env, timeoutMs: limitMs });
    const code = end.exitCode;
    const line = end.stderr.trim().split("\n", 1)[0] ?? "";
    const meaning = code === undefined ? "it did not end in time, or could not be started" : MEANINGS[code];
    return { code, stdout: end.stdout, said: line === "" ? (meaning ?? `exit ${code}`) : line };
  }

  /** Whether the user's domain is there at all; the same words as of a job. */
  async session(): Promise<Exclude<JobReading, { readonly kind: "loaded" | "not loaded" }> | undefined> {
    const { code, said } = await this.run(["print", this.domain]);
    if (code === LAUNCHCTL.done) return undefined;
    return { kind: code === LAUNCHCTL.noDomain || code === LAUNCHCTL.noSuchAction ? "no session" : "unknown", said };
  }

  /** How the job is now. */
  async job(label: string): Promise<JobReading> {
    const { code, stdout, said } = await this.run(["print", this.target(label)]);
    switch (code) {
      case LAUNCHCTL.done:
        return { kind: "loaded", job: readPrint(stdout) };
      case LAUNCHCTL.notLoaded:
        return { kind: "not loaded" };
      case LAUNCHCTL.noDomain:
      case LAUNCHCTL.noSuchAction:
        return { kind: "no session", said };
      default:
        return { kind: "unknown", said };
    }
  }

  /** Whether somebody has switched it off, with `disable`, `unload -w` or in Login Items; undefined: nobody can tell. */
  async isDisabled(label: string): Promise<boolean | undefined> {
    const { code, stdout } = await this.run(["print-disabled", this.domain]);
    if (code !== LAUNCHCTL.done) return undefined;
    const line = stdout.split("\n").find((one) => one.includes(`"${label}" =>`));
    return line !== undefined && /=>\s*(?:true|disabled)\b/.test(line);
  }
}

/** What `print` says of one job; whatever is not as captures have it is left out. */
export function readPrint(text: string): LoadedJob {
  const field = (name: string) => new RegExp(`^\\t${name} = (.*)$`, "m").exec(text)?.[1];
  const count = (name: string) => {
    const value = field(name);
    return value !== undefined && /^\d+$/.test(value) ? Number(value) : undefined;
  };
  const env = blockOf(text, "environment").flatMap((line): [string, string][] => {
    const [, name, value] = /^(.*?) => (.*)$/.exec(line) ?? [];
    return name === undefined || value === undefined ? [] : [[name, value]];
  });
  return {
    state: field("state"),
    pid: count("pid"),
    path: field("path"),
    argv: blockOf(text, "arguments"),
    env: Object.fromEntries(env),
    cwd: field("working directory"),
    stdout: field("stdout path"),
    stderr: field("stderr path"),
    runs: count("runs"),
    lastEnd: lastEndOf(field("last exit code"), field("last terminating signal")),
    exitTimeoutSec: count("exit timeout"),
    minimumRuntimeSec: count("minimum runtime"),
    spawnFailed: field("job state") === "spawn failed",
  };
}

function blockOf(text: string, name: string): readonly string[] {
  const lines = new RegExp(`^\\t${name} = \\{\\n((?:\\t\\t.*\\n)*)\\t\\}$`, "m").exec(text)?.[1];
  return lines === undefined
    ? []
    : lines
        .trimEnd()
        .split("\n")
        .map((line) => line.replace(/^\t\t/, ""));
}

/** `78: EX_CONFIG`, `0`, `(never exited)`; `Killed: 9`. */
function lastEndOf(code: string | undefined, signal: string | undefined): LastEnd | undefined {
  const number = (text: string | undefined, pattern: RegExp) => {
    const found = text === undefined ? undefined : pattern.exec(text)?.[1];
    return found === undefined ? undefined : Number(found);
  };
  const bySignal = number(signal, /(\d+)$/);
  if (bySignal !== undefined) return { signal: bySignal };
  const byCode = number(code, /^(\d+)/);
  if (byCode !== undefined) return { code: byCode };
  return code === "(never exited)" ? "never" : undefined;
}
