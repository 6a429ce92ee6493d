/**
 * What must hold after any crash, whatever it was: the model that every rig holds its remains against. It knows the
 * promises and the layout on disk, and none of the product's code. Pure.
 */
import { createHash } from "node:crypto";
import { basename, join } from "node:path";
import { type Chain, type Entry, readChain } from "./chain.ts";
import { filesBelow, type Remains } from "./remains.ts";

/** A file that somebody dropped. */
export interface Drop {
  /** The id of its order. */
  readonly id: string;
  readonly lane: string;
  /** Its name in the inbox. */
  readonly name: string;
  readonly text: string;
  /** It was whole and on the medium before anything went wrong: it may not be lost, accepted or not. */
  readonly isDurable: boolean;
  /** Where its order may come to rest; `rejected` for what is no order, `waiting` for what waits for a person. */
  readonly ends: readonly string[];
  /** Files of the base before the order and once its files are applied; undefined: none. */
  readonly before: Readonly<Record<string, string | undefined>>;
  readonly after: Readonly<Record<string, string | undefined>>;
  /** How often its command takes effect when it is done; undefined: it has none. */
  readonly effects?: number;
  /** Classes of failure that it may end in, where it may fail at all; undefined: any. */
  readonly failures?: readonly string[];
  /** It may take effect once more for each attempt. */
  readonly repeats?: boolean;
  /** The base was wiped after it was dropped: its files, and the place where it lies, went with it. */
  readonly isWiped?: boolean;
}

/** What somebody outside has seen, and what a crash cannot undo. */
export interface Witness {
  readonly drops: readonly Drop[];
  /** Telemetry lines that were read before the crash: what was told must be true for ever. */
  readonly told: ReadonlyMap<number, string>;
  /** Ids that an acknowledgement named before the crash. */
  readonly acknowledged: ReadonlySet<string>;
  /** How often each order's command took effect. */
  readonly effects: ReadonlyMap<string, number>;
}

export interface Violation {
  readonly rule: string;
  readonly message: string;
}

const FRAGMENT_MAX = 100;
const OUTCOMES: Readonly<Record<string, string>> = {
  wo_completed: "done",
  wo_failed: "failed",
  wo_canceled: "canceled",
  wo_planned: "planned",
};

/** What the chain says of one order. */
interface History {
  readonly id: string;
  readonly entries: readonly Entry[];
  readonly status: string;
  readonly lastSeq: number;
}

/** Everything that is wrong with the remains of a base that has come to rest. */
export function violations(remains: Remains, witness: Witness): Violation[] {
  const chain = readChain(remains);
  const histories = historiesOf(chain);
  const rules: Readonly<Record<string, () => readonly string[]>> = {
    "the chain is sound": () => chain.faults,
    "the ledger vouches once": () => [...histories.values()].flatMap(vouchedOnce),
    "every order comes to rest": () => restless(histories, witness),
    "nothing is lost": () => lostDrops(remains, histories, chain, witness),
    "every file lies in one place": () => misplaced(remains, histories, chain, witness),
    "effects happen exactly once": () => wrongEffects(histories, witness),
    "files are as their order left them": () => wrongFiles(remains, histories, witness),
    "what was told is true": () => untrue(chain, histories, witness),
    "telemetry tells each entry once": () => telemetryFaults(remains, chain),
    "views are the ledger's": () => viewFaults(remains, histories),
    "blobs are there": () => blobFaults(remains, chain),
    "nothing is pruned that an order needs": () => prunedTooSoon(chain),
    "nothing unfinished is left": () => leftovers(remains, histories, witness),
  };
  return Object.entries(rules).flatMap(([rule, find]) => find().map((message) => ({ rule, message })));
}

function historiesOf({ entries }: Chain): ReadonlyMap<string, History> {
  const byId = new Map<string, Entry[]>();
  for (const entry of entries) {
    if (entry.wo_id === undefined || entry.event === "wo_rejected") continue;
    const key = entry.wo_id.toLowerCase();
    byId.set(key, [...(byId.get(key) ?? []), entry]);
  }
  return new Map([...byId].map(([key, of]) => [key, historyOf(of)]));
}

function historyOf(entries: readonly Entry[]): History {
  let status = "unknown";
  for (const { event } of entries) {
    if (event === "wo_accepted" || event === "wo_approved" || event === "wo_retried") status = "pending";
    else if (event === "wo_started") status = "running";
    else if (event === "wo_waiting") status = "waiting";
    else status = OUTCOMES[event] ?? status;
  }
  return { id: entries[0]?.wo_id ?? "", entries, status, lastSeq: entries.at(-1)?.seq ?? 0 };
}

/** One acceptance before all else, one end per life, and nothing done behind it. */
function vouchedOnce({ id, entries }: History): string[] {
  const faults: string[] = [];
  const accepted = entries.filter(({ event }) => event === "wo_accepted").length;
  if (accepted !== 1) faults.push(`${id} was accepted ${accepted} times`);
  let isAtRest = false;
  for (const { event, seq } of entries) {
    if (event === "wo_retried") isAtRest = false;
    else if (isAtRest && event !== "wo_settled" && event !== "wo_duplicate")
      faults.push(`${id}: ${event} (entry ${seq}) behind its end`);
    if (OUTCOMES[event] !== undefined) isAtRest = true;
  }
  return faults;
}

function restless(histories: ReadonlyMap<string, History>, { drops }: Witness): string[] {
  return drops.flatMap(({ id, ends, failures }) => {
    const history = histories.get(id.toLowerCase());
    if (history === undefined) return [];
    const { status } = history;
    if (!ends.includes(status)) return [`${id} is ${status}, and not ${ends.join(" or ")}: ${failureOf(history)}`];
    if (status !== "failed" || failures === undefined) return [];
    const failure = String(history.entries.findLast(({ event }) => event === "wo_failed")?.["class"]);
    return failures.includes(failure)
      ? []
      : [`${id} failed, and not as ${failures.join(" or ")}: ${failureOf(history)}`];
  });
}

function failureOf({ entries }: History): string {
  const failed = entries.findLast(({ event }) => event === "wo_failed");
  return failed === undefined ? "no failure" : `${String(failed["class"])}: ${String(failed["message"])}`;
}

/** What was dropped whole is known to the ledger, or lies where it was dropped. */
function lostDrops(
  remains: Remains,
  histories: ReadonlyMap<string, History>,
  { entries }: Chain,
  { drops }: Witness,
): string[] {
  const rejected = rejectedIn(entries);
  return drops.flatMap(({ id, lane, name, text, isDurable, isWiped }) => {
    if (!isDurable || isWiped === true || histories.has(id.toLowerCase()) || rejected.has(sha256(text))) return [];
    const path = join(remains.base, "bridge", "inbox", lane, name);
    return remains.read(path)?.toString("utf8") === text ? [] : [`${name} in ${lane} was dropped, and nobody knows it`];
  });
}

function rejectedIn(entries: readonly Entry[]): ReadonlySet<unknown> {
  return new Set(entries.flatMap((entry) => (entry.event === "wo_rejected" ? [entry["sha256"]] : [])));
}

/** As many copies as there were drops (of those that were not on the medium perhaps fewer), where their end belongs. */
function misplaced(
  remains: Remains,
  histories: ReadonlyMap<string, History>,
  { entries }: Chain,
  { drops }: Witness,
): string[] {
  const rejected = rejectedIn(entries);
  const bridge = join(remains.base, "bridge");
  const places = ["inbox", "processed", "error"].map((place) => {
    const hashes = filesBelow(remains, join(bridge, place)).map((path) => sha256(remains.read(path) ?? ""));
    return { place, copies: counted(hashes) };
  });
  const dropped = counted(drops.map(({ text }) => text));
  const kept = counted(drops.flatMap(({ text, isDurable }) => (isDurable ? [text] : [])));
  const faults: string[] = [];
  for (const { id, text, ends, isDurable, isWiped } of drops) {
    if (!isDurable || isWiped === true) continue;
    const hash = sha256(text);
    const [alike, durable] = [dropped.get(text) ?? 0, kept.get(text) ?? 0];
    const counts = places.map(({ place, copies }) => ({ place, count: copies.get(hash) ?? 0 }));
    const isRejected = ends.includes("rejected") && (durable > 0 || rejected.has(hash));
    const status = isRejected ? "rejected" : histories.get(id.toLowerCase())?.status;
    const wanted =
      status === "rejected" ? "error" : status === "waiting" || status === undefined ? "inbox" : "processed";
    const elsewhere = counts.filter(({ place, count }) => place !== wanted && count > 0);
    const there = counts.find(({ place }) => place === wanted)?.count ?? 0;
    for (const { place } of elsewhere)
      faults.push(`${id} is ${status ?? "not accepted"}, and a copy lies in ${place}/`);
    if (status !== undefined && (there > alike || there < durable))
      faults.push(`${id} is ${status}: ${there} of ${alike} copies in ${wanted}/`);
  }
  return [...new Set(faults)];
}

/** How often each is there. */
function counted(all: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const one of all) counts.set(one, (counts.get(one) ?? 0) + 1);
  return counts;
}

function wrongEffects(histories: ReadonlyMap<string, History>, { drops, effects }: Witness): string[] {
  return drops.flatMap(({ id, effects: wanted, repeats }) => {
    const seen = effects.get(id) ?? 0;
    const history = histories.get(id.toLowerCase());
    const most = (wanted ?? 0) * (repeats === true ? attemptsOf(history) : 1);
    const least = history?.status === "done" ? (wanted ?? 0) : 0;
    if (seen >= least && seen <= most) return [];
    return [`${id} is ${history?.status ?? "unknown"}: its command took effect ${seen} times, not ${least} to ${most}`];
  });
}

function attemptsOf(history: History | undefined): number {
  return history?.entries.filter(({ event }) => event === "wo_started").length ?? 0;
}

function wrongFiles(remains: Remains, histories: ReadonlyMap<string, History>, { drops }: Witness): string[] {
  return drops.flatMap(({ id, before, after, isWiped }) => {
    if (isWiped === true) return [];
    const history = histories.get(id.toLowerCase());
    const events = new Set(history?.entries.map(({ event }) => event));
    const isApplied = events.has("patch_applied") || history?.status === "done";
    if (!isApplied && events.has("patch_planned")) return [];
    const wanted = isApplied ? after : before;
    return Object.entries(wanted).flatMap(([path, text]) => {
      const there = remains.read(join(remains.base, path))?.toString("utf8");
      return there === text ? [] : [`${path} of ${id} (${history?.status ?? "unknown"}) holds ${shown(there)}`];
    });
  });
}

/** Nothing that somebody was told has become untrue. */
function untrue({ entries }: Chain, histories: ReadonlyMap<string, History>, witness: Witness): string[] {
  const bySeq = new Map(entries.map((entry) => [entry.seq, entry]));
  const telling = [...witness.told].flatMap(([seq, what]) => {
    const entry = bySeq.get(seq);
    const now = entry === undefined ? "nothing" : saying(entry);
    return now === what ? [] : [`entry ${seq} was told as ${what}, and the ledger has ${now}`];
  });
  const forgotten = [...witness.acknowledged].filter((id) => !histories.has(id.toLowerCase()));
  return [...telling, ...forgotten.map((id) => `${id} was acknowledged, and the ledger does not know it`)];
}

/** What telemetry tells of an entry, as far as outsiders remember it. */
export function saying({ event, wo_id }: { readonly event: string; readonly wo_id?: string }): string {
  return wo_id === undefined ? event : `${event} of ${wo_id}`;
}

function telemetryFaults(remains: Remains, { entries }: Chain): string[] {
  const folder = join(remains.base, "g", "telemetry");
  const paths = filesBelow(remains, folder).filter((path) => /^unified(?:\.\d+)?\.jsonl$/.test(basename(path)));
  const ledger = entries[0]?.["ledger"];
  const faults: string[] = [];
  const told = new Map<number, string>();
  for (const path of paths) {
    const lines = (remains.read(path)?.toString("utf8") ?? "").split("\n");
    if (lines.pop() !== "") faults.push(`${basename(path)} ends in half a line`);
    for (const line of lines) {
      const value = parsed(line);
      // What is too short to tell whose it was.
      if (value === undefined && line.length > FRAGMENT_MAX)
        faults.push(`${basename(path)} holds a line that is no JSON: ${line.slice(0, 80)}`);
      if (value?.["ledger"] !== ledger || typeof value?.["seq"] !== "number") continue;
      const seq = value["seq"];
      if (told.has(seq)) faults.push(`entry ${seq} is told twice`);
      told.set(seq, saying({ event: String(value["event"]), ...orderOf(value) }));
    }
  }
  for (const entry of entries) {
    const what = told.get(entry.seq);
    if (what !== saying(entry)) faults.push(`entry ${entry.seq} (${saying(entry)}) is told as ${what ?? "nothing"}`);
  }
  if (told.size > entries.length) faults.push(`${told.size} entries are told, and there are ${entries.length}`);
  return faults;
}

function orderOf(value: Readonly<Record<string, unknown>>): { readonly wo_id?: string } {
  return typeof value["wo_id"] === "string" ? { wo_id: value["wo_id"] } : {};
}

/** State file, acknowledgement and result say what the ledger says. */
function viewFaults(remains: Remains, histories: ReadonlyMap<string, History>): string[] {
  const faults: string[] = [];
  const state = join(remains.base, "g", "followup", "state");
  const whole = filesBelow(remains, join(remains.base, "bridge", "outbox")).filter(
    (path) => remains.read(path)?.toString("utf8").endsWith("\n") === true,
  );
  const outbox = new Set(whole.map((path) => basename(path)));
  for (const { id, status } of histories.values()) {
    const view = parsed(remains.read(join(state, `${id}.json`))?.toString("utf8") ?? "");
    if (view?.["status"] !== status)
      faults.push(`the state file of ${id} says ${shown(view?.["status"])}, not ${status}`);
    if (!outbox.has(`${id}.ack.json`)) faults.push(`${id} has no acknowledgement`);
    if (Object.values(OUTCOMES).includes(status) && !outbox.has(`${id}_result.yaml`))
      faults.push(`${id} is ${status} and has no result`);
  }
  const strangers = remains.list(state).filter(({ name }) => !histories.has(name.replace(/\.json$/, "").toLowerCase()));
  return [...faults, ...strangers.map(({ name }) => `the state file ${name} is of no order`)];
}

function blobFaults(remains: Remains, { entries }: Chain): string[] {
  const named = new Set<string>();
  // What was pruned is missed no more, unless an entry behind that refers to it again.
  for (const entry of entries) {
    for (const [, hash] of JSON.stringify(entry).matchAll(/"blob":"([0-9a-f]{64})"/g)) named.add(hash ?? "");
    if (entry.event !== "blobs_pruned") continue;
    for (const hash of Array.isArray(entry["blobs"]) ? entry["blobs"] : []) named.delete(String(hash));
  }
  return [...named].flatMap((hash) => {
    const bytes = remains.read(join(remains.vault, "blobs", hash.slice(0, 2), hash.slice(2)));
    return bytes !== undefined && sha256(bytes) === hash
      ? []
      : [`the blob ${hash} is ${bytes ? "damaged" : "missing"}`];
  });
}

/** Only orders at rest may lose what they refer to. */
function prunedTooSoon({ entries }: Chain): string[] {
  const holders = new Map<string, Set<string>>();
  const atRest = new Set<string>();
  const faults: string[] = [];
  for (const entry of entries) {
    const { event, seq, wo_id } = entry;
    const id = wo_id?.toLowerCase();
    for (const [, hash = ""] of JSON.stringify(entry).matchAll(/"blob":"([0-9a-f]{64})"/g))
      holders.set(hash, new Set([...(holders.get(hash) ?? []), ...(id === undefined ? [] : [id])]));
    if (id !== undefined && OUTCOMES[event] !== undefined) atRest.add(id);
    if (id !== undefined && (event === "wo_accepted" || event === "wo_retried")) atRest.delete(id);
    if (event !== "blobs_pruned" || !Array.isArray(entry["blobs"])) continue;
    for (const hash of entry["blobs"])
      for (const holder of holders.get(String(hash)) ?? [])
        if (!atRest.has(holder)) faults.push(`entry ${seq} prunes ${String(hash)}, which ${holder} needs`);
  }
  return faults;
}

/** Beside an order's targets only where the order itself was lost together with the drop that nobody had synced. */
function leftovers(remains: Remains, histories: ReadonlyMap<string, History>, { drops }: Witness): string[] {
  const own = ["bridge", "g", "apps"].flatMap((name) => filesBelow(remains, join(remains.base, name)));
  const lost = drops.some(({ id, isDurable }) => !isDurable && !histories.has(id.toLowerCase()));
  const below = [...(lost ? own : filesBelow(remains, remains.base)), ...filesBelow(remains, remains.vault)];
  return below.filter((path) => /\/\.wo-[a-z0-9-]+\.tmp$/.test(path)).map((path) => `${path} is left`);
}

function sha256(bytes: string | Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function shown(value: unknown): string {
  return value === undefined ? "nothing" : JSON.stringify(value).slice(0, 80);
}

function parsed(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
