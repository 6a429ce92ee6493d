/** What whoever dropped an order gets back: an acknowledgement when it is accepted, a result when it is at rest. Views. */
import type { Problem } from "../orders/problems.ts";
import type { Files } from "../platform/files.ts";
import type { Publisher } from "../platform/publisher.ts";
import { entryLaneOf, type OrderRecord } from "../records/order-record.ts";
import { approvalOf, troubleOf } from "../records/state-file.ts";
import type { Claim } from "./intake.ts";
import type { BridgeFolders } from "./lanes.ts";

export class Outbox {
  readonly #publisher: Publisher;
  readonly #folders: BridgeFolders;

  constructor(publisher: Publisher, folders: BridgeFolders) {
    this.#publisher = publisher;
    this.#folders = folders;
  }

  /**
   * `<id>.ack.json`: the order is in good hands. Nothing is said of its end. Of one that was passed on it lies in both
   * lanes: whoever dropped it looks where they dropped it, and is told where its result will be.
   */
  async acknowledge(record: OrderRecord): Promise<void> {
    const waits = record.status === "waiting";
    const ack = {
      v: 1,
      wo_id: record.id,
      status: waits ? "waiting" : "accepted",
      stage: "accepted",
      lane: record.lane,
      ...(record.routedFrom === undefined ? {} : { routed_from: record.routedFrom }),
      file: record.name,
      sha256: record.sha256,
      title: record.header.title,
      accepted_at: record.acceptedTs,
      ...(waits ? { message: troubleOf(record), next: approvalOf(record) ?? `wo show ${record.id}` } : {}),
    };
    const text = `${JSON.stringify(ack, undefined, 2)}\n`;
    await Promise.all(this.ackPaths(record).map((path) => this.#publisher.publish(path, text)));
  }

  /** `<id>_result.yaml`: how the order came to rest. */
  async report(record: OrderRecord): Promise<void> {
    await this.#publisher.publish(this.resultPath(record), resultText(record), { now: true });
  }

  /** `<id>.<ulid>.ack.json`: this drop was not taken as an order; the order's own acknowledgement stays. */
  async refuse(claim: Claim, fields: Readonly<Record<string, unknown>>): Promise<void> {
    const name = typeof fields["wo_id"] === "string" ? fields["wo_id"] : claim.name;
    const ulid = claim.claim.split("~", 1)[0] ?? "";
    const ack = {
      v: 1,
      stage: "intake",
      lane: claim.lane.name,
      file: claim.name,
      sha256: claim.content?.sha256,
      ...fields,
    };
    await this.#publisher.publish(
      `${this.#folders.outbox(claim.lane.name)}/${name}.${ulid}.ack.json`,
      `${JSON.stringify(ack, undefined, 2)}\n`,
    );
  }

  folder(lane: string): string {
    return this.#folders.outbox(lane);
  }

  /** False where one is missing, or was left empty or cut off by a power cut. */
  isAcknowledged(files: Files, record: OrderRecord): boolean {
    return this.ackPaths(record).every((path) => {
      const reading = files.peek(path, ANSWER_BYTES_MAX);
      return reading.kind === "file" && reading.bytes.at(-1) === NEWLINE;
    });
  }

  /** False where its result is missing, cut off, or that of an earlier try, which a power cut brought back. */
  isReported(files: Files, record: OrderRecord): boolean {
    const reading = files.peek(this.resultPath(record), ANSWER_BYTES_MAX);
    return reading.kind === "file" && reading.bytes.equals(Buffer.from(resultText(record)));
  }

  /** Where its acknowledgements lie, or would lie. */
  ackPaths(record: OrderRecord): readonly string[] {
    const lanes = [...new Set([record.lane, entryLaneOf(record)])];
    return lanes.map((lane) => `${this.#folders.outbox(lane)}/${record.id}.ack.json`);
  }

  resultPath(record: OrderRecord): string {
    return `${this.#folders.outbox(record.lane)}/${record.id}_result.yaml`;
  }
}

const ANSWER_BYTES_MAX = 1024 * 1024;
const NEWLINE = 10;

/** A result. One line per fact, every text in double quotes: the same in every YAML reader. */
function resultText(record: OrderRecord): string {
  const lines = [
    `wo_id: ${quoted(record.id)}`,
    `status: ${record.status}`,
    `timestamp: ${quoted(record.restedTs ?? record.updatedTs)}`,
    `lane: ${quoted(record.lane)}`,
    `attempt: ${record.attempt}`,
    `files_changed: ${record.plan?.changed ?? 0}`,
  ];
  if (record.failure !== undefined && record.status === "failed") {
    const { class: failureClass, code, message, hint } = record.failure;
    lines.push("error:", `  class: ${failureClass}`, `  code: ${quoted(code)}`, `  message: ${quoted(message)}`);
    if (hint !== undefined) lines.push(`  hint: ${quoted(hint)}`);
    lines.push(`next: ${quoted(`wo retry ${record.id}`)}`);
  } else if (troubleOf(record) !== "") lines.push(`message: ${quoted(troubleOf(record))}`);
  const results = [...changeLines(record), ...stepLines(record)];
  lines.push(results.length === 0 ? "results: []" : "results:", ...results);
  return `${lines.join("\n")}\n`;
}

function changeLines(record: OrderRecord): string[] {
  if (record.status === "planned")
    return (record.planned?.changes ?? []).map(({ path, change }) => pathLine(path, `would ${change}`));
  if (record.plan?.applied !== true) return [];
  const done = { create: "created", change: "changed", delete: "deleted" } as const;
  return record.plan.changes.map(({ path, change }) => pathLine(path, done[change]));
}

function pathLine(path: string, status: string): string {
  return `  - {path: ${quoted(path)}, status: ${status}}`;
}

function stepLines(record: OrderRecord): string[] {
  return record.steps.flatMap(({ finished }) => {
    if (finished === undefined) return [];
    const status = finished.ok ? "ok" : finished.optional ? "failed, optional" : "failed";
    const message = finished.message === undefined ? "" : `, message: ${quoted(finished.message)}`;
    return [
      `  - {${finished.kind}: ${quoted(finished.name)}, status: ${quoted(status)}, duration_ms: ${finished.duration_ms}${message}}`,
    ];
  });
}

function quoted(text: string): string {
  return JSON.stringify(text);
}

/** The file beside a rejected one: all its problems. */
export function errorText(claim: Claim, problems: readonly Problem[]): string {
  return `${JSON.stringify({ v: 1, file: claim.name, lane: claim.lane.name, sha256: claim.content?.sha256, problems }, undefined, 2)}\n`;
}
