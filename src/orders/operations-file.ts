/**
 * The file with a patch engine's operations that an order names instead of holding them. Once it was read, the order and
 * the file travel as one text, so that both are kept, compared and read again as one: the file in the base is never asked
 * again. Pure.
 */
import { z } from "zod";
import { sha256 } from "../platform/ids.ts";
import { err, ok, parseJson, type Result } from "../platform/result.ts";
import type { Collector } from "./collector.ts";
import { type Document, decode, openDocument } from "./document.ts";
import { valueAt } from "./header.ts";
import { packBytes, packedShape, unpackBytes } from "./packed-bytes.ts";
import type { KeyPath, Problem } from "./problems.ts";
import { sha256Text, treePath } from "./shapes.ts";

/** What an order says of its file. */
export interface OperationsFile {
  /** As it is written. */
  readonly path: string;
  /** Of its bytes, where the order states it. */
  readonly sha256?: string;
  /** Its operations are among the order's file actions. Nothing may be done of an order without them. */
  readonly isRead: boolean;
  /** Where the path stands. */
  readonly at: KeyPath;
}

/** An order's document; `operations`: what the file holds that it names, once that was read. */
export interface OrderDocument extends Document {
  readonly operations?: { readonly at: KeyPath; readonly value: unknown };
}

/** The bytes of an order, and those of the file that it names. */
export interface PackedOperations {
  readonly order: Buffer;
  readonly file: { readonly path: string; readonly bytes: Buffer };
}

const PLACES: readonly KeyPath[] = [["lpe_patch_file"], ["lpe_patch", "file"]];
const HASH_PLACES: readonly KeyPath[] = [["lpe_patch_file_sha256"], ["lpe_patch", "sha256"]];
/** Where operations stand in the order itself. */
export const INLINE_PLACES: readonly KeyPath[] = [
  ["lpe_patch_ops"],
  ["lpe_patch_inline"],
  ["lpe_patch", "ops"],
  ["lpe_patch", "inline"],
  ["patch", "ops"],
];

const BEGIN = '{"wo_operations":1,';
const packedSchema = z.strictObject({
  wo_operations: z.literal(1),
  order: z.strictObject(packedShape),
  file: z.strictObject({ path: z.string(), ...packedShape }),
});

/** Both as one text: the same two give the same bytes. */
export function packOperations({ order, file }: PackedOperations): Buffer {
  const packed = { wo_operations: 1, order: packBytes(order), file: { path: file.path, ...packBytes(file.bytes) } };
  return Buffer.from(JSON.stringify(packed));
}

/** The two out of such a text; undefined for the bytes of any other order. */
export function unpackOperations(bytes: Uint8Array): PackedOperations | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (buffer.toString("latin1", 0, BEGIN.length) !== BEGIN) return undefined;
  const packed = packedSchema.safeParse(parseJson(buffer.toString("utf8")));
  if (!packed.success) return undefined;
  const { order, file } = packed.data;
  return { order: unpackBytes(order), file: { path: file.path, bytes: unpackBytes(file) } };
}

/** The file that an order names, if it names one. Problems are kept; undefined then, too. */
export function readOperationsFile(document: OrderDocument, problems: Collector): OperationsFile | undefined {
  const { data } = document;
  const isGiven = (place: KeyPath) => (valueAt(data, place) ?? undefined) !== undefined;
  const [at, ...more] = [...PLACES, ...INLINE_PLACES].filter(isGiven);
  if (at === undefined || !PLACES.includes(at)) return undefined;
  if (more.length > 0) {
    const message =
      "operations stand here and in the file that the order names: readers disagree about which ones count";
    for (const place of more) problems.add({ code: "duplicate_key", message, hint: "keep one of the two" }, place);
    return undefined;
  }
  const path = problems.read(treePath, valueAt(data, at), at);
  const hashes = HASH_PLACES.filter(isGiven).map((place) => problems.read(sha256Text, valueAt(data, place), place));
  const [stated, other] = hashes;
  if (other !== undefined && stated?.toLowerCase() !== other.toLowerCase())
    problems.add({ code: "wrong_value", message: "two hashes are stated of one file" }, HASH_PLACES[1] ?? []);
  if (path === undefined) return undefined;
  const isRead = document.operations !== undefined;
  return { path, isRead, at, ...(stated === undefined ? {} : { sha256: stated.toLowerCase() }) };
}

/** The order's document together with its file's; refused where the file is not as the order says, or none that can be read. */
export function withOperations(
  document: Document,
  file: PackedOperations["file"],
): Result<OrderDocument, readonly Problem[]> {
  const at = PLACES.find((place) => valueAt(document.data, place) === file.path);
  // Anybody can write such a text.
  if (at === undefined) return err([document.problem({ code: "wrong_value", message: "it names another file" }, [])]);
  const stated = HASH_PLACES.find((place) => typeof valueAt(document.data, place) === "string");
  const wanted = stated === undefined ? undefined : String(valueAt(document.data, stated)).toLowerCase();
  const found = sha256(file.bytes);
  if (stated !== undefined && wanted !== found) {
    const message = `${file.path} has the sha256 ${found.slice(0, 12)}…, and ${wanted?.slice(0, 12)}… is stated`;
    return err([document.problem({ code: "checksum_mismatch", message }, stated)]);
  }
  const inFile = (problem: Problem): Problem => ({ ...problem, named: file.path });
  const text = decode(file.bytes);
  const opened = text.ok ? openDocument(text.value) : err([text.error]);
  if (!opened.ok) return err(opened.error.map(inFile));
  const isInside = (path: KeyPath) => path.length > at.length && at.every((key, index) => key === path[index]);
  const partOf = (path: KeyPath) => (isInside(path) ? opened.value : document);
  const within = (path: KeyPath) => (isInside(path) ? path.slice(at.length) : path);
  return ok({
    data: document.data,
    operations: { at, value: opened.value.data },
    problem: (fault, path, what) => {
      const problem = partOf(path).problem(fault, within(path), what);
      return isInside(path) ? inFile(problem) : problem;
    },
    typed: (path) => partOf(path).typed(within(path)),
    line: (path) => partOf(path).line(within(path)),
  });
}
