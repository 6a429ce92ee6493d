/** Bytes of files as they can stand in one JSON text, readable where they are text. Pure. */
import { z } from "zod";

/** Keys of a map that holds them. */
export const packedShape = { text: z.string().optional(), base64: z.string().optional() };

interface PackedBytes {
  readonly text?: string | undefined;
  readonly base64?: string | undefined;
}

/** The same bytes give the same keys. */
export function packBytes(bytes: Buffer): PackedBytes {
  const text = bytes.toString("utf8");
  return Buffer.from(text).equals(bytes) ? { text } : { base64: bytes.toString("base64") };
}

/** The bytes again. */
export function unpackBytes({ text, base64 }: PackedBytes): Buffer {
  return text === undefined ? Buffer.from(base64 ?? "", "base64") : Buffer.from(text);
}
