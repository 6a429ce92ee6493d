/**
 * An order that names a file with its operations gets them here, once, when it is taken in. What was read then is part of
 * the order for ever: its source in the ledger holds both, and nobody looks at the file again.
 */
import type { ReadOrder } from "../bridge/intake.ts";
import { mayUnmarkedBeWhole, type WholenessRules } from "../bridge/wholeness.ts";
import type { Fault } from "../orders/document.ts";
import { LIMITS } from "../orders/limits.ts";
import { type OperationsFile, packOperations } from "../orders/operations-file.ts";
import type { Order } from "../orders/order.ts";
import type { Problem } from "../orders/problems.ts";
import { openOrder } from "../orders/read-order.ts";
import type { Clock } from "../platform/clock.ts";
import type { Files } from "../platform/files.ts";
import { sha256 } from "../platform/ids.ts";
import { err, ok, type Result } from "../platform/result.ts";
import { type NamedFile, readNamedFile } from "../processors/named-file.ts";
import type { PlaceRules } from "../processors/places.ts";

export interface OperationsReader {
  readonly files: Files;
  readonly readOrder: ReadOrder;
  /** Where a file that somebody may still be writing is waited for. */
  readonly patience?: { readonly clock: Clock; readonly rules: () => WholenessRules };
}

export interface WholeOrder {
  /** The order's own, or these and its file's as one text. */
  readonly bytes: Buffer;
  readonly order: Result<Order, readonly Problem[]>;
}

/** How often a file is looked at that is being written. */
const LOOKS = 8;

/** The order with what the file holds that it names; every other order as it is. */
export async function withItsOperations(
  reader: OperationsReader,
  { bytes, stem, order }: { readonly bytes: Buffer; readonly stem: string; readonly order: Order },
  rules: PlaceRules,
): Promise<WholeOrder> {
  const { operationsFile: named } = order;
  if (named === undefined || named.isRead) return { bytes, order: ok(order) };
  const file = await readStill(reader, named, rules);
  if (!file.ok) return { bytes, order: err([placed(file.error, named, bytes, stem)]) };
  const packed = packOperations({ order: bytes, file: { path: named.path, bytes: file.value.bytes } });
  return { bytes: packed, order: await reader.readOrder(packed, stem) };
}

/** The file once it has stood still, or is what the order says that it is. */
async function readStill(
  { files, patience }: OperationsReader,
  { path, sha256: stated }: OperationsFile,
  rules: PlaceRules,
): Promise<Result<NamedFile, Fault>> {
  for (let before: Buffer | undefined, look = 1; look <= LOOKS; look += 1) {
    const file = await readNamedFile(files, path, rules, LIMITS.operationsBytes);
    if (!file.ok || patience === undefined) return file;
    const { bytes, modifiedMs } = file.value;
    const isKnown = before?.equals(bytes) === true || stated === sha256(bytes);
    const whole = mayUnmarkedBeWhole(patience.clock.now() - modifiedMs, patience.rules(), isKnown);
    if (whole.kind === "look") return file;
    before = bytes;
    await patience.clock.sleep(whole.forMs);
  }
  return err({
    code: "bad_operations_file",
    message: `${path} is still being written`,
    hint: "drop the order once it is whole",
  });
}

/** With the place of the path in the order's file. */
function placed(fault: Fault, { at }: OperationsFile, bytes: Buffer, stem: string): Problem {
  const document = openOrder(bytes, stem);
  return document.ok ? document.value.problem(fault, at) : fault;
}
