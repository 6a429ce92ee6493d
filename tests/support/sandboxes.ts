/** Whether this machine can make sandboxes, and sandboxes of folders for one test. */
import { mkdirSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { test } from "vitest";
import type { SandboxSpec } from "../../src/platform/run-protocol.ts";
import { findSandboxProgram } from "../../src/platform/sandbox.ts";
import { temporaryFolder } from "./temporary-folder.ts";

const program = findSandboxProgram(process.env["PATH"] ?? "");

if (program === undefined) {
  // Said out loud: a skipped test proves nothing.
  process.stderr.write("\nSKIPPED: the sandbox's tests need bubblewrap (as root: apt-get install bubblewrap)\n\n");
}

/** A test that needs a sandbox; skipped, and told of, where none can be made. */
export const sandboxTest = test.skipIf(program === undefined);

/** A folder with `in`, which may be written, and what a test adds to that. */
export function boxOf(bend: Partial<SandboxSpec> = {}, folder = realFolder()) {
  mkdirSync(join(folder, "in"), { recursive: true });
  const sandbox: SandboxSpec = {
    program: program ?? "",
    writable: [join(folder, "in")],
    readOnly: [],
    pinned: [],
    hidden: [],
    hosts: [],
    ...bend,
  };
  return { folder, sandbox };
}

/** A new folder by its real path. */
export function realFolder(): string {
  return realpathSync(temporaryFolder());
}
