/** A vault that many orders went through, made by writing what the daemon would have written. */
import { createHash } from "node:crypto";
import { openBase } from "../src/daemon/opening.ts";
import { systemClock } from "../src/platform/clock.ts";
import { systemDisk } from "../src/platform/disk.ts";
import { Files } from "../src/platform/files.ts";
import { newIdSource } from "../src/platform/ids.ts";
import { thisMachine } from "../src/platform/machine.ts";
import { systemProcesses } from "../src/platform/processes.ts";
import { thisSystem } from "../src/platform/system.ts";
import type { Event } from "../src/records/events.ts";

/** Entries that one order leaves in the ledger. */
export const ENTRIES_PER_ORDER = 6;
const AT_ONCE = 250;
/** What came to rest within the last minute before a daemon's death is told again: a history is older than that. */
const AGE_MS = 3_600_000;
const clock = { ...systemClock, now: () => systemClock.now() - AGE_MS };

const newId = newIdSource();

/** Adds the entries of so many done orders to an attached base's ledger, through the daemon's own books. */
export async function writeHistory(
  place: { readonly home: string; readonly base: string },
  orders: number,
): Promise<void> {
  const files = new Files(systemDisk, clock);
  const machine = { ...thisMachine(), stateRoot: `${place.home}/.local/state/wo-bridge` };
  const fail = (error: unknown): never => {
    throw error;
  };
  const opened = await openBase(
    { files, clock, machine, processes: systemProcesses(), system: thisSystem },
    { path: place.base, vault: undefined, init: false, newId: false, onFatal: fail, onFull: () => undefined },
  );
  const { books } = opened;
  if (books === undefined) throw new Error("the books cannot be opened");
  for (let done = 0; done < orders; done += AT_ONCE) {
    const count = Math.min(AT_ONCE, orders - done);
    await books.append(Array.from({ length: count }, (_, index) => eventsOf(`H${done + index}`)).flat());
  }
  await books.close();
  await opened.release();
}

function eventsOf(id: string): Event[] {
  const text = JSON.stringify({ wo_id: id, title: id, files: [{ path: `out/${id}.txt`, content: "z".repeat(100) }] });
  const sha256 = createHash("sha256").update(text).digest("hex");
  const of = { wo_id: id, lane: "CLC" };
  const image = { sha256, size_bytes: 100, mode: 0o644, content: { text: "z".repeat(100) } };
  const header = {
    title: id,
    summary: "",
    owner: "",
    category: "",
    priority: "P2",
    raw_priority: "",
    tags: [],
    goal: "",
  };
  const claim = `${newId(clock.now())}~${id}.json`;
  return [
    {
      event: "wo_accepted",
      ...of,
      ...header,
      priority: "P2",
      notes: "",
      created_at: "",
      due_date: "",
      claim,
      name: `${id}.json`,
      sha256,
      size_bytes: text.length,
      modified_ms: clock.now(),
      source: { text },
      file_actions: 1,
      commands: 0,
      dry_run: false,
      on_interrupt: "fail",
    },
    { event: "wo_started", ...of, attempt: 1 },
    {
      event: "patch_planned",
      ...of,
      attempt: 1,
      files: [{ root: ".", path: `out/${id}.txt`, temporary: ".wo-0.tmp", after: image }],
    },
    { event: "patch_applied", ...of, attempt: 1, changed: 1 },
    { event: "wo_completed", ...of, attempt: 1, changed: 1, steps: 0, optional_failures: 0 },
    { event: "wo_settled", ...of, to: `bridge/processed/CLC/202611/${id}.json` },
  ];
}
