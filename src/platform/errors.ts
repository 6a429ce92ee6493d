/**
 * The three kinds of trouble. Expected trouble is a Result (result.ts). The world failing is a BridgeError: its code
 * stands in the catalogue with the one hint that says what to do next and the exit code a command ends with.
 * A bug is an InvariantError: nobody handles it, the process exits 70 and recovery repairs.
 */

/** What a command's exit code says. Scripts rely on it. */
export const EXIT = {
  yes: 0,
  no: 1,
  usage: 2,
  daemonNeeded: 3,
  busy: 4,
  refused: 5,
  integrity: 6,
  timedOut: 7,
  bug: 70,
  diskFailed: 74,
  interrupted: 130,
} as const;

interface Catalogued {
  readonly exit: number;
  readonly hint: string;
}

const CATALOGUE = {
  ADDRESS_TOO_LONG: { exit: EXIT.usage, hint: "choose a shorter vault with WO_VAULT" },
  BASE_MISSING: {
    exit: EXIT.usage,
    hint: "mount its volume or bring the folder back; or point LUKA_SOT or -C at another base",
  },
  BASE_NOT_OURS: {
    exit: EXIT.refused,
    hint: "the inbox must belong to the user who runs the daemon: `chown -R $(id -un) bridge/inbox && chmod -R o-w bridge/inbox`",
  },
  BASE_TWICE: {
    exit: EXIT.refused,
    hint: "two folders carry one base id; in the copy run `wo init --new-id`, or remove the copy",
  },
  BASE_UNKNOWN: {
    exit: EXIT.refused,
    hint: "run `wo init` here (with --vault DIR if this base already has a vault)",
  },
  CONFIG_INVALID: { exit: EXIT.usage, hint: "mend wo-bridge.yaml at the position shown, then start again" },
  DAEMON_SILENT: { exit: EXIT.daemonNeeded, hint: "start it with `wo daemon start`, or look at `wo daemon status`" },
  DISK_FULL: { exit: EXIT.busy, hint: "free some space; work resumes by itself" },
  DISK_REFUSED: { exit: EXIT.no, hint: "look at the path's owner, mode and disk, then try again" },
  LEDGER_DAMAGED: {
    exit: EXIT.integrity,
    hint: "see `wo ledger verify`; `wo ledger repair` says what a repair would do",
  },
  LEDGER_REWRITTEN: {
    exit: EXIT.integrity,
    hint: "the ledger is not the one that its signed checkpoint has seen: put the right vault back, or see `wo ledger repair`",
  },
  LOCK_HELD: {
    exit: EXIT.busy,
    hint: "another daemon holds this base: stop it with `wo daemon stop`, or see `wo status`",
  },
  MACHINE_UNSUPPORTED: { exit: EXIT.usage, hint: "wo-bridge runs on macOS and Linux" },
  NO_FOLDER: { exit: EXIT.no, hint: "a file has the name of a folder on the way: move one of them" },
  NO_SANDBOX: {
    exit: EXIT.refused,
    hint: "`wo status` says what to install; then `wo approve` or `wo retry` the order",
  },
  PATH_ESCAPED: { exit: EXIT.refused, hint: "a folder on the way was swapped for a link; look who did it" },
  RUNNER_FAILED: { exit: EXIT.bug, hint: "look at daemon.log in the vault" },
  SAFE_MODE: {
    exit: EXIT.integrity,
    hint: "mend what it died of, which `wo doctor` may find; `wo daemon start` tries at once",
  },
  SYNC_FAILED: {
    exit: EXIT.diskFailed,
    hint: "the disk did not take what it was given; check it, then start again: recovery runs by itself",
  },
  TOO_MANY_FILES: { exit: EXIT.busy, hint: "close some programs or raise `ulimit -n`; work resumes by itself" },
  USAGE: { exit: EXIT.usage, hint: "wo --help" },
  VAULT_DIFFERS: {
    exit: EXIT.integrity,
    hint: "this base is bound to another vault: unset WO_VAULT, or rebind with `wo init --vault DIR`",
  },
  VAULT_IN_TREE: { exit: EXIT.refused, hint: "choose a vault outside every git tree and outside the base" },
  VAULT_ROLLED_BACK: {
    exit: EXIT.integrity,
    hint: "the vault is older than what telemetry tells: put the right vault back, or see `wo ledger repair`",
  },
} as const satisfies Record<string, Catalogued>;

export type ErrorCode = keyof typeof CATALOGUE;

/** Trouble that only a person can end: starting again would meet it again. */
const LASTING: ReadonlySet<ErrorCode> = new Set([
  "ADDRESS_TOO_LONG",
  "BASE_NOT_OURS",
  "BASE_TWICE",
  "BASE_UNKNOWN",
  "CONFIG_INVALID",
  "LOCK_HELD",
  "MACHINE_UNSUPPORTED",
  "VAULT_DIFFERS",
  "VAULT_IN_TREE",
]);

/** True for the name of a catalogued error. */
export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === "string" && Object.hasOwn(CATALOGUE, value);
}

/** The world failed: a disk, a lock, another process. `message` says what and where, `hint` what to type next. */
export class BridgeError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { readonly cause: unknown }) {
    super(message, options);
    this.name = "BridgeError";
    this.code = code;
  }

  get hint(): string {
    return CATALOGUE[this.code].hint;
  }

  get exit(): number {
    return CATALOGUE[this.code].exit;
  }

  /** A supervisor that starts the program again would only meet it again. */
  get isLasting(): boolean {
    return LASTING.has(this.code);
  }
}

/** A rule of our own was broken: a bug. Never caught, except to log it and exit 70. */
export class InvariantError extends Error {
  constructor(rule: string) {
    super(`broken rule: ${rule}`);
    this.name = "InvariantError";
  }
}

/** Throws InvariantError unless `condition` holds; `rule` is the rule, not the symptom. */
export function assert(condition: boolean, rule: string): asserts condition {
  if (!condition) throw new InvariantError(rule);
}

/** The errno name ("ENOENT") of what Node threw; undefined for anything else. */
export function errnoOf(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error) || !("code" in thrown)) return undefined;
  return typeof thrown.code === "string" ? thrown.code : undefined;
}

/** What was thrown, as one line of text. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** The same where nothing was thrown, only an errno name is known: DISK_FULL, TOO_MANY_FILES or DISK_REFUSED. */
export function refusedWith(errno: string, path: string): Error {
  return diskError(Object.assign(new Error(errno), { code: errno }), path);
}

/** A refused system call as a BridgeError with its path; the cause is kept. Errors of ours pass through unchanged. */
export function diskError(thrown: unknown, path: string): Error {
  if (thrown instanceof BridgeError || thrown instanceof InvariantError) return thrown;
  const errno = errnoOf(thrown) ?? messageOf(thrown);
  const message = `the disk refused ${path}: ${errno}`;
  if (errno === "ENOSPC" || errno === "EDQUOT") return new BridgeError("DISK_FULL", message, { cause: thrown });
  if (errno === "EMFILE" || errno === "ENFILE") return new BridgeError("TOO_MANY_FILES", message, { cause: thrown });
  return new BridgeError("DISK_REFUSED", message, { cause: thrown });
}

/** Runs system calls; what they throw becomes a BridgeError that names the path. */
export function translated<T>(path: string, call: () => T): T {
  try {
    return call();
  } catch (thrown) {
    throw diskError(thrown, path);
  }
}
