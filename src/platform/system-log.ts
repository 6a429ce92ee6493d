/** What macOS itself wrote down of launchd's doings. It takes seconds to read, and keeps some hours. */
import type { Files } from "./files.ts";
import type { Machine } from "./machine.ts";
import { runProgram } from "./program.ts";
import { typedWord } from "./shell.ts";

const APPLE = "/usr/bin/log";
const LIMIT_MS = 20_000;
const WRITERS = 'process == "launchd" OR process == "xpcproxy"';

type Span = "5m" | "1h";

function wordsFor(last: Span) {
  return ["show", "--last", last, "--predicate", WRITERS, "--info", "--style", "compact"] as const;
}

/** What a person types to see the same of the last while. */
export function showLaunchdLog(last: Span): string {
  return ["log", ...wordsFor(last).map(typedWord)].join(" ");
}

/**
 * Lines of the last hour by launchd and what it starts programs with, oldest first; undefined where they could not be read in
 * time. WO_LOG names another program than macOS's; without one there is nothing to ask.
 */
export function launchdLog(files: Files, { env }: Machine): (() => Promise<readonly string[] | undefined>) | undefined {
  const program = env["WO_LOG"] ?? APPLE;
  if (!program.startsWith("/") || files.realPath(program) === undefined) return undefined;
  return async () => {
    const { exitCode, stdout } = await runProgram([program, ...wordsFor("1h")], { cwd: "/", timeoutMs: LIMIT_MS });
    return exitCode === 0 ? stdout.split("\n") : undefined;
  };
}
