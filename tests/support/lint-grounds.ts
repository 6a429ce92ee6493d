/** A machine for linters, as a list of what lies on it: programs by their first line, folders by a closing slash. */
import type { LintGround } from "../../src/upkeep/agents/job.ts";

export interface MachineOptions {
  /** Path → its first line; with `x ` before it, it may be run. */
  readonly files?: Readonly<Record<string, string>>;
  readonly refused?: readonly string[];
}

export function lintGround({ files = {}, refused = [] }: MachineOptions = {}): LintGround {
  return {
    home: "/Users/me",
    userId: 501,
    secrets: () => [],
    look: (path) => {
      if (refused.includes(path)) return { kind: "refused", errno: "EPERM" };
      const text = files[path];
      if (text !== undefined)
        return { kind: "file", mode: text.startsWith("x ") ? 0o755 : 0o644, owner: 501, sizeBytes: 9 };
      const isFolder = Object.keys(files).some((one) => one.startsWith(`${path}/`));
      return isFolder ? { kind: "folder", mode: 0o755, owner: 501, sizeBytes: 9 } : { kind: "absent" };
    },
    head: (path) => files[path]?.replace(/^x /, "") ?? "",
    syntaxFault: () => Promise.resolve(undefined),
  };
}
