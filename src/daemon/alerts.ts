/** The log of alerts in the tree: a line each, for people who tail it. Telemetry and the ledger say the same, and more. */
import { dirname, join } from "node:path";
import { AppendFile } from "../platform/append-file.ts";
import type { Files } from "../platform/files.ts";

/** Below the base. */
export const ALERTS = "logs/guardrail_alerts.log";

/** Appends a line. Throws what the disk refuses. */
export async function writeAlert(files: Files, base: string, line: string): Promise<void> {
  const path = join(base, ALERTS);
  files.makeFolders(dirname(path), 0o755);
  const file = AppendFile.open(files, path, 0o644, true);
  await file.append(Buffer.from(`${line}\n`)).finally(() => file.close());
}
