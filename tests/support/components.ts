/** What a component has to be, for tests to bend. */
import { sha256 } from "../../src/platform/ids.ts";
import type { Fingerprint } from "../../src/records/components.ts";

/** Of an executable file with this text. */
export function fingerprintOf(text: string): Fingerprint {
  return {
    kind: "file",
    mode: 0o755,
    owner: 501,
    sha256: sha256(text),
    sizeBytes: text.length,
    content: { text },
    since: "2026-01-01",
    by: "me",
  };
}
