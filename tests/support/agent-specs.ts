/** Agents for tests: one that is valid, and any. */
import * as fc from "fast-check";
import type { AgentSpec } from "../../src/upkeep/agents/agent-spec.ts";

export function agentSpec(bent: Partial<AgentSpec> = {}): AgentSpec {
  return {
    label: "com.02luka.worker",
    argv: ["/opt/tool/bin/work", "--once"],
    env: { PATH: "/usr/bin:/bin" },
    cwd: "/opt/tool",
    life: { kind: "stays", restart: "on_failure", throttleSec: 10 },
    stopGraceSec: 30,
    logs: { stdout: "/var/log/work.out.log", stderr: "/var/log/work.err.log" },
    umask: 0o077,
    priority: "interactive",
    ...bent,
  };
}

/** Text that a path or a word may hold, the awkward letters of XML, systemd and shells often among them. */
const word = fc
  .array(
    fc.oneof(
      fc.constantFrom("&", "<", ">", '"', "'", "%", "\\", "$", ";", "#", " ", "]", "é", "中", "😀"),
      fc.string({ unit: "grapheme", maxLength: 3 }),
    ),
    {
      maxLength: 8,
    },
  )
  .map((parts) => parts.join(""));
const path = word.map((text) => `/${text}`);
const seconds = fc.integer({ min: 1, max: 31_536_000 });

function plainRecord<T>(parts: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record(parts, { noNullPrototype: true });
}

/** Any agent; some hold what no agent may. */
export const anySpec: fc.Arbitrary<AgentSpec> = plainRecord({
  label: fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,40}$/),
  argv: fc.tuple(path, fc.array(word, { maxLength: 5 })).map(([program, words]) => [program, ...words]),
  env: fc
    .array(fc.tuple(fc.stringMatching(/^[A-Za-z][A-Za-z0-9_]{0,12}$/), word), { maxLength: 5 })
    .map((pairs) => Object.fromEntries(pairs)),
  cwd: path,
  life: fc.oneof(
    plainRecord({
      kind: fc.constant("stays" as const),
      restart: fc.constantFrom("on_failure" as const, "always" as const),
      throttleSec: seconds,
    }),
    plainRecord({ kind: fc.constant("every" as const), intervalSec: seconds }),
  ),
  stopGraceSec: seconds,
  logs: plainRecord({ stdout: path, stderr: path }),
  umask: fc.integer({ min: 0, max: 0o777 }),
  priority: fc.constantFrom("interactive" as const, "background" as const),
});
