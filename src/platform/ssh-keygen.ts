/**
 * Who signed some bytes, by ssh-keygen: nothing here knows of keys or ciphers. What it reads besides the bytes are
 * copies of ours, so that nobody changes one between two questions.
 */
import { join } from "node:path";
import type { Files } from "./files.ts";
import { randomName } from "./ids.ts";
import { type ProgramEnd, runProgram } from "./program.ts";
import { err, ok, type Result } from "./result.ts";

/** What a signature is made for: one that was made for git or a file is none for an order. */
const NAMESPACE = "wo-bridge";
const TIMEOUT_MS = 10_000;

/** Somebody who signed. */
export interface Signer {
  /** As the file of allowed signers has it. */
  readonly principal: string;
  /** `SHA256:…` of the public key. */
  readonly key: string;
}

/**
 * `bad`: no signature of these bytes for this purpose, whoever made it. `unknown`: by a key that is not allowed.
 * `expired`: by one that is allowed at another time. `unchecked`: nobody could find out.
 */
export interface SignatureFault {
  readonly kind: "bad" | "unknown" | "expired" | "unchecked";
  /** Of the key, once it is known. */
  readonly key?: string;
}

export interface SignedBytes {
  readonly bytes: Uint8Array;
  readonly signature: Uint8Array;
  /** Lines of `allowed_signers`, see ssh-keygen(1). */
  readonly signers: string;
}

/** Finds out who signed the bytes. `folder` takes two files for a moment; what a crash leaves of them a sweep removes. */
export async function findSigner(
  files: Files,
  folder: string,
  { bytes, signature, signers }: SignedBytes,
): Promise<Result<Signer, SignatureFault>> {
  const [allowed, detached] = [temporary(folder), temporary(folder)];
  const ask = (words: readonly string[]): Promise<ProgramEnd> =>
    runProgram(["ssh-keygen", "-Y", ...words, "-s", detached], {
      cwd: folder,
      env: { LC_ALL: "C" },
      input: bytes,
      timeoutMs: TIMEOUT_MS,
    });
  try {
    await files.writeNew(allowed, Buffer.from(signers), 0o600);
    await files.writeNew(detached, signature, 0o600);
    const found = await ask(["find-principals", "-f", allowed]);
    if (found.exitCode === undefined) return err({ kind: "unchecked" });
    const principal = found.exitCode === 0 ? found.stdout.split("\n")[0] : undefined;
    if (principal !== undefined && principal !== "") {
      const verified = await ask(["verify", "-f", allowed, "-I", principal, "-n", NAMESPACE]);
      if (verified.exitCode === undefined) return err({ kind: "unchecked" });
      const key = keyIn(verified);
      if (verified.exitCode === 0) return key === undefined ? err({ kind: "unchecked" }) : ok({ principal, key });
    }
    // Refused. Only the reason is still to be found: is it a good signature of somebody?
    const alone = await ask(["check-novalidate", "-n", NAMESPACE]);
    if (alone.exitCode === undefined) return err({ kind: "unchecked" });
    const key = keyIn(alone);
    if (alone.exitCode !== 0 || key === undefined) return err({ kind: "bad" });
    const isOutOfTime = /key has expired|key is not yet valid/.test(found.stderr);
    return err({ kind: isOutOfTime ? "expired" : "unknown", key });
  } finally {
    files.remove(allowed);
    files.remove(detached);
  }
}

/** A name that a sweep knows. */
function temporary(folder: string): string {
  return join(folder, `.wo-${randomName()}.tmp`);
}

/** `Good "wo-bridge" signature with ED25519 key SHA256:…` */
function keyIn({ stdout }: ProgramEnd): string | undefined {
  return / key (SHA256:[A-Za-z0-9+/]+)\s*$/.exec(stdout)?.[1];
}
