/**
 * Files that an order wants to be there, as it says they are. They are only read, so they may lie outside of the base;
 * nothing that is guarded is looked at, and no link is followed in the last name.
 */
import { createHash } from "node:crypto";
import type { FileCheck } from "../orders/order.ts";
import type { Failure } from "../orders/status.ts";
import type { Files } from "../platform/files.ts";
import { ReadFile } from "../platform/read-file.ts";
import { type PlaceRules, resolvePath } from "./places.ts";

const READ_BYTES = 1024 * 1024;

/** The first that is not as the order says; undefined when all are. */
export async function checkFiles(
  files: Files,
  checks: readonly FileCheck[],
  rules: PlaceRules,
): Promise<Failure | undefined> {
  for (const check of checks) {
    const failure = await checkFile(files, check, rules);
    if (failure !== undefined) return failure;
  }
  return undefined;
}

async function checkFile(files: Files, { path, sha256 }: FileCheck, rules: PlaceRules): Promise<Failure | undefined> {
  const resolved = resolvePath(files, checkedPath(path), rules);
  if (!resolved.ok) return { class: "policy", ...resolved.error };
  const info = files.info(resolved.value);
  const failed = (code: string, message: string): Failure => ({ class: "check_failed", code, message });
  if (info === undefined) return failed("absent", `${path} is not there`);
  if (sha256 === undefined) return undefined;
  if (info.kind !== "file") return failed("no_file", `${path} is a ${info.kind}, not a file`);
  const found = await hashOf(files, resolved.value);
  if (found === sha256) return undefined;
  return failed(
    "other_content",
    `${path} has the sha256 ${found.slice(0, 12)}…, and ${sha256.slice(0, 12)}… is wanted`,
  );
}

/** A folder may be named with its slash. */
export function checkedPath(path: string): string {
  return path.replace(/(?<=[^/])\/$/, "");
}

async function hashOf(files: Files, path: string): Promise<string> {
  const file = new ReadFile(files.disk, path);
  const slice = files.slices();
  const hash = createHash("sha256");
  try {
    for (let at = 0; ; ) {
      const bytes = file.range(at, READ_BYTES);
      if (bytes.length === 0) return hash.digest("hex");
      hash.update(bytes);
      at += bytes.length;
      await slice();
    }
  } finally {
    file.close();
  }
}
