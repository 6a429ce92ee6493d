/** Names that nothing else has, and content hashes. */
import { createHash, randomBytes } from "node:crypto";
import { monotonicFactory } from "ulid";

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";

/** Ten random characters, safe in file names and addresses on every file system: 50 bits. */
export function randomName(): string {
  let name = "";
  for (const byte of randomBytes(10)) name += ALPHABET.charAt(byte & 31);
  return name;
}

/** A source of ids that sort by their time, also within one millisecond. */
export type IdSource = (wallMs: number) => string;

/** ULIDs, monotonic within this source. */
export function newIdSource(): IdSource {
  return monotonicFactory();
}

/** SHA-256 in lower-case hex. */
export function sha256(bytes: Uint8Array | string): string {
  return createHash("sha256").update(bytes).digest("hex");
}
