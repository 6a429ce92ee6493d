/**
 * A signature that is dropped beside its order, before it or after it. It goes wherever its order goes, one rename
 * later: after a crash between the two the order is claimed, and its signature is still in the inbox.
 */
import type { Files, Reading } from "../platform/files.ts";
import type { Claim } from "./intake.ts";
import { signatureOf } from "./names.ts";

/** ssh-keygen's own are below 2 KiB. */
const SIGNATURE_BYTES_MAX = 64 * 1024;
const LAST_LINE = "-----END SSH SIGNATURE-----";

/** True once all of it is there, or what will never be one; `path` is the order's. */
export function hasSignature(files: Files, path: string): boolean {
  const reading = files.peek(signatureOf(path), SIGNATURE_BYTES_MAX);
  return reading.kind === "file" ? reading.bytes.includes(LAST_LINE) : reading.kind !== "absent";
}

/** Takes the signature out of the inbox that belongs to a claim, unless it is with it already. Of files only. */
export function claimSignature(files: Files, { lane, name, path, info }: Claim): void {
  const from = signatureOf(`${lane.folder}/${name}`);
  if (info.kind !== "file" || files.info(from) === undefined || files.info(signatureOf(path)) !== undefined) return;
  files.rename(from, signatureOf(path));
}

/** The signature that was claimed with an order. */
export function readSignature(files: Files, { path }: Claim): Reading {
  const signature = signatureOf(path);
  // Most orders have none: asking costs less than failing to open.
  return files.info(signature) === undefined ? { kind: "absent" } : files.peek(signature, SIGNATURE_BYTES_MAX);
}
