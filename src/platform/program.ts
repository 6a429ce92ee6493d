/** Helper programs of the system (git, a user's notify command): run, waited for, never trusted to end by themselves. */
import { messageOf } from "./errors.ts";

export interface ProgramEnd {
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ProgramOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string | Uint8Array;
  readonly timeoutMs: number;
}

const PASSED_ON = ["PATH", "HOME", "USER", "LOGNAME", "LANG", "TMPDIR"] as const;

function plainEnvironment(): Record<string, string> {
  return Object.fromEntries(
    PASSED_ON.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

/** Runs a program without a shell; `exitCode` is undefined when it could not be started or was ended by its limit. */
export async function runProgram(argv: readonly [string, ...string[]], options: ProgramOptions): Promise<ProgramEnd> {
  // Loaded when first needed: most lives of the CLI never run a helper.
  const { execa } = await import("execa");
  const [program, ...words] = argv;
  try {
    const result = await execa(program, words, {
      cwd: options.cwd,
      // Not the daemon's own: GIT_DIR and its like would lead astray.
      extendEnv: false,
      env: { ...plainEnvironment(), ...options.env },
      input: options.input ?? "",
      timeout: options.timeoutMs,
      killSignal: "SIGKILL",
      reject: false,
      maxBuffer: 64 * 1024 * 1024,
      stripFinalNewline: false,
    });
    return { exitCode: result.exitCode, stdout: result.stdout, stderr: result.stderr };
  } catch (thrown) {
    return { exitCode: undefined, stdout: "", stderr: messageOf(thrown) };
  }
}
