/**
 * The books for the length of one command, when no daemon runs: the same parts under the same locks, with nothing moving.
 * What is let go here runs when the next daemon starts.
 */
import { BridgeError } from "../platform/errors.ts";
import { silentLog } from "../platform/log.ts";
import { inlinePublisher } from "../platform/publisher.ts";
import type { Runner } from "../platform/runner.ts";
import type { Books } from "../records/books.ts";
import type { BoundBase } from "./base.ts";
import { ComponentDesk } from "./component-desk.ts";
import { type Ground, type OpenWish, openBase } from "./opening.ts";
import { openOrderReader } from "./order-reader.ts";
import { assembleParts, type Parts } from "./parts.ts";
import { Settings } from "./settings.ts";

export interface OfflineDesk {
  readonly base: BoundBase;
  readonly books: Books;
  readonly settings: Settings;
  readonly parts: Parts;
  readonly components: ComponentDesk;
}

/** Opens the base, does the work, brings the views up to date and lets go. Throws LOCK_HELD while a daemon runs. */
export async function withOfflineBase<T>(
  ground: Ground,
  wish: Omit<OpenWish, "onFatal" | "onFull">,
  runner: Runner,
  work: (desk: OfflineDesk) => Promise<T>,
): Promise<T> {
  const fatal: { error?: unknown } = {};
  const opened = await openBase(ground, {
    ...wish,
    onFatal: (error) => void (fatal.error = error),
    onFull: () => undefined,
  });
  const ending = new AbortController();
  const reader = openOrderReader(ground.clock, new URL("../daemon/read-thread.js", import.meta.url));
  try {
    const { books, base } = opened;
    if (books === undefined)
      throw opened.refusal?.error ?? new BridgeError("LEDGER_DAMAGED", "the ledger cannot be continued");
    const settings = new Settings(ground.files, books, base.path);
    await settings.reload();
    const onFatal = (error: unknown) => void (fatal.error = error);
    const parts = assembleParts({
      ground,
      log: silentLog,
      base,
      books,
      settings,
      runner,
      reader,
      publisher: inlinePublisher(ground.files),
      signal: ending.signal,
      onFatal,
    });
    // Lanes that are stopped take jobs and start none.
    await parts.line.leave();
    const components = new ComponentDesk({ ...ground, books, base, settings });
    const answer = await work({ base, books, settings, parts, components });
    if (fatal.error !== undefined) throw fatal.error;
    parts.views.start();
    await parts.views.flush();
    await books.close();
    return answer;
  } finally {
    ending.abort();
    runner.close();
    await reader.close();
    await opened.release();
  }
}
