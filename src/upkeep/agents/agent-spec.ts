/**
 * A program that the machine's supervisor keeps, as data: what launchd (launchd-plist.ts) and systemd (systemd-unit.ts) are
 * told. What is always a mistake cannot be said: an agent either stays or runs at intervals, never both.
 */
import { textFault } from "../../platform/property-list.ts";

export interface AgentSpec {
  /** Its name, and that of its file. */
  readonly label: string;
  /** The program by its absolute path, and its words. No shell reads them. */
  readonly argv: readonly string[];
  /** Beside what the supervisor sets itself (HOME, USER, TMPDIR). Without a PATH launchd gives /usr/bin:/bin:/usr/sbin:/sbin. */
  readonly env: Readonly<Record<string, string>>;
  /** Absolute. */
  readonly cwd: string;
  readonly life: AgentLife;
  /** From SIGTERM to SIGKILL. launchd's own is some 5 s. */
  readonly stopGraceSec: number;
  readonly logs: { readonly stdout: string; readonly stderr: string };
  /** Permission bits that new files do not get: 0o077. */
  readonly umask: number;
  /** "interactive": timers are not stretched and input and output not slowed down. */
  readonly priority: "interactive" | "background";
}

export type AgentLife =
  /** From login on; started again as `restart` says, the next start `throttleSec` after the last one at the earliest. */
  | { readonly kind: "stays"; readonly restart: "on_failure" | "always"; readonly throttleSec: number }
  /** Started, done, and started again at the next interval. What the machine slept through is left out. */
  | { readonly kind: "every"; readonly intervalSec: number };

export const LABEL = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** What no supervisor expands: `~/x`, `$HOME/x`, `${X}`. */
export const NOT_EXPANDED = /^~(?=\/|$)|[=:]~(?=\/)|\$(?:[A-Za-z_]\w*|\{[A-Za-z_])/;

/** Why this can be no agent, all reasons; none when it can. */
export function specFaults(spec: AgentSpec): readonly string[] {
  const { label, argv, env, cwd, logs, life, stopGraceSec, umask } = spec;
  const faults = LABEL.test(label)
    ? []
    : [`the label ${JSON.stringify(label)} is not made of letters, digits, ".", "_", "-"`];
  const paths = Object.entries({ program: argv[0] ?? "", cwd, stdout: logs.stdout, stderr: logs.stderr });
  for (const [name, path] of paths) if (!path.startsWith("/")) faults.push(`${name} is no absolute path: ${path}`);
  const values = [...argv.map((word, index) => [`argv[${index}]`, word] as const), ...Object.entries(env), ...paths];
  for (const [name, value] of values) {
    const fault = textFault(value) ?? (/[\n\r\t]/.test(value) ? "a line's end or a tab" : undefined);
    if (fault !== undefined) faults.push(`${name} holds ${fault}`);
    if (NOT_EXPANDED.test(value)) faults.push(`${name} holds ~ or a $VARIABLE, which nobody expands: ${value}`);
  }
  for (const name of Object.keys(env))
    if (!/^[A-Za-z_]\w*$/.test(name)) faults.push(`${JSON.stringify(name)} is no name of a variable`);
  const counts = life.kind === "stays" ? { throttleSec: life.throttleSec } : { intervalSec: life.intervalSec };
  for (const [name, seconds] of Object.entries({ ...counts, stopGraceSec }))
    if (!Number.isSafeInteger(seconds) || seconds < 1 || seconds > SECONDS_MAX)
      faults.push(`${name} is ${seconds}, not 1 to ${SECONDS_MAX}`);
  if (!Number.isInteger(umask) || umask < 0 || umask > 0o777) faults.push(`umask is ${umask}`);
  return [...new Set(faults)];
}

const SECONDS_MAX = 31_536_000;
