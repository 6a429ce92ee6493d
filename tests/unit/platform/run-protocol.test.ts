/** Nothing is taken for a message or a status that is not one: a status file outlives the program that wrote it. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { isFromHost, isRunStatus, isToHost, type RunSpec, type RunStatus } from "../../../src/platform/run-protocol.ts";

const output = { bytes: 3, cut: false, tail: "hi\n" };
const status: RunStatus = {
  v: 1,
  exitCode: 0,
  timedOut: false,
  stopped: false,
  leftovers: false,
  durationMs: 5,
  stdout: output,
  stderr: output,
};
const spec: RunSpec = {
  key: "k",
  argv: ["ls"],
  cwd: "/",
  env: { A: "b" },
  folder: "/f",
  timeoutMs: 1,
  graceMs: 1,
  outputMaxBytes: 1,
  mark: "m",
};
const { exitCode: _exitCode, ...endless } = status;

/** The value without one key, for each of its keys. */
const without = (value: object) =>
  Object.keys(value).map(
    (key) => [key, Object.fromEntries(Object.entries(value).filter(([name]) => name !== key))] as const,
  );

test("a status as this version writes it is one, with an exit code or a signal", () => {
  expect(isRunStatus(JSON.parse(JSON.stringify(status)))).toBe(true);
  expect(isRunStatus({ ...endless, signal: "SIGKILL" })).toBe(true);
  expect(isRunStatus({ ...status, later: "a key that a later version adds" })).toBe(true);
});

test.each<readonly [string, unknown]>([
  ...without(status).map(([key, value]) => [`without ${key}`, value] as const),
  ["with an exit code and a signal", { ...status, signal: "SIGKILL" }],
  ["of another version", { ...status, v: 2 }],
  ["with an exit code as text", { ...status, exitCode: "0" }],
  ["with a flag as text", { ...status, timedOut: "no" }],
  ["with output as text", { ...status, stdout: "hi" }],
  ["with output without its tail", { ...status, stderr: { bytes: 1, cut: false } }],
  ["that is a list", [status]],
  ["that is nothing", undefined],
])("a status %s is none", (_what, value) => {
  expect(isRunStatus(value)).toBe(false);
});

test.each<readonly [unknown, boolean]>([
  [{ say: "prepared", key: "k", pid: 1, startTime: "2" }, true],
  [{ say: "refused", key: "k", reason: "r" }, true],
  [{ say: "ended", key: "k", status }, true],
  [{ say: "prepared", key: "k", pid: "1", startTime: "2" }, false],
  [{ say: "prepared", key: "k", pid: 1 }, false],
  [{ say: "refused", key: "k" }, false],
  [{ say: "ended", key: "k", status: endless }, false],
  [{ say: "ended", status }, false],
  [{ say: "exploded", key: "k" }, false],
  ["prepared", false],
])("%j is a host's message: %s", (message, is) => {
  expect(isFromHost(message)).toBe(is);
});

test.each<readonly [unknown, boolean]>([
  [{ say: "prepare", spec }, true],
  [{ say: "go", key: "k" }, true],
  [{ say: "drop", key: "k" }, true],
  [{ say: "stop", key: "k" }, true],
  [{ say: "go" }, false],
  [{ say: "stop", key: 5 }, false],
  [{ say: "prepare", spec: { ...spec, argv: "ls" } }, false],
  [{ say: "prepare", spec: { ...spec, argv: ["ls", 5] } }, false],
  [{ say: "prepare", spec: { ...spec, env: { A: 1 } } }, false],
  [{ say: "prepare", spec: { ...spec, timeoutMs: "1" } }, false],
  ...without(spec).map(([, value]) => [{ say: "prepare", spec: value }, false] as const),
  [undefined, false],
])("%j is a daemon's message: %s", (message, is) => {
  expect(isToHost(message)).toBe(is);
});

test("any value can be asked about", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect([isRunStatus(value), isFromHost(value), isToHost(value)]).toEqual([false, false, false]);
    }),
  );
});
