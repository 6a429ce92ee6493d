/**
 * What a daemon under a supervisor waits for in its own process: its base, and the locks that somebody else holds. To end
 * would be to be started again every few seconds, or, with 0, not before the next login.
 */
import { absenceOf, lastKnownAt } from "../daemon/base.ts";
import { Daemon, type DaemonOptions } from "../daemon/daemon.ts";
import type { Lives } from "../daemon/lives.ts";
import { type Ground, openAbsent, refuseHeld } from "../daemon/opening.ts";
import { BridgeError } from "../platform/errors.ts";
import type { Context } from "./context.ts";
import { groundOf } from "./ground.ts";

const LOOK_MS = 2000;
/** Each try has threads made. */
const TRY_MS = 10_000;

export interface Wait {
  /** Made anew for each try: who stops closes what is in it. */
  readonly options: () => DaemonOptions;
  readonly lives: Lives;
  /** Aborts when it is told to stop. */
  readonly told: AbortSignal;
}

/**
 * Starts it as soon as it can be started; undefined when it was told to stop first. Throws what waiting does not end, and what
 * is counted against its lives. BASE_UNKNOWN where no base was ever known: nobody is going to bring it.
 */
export async function startWatched(context: Context, { options, lives, told }: Wait): Promise<Daemon | undefined> {
  const { clock } = context;
  const ground = groundOf(context);
  const say = sayingOnce(context);
  while (!told.aborted) {
    try {
      if (!(await awaitBase(context, { ground, options, told, say }))) return undefined;
      await refuseHeld(ground, context.basePath);
      return await Daemon.start({ ...options(), mayWork: (vault) => lives.begin(vault) });
    } catch (thrown) {
      if (!(thrown instanceof BridgeError)) throw thrown;
      const isHeld = thrown.code === "LOCK_HELD";
      if (!isHeld && (thrown.isLasting || lives.isBegun)) throw thrown;
      say(thrown.message);
      await clock.sleep(isHeld ? LOOK_MS : TRY_MS, told);
    }
  }
  return undefined;
}

interface Looking extends Pick<Wait, "options" | "told"> {
  readonly ground: Ground;
}

type Say = (message: string) => void;

/** What is met again and again is said once. */
function sayingOnce({ terminal }: Context): Say {
  let last = "";
  return (message) => {
    if (message !== last) terminal.err(`${terminal.paint("yellow", "!")} waiting: ${message}`);
    last = message;
  };
}

/** Waits for a base that is away, as its volume may be after a boot, and answers meanwhile. False when it was told to stop. */
async function awaitBase(
  context: Context,
  { ground, options, told, say }: Looking & { readonly say: Say },
): Promise<boolean> {
  const { files, machine, basePath } = context;
  for (;;) {
    if (told.aborted) return false;
    const missing = absenceOf(files, machine, basePath);
    if (missing === undefined) return true;
    // A link may lead to a volume that is away.
    const mayCome = lastKnownAt(files, machine, basePath) !== undefined || missing.code !== "BASE_MISSING";
    if (!mayCome && files.info(basePath)?.kind !== "link")
      throw new BridgeError("BASE_UNKNOWN", `${missing.message}, and none was ever attached there`);
    say(missing.message);
    if (!(await standStill(context, { ground, options, told, missing }))) return false;
  }
}

/** Answers until something else is seen of the base than `missing`. False when it was told to stop. */
async function standStill(
  context: Context,
  { ground, options, told, missing }: Looking & { readonly missing: BridgeError },
): Promise<boolean> {
  const { files, machine, clock, basePath } = context;
  const opened = await openAbsent(ground, basePath, missing);
  const daemon = opened === undefined ? undefined : await Daemon.standStill(options(), opened);
  const asked = new AbortController();
  void daemon?.stopping.then(() => asked.abort());
  const over = AbortSignal.any([told, asked.signal]);
  try {
    while (!over.aborted && absenceOf(files, machine, basePath)?.message === missing.message)
      await clock.sleep(LOOK_MS, over);
    return !over.aborted;
  } finally {
    await daemon?.stop(
      over.aborted ? "it was told to while it waited for its base" : "something else is seen of its base",
    );
  }
}
