/** Lines put together as bytes, in memory that is used again: no string of all of them is ever made. */

const NEWLINE = 10;
/** UTF-8 takes three bytes at most for each unit of a string. */
const BYTES_PER_UNIT = 3;

export class LineBuffer {
  #bytes: Buffer;
  #length = 0;

  constructor(sizeBytes = 64 * 1024) {
    this.#bytes = Buffer.allocUnsafe(sizeBytes);
  }

  /** Forgets what was added. */
  clear(): void {
    this.#length = 0;
  }

  /** Adds a line and its newline; returns how many bytes they are. */
  add(line: string): number {
    const start = this.#length;
    const most = start + line.length * BYTES_PER_UNIT + 1;
    if (most > this.#bytes.length) this.#grow(most);
    const end = start + this.#bytes.write(line, start);
    this.#bytes[end] = NEWLINE;
    this.#length = end + 1;
    return this.#length - start;
  }

  /** All that was added; good until something is added again. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  #grow(leastBytes: number): void {
    const bytes = Buffer.allocUnsafe(Math.max(leastBytes, 2 * this.#bytes.length));
    this.#bytes.copy(bytes, 0, 0, this.#length);
    this.#bytes = bytes;
  }
}
