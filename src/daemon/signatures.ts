/** Who signed an order that was dropped: of what was claimed, by whom the base's allowed_signers names. */
import type { Claim } from "../bridge/intake.ts";
import { claimSignature, readSignature } from "../bridge/signature-drop.ts";
import { folderManifest, unpackFolder } from "../orders/folder-order.ts";
import { HINTS, type Problem, type ProblemCode } from "../orders/problems.ts";
import type { FileKind } from "../platform/disk.ts";
import type { Files } from "../platform/files.ts";
import { err, ok, type Result } from "../platform/result.ts";
import { findSigner, type SignatureFault, type Signer } from "../platform/ssh-keygen.ts";

export interface SignaturesOptions {
  readonly files: Files;
  /** Takes files for a moment. */
  readonly vault: string;
  /** Lines of allowed_signers that are in effect. */
  readonly signers: () => string;
}

export class Signatures {
  readonly #options: SignaturesOptions;

  constructor(options: SignaturesOptions) {
    this.#options = options;
  }

  /** The signature in the inbox goes with its claimed order. May run twice. */
  claim(claim: Claim): void {
    claimSignature(this.#options.files, claim);
  }

  /** Who signed an order whose signature was claimed with it, or why its signature does not count; undefined when there is none. */
  async signerOf(claim: Claim): Promise<Result<Signer, Problem> | undefined> {
    const { files, vault, signers } = this.#options;
    const reading = readSignature(files, claim);
    if (reading.kind === "absent" || claim.content === undefined) return undefined;
    if (reading.kind !== "file") return err(problem("bad_signature", "what lies beside it is no signature file"));
    const bytes = signedBytes(claim.info.kind, claim.content.bytes);
    if (bytes === undefined)
      return err(problem("bad_signature", "a name in the folder holds a line end or a backslash"));
    const found = await findSigner(files, vault, { bytes, signature: reading.bytes, signers: signers() });
    return found.ok ? ok(found.value) : err(faultProblem(found.error));
  }
}

/** What a signature of an order is made of: its file's bytes, or the manifest of its folder; undefined where that has none. */
function signedBytes(kind: FileKind, content: Buffer): Buffer | undefined {
  if (kind !== "folder") return content;
  const manifest = folderManifest(unpackFolder(content) ?? []);
  return manifest === undefined ? undefined : Buffer.from(manifest);
}

function faultProblem({ kind, key = "a key" }: SignatureFault): Problem {
  switch (kind) {
    case "bad":
      return problem("bad_signature", "the signature beside it is not one of what was dropped, for wo-bridge");
    case "unknown":
      return problem("unknown_signer", `it is signed with ${key}, which is not allowed to sign orders`);
    case "expired":
      return problem("signature_expired", `it is signed with ${key}, which is allowed to sign at another time only`);
    case "unchecked":
      return problem("signature_unchecked", "ssh-keygen is missing, or gave no answer within 10 s");
  }
}

function problem(code: ProblemCode, message: string): Problem {
  const hint = HINTS[code];
  return { code, message, ...(hint === undefined ? {} : { hint }) };
}
