/** Bytes that a ledger entry refers to: within the entry while they are few, as a blob of the vault otherwise. */
import { isUtf8 } from "node:buffer";
import { z } from "zod";

export type Content = { readonly text: string } | { readonly base64: string } | { readonly blob: string };

export const contentSchema: z.ZodType<Content> = z.union([
  z.strictObject({ text: z.string() }),
  z.strictObject({ base64: z.string() }),
  z.strictObject({ blob: z.string() }),
]);

/** How many bytes an entry carries by itself: accepting an order of this size costs one synced append and no blob. */
export const INLINE_BYTES = 64 * 1024;

/** The bytes as part of an entry: as text when they are any. */
export function inlineContent(bytes: Uint8Array): Content {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return isUtf8(buffer) ? { text: buffer.toString("utf8") } : { base64: buffer.toString("base64") };
}
