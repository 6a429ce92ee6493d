/** Names that nothing else has, and content hashes. */
import { hash, randomBytes } from "node:crypto";
import { monotonicFactory } from "ulid";

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";

/** Ten random characters, safe in file names and addresses on every file system: 50 bits. */
export function randomName(): string {
  let name = "";
  for (const byte of randomBytes(10)) name += ALPHABET.charAt(byte & 31);
  return name;
}

/** A name that only this product's unfinished files carry: sweeping removes what a crash left of them. */
export const TEMPORARY_NAME = /^\.wo-[a-z0-9-]+\.tmp$/;

/**
 * Names for this process's unfinished files: random once, then counted, because randomness costs as much as a write.
 * Not to be used where two processes may meet.
 */
export class TemporaryNames {
  readonly #prefix = randomName();
  #count = 0;

  /** Those that another process left behind. */
  isOthers(name: string): boolean {
    return TEMPORARY_NAME.test(name) && !name.startsWith(`.wo-${this.#prefix}-`);
  }

  /** Matches TEMPORARY_NAME. */
  next(): string {
    this.#count += 1;
    return `.wo-${this.#prefix}-${this.#count.toString(36)}.tmp`;
  }
}

/** A source of ids that sort by their time, also within one millisecond. */
export type IdSource = (wallMs: number) => string;

/** ULIDs, monotonic within this source. */
export function newIdSource(): IdSource {
  // The package asks for randomness sixteen times an id; a pool asks once for many.
  let pool = randomBytes(0);
  let used = 0;
  return monotonicFactory(() => {
    if (used >= pool.length) {
      pool = randomBytes(1024);
      used = 0;
    }
    const byte = pool[used] ?? 0;
    used += 1;
    return byte / 256;
  });
}

/** SHA-256 in lower-case hex. */
export function sha256(bytes: Uint8Array | string): string {
  return hash("sha256", bytes, "hex");
}
