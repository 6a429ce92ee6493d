/** `wo status`. */

import { readRuntime } from "../daemon/runtime.ts";
import type { Status } from "../daemon/status.ts";
import { statusOf } from "../daemon/status.ts";
import { EXIT } from "../platform/errors.ts";
import { isRecord } from "../platform/result.ts";
import { readBooks } from "../records/books.ts";
import { Vault } from "../records/vault.ts";
import { answer, type Context } from "./context.ts";
import { askDaemon, knownBase } from "./daemon-client.ts";
import { statusText } from "./views/status-view.ts";

/** Shows it; 1 when no daemon works, 6 when one is up and refuses because of its ledger. */
export async function showStatus(context: Context): Promise<number> {
  const live = await fromDaemon(context);
  const status = live ?? fromDisk(context);
  answer(context, "status", status, () => statusText(context.terminal, status, context.clock.now()));
  if (live === undefined) return EXIT.no;
  return live.daemon?.state === "refused" ? EXIT.integrity : EXIT.yes;
}

async function fromDaemon(context: Context): Promise<Status | undefined> {
  const data = await askDaemon(context, { call: "status" });
  return isStatus(data) ? data : undefined;
}

/** Without a daemon: what the books say; nobody works. */
function fromDisk({ files, clock, ...context }: Context): Status {
  const base = knownBase({ files, clock, ...context });
  const vault = new Vault(files, base.vault);
  const read = readBooks(files, vault);
  const index = read.ok ? read.value.index : read.error.index;
  const runtime = readRuntime(files, vault);
  // It did not say that it stopped: it was killed.
  const dead =
    runtime?.state === "running"
      ? { ...runtime, state: "stopped" as const, reason: "it ended without a word" }
      : runtime;
  return statusOf({ files, base, index, runtime: dead, nowMs: clock.now() });
}

function isStatus(value: unknown): value is Status {
  return (
    isRecord(value) && Array.isArray(value["needs"]) && Array.isArray(value["workers"]) && isRecord(value["counts"])
  );
}
