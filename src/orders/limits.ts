/** How much an order may ask of the machine. Each limit has a problem code and a test that meets it. */

export const LIMITS = {
  sizeBytes: 5 * 1024 * 1024,
  /** Of a file with operations that an order names. */
  operationsBytes: 1024 * 1024,
  depth: 64,
  aliases: 100,
  actions: 10_000,
  /** Told of one file: nobody reads more, and each costs a walk through the text. */
  problems: 20,
  /** YAML tokens; at 8 µs each the parser would need four seconds. */
  tokens: 500_000,
  pathBytes: 1024,
  nameBytes: 255,
  titleLength: 500,
  /** Of an order that is a folder: its files and folders together. */
  folderFiles: 200,
  /** Of one command. */
  retries: 100,
  /** Longest time that one command may ask for. */
  timeoutMs: 24 * 60 * 60 * 1000,
} as const;

/** YAML that may hold more tokens than this is parsed in a thread of its own, so that nothing else has to wait. */
export const THREAD_TOKENS = 4_000;

/** Anything larger is read there whatever it is: at 30 MB a second JSON would hold up everything for too long, too. */
export const THREAD_BYTES = 128 * 1024;
