/** Speaks to the daemon of the base; where none runs and none is needed, does the same under the base's locks. */
import { absenceOf, type BoundBase, lastKnownAt, lookUpBase } from "../daemon/base.ts";
import { type Answer, type ControlError, isAnswer, type Request } from "../daemon/control-api.ts";
import { BridgeError } from "../platform/errors.ts";
import { ask } from "../platform/socket.ts";
import { Vault } from "../records/vault.ts";
import type { Context } from "./context.ts";

const SILENCE_MS = 10_000;
/** Whatever reads all of a long history takes its time. */
const SLOW_SILENCE_MS = 600_000;

/** A daemon said no. */
export class ControlRefusal extends Error {
  readonly error: ControlError;

  constructor(error: ControlError) {
    super(error.message);
    this.error = error;
  }
}

/**
 * The base as it is registered. Throws BASE_UNKNOWN, and BASE_MISSING also for the empty folder that its volume is mounted on:
 * what is written there ends a daemon's wait for its base.
 */
export function boundBase({ files, machine, basePath }: Context): BoundBase {
  const absence = absenceOf(files, machine, basePath);
  if (absence !== undefined) throw absence;
  const bound = lookUpBase(files, machine, basePath);
  if (bound === undefined) throw new BridgeError("BASE_UNKNOWN", `${basePath} is not attached`);
  return bound;
}

/**
 * The same, also while its folder is away: for asking its daemon and reading its vault. Nothing may be made below its path.
 * Throws BASE_MISSING where no base was ever known.
 */
export function knownBase(context: Context): BoundBase {
  const { files, machine, basePath } = context;
  const away = absenceOf(files, machine, basePath) === undefined ? undefined : lastKnownAt(files, machine, basePath);
  return away ?? boundBase(context);
}

/** Asks the daemon; undefined when none listens, or it is silent for so long. Throws ControlRefusal when it says no. */
export async function askDaemon(context: Context, request: Request, silenceMs?: number): Promise<unknown> {
  let last: Answer | undefined;
  const keep = (answer: Answer) => {
    last = answer;
  };
  try {
    await askEach(context, request, keep, silenceMs === undefined ? {} : { silenceMs });
  } catch (thrown) {
    if (thrown instanceof BridgeError && thrown.code === "DAEMON_SILENT") return undefined;
    throw thrown;
  }
  return last === undefined ? undefined : dataOf(last);
}

/** The same, where nothing but a running daemon can help: throws DAEMON_SILENT. */
export async function askRunningDaemon(context: Context, request: Request): Promise<unknown> {
  const data = await askDaemon(context, request);
  if (data === undefined) throw new BridgeError("DAEMON_SILENT", `no daemon answers for ${context.basePath}`);
  return data;
}

interface AskOptions {
  readonly signal?: AbortSignal;
  readonly silenceMs?: number;
}

/** Calls `onAnswer` for every answer until the daemon hangs up or `signal` aborts. Throws DAEMON_SILENT. */
export async function askEach(
  context: Context,
  request: Request,
  onAnswer: (answer: Answer) => void,
  options: AskOptions = {},
): Promise<void> {
  const { socketPath } = await import("../daemon/control.ts");
  const vault = new Vault(context.files, knownBase(context).vault);
  const path = socketPath(vault, context.machine);
  const isSlow = request.call === "rebuild" || request.call === "prune";
  const silenceMs = request.call === "wait" ? 0 : isSlow ? SLOW_SILENCE_MS : SILENCE_MS;
  let isForeign = false;
  const onLine = (value: unknown) => {
    if (isAnswer(value)) onAnswer(value);
    else isForeign = true;
  };
  await ask(path, request, onLine, { silenceMs, ...options });
  if (isForeign) throw new BridgeError("DAEMON_SILENT", `what answers at ${path} is no daemon of ours`);
}

/** What a daemon granted; throws ControlRefusal. */
export function dataOf(answer: Answer): unknown {
  if (answer.ok) return answer.data;
  throw new ControlRefusal(answer.error);
}
