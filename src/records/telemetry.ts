/**
 * `unified.jsonl`: what happened, for `tail -f`. A view that is only ever appended to: a cursor goes along the ledger
 * and writes one line per entry, so that every committed event stands in it exactly once, also after a crash, after the
 * file was wiped, and after git put an older one in its place. Others append to the same file: their lines are theirs.
 */
import { dirname, join } from "node:path";
import { AppendFile } from "../platform/append-file.ts";
import { type Clock, isoTime } from "../platform/clock.ts";
import { Drain } from "../platform/drain.ts";
import { BridgeError } from "../platform/errors.ts";
import type { Files } from "../platform/files.ts";
import { linesFromEnd } from "../platform/lines-from-end.ts";
import { isRecord, parseJson } from "../platform/result.ts";
import { AGENTS, NOTICE_EVENTS, reportOf } from "./agents.ts";
import { fieldsText } from "./canonical-text.ts";
import type { Entry } from "./chain.ts";
import type { Notice } from "./events.ts";
import { readEntriesAfter } from "./ledger-reading.ts";

/** From the base on. */
export const TELEMETRY_PATH = "g/telemetry/unified.jsonl";
const SEARCH_BYTES = 256 * 1024;
const CATCH_UP_LINES = 500;
/** What happens within this time is one write: each may have to wait for the file system's journal. */
const GATHER_MS = 10;
/** Rotated files carry the last seq that is in them. */
const ROTATED = /^unified\.(\d+)\.jsonl$/;

export interface TelemetryOptions {
  readonly files: Files;
  readonly clock: Clock;
  readonly path: string;
  /** The vault's ledger folder. */
  readonly ledgerFolder: string;
  /** The ledger's own id: lines of another one, that came by git, are foreign. */
  readonly ledgerId: string;
  /** The file is put aside when it is larger. */
  readonly maxBytes: number;
  /** How many files that were put aside are kept. */
  readonly keep: number;
}

interface TelemetryLine {
  /** Undefined for a notice. */
  readonly seq: number | undefined;
  readonly text: string;
}

export class Telemetry {
  readonly #options: TelemetryOptions;
  #file: AppendFile | undefined;
  #device = 0;
  #inode = 0;
  /** The last seq that is in the file. */
  #seq = 0;
  /** The last seq of the ledger. */
  #headSeq = 0;
  /** Lines to be written next: entries that follow on what is in the file, and notices. */
  #ready: TelemetryLine[] = [];
  /** What the file had lost when it was opened again, to be told of once it has it back. */
  #lost: { readonly reason: "missing" | "emptied"; readonly entries: number } | undefined;
  /** The last seq that is in the file or ready. */
  #readySeq = 0;
  readonly #writing = new Drain(() => this.#write());

  constructor(options: TelemetryOptions) {
    this.#options = options;
  }

  /** The last seq that this ledger wrote to the file; 0 when the file has none. */
  static lastSeq(files: Files, path: string, ledgerId: string): number {
    return lastOwnSeq(files, path, ledgerId) ?? lastRotatedSeq(files, dirname(path));
  }

  /** How far the file is behind the ledger, in entries. */
  get behind(): number {
    return this.#headSeq - this.#seq;
  }

  /** Begins: the ledger ends at `headSeq`. What is missing in the file is caught up. */
  start(headSeq: number): void {
    this.#headSeq = headSeq;
    this.flush();
  }

  /** Tells of committed entries, in order. */
  push(entries: readonly Entry[]): void {
    for (const entry of entries) {
      const follows = this.#file !== undefined && this.#readySeq === this.#headSeq;
      this.#headSeq = entry.seq;
      // While the file is behind, the ledger itself is read: what comes now will be found there.
      if (!follows) continue;
      this.#ready.push({ seq: entry.seq, text: this.#lineOf(entry) });
      this.#readySeq = entry.seq;
    }
    this.flush();
  }

  /** A sign of life, or the repair of a view: written when the file can be, never caught up. */
  notice(notice: Notice): void {
    const { agent, ok } = reportOf(notice);
    const { event, ...fields } = notice;
    const line = {
      ts: isoTime(this.#options.clock.now()),
      agent,
      event,
      ok,
      ...fields,
      ledger: this.#options.ledgerId,
    };
    this.#ready.push({ seq: undefined, text: `${JSON.stringify(line)}\n` });
    this.flush();
  }

  /** Writes what is not written yet, a moment later and together with what comes until then. */
  flush(): void {
    this.#writing.request();
  }

  /** Resolves when everything that was told so far is in the file, or the disk has refused it. */
  async settled(): Promise<void> {
    this.flush();
    await this.#writing.settled();
  }

  /** Entries that are ready and not written are found in the ledger again; notices wait. */
  close(): void {
    this.#file?.close();
    this.#file = undefined;
    this.#ready = this.#ready.filter(({ seq }) => seq === undefined);
    this.#readySeq = this.#seq;
  }

  async #write(): Promise<void> {
    await this.#options.clock.sleep(GATHER_MS);
    try {
      if (!this.#isSameFile()) await this.#open();
      await this.#append(this.#ready.splice(0));
      for (let before = -1; this.behind > 0 && before !== this.#seq; ) {
        before = this.#seq;
        await this.#catchUp();
      }
      this.#tellLoss();
      this.#rotate();
    } catch (thrown) {
      if (thrown instanceof Rewritten) this.flush();
      else if (!(thrown instanceof BridgeError)) throw thrown;
      // The disk refused, perhaps even to cut off what it took half of, which is done before the next line then: the cursor stays where it is, and the next event tries again from there.
      this.close();
    }
  }

  /** One write of whole lines: a reader never sees half of one, another writer's line never lands in ours. */
  async #append(lines: readonly TelemetryLine[]): Promise<void> {
    if (lines.length === 0 || this.#file === undefined) return;
    try {
      if (this.#isRewritten(this.#file)) throw new Rewritten();
      await this.#file.append(Buffer.from(lines.map(({ text }) => text).join("")));
    } catch (thrown) {
      this.#ready.unshift(...lines.filter(({ seq }) => seq === undefined));
      throw thrown;
    }
    this.#seq = lines.findLast(({ seq }) => seq !== undefined)?.seq ?? this.#seq;
    this.#readySeq = Math.max(this.#readySeq, this.#seq);
  }

  async #catchUp(): Promise<void> {
    const { files, ledgerFolder, clock } = this.#options;
    let lines: TelemetryLine[] = [];
    for (const entry of readEntriesAfter(files, ledgerFolder, this.#seq)) {
      // Written, and perhaps not synced yet: telemetry tells of nothing that a power cut may take back.
      if (entry.seq > this.#headSeq) break;
      lines.push({ seq: entry.seq, text: this.#lineOf(entry) });
      if (lines.length < CATCH_UP_LINES) continue;
      await this.#append(lines);
      lines = [];
      this.#rotate();
      await clock.breathe();
      if (!this.#isSameFile()) return;
    }
    await this.#append(lines);
  }

  /** False when the name leads to another file by now, or the file was cut. */
  #isSameFile(): boolean {
    if (this.#file === undefined) return false;
    const info = this.#options.files.info(this.#options.path);
    const same = info !== undefined && info.inode === this.#inode && info.device === this.#device;
    return same && info.sizeBytes >= this.#file.sizeBytes;
  }

  /** True when the file has got entries that it did not have: git makes a file first, and fills it a moment later. */
  #isRewritten(file: AppendFile): boolean {
    const grownBytes = file.info().sizeBytes - file.sizeBytes;
    if (grownBytes <= 0) return false;
    const grown = file.read(file.sizeBytes, Math.min(grownBytes, SEARCH_BYTES)).toString("utf8").split("\n");
    const seqs = grown.flatMap((line) => ownSeq(line, this.#options.ledgerId) ?? []);
    // What the ledger does not have yet was never told by us.
    return seqs.some((seq) => seq > this.#seq && seq <= this.#headSeq);
  }

  /** What somebody took out of the file is back in it: that was drift, and is healed. */
  #tellLoss(): void {
    if (this.#lost === undefined || this.behind > 0) return;
    const { reason, entries } = this.#lost;
    this.#lost = undefined;
    this.notice({ event: "wo_pipeline_drift", missing: TELEMETRY_PATH, reason });
    this.notice({ event: "wo_pipeline_healed", path: TELEMETRY_PATH, what: `${entries} entries told again` });
  }

  async #open(): Promise<void> {
    const { files, path, ledgerId } = this.#options;
    this.close();
    const [before, isThere] = [this.#seq, files.info(path) !== undefined];
    files.makeFolders(dirname(path), 0o755);
    // Opened first: whatever comes into it from then on is either read here, or seen before the next line is written.
    const file = this.#take();
    this.#seq = Telemetry.lastSeq(files, path, ledgerId);
    this.#readySeq = this.#seq;
    await this.#mendEnd(file);
    const entries = (this.#lost?.entries ?? 0) + before - this.#seq;
    if (this.#seq < before) this.#lost = { reason: isThere ? "emptied" : "missing", entries };
  }

  /** Opens the file that has the name now. */
  #take(): AppendFile {
    const file = AppendFile.open(this.#options.files, this.#options.path, 0o644, true);
    const info = file.info();
    this.#device = info.device;
    this.#inode = info.inode;
    this.#file = file;
    return file;
  }

  /** A last line without newline: cut when a crash tore it while we wrote it, ended when it is somebody else's. */
  async #mendEnd(file: AppendFile): Promise<void> {
    const { files, ledgerFolder } = this.#options;
    const left = lastFragment(file);
    // Nobody writes zeros: a power cut kept the size, and not what was written.
    const fragment = left.subarray(0, left.findLastIndex((byte) => byte !== 0) + 1);
    if (fragment.length < left.length) file.cutTo(file.sizeBytes - (left.length - fragment.length));
    if (fragment.length === 0) return;
    const [next] = readEntriesAfter(files, ledgerFolder, this.#seq);
    // The line that we would write next is known to the byte; a notice only by its head.
    const ours = next !== undefined && Buffer.from(this.#lineOf(next)).subarray(0, fragment.length).equals(fragment);
    if (ours || beginsAsNotice(fragment.toString("utf8"))) file.cutTo(file.sizeBytes - fragment.length);
    else await file.append(Buffer.from("\n"));
  }

  #rotate(): void {
    const { files, path, maxBytes, keep } = this.#options;
    if (this.#file === undefined || this.#file.info().sizeBytes < maxBytes) return;
    const aside = join(dirname(path), `unified.${this.#seq}.jsonl`);
    // Named after its last entry: with none since the last time it grows a little longer.
    if (files.info(aside) !== undefined) return;
    this.close();
    files.rename(path, aside);
    for (const name of rotatedNames(files, dirname(path)).slice(keep)) files.remove(join(dirname(path), name));
    this.#take();
  }

  /** The same for an entry as it was told and as it is read again, to the byte: what was torn is known by it. */
  #lineOf(entry: Entry): string {
    const { ts, event, seq } = entry;
    const { agent, ok } = reportOf(entry);
    const wo_id = "wo_id" in entry ? entry.wo_id : undefined;
    const lane = "lane" in entry ? entry.lane : undefined;
    const head = JSON.stringify({ ts, agent, event, ok, seq, wo_id, lane, ledger: this.#options.ledgerId });
    // What is in the files is the vault's to know: telemetry lies in the tree.
    const fields: unknown = "files" in entry ? { ...entry, files: entry.files.map(({ path }) => path) } : entry;
    const rest = isRecord(fields) ? fieldsText(fields, NOT_TOLD_AGAIN) : "";
    return rest === "" ? `${head}\n` : `${head.slice(0, -1)},${rest}}\n`;
  }
}

/** What the file holds is not known any more: it is to be opened again. */
class Rewritten extends Error {}

/** Of an entry: what stands in front, what is the chain's own, and what is too heavy or too private to tail. */
const NOT_TOLD_AGAIN = new Set(
  [
    "ts event seq wo_id lane ledger",
    "v group more prev hash",
    "source config signers backlog stdout_tail stderr_tail base components replaced blobs",
  ].flatMap((names) => names.split(" ")),
);

const NOTICE_HEADS = AGENTS.flatMap((agent) =>
  NOTICE_EVENTS.map((event) => `","agent":"${agent}","event":"${event}",`),
);
const TIME_HEAD = /^\{"ts":"[\d.:TZ-]{24}/;

/** True for what a notice of ours begins with, or may begin with. */
function beginsAsNotice(fragment: string): boolean {
  const time = TIME_HEAD.exec(fragment)?.[0];
  if (time === undefined) return `{"ts":"`.startsWith(fragment) || /^\{"ts":"[\d.:TZ-]*$/.test(fragment);
  const rest = fragment.slice(time.length);
  return NOTICE_HEADS.some((head) => rest.startsWith(head) || head.startsWith(rest));
}

/** What stands behind the file's last newline; no line is longer than what is looked at. */
function lastFragment(file: AppendFile): Buffer {
  const length = Math.min(file.sizeBytes, 4 * SEARCH_BYTES);
  const bytes = file.read(file.sizeBytes - length, length);
  return bytes.subarray(bytes.lastIndexOf(10) + 1);
}

/** The last line of ours in the file, looked for from its end; undefined when there is none. */
function lastOwnSeq(files: Files, path: string, ledgerId: string): number | undefined {
  for (const lines of linesFromEnd(files, path)) {
    const own = lines.flatMap((line) => ownSeq(line, ledgerId) ?? []);
    if (own.length > 0) return own.reduce((one, other) => Math.max(one, other));
  }
  return undefined;
}

function ownSeq(line: string, ledgerId: string): number | undefined {
  if (!line.includes(ledgerId)) return undefined;
  const value = parseJson(line);
  if (!isRecord(value) || value["ledger"] !== ledgerId) return undefined;
  const { seq } = value;
  // Whatever else carries our name was not written by us, and must not pass for a vault that was set back.
  return typeof seq === "number" && Number.isSafeInteger(seq) && seq > 0 ? seq : undefined;
}

/** Newest first. */
function rotatedNames(files: Files, folder: string): string[] {
  const names = (files.list(folder) ?? []).map(({ name }) => name).filter((name) => ROTATED.test(name));
  return names.toSorted((a, b) => rotatedSeq(b) - rotatedSeq(a));
}

function rotatedSeq(name: string): number {
  return Number(ROTATED.exec(name)?.[1] ?? 0);
}

function lastRotatedSeq(files: Files, folder: string): number {
  const [newest] = rotatedNames(files, folder);
  return newest === undefined ? 0 : rotatedSeq(newest);
}
