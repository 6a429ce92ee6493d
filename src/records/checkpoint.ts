/**
 * One entry of the ledger, signed and kept apart from it: a ledger that was written anew with right hashes throughout, or
 * put back from an older copy, does not pass through it. The key lies at the state root, outside of the vault, so that who
 * can write the vault alone cannot sign. It is behind the ledger by what happened since it was written, never ahead.
 */
import { dirname, join } from "node:path";
import { z } from "zod";
import type { Files } from "../platform/files.ts";
import { parseJson } from "../platform/result.ts";
import { SigningKey } from "../platform/signing-key.ts";
import { canonicalText } from "./canonical-text.ts";
import type { Head } from "./chain.ts";

const LIMIT_BYTES = 64 * 1024;
/** What is signed begins with it, so that no signature for anything else is good here. */
const PURPOSE = "wo-bridge checkpoint\n";

const checkpointSchema = z.strictObject({
  v: z.literal(1),
  /** The ledger's own id. */
  ledger: z.string(),
  seq: z.number().int().positive(),
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  ts: z.string(),
  /** Of the key that has signed it. */
  key: z.string(),
  signature: z.string(),
});

export type Checkpoint = z.infer<typeof checkpointSchema>;

/** What is known of the checkpoint. */
export type CheckpointState =
  /** There is none; `isGone` when this machine has a key for it, so that there has been one. */
  | { readonly kind: "none"; readonly isGone: boolean }
  /** It is there, and this machine has no key to prove it with: the vault came from elsewhere. */
  | { readonly kind: "unproven"; readonly checkpoint: Checkpoint }
  | { readonly kind: "proven"; readonly checkpoint: Checkpoint }
  /** What lies there was not signed by this machine. */
  | { readonly kind: "false"; readonly reason: string };

export class Checkpoints {
  readonly #files: Files;
  readonly #path: string;
  readonly #keyPath: string;

  /** `vault` and the place of the key, which is made when it is first needed. */
  constructor(files: Files, vault: string, keyPath: string) {
    this.#files = files;
    this.#path = join(vault, "checkpoint.json");
    this.#keyPath = keyPath;
  }

  read(): CheckpointState {
    const key = this.#key();
    const bytes = this.#files.read(this.#path, LIMIT_BYTES);
    if (bytes === undefined) return { kind: "none", isGone: key !== undefined };
    return judged(bytes.toString("utf8"), this.#path, () => key);
  }

  /** What a copy is worth that somebody kept at `place`, elsewhere: there may be copies of other machines, too. */
  judge(text: string, place: string): CheckpointState {
    const key = this.#key();
    return judged(text, place, ({ key: signer }) => (key?.id === signer ? key : undefined));
  }

  /** Durable when it resolves; the entry must be so already. Throws what `replace` throws. */
  async write(ledger: string, { seq, hash }: Head, ts: string): Promise<void> {
    const key = this.#key() ?? (await this.#makeKey());
    await this.#files.replace(this.#path, checkpointBytes({ ledger, seq, hash, ts }, key), 0o600);
  }

  #key(): SigningKey | undefined {
    const bytes = this.#files.read(this.#keyPath, LIMIT_BYTES);
    return bytes === undefined ? undefined : SigningKey.parse(bytes.toString("utf8"));
  }

  async #makeKey(): Promise<SigningKey> {
    const key = SigningKey.make();
    this.#files.makeFolders(dirname(this.#keyPath), 0o700);
    await this.#files.replace(this.#keyPath, key.pem, 0o600);
    return key;
  }
}

/** `keyFor` is the key that has to have signed it; undefined where nobody can say. */
function judged(
  text: string,
  place: string,
  keyFor: (checkpoint: Checkpoint) => SigningKey | undefined,
): CheckpointState {
  const parsed = checkpointSchema.safeParse(parseJson(text));
  if (!parsed.success) return { kind: "false", reason: `${place} is no checkpoint` };
  const checkpoint = parsed.data;
  const key = keyFor(checkpoint);
  if (key === undefined) return { kind: "unproven", checkpoint };
  if (key.hasSigned(signedText(checkpoint), checkpoint.signature)) return { kind: "proven", checkpoint };
  return { kind: "false", reason: `${place} is not signed by this machine's key ${key.id}` };
}

/** The file for one entry, signed. */
export function checkpointBytes(
  { ledger, seq, hash, ts }: Pick<Checkpoint, "ledger" | "seq" | "hash" | "ts">,
  key: SigningKey,
): Buffer {
  const unsigned = { v: 1 as const, ledger, seq, hash, ts, key: key.id };
  return Buffer.from(checkpointText({ ...unsigned, signature: key.sign(signedText(unsigned)) }));
}

/** As it is kept, in the vault and elsewhere. */
export function checkpointText(checkpoint: Checkpoint): string {
  return `${JSON.stringify(checkpoint, undefined, 2)}\n`;
}

function signedText({ v, ledger, seq, hash, ts, key }: Omit<Checkpoint, "signature">): string {
  return `${PURPOSE}${canonicalText({ v, ledger, seq, hash, ts, key })}`;
}

/** Watches the chain go by; tells in the end why it does not pass through the checkpoint. */
export class CheckpointWatch {
  readonly #state: CheckpointState;
  readonly #name: string;
  #met = "";

  /** `name` is what the checkpoint is called in what is wrong. */
  constructor(state: CheckpointState, name = "its checkpoint") {
    this.#state = state;
    this.#name = name;
  }

  /** Reading has to begin before this entry to meet it; undefined: anywhere. */
  get seq(): number | undefined {
    return "checkpoint" in this.#state ? this.#state.checkpoint.seq : undefined;
  }

  /** To be called with every entry. */
  see({ seq, hash }: Head): void {
    if (seq === this.seq) this.#met = hash;
  }

  /** The chain has been read to its end; undefined when it passes, or nobody can say. */
  fault(headSeq: number): string | undefined {
    if (this.#state.kind === "none") return undefined;
    if (this.#state.kind === "false") return this.#state.reason;
    const { seq, hash, ts } = this.#state.checkpoint;
    if (this.#met === hash) return undefined;
    if (headSeq < seq) return `the ledger ends at entry ${headSeq}, and ${this.#name} of ${ts} has seen entry ${seq}`;
    return `entry ${seq} is not the one that ${this.#name} of ${ts} has seen: the ledger was written anew`;
  }
}

/** What is worth a word although nothing is refused; undefined: nothing. */
export function doubtOf(state: CheckpointState): string | undefined {
  if (state.kind === "none" && state.isGone)
    return "the ledger's checkpoint is gone: until a new one was made a rewritten ledger would not have been seen";
  if (state.kind === "unproven")
    return `the ledger's checkpoint is signed by the key ${state.checkpoint.key}, which is not on this machine`;
  return undefined;
}
