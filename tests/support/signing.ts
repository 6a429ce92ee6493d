/** Keys of people who sign orders, made for one test by the real ssh-keygen. */
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "vitest";
import { temporaryFolder } from "./temporary-folder.ts";

const isThere = spawnSync("ssh-keygen", ["-?"]).error === undefined;

if (!isThere) {
  // Said out loud: a skipped test proves nothing.
  process.stderr.write("\nSKIPPED: tests of signatures need ssh-keygen (as root: apt-get install openssh-client)\n\n");
}

/** A test that needs ssh-keygen; skipped, and told of, where there is none. */
export const signingTest = test.skipIf(!isThere);

export interface Key {
  /** A line of allowed_signers. */
  line(principal: string, options?: string): string;
  /** A detached signature of these bytes. */
  sign(bytes: string | Uint8Array, namespace?: string): string;
}

export function newKey(): Key {
  const folder = temporaryFolder();
  const path = join(folder, "key");
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "for a test", "-f", path]);
  const [kind, key] = readFileSync(`${path}.pub`, "utf8").split(" ");
  return {
    line: (principal, options = "") => `${principal} ${options} ${kind} ${key}\n`,
    sign: (bytes, namespace = "wo-bridge") => {
      return execFileSync("ssh-keygen", ["-q", "-Y", "sign", "-f", path, "-n", namespace], {
        input: bytes,
        stdio: ["pipe", "pipe", "ignore"],
      }).toString();
    },
  };
}
