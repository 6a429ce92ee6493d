/** What the doctor says of how the daemon's agent ended, whatever moment of its life it looks at. */
import { expect, test } from "vitest";
import type { LastEnd } from "../../../../src/platform/launchctl.ts";
import type { AgentState } from "../../../../src/upkeep/agents/agent-state.ts";
import { endFindings } from "../../../../src/upkeep/agents/end-checks.ts";
import { DAEMON_LABEL } from "../../../../src/upkeep/agents/own-agents.ts";
import { realFiles } from "../../../support/ledger-kit.ts";
import { fakeMachine } from "../../../support/machines.ts";

/** The daemon's agent, loaded. */
function loaded(pid: number | undefined, lastEnd: LastEnd): AgentState {
  const nothing = { path: undefined, cwd: undefined, stdout: undefined, stderr: undefined };
  const limits = { exitTimeoutSec: undefined, minimumRuntimeSec: undefined };
  const state = pid === undefined ? "spawn scheduled" : "running";
  const job = { ...nothing, ...limits, state, pid, argv: ["/node"], env: {}, runs: 7, lastEnd, spawnFailed: false };
  const rest = { fileDrift: [], loadedDrift: [], reload: "not needed", isDisabled: false } as const;
  return { label: DAEMON_LABEL, path: "/plist", file: { kind: "absent" }, job: { kind: "loaded", job }, ...rest };
}

interface Moment {
  readonly what: string;
  readonly pid?: number;
  readonly lastEnd: LastEnd;
  /** The daemon that answers. */
  readonly live?: { readonly pid: number };
  readonly mark: string;
  readonly seen: RegExp;
}

const MOMENTS: readonly Moment[] = [
  { what: "has never ended", pid: 12, lastEnd: "never", mark: "ok", seen: /: pid 12, run 7$/ },
  { what: "was stopped and starts", pid: 12, lastEnd: { code: 0 }, mark: "ok", seen: /; the one before ended with 0$/ },
  {
    what: "was killed and works",
    pid: 12,
    lastEnd: { signal: 9 },
    live: { pid: 12 },
    mark: "ok",
    seen: /with signal 9/,
  },
  {
    what: "was killed and is silent",
    pid: 12,
    lastEnd: { signal: 9 },
    mark: "warning",
    seen: /not answer; .* signal 9/,
  },
  {
    what: "has a bug, its next try alive",
    pid: 12,
    lastEnd: { code: 70 },
    mark: "warning",
    seen: /not answer; .* 70: a/,
  },
  { what: "has a bug, between two tries", lastEnd: { code: 70 }, mark: "error", seen: /ends again .* \(7 runs\): 70/ },
  {
    what: "cannot start, its next try alive",
    pid: 12,
    lastEnd: { code: 126 },
    mark: "error",
    seen: /: 126: the program/,
  },
  {
    what: "cannot start, between two tries",
    lastEnd: { code: 126 },
    mark: "error",
    seen: /: 126: the program is there/,
  },
];

test.each(MOMENTS)("one that $what", async ({ pid, lastEnd, live, mark, seen }) => {
  const findings = await endFindings({
    files: realFiles,
    machine: fakeMachine("/home"),
    basePath: "/base",
    states: async () => [loaded(pid, lastEnd)],
    answering: async () => live,
    launchdLog: undefined,
  });
  expect(findings).toMatchObject([{ mark, seen: expect.stringMatching(seen) }]);
});
