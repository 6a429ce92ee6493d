/**
 * A signature that is dropped beside its order, a file or a folder, before it or after it. It goes wherever its order goes, one rename
 * later: after a crash between the two the order is claimed, and its signature is still in the inbox.
 */
import { basename } from "node:path";
import type { Files, Reading } from "../platform/files.ts";
import { isOrderFolder } from "./folder-drop.ts";
import type { Claim } from "./intake.ts";
import { signatureOf, signedName } from "./names.ts";

/** ssh-keygen's own are below 2 KiB. */
const SIGNATURE_BYTES_MAX = 64 * 1024;
const LAST_LINE = "-----END SSH SIGNATURE-----";

/** True once all of it is there, or what will never be one; `path` is the order's. */
export function hasSignature(files: Files, path: string): boolean {
  const signature = findSignature(files, path);
  const reading = signature === undefined ? { kind: "absent" as const } : files.peek(signature, SIGNATURE_BYTES_MAX);
  return reading.kind === "file" ? reading.bytes.includes(LAST_LINE) : reading.kind !== "absent";
}

/** Takes the signature out of the inbox that belongs to a claim, unless it is with it already. */
export function claimSignature(files: Files, { lane, name, path }: Claim): void {
  const from = findSignature(files, `${lane.folder}/${name}`);
  if (from === undefined || files.info(signatureOf(path)) !== undefined) return;
  files.rename(from, signatureOf(path));
}

/** What lies beside an order under its signature's name; a folder of that name may be an order itself, and is none then. */
function findSignature(files: Files, path: string): string | undefined {
  const signature = signatureOf(path);
  return files.info(signature) === undefined || isOrderFolder(files, signature) ? undefined : signature;
}

/** The claim whose signature a claimed file is; undefined for a claimed order. `name` is what it was dropped as. */
export function signedClaim(files: Files, path: string, name: string): string | undefined {
  return isOrderFolder(files, path, name) ? undefined : signedName(basename(path));
}

/** The signature that was claimed with an order. */
export function readSignature(files: Files, { path }: Claim): Reading {
  const signature = signatureOf(path);
  // Most orders have none: asking costs less than failing to open.
  return files.info(signature) === undefined ? { kind: "absent" } : files.peek(signature, SIGNATURE_BYTES_MAX);
}
